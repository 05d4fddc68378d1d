/* A SIMULATED libnvidia-ml.so.1: no GPU is behind it. The tests compile it, so that nvidia-ml-py itself is in the path.
 *
 * It reads the file named by SIMULATED_NVML at each call: one word a line is one GPU: ok, lost (answers its name only),
 * fallen (NVML counts it, and has no handle), mig, ecc
 * (one uncorrected error), xidN (error N is told once a word of it appears). The word "silent" in the first line lets NVML not start at all.
 */
#define _DEFAULT_SOURCE
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { OK = 0, NOT_SUPPORTED = 3, TIMEOUT = 10, DRIVER_NOT_LOADED = 9, GPU_IS_LOST = 15 };

typedef struct {
    char bus_id_legacy[16];
    unsigned domain, bus, device, pci_device_id, pci_sub_system_id;
    char bus_id[32];
} pci_info;

typedef struct {
    unsigned long long total, free, used;
} memory_info;

/* Put the word of GPU `index` into `word`; return the number of GPUs. */
static unsigned read_words(unsigned index, char word[16]) {
    unsigned count = 0;
    char line[16];
    FILE *file = fopen(getenv("SIMULATED_NVML"), "r");
    strcpy(word, "");
    while (file && fscanf(file, "%15s", line) == 1)
        if (count++ == index) strcpy(word, line);
    if (file) fclose(file);
    return count;
}

static int says(void *handle, const char *expected) {
    char word[16];
    read_words((unsigned)(size_t)handle - 1, word);
    return strcmp(word, expected) == 0;
}

int nvmlInitWithFlags(unsigned flags) {
    (void)flags;
    return says((void *)1, "silent") ? DRIVER_NOT_LOADED : OK;
}
int nvmlShutdown(void) { return OK; }
const char *nvmlErrorString(int code) { return code == DRIVER_NOT_LOADED ? "Driver Not Loaded" : "simulated error"; }

int nvmlDeviceGetCount_v2(unsigned *count) {
    char word[16];
    *count = read_words(0, word);
    return strcmp(word, "silent") ? OK : DRIVER_NOT_LOADED;
}
int nvmlDeviceGetHandleByIndex_v2(unsigned index, void **handle) {
    *handle = (void *)(size_t)(index + 1);
    return says(*handle, "fallen") ? GPU_IS_LOST : OK;
}
int nvmlDeviceGetPciInfo_v3(void *handle, pci_info *info) {
    memset(info, 0, sizeof *info);
    info->bus = 0x40 + (unsigned)(size_t)handle;
    return OK;
}
int nvmlDeviceGetUUID(void *handle, char *text, unsigned size) {
    const char *form = getenv("SIMULATED_NVML_UUID"); /* with one %u; other than usual lengths can be tried so */
    snprintf(text, size, form ? form : "GPU-00000000-0000-0000-0000-%012u", (unsigned)(size_t)handle - 1);
    return OK;
}
int nvmlDeviceGetMinorNumber(void *handle, unsigned *minor) {
    *minor = (unsigned)(size_t)handle - 1;
    return OK;
}
int nvmlDeviceGetName(void *handle, char *text, unsigned size) {
    (void)handle;
    snprintf(text, size, "Simulated GPU");
    return OK;
}
int nvmlDeviceGetMemoryInfo(void *handle, memory_info *info) {
    memset(info, 0, sizeof *info);
    return says(handle, "lost") ? GPU_IS_LOST : OK;
}
int nvmlDeviceGetMigMode(void *handle, unsigned *current, unsigned *pending) {
    *current = *pending = (unsigned)says(handle, "mig");
    return says(handle, "ok") ? NOT_SUPPORTED : OK;
}
int nvmlDeviceGetTotalEccErrors(void *handle, int kind, int counter, unsigned long long *count) {
    (void)kind, (void)counter;
    *count = (unsigned long long)says(handle, "ecc");
    return OK;
}
int nvmlDeviceGetTemperature(void *handle, int sensor, unsigned *degrees) {
    (void)handle, (void)sensor;
    *degrees = 41;
    return OK;
}
int nvmlDeviceGetPowerUsage(void *handle, unsigned *milliwatts) {
    (void)handle;
    *milliwatts = 61500;
    return OK;
}

typedef struct {
    void *device;
    unsigned long long type, data;
    unsigned gpu_instance, compute_instance;
} event;

int nvmlEventSetCreate(void **set) {
    *set = (void *)1;
    return OK;
}
int nvmlEventSetFree(void *set) {
    (void)set;
    return OK;
}
int nvmlDeviceRegisterEvents(void *handle, unsigned long long types, void *set) {
    (void)handle, (void)types, (void)set;
    return OK;
}
/* Tell of the first GPU whose word is xidN, once as long as the word stays the same. */
int nvmlEventSetWait_v2(void *set, event *told, unsigned milliseconds) {
    static char last[8][16];
    (void)set;
    for (unsigned waited = 0; waited <= milliseconds; waited += 20) {
        char word[16];
        for (unsigned index = 0; index < 8; index++) {
            read_words(index, word);
            int is_new = strncmp(word, "xid", 3) == 0 && strcmp(word, last[index]) != 0;
            strcpy(last[index], word);
            if (!is_new) continue;
            memset(told, 0, sizeof *told);
            told->device = (void *)(size_t)(index + 1);
            told->data = strtoull(word + 3, NULL, 10);
            return OK;
        }
        usleep(20000);
    }
    return TIMEOUT;
}
