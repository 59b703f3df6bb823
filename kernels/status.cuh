// Where something is wrong first, in the order of the rows and not of the blocks that happen to run.

#pragma once

#include "common.cuh"

// `word` is all ones before the launch, and afterwards the least `at` of all calls.
__device__ __forceinline__ void note_first(u64* word, u64 at) {
    // A value that is read too early is larger, which costs one more atomic and nothing else.
    if (at < *(const volatile u64*)word) {
        atomicMin(word, at);
    }
}
