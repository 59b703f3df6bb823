// CUDA's language on a CPU, as far as the kernels here use it: for tests on machines without a GPU.
//
// A block is run by one thread of the operating system. Kernels in which threads wait for each other get a fiber for each of
// their threads, and a barrier or a warp's exchange is where a fiber hands over to the next; kernels without such are called thread by
// thread. Blocks are spread over the cores. It is exact where the kernels are: build with -ffp-contract=off. It finds no races;
// that is what compute-sanitizer on a device is for.
#pragma once

#include <algorithm>
#include <atomic>
#include <cmath>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <functional>
#include <memory>
#include <thread>
#include <type_traits>
#include <utility>
#include <vector>

#if !defined(__x86_64__)
#include <ucontext.h>
#endif

#define __global__
#define __device__
#define __host__
#define __forceinline__ inline
#define __noinline__ inline
#define __launch_bounds__(...)
#define __grid_constant__
#define __constant__ static
#define __shared__ static thread_local
#define __restrict__ __restrict

struct uint3 {
    unsigned x, y, z;
};

struct dim3 {
    unsigned x = 1, y = 1, z = 1;
};

namespace emulator {

[[noreturn]] inline void fail(const char *what) {
    std::fprintf(stderr, "kernel emulator: %s\n", what);
    std::abort();
}

// --- Fibers ---------------------------------------------------------------------------------------------------------

#if defined(__x86_64__)
// Keeps the registers that a function must keep on the stack, and goes on where another stack was left: library.cpp has it.
extern "C" void groma_emulator_switch(void **from, void *to);
#endif

constexpr std::size_t STACK_BYTES = 128 << 10;

class Fiber {
  public:
    // Prepares to run `entry` on this fiber's stack.
    void prepare(void (*entry)()) {
        // Left as it is: only the pages that a thread uses cost anything.
        if (!stack) stack.reset(new char[STACK_BYTES]);
#if defined(__x86_64__)
        auto top = reinterpret_cast<std::uintptr_t>(stack.get() + STACK_BYTES) & ~std::uintptr_t{15};
        auto place = reinterpret_cast<void **>(top);
        *--place = nullptr;
        *--place = reinterpret_cast<void *>(entry);
        place -= 6;
        std::fill(place, place + 6, nullptr);
        pointer = place;
#else
        getcontext(&context);
        context.uc_stack.ss_sp = stack.get();
        context.uc_stack.ss_size = STACK_BYTES;
        context.uc_link = nullptr;
        makecontext(&context, entry, 0);
#endif
    }

    static void hand_over(Fiber &from, Fiber &to) {
#if defined(__x86_64__)
        groma_emulator_switch(&from.pointer, to.pointer);
#else
        swapcontext(&from.context, &to.context);
#endif
    }

