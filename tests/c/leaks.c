/*
 * Makes and frees one of everything, with errors between, for tools that look for leaks and wild accesses.
 *
 *   leaks FOLDER RUNTIME(0 or 1) MODEL [forget]
 *
 * MODEL is one of the test models: it reads rows of five numbers and gives `logits`. With `forget`, an object of ONNX Runtime is
 * lost, which the tools must find: the runtime is then the file that GROMA_ONNXRUNTIME names.
 */
#define _GNU_SOURCE
#include "host.h"

#include <dlfcn.h>

static struct host_points host;

/* A call that must fail; its error is read and freed. */
static void refused(groma_status_t status, groma_error_t *error) {
    CHECK(status != GROMA_STATUS_OK && groma_error_code(error) == status, "status %d", (int)status);
    CHECK(strlen(groma_error_message(error)) > 10, "no message");
    groma_error_destroy(error);
}

#define REFUSED(call)                                                                                                  \
    do {                                                                                                               \
        groma_error_t *error = NULL;                                                                                   \
        groma_status_t status = call;                                                                                  \
        refused(status, error);                                                                                        \
    } while (0)

#define DONE(call)                                                                                                     \
    do {                                                                                                               \
        groma_error_t *error = NULL;                                                                                   \
        CHECK((call) == GROMA_STATUS_OK, "%s", groma_error_message(error));                                            \
    } while (0)

static void texts(void) {
    groma_string_t *string = NULL;
    groma_devices_t *devices = NULL;
    groma_cancel_t *cancel = NULL;
    DONE(groma_schema_describe("lod2", &string, &error));
    groma_string_destroy(string);
    DONE(groma_devices_list(&devices, &error));
    groma_devices_destroy(devices);
    DONE(groma_cancel_create(&cancel, &error));
    groma_cancel_trigger(cancel);
    groma_cancel_destroy(cancel);
    REFUSED(groma_schema_describe("no such column", &string, &error));
}

static void features(void) {
    groma_features_t *features = NULL;
    groma_value_t *value = NULL;
    groma_features_options_t options;
    groma_features_options_init(&options, sizeof options);
    options.threads = 2, options.block_size_m = 5.0;
    DONE(groma_features_compute(&host.points, "planarity@k10, height_above_ground", &options, &features, &error));
    DONE(groma_features_value(features, &value, &error));
    groma_features_destroy(features);
    CHECK(groma_value_count(value) == 2 * HOST_POINTS, "values");
    groma_value_destroy(value);
    REFUSED(groma_features_compute(&host.points, "nir", NULL, &features, &error));
    options.search = 77;
    REFUSED(groma_features_compute(&host.points, "lod2", &options, &features, &error));
}

static void filters(void) {
    groma_filter_options_t options;
    int32_t kind;
    groma_filter_options_init(&options, sizeof options);
    options.count = 50;
    for (kind = GROMA_FILTER_STATISTICAL; kind <= GROMA_FILTER_RANDOM; kind++) {
        groma_filtered_t *filtered = NULL;
        DONE(groma_filter_points(&host.points, kind, &options, &filtered, &error));
        groma_filtered_destroy(filtered);
    }
}

static void ground(void) {
    groma_ground_t *ground = NULL;
    groma_ground_options_t options;
    groma_ground_options_init(&options, sizeof options);
    options.height = GROMA_HEIGHT_TIN;
    DONE(groma_ground_points(&host.points, &options, &ground, &error));
    groma_ground_destroy(ground);
}

static void neighbors(void) {
    groma_neighbors_t *neighbors = NULL;
    groma_value_t *value = NULL;
    DONE(groma_neighbors_nearest(&host.points, 8, NULL, &neighbors, &error));
    DONE(groma_neighbors_value(neighbors, GROMA_NEIGHBORS_INDICES, &value, &error));
    groma_neighbors_destroy(neighbors);
    groma_value_destroy(value);
    DONE(groma_neighbors_within(&host.points, 1.0, NULL, &neighbors, &error));
    groma_neighbors_destroy(neighbors);
    REFUSED(groma_neighbors_within(&host.points, -1.0, NULL, &neighbors, &error));
}

