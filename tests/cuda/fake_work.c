/*
 * The other half of the driver that has no GPU: memory is the machine's, and kernels run in the emulator (kernels/emulator).
 *
 *   FAKE_CUDA_KERNELS     the library of emulated kernels
 *   FAKE_CUDA_MEMORY      bytes that can be taken in all (8 GiB)
 *   FAKE_CUDA_FAIL_AFTER  launches after which the GPU fails with an illegal address, and stays so
 *   FAKE_CUDA_BAD_PTX     the compiler refuses everything
 *
 * A call without a current context fails, as does one with a handle that is none. What is asked of the first stream of a process is done
 * at once. Copies on others are put off until somebody waits for them, so that who forgets to wait reads what was there before, and
 * who frees memory too early is told.
 */
#include <dlfcn.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

uint32_t cuCtxGetCurrent(void **context);

typedef int launch_t(const char *, unsigned, unsigned, void **, const size_t *, unsigned);

typedef struct taken_t {
    struct taken_t *next;
    void *place;
    size_t bytes;
} taken_t;

typedef struct copy_t {
    struct copy_t *next;
    uint64_t to;
    const void *from;
    size_t bytes;
} copy_t;

typedef struct {
    int puts_off;
    copy_t *copies;
} stream_t;

typedef struct {
    stream_t *recorded_on;
} event_t;

typedef struct {
    char *ptx;
} module_t;

typedef struct function_t {
    struct function_t *next;
    char name[64];
} function_t;

static taken_t *all_taken;
static function_t *functions;
static size_t used, most_used;
static long launches;
static int failed, streams, streams_ever, events;

static int lock_;
static void lock(void) {
    while (__atomic_exchange_n(&lock_, 1, __ATOMIC_ACQUIRE)) {}
}
static void unlock(void) { __atomic_store_n(&lock_, 0, __ATOMIC_RELEASE); }

static long setting(const char *name, long otherwise) {
    const char *value = getenv(name);
    return value != NULL ? strtol(value, NULL, 10) : otherwise;
}

/* What every call looks at first. */
static uint32_t ready(void) {
    void *context = NULL;
    cuCtxGetCurrent(&context);
    if (context == NULL) return 201;
    return failed ? 700 : 0;
}

#define READY                         \
    do {                              \
        uint32_t result_ = ready();   \
        if (result_ != 0) return result_; \
    } while (0)

/* What is left at the end, for tests: streams, events, bytes, and the most bytes that there ever were. */
void fake_cuda_balance(long *out) {
    out[0] = streams;
    out[1] = events;
    out[2] = (long)used;
    out[3] = (long)most_used;
}

static int inside(uint64_t address, size_t bytes);

/* Does what was put off on a stream, in order. */
static uint32_t catch_up(stream_t *stream) {
    uint32_t result = 0;
    while (stream->copies != NULL) {
        copy_t *copy = stream->copies;
        stream->copies = copy->next;
        if (inside(copy->to, copy->bytes)) {
            memcpy((void *)(uintptr_t)copy->to, copy->from, copy->bytes);
        } else {
            fprintf(stderr, "memory was freed before a copy to it was done\n");
            failed = 1;
            result = 700;
        }
        free(copy);
    }
    return result;
}

uint32_t cuStreamCreate(stream_t **stream, unsigned flags) {
    READY;
    if (flags > 1) return 1;
    *stream = calloc(1, sizeof **stream);
    (*stream)->puts_off = __atomic_fetch_add(&streams_ever, 1, __ATOMIC_SEQ_CST) > 0;
    __atomic_add_fetch(&streams, 1, __ATOMIC_SEQ_CST);
    return 0;
}

uint32_t cuStreamDestroy_v2(stream_t *stream) {
    if (stream == NULL) return 400;
    catch_up(stream);
    free(stream);
    __atomic_sub_fetch(&streams, 1, __ATOMIC_SEQ_CST);
    return 0;
}

uint32_t cuStreamSynchronize(stream_t *stream) {
    READY;
    return stream == NULL ? 400 : catch_up(stream);
}

