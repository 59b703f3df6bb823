/*
 * Computes features of points that a program holds as an array of structs: features_of_array [SCHEMA]
 *
 * The points are a flat roof above flat ground, made here; for each column its smallest, mean and largest value is printed.
 *
 *   cc -std=c99 -Iinclude examples/c/features_of_array.c -Ltarget/release -lgroma -Wl,-rpath,$PWD/target/release
 */
#include <groma.h>
#include <stdio.h>
#include <stdlib.h>

#define SIDE 60

struct point {
    double x, y, z;
};

int main(int argc, char **argv) {
    static struct point own[SIDE * SIDE];
    const char *schema = argc > 1 ? argv[1] : "planarity@k20, normal_z@k20, vertical_range@r1.0";
    groma_points_t points;
    groma_features_t *features = NULL;
    groma_error_t *error = NULL;
    int status = EXIT_SUCCESS, i;

    for (i = 0; i < SIDE * SIDE; i++) {
        int roof;
        own[i].x = 0.5 * (i % SIDE);
        own[i].y = 0.5 * (i / SIDE);
        roof = own[i].x >= 10 && own[i].x < 20 && own[i].y >= 10 && own[i].y < 20;
        own[i].z = 0.01 * (i * 7919 % 13) + (roof ? 6.0 : 0.0);
    }
    groma_points_init(&points, sizeof points);
    points.count = SIDE * SIDE;
    points.x = &own->x, points.y = &own->y, points.z = &own->z;
    points.x_stride_bytes = points.y_stride_bytes = points.z_stride_bytes = sizeof *own;
    points.resolution = 0.01; /* of the data; nothing moves */

    if (groma_features_compute(&points, schema, NULL, &features, &error) == GROMA_STATUS_OK) {
        uint64_t rows = groma_features_rows(features), columns = groma_features_columns(features), row, column;
        const float *values = groma_features_values(features);
        for (column = 0; column < columns; column++) {
            double least = values[column], most = least, sum = 0;
            for (row = 0; row < rows; row++) {
                double value = values[row * columns + column];
                if (value < least) least = value;
                if (value > most) most = value;
                sum += value;
            }
            printf("%s %.6f %.6f %.6f\n", groma_features_column_name(features, column), least, sum / (double)rows, most);
        }
    } else {
        fprintf(stderr, "features_of_array: %s (status %d)\n", groma_error_message(error), (int)groma_error_code(error));
        status = EXIT_FAILURE;
    }
    groma_error_destroy(error);
    groma_features_destroy(features);
    return status;
}
