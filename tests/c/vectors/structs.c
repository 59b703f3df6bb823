/*
 * Structs of the C vector runner: options by the names of their fields, and points.
 */
#include "step.h"

#include <stdio.h>
#include <string.h>

enum kind { U32, I32, U64, I64, F64, TEXT, CANCEL, PROGRESS, BYTES, TEXTS };

static const struct {
    const char *type, *name;
    enum kind kind;
    size_t offset, count_offset;
} fields[] = {
#define FIELD(type, field, kind) {#type, #field, kind, offsetof(type, field), 0},
#define LIST(type, field, count, kind) {#type, #field, kind, offsetof(type, field), offsetof(type, count)},
#define WATCH(type) FIELD(type, cancel, CANCEL) LIST(type, progress, progress_user, PROGRESS) FIELD(type, progress_user, CANCEL)
#define JOB(type) FIELD(type, threads, U32) WATCH(type)
    JOB(groma_classify_options_t)
    FIELD(groma_classify_options_t, search, I32)
    FIELD(groma_classify_options_t, probabilities, I32)
    FIELD(groma_classify_options_t, write_confidence, I32)
    FIELD(groma_classify_options_t, write_entropy, I32)
    FIELD(groma_classify_options_t, point_format, I32)
    FIELD(groma_classify_options_t, overwrite, I32)
    FIELD(groma_classify_options_t, block_size_m, F64)
    FIELD(groma_classify_options_t, linear_unit_m, F64)
    LIST(groma_classify_options_t, keep_classes, keep_class_count, BYTES)
    FIELD(groma_classify_options_t, keep_class_count, U64)
    FIELD(groma_classify_options_t, dtm, TEXT)
    JOB(groma_features_options_t)
    FIELD(groma_features_options_t, search, I32)
    FIELD(groma_features_options_t, reserved, I32)
    FIELD(groma_features_options_t, block_size_m, F64)
    FIELD(groma_features_options_t, linear_unit_m, F64)
    FIELD(groma_features_options_t, dtm, TEXT)
    FIELD(groma_features_options_t, device, TEXT)
    JOB(groma_features_file_options_t)
    FIELD(groma_features_file_options_t, search, I32)
    FIELD(groma_features_file_options_t, point_format, I32)
    FIELD(groma_features_file_options_t, overwrite, I32)
    FIELD(groma_features_file_options_t, reserved, I32)
    FIELD(groma_features_file_options_t, block_size_m, F64)
    FIELD(groma_features_file_options_t, linear_unit_m, F64)
    FIELD(groma_features_file_options_t, dtm, TEXT)
    FIELD(groma_features_file_options_t, device, TEXT)
    JOB(groma_ground_options_t)
    FIELD(groma_ground_options_t, height, I32)
    FIELD(groma_ground_options_t, keep_others, I32)
    FIELD(groma_ground_options_t, point_format, I32)
    FIELD(groma_ground_options_t, overwrite, I32)
    FIELD(groma_ground_options_t, cell_m, F64)
    FIELD(groma_ground_options_t, window_m, F64)
    FIELD(groma_ground_options_t, slope, F64)
    FIELD(groma_ground_options_t, max_tolerance_m, F64)
    FIELD(groma_ground_options_t, tolerance_m, F64)
    FIELD(groma_ground_options_t, tolerance_slope, F64)
    FIELD(groma_ground_options_t, linear_unit_m, F64)
    LIST(groma_ground_options_t, ignore_classes, ignore_class_count, BYTES)
    FIELD(groma_ground_options_t, ignore_class_count, U64)
    FIELD(groma_ground_options_t, dtm, TEXT)
    FIELD(groma_ground_options_t, dtm_cell_m, F64)
    JOB(groma_filter_options_t)
    FIELD(groma_filter_options_t, search, I32)
    FIELD(groma_filter_options_t, voxel_keep, I32)
    FIELD(groma_filter_options_t, mark, I32)
    FIELD(groma_filter_options_t, overwrite, I32)
    FIELD(groma_filter_options_t, neighbors, U64)
    FIELD(groma_filter_options_t, multiplier, F64)
    FIELD(groma_filter_options_t, radius_m, F64)
    FIELD(groma_filter_options_t, voxel_size_m, F64)
    FIELD(groma_filter_options_t, count, U64)
    FIELD(groma_filter_options_t, fraction, F64)
    FIELD(groma_filter_options_t, start_row, I64)
    FIELD(groma_filter_options_t, seed, U64)
    FIELD(groma_filter_options_t, linear_unit_m, F64)
    FIELD(groma_filter_options_t, device, TEXT)
    JOB(groma_las_options_t)
    FIELD(groma_las_options_t, point_format, I32)
    FIELD(groma_las_options_t, overwrite, I32)
    FIELD(groma_las_options_t, linear_unit_m, F64)
    FIELD(groma_las_options_t, crs_wkt, TEXT)
    JOB(groma_neighbors_options_t)
    FIELD(groma_neighbors_options_t, search, I32)
    FIELD(groma_neighbors_options_t, reserved, I32)
    FIELD(groma_neighbors_options_t, max_distance_m, F64)
    FIELD(groma_neighbors_options_t, linear_unit_m, F64)
    FIELD(groma_neighbors_options_t, device, TEXT)
    FIELD(groma_network_options_t, threads, U32)
    FIELD(groma_network_options_t, optimization, I32)
    FIELD(groma_network_options_t, reserved, I32)
    FIELD(groma_network_options_t, device, TEXT)
    FIELD(groma_network_options_t, checkpoint, TEXT)
    LIST(groma_network_options_t, extra_outputs, extra_output_count, TEXTS)
    FIELD(groma_network_options_t, extra_output_count, U64)
    FIELD(groma_network_run_options_t, reserved, I32)
    WATCH(groma_network_run_options_t)
    JOB(groma_run_options_t)
    FIELD(groma_run_options_t, resume, I32)
    FIELD(groma_run_options_t, skip_failed, I32)
    FIELD(groma_run_options_t, assume_crs, I32)
    FIELD(groma_run_options_t, keep_index, I32)
    FIELD(groma_run_options_t, shard_number, U32)
    FIELD(groma_run_options_t, shard_count, U32)
    FIELD(groma_run_options_t, work, TEXT)
    FIELD(groma_model_options_t, reserved, I32)
    FIELD(groma_model_options_t, manifest_json, TEXT)
    FIELD(groma_model_options_t, checkpoint, TEXT)
    FIELD(groma_model_options_t, device, TEXT)
    FIELD(groma_points_t, coordinate_type, I32)
    FIELD(groma_points_t, count, U64)
    FIELD(groma_points_t, x_stride_bytes, I64)
    FIELD(groma_points_t, y_stride_bytes, I64)
    FIELD(groma_points_t, z_stride_bytes, I64)
    FIELD(groma_points_t, resolution, F64)
    FIELD(groma_points_t, column_count, U64)
};