uint32_t cuStreamWaitEvent(stream_t *stream, event_t *event, unsigned flags) {
    READY;
    if (stream == NULL || event == NULL) return 400;
    if (flags != 0) return 1;
    return event->recorded_on == NULL ? 0 : catch_up(event->recorded_on);
}

uint32_t cuEventCreate(event_t **event, unsigned flags) {
    READY;
    if (flags > 3) return 1;
    *event = calloc(1, sizeof **event);
    __atomic_add_fetch(&events, 1, __ATOMIC_SEQ_CST);
    return 0;
}

uint32_t cuEventDestroy_v2(event_t *event) {
    if (event == NULL) return 400;
    free(event);
    __atomic_sub_fetch(&events, 1, __ATOMIC_SEQ_CST);
    return 0;
}

uint32_t cuEventRecord(event_t *event, stream_t *stream) {
    READY;
    if (event == NULL || stream == NULL) return 400;
    event->recorded_on = stream;
    return 0;
}

uint32_t cuEventSynchronize(event_t *event) {
    READY;
    if (event == NULL) return 400;
    return event->recorded_on == NULL ? 0 : catch_up(event->recorded_on);
}

uint32_t cuEventElapsedTime(float *milliseconds, const event_t *from, const event_t *to) {
    READY;
    if (from == NULL || to == NULL || from->recorded_on == NULL || to->recorded_on == NULL) return 400;
    *milliseconds = 2.5f;
    return 0;
}

uint32_t cuDeviceGetDefaultMemPool(void **pool, int device) {
    static int pools[8];
    READY;
    if (device < 0 || device > 7) return 101;
    *pool = &pools[device];
    return 0;
}

uint32_t cuMemPoolSetAttribute(void *pool, unsigned attribute, void *value) {
    READY;
    return pool != NULL && attribute == 4 && *(uint64_t *)value == UINT64_MAX ? 0 : 1;
}

uint32_t cuMemPoolTrimTo(void *pool, size_t bytes) {
    READY;
    (void)bytes;
    return pool == NULL ? 1 : 0;
}

uint32_t cuMemAllocAsync(uint64_t *address, size_t bytes, void *stream) {
    taken_t *taken;
    READY;
    if (stream == NULL) return 400;
    if (bytes == 0) return 1;
    lock();
    if (used + bytes > (size_t)setting("FAKE_CUDA_MEMORY", 8L << 30)) {
        unlock();
        return 2;
    }
    taken = malloc(sizeof *taken);
    taken->place = aligned_alloc(256, (bytes + 255) / 256 * 256);
    memset(taken->place, 0xcd, bytes);
    taken->bytes = bytes;
    taken->next = all_taken;
    all_taken = taken;
    used += bytes;
    if (used > most_used) most_used = used;
    unlock();
    *address = (uint64_t)(uintptr_t)taken->place;
    return 0;
}

uint32_t cuMemFreeAsync(uint64_t address, void *stream) {
    taken_t **at;
    void *context = NULL;
    cuCtxGetCurrent(&context);
    if (context == NULL) return 201;
    if (stream == NULL) return 400;
    lock();
    for (at = &all_taken; *at != NULL; at = &(*at)->next) {
        if ((uint64_t)(uintptr_t)(*at)->place == address) {
            taken_t *taken = *at;
            *at = taken->next;
            used -= taken->bytes;
            free(taken->place);
            free(taken);
            unlock();
            return 0;
        }
    }
    unlock();
    return 1;
}

uint32_t cuMemHostAlloc(void **place, size_t bytes, unsigned flags) {
    READY;
    if (flags != 0) return 1;
    *place = malloc(bytes);
    return *place == NULL ? 2 : 0;
}

uint32_t cuMemFreeHost(void *place) {
    free(place);
    return 0;
}

/* Whether so many bytes lie within what was taken. */
static int inside(uint64_t address, size_t bytes) {
    taken_t *taken;
    int found = 0;
    lock();
    for (taken = all_taken; taken != NULL && !found; taken = taken->next) {
        uint64_t first = (uint64_t)(uintptr_t)taken->place;
        found = address >= first && address + bytes <= first + taken->bytes;
    }
    unlock();
    return found;
}

