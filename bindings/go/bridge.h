/*
 * bridge.h: what cgo cannot say in Go. The rules of cgo let a Go pointer into C only as an argument of the call that uses
 * it, never inside a struct; `groma_points_t` is full of pointers. So the arrays of the caller come as arguments, and
 * groma_go_points_call puts them where they belong. It also has the two callbacks, which carry a number instead of a
 * pointer to something of Go's.
 */
#ifndef GROMA_GO_BRIDGE_H
#define GROMA_GO_BRIDGE_H

#include <groma.h>

/* Functions that take points. */
#define GROMA_GO_CLASSIFY 1
#define GROMA_GO_EMBED 2
#define GROMA_GO_FEATURES 3
#define GROMA_GO_GROUND 4
#define GROMA_GO_FILTER 5
#define GROMA_GO_NEAREST 6
#define GROMA_GO_WITHIN 7
#define GROMA_GO_LAS_WRITE 8

/* Columns that go in without a copy. */
#define GROMA_GO_COLUMNS 16

/* A call with points; in C memory, and free of Go pointers. */
typedef struct groma_go_call_t {
    /* A GROMA_GO_... from above. */
    int32_t function;
    /* Of GROMA_GO_FILTER: the filter. */
    int32_t filter;
    /* Of GROMA_GO_NEAREST: how many. */
    uint64_t k;
    /* Of GROMA_GO_WITHIN: how far. */
    double radius_m;
    const groma_model_t *model;
    /* The schema, the tensor or the path. */
    const char *text;
    /* The options struct of the function, or NULL. */
    const void *options;
    /* Columns are in C memory too; where a pointer to data is NULL, the argument counts. */
    groma_points_t points;
    groma_column_t *columns;
} groma_go_call_t;

/* Makes the call; `output` receives the handle. */
groma_status_t groma_go_points_call(groma_go_call_t *call, void **output, groma_error_t **error,
                                    const void *x, const void *y, const void *z,
                                    const void *c0, const void *c1, const void *c2, const void *c3,
                                    const void *c4, const void *c5, const void *c6, const void *c7,
                                    const void *c8, const void *c9, const void *c10, const void *c11,
                                    const void *c12, const void *c13, const void *c14, const void *c15);

/* Writes `number` where a `void *user` is kept. */
void groma_go_set_user(void **user, uintptr_t number);

/* A groma_progress_fn whose `user` is the number of a Go job. */
int32_t groma_go_progress(void *user, int32_t stage, uint64_t done, uint64_t total);

/* groma_log_set with the log function of this package, or without one. */
groma_status_t groma_go_log_set(int32_t on, int32_t level, groma_error_t **error);

#endif
