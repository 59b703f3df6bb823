/*
 * How the C vector runner defines a call: one function for each function of groma.h, found by its name.
 */
#ifndef GROMA_VECTORS_CALLS_H
#define GROMA_VECTORS_CALLS_H

#include "step.h"

#include <string.h>

#define CALL(f) \
    void call_##f(struct step *s); \
    void call_##f(struct step *s)

#endif
