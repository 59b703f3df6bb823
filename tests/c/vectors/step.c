/*
 * Arguments and answers of one step of a case: see step.h.
 */
#include "step.h"

#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

void fail(struct step *s, const char *format, ...) {
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(s->run->reason, sizeof s->run->reason, format, arguments);
    va_end(arguments);
    longjmp(s->run->stop, 1);
}

void *keep(struct step *s, size_t size) {
    void *memory = calloc(1, size ? size : 1);
    if (!memory || s->run->kept_count == sizeof s->run->kept / sizeof *s->run->kept) {
        free(memory);
        fail(s, "the runner has no room for %llu bytes more", (unsigned long long)size);
    }
    s->run->kept[s->run->kept_count++] = memory;
    return memory;
}

/* Every constant of the header, from the file that the build writes. */
int constant(const char *name, int32_t *value) {
    static const struct {
        const char *name;
        int32_t value;
    } constants[] = {
#define CONSTANT(name) {#name, name},
#define FUNCTION(name)
#include "groma_names.inc"
#undef CONSTANT
#undef FUNCTION
    };
    size_t i;
    for (i = 0; i < sizeof constants / sizeof *constants; i++) {
        if (strcmp(constants[i].name, name) == 0) {
            *value = constants[i].value;
            return 1;
        }
    }
    return 0;
}

const cJSON *argument(struct step *s, const char *name) { return cJSON_GetObjectItemCaseSensitive(s->json, name); }

struct thing *find(struct step *s, const char *name) {
    size_t i;
    for (i = 0; i < s->run->thing_count; i++)
        if (strcmp(s->run->things[i].name, name) == 0) return &s->run->things[i];
    fail(s, "no step gave $%s", name);
    return NULL;
}

/* Whether an argument is there and not null. */
int is_given(const cJSON *json) { return json && !cJSON_IsNull(json); }

void *handle_of(struct step *s, const char *type, const cJSON *json) {
    struct thing *thing;
    if (!is_given(json)) return NULL;
    if (!cJSON_IsString(json) || json->valuestring[0] != '$') fail(s, "%s is not a $name", json->string ? json->string : "an item");
    thing = find(s, json->valuestring + 1);
    if (strcmp(thing->type, type) != 0) fail(s, "%s is a %s, not a %s", json->valuestring, thing->type, type);
    return thing->pointer;
}

void *handle(struct step *s, const char *type, const char *name) { return handle_of(s, type, argument(s, name)); }

double number_of(struct step *s, const cJSON *json) {
    int32_t value;
    if (cJSON_IsBool(json)) return cJSON_IsTrue(json);
    if (cJSON_IsString(json)) {
        if (constant(json->valuestring, &value)) return value;
        if (strcmp(json->valuestring, "nan") == 0) return NAN;
        if (strcmp(json->valuestring, "inf") == 0) return INFINITY;
        fail(s, "%s is not a number or a constant of groma.h", json->valuestring);
    }
    if (!cJSON_IsNumber(json)) fail(s, "%s is not a number", json && json->string ? json->string : "an argument");
    return json->valuedouble;
}

double number(struct step *s, const char *name, double absent) {
    const cJSON *json = argument(s, name);
    return is_given(json) ? number_of(s, json) : absent;
}

/* Puts folders and libraries in the place of ${...}. */
const char *text_of(struct step *s, const cJSON *json) {
    const char *rest, *end, *value;
    char *whole, models[1024];
    size_t used = 0, room = 4096;
    if (!is_given(json)) return NULL;
    if (!cJSON_IsString(json)) { /* an object stands for its text */
        char *printed = cJSON_PrintUnformatted(json);
        whole = (char *)keep(s, strlen(printed) + 1);
        strcpy(whole, printed);
        cJSON_free(printed);
        return whole;
    }
    room += strlen(json->valuestring);
    whole = (char *)keep(s, room);
    snprintf(models, sizeof models, "%s/../models", s->run->vectors);
    for (rest = json->valuestring; *rest;) {
        end = strncmp(rest, "${", 2) == 0 ? strchr(rest, '}') : NULL;
        if (!end) {
            whole[used++] = *rest++;
            continue;
        }
        if (strncmp(rest, "${tmp}", 6) == 0) value = s->run->tmp;
        else if (strncmp(rest, "${vectors}", 10) == 0) value = s->run->vectors;
        else if (strncmp(rest, "${models}", 9) == 0) value = models;
        else if (strncmp(rest, "${runtime}", 10) == 0) value = getenv("GROMA_ONNXRUNTIME");
        else if (strncmp(rest, "${lonely}", 9) == 0) value = getenv("GROMA_VECTORS_LONELY");
        else if (strncmp(rest, "${old_runtime}", 14) == 0) value = getenv("GROMA_VECTORS_OLD_RUNTIME");
        else value = NULL;
        if (!value) fail(s, "%.*s is not set or not known", (int)(end - rest + 1), rest);
        if (used + strlen(value) + strlen(end) >= room) fail(s, "%s is too long", json->valuestring);
        strcpy(whole + used, value);
        used += strlen(value);
        rest = end + 1;
    }
    return whole;
}

