/*
 * Runs the shared vectors through groma.h: vectors VECTORS_DIR [--case NAME]
 *
 * A case is a folder with case.json (steps, each a call with its arguments and what it should answer) and the tensors that it
 * names. A case with an environment runs in a process of its own. Every function of the header has its own call here; the
 * build writes their names and those of all constants from the header to groma_names.inc, as CONSTANT(...) and FUNCTION(...)
 * lines, so that one that is missing here does not link.
 */
#define _POSIX_C_SOURCE 200809L
#include "vectors/step.h"

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

/* A child marks itself, so that it runs its case and starts no child of its own. */
#define CHILD "GROMA_VECTORS_CHILD"

#define CONSTANT(name)
#define FUNCTION(name) void call_##name(struct step *s);
#include "groma_names.inc"
#undef FUNCTION

static const struct {
    const char *name;
    void (*call)(struct step *s);
} calls[] = {
#define FUNCTION(name) {#name, call_##name},
#include "groma_names.inc"
#undef FUNCTION
};

/* Messages that the library has sent in this case, a line each. */
static char messages[65536];
static int is_recording;

static void record(void *user, int32_t level, const char *target, const char *message) {
    size_t used = strlen(messages);
    (void)user;
    snprintf(messages + used, sizeof messages - used, "%d %s: %s\n", (int)level, target, message);
}

void call_groma_log_set(struct step *s) {
    groma_error_t *error = NULL;
    groma_status_t done;
    is_recording = is_given(argument(s, "callback"));
    done = groma_log_set(is_recording ? record : NULL, NULL, (int32_t)number(s, "level", 0), &error);
    status(s, done, error);
}

/* What a step asks for beside its answer: messages, and that its progress callback was called. */
static void check_around(struct step *s) {
    const cJSON *options = argument(s, "options"), *fails = argument(s, "fails");
    const char *wanted = text(s, "logs");
    int has_run = !fails || strcmp(cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(fails, "status")), "CANCELLED") == 0;
    if (wanted && !strstr(messages, wanted)) fail(s, "no message with `%s` among these: %.1000s", wanted, messages);
    if (has_run && cJSON_IsString(options) && options->valuestring[0] == '$') {
        struct thing *thing = find(s, options->valuestring + 1);
        if (thing->progress && thing->progress->calls == 0) fail(s, "the progress callback was not called");
        if (thing->progress) thing->progress->calls = 0;
    }
}

static void run_step(struct step *s) {
    size_t i;
    for (i = 0; i < sizeof calls / sizeof *calls; i++) {
        if (strcmp(calls[i].name, s->call) == 0) {
            calls[i].call(s);
            check_around(s);
            return;
        }
    }
    fail(s, "the runner does not know this call");
}

static char *read_file(const char *path) {
    FILE *file = fopen(path, "rb");
    char *content = NULL;
    long size;
    if (!file) return NULL;
    fseek(file, 0, SEEK_END);
    size = ftell(file);
    rewind(file);
    if (size >= 0) content = (char *)calloc(1, (size_t)size + 1);
    if (content && fread(content, 1, (size_t)size, file) != (size_t)size) free(content), content = NULL;
    fclose(file);
    return content;
}

/* Reads a case's files; false with a reason. */
static int open_case(struct run *run, const char *vectors, const char *name) {
    char path[2048], *content;
    run->vectors = vectors;
    snprintf(run->folder, sizeof run->folder, "%s/%s", vectors, name);
    snprintf(path, sizeof path, "%s/case.json", run->folder);
    content = read_file(path);
    run->json = content ? cJSON_Parse(content) : NULL;
    free(content);
    if (!run->json) {
        snprintf(run->reason, sizeof run->reason, "case.json cannot be read as JSON");
        return 0;
    }
    snprintf(path, sizeof path, "%s/in.safetensors", run->folder);
    if (!read_tensors(path, &run->in, run->reason)) return 0;
    snprintf(path, sizeof path, "%s/out.safetensors", run->folder);
    if (!read_tensors(path, &run->out, run->reason)) return 0;
    snprintf(run->tmp, sizeof run->tmp, "%s/groma-vectors-XXXXXX", getenv("TMPDIR") ? getenv("TMPDIR") : "/tmp");
    if (!mkdtemp(run->tmp)) {
        snprintf(run->reason, sizeof run->reason, "%s cannot be made", run->tmp);
        run->tmp[0] = 0;
        return 0;
    }
    return 1;
}

static void close_case(struct run *run) {
    DIR *folder = run->tmp[0] ? opendir(run->tmp) : NULL;
    struct dirent *entry;
    char path[2048];
    if (is_recording) groma_log_set(NULL, NULL, GROMA_LOG_ERROR, NULL);
    is_recording = 0;
    messages[0] = 0;
    /* From the last to the first: no handle depends on another, so any order must do. */
    while (run->thing_count) destroy_thing(&run->things[--run->thing_count]);
    while (run->kept_count) free(run->kept[--run->kept_count]);
    while (folder && (entry = readdir(folder))) {
        snprintf(path, sizeof path, "%s/%s", run->tmp, entry->d_name);
        remove(path);
    }
    if (folder) closedir(folder), rmdir(run->tmp);
    free_tensors(&run->in);
    free_tensors(&run->out);
    cJSON_Delete(run->json);
}

