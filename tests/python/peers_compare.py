"""Compares features of Groma with those of pgeof and jakteristics, value by value, after conversion of conventions.

Takes a folder that holds
  points.f64       x, y, z of each point from a local origin
  neighbors.u32    the 20 nearest of each point by Groma, nearest first (rows of the points)
  distances.f64    21 squared distances of each point, in m²; the last tells whether the twentieth is tied
  nearest.npy      the columns NAMES over the 20 nearest, by Groma
  sphere.npy       the columns NAMES over all points within RADIUS, and their count

What the others define differently (with λ1 ≥ λ2 ≥ λ3 of the covariance that divides by n, s their sum):
  pgeof            takes σ_i = √λ_i for λ_i, and adds 0.001 to denominators: linearity = (σ1 − σ2) / (σ1 + 0.001),
                   curvature = σ3 / (σ1 + σ2 + σ3 + 0.001), and so on; its length, surface and volume are σ1, √(σ1·σ2 + 1e-6)
                   and ∛(σ1·σ2·σ3 + 1e-9); its entropy is −Σ p_i ln(p_i + 0.001) of p_i = λ_i / (s + 0.001). Its verticality by
                   neighbours is another quantity; by radius it is 1 − |n_z|.
  jakteristics     divides the covariance by n − 1; omnivariance and entropy take λ_i as they are; normals are not oriented.
                   Its nx, ny, nz are found by another way than its third eigenvector and differ from it where three points
                   nearly lie on a line; the eigenvector is what is compared.

Why values may differ at all:
  f64 inputs       (jakteristics, pgeof by radius): rounding of the stored f32, 6e-8 relative: TIGHT.
  f32 inputs       (pgeof by neighbours): positions are rounded by up to 2e-6 m, their mean over 20 points by less than
                   1e-6 m, and an f32 solver loses what is below some 1e-7 of λ1. So |Δλ_i| ≤ SOLVER·λ1 + SHIFT·√λ1, and by |√a − √b| ≤ |a − b| / max(√a, √b) a bound on σ_i.
  normals          turn by |Δλ| / (λ2 − λ3): where that is no small angle there is no one normal, and none is compared.
  equal distances  leave a choice: which of two equally far points is the twentieth is no question of right and wrong.
                   Features are compared on the same neighbours; the search where there is no tie.
"""

import sys
from pathlib import Path

import numpy as np
import pgeof

try:
    import jakteristics
except ImportError as reason:
    jakteristics = None
    print(f"SKIPPED: the comparison with jakteristics: {reason}")

K, RADIUS = 20, 0.995
NAMES = (
    "eigenvalue_1 eigenvalue_2 eigenvalue_3 normal_x normal_y normal_z linearity planarity sphericity anisotropy "
    "surface_variation omnivariance eigenentropy sum_eigenvalues verticality"
).split()
TIGHT = 2e-7
SOLVER, SHIFT = 3e-7, 1e-6

problems, lines = [], []


def agree(what, ours, theirs, tolerance, where=None, least=0.9):
    """Notes the largest share of the tolerance that a difference takes; complains if it is above 1, or if fewer than
    `least` of the values are compared."""
    where = np.ones(len(ours), bool) if where is None else where
    difference = np.abs(ours - theirs)[where]
    share = (difference / np.broadcast_to(tolerance, ours.shape)[where]).max()
    lines.append(f"{what}: {where.sum()} values, largest difference {difference.max():.2e}, {100 * share:.0f} % of the tolerance")
    # Not `share > 1`: NaN shall not pass.
    if not share <= 1:
        problems.append(lines[-1])
    if where.sum() < least * len(where):
        problems.append(f"{what}: only {where.sum()} of {len(where)} values could be compared")


def angle(a, b):
    """Sine of the angle between lines."""
    return np.linalg.norm(np.cross(a, b), axis=1)


