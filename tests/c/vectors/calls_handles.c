/*
 * Calls of the C vector runner that ask a handle or destroy one: a line each.
 */
#include "calls.h"

/* What is asked, by the kind of its answer. */
#define NUMBER(f, type, p) CALL(f) { expect_number(s, (double)f(HANDLE(s, type, p))); }
#define NUMBER_AT(f, type, p) CALL(f) { expect_number(s, (double)f(HANDLE(s, type, p), INDEX)); }
#define TEXT(f, type, p) CALL(f) { expect_text(s, f(HANDLE(s, type, p))); }
#define TEXT_AT(f, type, p) CALL(f) { expect_text(s, f(HANDLE(s, type, p), INDEX)); }
#define TEXT_OF(f, type, p) CALL(f) { expect_text(s, f(HANDLE(s, type, p), text(s, "key"))); }
#define ARRAY(f, type, p, count) \
    CALL(f) { \
        const type *of = HANDLE(s, type, p); \
        expect_array(s, f(of), (uint64_t)(count) * sizeof *f(of)); \
    }
#define DESTROY(type, p) \
    CALL(type##_destroy) { \
        type##_t *of = HANDLE(s, type##_t, p); \
        take(s, p); \
        type##_destroy(of); \
    }
#define INDEX ((uint64_t)number(s, "index", 0))

CALL(groma_abi_version) { expect_number(s, groma_abi_version()); }
CALL(groma_version) { expect_text(s, groma_version()); }
CALL(groma_status_name) { expect_text(s, groma_status_name((groma_status_t)number(s, "status", 0))); }

NUMBER(groma_error_code, groma_error_t, "error")
TEXT(groma_error_message, groma_error_t, "error")
TEXT(groma_error_subject, groma_error_t, "error")
DESTROY(groma_error, "error")

TEXT(groma_string_data, groma_string_t, "string")
NUMBER(groma_string_length, groma_string_t, "string")
DESTROY(groma_string, "string")

CALL(groma_runtime_is_loaded) { expect_number(s, groma_runtime_is_loaded()); }

NUMBER(groma_devices_count, groma_devices_t, "devices")
TEXT_AT(groma_devices_name, groma_devices_t, "devices")
TEXT_AT(groma_devices_description, groma_devices_t, "devices")
NUMBER_AT(groma_devices_memory_total_bytes, groma_devices_t, "devices")
NUMBER_AT(groma_devices_memory_free_bytes, groma_devices_t, "devices")
CALL(groma_devices_fits) {
    expect_number(s, groma_devices_fits(HANDLE(s, groma_devices_t, "devices"), INDEX, (uint64_t)number(s, "bytes", 0)));
}
TEXT(groma_devices_least_loaded, groma_devices_t, "devices")
TEXT(groma_devices_json, groma_devices_t, "devices")
DESTROY(groma_devices, "devices")

CALL(groma_cancel_trigger) { groma_cancel_trigger(HANDLE(s, groma_cancel_t, "cancel")); }
NUMBER(groma_cancel_is_triggered, groma_cancel_t, "cancel")
DESTROY(groma_cancel, "cancel")

TEXT(groma_model_name, groma_model_t, "model")
NUMBER(groma_model_class_count, groma_model_t, "model")
TEXT_AT(groma_model_class_name, groma_model_t, "model")
TEXT(groma_model_manifest_json, groma_model_t, "model")
TEXT(groma_model_describe_json, groma_model_t, "model")
TEXT_OF(groma_model_metadata, groma_model_t, "model")
DESTROY(groma_model, "model")

NUMBER(groma_value_kind, groma_value_t, "value")
NUMBER(groma_value_element_type, groma_value_t, "value")
NUMBER(groma_value_ndim, groma_value_t, "value")
NUMBER(groma_value_size_bytes, groma_value_t, "value")
NUMBER(groma_value_count, groma_value_t, "value")
DESTROY(groma_value, "value")

CALL(groma_value_data) {
    const groma_value_t *value = HANDLE(s, groma_value_t, "value");
    expect_array(s, groma_value_data(value), groma_value_size_bytes(value));
}