static void write_bytes(struct step *s, const cJSON *json, void *place, uint64_t *count) {
    const cJSON *item;
    uint8_t *bytes = (uint8_t *)keep(s, (size_t)cJSON_GetArraySize(json) + 1);
    *count = 0;
    cJSON_ArrayForEach(item, json) bytes[(*count)++] = (uint8_t)number_of(s, item);
    memcpy(place, &bytes, sizeof bytes);
}

static int32_t tick(void *user, int32_t stage, uint64_t done, uint64_t total) {
    struct progress *progress = (struct progress *)user;
    (void)stage, (void)done, (void)total;
    progress->calls++;
    return progress->answer;
}

static void write_progress(struct step *s, const cJSON *json, groma_progress_fn *place, void **user) {
    struct progress *progress = (struct progress *)keep(s, sizeof *progress);
    const char *what = cJSON_GetStringValue(json);
    if (!what || (strcmp(what, "go") != 0 && strcmp(what, "stop") != 0)) fail(s, "progress is neither go nor stop");
    progress->answer = strcmp(what, "stop") == 0;
    *place = tick;
    *user = progress;
}

static void write_field(struct step *s, size_t f, char *options, const cJSON *json) {
    void *place = options + fields[f].offset;
    switch (fields[f].kind) {
    case U32: *(uint32_t *)place = (uint32_t)number_of(s, json); break;
    case I32: *(int32_t *)place = (int32_t)number_of(s, json); break;
    case U64: *(uint64_t *)place = (uint64_t)number_of(s, json); break;
    case I64: *(int64_t *)place = (int64_t)number_of(s, json); break;
    case F64: *(double *)place = number_of(s, json); break;
    case TEXT: *(const char **)place = text_of(s, json); break;
    case CANCEL: *(const groma_cancel_t **)place = (const groma_cancel_t *)handle_of(s, "groma_cancel_t", json); break;
    case PROGRESS:
        write_progress(s, json, (groma_progress_fn *)place, (void **)(void *)(options + fields[f].count_offset));
        break;
    case BYTES: write_bytes(s, json, place, (uint64_t *)(void *)(options + fields[f].count_offset)); break;
    case TEXTS:
        *(const char *const **)place = texts(s, json, (uint64_t *)(void *)(options + fields[f].count_offset));
        break;
    }
}