  private:
    std::unique_ptr<char[]> stack;
#if defined(__x86_64__)
    void *pointer = nullptr;
#else
    ucontext_t context;
#endif
};

// --- Blocks ---------------------------------------------------------------------------------------------------------

enum class State : std::uint8_t { ready, in_warp, at_barrier, done };

// What the lanes of a warp lay down for each other; the next exchange may begin while some have not yet looked at the last.
struct Exchange {
    std::uint64_t laid[32] = {}, seen[32] = {};
    unsigned arrived = 0, wanted = 0, seen_by = 0, living = 0;
    unsigned long rounds = 0;
};

struct Thread {
    Fiber fiber;
    State state = State::ready;
    uint3 index{};
};

struct Block {
    uint3 index{};
    dim3 size, grid;
    bool fibers = false;
    std::vector<Thread> threads;
    std::vector<Exchange> warps;
    Fiber scheduler;
    unsigned current = 0, waiting = 0, living = 0;
    int votes = 0, result = 0;
    unsigned long steps = 0;
    uint3 plain_index{};
    const std::function<void()> *body = nullptr;
};

// One variable for all translation units of the library.
inline thread_local Block *block = nullptr;

inline Thread &here() { return block->threads[block->current]; }

inline uint3 thread_index() { return block->fibers ? here().index : block->plain_index; }

inline void give_way() { Fiber::hand_over(here().fiber, block->scheduler); }

inline void begin_thread() {
    (*block->body)();
    here().state = State::done;
    give_way();
    fail("a thread went on after its end");
}

inline void complete(Exchange &warp, unsigned lanes) {
    std::copy(warp.laid, warp.laid + 32, warp.seen);
    warp.seen_by = lanes;
    warp.arrived = 0;
    ++warp.rounds;
}

// Lays `value` down, waits for all lanes of `lanes` that still live, and gives what all of them laid down.
inline const Exchange &exchange(unsigned lanes, std::uint64_t value) {
    if (!block->fibers) fail("a kernel that was taken for one without barriers exchanges values");
    const unsigned lane = block->current % 32;
    Exchange &warp = block->warps[block->current / 32];
    if (!(lanes >> lane & 1)) fail("a lane takes part in an exchange whose mask lacks it");
    lanes &= warp.living;
    if (warp.arrived && warp.wanted != lanes) fail("lanes of a warp meet with different masks");
    warp.wanted = lanes;
    warp.laid[lane] = value;
    warp.arrived |= 1u << lane;
    ++block->steps;
    const unsigned long round = warp.rounds;
    if (warp.arrived == lanes) {
        complete(warp, lanes);
    } else {
        here().state = State::in_warp;
        while (warp.rounds == round) give_way();
        here().state = State::ready;
    }
    return warp;
}

inline void end_thread(unsigned number) {
    Block &b = *block;
    --b.living;
    Exchange &warp = b.warps[number / 32];
    warp.living &= ~(1u << number % 32);
    warp.wanted &= warp.living;
    if (warp.arrived && warp.arrived == warp.wanted) complete(warp, warp.wanted);
}

inline void run_with_fibers(Block &b) {
    const unsigned count = b.size.x * b.size.y * b.size.z;
    b.threads.resize(count);
    b.warps.assign((count + 31) / 32, Exchange{});
    b.living = count;
    b.waiting = 0;
    for (unsigned i = 0; i < count; ++i) {
        Thread &thread = b.threads[i];
        thread.state = State::ready;
        thread.index = {i % b.size.x, i / b.size.x % b.size.y, i / (b.size.x * b.size.y)};
        thread.fiber.prepare(begin_thread);
        b.warps[i / 32].living |= 1u << i % 32;
    }
    while (b.living) {
        bool moved = false;
        const unsigned long steps = b.steps;
        for (unsigned i = 0; i < count; ++i) {
            Thread &thread = b.threads[i];
            if (thread.state == State::done || thread.state == State::at_barrier) continue;
            b.current = i;
            Fiber::hand_over(b.scheduler, thread.fiber);
            moved |= thread.state != State::in_warp;
            if (thread.state == State::done) end_thread(i);
        }
        if (b.living && b.waiting == b.living) {
            b.waiting = 0;
            b.result = b.votes;
            b.votes = 0;
            for (Thread &thread : b.threads) {
                if (thread.state == State::at_barrier) thread.state = State::ready;
            }
            moved = true;
        }
        if (!moved && b.steps == steps) fail("threads wait for others that never come");
    }
}

inline void run_plainly(Block &b) {
    for (unsigned z = 0; z < b.size.z; ++z) {
        for (unsigned y = 0; y < b.size.y; ++y) {
            for (unsigned x = 0; x < b.size.x; ++x) {
                b.plain_index = {x, y, z};
                (*b.body)();
            }
        }
    }
}

inline void launch(dim3 grid, dim3 size, bool fibers, const std::function<void()> &body) {
    const std::uint64_t count = std::uint64_t{grid.x} * grid.y * grid.z;
    std::atomic<std::uint64_t> next{0};
    auto work = [&] {
        Block b;
        b.size = size;
        b.grid = grid;
        b.fibers = fibers;
        b.body = &body;
        block = &b;
        for (std::uint64_t i; (i = next++) < count;) {
            b.index = {static_cast<unsigned>(i % grid.x), static_cast<unsigned>(i / grid.x % grid.y),
                       static_cast<unsigned>(i / (std::uint64_t{grid.x} * grid.y))};
            fibers ? run_with_fibers(b) : run_plainly(b);
        }
        block = nullptr;
    };
    const std::uint64_t cores = std::max(1u, std::thread::hardware_concurrency());
    std::vector<std::thread> helpers;
    for (std::uint64_t i = 1; i < std::min(cores, count); ++i) helpers.emplace_back(work);
    work();
    for (std::thread &helper : helpers) helper.join();
}

// --- Kernels by name --------------------------------------------------------------------------------------------------

struct Kernel {
    const char *name;
    bool fibers;
    void (*call)(void **arguments);
    std::vector<std::size_t> sizes;
    Kernel *next;
};

inline Kernel *kernels = nullptr;

template <class... Parameters, std::size_t... Numbers>
void unpack(void (*kernel)(Parameters...), void **arguments, std::index_sequence<Numbers...>) {
    kernel(*static_cast<std::remove_const_t<Parameters> *>(arguments[Numbers])...);
}

template <class... Parameters>
void call_kernel(void (*kernel)(Parameters...), void **arguments) {
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

template <class T>
std::uint64_t to_bits(T value) {
    static_assert(sizeof(T) <= 8);
    std::uint64_t bits = 0;
    std::memcpy(&bits, &value, sizeof value);
    return bits;
}

template <class T>
T from_bits(std::uint64_t bits) {
    T value;
    std::memcpy(&value, &bits, sizeof value);
    return value;
}

template <class T>
T from_lane(unsigned lanes, T value, unsigned source) {
    const Exchange &warp = exchange(lanes, to_bits(value));
    return source < 32 && warp.seen_by >> source & 1 ? from_bits<T>(warp.seen[source]) : value;
}

}  // namespace emulator

// Makes a kernel known by its name; `waits` says whether its threads wait for each other.
#define GROMA_EMULATED_KERNEL(name, waits)                                                                   \
    static emulator::Kernel emulated_##name{#name, waits, [](void **a) { emulator::call_kernel(name, a); }, \
                                            emulator::sizes_of(name), nullptr};                              \
    static emulator::Registration registered_##name{emulated_##name};

