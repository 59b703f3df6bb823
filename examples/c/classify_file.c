/*
 * Classifies a LAS, LAZ or COPC file with the default model: classify_file INPUT OUTPUT
 *
 *   cc -std=c99 -Iinclude examples/c/classify_file.c -Ltarget/release -lgroma -Wl,-rpath,$PWD/target/release
 */
#include <groma.h>
#include <stdio.h>
#include <stdlib.h>

static const char *const stages[] = {"start", "read", "ground", "features", "inference", "write"};

/* Called on this thread about every 50 ms; anything but 0 would cancel. */
static int32_t show_progress(void *user, int32_t stage, uint64_t done, uint64_t total) {
    FILE *terminal = (FILE *)user;
    const char *name = stage >= 0 && stage < (int32_t)(sizeof stages / sizeof *stages) ? stages[stage] : "work";
    fprintf(terminal, "\r%-10s %3.0f %%", name, total ? 100.0 * (double)done / (double)total : 0.0);
    return 0;
}

static int failed(groma_error_t *error) {
    fprintf(stderr, "\nclassify_file: %s (status %d)\n", groma_error_message(error), (int)groma_error_code(error));
    groma_error_destroy(error);
    return EXIT_FAILURE;
}

int main(int argc, char **argv) {
    groma_model_t *model = NULL;
    groma_summary_t *summary = NULL;
    groma_error_t *error = NULL;
    groma_classify_options_t options;
    int status = EXIT_SUCCESS;
    int asprs;

    if (argc != 3) {
        fprintf(stderr, "usage: classify_file INPUT OUTPUT\n");
        return 2;
    }
    if (groma_model_open_default(&model, &error) != GROMA_STATUS_OK) return failed(error);

    groma_classify_options_init(&options, sizeof options);
    options.progress = show_progress;
    options.progress_user = stderr;

    if (groma_classify_file(model, argv[1], argv[2], &options, &summary, &error) == GROMA_STATUS_OK) {
        fprintf(stderr, "\n");
        printf("%llu points in %.1f s, mean confidence %.3f\n", (unsigned long long)groma_summary_points(summary),
               groma_summary_total_s(summary), groma_summary_mean_confidence(summary));
        for (asprs = 0; asprs < 256; asprs++) {
            unsigned long long points = groma_summary_class_points(summary, (uint8_t)asprs);
            if (points > 0) printf("class %3d %12llu\n", asprs, points);
        }
    } else {
        status = failed(error);
    }
    groma_summary_destroy(summary);
    groma_model_destroy(model);
    return status;
}