/* Runs all steps; false with the reason of the one that failed. */
static int run_steps(struct run *run) {
    volatile int position = 0;
    const cJSON *volatile json = NULL;
    struct step step;
    char reason[sizeof run->reason];

    if (setjmp(run->stop) == 0) {
        json = cJSON_GetArrayItem(cJSON_GetObjectItemCaseSensitive(run->json, "steps"), 0);
        for (; json; json = json->next) {
            position = position + 1;
            step.run = run;
            step.json = json;
            step.call = cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(json, "call"));
            if (!step.call) fail(&step, "it names no call");
            run_step(&step);
        }
        return 1;
    }
    snprintf(reason, sizeof reason, "%s", run->reason);
    step.call = cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(json, "call"));
    snprintf(run->reason, sizeof run->reason, "step %d %s: %.1900s", position, step.call ? step.call : "?", reason);
    return 0;
}

/* Runs a case in a process of its own with the variables that it names. */
static int run_child(struct run *run, const char *program, const char *name) {
    char folder[2048];
    const char *library;
    const cJSON *variable;
    int ended = 0;
    pid_t child;
    fflush(stdout);
    child = fork();
    if (child == 0) {
        struct step step = {run, run->json, "environment"};
        setenv(CHILD, "1", 1);
        if (setjmp(run->stop) == 0) {
            cJSON_ArrayForEach(variable, cJSON_GetObjectItemCaseSensitive(run->json, "environment")) {
                const char *value = text_of(&step, variable);
                if (value) setenv(variable->string, value, 1);
                else unsetenv(variable->string);
            }
            /* The library is found by its folder, which comes before the one that the program was linked for. */
            library = getenv("GROMA_LIBRARY");
            if (library && strrchr(library, '/')) {
                snprintf(folder, sizeof folder, "%.*s", (int)(strrchr(library, '/') - library), library);
                setenv("LD_LIBRARY_PATH", folder, 1);
            }
            execl(program, program, run->vectors, "--case", name, (char *)NULL);
        }
        fprintf(stderr, "%s: %s\n", name, run->reason);
        _exit(127);
    }
    if (child < 0 || waitpid(child, &ended, 0) != child || !WIFEXITED(ended) || WEXITSTATUS(ended) != 0) {
        snprintf(run->reason, sizeof run->reason, "its process ended with %d", ended);
        return 0;
    }
    return 1;
}

/* How a case went. */
enum outcome { FAILED, PASSED, SKIPPED };

/* Whether a case needs the hooks of a debug build and the library is a release build. */
static int lacks_hooks(const cJSON *json) {
    const char *needs = cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(json, "needs"));
    return needs && strcmp(needs, "debug") == 0 && getenv("GROMA_VECTORS_RELEASE") != NULL;
}

/* Runs one case and says how it went. */
static enum outcome run_case(const char *program, const char *vectors, const char *name) {
    struct run *run = (struct run *)calloc(1, sizeof *run);
    int is_child = getenv(CHILD) != NULL, passed, in_child = 0;
    enum outcome outcome;
    if (!run) return FAILED;
    passed = open_case(run, vectors, name);
    outcome = passed && lacks_hooks(run->json) ? SKIPPED : PASSED;
    if (outcome == SKIPPED) {
        printf("skipped %s: the library is a release build\n", name);
        in_child = 1;
    } else if (passed) {
        in_child = !is_child && cJSON_GetObjectItemCaseSensitive(run->json, "environment") != NULL;
        passed = in_child ? run_child(run, program, name) : run_steps(run);
    }
    /* A child has said it itself. */
    if (passed && !in_child) printf("ok %s\n", name);
    if (!passed && !in_child) printf("FAILED %s: %s\n", name, run->reason);
    if (!passed && in_child) printf("FAILED %s in its process: %s\n", name, run->reason);
    fflush(stdout);
    close_case(run);
    free(run);
    return passed ? outcome : FAILED;
}

static int by_name(const void *a, const void *b) { return strcmp(*(char *const *)a, *(char *const *)b); }

int main(int argc, char **argv) {
    char *names[512], path[4096];
    size_t count = 0, i, of[3] = {0, 0, 0};
    struct dirent *entry;
    struct stat info;
    DIR *folder;

    if (argc != 2 && !(argc == 4 && strcmp(argv[2], "--case") == 0)) {
        fprintf(stderr, "usage: %s VECTORS_DIR [--case NAME]\n", argv[0]);
        return 2;
    }
    folder = argc == 2 ? opendir(argv[1]) : NULL;
    while (folder && (entry = readdir(folder)) && count < sizeof names / sizeof *names) {
        snprintf(path, sizeof path, "%s/%s/case.json", argv[1], entry->d_name);
        if (stat(path, &info) == 0 && (names[count] = strdup(entry->d_name))) count++;
    }
    if (folder) closedir(folder);
    if (argc == 4 && (names[0] = strdup(argv[3]))) count = 1;
    qsort(names, count, sizeof *names, by_name);
    for (i = 0; i < count; i++) {
        of[run_case(argv[0], argv[1], names[i])]++;
        free(names[i]);
    }
    if (!getenv(CHILD)) printf("%d passed, %d failed\n", (int)of[PASSED], (int)of[FAILED]);
    /* A folder without cases proves nothing. */
    return of[FAILED] == 0 && count > 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
