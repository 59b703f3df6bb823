/*
 * A program of an older header, kept as it was then: it computes features of points, classifies them if there is an ONNX
 * Runtime, writes features of a file, and reads errors. Prints one line for each; ends with 0 if all is as it was.
 *
 *   previous FOLDER RUNTIME(0 or 1)
 */
#include <groma.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define POINTS 400

static int failed(const char *what, groma_error_t *error) {
    printf("FAILED %s: %s\n", what, groma_error_message(error));
    return EXIT_FAILURE;
}

static int32_t go_on(void *user, int32_t stage, uint64_t done, uint64_t total) {
    (void)stage, (void)done, (void)total;
    ++*(int *)user;
    return 0;
}

int main(int argc, char **argv) {
    /* What stands behind the structs must be neither read nor written. */
    struct { groma_features_options_t options; unsigned char guard[64]; } features_options;
    struct { groma_classify_options_t options; unsigned char guard[64]; } classify_options;
    struct { groma_points_t points; unsigned char guard[64]; } all;
    static double xyz[POINTS][3];
    static uint16_t intensity[POINTS];
    static uint8_t one[POINTS];
    groma_column_t columns[3];
    groma_features_t *features = NULL;
    groma_error_t *error = NULL;
    char path[1024];
    int i, calls = 0;
    unsigned char guard[64];

    if (argc != 3) return 2;
    memset(guard, 0xA5, sizeof guard);
    memset(&features_options, 0xA5, sizeof features_options);
    memset(&classify_options, 0xA5, sizeof classify_options);
    memset(&all, 0xA5, sizeof all);

    if (groma_abi_version() >> 16 != GROMA_ABI_MAJOR || (groma_abi_version() & 0xffff) < GROMA_ABI_MINOR)
        return failed("version", NULL);
    printf("library %u.%u, header %d.%d\n", (unsigned)(groma_abi_version() >> 16),
           (unsigned)(groma_abi_version() & 0xffff), GROMA_ABI_MAJOR, GROMA_ABI_MINOR);

    for (i = 0; i < POINTS; i++) {
        xyz[i][0] = 0.5 * (i % 20), xyz[i][1] = 0.5 * (i / 20), xyz[i][2] = i == 210 ? 3.0 : 0.1 * (i % 3);
        intensity[i] = (uint16_t)(100 + i), one[i] = 1;
    }
    memset(columns, 0, sizeof columns);
    for (i = 0; i < 3; i++) {
        columns[i].struct_size = sizeof columns[i];
        columns[i].element_type = i ? GROMA_TYPE_U8 : GROMA_TYPE_U16;
        columns[i].data = i ? (const void *)one : (const void *)intensity;
    }
    columns[0].name = "intensity", columns[1].name = "return_number", columns[2].name = "number_of_returns";
    groma_points_init(&all.points, sizeof all.points);
    all.points.count = POINTS;
    all.points.x = &xyz[0][0], all.points.y = &xyz[0][1], all.points.z = &xyz[0][2];
    all.points.x_stride_bytes = all.points.y_stride_bytes = all.points.z_stride_bytes = sizeof xyz[0];
    all.points.resolution = 0.01;
    all.points.columns = columns, all.points.column_count = 3;

    groma_features_options_init(&features_options.options, sizeof features_options.options);
    features_options.options.progress = go_on, features_options.options.progress_user = &calls;
    if (groma_features_compute(&all.points, "planarity@k20, height_above_ground", &features_options.options, &features,
                               &error))
        return failed("features", error);
    if (groma_features_rows(features) != POINTS || groma_features_columns(features) != 2 || calls < 1 ||
        fabs((double)groma_features_values(features)[2 * 210 + 1] - 2.9) > 0.5)
        return failed("feature values", NULL);
    printf("features %s\n", groma_features_column_name(features, 1));
    groma_features_destroy(features);

    if (argv[2][0] == '1') {
        groma_model_t *model = NULL;
        groma_result_t *result = NULL;
        groma_tensor_t view;
        if (groma_model_open_default(&model, &error)) return failed("model", error);
        groma_classify_options_init(&classify_options.options, sizeof classify_options.options);
        classify_options.options.probabilities = 1;
        if (groma_classify_points(model, &all.points, &classify_options.options, &result, &error))
            return failed("classify", error);
        if (groma_result_tensor(result, GROMA_OUTPUT_PROBABILITIES, &view, &error)) return failed("tensor", error);
        if (groma_result_count(result) != POINTS || view.ndim != 2 || view.shape[0] != POINTS ||
            (uint64_t)view.shape[1] != groma_model_class_count(model))
            return failed("result", NULL);
        printf("classes %s\n", groma_model_class_name(model, groma_result_classes(result)[0]));
        groma_result_destroy(result);
        groma_model_destroy(model);
    }

    snprintf(path, sizeof path, "%s/none.laz", argv[1]);
    if (groma_features_file("lod2", path, "out.npy", NULL, NULL, &error) != GROMA_STATUS_NOT_FOUND ||
        groma_error_code(error) != GROMA_STATUS_NOT_FOUND || strcmp(groma_error_subject(error), path))
        return failed("errors", error);
    printf("error %s\n", groma_status_name(groma_error_code(error)));
    groma_error_destroy(error);

    if (memcmp(guard, features_options.guard, sizeof guard) || memcmp(guard, all.guard, sizeof guard) ||
        (argv[2][0] == '1' && memcmp(guard, classify_options.guard, sizeof guard)))
        return failed("memory behind the structs", NULL);
    printf("ok\n");
    return EXIT_SUCCESS;
}
