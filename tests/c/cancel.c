/*
 * A callback cancels a call in the middle of a batch that would take minutes: cancel SLOW_MODEL
 *
 * Prints how long the call went on after the callback had said so, in milliseconds.
 */
#define _GNU_SOURCE
#include "host.h"

static double said;

static int32_t stop(void *user, int32_t stage, uint64_t done, uint64_t total) {
    (void)user, (void)done, (void)total;
    if (stage != GROMA_STAGE_INFERENCE) return 0;
    if (said == 0.0) said = host_seconds();
    return 1;
}

int main(int argc, char **argv) {
    static struct host_points host;
    groma_classify_options_t options;
    groma_model_t *model = NULL;
    groma_result_t *result = NULL;
    groma_error_t *error = NULL;
    groma_status_t status;
    CHECK(argc == 2, "usage: cancel SLOW_MODEL");
    host_fill(&host);
    CHECK(groma_model_open(argv[1], &model, &error) == GROMA_STATUS_OK, "%s", groma_error_message(error));
    groma_classify_options_init(&options, sizeof options);
    options.progress = stop;
    status = groma_classify_points(model, &host.points, &options, &result, &error);
    CHECK(said > 0.0, "the callback was not called: %s", groma_error_message(error));
    printf("%.1f\n", 1e3 * (host_seconds() - said));
    CHECK(status == GROMA_STATUS_CANCELLED && !result, "status %d", (int)status);
    groma_error_destroy(error);
    groma_model_destroy(model);
    return EXIT_SUCCESS;
}
