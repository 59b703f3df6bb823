/*
 * Tensors of the C vector runner: reading safetensors files and comparing numbers.
 */
#include "step.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const struct {
    const char *name;
    int32_t type;
    uint64_t size;
} types[] = {
    {"U8", GROMA_TYPE_U8, 1},   {"I8", GROMA_TYPE_I8, 1},   {"U16", GROMA_TYPE_U16, 2}, {"I16", GROMA_TYPE_I16, 2},
    {"U32", GROMA_TYPE_U32, 4}, {"I32", GROMA_TYPE_I32, 4}, {"U64", GROMA_TYPE_U64, 8}, {"I64", GROMA_TYPE_I64, 8},
    {"F32", GROMA_TYPE_F32, 4}, {"F64", GROMA_TYPE_F64, 8}, {"F16", GROMA_TYPE_F16, 2}, {"BF16", GROMA_TYPE_BF16, 2},
    {"BOOL", GROMA_TYPE_BOOL, 1},
};

uint64_t element_count(const struct tensor *tensor) {
    uint64_t count = 1, i;
    for (i = 0; i < tensor->ndim; i++) count *= (uint64_t)tensor->shape[i];
    return count;
}

uint64_t element_size(int32_t type) {
    size_t i;
    for (i = 0; i < sizeof types / sizeof *types; i++)
        if (types[i].type == type) return types[i].size;
    return 0;
}

static int read_entry(const cJSON *entry, const char *data, uint64_t size, struct tensor *tensor) {
    const cJSON *dtype = cJSON_GetObjectItemCaseSensitive(entry, "dtype");
    const cJSON *shape = cJSON_GetObjectItemCaseSensitive(entry, "shape");
    const cJSON *offsets = cJSON_GetObjectItemCaseSensitive(entry, "data_offsets");
    const cJSON *size_of_dimension;
    double begin, end;
    void *copy;
    size_t i;

    if (!cJSON_IsString(dtype) || !cJSON_IsArray(shape) || cJSON_GetArraySize(offsets) != 2) return 0;
    snprintf(tensor->name, sizeof tensor->name, "%s", entry->string);
    for (i = 0; i < sizeof types / sizeof *types; i++)
        if (strcmp(types[i].name, dtype->valuestring) == 0) tensor->type = types[i].type;
    cJSON_ArrayForEach(size_of_dimension, shape) {
        if (tensor->ndim == 8) return 0;
        tensor->shape[tensor->ndim++] = (int64_t)size_of_dimension->valuedouble;
    }
    begin = cJSON_GetArrayItem(offsets, 0)->valuedouble;
    end = cJSON_GetArrayItem(offsets, 1)->valuedouble;
    if (!tensor->type || begin < 0 || end < begin || end > (double)size) return 0;
    tensor->size_bytes = (uint64_t)(end - begin);
    /* In a file they lie at any byte; a copy is aligned. */
    tensor->data = copy = malloc((size_t)tensor->size_bytes + 1);
    if (copy) memcpy(copy, data + (uint64_t)begin, (size_t)tensor->size_bytes);
    return copy != NULL;
}

int read_tensors(const char *path, struct tensors *tensors, char reason[2048]) {
    FILE *file = fopen(path, "rb");
    cJSON *header = NULL;
    const cJSON *entry;
    uint64_t header_size = 0;
    long size = 0;

    if (!file) return 1; /* a case without tensors has no file */
    if (fseek(file, 0, SEEK_END) == 0) size = ftell(file);
    rewind(file);
    tensors->file = size > 8 ? (char *)malloc((size_t)size) : NULL;
    if (tensors->file && fread(tensors->file, 1, (size_t)size, file) == (size_t)size) {
        memcpy(&header_size, tensors->file, 8); /* little-endian, as the machines that this runs on */
        if (header_size <= (uint64_t)size - 8) header = cJSON_ParseWithLength(tensors->file + 8, (size_t)header_size);
    }
    fclose(file);
    tensors->all = header ? (struct tensor *)calloc((size_t)cJSON_GetArraySize(header) + 1, sizeof *tensors->all) : NULL;
    if (tensors->all) {
        const char *data = tensors->file + 8 + header_size;
        cJSON_ArrayForEach(entry, header) {
            if (strcmp(entry->string, "__metadata__") == 0) continue;
            if (!read_entry(entry, data, (uint64_t)size - 8 - header_size, &tensors->all[tensors->count])) {
                snprintf(reason, 2048, "%s: tensor %s is not understood", path, entry->string);
                cJSON_Delete(header);
                return 0;
            }
            tensors->count++;
        }
        cJSON_Delete(header);
        return 1;
    }
    cJSON_Delete(header);
    snprintf(reason, 2048, "%s is not a safetensors file", path);
    return 0;
}

