/*
 * Computes features of points: features SCHEMA < points.txt > features.csv
 *
 * Reads lines of x, y and z in metres; SCHEMA names columns or a set of them, as "planarity@k20, height_above_ground".
 *
 *   cc -std=c99 -Iinclude examples/c/features.c -Ltarget/release -lgroma -Wl,-rpath,$PWD/target/release
 */
#include <groma.h>
#include <stdio.h>
#include <stdlib.h>

int main(int argc, char **argv) {
    groma_points_t points;
    groma_features_t *features = NULL;
    groma_error_t *error = NULL;
    double p[3], *positions = NULL;
    uint64_t count = 0, room = 0, row, column, columns;
    int status = EXIT_FAILURE;

    if (argc != 2) {
        fprintf(stderr, "usage: features SCHEMA < points.txt > features.csv\n");
        return 2;
    }
    while (scanf("%lf %lf %lf", &p[0], &p[1], &p[2]) == 3) {
        if (count == room) {
            double *more = (double *)realloc(positions, (size_t)(room = room ? 2 * room : 4096) * sizeof p);
            if (!more) {
                fprintf(stderr, "features: no memory for more than %llu points\n", (unsigned long long)count);
                free(positions);
                return EXIT_FAILURE;
            }
            positions = more;
        }
        positions[3 * count] = p[0], positions[3 * count + 1] = p[1], positions[3 * count + 2] = p[2];
        count++;
    }

    groma_points_init(&points, sizeof points);
    points.count = count;
    if (positions) points.x = positions, points.y = positions + 1, points.z = positions + 2;
    points.x_stride_bytes = points.y_stride_bytes = points.z_stride_bytes = sizeof p;
    points.resolution = 0.01; /* of the data; nothing moves */

    if (groma_features_compute(&points, argv[1], NULL, &features, &error) == GROMA_STATUS_OK) {
        const float *values = groma_features_values(features);
        columns = groma_features_columns(features);
        for (column = 0; column < columns; column++)
            printf("%s%s", column ? "," : "", groma_features_column_name(features, column));
        for (row = 0; row < groma_features_rows(features); row++)
            for (column = 0; column < columns; column++)
                printf("%s%.9g", column ? "," : "\n", (double)values[row * columns + column]);
        printf("\n");
        status = EXIT_SUCCESS;
    } else {
        fprintf(stderr, "features: %s (status %d)\n", groma_error_message(error), (int)groma_error_code(error));
    }
    groma_error_destroy(error);
    groma_features_destroy(features);
    free(positions);
    return status;
}
