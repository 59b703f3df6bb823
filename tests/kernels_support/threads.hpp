// As much of CUDA's language as tests need to run kernels on a CPU: blocks one after the other, and for kernels with barriers
// each thread of a block as a thread of the operating system. Slow; exact if built with -ffp-contract=off.
#pragma once

#include <barrier>
#include <cstdint>
#include <cstring>
#include <functional>
#include <thread>
#include <utility>
#include <vector>

#define __global__
#define __device__
#define __forceinline__ inline
#define __launch_bounds__(...)
#define __shared__ static
#define __restrict__ __restrict

struct uint3 {
    unsigned x, y, z;
};

namespace threads {

inline thread_local uint3 thread_index, block_index;
inline uint3 grid_size, block_size;
inline std::barrier<> *barrier = nullptr;

struct Kernel {
    const char *name;
    bool waits;
    void (*call)(void **arguments);
    std::vector<std::size_t> sizes;
    Kernel *next;
};

inline Kernel *kernels = nullptr;

template <class... Parameters, std::size_t... Numbers>
void unpack(void (*kernel)(Parameters...), void **arguments, std::index_sequence<Numbers...>) {
    kernel(*static_cast<Parameters *>(arguments[Numbers])...);
}

template <class... Parameters>
void call(void (*kernel)(Parameters...), void **arguments) {
    unpack(kernel, arguments, std::index_sequence_for<Parameters...>{});
}

template <class... Parameters>
std::vector<std::size_t> sizes_of(void (*)(Parameters...)) {
    return {sizeof(Parameters)...};
}

struct Registration {
    explicit Registration(Kernel &kernel) {
        kernel.next = kernels;
        kernels = &kernel;
    }
};

inline void run(unsigned grid, unsigned size, bool waits, const std::function<void()> &body) {
    grid_size = {grid, 1, 1};
    block_size = {size, 1, 1};
    for (unsigned block = 0; block < grid; ++block) {
        const auto one = [&](unsigned thread) {
            thread_index = {thread, 0, 0};
            block_index = {block, 0, 0};
            body();
            if (waits) barrier->arrive_and_drop();
        };
        if (!waits) {
            for (unsigned thread = 0; thread < size; ++thread) one(thread);
            continue;
        }
        std::barrier<> meeting(size);
        barrier = &meeting;
        std::vector<std::thread> all;
        for (unsigned thread = 0; thread < size; ++thread) all.emplace_back(one, thread);
        for (std::thread &thread : all) thread.join();
    }
}

template <class To, class From>
To same_bits(From value) {
    static_assert(sizeof(To) == sizeof(From));
    To to;
    std::memcpy(&to, &value, sizeof to);
    return to;
}

}  // namespace threads

// Makes a kernel known by its name; `waits` says whether its threads wait for each other.
#define KERNEL(name, waits)                                                                                         \
    static threads::Kernel kernel_##name{#name, waits, [](void **a) { threads::call(name, a); },                   \
                                         threads::sizes_of(name), nullptr};                                         \
    static threads::Registration registered_##name{kernel_##name};

#define threadIdx (threads::thread_index)
#define blockIdx (threads::block_index)
#define gridDim (threads::grid_size)
#define blockDim (threads::block_size)

inline void __syncthreads() { threads::barrier->arrive_and_wait(); }
inline float __uint_as_float(unsigned bits) { return threads::same_bits<float>(bits); }
inline unsigned __float_as_uint(float value) { return threads::same_bits<unsigned>(value); }

template <class T>
T atomicMin(T *place, T value) {
    T old = __atomic_load_n(place, __ATOMIC_RELAXED);
    while (value < old && !__atomic_compare_exchange_n(place, &old, value, false, __ATOMIC_RELAXED, __ATOMIC_RELAXED)) {
    }
    return old;
}
