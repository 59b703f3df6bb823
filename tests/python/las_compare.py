"""Compares LAS files that Groma wrote with their sources, field by field, as laspy reads them.

Takes the path of a JSON list of {"source", "output", "mode", "names"}:
mode "copy": nothing but the encoding may differ; mode "update": every third class is changed, and the two
dimensions named are confidence = i % 256 (u1) and entropy = i * 0.5 (f4). The output's point format may be an
upgrade of the source's: then class 12 has become class 1 with the overlap flag. Mode "points": like "copy", but the
output is a new file with a header of its own. Mode "record": like "copy", but a record 3 of "host" is added.
"""

import json
import sys

import laspy
import numpy as np


def values(las, name):
    return np.ascontiguousarray(las.points.array[name] if name in las.points.array.dtype.names else np.asarray(las[name]))


def same(a, b):
    """Equal bit for bit, so that NaN equals NaN."""
    return a.dtype == b.dtype and a.shape == b.shape and a.tobytes() == b.tobytes()


def check_points(job, a, b):
    problems = []
    n = len(a.points)
    if len(b.points) != n:
        return [f"{n} points became {len(b.points)}"]
    old, new = a.header.point_format.id, b.header.point_format.id
    upgraded = old < 6 <= new
    index = np.arange(n)
    classes = np.asarray(a.classification)
    overlap = np.asarray(a.overlap) if old >= 6 else None
    if upgraded:
        overlap = (classes == 12).astype(np.uint8)
        classes = np.where(classes == 12, 1, classes)
    if job["mode"] == "update":
        classes = np.where(index % 3 == 0, 6 if new < 6 else 67, classes)
    if not np.array_equal(np.asarray(b.classification), classes):
        problems.append("classification")
    if new >= 6 and not np.array_equal(np.asarray(b.overlap), overlap):
        problems.append("overlap")
    done = {"classification", "raw_classification", "overlap", "ExtraBytes"}
    if upgraded:
        # Whole degrees are steps of 0.006 degrees now.
        angle = np.round(np.asarray(a.scan_angle_rank).astype(np.float64) / 0.006).astype(np.int16)
        if not same(np.asarray(b.scan_angle), angle):
            problems.append("scan_angle")
        done |= {"scan_angle_rank"}
    added = job["names"] if job["mode"] == "update" else []
    for name in a.point_format.dimension_names:
        if name in done or name in added:
            continue
        x, y = np.asarray(a[name]), np.asarray(b[name])
        if upgraded and name in ("return_number", "number_of_returns"):
            x, y = x.astype(np.uint8), y.astype(np.uint8)
        if not same(x, y):
            problems.append(f"{name} ({x.dtype} -> {y.dtype})")
    for name in added:
        expected = (index % 256).astype(np.uint8) if name.startswith("confidence") else index.astype(np.float32) * np.float32(0.5)
        if not same(np.asarray(b[name]), expected):
            problems.append(f"{name} has other values")
    if not added and sorted(a.point_format.extra_dimension_names) != sorted(b.point_format.extra_dimension_names):
        problems.append("extra dimensions")
    for axis in "xyz":
        if not same(np.asarray(a[axis]), np.asarray(b[axis])):
            problems.append(axis)
    return problems


def check_header(a, b, added):
    problems = []
    of_host = [v for v in b.vlrs if (v.user_id, v.record_id, v.description) == ("host", 3, "a record of a host")]
    if len(of_host) != added:
        problems.append(f"{len(of_host)} records of the host")
    fields = ["file_source_id", "uuid", "system_identifier", "generating_software", "creation_date", "point_count"]
    for field in fields:
        if getattr(a, field) != getattr(b, field):
            problems.append(f"{field}: {getattr(a, field)!r} -> {getattr(b, field)!r}")
    for field in ["scales", "offsets", "mins", "maxs"]:
        if not same(getattr(a, field), getattr(b, field)):
            problems.append(field)
    counts_a, counts_b = [np.trim_zeros(np.asarray(h.number_of_points_by_return, dtype=np.uint64), "b") for h in (a, b)]
    if not np.array_equal(counts_a, counts_b):
        problems.append(f"points by return: {counts_a} -> {counts_b}")
    if a.global_encoding.gps_time_type != b.global_encoding.gps_time_type:
        problems.append("gps time type")
    mine = {"laszip encoded", "copc"}

    def records(h, kind):
        found = getattr(h, kind) or []
        if a.version.minor < 4 <= b.version.minor:
            # Before LAS 1.4, waveform packets behind the points were not counted.
            found = [v for v in found if not (v.user_id == "LASF_Spec" and v.record_id == 65535)]
        return [
            (v.user_id, v.record_id, v.description, v.record_data_bytes())
            for v in found
            if v.user_id not in mine and v not in of_host and not (v.user_id == "LASF_Spec" and v.record_id == 4)
        ]

    for kind in ["vlrs", "evlrs"]:
        if records(a, kind) != records(b, kind):
            problems.append(kind)
    return problems


def check_new_header(las):
    """A header that states what the points are."""
    header, problems = las.header, []
    for axis, low, high in zip("xyz", header.mins, header.maxs):
        values = np.asarray(las[axis])
        if not (np.isclose(values.min(), low, rtol=0, atol=1e-9) and np.isclose(values.max(), high, rtol=0, atol=1e-9)):
            problems.append(f"bounds of {axis}")
    counts = np.bincount(np.asarray(las.return_number), minlength=16)[1:]
    stated = np.asarray(header.number_of_points_by_return)
    if not np.array_equal(counts[: len(stated)], stated):
        problems.append(f"points by return: {counts} -> {stated}")
    if not any(v.record_id == 2112 for v in header.vlrs):
        problems.append("no WKT")
    return problems


def main():
    with open(sys.argv[1], encoding="utf-8") as f:
        jobs = json.load(f)
    bad = 0
    for job in jobs:
        try:
            a, b = laspy.read(job["source"]), laspy.read(job["output"])
            problems = check_points(job, a, b)
            if job["mode"] == "points":
                problems += check_new_header(b)
            else:
                problems += check_header(a.header, b.header, int(job["mode"] == "record"))
        except Exception as e:  # any failure of the reader is a finding about the file
            problems = [f"laspy: {type(e).__name__}: {e}"]
        if problems:
            bad += 1
            print(f"{job['source']} ({job['mode']}): {'; '.join(problems)}")
    if bad:
        sys.exit(1)
    print(f"{len(jobs)} files agree")


if __name__ == "__main__":
    main()
