"""What is compared: one row for each kind of work, with the goal and the floor that Groma has set itself.

A goal is a ratio of CPU seconds (user and system, all threads), peer / Groma, except where a row says otherwise.
"""

from dataclasses import dataclass, field


@dataclass
class Program:
    """Something that is run and prints RESULT lines. `stages` are those that count (all if empty); their times are added."""

    name: str
    kind: str  # groma, python, nanoflann or laz_rs
    arguments: tuple = ()
    stages: tuple = ()
    note: str = ""


@dataclass
class Row:
    id: str
    work: str
    cloud: str  # air, air5, air10, uneven, real or patch
    groma: Program
    peers: list
    goal: float | None
    floor: float | dict | None  # a dict is by instruction set
    # The peers that do the same work: the ratio is to the fastest of them. Empty: all.
    same: tuple = ()
    # peer/groma: higher is better; groma/peer and MB: lower is better.
    measure: str = "peer/groma"
    about: str = ""
    extra: dict = field(default_factory=dict)


def groma(*arguments, name="groma", **more):
    return Program(name, "groma", arguments, **more)


def python(name, program, *arguments, **more):
    return Program(name, "python", (program, *map(str, arguments)), **more)


def nanoflann(k):
    return Program("nanoflann", "nanoflann", (str(k),))


def searches(k):
    return [
        nanoflann(k),
        python("pykdtree", "pykdtree", k),
        python("small_gicp", "small_gicp_knn", k),
        python("scipy", "scipy_knn", k),
    ]


def shapes(k):
    normals = "normals and covariances only"
    return [python("pgeof", "pgeof", k), python("small_gicp", "small_gicp", k, note=normals)]


SHAPE = (
    "linearity planarity sphericity anisotropy surface_variation omnivariance eigenentropy normal_x normal_y normal_z verticality"
).split()
RADIUS = "linearity planarity sphericity verticality normal_x normal_y normal_z surface_variation eigenentropy".split()


def columns(names, *scales):
    return ",".join(f"{name}@{scale}" for scale in scales for name in names)


SIMD_FLOOR = {"avx512": 6, "avx2": 4, "portable": 1}

