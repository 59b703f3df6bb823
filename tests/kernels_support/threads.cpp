// The function by which tests run kernels.
#include "threads.hpp"

#include <algorithm>

// Runs a kernel; `arguments` points to its arguments one by one, as for `cuLaunchKernel`, and `sizes` are their sizes in bytes.
// 1 if it ran, 0 if there is none of that name, −1 − i if argument i has another size, or one more or less is given.
extern "C" int launch_kernel(const char *name, unsigned grid, unsigned block, void **arguments, const std::size_t *sizes,
                             unsigned count) {
    for (threads::Kernel *kernel = threads::kernels; kernel; kernel = kernel->next) {
        if (std::strcmp(kernel->name, name) != 0) continue;
        for (unsigned i = 0; i < std::max<std::size_t>(count, kernel->sizes.size()); ++i) {
            if (i >= count || i >= kernel->sizes.size() || sizes[i] != kernel->sizes[i]) return -1 - static_cast<int>(i);
        }
        threads::run(grid, block, kernel->waits, [&] { kernel->call(arguments); });
        return 1;
    }
    return 0;
}
