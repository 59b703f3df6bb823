/*
 * Removes lonely points from a tile and thins the rest: filter_file IN.laz CLEAN.laz THIN.laz
 *
 * CLEAN has all points of IN that have two others within a metre, THIN one point for each half metre of CLEAN.
 *
 *   cc -std=c99 -Iinclude examples/c/filter_file.c -Ltarget/release -lgroma -Wl,-rpath,$PWD/target/release
 */
#include <groma.h>
#include <stdio.h>
#include <stdlib.h>

/* Filters one file into another and says what was done; 0 if that failed. */
static int filter(const char *input, const char *output, int32_t method, const groma_filter_options_t *options) {
    groma_filter_summary_t *summary = NULL;
    groma_error_t *error = NULL;
    int done = groma_filter_file(input, output, method, options, &summary, &error) == GROMA_STATUS_OK;

    if (done)
        printf("%s: %llu of %llu points\n", output, (unsigned long long)groma_filter_summary_written(summary),
               (unsigned long long)groma_filter_summary_points(summary));
    else
        fprintf(stderr, "filter_file: %s (status %d)\n", groma_error_message(error), (int)groma_error_code(error));
    groma_error_destroy(error);
    groma_filter_summary_destroy(summary);
    return done;
}

int main(int argc, char **argv) {
    groma_filter_options_t options;

    if (argc != 4) {
        fprintf(stderr, "usage: filter_file IN.laz CLEAN.laz THIN.laz\n");
        return 2;
    }
    groma_filter_options_init(&options, sizeof options);
    options.radius_m = 1.0;
    options.neighbors = 2;
    options.voxel_size_m = 0.5;
    options.voxel_keep = GROMA_VOXEL_CENTER; /* points stay where they were measured */
    if (!filter(argv[1], argv[2], GROMA_FILTER_RADIUS, &options)) return EXIT_FAILURE;
    if (!filter(argv[2], argv[3], GROMA_FILTER_VOXEL, &options)) return EXIT_FAILURE;
    return EXIT_SUCCESS;
}