def by_neighbors(folder, x):
    count = len(x)
    neighbors = np.fromfile(folder / "neighbors.u32", "<u4").reshape(count, K)
    distances = np.fromfile(folder / "distances.f64", "<f8").reshape(count, K + 1)
    ours = dict(zip(NAMES, np.load(folder / "nearest.npy").astype(np.float64).T))
    single = x.astype(np.float32)

    found, found_sq = pgeof.knn_search(single, single, K)
    reach = np.sqrt(distances[:, :K])
    agree("pgeof search, squared distances", distances[:, :K].ravel(), found_sq.astype(np.float64).ravel(), (2 * reach * 8e-6 + 1e-10).ravel())
    # Lattice steps are 1 cm: distances that differ at all differ by more than the rounding of f32 coordinates.
    untied = distances[:, K] - distances[:, K - 1] > 1e-5
    same = (np.sort(found, 1) == np.sort(neighbors, 1)).all(1)
    lines.append(f"pgeof search, neighbours: {untied.sum()} points without a tie, {(untied & ~same).sum()} differ")
    if (untied & ~same).any() or untied.sum() < 0.5 * count:
        problems.append(lines[-1])

    rows = (np.arange(count + 1) * K).astype(np.uint32)
    theirs = pgeof.compute_features(single, neighbors.reshape(-1), rows, k_min=3, verbose=False).astype(np.float64)
    value = np.stack([ours[f"eigenvalue_{i}"] for i in (1, 2, 3)], 1)
    sigma = np.sqrt(value)
    # In m²; a tenth of a millimetre, squared, is below any noise.
    shift = SOLVER * value[:, 0] + SHIFT * sigma[:, 0] + 1e-12
    slack = shift[:, None] / np.maximum(sigma, np.sqrt(shift)[:, None]) + 1e-7
    below = sigma[:, 0] + 1e-3
    ratio = slack.sum(1) / below + 1e-6
    agree("pgeof k20 linearity", (sigma[:, 0] - sigma[:, 1]) / below, theirs[:, 0], ratio)
    agree("pgeof k20 planarity", (sigma[:, 1] - sigma[:, 2]) / below, theirs[:, 1], ratio)
    agree("pgeof k20 scattering", sigma[:, 2] / below, theirs[:, 2], ratio)
    agree("pgeof k20 length", sigma[:, 0], theirs[:, 7], slack[:, 0])
    agree("pgeof k20 curvature", sigma[:, 2] / (sigma.sum(1) + 1e-3), theirs[:, 10], ratio)
    surface = sigma[:, 0] * sigma[:, 1] + 1e-6
    agree("pgeof k20 surface", np.sqrt(surface), theirs[:, 8], slack[:, :2].sum(1) * sigma[:, 0] / np.sqrt(surface) + 1e-6)
    volume = sigma.prod(1) + 1e-9
    bound = (slack * np.stack([sigma[:, 1] * sigma[:, 2], sigma[:, 0] * sigma[:, 2], sigma[:, 0] * sigma[:, 1]], 1)).sum(1)
    # |∛a − ∛b| is at most |a − b| / ∛a², and at most ∛|a − b|.
    bound += sigma[:, 0] * slack[:, 1] * slack[:, 2]
    agree("pgeof k20 volume", np.cbrt(volume), theirs[:, 9], np.minimum(bound / np.cbrt(volume) ** 2, np.cbrt(bound)) + 1e-6)
    normal = np.stack([ours[f"normal_{a}"] for a in "xyz"], 1)
    turn = 2 * shift / np.maximum(value[:, 1] - value[:, 2], 1e-300) + 2e-6
    agree("pgeof k20 normals", angle(normal, theirs[:, 4:7]), 0.0, turn, turn < 0.2)
    # Both point upwards; on a wall, up is a matter of rounding.
    upright = (turn < 0.2) & (normal[:, 2] > 0.2)
    agree("pgeof k20 upward normals", np.abs(normal - theirs[:, 4:7]).max(1), 0.0, turn, upright, least=0.7)


class Sphere:
    """Columns over all points within RADIUS, and where they mean something."""

    def __init__(self, folder):
        table = np.load(folder / "sphere.npy").astype(np.float64).T
        self.ours, self.counts = dict(zip(NAMES, table)), table[len(NAMES)]
        # Two points have no shape; what stands in its place is everyone's own choice.
        self.shaped = self.counts >= 3
        self.value = np.stack([self.ours[f"eigenvalue_{i}"] for i in (1, 2, 3)], 1)
        # Where λ2 and λ3 are equal there is no one normal.
        self.gap = self.shaped & (self.value[:, 1] - self.value[:, 2] > 1e-6 * self.value[:, 0])