static void files(const char *folder) {
    groma_las_options_t options;
    groma_cloud_t *cloud = NULL;
    groma_points_t points;
    groma_value_t *value = NULL;
    groma_summary_t *summary = NULL;
    groma_features_file_options_t extract;
    char input[1024], output[1024];
    snprintf(input, sizeof input, "%s/leaks.laz", folder);
    snprintf(output, sizeof output, "%s/leaks.npy", folder);
    groma_las_options_init(&options, sizeof options);
    options.overwrite = 1;
    DONE(groma_las_write(&host.points, input, &options, &error));
    DONE(groma_las_read(input, NULL, NULL, &cloud, &error));
    groma_points_init(&points, sizeof points);
    DONE(groma_cloud_points(cloud, &points, &error));
    CHECK(points.count == HOST_POINTS, "points");
    DONE(groma_cloud_value(cloud, "intensity", &value, &error));
    REFUSED(groma_cloud_value(cloud, "nothing", &value, &error));
    groma_cloud_destroy(cloud);
    groma_value_destroy(value);
    groma_features_file_options_init(&extract, sizeof extract);
    extract.overwrite = 1;
    DONE(groma_features_file("planarity@k10", input, output, &extract, &summary, &error));
    groma_summary_destroy(summary);
    REFUSED(groma_las_read(output, NULL, NULL, &cloud, &error));
}

static void values(void) {
    static const int64_t shape[2] = {3, HOST_POINTS};
    static const char *const words[3] = {"one", "two", ""};
    groma_value_t *tensor = NULL, *strings = NULL, *list = NULL, *item = NULL, *none = NULL;
    const groma_value_t *items[3];
    DONE(groma_value_copy_tensor(GROMA_TYPE_F64, shape, 2, host.xyz, sizeof host.xyz, &tensor, &error));
    DONE(groma_value_create_strings(words, NULL, shape, 1, &strings, &error));
    DONE(groma_value_create_none(&none, &error));
    items[0] = tensor, items[1] = strings, items[2] = none;
    DONE(groma_value_create_sequence(items, 3, &list, &error));
    groma_value_destroy(tensor), groma_value_destroy(strings), groma_value_destroy(none);
    DONE(groma_value_item(list, 1, &item, &error));
    groma_value_destroy(list);
    CHECK(!strcmp(groma_value_string(item, 1, NULL), "two"), "strings");
    groma_value_destroy(item);
    REFUSED(groma_value_copy_tensor(GROMA_TYPE_F64, shape, 2, host.xyz, 8, &tensor, &error));
}

static void checkpoints(const char *folder) {
    static const int64_t shape[2] = {HOST_POINTS, 3};
    groma_checkpoint_t *checkpoint = NULL, *again = NULL;
    groma_value_t *weights = NULL, *read = NULL;
    char path[1024];
    snprintf(path, sizeof path, "%s/leaks.safetensors", folder);
    DONE(groma_checkpoint_create("{\"step\": 7}", &checkpoint, &error));
    DONE(groma_value_copy_tensor(GROMA_TYPE_F64, shape, 2, host.xyz, sizeof host.xyz, &weights, &error));
    DONE(groma_checkpoint_add(checkpoint, GROMA_SECTION_WEIGHTS, "layer", weights, &error));
    groma_value_destroy(weights);
    DONE(groma_checkpoint_save(checkpoint, path, 1, &error));
    groma_checkpoint_destroy(checkpoint);
    DONE(groma_checkpoint_open(path, &again, &error));
    DONE(groma_checkpoint_value(again, GROMA_SECTION_WEIGHTS, "layer", &read, &error));
    REFUSED(groma_checkpoint_value(again, GROMA_SECTION_WEIGHTS, "nothing", &weights, &error));
    groma_checkpoint_destroy(again);
    CHECK(groma_value_size_bytes(read) == sizeof host.xyz, "weights");
    groma_value_destroy(read);
    REFUSED(groma_checkpoint_open("/nowhere/weights.safetensors", &again, &error));
}

static void say(void *user, int32_t level, const char *target, const char *message) {
    (void)level, (void)target;
    *(size_t *)user += strlen(message);
}

