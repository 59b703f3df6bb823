/*
 * Classifies points that a program holds as an array of structs: classify_points POINTS CLASSES
 *
 * POINTS holds six doubles (scale x, y, z and offset x, y, z), then records of `struct point`, in the byte order of this
 * machine. CLASSES receives the ASPRS code of every point, one byte each, then the confidences, one float each.
 *
 *   cc -std=c99 -Iinclude examples/c/classify_points.c -Ltarget/release -lgroma -Wl,-rpath,$PWD/target/release
 */
#include <groma.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct point {
    int32_t x, y, z; /* position = integer * scale + offset */
    uint16_t intensity;
    uint8_t return_number, number_of_returns;
};

static struct point *read_points(const char *path, double frame[6], uint64_t *count) {
    struct point *points = NULL;
    size_t room = 0, used = 0;
    FILE *file = fopen(path, "rb");
    if (!file || fread(frame, sizeof *frame, 6, file) != 6) {
        if (file) fclose(file);
        return NULL;
    }
    do {
        struct point *more = (struct point *)realloc(points, (room = room ? 2 * room : 65536) * sizeof *points);
        if (!more) {
            free(points);
            fclose(file);
            return NULL;
        }
        points = more;
        used += fread(points + used, sizeof *points, room - used, file);
    } while (used == room);
    fclose(file);
    *count = used;
    return points;
}

static groma_column_t column(const char *name, int32_t type, const void *data) {
    groma_column_t column;
    memset(&column, 0, sizeof column);
    column.struct_size = sizeof column;
    column.element_type = type;
    column.name = name;
    column.data = data;
    column.stride_bytes = sizeof(struct point); /* from the value of one point to that of the next */
    return column;
}

int main(int argc, char **argv) {
    groma_model_t *model = NULL;
    groma_result_t *result = NULL;
    groma_error_t *error = NULL;
    groma_column_t columns[3];
    groma_points_t points;
    double frame[6];
    uint64_t count = 0;
    struct point *own = argc == 3 ? read_points(argv[1], frame, &count) : NULL;
    int status = EXIT_FAILURE;

    if (!own) {
        fprintf(stderr, "usage: classify_points POINTS CLASSES (POINTS must be readable)\n");
        return 2;
    }
    columns[0] = column("intensity", GROMA_TYPE_U16, &own->intensity);
    columns[1] = column("return_number", GROMA_TYPE_U8, &own->return_number);
    columns[2] = column("number_of_returns", GROMA_TYPE_U8, &own->number_of_returns);

    groma_points_init(&points, sizeof points);
    points.coordinate_type = GROMA_TYPE_I32;
    points.count = count;
    points.x = &own->x, points.y = &own->y, points.z = &own->z;
    points.x_stride_bytes = points.y_stride_bytes = points.z_stride_bytes = sizeof *own;
    memcpy(points.scale, frame, sizeof points.scale);
    memcpy(points.offset, frame + 3, sizeof points.offset);
    points.columns = columns;
    points.column_count = 3;

    if (groma_model_open_default(&model, &error) == GROMA_STATUS_OK &&
        groma_classify_points(model, &points, NULL, &result, &error) == GROMA_STATUS_OK) {
        FILE *file = fopen(argv[2], "wb");
        size_t n = (size_t)groma_result_count(result);
        int written = file && fwrite(groma_result_asprs(result), 1, n, file) == n &&
                      fwrite(groma_result_confidence(result), sizeof(float), n, file) == n;
        if (file && fclose(file) != 0) written = 0;
        if (written) status = EXIT_SUCCESS;
        else fprintf(stderr, "classify_points: cannot write %s\n", argv[2]);
    } else {
        fprintf(stderr, "classify_points: %s (status %d)\n", groma_error_message(error), (int)groma_error_code(error));
    }
    groma_error_destroy(error);
    groma_result_destroy(result);
    groma_model_destroy(model);
    free(own);
    return status;
}