CALL(groma_value_shape) {
    const groma_value_t *value = HANDLE(s, groma_value_t, "value");
    const int64_t *shape = groma_value_shape(value);
    const cJSON *item, *expected = argument(s, "expect");
    uint64_t i = 0;
    if (!expected) return;
    if (!cJSON_IsArray(expected)) {
        expect_array(s, shape, groma_value_ndim(value) * sizeof *shape);
        return;
    }
    if (groma_value_ndim(value) != (uint64_t)cJSON_GetArraySize(expected)) fail(s, "the shape has another number of dimensions");
    cJSON_ArrayForEach(item, expected) compare_number(s, "a dimension", item, (double)shape[i++]);
}

CALL(groma_value_string) {
    uint64_t length = 0;
    const char *found = groma_value_string(HANDLE(s, groma_value_t, "value"), INDEX, &length);
    expect_bytes(s, found, length);
}

TEXT(groma_network_name, groma_network_t, "network")
NUMBER(groma_network_input_count, groma_network_t, "network")
TEXT_AT(groma_network_input_name, groma_network_t, "network")
NUMBER(groma_network_output_count, groma_network_t, "network")
TEXT_AT(groma_network_output_name, groma_network_t, "network")
TEXT_OF(groma_network_metadata, groma_network_t, "network")
TEXT(groma_network_describe_json, groma_network_t, "network")
DESTROY(groma_network, "network")

NUMBER(groma_result_count, groma_result_t, "result")
NUMBER(groma_result_class_count, groma_result_t, "result")
ARRAY(groma_result_classes, groma_result_t, "result", groma_result_count(of))
ARRAY(groma_result_asprs, groma_result_t, "result", groma_result_count(of))
ARRAY(groma_result_confidence, groma_result_t, "result", groma_result_count(of))
ARRAY(groma_result_entropy, groma_result_t, "result", groma_result_count(of))
ARRAY(groma_result_probabilities, groma_result_t, "result", groma_result_count(of) * groma_result_class_count(of))
DESTROY(groma_result, "result")

NUMBER(groma_summary_points, groma_summary_t, "summary")
CALL(groma_summary_class_points) {
    expect_number(s, (double)groma_summary_class_points(HANDLE(s, groma_summary_t, "summary"), (uint8_t)number(s, "asprs", 0)));
}
NUMBER(groma_summary_mean_confidence, groma_summary_t, "summary")
NUMBER(groma_summary_total_s, groma_summary_t, "summary")
TEXT(groma_summary_json, groma_summary_t, "summary")
DESTROY(groma_summary, "summary")

NUMBER(groma_features_rows, groma_features_t, "features")
NUMBER(groma_features_columns, groma_features_t, "features")
TEXT_AT(groma_features_column_name, groma_features_t, "features")
ARRAY(groma_features_values, groma_features_t, "features", groma_features_rows(of) * groma_features_columns(of))
TEXT(groma_features_schema_hash, groma_features_t, "features")
TEXT(groma_features_schema_json, groma_features_t, "features")
DESTROY(groma_features, "features")

NUMBER(groma_ground_count, groma_ground_t, "ground")
NUMBER(groma_ground_found, groma_ground_t, "ground")
NUMBER(groma_ground_outside_hull, groma_ground_t, "ground")
ARRAY(groma_ground_classes, groma_ground_t, "ground", groma_ground_count(of))
ARRAY(groma_ground_heights, groma_ground_t, "ground", groma_ground_count(of))
DESTROY(groma_ground, "ground")

NUMBER(groma_filtered_count, groma_filtered_t, "filtered")
ARRAY(groma_filtered_rows, groma_filtered_t, "filtered", groma_filtered_count(of))
ARRAY(groma_filtered_positions, groma_filtered_t, "filtered", 3 * groma_filtered_count(of))
NUMBER(groma_filtered_threshold_m, groma_filtered_t, "filtered")
DESTROY(groma_filtered, "filtered")