static void network(const char *path) {
    static const int64_t shape[2] = {2, 5};
    static const float rows[2][5];
    groma_network_t *network = NULL;
    groma_value_t *input = NULL, *outputs = NULL;
    const groma_value_t *inputs[1];
    const char *names[1] = {"nothing"};
    DONE(groma_network_open(path, NULL, &network, &error));
    DONE(groma_value_borrow_tensor(GROMA_TYPE_F32, shape, 2, rows, sizeof rows, &input, &error));
    inputs[0] = input;
    REFUSED(groma_network_run(network, names, inputs, 1, NULL, 0, NULL, &outputs, &error));
    names[0] = groma_network_input_name(network, 0);
    DONE(groma_network_run(network, names, inputs, 1, NULL, 0, NULL, &outputs, &error));
    groma_network_destroy(network);
    groma_value_destroy(input);
    CHECK(groma_value_count(outputs) == 1, "outputs");
    groma_value_destroy(outputs);
}

static void model(const char *path) {
    groma_model_t *model = NULL, *ensemble = NULL;
    groma_result_t *result = NULL;
    groma_value_t *mask = NULL, *rows = NULL, *embeddings = NULL;
    groma_classify_options_t options;
    const groma_model_t *members[2];
    DONE(groma_model_open(path, &model, &error));
    members[0] = members[1] = model;
    DONE(groma_model_open_ensemble(members, NULL, 2, GROMA_ENSEMBLE_MEAN, &ensemble, &error));
    DONE(groma_embed_points(model, &host.points, "logits", NULL, &embeddings, &error));
    REFUSED(groma_embed_points(model, &host.points, "nothing", NULL, &embeddings, &error));
    groma_model_destroy(model);
    groma_value_destroy(embeddings);
    DONE(groma_classify_points(ensemble, &host.points, NULL, &result, &error));
    groma_model_destroy(ensemble);
    DONE(groma_result_confident(result, 0.5f, &mask, &rows, &error));
    groma_result_destroy(result);
    groma_value_destroy(mask), groma_value_destroy(rows);
    DONE(groma_model_open_default(&model, &error));
    groma_classify_options_init(&options, sizeof options);
    options.threads = 2, options.probabilities = 1;
    DONE(groma_classify_points(model, &host.points, &options, &result, &error));
    groma_model_destroy(model);
    CHECK(groma_result_count(result) == HOST_POINTS, "points");
    groma_result_destroy(result);
    REFUSED(groma_model_open("/nowhere/model.onnx", &model, &error));
    REFUSED(groma_model_open_memory("rubbish", "rubbish", 7, NULL, &model, &error));
}

/* The first function of the table that ONNX Runtime gives, in every version: it makes a status, which the caller owns. */
struct runtime_api {
    void *(*create_status)(int code, const char *message);
};
struct runtime_base {
    const struct runtime_api *(*get_api)(uint32_t version);
};

/* Loses a status of ONNX Runtime: nothing of it is memory of Groma. */
static void forget(void) {
    const struct runtime_base *(*get_base)(void);
    void *library = dlopen(getenv("GROMA_ONNXRUNTIME"), RTLD_NOW);
    void *symbol = library ? dlsym(library, "OrtGetApiBase") : NULL;
    void *volatile lost;
    CHECK(symbol, "no runtime");
    memcpy(&get_base, &symbol, sizeof symbol);
    lost = get_base()->get_api(1)->create_status(1, "lost");
    CHECK(lost, "no status");
    lost = NULL;
}

int main(int argc, char **argv) {
    size_t said = 0;
    CHECK(argc == 4 || argc == 5, "usage: leaks FOLDER RUNTIME MODEL [forget]");
    if (argc == 5) {
        forget();
        return EXIT_SUCCESS;
    }
    host_fill(&host);
    texts();
    features();
    filters();
    ground();
    neighbors();
    files(argv[1]);
    values();
    checkpoints(argv[1]);
    if (argv[2][0] == '1') {
        DONE(groma_log_set(say, &said, GROMA_LOG_DEBUG, &error));
        network(argv[3]);
        model(argv[3]);
        DONE(groma_log_set(NULL, NULL, GROMA_LOG_ERROR, &error));
        CHECK(said > 0, "no message of a network came to the log");
    }
    printf("done\n");
    return EXIT_SUCCESS;
}