uint32_t cuMemcpyHtoDAsync_v2(uint64_t to, const void *from, size_t bytes, stream_t *stream) {
    READY;
    if (stream == NULL) return 400;
    if (!inside(to, bytes)) return 1;
    if (stream->puts_off) {
        copy_t *copy = malloc(sizeof *copy), **last;
        copy->next = NULL;
        copy->to = to;
        copy->from = from;
        copy->bytes = bytes;
        for (last = &stream->copies; *last != NULL; last = &(*last)->next) {}
        *last = copy;
        return 0;
    }
    memcpy((void *)(uintptr_t)to, from, bytes);
    return 0;
}

uint32_t cuMemcpyDtoHAsync_v2(void *to, uint64_t from, size_t bytes, void *stream) {
    READY;
    if (stream == NULL) return 400;
    if (!inside(from, bytes)) return 1;
    memcpy(to, (const void *)(uintptr_t)from, bytes);
    return 0;
}

uint32_t cuMemsetD8Async(uint64_t to, unsigned char value, size_t bytes, void *stream) {
    READY;
    if (stream == NULL) return 400;
    if (!inside(to, bytes)) return 1;
    memset((void *)(uintptr_t)to, value, bytes);
    return 0;
}

uint32_t cuModuleLoadDataEx(module_t **module, const void *image, unsigned count, unsigned *keys, void **values) {
    READY;
    if (count == 2 && keys[0] == 5 && keys[1] == 6 && getenv("FAKE_CUDA_BAD_PTX") != NULL) {
        snprintf(values[0], (size_t)(uintptr_t)values[1], "ptxas application ptx input, line 7; fatal");
        return 218;
    }
    if (strstr(image, ".version 8.0") == NULL) return 218;
    *module = malloc(sizeof **module);
    (*module)->ptx = malloc(strlen(image) + 1);
    strcpy((*module)->ptx, image);
    return 0;
}

uint32_t cuModuleUnload(module_t *module) {
    free(module->ptx);
    free(module);
    return 0;
}

uint32_t cuModuleGetFunction(function_t **function, module_t *module, const char *name) {
    char entry[96];
    READY;
    snprintf(entry, sizeof entry, ".entry %s(", name);
    if (strstr(module->ptx, entry) == NULL) return 500;
    *function = malloc(sizeof **function);
    snprintf((*function)->name, sizeof (*function)->name, "%s", name);
    lock();
    (*function)->next = functions;
    functions = *function;
    unlock();
    return 0;
}

uint32_t cuLaunchKernel(const function_t *function, unsigned grid_x, unsigned grid_y, unsigned grid_z, unsigned block_x,
                        unsigned block_y, unsigned block_z, unsigned shared, void *stream, void **arguments, void **extra) {
    static launch_t *launch;
    void *symbol;
    READY;
    if (stream == NULL) return 400;
    if (grid_x == 0 || grid_y != 1 || grid_z != 1 || block_x == 0 || block_x > 1024 || block_y != 1 || block_z != 1) return 1;
    if (shared != 0 || extra != NULL) return 1;
    if (__atomic_add_fetch(&launches, 1, __ATOMIC_SEQ_CST) > setting("FAKE_CUDA_FAIL_AFTER", 1L << 40)) {
        /* As on a GPU, it is the next call that hears of it. */
        failed = 1;
        return 0;
    }
    if (launch == NULL) {
        void *library = dlopen(getenv("FAKE_CUDA_KERNELS"), RTLD_NOW);
        if (library == NULL) {
            fprintf(stderr, "%s\n", dlerror());
            return 999;
        }
        symbol = dlsym(library, "groma_emulator_launch");
        memcpy(&launch, &symbol, sizeof launch);
    }
    return launch(function->name, grid_x, block_x, arguments, NULL, 0) == 1 ? 0 : 500;
}
