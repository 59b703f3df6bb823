/*
 * A driver of NVIDIA GPUs that has none: as much of libcuda as Groma uses to know the GPUs of a machine. What it pretends is
 * told by environment variables, read at each call:
 *
 *   FAKE_CUDA_INIT     what cuInit gives (0)
 *   FAKE_CUDA_VERSION  the version of CUDA that it knows (12040)
 *   FAKE_CUDA_GPUS     number of GPUs (3)
 *   FAKE_CUDA_CAPABILITY_n, _MODE_n, _TOTAL_n, _FREE_n (in MiB), _RETAIN_n (what making a context gives),
 *   _POOLS_n (whether it has memory pools),
 *   FAKE_CUDA_LOG      a file to which one line a call is appended: contexts made, released, pushed and popped
 *
 * With -DTOO_OLD it lacks functions that a driver of that age lacks.
 */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define GPUS 8
#define DEEPEST 16

typedef struct {
    int gpu;
} context_t;

static context_t contexts[GPUS];
static int references[GPUS];
static _Thread_local context_t *stack[DEEPEST];
static _Thread_local int depth;
static int started;

static long number(const char *name, int gpu, long otherwise) {
    char variable[64];
    const char *value;
    if (gpu < 0) {
        snprintf(variable, sizeof variable, "FAKE_CUDA_%s", name);
    } else {
        snprintf(variable, sizeof variable, "FAKE_CUDA_%s_%d", name, gpu);
    }
    value = getenv(variable);
    return value != NULL ? strtol(value, NULL, 10) : otherwise;
}

static void record(const char *what, int gpu) {
    const char *path = getenv("FAKE_CUDA_LOG");
    FILE *file = path != NULL ? fopen(path, "a") : NULL;
    if (file == NULL) return;
    fprintf(file, "%s %d\n", what, gpu);
    fclose(file);
}

static int gpu_of(const context_t *context) { return context == NULL ? -1 : context->gpu; }

uint32_t cuInit(uint32_t flags) {
    long result = number("INIT", -1, 0);
    if (flags != 0) return 1;
    started = result == 0;
    return (uint32_t)result;
}

uint32_t cuDriverGetVersion(int *version) {
    *version = (int)number("VERSION", -1, 12040);
    return 0;
}

static const struct {
    uint32_t code;
    const char *name, *words;
} errors[] = {
    {1, "CUDA_ERROR_INVALID_VALUE", "invalid argument"},
    {2, "CUDA_ERROR_OUT_OF_MEMORY", "out of memory"},
    {3, "CUDA_ERROR_NOT_INITIALIZED", "initialization error"},
    {34, "CUDA_ERROR_STUB_LIBRARY", "CUDA driver is a stub library"},
    {46, "CUDA_ERROR_DEVICE_UNAVAILABLE", "CUDA-capable device(s) is/are busy or unavailable"},
    {100, "CUDA_ERROR_NO_DEVICE", "no CUDA-capable device is detected"},
    {101, "CUDA_ERROR_INVALID_DEVICE", "invalid device ordinal"},
    {201, "CUDA_ERROR_INVALID_CONTEXT", "invalid device context"},
    {218, "CUDA_ERROR_INVALID_PTX", "a PTX JIT compilation failed"},
    {700, "CUDA_ERROR_ILLEGAL_ADDRESS", "an illegal memory access was encountered"},
    {214, "CUDA_ERROR_ECC_UNCORRECTABLE", "uncorrectable ECC error encountered"},
    {803, "CUDA_ERROR_SYSTEM_DRIVER_MISMATCH", "system has unsupported display driver / cuda driver combination"},
};

static uint32_t explain(uint32_t code, const char **text, int words) {
    size_t i;
    for (i = 0; i < sizeof errors / sizeof *errors; i++) {
        if (errors[i].code == code) {
            *text = words ? errors[i].words : errors[i].name;
            return 0;
        }
    }
    *text = NULL;
    return 1;
}

uint32_t cuGetErrorName(uint32_t code, const char **text) { return explain(code, text, 0); }
uint32_t cuGetErrorString(uint32_t code, const char **text) { return explain(code, text, 1); }

uint32_t cuDeviceGetCount(int *count) {
    if (!started) return 3;
    *count = (int)number("GPUS", -1, 3);
    return 0;
}

uint32_t cuDeviceGet(int *device, int index) {
    int count;
    uint32_t result = cuDeviceGetCount(&count);
    if (result != 0) return result;
    if (index < 0 || index >= count) return 101;
    *device = index;
    return 0;
}

uint32_t cuDeviceGetName(char *name, int length, int device) {
    snprintf(name, (size_t)length, "Fake %d", device);
    return 0;
}

#ifndef TOO_OLD
uint32_t cuDeviceGetUuid_v2(unsigned char *uuid, int device) {
    memset(uuid, 0xab, 16);
    uuid[15] = (unsigned char)device;
    return 0;
}
#endif

uint32_t cuDeviceGetPCIBusId(char *name, int length, int device) {
    snprintf(name, (size_t)length, "0000:%02X:00.0", 0x3a + device);
    return 0;
}

uint32_t cuDeviceTotalMem_v2(size_t *bytes, int device) {
    *bytes = (size_t)number("TOTAL", device, 1024) << 20;
    return 0;
}

uint32_t cuDeviceGetAttribute(int *value, int attribute, int device) {
    long capability = number("CAPABILITY", device, 90);
    switch (attribute) {
    case 16: *value = 100 + device; return 0;
    case 20: *value = (int)number("MODE", device, 0); return 0;
    case 36: *value = (int)number("MEMORY_KHZ", device, 3201000); return 0;
    case 37: *value = 6144; return 0;
    case 75: *value = (int)(capability / 10); return 0;
    case 76: *value = (int)(capability % 10); return 0;
    case 115: *value = (int)number("POOLS", device, 1); return 0;
    default: return 1;
    }
}

uint32_t cuDevicePrimaryCtxRetain(context_t **context, int device) {
    long result = number("RETAIN", device, 0);
    if (!started) return 3;
    record(result == 0 ? "retain" : "refuse", device);
    if (result != 0) return (uint32_t)result;
    __atomic_add_fetch(&references[device], 1, __ATOMIC_SEQ_CST);
    contexts[device].gpu = device;
    *context = &contexts[device];
    return 0;
}

uint32_t cuDevicePrimaryCtxRelease_v2(int device) {
    record("release", device);
    return __atomic_sub_fetch(&references[device], 1, __ATOMIC_SEQ_CST) < 0 ? 201 : 0;
}

uint32_t cuCtxPushCurrent_v2(context_t *context) {
    if (depth == DEEPEST || context == NULL || references[context->gpu] <= 0) return 201;
    record("push", context->gpu);
    stack[depth++] = context;
    return 0;
}

uint32_t cuCtxPopCurrent_v2(context_t **context) {
    if (depth == 0) return 201;
    *context = stack[--depth];
    record("pop", (*context)->gpu);
    return 0;
}

uint32_t cuCtxGetCurrent(context_t **context) {
    *context = depth > 0 ? stack[depth - 1] : NULL;
    return 0;
}

uint32_t cuMemGetInfo_v2(size_t *free_bytes, size_t *total) {
    context_t *current;
    cuCtxGetCurrent(&current);
    if (current == NULL) return 201;
    *total = (size_t)number("TOTAL", gpu_of(current), 1024) << 20;
    *free_bytes = (size_t)number("FREE", gpu_of(current), 512) << 20;
    return 0;
}