static void compare_field(struct step *s, size_t f, const char *options, const cJSON *json) {
    const void *place = options + fields[f].offset;
    switch (fields[f].kind) {
    case U32: compare_number(s, fields[f].name, json, *(const uint32_t *)place); break;
    case I32: compare_number(s, fields[f].name, json, *(const int32_t *)place); break;
    case U64: compare_number(s, fields[f].name, json, (double)*(const uint64_t *)place); break;
    case I64: compare_number(s, fields[f].name, json, (double)*(const int64_t *)place); break;
    case F64: compare_number(s, fields[f].name, json, *(const double *)place); break;
    case TEXT: compare_text(s, fields[f].name, json, *(const char *const *)place); break;
    case PROGRESS:
        if (!cJSON_IsNull(json) || *(const groma_progress_fn *)place) fail(s, "%s is not NULL", fields[f].name);
        break;
    case CANCEL:
    case BYTES:
    case TEXTS:
        if (!cJSON_IsNull(json) || *(void *const *)place) fail(s, "%s is not NULL", fields[f].name);
        break;
    }
}

static size_t field(struct step *s, const char *type, const char *name) {
    size_t f;
    for (f = 0; f < sizeof fields / sizeof *fields; f++)
        if (strcmp(fields[f].type, type) == 0 && strcmp(fields[f].name, name) == 0) return f;
    fail(s, "%s has no field %s that the runner knows", type, name);
    return 0;
}

/* A column of a tensor, in place: {"tensor": "@in:NAME", "column": 1}, or a tensor that is one column. */
static const void *column_of(struct step *s, const cJSON *json, const struct tensor **tensor, int64_t *stride_bytes) {
    const cJSON *column = cJSON_IsObject(json) ? cJSON_GetObjectItemCaseSensitive(json, "column") : NULL;
    uint64_t size;
    *tensor = tensor_of(s, column ? cJSON_GetObjectItemCaseSensitive(json, "tensor") : json);
    if (!column) return (*tensor)->data;
    size = element_size((*tensor)->type);
    if ((*tensor)->ndim != 2) fail(s, "%s has no columns", (*tensor)->name);
    *stride_bytes = (*tensor)->shape[1] * (int64_t)size;
    return (const char *)(*tensor)->data + (uint64_t)number_of(s, column) * size;
}

/* A coordinate; the number of points and the type are those of its tensor, if the step does not say them. */
static const void *coordinate(struct step *s, groma_points_t *points, const cJSON *json, int64_t *stride_bytes) {
    const struct tensor *tensor;
    const void *first = column_of(s, json, &tensor, stride_bytes);
    points->count = tensor->ndim ? (uint64_t)tensor->shape[0] : 0;
    if (!cJSON_GetObjectItemCaseSensitive(argument(s, "points"), "coordinate_type")) points->coordinate_type = tensor->type;
    return first;
}

static void write_triple(struct step *s, double place[3], const cJSON *json) {
    int i;
    if (cJSON_GetArraySize(json) != 3) fail(s, "%s needs three numbers", json->string);
    for (i = 0; i < 3; i++) place[i] = number_of(s, cJSON_GetArrayItem(json, i));
}

static void write_columns(struct step *s, groma_points_t *points, const cJSON *json) {
    const cJSON *item;
    groma_column_t *columns = (groma_column_t *)keep(s, (size_t)(cJSON_GetArraySize(json) + 1) * sizeof *columns);
    points->columns = columns;
    points->column_count = 0;
    cJSON_ArrayForEach(item, json) {
        const struct tensor *tensor;
        groma_column_t *column = &columns[points->column_count++];
        column->struct_size = sizeof *column;
        column->name = item->string;
        column->data = column_of(s, item, &tensor, &column->stride_bytes);
        column->element_type = tensor->type;
    }
}

