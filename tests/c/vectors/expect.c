/*
 * Comparing what a call answers with what its step expects.
 */
#include "step.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

static const cJSON *member(const cJSON *object, const char *name) {
    return cJSON_IsObject(object) ? cJSON_GetObjectItemCaseSensitive(object, name) : NULL;
}

static double tolerance(const cJSON *expected) {
    const cJSON *json = member(expected, "tolerance");
    return json ? json->valuedouble : 0;
}

void compare_number(struct step *s, const char *what, const cJSON *expected, double found) {
    const cJSON *approx = member(expected, "approx"), *least = member(expected, "at_least");
    double wanted, allowed = 0;
    if (member(expected, "not_null")) return;
    if (least) {
        if (!(found >= number_of(s, least))) fail(s, "%s is %.17g, expected at least %.17g", what, found, number_of(s, least));
        return;
    }
    if (approx) allowed = tolerance(expected), expected = approx;
    wanted = number_of(s, expected);
    if (!(fabs(found - wanted) <= allowed) && !(isnan(found) && isnan(wanted)))
        fail(s, "%s is %.17g, expected %.17g", what, found, wanted);
}

void expect_number(struct step *s, double found) {
    if (argument(s, "expect")) compare_number(s, "the answer", argument(s, "expect"), found);
}

/* Every part of `expected` must be in `found`; lists have as many items. */
static void compare_json(struct step *s, const char *where, const cJSON *expected, const cJSON *found) {
    const cJSON *item;
    char place[512];
    int i = 0;
    if (!found) fail(s, "%s is not there", where);
    if (cJSON_IsNumber(expected) && cJSON_IsNumber(found)) {
        double size = fabs(expected->valuedouble) > 1 ? fabs(expected->valuedouble) : 1;
        if (!(fabs(expected->valuedouble - found->valuedouble) <= 1e-9 * size))
            fail(s, "%s is %.17g, expected %.17g", where, found->valuedouble, expected->valuedouble);
    } else if (cJSON_IsString(expected) && cJSON_IsString(found)) {
        const char *wanted = text_of(s, expected);
        if (strcmp(wanted, found->valuestring) != 0) fail(s, "%s is `%s`, expected `%s`", where, found->valuestring, wanted);
    } else if (cJSON_IsObject(expected) && cJSON_IsObject(found)) {
        cJSON_ArrayForEach(item, expected) {
            snprintf(place, sizeof place, "%.400s.%.100s", where, item->string);
            compare_json(s, place, item, cJSON_GetObjectItemCaseSensitive(found, item->string));
        }
    } else if (cJSON_IsArray(expected) && cJSON_IsArray(found)) {
        if (cJSON_GetArraySize(expected) != cJSON_GetArraySize(found))
            fail(s, "%s has %d items, expected %d", where, cJSON_GetArraySize(found), cJSON_GetArraySize(expected));
        cJSON_ArrayForEach(item, expected) {
            snprintf(place, sizeof place, "%.400s[%d]", where, i);
            compare_json(s, place, item, cJSON_GetArrayItem(found, i++));
        }
    } else if (expected->type != found->type) {
        fail(s, "%s is of another kind than expected", where);
    }
}

void compare_text(struct step *s, const char *what, const cJSON *expected, const char *found) {
    const cJSON *part;
    if (cJSON_IsNull(expected)) {
        if (found) fail(s, "%s is `%s`, expected NULL", what, found);
        return;
    }
    if (!found) fail(s, "%s is NULL", what);
    if (member(expected, "not_null")) return;
    if ((part = member(expected, "contains"))) {
        if (!strstr(found, text_of(s, part))) fail(s, "%s is `%.1000s`, without `%s`", what, found, text_of(s, part));
    } else if ((part = member(expected, "json"))) {
        cJSON *parsed = cJSON_Parse(found);
        char reason[sizeof s->run->reason];
        jmp_buf outer;
        if (!parsed) fail(s, "%s is not JSON: %.500s", what, found);
        /* The parsed tree is freed on both ways out. */
        memcpy(&outer, &s->run->stop, sizeof outer);
        if (setjmp(s->run->stop) == 0) {
            compare_json(s, what, part, parsed);
            memcpy(&s->run->stop, &outer, sizeof outer);
            cJSON_Delete(parsed);
        } else {
            memcpy(&s->run->stop, &outer, sizeof outer);
            cJSON_Delete(parsed);
            snprintf(reason, sizeof reason, "%s", s->run->reason);
            fail(s, "%s", reason);
        }
    } else if (!cJSON_IsString(expected) || strcmp(found, text_of(s, expected)) != 0) {
        fail(s, "%s is `%.500s`, expected `%.500s`", what, found, text_of(s, expected));
    }
}

void expect_text(struct step *s, const char *found) {
    if (argument(s, "expect")) compare_text(s, "the answer", argument(s, "expect"), found);
}

void expect_bytes(struct step *s, const char *found, uint64_t length) {
    const cJSON *expected = argument(s, "expect");
    const char *wanted;
    if (!expected || !cJSON_IsString(expected)) {
        expect_text(s, found);
        return;
    }
    wanted = text_of(s, expected);
    if (!found || length != strlen(wanted) || memcmp(found, wanted, (size_t)length) != 0)
        fail(s, "the answer is `%.*s`, expected `%s`", (int)length, found ? found : "", wanted);
}

void expect_tensor(struct step *s, const struct tensor *found) {
    const cJSON *expected = argument(s, "expect");
    if (!expected) return;
    if (!member(expected, "tensor")) fail(s, "the answer is a tensor; the step expects something else");
    compare_tensors(s, tensor_of(s, member(expected, "tensor")), found, tolerance(expected));
}

void expect_array(struct step *s, const void *data, uint64_t size_bytes) {
    const cJSON *expected = argument(s, "expect");
    struct tensor found;
    if (cJSON_IsNull(expected)) {
        if (data) fail(s, "the answer is not NULL");
        return;
    }
    if (expected && !data && size_bytes) fail(s, "the answer is NULL");
    if (member(expected, "not_null")) {
        if (!data) fail(s, "the answer is NULL");
        return;
    }
    memset(&found, 0, sizeof found);
    found.data = data;
    found.size_bytes = size_bytes;
    if (expected) expect_tensor(s, &found);
}

void expect_value(struct step *s, const groma_value_t *value) {
    struct tensor found;
    uint64_t i;
    if (!argument(s, "expect")) return;
    memset(&found, 0, sizeof found);
    found.type = groma_value_element_type(value);
    found.ndim = groma_value_ndim(value);
    if (found.ndim > 8) fail(s, "a value of %llu dimensions", (unsigned long long)found.ndim);
    for (i = 0; i < found.ndim; i++) found.shape[i] = groma_value_shape(value)[i];
    found.data = groma_value_data(value);
    found.size_bytes = groma_value_size_bytes(value);
    expect_tensor(s, &found);
}
