/* Eight threads classify with one model at the same time; each of their results is, bit for bit, that of one thread. */
#define _GNU_SOURCE
#include "host.h"
#include <pthread.h>

#define THREADS 8
#define ROUNDS 6

static struct host_points host;
static groma_model_t *model;
static groma_result_t *expected;

static groma_result_t *classify(uint32_t threads) {
    groma_classify_options_t options;
    groma_result_t *result = NULL;
    groma_error_t *error = NULL;
    groma_classify_options_init(&options, sizeof options);
    options.threads = threads, options.probabilities = 1;
    CHECK(groma_classify_points(model, &host.points, &options, &result, &error) == GROMA_STATUS_OK, "%s",
          groma_error_message(error));
    return result;
}

static void *work(void *argument) {
    uint32_t threads = (uint32_t)(size_t)argument % 3;
    int i;
    for (i = 0; i < ROUNDS; i++) {
        groma_result_t *result = classify(threads);
        size_t count = (size_t)groma_result_count(result), classes = (size_t)groma_result_class_count(result);
        CHECK(count == HOST_POINTS, "%zu points", count);
        CHECK(!memcmp(groma_result_classes(result), groma_result_classes(expected), count), "classes differ");
        CHECK(!memcmp(groma_result_confidence(result), groma_result_confidence(expected), count * sizeof(float)),
              "confidences differ");
        CHECK(!memcmp(groma_result_probabilities(result), groma_result_probabilities(expected),
                      count * classes * sizeof(float)),
              "probabilities differ");
        groma_result_destroy(result);
    }
    return NULL;
}

int main(void) {
    pthread_t threads[THREADS];
    size_t i;
    host_fill(&host);
    CHECK(groma_model_open_default(&model, NULL) == GROMA_STATUS_OK, "model");
    expected = classify(1);
    for (i = 0; i < THREADS; i++) CHECK(!pthread_create(&threads[i], NULL, work, (void *)i), "a thread");
    for (i = 0; i < THREADS; i++) CHECK(!pthread_join(threads[i], NULL), "a thread");
    groma_result_destroy(expected);
    groma_model_destroy(model);
    printf("%d equal results\n", THREADS * ROUNDS);
    return EXIT_SUCCESS;
}
