// The functions by which a library of emulated kernels is used.
#include "cuda_on_cpu.hpp"

#if defined(__x86_64__)
asm(R"(
.text
.globl groma_emulator_switch
.type groma_emulator_switch,@function
groma_emulator_switch:
    pushq %rbp
    pushq %rbx
    pushq %r12
    pushq %r13
    pushq %r14
    pushq %r15
    movq %rsp, (%rdi)
    movq %rsi, %rsp
    popq %r15
    popq %r14
    popq %r13
    popq %r12
    popq %rbx
    popq %rbp
    ret
.size groma_emulator_switch,.-groma_emulator_switch
)");
#endif

// Runs a kernel; `arguments` points to its arguments one by one, as for `cuLaunchKernel`, and `sizes` are their sizes in bytes.
// 1 if it ran, 0 if there is none of that name, −1 − i if argument i has another size, or one more or less is given. Without
// `sizes` the arguments are taken as they are.
extern "C" int groma_emulator_launch(const char *name, unsigned grid, unsigned block, void **arguments,
                                     const std::size_t *sizes, unsigned count) {
    for (emulator::Kernel *kernel = emulator::kernels; kernel; kernel = kernel->next) {
        if (std::strcmp(kernel->name, name) != 0) continue;
        for (unsigned i = 0; sizes && i < std::max<std::size_t>(count, kernel->sizes.size()); ++i) {
            if (i >= count || i >= kernel->sizes.size() || sizes[i] != kernel->sizes[i]) return -1 - static_cast<int>(i);
        }
        emulator::launch({grid, 1, 1}, {block, 1, 1}, kernel->fibers, [&] { kernel->call(arguments); });
        return 1;
    }
    return 0;
}
