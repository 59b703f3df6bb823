"""What stands in the package for each function of ``groma.h`` but those of values and networks, for `run_vectors.py`."""

from __future__ import annotations

import json
import logging
from typing import Any

import numpy as np
from run_vectors import Several, constant, load_runtime
from vector_options import TAKERS, Arguments, as_text, keywords, options_init, points_init
from vector_registry import CALLS, bytes_of, call, constant_of, element, simple

import groma
from groma._library import lib

CALLS["groma_points_init"] = points_init
for name in TAKERS:
    CALLS[name[: -len("t")] + "init"] = options_init(name)


# Versions, status, errors, strings.

simple(
    {
        "groma_abi_version": lambda a: lib.groma_abi_version(),
        "groma_version": lambda a: groma.__version__,
        "groma_status_name": lambda a: status_name(a["status"]),
        "groma_error_code": lambda a: a["error"].status,
        "groma_error_message": lambda a: str(a["error"]),
        "groma_error_subject": lambda a: a["error"].subject,
        "groma_error_destroy": lambda a: None,
        "groma_string_data": lambda a: json.dumps(a["string"]),
        "groma_string_length": lambda a: len(json.dumps(a["string"])),
        "groma_string_destroy": lambda a: None,
        "groma_runtime_load": lambda a: groma.runtime.load(a.get("path")),
        "groma_runtime_is_loaded": lambda a: int(groma.runtime.is_loaded()),
        "groma_runtime_describe": lambda a: groma.runtime.describe(),
        "groma_runtime_use": lambda a: groma.runtime.use(load_runtime(a["ort_api_base"])),
        "groma_doctor_json": lambda a: groma.doctor(),
        "groma_cancel_create": lambda a: groma.Cancel(),
        "groma_cancel_trigger": lambda a: a["cancel"].trigger(),
        "groma_cancel_is_triggered": lambda a: int(a["cancel"].triggered),
        "groma_schema_describe": lambda a: groma.describe_schema(as_text(a["schema"]) or ""),
    }
)


def status_name(number: Any) -> str:
    try:
        return groma.Status(constant(number) if isinstance(number, str) else number).name
    except ValueError:
        return "UNKNOWN"


