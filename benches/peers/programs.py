"""The peers. Runs in their environment, one of them a process:

    programs.py PROGRAM CLOUD [K]      CLOUD is the path of a cloud without its extension

Prints a line `RESULT {"stage", "wall", "cpu", "n", "check", "rss"}` for every stage. Reading the input, imports and a
first small call, where a program compiles itself, are outside the stages. CPU seconds are those of all threads.
"""

import contextlib
import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np

PROGRAM, CLOUD = sys.argv[1], Path(sys.argv[2])
K = int(sys.argv[3]) if len(sys.argv) > 3 else 20
THREADS = os.cpu_count()
SOR_SIGMAS, ROR_RADIUS, ROR_NEIGHBORS, VOXEL = 2.0, 1.0, 5, 0.5


def cpu():
    children = os.times()
    return time.process_time() + children.children_user + children.children_system


def memory_mb():
    try:
        import resource
    except ImportError:
        return 0.0
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def report(name, wall, seconds, count, check):
    line = {"stage": name, "wall": wall, "cpu": seconds, "n": int(count), "check": str(check), "rss": memory_mb()}
    print("RESULT", json.dumps(line), flush=True)


class Stage:
    check = ""


@contextlib.contextmanager
def stage(name, count):
    """Times what is done inside; `check` may be set there, and is evaluated afterwards if it can be called."""
    result = Stage()
    before, start = cpu(), time.perf_counter()
    yield result
    wall, seconds = time.perf_counter() - start, cpu() - before
    report(name, wall, seconds, count, result.check() if callable(result.check) else result.check)


def points(kind=np.float64):
    return np.ascontiguousarray(np.load(CLOUD.with_suffix(".npy")), dtype=kind)


def farthest(distances_sq):
    """The check of a search: mean squared distance to the k-th, the point itself being the first."""
    return f"{np.asarray(distances_sq)[:, K - 1].astype(np.float64).mean():.5f}"


def upright(normals_z):
    """The check of features: mean |n_z|."""
    return f"{np.abs(normals_z).mean(dtype=np.float64):.4f}"


def rows(count, k):
    """The row pointers of k neighbours for each point."""
    return (np.arange(count + 1) * k).astype(np.uint32)


def pykdtree_knn():
    from pykdtree.kdtree import KDTree
    x = points(np.float32)
    with stage("build", len(x)):
        tree = KDTree(x, leafsize=16)
    with stage("query", len(x)) as s:
        found, _ = tree.query(x, k=K, sqr_dists=True)
        s.check = lambda: farthest(found)


def scipy_knn():
    from scipy.spatial import cKDTree
    x = points()
    with stage("build", len(x)):
        tree = cKDTree(x)
    with stage("query", len(x)) as s:
        found, _ = tree.query(x, K, workers=-1)
        s.check = lambda: farthest(found**2)


def small_gicp_knn():
    import small_gicp
    x = points()
    with stage("build", len(x)):
        tree = small_gicp.KdTree(x, num_threads=THREADS)
    with stage("query", len(x)) as s:
        _, found = tree.batch_knn_search(x, K, num_threads=THREADS)
        s.check = lambda: farthest(found)


def pgeof():
    import pgeof as p
    x = points(np.float32)
    p.knn_search(x[:1000], x[:1000], K)
    with stage("total", len(x)) as s:
        nn, _ = p.knn_search(x, x, K)
        f = p.compute_features(x, np.ascontiguousarray(nn.reshape(-1)), rows(len(x), K), k_min=3, verbose=False)
        s.check = lambda: upright(f[:, 6])


def pgeof_scales():
    import pgeof as p
    x = points(np.float32)
    with stage("total", len(x)) as s:
        nn, _ = p.knn_search(x, x, 50)
        f = p.compute_features_multiscale(x, np.ascontiguousarray(nn.reshape(-1)), rows(len(x), 50), [10, 20, 50])
        of_radius(p, x, 1.0, 160)
        s.check = lambda: upright(np.asarray(f).reshape(len(x), 3, -1)[:, 0, 6])


def of_radius(p, x, radius, most):
    ids = p.EFeatureID
    names = ("Linearity", "Planarity", "Scattering", "Verticality", "Normal_x", "Normal_y", "Normal_z", "Curvature", "Eigentropy")
    return p.compute_features_selected(x, radius, most, [getattr(ids, name) for name in names])


def pgeof_radius():
    import pgeof as p
    x = points(np.float32)
    with stage("total", len(x)) as s:
        f = of_radius(p, x, 0.8, 80)
        s.check = lambda: upright(np.asarray(f)[:, 6])


def jakteristics_radius():
    import jakteristics
    x = points()
    names = ["linearity", "planarity", "sphericity", "verticality", "nx", "ny", "nz", "surface_variation", "eigenentropy"]
    with stage("total", len(x)) as s:
        f = jakteristics.compute_features(x, 0.8, num_threads=THREADS, max_k_neighbors=80, feature_names=names)
        s.check = lambda: upright(np.nan_to_num(f[:, 6]))


