/*
 * What the parts of the C vector runner share: a case, its named things, one step of it, and how arguments are read and
 * answers are compared. See vectors.c.
 */
#ifndef GROMA_VECTORS_STEP_H
#define GROMA_VECTORS_STEP_H

#include <cjson/cJSON.h>
#include <groma.h>
#include <setjmp.h>
#include <stddef.h>
#include <stdint.h>

/* A tensor of a safetensors file, or a view of one of the library's arrays. */
struct tensor {
    char name[128];
    int32_t type; /* a GROMA_TYPE_..., 0 if only the bytes are known */
    uint64_t ndim;
    int64_t shape[8];
    const void *data;
    uint64_t size_bytes;
};

/* A safetensors file in memory. */
struct tensors {
    char *file;
    struct tensor *all;
    size_t count;
};

/* Something that a step gave: a handle, or a struct that the runner has allocated. */
struct thing {
    char name[64];
    const char *type;
    void *pointer;
    struct progress *progress; /* of options, if they have a callback */
};

/* What a progress callback answers, and how often it was asked. */
struct progress {
    int32_t answer;
    int calls;
};

/* One case while it runs. */
struct run {
    const char *vectors; /* the folder of all cases */
    char folder[1024];   /* that of this one */
    char tmp[1024];
    cJSON *json;
    struct tensors in, out;
    struct thing things[128];
    size_t thing_count;
    void *kept[512]; /* memory that lives as long as the case */
    size_t kept_count;
    char reason[2048];
    jmp_buf stop;
};

/* One call of a case. */
struct step {
    struct run *run;
    const cJSON *json;
    const char *call;
};

/* Ends the case with a reason. */
void fail(struct step *s, const char *format, ...);
/* Memory that lives as long as the case, zeroed. */
void *keep(struct step *s, size_t size);

/* Arguments, by the names of the header's parameters. */
const cJSON *argument(struct step *s, const char *name);
void *handle(struct step *s, const char *type, const char *name);
const char *text(struct step *s, const char *name);
double number(struct step *s, const char *name, double absent);
double number_of(struct step *s, const cJSON *json);
const char *text_of(struct step *s, const cJSON *json);
void *handle_of(struct step *s, const char *type, const cJSON *json);
const struct tensor *tensor_of(struct step *s, const cJSON *json);
const char *const *texts(struct step *s, const cJSON *list, uint64_t *count);
const void *const *handles(struct step *s, const char *type, const char *name, uint64_t *count);
int constant(const char *name, int32_t *value);
struct thing *find(struct step *s, const char *name);

/* Answers. `status` says whether the call succeeded, and frees the error; a call that was to fail and did ends with false. */
int status(struct step *s, groma_status_t status, groma_error_t *error);
void give(struct step *s, const char *name, const char *type, void *pointer);
void take(struct step *s, const char *name);
int is_given(const cJSON *json);
void expect_number(struct step *s, double found);
void expect_text(struct step *s, const char *found);
void expect_bytes(struct step *s, const char *found, uint64_t length);
void expect_array(struct step *s, const void *data, uint64_t size_bytes);
void expect_tensor(struct step *s, const struct tensor *found);
void expect_value(struct step *s, const groma_value_t *value);
void compare_number(struct step *s, const char *what, const cJSON *expected, double found);
void compare_text(struct step *s, const char *what, const cJSON *expected, const char *found);

/* tensors.c */
int read_tensors(const char *path, struct tensors *tensors, char reason[2048]);
void free_tensors(struct tensors *tensors);
void compare_tensors(struct step *s, const struct tensor *expected, const struct tensor *found, double tolerance);
uint64_t element_count(const struct tensor *tensor);
uint64_t element_size(int32_t type);

/* structs.c: fills a struct by its init function and the fields that the step names. */
void init_struct(struct step *s, const char *type);

/* Frees what lives at the end of a case. */
void destroy_thing(struct thing *thing);

#define HANDLE(s, type, name) ((type *)handle(s, #type, name))

#endif