@call("groma_log_set")
def log_set(case: Any, a: Arguments) -> Any:
    if a.get("callback") is None:
        groma.log.disable()
        return
    level = a.get("level", 1)
    number = constant(level) if isinstance(level, str) else level
    logger = logging.getLogger(f"groma-vectors-{id(case)}")
    logger.propagate = False
    logger.setLevel(1)

    class Record(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            case.logs.append(record.getMessage())

    logger.addHandler(Record())
    levels = {1: logging.ERROR, 2: logging.WARNING, 3: logging.INFO, 4: logging.DEBUG}
    groma.log.enable(levels.get(number, 1000 + number), logger)


# Devices.

simple(
    {
        "groma_devices_list": lambda a: groma.devices(),
        "groma_devices_count": lambda a: len(a["devices"]),
        "groma_devices_name": lambda a: getattr(element(a["devices"], a["index"]), "name", None),
        "groma_devices_description": lambda a: getattr(element(a["devices"], a["index"]), "description", None),
        "groma_devices_memory_total_bytes": lambda a: getattr(
            element(a["devices"], a["index"]), "memory_total_bytes", 0
        ),
        "groma_devices_memory_free_bytes": lambda a: getattr(element(a["devices"], a["index"]), "memory_free_bytes", 0),
        "groma_devices_fits": lambda a: int(
            a["index"] < len(a["devices"]) and a["devices"][a["index"]].fits(a["bytes"])
        ),
        "groma_devices_least_loaded": lambda a: groma.least_loaded(),
        "groma_devices_json": lambda a: [device.details for device in a["devices"]],
        "groma_devices_destroy": lambda a: None,
    }
)


# Models, results, summaries.


@call("groma_model_open", "groma_model_open_with")
def model_open(case: Any, a: Arguments) -> Any:
    return groma.Model.open(a["path"], **keywords(case, a, groma.Model.open))


@call("groma_model_open_default", "groma_model_open_default_with")
def model_open_default(case: Any, a: Arguments) -> Any:
    return groma.Model.default(**keywords(case, a, groma.Model.default))


@call("groma_model_open_memory", "groma_model_open_memory_with")
def model_open_memory(case: Any, a: Arguments) -> Any:
    others = keywords(case, a, groma.Model.open_memory)
    if a.get("manifest_json") is not None:
        others["manifest"] = a["manifest_json"]
    return groma.Model.open_memory(bytes_of(a.get("data")), name=a["name"], **others)


@call("groma_classify_points")
def classify_points(case: Any, a: Arguments) -> Any:
    return a["model"].classify(a["points"], **keywords(case, a, groma.Model.classify))


@call("groma_classify_file")
def classify_file(case: Any, a: Arguments) -> Any:
    return a["model"].classify_file(a["input"], a["output"], **keywords(case, a, groma.Model.classify_file))


@call("groma_embed_points")
def embed_points(case: Any, a: Arguments) -> Any:
    embedded = a["model"].embed(a["points"], a["tensor"], **keywords(case, a, groma.Model.embed))
    return groma.Value.of(embedded)


OUTPUTS = ("classes", "asprs", "confidence", "entropy", "probabilities")


def result_value(a: Arguments) -> Any:
    number = constant(a["output"]) if isinstance(a["output"], str) else a["output"]
    return a["result"].value(OUTPUTS[number] if 0 <= number < len(OUTPUTS) else str(number))


@call("groma_result_confident")
def result_confident(case: Any, a: Arguments) -> Any:
    mask, rows = a["result"].confident(a["min_confidence"])
    return Several(mask=groma.Value.of(mask.view(np.uint8)), rows=groma.Value.of(rows))


def probabilities_or_none(a: Arguments) -> Any:
    try:
        return a["result"].probabilities
    except groma.ArgumentError:
        return None


simple(
    {
        "groma_model_open_ensemble": lambda a: groma.Model.ensemble(
            a["models"], a.get("weights"), {0: "mean", 1: "vote", 2: "scale"}.get(constant_of(a["combine"]), "?")
        ),
        "groma_model_name": lambda a: a["model"].name,
        "groma_model_class_count": lambda a: len(a["model"].classes),
        "groma_model_class_name": lambda a: element(a["model"].classes, a["index"]),
        "groma_model_manifest_json": lambda a: a["model"].manifest,
        "groma_model_describe_json": lambda a: a["model"].describe(),
        "groma_model_batches_json": lambda a: a["model"].batches(),
        "groma_model_metadata": lambda a: a["model"].metadata(a["key"]),
        "groma_result_count": lambda a: len(a["result"]),
        "groma_result_class_count": lambda a: a["result"].class_count,
        "groma_result_classes": lambda a: a["result"].classes,
        "groma_result_asprs": lambda a: a["result"].asprs,
        "groma_result_confidence": lambda a: a["result"].confidence,
        "groma_result_entropy": lambda a: a["result"].entropy,
        "groma_result_probabilities": probabilities_or_none,
        "groma_result_tensor": lambda a: result_value(a).numpy(),
        "groma_result_value": result_value,
        "groma_summary_points": lambda a: a["summary"].points,
        "groma_summary_class_points": lambda a: a["summary"].class_points(a["asprs"]),
        "groma_summary_mean_confidence": lambda a: a["summary"].mean_confidence,
        "groma_summary_total_s": lambda a: a["summary"].total_s,
        "groma_summary_json": lambda a: a["summary"].details,
    }
)


# Features, neighbours, ground, filters.


@call("groma_features_compute")
def features_compute(case: Any, a: Arguments) -> Any:
    return groma.features(a["points"], as_text(a["schema"]) or "", **keywords(case, a, groma.features))


@call("groma_features_file")
def features_file(case: Any, a: Arguments) -> Any:
    others = keywords(case, a, groma.features_file)
    return groma.features_file(as_text(a["schema"]) or "", a["input"], a["output"], **others)


@call("groma_run_open")
def run_open(case: Any, a: Arguments) -> Any:
    # Two structs of options, of which Python makes one list of arguments.
    classify = keywords(case, {**a, "options": a.get("classify")}, groma.Run.open)
    others = keywords(case, a, groma.Run.open)
    return groma.Run.open(a["model"], as_text(a["inputs"]) or "", a["output"], **classify, **others)


@call("groma_run_index")
def run_index(case: Any, a: Arguments) -> Any:
    return a["run"].index(a["tile"], **keywords(case, a, groma.Run.index))


@call("groma_run_tile")
def run_tile(case: Any, a: Arguments) -> Any:
    return a["run"].make(a["tile"], **keywords(case, a, groma.Run.make))


@call("groma_run_execute")
def run_execute(case: Any, a: Arguments) -> Any:
    return a["run"].execute(**keywords(case, a, groma.Run.execute))


simple(
    {
        "groma_run_finish": lambda a: a["run"].finish(),
        "groma_run_tile_count": lambda a: len(a["run"]),
        "groma_run_describe": lambda a: a["run"].describe(),
    }
)


@call("groma_neighbors_nearest")
def neighbors_nearest(case: Any, a: Arguments) -> Any:
    return groma.neighbors.nearest(a["points"], a["k"], **keywords(case, a, groma.neighbors.nearest))


@call("groma_neighbors_within")
def neighbors_within(case: Any, a: Arguments) -> Any:
    return groma.neighbors.within(a["points"], a["radius_m"], **keywords(case, a, groma.neighbors.within))


NEIGHBORS = ("offsets", "indices", "distances")


def neighbors_value(a: Arguments) -> Any:
    number = constant_of(a["output"])
    if not 0 <= number < len(NEIGHBORS):
        raise groma.ArgumentError(f"output is {number}; there are {NEIGHBORS}")
    return groma.Value.of(getattr(a["neighbors"], NEIGHBORS[number]))


@call("groma_ground_points")
def ground_points(case: Any, a: Arguments) -> Any:
    return groma.ground_points(a["points"], **keywords(case, a, groma.ground_points))


@call("groma_ground_file")
def ground_file(case: Any, a: Arguments) -> Any:
    return groma.ground_file(a["input"], a["output"], **keywords(case, a, groma.ground_file))


FILTERS = {1: "statistical", 2: "radius", 3: "voxel", 4: "farthest", 5: "random"}


@call("groma_filter_points")
def filter_points(case: Any, a: Arguments) -> Any:
    kind = FILTERS.get(constant_of(a["filter"]), str(a["filter"]))
    return groma.filter_points(a["points"], kind, **keywords(case, a, groma.filter_points))


@call("groma_filter_file")
def filter_file(case: Any, a: Arguments) -> Any:
    kind = FILTERS.get(constant_of(a["filter"]), str(a["filter"]))
    return groma.filter_file(a["input"], a["output"], kind, **keywords(case, a, groma.filter_file))


simple(
    {
        "groma_features_rows": lambda a: len(a["features"]),
        "groma_features_columns": lambda a: len(a["features"].columns),
        "groma_features_column_name": lambda a: element(a["features"].columns, a["index"]),
        "groma_features_values": lambda a: a["features"].array,
        "groma_features_tensor": lambda a: np.asarray(a["features"]),
        "groma_features_value": lambda a: a["features"].value(),
        "groma_features_schema_hash": lambda a: a["features"].schema_hash,
        "groma_features_schema_json": lambda a: a["features"].schema,
        "groma_neighbors_count": lambda a: len(a["neighbors"]),
        "groma_neighbors_total": lambda a: a["neighbors"].total,
        "groma_neighbors_offsets": lambda a: a["neighbors"].offsets,
        "groma_neighbors_indices": lambda a: a["neighbors"].indices,
        "groma_neighbors_distances": lambda a: a["neighbors"].distances,
        "groma_neighbors_value": neighbors_value,
        "groma_ground_count": lambda a: len(a["ground"]),
        "groma_ground_found": lambda a: a["ground"].found,
        "groma_ground_outside_hull": lambda a: a["ground"].outside_hull,
        "groma_ground_classes": lambda a: a["ground"].classes,
        "groma_ground_heights": lambda a: a["ground"].heights,
        "groma_filtered_count": lambda a: len(a["filtered"]),
        "groma_filtered_rows": lambda a: a["filtered"].rows,
        "groma_filtered_mask": lambda a: a["filtered"].mask,
        "groma_filtered_positions": lambda a: a["filtered"].positions,
        "groma_filtered_threshold_m": lambda a: a["filtered"].threshold_m,
        "groma_filter_summary_points": lambda a: a["summary"].points,
        "groma_filter_summary_written": lambda a: a["summary"].written,
        "groma_filter_summary_marked": lambda a: a["summary"].marked,
        "groma_filter_summary_json": lambda a: a["summary"].details,
    }
)


# Files.


@call("groma_las_read")
def las_read(case: Any, a: Arguments) -> Any:
    columns = a.get("columns")
    names = None if columns is None else [name.strip() for name in columns.split(",") if name.strip()]
    return groma.read_las(a["path"], names, **keywords(case, a, groma.read_las))


@call("groma_las_write")
def las_write(case: Any, a: Arguments) -> Any:
    groma.write_las(a["points"], a["path"], **keywords(case, a, groma.write_las))


@call("groma_cloud_points")
def cloud_points(case: Any, a: Arguments) -> Any:
    return Several(points=groma.Points.of(a["cloud"]))


simple(
    {
        "groma_las_describe": lambda a: groma.describe_las(a["path"]),
        "groma_cloud_count": lambda a: a["cloud"].point_count,
        "groma_cloud_column_count": lambda a: len(a["cloud"].columns),
        "groma_cloud_column_name": lambda a: element(a["cloud"].columns, a["index"]),
        "groma_cloud_crs_wkt": lambda a: a["cloud"].crs_wkt,
        "groma_cloud_linear_unit_m": lambda a: a["cloud"].linear_unit_m,
        "groma_cloud_value": lambda a: a["cloud"].value(a["column"]),
    }
)


# Checkpoints.

SECTIONS = {1: "weights", 2: "optimizer", 3: "scheduler"}


def section(a: Arguments) -> Any:
    number = constant_of(a["section"])
    if number not in SECTIONS:
        raise groma.ArgumentError(f"section is {number}; there are {list(SECTIONS.values())}")
    return getattr(a["checkpoint"], SECTIONS[number])


def checkpoint_create(a: Arguments) -> Any:
    given = a.get("metadata_json") or {}
    return groma.Checkpoint(**(json.loads(given) if isinstance(given, str) else given))


simple(
    {
        "groma_checkpoint_create": checkpoint_create,
        "groma_checkpoint_open": lambda a: groma.Checkpoint.load(a["path"]),
        "groma_checkpoint_add": lambda a: section(a).__setitem__(a["name"], a["value"]),
        "groma_checkpoint_save": lambda a: a["checkpoint"].save(a["path"], overwrite=bool(a.get("overwrite", 0))),
        "groma_checkpoint_count": lambda a: len(section(a)),
        "groma_checkpoint_name": lambda a: element(list(section(a)), a["index"]),
        "groma_checkpoint_value": lambda a: section(a).value(a["name"]),
        "groma_checkpoint_metadata_json": lambda a: a["checkpoint"].metadata,
    }
)


def close(a: Arguments) -> None:
    for handle in a.values():
        if hasattr(handle, "close"):
            handle.close()


OWNED = "cancel model result summary features ground filtered filter_summary value network cloud neighbors checkpoint run"
for name in OWNED.split():
    CALLS[f"groma_{name}_destroy"] = lambda case, a: close(a)