const char *text(struct step *s, const char *name) { return text_of(s, argument(s, name)); }

const struct tensor *tensor_of(struct step *s, const cJSON *json) {
    const struct tensors *file;
    size_t i;
    if (!cJSON_IsString(json)) fail(s, "a tensor is named as @in:NAME or @out:NAME");
    file = strncmp(json->valuestring, "@in:", 4) == 0 ? &s->run->in : strncmp(json->valuestring, "@out:", 5) == 0 ? &s->run->out : NULL;
    if (!file) fail(s, "%s is not a tensor", json->valuestring);
    for (i = 0; i < file->count; i++)
        if (strcmp(file->all[i].name, strchr(json->valuestring, ':') + 1) == 0) return &file->all[i];
    fail(s, "there is no tensor %s", json->valuestring);
    return NULL;
}

const char *const *texts(struct step *s, const cJSON *list, uint64_t *count) {
    const char **strings;
    const cJSON *item;
    *count = 0;
    if (!is_given(list)) return NULL;
    strings = (const char **)keep(s, (size_t)(cJSON_GetArraySize(list) + 1) * sizeof *strings);
    cJSON_ArrayForEach(item, list) strings[(*count)++] = text_of(s, item);
    return strings;
}

const void *const *handles(struct step *s, const char *type, const char *name, uint64_t *count) {
    const cJSON *item, *list = argument(s, name);
    const void **pointers;
    *count = 0;
    if (!is_given(list)) return NULL;
    pointers = (const void **)keep(s, (size_t)(cJSON_GetArraySize(list) + 1) * sizeof *pointers);
    cJSON_ArrayForEach(item, list) pointers[(*count)++] = handle_of(s, type, item);
    return pointers;
}

/* A name that the step gives to an out argument; NULL if it gives none. */
static const char *given(struct step *s, const char *name) {
    return cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(argument(s, "gives"), name));
}

void give(struct step *s, const char *name, const char *type, void *pointer) {
    struct thing thing;
    const char *as = given(s, name);
    thing.name[0] = 0;
    thing.type = type;
    thing.pointer = pointer;
    thing.progress = NULL;
    if (s->run->thing_count == sizeof s->run->things / sizeof *s->run->things) {
        destroy_thing(&thing);
        fail(s, "the case makes too many things");
    }
    /* What nobody names is freed at the end like the rest. */
    if (as) {
        size_t i;
        for (i = 0; i < s->run->thing_count; i++)
            if (strcmp(s->run->things[i].name, as) == 0) s->run->things[i].name[0] = 0;
        snprintf(thing.name, sizeof thing.name, "%s", as);
    }
    s->run->things[s->run->thing_count++] = thing;
}

void take(struct step *s, const char *name) {
    const cJSON *json = argument(s, name);
    struct thing *thing = is_given(json) ? find(s, json->valuestring + 1) : NULL;
    if (thing) thing->pointer = NULL, thing->name[0] = 0;
}

int status(struct step *s, groma_status_t status, groma_error_t *error) {
    const cJSON *fails = argument(s, "fails"), *expected;
    char message[1024], subject[512];
    const char *wanted;

    if (status == GROMA_STATUS_OK) {
        if (error) fail(s, "an error came with success");
        if (fails) fail(s, "it succeeded, but should fail with %s",
                        cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(fails, "status")));
        return 1;
    }
    snprintf(message, sizeof message, "%s", groma_error_message(error));
    snprintf(subject, sizeof subject, "%s", groma_error_subject(error) ? groma_error_subject(error) : "");
    if (!error) fail(s, "status %d came without an error", (int)status);
    if (groma_error_code(error) != status) fail(s, "status %d, but the error says %d", (int)status, (int)groma_error_code(error));
    give(s, "error", "groma_error_t", error);
    if (!fails) fail(s, "%s: %s", groma_status_name(status), message);
    wanted = cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(fails, "status"));
    if (!wanted || strcmp(wanted, groma_status_name(status)) != 0)
        fail(s, "it failed with %s, expected %s: %s", groma_status_name(status), wanted ? wanted : "a status", message);
    expected = cJSON_GetObjectItemCaseSensitive(fails, "message_contains");
    if (expected && !strstr(message, text_of(s, expected))) fail(s, "no `%s` in `%s`", text_of(s, expected), message);
    expected = cJSON_GetObjectItemCaseSensitive(fails, "subject");
    if (expected && strcmp(subject, text_of(s, expected) ? text_of(s, expected) : "") != 0)
        fail(s, "the subject is `%s`, expected `%s`", subject, text_of(s, expected) ? text_of(s, expected) : "");
    expected = cJSON_GetObjectItemCaseSensitive(fails, "subject_ends_with");
    if (expected) {
        size_t length = strlen(text_of(s, expected));
        if (strlen(subject) < length || strcmp(subject + strlen(subject) - length, text_of(s, expected)) != 0)
            fail(s, "the subject `%s` does not end with `%s`", subject, text_of(s, expected));
    }
    return 0;
}
