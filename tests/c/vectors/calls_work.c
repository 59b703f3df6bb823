/*
 * Calls of the C vector runner that can fail: arguments are read, the call is made, its outputs get their names.
 */
#include "calls.h"

#include <dlfcn.h>
#include <stdio.h>

/* Makes a call that gives one handle, the out argument `p` of type `type`. */
#define GIVES(type, p, call) \
    type *made = NULL; \
    groma_error_t *error = NULL; \
    groma_status_t done = (call); \
    if (made || done == GROMA_STATUS_OK) give(s, p, #type, made); \
    status(s, done, error)

/* Makes a call that gives no handle; true if it succeeded. */
#define DOES(call) \
    groma_error_t *error = NULL; \
    groma_status_t done = (call); \
    int succeeded = status(s, done, error)

#define POINTS HANDLE(s, groma_points_t, "points")
#define VALUE HANDLE(s, groma_value_t, "value")
#define CHECKPOINT HANDLE(s, groma_checkpoint_t, "checkpoint")
#define OPTIONS(stem) HANDLE(s, groma_##stem##_options_t, "options")
#define INTEGER(p) ((int32_t)number(s, p, 0))

#define MODEL HANDLE(s, groma_model_t, "model")

/* Bytes that a step names: those of a tensor, or of a file (@file:PATH). */
static const void *bytes(struct step *s, const char *name, uint64_t *size) {
    const cJSON *json = argument(s, name);
    const char *path;
    char *content;
    FILE *file;
    long end;
    *size = 0;
    if (!is_given(json)) return NULL;
    path = text_of(s, json);
    if (strncmp(path, "@file:", 6) != 0) {
        const struct tensor *tensor = tensor_of(s, json);
        *size = tensor->size_bytes;
        return tensor->data;
    }
    path += 6;
    file = fopen(path, "rb");
    if (!file) fail(s, "%s cannot be read", path);
    fseek(file, 0, SEEK_END);
    end = ftell(file);
    rewind(file);
    content = (char *)keep(s, (size_t)end);
    *size = fread(content, 1, (size_t)end, file);
    fclose(file);
    return content;
}

CALL(groma_runtime_load) {
    DOES(groma_runtime_load(text(s, "path"), &error));
    (void)succeeded;
}

/* What `groma_runtime_use` wants: the OrtApiBase of a library that the host has loaded. */
CALL(groma_runtime_use) {
    const char *path = text(s, "ort_api_base");
    union {
        void *address;
        const void *(*function)(void);
    } entry = {NULL};
    void *library = path ? dlopen(path, RTLD_NOW | RTLD_LOCAL) : NULL;
    if (path && !library) fail(s, "%s", dlerror());
    if (library) entry.address = dlsym(library, "OrtGetApiBase");
    {
        DOES(groma_runtime_use(entry.address ? entry.function() : NULL, &error));
        (void)succeeded;
    }
}

/* A call that gives a string, which may be compared at once. */
#define STRING(call) \
    GIVES(groma_string_t, "json", call); \
    if (done == GROMA_STATUS_OK) expect_text(s, groma_string_data(made))

CALL(groma_runtime_describe) { STRING(groma_runtime_describe(&made, &error)); }
CALL(groma_doctor_json) { STRING(groma_doctor_json(&made, &error)); }
CALL(groma_las_describe) { STRING(groma_las_describe(text(s, "path"), &made, &error)); }
CALL(groma_schema_describe) { STRING(groma_schema_describe(text(s, "schema"), &made, &error)); }

CALL(groma_devices_list) { GIVES(groma_devices_t, "devices", groma_devices_list(&made, &error)); }
CALL(groma_cancel_create) { GIVES(groma_cancel_t, "cancel", groma_cancel_create(&made, &error)); }

CALL(groma_model_batches_json) { STRING(groma_model_batches_json(HANDLE(s, groma_model_t, "model"), &made, &error)); }
CALL(groma_model_open) { GIVES(groma_model_t, "model", groma_model_open(text(s, "path"), &made, &error)); }
CALL(groma_model_open_default) { GIVES(groma_model_t, "model", groma_model_open_default(&made, &error)); }
CALL(groma_model_open_default_with) {
    GIVES(groma_model_t, "model", groma_model_open_default_with(OPTIONS(model), &made, &error));
}
CALL(groma_model_open_with) {
    GIVES(groma_model_t, "model", groma_model_open_with(text(s, "path"), OPTIONS(model), &made, &error));
}
CALL(groma_model_open_memory) {
    uint64_t size;
    const void *data = bytes(s, "data", &size);
    size = (uint64_t)number(s, "size", (double)size);
    GIVES(groma_model_t, "model", groma_model_open_memory(text(s, "name"), data, size, text(s, "manifest_json"), &made, &error));
}
CALL(groma_model_open_memory_with) {
    uint64_t size;
    const void *data = bytes(s, "data", &size);
    size = (uint64_t)number(s, "size", (double)size);
    GIVES(groma_model_t, "model", groma_model_open_memory_with(text(s, "name"), data, size, OPTIONS(model), &made, &error));
}
CALL(groma_model_open_ensemble) {
    uint64_t count;
    const void *const *models = handles(s, "groma_model_t", "models", &count);
    const cJSON *item, *list = argument(s, "weights");
    double *weights = is_given(list) ? (double *)keep(s, ((size_t)cJSON_GetArraySize(list) + 1) * sizeof *weights) : NULL;
    size_t i = 0;
    if (weights) cJSON_ArrayForEach(item, list) weights[i++] = number_of(s, item);
    count = (uint64_t)number(s, "count", (double)count);
    GIVES(groma_model_t, "model",
          groma_model_open_ensemble((const groma_model_t *const *)models, weights, count, INTEGER("combine"), &made, &error));
}

/* The arguments of a new tensor, which is copied or borrowed. */
static void make_tensor(struct step *s, groma_status_t (*function)(int32_t, const int64_t *, uint64_t, const void *, uint64_t,
                                                                   groma_value_t **, groma_error_t **)) {
    const cJSON *item, *list = argument(s, "shape");
    int64_t shape[16];
    uint64_t ndim = 0, size;
    const void *data = bytes(s, "data", &size);
    int32_t type = INTEGER("element_type");
    cJSON_ArrayForEach(item, list) {
        if (ndim < 16) shape[ndim++] = (int64_t)number_of(s, item);
    }
    if (is_given(argument(s, "data")) && strncmp(text(s, "data"), "@file:", 6) != 0) {
        const struct tensor *tensor = tensor_of(s, argument(s, "data"));
        if (!list) ndim = tensor->ndim, memcpy(shape, tensor->shape, sizeof tensor->shape);
        if (!argument(s, "element_type")) type = tensor->type;
    }
    ndim = (uint64_t)number(s, "ndim", (double)ndim);
    size = (uint64_t)number(s, "size_bytes", (double)size);
    {
        GIVES(groma_value_t, "value", function(type, ndim ? shape : NULL, ndim, data, size, &made, &error));
    }
}

CALL(groma_value_copy_tensor) { make_tensor(s, groma_value_copy_tensor); }
CALL(groma_value_borrow_tensor) { make_tensor(s, groma_value_borrow_tensor); }
CALL(groma_value_create_strings) {
    const cJSON *item;
    int64_t shape[16];
    uint64_t count, ndim = 0, given = 0, *lengths = NULL;
    const char *const *strings = texts(s, argument(s, "strings"), &count);
    cJSON_ArrayForEach(item, argument(s, "shape")) {
        if (ndim < 16) shape[ndim++] = (int64_t)number_of(s, item);
    }
    if (cJSON_IsArray(argument(s, "lengths"))) {
        lengths = (uint64_t *)keep(s, (size_t)(count + 1) * sizeof *lengths);
        cJSON_ArrayForEach(item, argument(s, "lengths")) lengths[given++] = (uint64_t)number_of(s, item);
    }
    ndim = (uint64_t)number(s, "ndim", (double)ndim);
    GIVES(groma_value_t, "value", groma_value_create_strings(strings, lengths, ndim ? shape : NULL, ndim, &made, &error));
}
CALL(groma_value_create_sequence) {
    uint64_t count;
    const void *const *items = handles(s, "groma_value_t", "items", &count);
    count = (uint64_t)number(s, "count", (double)count);
    GIVES(groma_value_t, "value", groma_value_create_sequence((const groma_value_t *const *)items, count, &made, &error));
}
CALL(groma_value_create_none) { GIVES(groma_value_t, "value", groma_value_create_none(&made, &error)); }
CALL(groma_value_item) {
    GIVES(groma_value_t, "item", groma_value_item(VALUE, (uint64_t)number(s, "index", 0), &made, &error));
}
CALL(groma_value_from_dlpack) {
    void *managed_tensor = handle(s, "DLManagedTensor", "managed_tensor");
    GIVES(groma_value_t, "value", groma_value_from_dlpack(managed_tensor, &made, &error));
    if (done == GROMA_STATUS_OK) take(s, "managed_tensor");
}
CALL(groma_value_to_dlpack) {
    void *managed_tensor = NULL;
    DOES(groma_value_to_dlpack(VALUE, &managed_tensor, &error));
    if (succeeded) give(s, "managed_tensor", "DLManagedTensor", managed_tensor);
}

/* A DLPack view, compared as what it is: type code and bits, shape, numbers. */
static void expect_view(struct step *s, const groma_tensor_t *view) {
    static const struct {
        uint8_t code, bits;
        int32_t type;
    } types[] = {
        {GROMA_DTYPE_UINT, 8, GROMA_TYPE_U8},   {GROMA_DTYPE_INT, 8, GROMA_TYPE_I8},     {GROMA_DTYPE_UINT, 16, GROMA_TYPE_U16},
        {GROMA_DTYPE_INT, 16, GROMA_TYPE_I16},  {GROMA_DTYPE_UINT, 32, GROMA_TYPE_U32},  {GROMA_DTYPE_INT, 32, GROMA_TYPE_I32},
        {GROMA_DTYPE_UINT, 64, GROMA_TYPE_U64}, {GROMA_DTYPE_INT, 64, GROMA_TYPE_I64},   {GROMA_DTYPE_FLOAT, 32, GROMA_TYPE_F32},
        {GROMA_DTYPE_FLOAT, 64, GROMA_TYPE_F64}, {GROMA_DTYPE_FLOAT, 16, GROMA_TYPE_F16}, {GROMA_DTYPE_BFLOAT, 16, GROMA_TYPE_BF16},
        {GROMA_DTYPE_BOOL, 8, GROMA_TYPE_BOOL},
    };
    struct tensor found;
    size_t i;
    if (!argument(s, "expect")) return;
    memset(&found, 0, sizeof found);
    for (i = 0; i < sizeof types / sizeof *types; i++)
        if (types[i].code == view->dtype.code && types[i].bits == view->dtype.bits) found.type = types[i].type;
    if (!found.type || view->dtype.lanes != 1 || view->device.device_type != GROMA_DEVICE_CPU || view->ndim > 8)
        fail(s, "a view with type code %d, %d bits, %d dimensions", view->dtype.code, view->dtype.bits, (int)view->ndim);
    found.ndim = (uint64_t)view->ndim;
    for (i = 0; i < found.ndim; i++) found.shape[i] = view->shape[i];
    found.data = (const char *)view->data + view->byte_offset;
    found.size_bytes = element_count(&found) * view->dtype.bits / 8;
    expect_tensor(s, &found);
}

CALL(groma_value_tensor) {
    groma_tensor_t view;
    DOES(groma_value_tensor(VALUE, &view, &error));
    if (succeeded) expect_view(s, &view);
}
CALL(groma_result_tensor) {
    groma_tensor_t view;
    DOES(groma_result_tensor(HANDLE(s, groma_result_t, "result"), INTEGER("output"), &view, &error));
    if (succeeded) expect_view(s, &view);
}
CALL(groma_features_tensor) {
    groma_tensor_t view;
    DOES(groma_features_tensor(HANDLE(s, groma_features_t, "features"), &view, &error));
    if (succeeded) expect_view(s, &view);
}

/* Calls that give a value, which may be compared at once. */
#define GIVES_VALUE(p, call) \
    GIVES(groma_value_t, p, call); \
    if (done == GROMA_STATUS_OK) expect_value(s, made)

CALL(groma_result_value) {
    GIVES_VALUE("value", groma_result_value(HANDLE(s, groma_result_t, "result"), INTEGER("output"), &made, &error));
}
CALL(groma_result_confident) {
    groma_value_t *mask = NULL, *rows = NULL;
    DOES(groma_result_confident(HANDLE(s, groma_result_t, "result"), (float)number(s, "min_confidence", 0), &mask, &rows, &error));
    if (succeeded) give(s, "mask", "groma_value_t", mask), give(s, "rows", "groma_value_t", rows);
}
CALL(groma_features_value) { GIVES_VALUE("value", groma_features_value(HANDLE(s, groma_features_t, "features"), &made, &error)); }
CALL(groma_cloud_value) { GIVES_VALUE("value", groma_cloud_value(HANDLE(s, groma_cloud_t, "cloud"), text(s, "column"), &made, &error)); }
CALL(groma_neighbors_value) {
    GIVES_VALUE("value", groma_neighbors_value(HANDLE(s, groma_neighbors_t, "neighbors"), INTEGER("output"), &made, &error));
}
CALL(groma_checkpoint_value) {
    GIVES_VALUE("value", groma_checkpoint_value(CHECKPOINT, INTEGER("section"), text(s, "name"), &made, &error));
}
CALL(groma_embed_points) {
    GIVES_VALUE("embeddings", groma_embed_points(MODEL, POINTS, text(s, "tensor"), OPTIONS(classify), &made, &error));
}

CALL(groma_network_open) { GIVES(groma_network_t, "network", groma_network_open(text(s, "path"), OPTIONS(network), &made, &error)); }
CALL(groma_network_open_memory) {
    uint64_t size;
    const void *data = bytes(s, "data", &size);
    size = (uint64_t)number(s, "size", (double)size);
    GIVES(groma_network_t, "network", groma_network_open_memory(text(s, "name"), data, size, OPTIONS(network), &made, &error));
}
CALL(groma_network_run) {
    uint64_t named, count, wanted;
    const char *const *input_names = texts(s, argument(s, "input_names"), &named);
    const void *const *inputs = handles(s, "groma_value_t", "inputs", &count);
    const char *const *output_names = texts(s, argument(s, "output_names"), &wanted);
    if (named != count) fail(s, "%d names for %d inputs", (int)named, (int)count);
    count = (uint64_t)number(s, "input_count", (double)count);
    wanted = (uint64_t)number(s, "output_count", (double)wanted);
    GIVES(groma_value_t, "outputs",
          groma_network_run(HANDLE(s, groma_network_t, "network"), input_names, (const groma_value_t *const *)inputs, count,
                            output_names, wanted, OPTIONS(network_run), &made, &error));
}

CALL(groma_classify_points) {
    GIVES(groma_result_t, "result", groma_classify_points(MODEL, POINTS, OPTIONS(classify), &made, &error));
}
CALL(groma_classify_file) {
    GIVES(groma_summary_t, "summary",
          groma_classify_file(MODEL, text(s, "input"), text(s, "output"), OPTIONS(classify), &made, &error));
}
#define RUN HANDLE(s, groma_run_t, "run")
#define TILE ((uint64_t)number(s, "tile", 0))
CALL(groma_run_open) {
    const groma_classify_options_t *classify = HANDLE(s, groma_classify_options_t, "classify");
    GIVES(groma_run_t, "run",
          groma_run_open(MODEL, text(s, "inputs"), text(s, "output"), classify, OPTIONS(run), &made, &error));
}
CALL(groma_run_describe) { GIVES(groma_string_t, "json", groma_run_describe(RUN, &made, &error)); }
CALL(groma_run_index) {
    DOES(groma_run_index(RUN, TILE, OPTIONS(run), &error));
    (void)succeeded;
}
CALL(groma_run_tile) { GIVES(groma_summary_t, "summary", groma_run_tile(RUN, TILE, OPTIONS(run), &made, &error)); }
CALL(groma_run_finish) {
    DOES(groma_run_finish(RUN, &error));
    (void)succeeded;
}
CALL(groma_run_execute) { GIVES(groma_summary_t, "summary", groma_run_execute(RUN, OPTIONS(run), &made, &error)); }
CALL(groma_features_compute) {
    GIVES(groma_features_t, "features", groma_features_compute(POINTS, text(s, "schema"), OPTIONS(features), &made, &error));
}
CALL(groma_features_file) {
    GIVES(groma_summary_t, "summary",
          groma_features_file(text(s, "schema"), text(s, "input"), text(s, "output"), OPTIONS(features_file), &made, &error));
}
CALL(groma_ground_points) { GIVES(groma_ground_t, "ground", groma_ground_points(POINTS, OPTIONS(ground), &made, &error)); }
CALL(groma_ground_file) {
    GIVES(groma_summary_t, "summary", groma_ground_file(text(s, "input"), text(s, "output"), OPTIONS(ground), &made, &error));
}
CALL(groma_filter_points) {
    GIVES(groma_filtered_t, "filtered", groma_filter_points(POINTS, INTEGER("filter"), OPTIONS(filter), &made, &error));
}
CALL(groma_filter_file) {
    GIVES(groma_filter_summary_t, "summary",
          groma_filter_file(text(s, "input"), text(s, "output"), INTEGER("filter"), OPTIONS(filter), &made, &error));
}
CALL(groma_las_read) { GIVES(groma_cloud_t, "cloud", groma_las_read(text(s, "path"), text(s, "columns"), OPTIONS(las), &made, &error)); }
CALL(groma_las_write) {
    DOES(groma_las_write(POINTS, text(s, "path"), OPTIONS(las), &error));
    (void)succeeded;
}
CALL(groma_cloud_points) {
    groma_points_t *points = (groma_points_t *)keep(s, sizeof *points);
    groma_points_init(points, sizeof *points);
    {
        DOES(groma_cloud_points(HANDLE(s, groma_cloud_t, "cloud"), points, &error));
        if (succeeded) give(s, "points", "groma_points_t", points);
    }
}
CALL(groma_neighbors_nearest) {
    GIVES(groma_neighbors_t, "neighbors",
          groma_neighbors_nearest(POINTS, (uint64_t)number(s, "k", 0), OPTIONS(neighbors), &made, &error));
}
CALL(groma_neighbors_within) {
    GIVES(groma_neighbors_t, "neighbors", groma_neighbors_within(POINTS, number(s, "radius_m", 0), OPTIONS(neighbors), &made, &error));
}

CALL(groma_checkpoint_create) {
    GIVES(groma_checkpoint_t, "checkpoint", groma_checkpoint_create(text(s, "metadata_json"), &made, &error));
}
CALL(groma_checkpoint_open) { GIVES(groma_checkpoint_t, "checkpoint", groma_checkpoint_open(text(s, "path"), &made, &error)); }
CALL(groma_checkpoint_add) {
    DOES(groma_checkpoint_add(CHECKPOINT, INTEGER("section"), text(s, "name"), VALUE, &error));
    (void)succeeded;
}
CALL(groma_checkpoint_save) {
    DOES(groma_checkpoint_save(CHECKPOINT, text(s, "path"), INTEGER("overwrite"), &error));
    (void)succeeded;
}
