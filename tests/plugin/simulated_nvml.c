/* A SIMULATED libnvidia-ml.so.1: no GPU is behind it. The tests compile it, so that nvidia-ml-py itself is in the path.
 *
 * It reads the file named by SIMULATED_NVML at each call: one word a line is one GPU: ok, lost (answers its name only),
 * fallen (NVML counts it, and has no handle), ecc (one uncorrected error), xidN (error N is told once a word of it
 * appears), mig (MIG is on, without an instance), or mig:PART,PART,… where a PART is a profile (1g.5gb, 1g.5gb+me,
 * 1c.2g.10gb), `-` where an instance was destroyed, PROFILE!ecc or PROFILE!xidN.
 * Instances are GPU instance 1, 2, … with compute instance 0 each, by their place in the line.
 * The word "silent" in the first line lets NVML not start at all. With SIMULATED_NVML_OLD in the environment names of
 * MIG devices lack the profile, as with old drivers.
 */
#define _DEFAULT_SOURCE
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { OK = 0, INVALID = 2, NOT_SUPPORTED = 3, NOT_FOUND = 6, TIMEOUT = 10, DRIVER_NOT_LOADED = 9, GPU_IS_LOST = 15 };
enum { WORD = 128, PARTS_MAX = 7, OF_A_GPU = 100 }; /* the handle of a part: GPU's handle * OF_A_GPU + its place, from 1 */
static const unsigned NO_INSTANCE = 0xFFFFFFFF;
static const unsigned long long MIB = 1024 * 1024, GPU_MIB = 40536; /* an A100 of 40 GB */

typedef struct {
    char bus_id_legacy[16];
    unsigned domain, bus, device, pci_device_id, pci_sub_system_id;
    char bus_id[32];
} pci_info;

typedef struct {
    unsigned long long total, free, used;
} memory_info;

typedef struct {
    unsigned multiprocessors, copy, decoder, encoder, jpeg, ofa, gpu_slices, compute_slices;
    unsigned long long memory_mib;
} attributes;

/* Put the word of GPU `index` into `word`; return the number of GPUs. */
static unsigned read_words(unsigned index, char word[WORD]) {
    unsigned count = 0;
    char line[WORD];
    FILE *file = fopen(getenv("SIMULATED_NVML"), "r");
    strcpy(word, "");
    while (file && fscanf(file, "%127s", line) == 1)
        if (count++ == index) strcpy(word, line);
    if (file) fclose(file);
    return count;
}

static unsigned find_part(void *handle) { return (unsigned)((size_t)handle % OF_A_GPU) * ((size_t)handle >= OF_A_GPU); }
static void *find_gpu(void *handle) { return (size_t)handle >= OF_A_GPU ? (void *)((size_t)handle / OF_A_GPU) : handle; }

static int says(void *handle, const char *expected) {
    char word[WORD];
    read_words((unsigned)(size_t)find_gpu(handle) - 1, word);
    return strcmp(word, expected) == 0;
}

static int is_split(void *handle) {
    char word[WORD];
    read_words((unsigned)(size_t)find_gpu(handle) - 1, word);
    return strncmp(word, "mig", 3) == 0;
}

/* Put profile and error of a part (from 1) of a GPU into `text` and `error`; return 0 where there is none. */
static int read_part(void *gpu, unsigned part, char text[WORD], char error[WORD]) {
    char word[WORD], *rest = word + 4, *each = NULL;
    read_words((unsigned)(size_t)gpu - 1, word);
    strcpy(text, "");
    strcpy(error, "");
    if (strncmp(word, "mig:", 4) != 0) return 0;
    for (unsigned place = 0; place < part; place++) each = strsep(&rest, ",");
    if (each == NULL || strcmp(each, "-") == 0) return 0;
    strcpy(text, strsep(&each, "!"));
    if (each) strcpy(error, each);
    return 1;
}

int nvmlInitWithFlags(unsigned flags) {
    (void)flags;
    return says((void *)1, "silent") ? DRIVER_NOT_LOADED : OK;
}
int nvmlShutdown(void) { return OK; }
const char *nvmlErrorString(int code) { return code == DRIVER_NOT_LOADED ? "Driver Not Loaded" : "simulated error"; }

