/*
 * Forks after everything was used, as web servers and `multiprocessing` do, and uses it in the child: each call there gives
 * an answer or an error, and the child ends, within ten seconds.
 *
 *   forked FOLDER RUNTIME(0 or 1) NETWORK
 *
 * Prints the status of each call in the child.
 */
#define _GNU_SOURCE
#include "host.h"
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#define LIMIT_S 10.0

static struct host_points host;
static groma_model_t *model;
static groma_result_t *result;
static groma_features_t *features;
static groma_neighbors_t *neighbors;
static groma_network_t *network;
static const char *folder;

static groma_status_t classify(groma_error_t **error) {
    groma_result_t *again = NULL;
    groma_status_t status = groma_classify_points(model, &host.points, NULL, &again, error);
    groma_result_destroy(again);
    return status;
}

static groma_status_t run(groma_error_t **error) {
    static const float rows[2][5];
    static const int64_t shape[2] = {2, 5};
    const char *name = groma_network_input_name(network, 0);
    groma_value_t *input = NULL, *outputs = NULL;
    groma_status_t status = groma_value_copy_tensor(GROMA_TYPE_F32, shape, 2, rows, sizeof rows, &input, error);
    const groma_value_t *inputs = input;
    if (status == GROMA_STATUS_OK)
        status = groma_network_run(network, &name, &inputs, 1, NULL, 0, NULL, &outputs, error);
    groma_value_destroy(input);
    groma_value_destroy(outputs);
    return status;
}

static groma_status_t open_model(groma_error_t **error) {
    groma_model_t *another = NULL;
    groma_status_t status = groma_model_open_default(&another, error);
    groma_model_destroy(another);
    return status;
}

static groma_status_t compute(groma_error_t **error) {
    groma_features_t *again = NULL;
    groma_status_t status = groma_features_compute(&host.points, "lod2", NULL, &again, error);
    groma_features_destroy(again);
    return status;
}

static groma_status_t search(groma_error_t **error) {
    groma_neighbors_t *again = NULL;
    groma_status_t status = groma_neighbors_nearest(&host.points, 8, NULL, &again, error);
    groma_neighbors_destroy(again);
    return status;
}

static groma_status_t filter(groma_error_t **error) {
    groma_filtered_t *filtered = NULL;
    groma_status_t status = groma_filter_points(&host.points, GROMA_FILTER_VOXEL, NULL, &filtered, error);
    groma_filtered_destroy(filtered);
    return status;
}

static groma_status_t files(groma_error_t **error) {
    groma_las_options_t options;
    groma_cloud_t *cloud = NULL;
    char path[1024];
    groma_status_t status;
    snprintf(path, sizeof path, "%s/forked.laz", folder);
    groma_las_options_init(&options, sizeof options);
    options.overwrite = 1;
    status = groma_las_write(&host.points, path, &options, error);
    if (status == GROMA_STATUS_OK) status = groma_las_read(path, NULL, NULL, &cloud, error);
    groma_cloud_destroy(cloud);
    return status;
}

static groma_status_t describe(groma_error_t **error) {
    groma_string_t *json = NULL;
    groma_status_t status = groma_doctor_json(&json, error);
    groma_string_destroy(json);
    return status;
}

static groma_status_t destroy(groma_error_t **error) {
    (void)error;
    groma_result_destroy(result);
    groma_features_destroy(features);
    groma_neighbors_destroy(neighbors);
    groma_network_destroy(network);
    groma_model_destroy(model);
    return GROMA_STATUS_OK;
}

static groma_status_t nothing(groma_error_t **error) {
    (void)error;
    return GROMA_STATUS_OK;
}

/* Does the call in a child and waits for its end. */
static void in_a_child(const char *name, groma_status_t (*call)(groma_error_t **)) {
    int state = 0;
    double began = host_seconds();
    pid_t child;
    fflush(stdout);
    child = fork();
    CHECK(child >= 0, "fork");
    if (child == 0) {
        groma_error_t *error = NULL;
        groma_status_t status = call(&error);
        CHECK((status == GROMA_STATUS_OK) == (error == NULL), "status and error contradict each other");
        printf("%s %s\n", name, status == GROMA_STATUS_OK ? "OK" : groma_status_name(status));
        groma_error_destroy(error);
        exit(EXIT_SUCCESS); /* with everything that libraries do at exit */
    }
    while (waitpid(child, &state, WNOHANG) == 0) {
        if (host_seconds() - began > LIMIT_S) {
            kill(child, SIGKILL);
            waitpid(child, &state, 0);
            CHECK(0, "%s: the child hangs", name);
        }
        usleep(2000);
    }
    CHECK(WIFEXITED(state) && WEXITSTATUS(state) == 0, "%s: the child ended with %d", name, state);
}

int main(int argc, char **argv) {
    int with_runtime;
    CHECK(argc == 4, "usage: forked FOLDER RUNTIME NETWORK");
    folder = argv[1], with_runtime = argv[2][0] == '1';
    host_fill(&host);
    CHECK(compute(NULL) == 0 && search(NULL) == 0 && filter(NULL) == 0 && files(NULL) == 0, "before the fork");
    CHECK(groma_features_compute(&host.points, "lod2", NULL, &features, NULL) == 0, "features");
    CHECK(groma_neighbors_nearest(&host.points, 8, NULL, &neighbors, NULL) == 0, "neighbors");
    if (with_runtime) {
        CHECK(groma_model_open_default(&model, NULL) == 0, "model");
        CHECK(groma_classify_points(model, &host.points, NULL, &result, NULL) == 0, "classify");
        CHECK(groma_network_open(argv[3], NULL, &network, NULL) == 0 && run(NULL) == 0, "network");
        in_a_child("classify", classify);
        in_a_child("run", run);
        in_a_child("open", open_model);
    }
    in_a_child("features", compute);
    in_a_child("neighbors", search);
    in_a_child("filter", filter);
    in_a_child("files", files);
    in_a_child("describe", describe);
    in_a_child("destroy", destroy);
    in_a_child("exit", nothing);
    /* The parent is as it was. */
    CHECK(compute(NULL) == 0 && (!with_runtime || (classify(NULL) == 0 && run(NULL) == 0)), "after the forks");
    destroy(NULL);
    printf("parent OK\n");
    return EXIT_SUCCESS;
}