static void write_points_field(struct step *s, groma_points_t *points, const cJSON *item) {
    char constant_name[64];
    int32_t type;
    if (strcmp(item->string, "x") == 0) points->x = coordinate(s, points, item, &points->x_stride_bytes);
    else if (strcmp(item->string, "y") == 0) points->y = coordinate(s, points, item, &points->y_stride_bytes);
    else if (strcmp(item->string, "z") == 0) points->z = coordinate(s, points, item, &points->z_stride_bytes);
    else if (strcmp(item->string, "scale") == 0) write_triple(s, points->scale, item);
    else if (strcmp(item->string, "offset") == 0) write_triple(s, points->offset, item);
    else if (strcmp(item->string, "columns") == 0) write_columns(s, points, item);
    else if (strcmp(item->string, "coordinate_type") == 0 && cJSON_IsString(item)) {
        int has_prefix = strncmp(item->valuestring, "GROMA_", 6) == 0;
        snprintf(constant_name, sizeof constant_name, "%s%s", has_prefix ? "" : "GROMA_TYPE_", item->valuestring);
        if (!constant(constant_name, &type)) fail(s, "%s is not an element type", item->valuestring);
        points->coordinate_type = type;
    } else {
        write_field(s, field(s, "groma_points_t", item->string), (char *)points, item);
    }
}

static void compare_defaults(struct step *s, const char *type, const char *options) {
    const cJSON *item, *part;
    int i;
    cJSON_ArrayForEach(item, argument(s, "expect_defaults")) {
        if (cJSON_IsArray(item)) {
            const double *triple = strcmp(item->string, "scale") == 0 ? ((const groma_points_t *)(const void *)options)->scale
                                                                     : ((const groma_points_t *)(const void *)options)->offset;
            i = 0;
            cJSON_ArrayForEach(part, item) compare_number(s, item->string, part, triple[i++]);
        } else if (strcmp(item->string, "columns") == 0) {
            if (((const groma_points_t *)(const void *)options)->columns) fail(s, "columns is not NULL");
        } else {
            compare_field(s, field(s, type, item->string), options, item);
        }
    }
}

/* The callback that options have, to see later whether it was called. */
static struct progress *progress_of(struct step *s, const char *type, const char *options) {
    size_t f;
    if (!is_given(cJSON_GetObjectItemCaseSensitive(argument(s, "options"), "progress"))) return NULL;
    f = field(s, type, "progress_user");
    return *(struct progress *const *)(const void *)(options + fields[f].offset);
}

/* The largest of the structs; a new one is zeroed by `keep`. */
union any_struct {
    groma_classify_options_t classify;
    groma_features_options_t features;
    groma_features_file_options_t features_file;
    groma_ground_options_t ground;
    groma_filter_options_t filter;
    groma_las_options_t las;
    groma_neighbors_options_t neighbors;
    groma_network_options_t network;
    groma_network_run_options_t network_run;
    groma_run_options_t run;
    groma_model_options_t model;
    groma_points_t points;
};

void init_struct(struct step *s, const char *type) {
    int is_points = strcmp(type, "groma_points_t") == 0;
    const char *parameter = is_points ? "points" : "options";
    const cJSON *item;
    union any_struct *made = (union any_struct *)keep(s, sizeof *made);

#define INIT(member, stem) if (strcmp(type, "groma_" #stem "_t") == 0) groma_##stem##_init(&made->member, sizeof made->member);
    INIT(classify, classify_options)
    INIT(features, features_options)
    INIT(features_file, features_file_options)
    INIT(ground, ground_options)
    INIT(filter, filter_options)
    INIT(las, las_options)
    INIT(neighbors, neighbors_options)
    INIT(network, network_options)
    INIT(network_run, network_run_options)
    INIT(run, run_options)
    INIT(model, model_options)
    INIT(points, points)
    compare_defaults(s, type, (const char *)made);
    cJSON_ArrayForEach(item, argument(s, parameter)) {
        if (is_points) write_points_field(s, &made->points, item);
        else write_field(s, field(s, type, item->string), (char *)made, item);
    }
    /* A count that the case gives is its own, whatever the arrays hold. */
    item = cJSON_GetObjectItemCaseSensitive(argument(s, parameter), "count");
    if (is_points && item) made->points.count = (uint64_t)number_of(s, item);
    give(s, parameter, type, made);
    s->run->things[s->run->thing_count - 1].progress = progress_of(s, type, (const char *)made);
}
