/*
 * Loads the library, uses it and unloads it, a hundred times over in one process: unload LIBRARY RUNTIME(0 or 1)
 *
 * Prints the resident memory in kB after ten rounds and after all.
 */
#define _GNU_SOURCE
#include "host.h"
#include <dlfcn.h>
#include <unistd.h>

static long resident_kb(void) {
    long pages = 0, unused = 0;
    FILE *file = fopen("/proc/self/statm", "r");
    CHECK(file && fscanf(file, "%ld %ld", &unused, &pages) == 2, "no /proc/self/statm");
    fclose(file);
    return pages * (sysconf(_SC_PAGESIZE) / 1024);
}

static void *symbol(void *library, const char *name) {
    void *found = dlsym(library, name);
    CHECK(found, "%s", dlerror());
    return found;
}

/* A function of the library by its own type. */
#define FUNCTION(name)                                                                                                 \
    __typeof__(name) *call_##name;                                                                                     \
    *(void **)&call_##name = symbol(library, #name)

static void round_of_use(const char *path, int with_runtime, struct host_points *host) {
    groma_features_t *features = NULL;
    groma_error_t *error = NULL;
    groma_model_t *model = NULL;
    groma_result_t *result = NULL;
    void *library = dlopen(path, RTLD_NOW | RTLD_LOCAL);
    CHECK(library, "%s", dlerror());
    {
        FUNCTION(groma_features_compute);
        FUNCTION(groma_features_destroy);
        FUNCTION(groma_error_code);
        FUNCTION(groma_error_destroy);
        CHECK(call_groma_features_compute(&host->points, "planarity@k10", NULL, &features, NULL) == 0, "features");
        call_groma_features_destroy(features);
        CHECK(call_groma_features_compute(&host->points, "no such column", NULL, &features, &error) ==
                  GROMA_STATUS_UNKNOWN_FEATURE, "an error");
        CHECK(call_groma_error_code(error) == GROMA_STATUS_UNKNOWN_FEATURE, "its code");
        call_groma_error_destroy(error);
    }
    if (with_runtime) {
        FUNCTION(groma_model_open_default);
        FUNCTION(groma_model_destroy);
        FUNCTION(groma_classify_points);
        FUNCTION(groma_result_destroy);
        CHECK(call_groma_model_open_default(&model, NULL) == 0, "model");
        CHECK(call_groma_classify_points(model, &host->points, NULL, &result, NULL) == 0, "classify");
        call_groma_result_destroy(result);
        call_groma_model_destroy(model);
    }
    CHECK(dlclose(library) == 0, "%s", dlerror());
}

int main(int argc, char **argv) {
    static struct host_points host;
    long after_ten = 0;
    int i;
    CHECK(argc == 3, "usage: unload LIBRARY RUNTIME");
    host_fill(&host);
    for (i = 0; i < 100; i++) {
        if (i == 10) after_ten = resident_kb();
        round_of_use(argv[1], argv[2][0] == '1', &host);
    }
    printf("%ld %ld\n", after_ten, resident_kb());
    return EXIT_SUCCESS;
}