def small_gicp_normals():
    import small_gicp
    cloud = small_gicp.PointCloud(points())
    with stage("total", cloud.size()) as s:
        tree = small_gicp.KdTree(cloud, num_threads=THREADS)
        small_gicp.estimate_normals_covariances(cloud, tree, num_neighbors=K, num_threads=THREADS)
        s.check = lambda: upright(np.asarray(cloud.normals())[:, 2])


def open3d_cloud():
    import open3d
    cloud = open3d.geometry.PointCloud()
    cloud.points = open3d.utility.Vector3dVector(points())
    return cloud, len(cloud.points)


def open3d_sor():
    cloud, count = open3d_cloud()
    with stage("total", count) as s:
        _, kept = cloud.remove_statistical_outlier(K, SOR_SIGMAS)
        s.check = lambda: count - len(kept)


def scipy_sor():
    from scipy.spatial import cKDTree
    x = points()
    with stage("total", len(x)) as s:
        found, _ = cKDTree(x).query(x, K + 1, workers=-1)
        mean = found[:, 1:].mean(1)
        removed = int((mean > mean.mean() + SOR_SIGMAS * mean.std()).sum())
        s.check = removed


def open3d_ror():
    cloud, count = open3d_cloud()
    with stage("total", count) as s:
        _, kept = cloud.remove_radius_outlier(ROR_NEIGHBORS, ROR_RADIUS)
        s.check = lambda: count - len(kept)


def small_gicp_voxel():
    import small_gicp
    x = points()
    with stage("total", len(x)) as s:
        out = small_gicp.voxelgrid_sampling(x, VOXEL, num_threads=THREADS)
        s.check = lambda: out.size()


def open3d_voxel():
    cloud, count = open3d_cloud()
    with stage("total", count) as s:
        out = cloud.voxel_down_sample(VOXEL)
        s.check = lambda: len(out.points)


def fpsample_kdline():
    """K is the number of samples; the height of the tree is the one its documentation recommends for the size."""
    import fpsample
    x = points(np.float32)
    height = 7 if len(x) <= 100_000 else 9
    with stage("total", K) as s:
        found = fpsample.bucket_fps_kdline_sampling(x, K, h=height, start_idx=0)
        s.check = lambda: len(found)


def scipy_height():
    import laspy
    from scipy.spatial import cKDTree
    las = laspy.read(str(CLOUD.with_suffix(".las")))
    x = np.asarray(las.xyz) - np.floor(las.header.mins)
    ground = np.asarray(las.classification) == 2
    with stage("total", len(x)) as s:
        _, nearest = cKDTree(x[ground, :2]).query(x[:, :2], 1, workers=-1)
        height = x[:, 2] - x[ground, 2][nearest]
        s.check = lambda: f"{height.mean():.4f}"


def pdal_height():
    """The pipeline with the filter less the pipeline without it."""
    program = os.environ.get("PDAL") or shutil.which("pdal")
    if not program:
        sys.exit("no pdal on the path, and the variable PDAL names none")
    import laspy
    source = str(CLOUD.with_suffix(".las"))
    with laspy.open(source) as f:
        count = f.header.point_count

    def pipeline(*filters):
        steps = {"pipeline": [source, *filters, {"type": "writers.null"}]}
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / "pipeline.json"
            path.write_text(json.dumps(steps))
            before, start = cpu(), time.perf_counter()
            subprocess.run([program, "pipeline", "--nostream", str(path)], check=True)
            return time.perf_counter() - start, cpu() - before

    alone, filtered = pipeline(), pipeline({"type": "filters.hag_nn", "count": 1})
    report("total", filtered[0] - alone[0], filtered[1] - alone[1], count, "")


def laspy_io():
    import laspy
    source = CLOUD.with_suffix(".laz")
    source.read_bytes()  # into the page cache
    parallel = laspy.LazBackend.LazrsParallel
    with laspy.open(str(source)) as f:
        count = f.header.point_count
    with stage("read", count) as s:
        las = laspy.read(str(source), laz_backend=parallel)
        s.check = lambda: len(las.points)
    with stage("xyz", count):
        np.asarray(las.xyz)
    memory = Path("/dev/shm")
    with tempfile.TemporaryDirectory(dir=memory if memory.is_dir() else None) as folder:
        out = Path(folder) / "out.laz"
        with stage("write", count) as s:
            las.write(str(out), laz_backend=parallel)
            s.check = lambda: f"{out.stat().st_size / 1e6:.1f}MB"


PROGRAMS = {
    "fpsample": fpsample_kdline,
    "jakteristics": jakteristics_radius,
    "laspy": laspy_io,
    "open3d_ror": open3d_ror,
    "open3d_sor": open3d_sor,
    "open3d_voxel": open3d_voxel,
    "pdal_height": pdal_height,
    "pgeof": pgeof,
    "pgeof_radius": pgeof_radius,
    "pgeof_scales": pgeof_scales,
    "pykdtree": pykdtree_knn,
    "scipy_height": scipy_height,
    "scipy_knn": scipy_knn,
    "scipy_sor": scipy_sor,
    "small_gicp": small_gicp_normals,
    "small_gicp_knn": small_gicp_knn,
    "small_gicp_voxel": small_gicp_voxel,
}

if __name__ == "__main__":
    PROGRAMS[PROGRAM]()