int nvmlDeviceGetCount_v2(unsigned *count) {
    char word[WORD];
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
    unsigned gpu = (unsigned)(size_t)find_gpu(handle) - 1, part = find_part(handle);
    if (part) snprintf(text, size, "MIG-00000000-0000-0000-%04u-%012u", gpu, part);
    else snprintf(text, size, form ? form : "GPU-00000000-0000-0000-0000-%012u", gpu);
    return OK;
}
int nvmlDeviceGetMinorNumber(void *handle, unsigned *minor) {
    *minor = (unsigned)(size_t)handle - 1;
    return find_part(handle) ? NOT_SUPPORTED : OK;
}
int nvmlDeviceGetName(void *handle, char *text, unsigned size) {
    char profile[WORD], error[WORD];
    if (find_part(handle) && !getenv("SIMULATED_NVML_OLD") && read_part(find_gpu(handle), find_part(handle), profile, error))
        snprintf(text, size, "Simulated GPU MIG %s", profile);
    else snprintf(text, size, "Simulated GPU");
    return OK;
}
int nvmlDeviceGetMemoryInfo(void *handle, memory_info *info) {
    memset(info, 0, sizeof *info);
    info->total = info->free = GPU_MIB * MIB;
    return says(handle, "lost") ? GPU_IS_LOST : OK;
}
int nvmlDeviceGetMigMode(void *handle, unsigned *current, unsigned *pending) {
    *current = *pending = (unsigned)is_split(handle);
    return says(handle, "ok") ? NOT_SUPPORTED : OK;
}
int nvmlDeviceGetMaxMigDeviceCount(void *handle, unsigned *count) {
    *count = is_split(handle) ? PARTS_MAX : 0;
    return OK;
}
int nvmlDeviceGetMigDeviceHandleByIndex(void *handle, unsigned index, void **part) {
    char profile[WORD], error[WORD];
    *part = (void *)((size_t)handle * OF_A_GPU + index + 1);
    return read_part(handle, index + 1, profile, error) ? OK : NOT_FOUND;
}
int nvmlDeviceGetGpuInstanceId(void *handle, unsigned *id) {
    *id = find_part(handle);
    return *id ? OK : INVALID;
}
int nvmlDeviceGetComputeInstanceId(void *handle, unsigned *id) {
    *id = 0;
    return find_part(handle) ? OK : INVALID;
}
int nvmlDeviceGetAttributes_v2(void *handle, attributes *told) {
    char profile[WORD], error[WORD];
    unsigned compute = 0, slices = 0, gigabytes = 0;
    memset(told, 0, sizeof *told);
    if (!read_part(find_gpu(handle), find_part(handle), profile, error)) return INVALID;
    if (sscanf(profile, "%uc.%ug.%ugb", &compute, &slices, &gigabytes) != 3) {
        sscanf(profile, "%ug.%ugb", &slices, &gigabytes);
        compute = slices;
    }
    told->gpu_slices = slices;
    told->compute_slices = compute;
    told->memory_mib = gigabytes * 1024ULL * 95 / 100; /* a little is the driver's own: 4864 MiB of "5gb" */
    return OK;
}
int nvmlDeviceGetTotalEccErrors(void *handle, int kind, int counter, unsigned long long *count) {
    (void)kind, (void)counter;
    *count = (unsigned long long)says(handle, "ecc");
    return is_split(handle) ? NOT_SUPPORTED : OK; /* of a GPU with MIG, errors are counted by instance */
}
int nvmlDeviceGetMemoryErrorCounter(void *handle, int kind, int counter, int location, unsigned long long *count) {
    char profile[WORD], error[WORD];
    (void)kind, (void)counter;
    if (location != 7 || !read_part(find_gpu(handle), find_part(handle), profile, error)) return NOT_SUPPORTED;
    *count = strcmp(error, "ecc") == 0;
    return OK;
}
int nvmlDeviceGetTemperature(void *handle, int sensor, unsigned *degrees) {
    (void)sensor;
    *degrees = 41;
    return find_part(handle) ? NOT_SUPPORTED : OK;
}
int nvmlDeviceGetPowerUsage(void *handle, unsigned *milliwatts) {
    *milliwatts = 61500;
    return find_part(handle) ? NOT_SUPPORTED : OK;
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
/* Tell of an error that stands at a GPU (part 0) or a part, once as long as it stands there; return whether it did. */
static int tell(void *gpu, unsigned part, event *told) {
    static char last[8][PARTS_MAX + 1][WORD];
    char word[WORD], profile[WORD], *before = last[(size_t)gpu - 1][part];
    if (part) read_part(gpu, part, profile, word);
    else read_words((unsigned)(size_t)gpu - 1, word);
    int is_new = strncmp(word, "xid", 3) == 0 && strcmp(word, before) != 0;
    strcpy(before, word);
    if (!is_new) return 0;
    memset(told, 0, sizeof *told);
    told->device = gpu;
    told->data = strtoull(word + 3, NULL, 10);
    told->gpu_instance = part ? part : NO_INSTANCE;
    told->compute_instance = part ? 0 : NO_INSTANCE;
    return 1;
}
int nvmlEventSetWait_v2(void *set, event *told, unsigned milliseconds) {
    (void)set;
    for (unsigned waited = 0; waited <= milliseconds; waited += 20) {
        for (size_t gpu = 1; gpu <= 8; gpu++)
            for (unsigned part = 0; part <= PARTS_MAX; part++)
                if (tell((void *)gpu, part, told)) return OK;
        usleep(20000);
    }
    return TIMEOUT;
}