/* The mask is as long as the points that were filtered, which the handle does not say; the tensor that is expected does. */
CALL(groma_filtered_mask) {
    const cJSON *expected = argument(s, "expect");
    const cJSON *tensor = cJSON_IsObject(expected) ? cJSON_GetObjectItemCaseSensitive(expected, "tensor") : NULL;
    expect_array(s, groma_filtered_mask(HANDLE(s, groma_filtered_t, "filtered")), tensor ? tensor_of(s, tensor)->size_bytes : 0);
}

NUMBER(groma_filter_summary_points, groma_filter_summary_t, "summary")
NUMBER(groma_filter_summary_written, groma_filter_summary_t, "summary")
NUMBER(groma_filter_summary_marked, groma_filter_summary_t, "summary")
TEXT(groma_filter_summary_json, groma_filter_summary_t, "summary")
DESTROY(groma_filter_summary, "summary")

NUMBER(groma_cloud_count, groma_cloud_t, "cloud")
NUMBER(groma_cloud_column_count, groma_cloud_t, "cloud")
TEXT_AT(groma_cloud_column_name, groma_cloud_t, "cloud")
NUMBER(groma_cloud_linear_unit_m, groma_cloud_t, "cloud")
TEXT(groma_cloud_crs_wkt, groma_cloud_t, "cloud")
DESTROY(groma_cloud, "cloud")

NUMBER(groma_neighbors_count, groma_neighbors_t, "neighbors")
NUMBER(groma_neighbors_total, groma_neighbors_t, "neighbors")
ARRAY(groma_neighbors_offsets, groma_neighbors_t, "neighbors", groma_neighbors_count(of) + 1)
ARRAY(groma_neighbors_indices, groma_neighbors_t, "neighbors", groma_neighbors_total(of))
ARRAY(groma_neighbors_distances, groma_neighbors_t, "neighbors", groma_neighbors_total(of))
DESTROY(groma_neighbors, "neighbors")

CALL(groma_checkpoint_count) {
    expect_number(s, (double)groma_checkpoint_count(HANDLE(s, groma_checkpoint_t, "checkpoint"), (int32_t)number(s, "section", 0)));
}
CALL(groma_checkpoint_name) {
    expect_text(s, groma_checkpoint_name(HANDLE(s, groma_checkpoint_t, "checkpoint"), (int32_t)number(s, "section", 0), INDEX));
}
NUMBER(groma_run_tile_count, groma_run_t, "run")
DESTROY(groma_run, "run")

TEXT(groma_checkpoint_metadata_json, groma_checkpoint_t, "checkpoint")
DESTROY(groma_checkpoint, "checkpoint")

/* Structs: their init functions take the fields that the step names. */
#define INIT(stem) CALL(groma_##stem##_init) { init_struct(s, "groma_" #stem "_t"); }
INIT(classify_options)
INIT(features_options)
INIT(features_file_options)
INIT(ground_options)
INIT(filter_options)
INIT(las_options)
INIT(neighbors_options)
INIT(network_options)
INIT(network_run_options)
INIT(run_options)
INIT(model_options)
INIT(points)

/* A tensor that left the library by DLPack and came back to nobody. */
static void destroy_dlpack(void *managed_tensor) {
    struct managed {
        groma_tensor_t tensor;
        void *context;
        void (*deleter)(struct managed *self);
    } *managed = (struct managed *)managed_tensor;
    if (managed && managed->deleter) managed->deleter(managed);
}

void destroy_thing(struct thing *thing) {
    if (!thing->pointer) return;
#define FREE(stem) \
    if (strcmp(thing->type, #stem "_t") == 0) stem##_destroy((stem##_t *)thing->pointer);
    FREE(groma_error)
    FREE(groma_string)
    FREE(groma_devices)
    FREE(groma_cancel)
    FREE(groma_model)
    FREE(groma_value)
    FREE(groma_network)
    FREE(groma_result)
    FREE(groma_summary)
    FREE(groma_features)
    FREE(groma_ground)
    FREE(groma_filtered)
    FREE(groma_filter_summary)
    FREE(groma_cloud)
    FREE(groma_neighbors)
    FREE(groma_checkpoint)
    FREE(groma_run)
    if (strcmp(thing->type, "DLManagedTensor") == 0) destroy_dlpack(thing->pointer);
    thing->pointer = NULL;
}