def jakteristics_by_radius(sphere, x):
    ours, counts, shaped, value, gap = sphere.ours, sphere.counts, sphere.shaped, sphere.value, sphere.gap
    names = "number_of_neighbors eigenvalue1 eigenvalue2 eigenvalue3 linearity planarity sphericity anisotropy "
    names += "surface_variation omnivariance eigenentropy eigenvalue_sum verticality "
    names = (names + "eigenvector3x eigenvector3y eigenvector3z").split()
    theirs = jakteristics.compute_features(x, RADIUS, num_threads=2, max_k_neighbors=100_000, feature_names=names)
    theirs = dict(zip(names, theirs.astype(np.float64).T))
    agree("jakteristics r0.995 number of neighbours", counts, theirs["number_of_neighbors"], 0.5)
    unbiased = value * (counts / np.maximum(counts - 1, 1))[:, None]
    for i in (0, 1, 2):
        agree(f"jakteristics r0.995 eigenvalue {i + 1}", unbiased[:, i], theirs[f"eigenvalue{i + 1}"], TIGHT, shaped)
    agree("jakteristics r0.995 sum", unbiased.sum(1), theirs["eigenvalue_sum"], 2 * TIGHT, shaped)
    agree("jakteristics r0.995 surface variation", ours["surface_variation"], theirs["surface_variation"], TIGHT, shaped)
    for name in ("linearity", "planarity", "sphericity", "anisotropy"):
        agree(f"jakteristics r0.995 {name}", ours[name], theirs[name], 2 * TIGHT, shaped)
    # Where λ3 is nothing but rounding, its cube root is not: compared where the product says something.
    product = unbiased.prod(1)
    solid = shaped & (value[:, 2] > 1e-9)
    agree("jakteristics r0.995 omnivariance", np.cbrt(product), theirs["omnivariance"], 1e-6, solid)
    # Ours is of e_i = λ_i / s: −Σ λ ln λ = s·(entropy − ln s).
    total = unbiased.sum(1)
    entropy = total * (ours["eigenentropy"] - np.log(np.where(shaped, total, 1)))
    agree("jakteristics r0.995 eigenentropy", entropy, theirs["eigenentropy"], 2e-6, shaped & (value[:, 2] > 0))
    normal = np.stack([ours[f"normal_{a}"] for a in "xyz"], 1)
    third = np.stack([theirs[f"eigenvector3{a}"] for a in "xyz"], 1)
    agree("jakteristics r0.995 normals", angle(normal, third), 0.0, 1e-6, gap)
    agree("jakteristics r0.995 verticality", ours["verticality"], theirs["verticality"], 2 * TIGHT, gap)


def pgeof_by_radius(sphere, x):
    ours, shaped, value, gap = sphere.ours, sphere.shaped, sphere.value, sphere.gap
    ids = pgeof.EFeatureID
    wanted = "Linearity Planarity Scattering Curvature Verticality Eigentropy Length".split()
    found = pgeof.compute_features_selected(x, RADIUS, 10_000, [getattr(ids, name) for name in wanted])
    theirs = dict(zip(wanted, np.asarray(found).T))
    sigma = np.sqrt(value)
    below = sigma[:, 0] + 1e-3
    # λ is stored as f32: its root is good to half as much.
    agree("pgeof r0.995 length", sigma[:, 0], theirs["Length"], TIGHT, shaped)
    agree("pgeof r0.995 linearity", (sigma[:, 0] - sigma[:, 1]) / below, theirs["Linearity"], 2 * TIGHT, shaped)
    agree("pgeof r0.995 planarity", (sigma[:, 1] - sigma[:, 2]) / below, theirs["Planarity"], 2 * TIGHT, shaped)
    agree("pgeof r0.995 scattering", sigma[:, 2] / below, theirs["Scattering"], 2 * TIGHT, shaped)
    agree("pgeof r0.995 curvature", sigma[:, 2] / (sigma.sum(1) + 1e-3), theirs["Curvature"], 2 * TIGHT, shaped)
    agree("pgeof r0.995 verticality", ours["verticality"], theirs["Verticality"], 2 * TIGHT, gap)
    share = value / (value.sum(1) + 1e-3)[:, None]
    agree("pgeof r0.995 entropy", -(share * np.log(share + 1e-3)).sum(1), theirs["Eigentropy"], 2 * TIGHT, shaped)


def main():
    folder = Path(sys.argv[1])
    x = np.fromfile(folder / "points.f64", "<f8").reshape(-1, 3)
    by_neighbors(folder, x)
    sphere = Sphere(folder)
    if jakteristics:
        jakteristics_by_radius(sphere, x)
    pgeof_by_radius(sphere, x)
    print("\n".join(lines))
    if problems:
        sys.exit("disagreement:\n" + "\n".join(problems))
    print(f"{len(lines)} comparisons agree")


if __name__ == "__main__":
    main()