ROWS = [
    Row(
        "knn", "k nearest (k=20), sorted indices", "air", groma("knn", "--k", "20"), searches(20), 4, 2.5,
        about="Tree and query for all points; indices and squared distances, nearest first. nanoflann, pykdtree: f32.",
    ),
    Row(
        "features-k20", "k=20 and 11 features", "air", groma("features", "--k", "20"), shapes(20), 10, SIMD_FLOOR,
        same=("pgeof",), about="The k nearest of every point and 11 features of their shape; the search is part of it.",
    ),
    Row(
        "features-k30", "k=30 and 11 features", "air", groma("features", "--k", "30"), shapes(30), 10, SIMD_FLOOR,
        same=("pgeof",), about="As above.",
    ),
    Row(
        "features-real", "k=20 and 11 features, real tiles", "real", groma("features", "--k", "20"), shapes(20), 10, SIMD_FLOOR,
        same=("pgeof",), about="As above, on airborne tiles of 27 points/m².",
    ),
    Row(
        "multi", "k=10, 20, 50 and r=1 m, 44 columns", "air",
        groma("features", "--columns", columns(SHAPE, "k10", "k20", "k50", "r1.0")),
        [python("pgeof", "pgeof_scales")], None, None,
        about="11 features at each of four scales. pgeof: one search of k=50, its multi-scale features (11 a scale), and 9 "
        "features of at most 160 points within 1 m.",
    ),
    Row(
        "radius", "r=0.8 m, 9 features", "air", groma("features", "--columns", columns(RADIUS, "r0.8")),
        [python("pgeof", "pgeof_radius"), python("jakteristics", "jakteristics")], None, None,
        about="Features of all points within 0.8 m (about 20); the peers take at most 80.",
    ),
    Row(
        "uneven-knn", "k=20, uneven cloud, sorted indices", "uneven", groma("knn", "--k", "20"), searches(20), 2, 1,
        about="Nine terrestrial scanners in a street; the density falls with the square of the distance.",
    ),
    Row(
        "uneven-features", "k=20 and 11 features, uneven cloud", "uneven", groma("features", "--k", "20"), shapes(20), 2, 1,
        about="The same street.",
    ),
    Row(
        "sor", "statistical outliers, k=20, 2 σ", "air", groma("sor", "--k", "20"),
        [python("Open3D", "open3d_sor", 20), python("scipy", "scipy_sor", 20)], 6, 3, same=("Open3D",),
        about="The check is the number of points removed. Open3D counts the point itself among the k.",
    ),
    Row(
        "ror", "radius outliers, r=1 m, 5 neighbours", "air", groma("ror"), [python("Open3D", "open3d_ror")], 10, 3,
        about="The check is the number of points removed.",
    ),
    Row(
        "voxel", "voxel centroids, 0.5 m", "air5", groma("voxel"),
        [python("small_gicp", "small_gicp_voxel"), python("Open3D", "open3d_voxel")], 3.5, 2,
        about="The check is the number of voxels. small_gicp splits some voxels between threads, so that its count is not exact; "
        "the corner of Open3D's grid is another.",
    ),
    Row(
        "fps-small", "farthest points, 65,536 to 4,096", "patch", groma("fps", stages=("65536->4096",)),
        [python("fpsample kdline", "fpsample", 4096)], 1.5, 1, about="Both exact, from the same start; an item is a sample.",
    ),
    Row(
        "fps-large", "farthest points, 1 M to 32,768", "air", groma("fps", stages=("all->32768",)),
        [python("fpsample kdline", "fpsample", 32768)], 1.5, 1, about="Both exact, from the same start; an item is a sample.",
    ),
    Row(
        "height", "height above the nearest ground point", "air", groma("height"),
        [python("PDAL hag_nn", "pdal_height"), python("scipy", "scipy_height", note="one 2-D tree, 1 nearest")], 6, 3,
        about="Ground is class 2. The goal is to PDAL's `hag_nn`; where there is no PDAL, scipy's tree stands in for it.",
    ),
    Row(
        "laz-read", "LAZ to columns, all fields", "air5", groma("las-read"),
        [python("laspy+lazrs", "laspy", stages=("read", "xyz"))], 1.1, 0.95,
        about="laspy: records as they are, and x, y, z as f64.",
    ),
    Row(
        "laz-decode", "LAZ decoding beside its decoder", "air5", groma("las-read"),
        [Program("laz-rs", "laz_rs", stages=("read",), note="records as bytes")], 0.97, 0.95,
        about="The crate that Groma decodes with, alone. Groma also makes columns.",
    ),
    Row(
        "laz-xyz", "LAZ, coordinates and class only", "air5", groma("las-xyz"),
        [
            python("laspy+lazrs", "laspy", stages=("read", "xyz"), note="all fields"),
            Program("laz-rs", "laz_rs", stages=("read xyz+class",), note="records as bytes"),
        ],
        1.7, 1.5, same=("laspy+lazrs",), about="Layers that nobody asks for are not decoded.",
    ),
    Row(
        "laz-write", "LAZ writing, all fields", "air5", groma("las-write"),
        [
            python("laspy+lazrs", "laspy", stages=("write",)),
            Program("laz-rs", "laz_rs", stages=("write",), note="in memory, from bytes"),
        ],
        0.97, 0.95, about="To a file in memory.",
    ),
    Row(
        "tile-22", "LAZ to 22 features to MLP to LAZ", "air", groma("tile", "--model", "MODEL"),
        [groma("copy", name="groma copy", note="decoding and encoding alone")], 1.6, 2.5, measure="groma/peer",
        about="`groma classify` with a plain network (22-128-15 on one neighbourhood of k=20, height above ground and returns), "
        "beside decoding and encoding the same points; opening the model is not counted. The ratio says how many times as "
        "much: lower is better.",
    ),
    Row(
        "tile", "LAZ to LAZ with the default model", "air", groma("tile"),
        [groma("copy", name="groma copy", note="decoding and encoding alone")], None, None, measure="groma/peer",
        about="The same with the embedded model: 46 columns at k=10 and k=50, windows, and means of features of the neighbours, "
        "which are three searches of the size above or larger.",
    ),
    Row(
        "memory", "features `lod2` of 10 M points, LAZ to LAZ, most memory", "air10", groma("extract", "--set", "lod2"), [], 1000, 1000,
        measure="MB", about="`groma features tile.laz --set lod2 -o out.laz`: the whole process, input, search and output. Lower is "
        "better. Values that wait for the rows before them wait in a file beside the output.",
    ),
]
