/*
 * As much of NVIDIA's management library as Groma uses, for the GPUs of fake_driver.c:
 *
 *   FAKE_NVML_INIT    what nvmlInit_v2 gives (0)
 *   FAKE_NVML_LOAD_n  how busy a GPU is, in per cent; -c for a failure with the code c (10 · n)
 *   FAKE_NVML_LOST_n  what looking for the GPU gives (0)
 *   FAKE_NVML_MIG     whether the GPUs are parts of one (0)
 */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static int gpus[256];

static long number(const char *name, int gpu, long otherwise) {
    char variable[64];
    const char *value;
    if (gpu < 0) {
        snprintf(variable, sizeof variable, "FAKE_NVML_%s", name);
    } else {
        snprintf(variable, sizeof variable, "FAKE_NVML_%s_%d", name, gpu);
    }
    value = getenv(variable);
    return value != NULL ? strtol(value, NULL, 10) : otherwise;
}

uint32_t nvmlInit_v2(void) { return (uint32_t)number("INIT", -1, 0); }

const char *nvmlErrorString(uint32_t code) {
    switch (code) {
    case 3: return "Not Supported";
    case 9: return "Driver Not Loaded";
    case 15: return "GPU is lost";
    case 16: return "GPU requires reset";
    default: return "Unknown Error";
    }
}

uint32_t nvmlSystemGetDriverVersion(char *version, unsigned length) {
    snprintf(version, length, "550.54.14");
    return 0;
}

uint32_t nvmlDeviceGetHandleByUUID(const char *uuid, void **gpu) {
    const char *prefix = number("MIG", -1, 0) ? "MIG-" : "GPU-";
    int index;
    long lost;
    if (strlen(uuid) != 40 || strncmp(uuid, prefix, 4) != 0 || strncmp(uuid + 4, "abababab-abab-", 14) != 0) return 6;
    index = (int)strtol(uuid + 38, NULL, 16);
    lost = number("LOST", index, 0);
    if (lost != 0) return (uint32_t)lost;
    gpus[index] = index;
    *gpu = &gpus[index];
    return 0;
}

uint32_t nvmlDeviceGetUtilizationRates(void *gpu, uint32_t *rates) {
    long load = number("LOAD", *(int *)gpu, 10L * *(int *)gpu);
    if (load < 0) return (uint32_t)-load;
    rates[0] = (uint32_t)load;
    rates[1] = 0;
    return 0;
}
