/* What the programs of hostile hosts share: points, a check that ends the program, and a clock. */
#ifndef HOST_H
#define HOST_H

#include <groma.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

/* Ends the program with a message unless the condition holds. */
#define CHECK(condition, ...)                                                                                          \
    do {                                                                                                               \
        if (!(condition)) {                                                                                            \
            fprintf(stderr, "%s:%d: ", __FILE__, __LINE__);                                                            \
            fprintf(stderr, __VA_ARGS__);                                                                              \
            fprintf(stderr, "\n");                                                                                     \
            exit(EXIT_FAILURE);                                                                                        \
        }                                                                                                              \
    } while (0)

#define HOST_POINTS 900

/* A square of points half a metre apart, with the attributes that the test models read. */
struct host_points {
    double xyz[HOST_POINTS][3];
    uint16_t intensity[HOST_POINTS];
    uint8_t one[HOST_POINTS];
    groma_column_t columns[6];
    groma_points_t points;
};

static inline void host_fill(struct host_points *host) {
    static const char *const names[6] = {"intensity", "return_number", "number_of_returns", "red", "green", "blue"};
    int i;
    memset(host, 0, sizeof *host);
    for (i = 0; i < HOST_POINTS; i++) {
        host->xyz[i][0] = 0.5 * (i % 30), host->xyz[i][1] = 0.5 * (i / 30), host->xyz[i][2] = 0.02 * (i % 7);
        host->intensity[i] = (uint16_t)(100 + i), host->one[i] = 1;
    }
    for (i = 0; i < 6; i++) {
        int wide = i == 0 || i > 2;
        host->columns[i].struct_size = sizeof host->columns[i];
        host->columns[i].element_type = wide ? GROMA_TYPE_U16 : GROMA_TYPE_U8;
        host->columns[i].name = names[i];
        host->columns[i].data = wide ? (const void *)host->intensity : (const void *)host->one;
    }
    memset(&host->points, 0, sizeof host->points);
    host->points.struct_size = sizeof host->points;
    host->points.coordinate_type = GROMA_TYPE_F64;
    host->points.count = HOST_POINTS;
    host->points.x = &host->xyz[0][0], host->points.y = &host->xyz[0][1], host->points.z = &host->xyz[0][2];
    host->points.x_stride_bytes = host->points.y_stride_bytes = host->points.z_stride_bytes = sizeof host->xyz[0];
    host->points.resolution = 0.01;
    host->points.columns = host->columns, host->points.column_count = 6;
}

static inline double host_seconds(void) {
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec + 1e-9 * (double)now.tv_nsec;
}

#endif