// --- The language -----------------------------------------------------------------------------------------------------

#define threadIdx (emulator::thread_index())
#define blockIdx (emulator::block->index)
#define blockDim (emulator::block->size)
#define gridDim (emulator::block->grid)
#define warpSize 32

inline void __syncthreads() {
    if (!emulator::block->fibers) emulator::fail("a kernel that was taken for one without barriers waits at one");
    emulator::here().state = emulator::State::at_barrier;
    ++emulator::block->waiting;
    emulator::give_way();
}

inline int __syncthreads_or(int vote) {
    emulator::block->votes |= vote != 0;
    __syncthreads();
    return emulator::block->result;
}

inline void __syncwarp(unsigned lanes = 0xffffffffu) { emulator::exchange(lanes, 0); }
inline void __threadfence() { std::atomic_thread_fence(std::memory_order_seq_cst); }

template <class T>
T __shfl_sync(unsigned lanes, T value, int source) {
    return emulator::from_lane(lanes, value, static_cast<unsigned>(source) % 32);
}

template <class T>
T __shfl_xor_sync(unsigned lanes, T value, int mask) {
    return emulator::from_lane(lanes, value, (emulator::block->current % 32) ^ static_cast<unsigned>(mask));
}

template <class T>
T __shfl_down_sync(unsigned lanes, T value, unsigned by) {
    return emulator::from_lane(lanes, value, emulator::block->current % 32 + by);
}

template <class T>
T __shfl_up_sync(unsigned lanes, T value, unsigned by) {
    return emulator::from_lane(lanes, value, emulator::block->current % 32 - by);
}

inline unsigned __ballot_sync(unsigned lanes, int vote) {
    const emulator::Exchange &warp = emulator::exchange(lanes, vote != 0);
    unsigned all = 0;
    for (unsigned i = 0; i < 32; ++i) all |= static_cast<unsigned>(warp.seen_by >> i & 1 && warp.seen[i]) << i;
    return all;
}

inline int __any_sync(unsigned lanes, int vote) { return __ballot_sync(lanes, vote) != 0; }

inline int __popc(unsigned bits) { return __builtin_popcount(bits); }
inline int __ffs(int bits) { return __builtin_ffs(bits); }
inline int __clz(int bits) { return bits ? __builtin_clz(static_cast<unsigned>(bits)) : 32; }
inline int __clzll(long long bits) { return bits ? __builtin_clzll(static_cast<unsigned long long>(bits)) : 64; }
inline unsigned __umulhi(unsigned a, unsigned b) { return static_cast<unsigned>(static_cast<std::uint64_t>(a) * b >> 32); }
inline long long __mul64hi(long long a, long long b) { return static_cast<long long>(static_cast<__int128>(a) * b >> 64); }
inline unsigned long long __umul64hi(unsigned long long a, unsigned long long b) {
    return static_cast<unsigned long long>(static_cast<unsigned __int128>(a) * b >> 64);
}
inline float __uint_as_float(unsigned bits) { return emulator::from_bits<float>(bits); }
inline unsigned __float_as_uint(float value) { return static_cast<unsigned>(emulator::to_bits(value)); }
inline float __int_as_float(int bits) { return emulator::from_bits<float>(static_cast<std::uint32_t>(bits)); }
inline int __float_as_int(float value) { return static_cast<int>(emulator::to_bits(value)); }
inline double __longlong_as_double(long long bits) { return emulator::from_bits<double>(static_cast<std::uint64_t>(bits)); }
inline long long __double_as_longlong(double value) { return static_cast<long long>(emulator::to_bits(value)); }

template <class T>
T __ldg(const T *place) {
    return *place;
}

using std::max;
using std::min;

namespace emulator {
// Changes a number in one step; gives what it was.
template <class T, class Change>
T change(T *place, Change to) {
    T old = __atomic_load_n(place, __ATOMIC_RELAXED);
    while (!__atomic_compare_exchange_n(place, &old, to(old), false, __ATOMIC_RELAXED, __ATOMIC_RELAXED)) {
    }
    return old;
}
}  // namespace emulator

template <class T>
T atomicAdd(T *place, T value) {
    static_assert(std::is_integral_v<T>, "sums of floating point in any order would not be exact");
    return __atomic_fetch_add(place, value, __ATOMIC_RELAXED);
}
template <class T>
T atomicOr(T *place, T value) {
    return __atomic_fetch_or(place, value, __ATOMIC_RELAXED);
}
template <class T>
T atomicMin(T *place, T value) {
    return emulator::change(place, [=](T old) { return min(old, value); });
}
template <class T>
T atomicMax(T *place, T value) {
    return emulator::change(place, [=](T old) { return max(old, value); });
}
template <class T>
T atomicCAS(T *place, T expected, T value) {
    __atomic_compare_exchange_n(place, &expected, value, false, __ATOMIC_RELAXED, __ATOMIC_RELAXED);
    return expected;
}
