/* bridge.c: see bridge.h. */
#include "bridge.h"

#include "_cgo_export.h"

groma_status_t groma_go_points_call(groma_go_call_t *call, void **output, groma_error_t **error,
                                    const void *x, const void *y, const void *z,
                                    const void *c0, const void *c1, const void *c2, const void *c3,
                                    const void *c4, const void *c5, const void *c6, const void *c7,
                                    const void *c8, const void *c9, const void *c10, const void *c11,
                                    const void *c12, const void *c13, const void *c14, const void *c15) {
    const void *arguments[GROMA_GO_COLUMNS] = {c0, c1, c2, c3, c4, c5, c6, c7, c8, c9, c10, c11, c12, c13, c14, c15};
    groma_points_t *points = &call->points;
    if (x != NULL) points->x = x;
    if (y != NULL) points->y = y;
    if (z != NULL) points->z = z;
    for (uint64_t i = 0; i < points->column_count && i < GROMA_GO_COLUMNS; i++) {
        if (arguments[i] != NULL) call->columns[i].data = arguments[i];
    }
    points->columns = call->columns;
    switch (call->function) {
    case GROMA_GO_CLASSIFY:
        return groma_classify_points(call->model, points, call->options, (groma_result_t **)output, error);
    case GROMA_GO_EMBED:
        return groma_embed_points(call->model, points, call->text, call->options, (groma_value_t **)output, error);
    case GROMA_GO_FEATURES:
        return groma_features_compute(points, call->text, call->options, (groma_features_t **)output, error);
    case GROMA_GO_GROUND:
        return groma_ground_points(points, call->options, (groma_ground_t **)output, error);
    case GROMA_GO_FILTER:
        return groma_filter_points(points, call->filter, call->options, (groma_filtered_t **)output, error);
    case GROMA_GO_NEAREST:
        return groma_neighbors_nearest(points, call->k, call->options, (groma_neighbors_t **)output, error);
    case GROMA_GO_WITHIN:
        return groma_neighbors_within(points, call->radius_m, call->options, (groma_neighbors_t **)output, error);
    case GROMA_GO_LAS_WRITE:
        return groma_las_write(points, call->text, call->options, error);
    default:
        return GROMA_STATUS_INTERNAL;
    }
}

void groma_go_set_user(void **user, uintptr_t number) { *user = (void *)number; }

int32_t groma_go_progress(void *user, int32_t stage, uint64_t done, uint64_t total) {
    return gromaGoProgress((uintptr_t)user, stage, done, total);
}

static void log_to_go(void *user, int32_t level, const char *target, const char *message) {
    (void)user;
    gromaGoLog(level, (char *)target, (char *)message);
}

groma_status_t groma_go_log_set(int32_t on, int32_t level, groma_error_t **error) {
    return groma_log_set(on ? log_to_go : NULL, NULL, level, error);
}