void free_tensors(struct tensors *tensors) {
    size_t i;
    for (i = 0; i < tensors->count; i++) free((void *)(uintptr_t)tensors->all[i].data);
    free(tensors->all);
    free(tensors->file);
    memset(tensors, 0, sizeof *tensors);
}

/* Half precision to double: BF16 is the upper half of a float, F16 has 5 bits of exponent and 10 of fraction. */
static double half(uint16_t bits, int brain) {
    double value;
    if (brain) {
        uint32_t wide = (uint32_t)bits << 16;
        float single;
        memcpy(&single, &wide, 4);
        return (double)single;
    }
    if ((bits & 0x7c00) == 0x7c00) value = (bits & 0x3ff) ? NAN : INFINITY;
    else if ((bits & 0x7c00) == 0) value = ldexp(bits & 0x3ff, -24);
    else value = ldexp((bits & 0x3ff) | 0x400, ((bits >> 10) & 31) - 25);
    return bits & 0x8000 ? -value : value;
}

static double element(int32_t type, const void *data, uint64_t i) {
    switch (type) {
    case GROMA_TYPE_BOOL:
    case GROMA_TYPE_U8: return ((const uint8_t *)data)[i];
    case GROMA_TYPE_I8: return ((const int8_t *)data)[i];
    case GROMA_TYPE_U16: return ((const uint16_t *)data)[i];
    case GROMA_TYPE_I16: return ((const int16_t *)data)[i];
    case GROMA_TYPE_U32: return ((const uint32_t *)data)[i];
    case GROMA_TYPE_I32: return ((const int32_t *)data)[i];
    case GROMA_TYPE_U64: return (double)((const uint64_t *)data)[i];
    case GROMA_TYPE_I64: return (double)((const int64_t *)data)[i];
    case GROMA_TYPE_F32: return (double)((const float *)data)[i];
    case GROMA_TYPE_F64: return ((const double *)data)[i];
    default: return half(((const uint16_t *)data)[i], type == GROMA_TYPE_BF16);
    }
}

void compare_tensors(struct step *s, const struct tensor *expected, const struct tensor *found, double tolerance) {
    uint64_t i, count = element_count(expected);
    uint64_t size = count ? expected->size_bytes / count : 1;
    const char *left = (const char *)expected->data, *right = (const char *)found->data;

    if (found->size_bytes != expected->size_bytes)
        fail(s, "%s: %llu bytes, expected %llu", expected->name, (unsigned long long)found->size_bytes,
             (unsigned long long)expected->size_bytes);
    if (found->type) {
        if (found->type != expected->type) fail(s, "%s: type %d, expected %d", expected->name, found->type, expected->type);
        if (found->ndim != expected->ndim || memcmp(found->shape, expected->shape, found->ndim * sizeof *found->shape) != 0)
            fail(s, "%s: another shape than expected", expected->name);
    }
    if (count == 0 || memcmp(left, right, (size_t)expected->size_bytes) == 0) return;
    for (i = 0; i < count; i++) {
        double a = element(expected->type, left, i), b = element(expected->type, right, i);
        int same = memcmp(left + i * size, right + i * size, (size_t)size) == 0;
        if (!same && !(tolerance > 0 && fabs(a - b) <= tolerance) && !(isnan(a) && isnan(b)))
            fail(s, "%s: element %llu is %.9g, expected %.9g", expected->name, (unsigned long long)i, b, a);
    }
}
