/*
 * Asks the default model how alike points are: embeddings_of_array [TENSOR]
 *
 * TENSOR is any tensor of the model with one row a point; `relu2` is the last one before the classes. The points are a flat
 * roof above flat ground, made here; the cosine of two points of the roof and of one of each is printed.
 *
 *   cc -std=c99 -Iinclude examples/c/embeddings_of_array.c -Ltarget/release -lgroma -lm -Wl,-rpath,$PWD/target/release
 */
#include <groma.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define SIDE 60

struct point {
    double x, y, z;
    uint8_t return_number, number_of_returns;
};

static groma_column_t column(const char *name, const uint8_t *first) {
    groma_column_t column;
    memset(&column, 0, sizeof column);
    column.struct_size = sizeof column;
    column.element_type = GROMA_TYPE_U8;
    column.name = name;
    column.data = first;
    column.stride_bytes = sizeof(struct point);
    return column;
}

static double cosine(const float *a, const float *b, int64_t width) {
    double ab = 0, aa = 0, bb = 0;
    int64_t i;
    for (i = 0; i < width; i++) {
        ab += (double)a[i] * (double)b[i];
        aa += (double)a[i] * (double)a[i];
        bb += (double)b[i] * (double)b[i];
    }
    return aa > 0 && bb > 0 ? ab / sqrt(aa * bb) : 0;
}

int main(int argc, char **argv) {
    static struct point own[SIDE * SIDE];
    const char *tensor = argc > 1 ? argv[1] : "relu2";
    const int roof = 25 * SIDE + 25, same_roof = 33 * SIDE + 36, ground = 50 * SIDE + 8;
    groma_column_t columns[2];
    groma_points_t points;
    groma_model_t *model = NULL;
    groma_value_t *embeddings = NULL;
    groma_error_t *error = NULL;
    int status = EXIT_SUCCESS, i;

    for (i = 0; i < SIDE * SIDE; i++) {
        int on_roof;
        own[i].x = 0.5 * (i % SIDE);
        own[i].y = 0.5 * (i / SIDE);
        on_roof = own[i].x >= 10 && own[i].x < 20 && own[i].y >= 10 && own[i].y < 20;
        own[i].z = 0.01 * (i * 7919 % 13) + (on_roof ? 6.0 : 0.0);
        own[i].return_number = own[i].number_of_returns = 1;
    }
    columns[0] = column("return_number", &own->return_number);
    columns[1] = column("number_of_returns", &own->number_of_returns);
    groma_points_init(&points, sizeof points);
    points.count = SIDE * SIDE;
    points.x = &own->x, points.y = &own->y, points.z = &own->z;
    points.x_stride_bytes = points.y_stride_bytes = points.z_stride_bytes = sizeof *own;
    points.resolution = 0.01;
    points.columns = columns;
    points.column_count = 2;

    if (groma_model_open_default(&model, &error) == GROMA_STATUS_OK &&
        groma_embed_points(model, &points, tensor, NULL, &embeddings, &error) == GROMA_STATUS_OK) {
        const int64_t *shape = groma_value_shape(embeddings);
        const float *rows = (const float *)groma_value_data(embeddings);
        printf("%lld points, %lld numbers each\n", (long long)shape[0], (long long)shape[1]);
        printf("roof and roof   %.4f\n", cosine(rows + roof * shape[1], rows + same_roof * shape[1], shape[1]));
        printf("roof and ground %.4f\n", cosine(rows + roof * shape[1], rows + ground * shape[1], shape[1]));
    } else {
        fprintf(stderr, "embeddings_of_array: %s (status %d)\n", groma_error_message(error), (int)groma_error_code(error));
        status = EXIT_FAILURE;
    }
    groma_error_destroy(error);
    groma_value_destroy(embeddings);
    groma_model_destroy(model);
    return status;
}
