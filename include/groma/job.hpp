/// Long calls: progress, cancellation, and how exceptions of a callback get around the library and not through it.
#ifndef GROMA_JOB_HPP
#define GROMA_JOB_HPP

#include "core.hpp"

#include <exception>
#include <functional>

namespace groma {

/// What a long call is busy with.
enum class Stage : std::int32_t {
    start = GROMA_STAGE_START,
    read = GROMA_STAGE_READ,
    ground = GROMA_STAGE_GROUND,
    features = GROMA_STAGE_FEATURES,
    inference = GROMA_STAGE_INFERENCE,
    write = GROMA_STAGE_WRITE,
    filter = GROMA_STAGE_FILTER,
};

/// The neighbour search; `automatic` looks at the cloud.
enum class Search : std::int32_t {
    automatic = GROMA_SEARCH_AUTO,
    grid = GROMA_SEARCH_GRID,
    kd_tree = GROMA_SEARCH_KD_TREE,
};

/// Called about every 50 ms, on the thread that made the long call, and once at its end: `done` of `total` points of a
/// stage; `total` is 0 while it is not known. Return true to go on, false to cancel. What it throws cancels the call, and is
/// thrown by it.
using Progress = std::function<bool(Stage stage, std::uint64_t done, std::uint64_t total)>;

/// A flag that stops the calls it is given to, from any thread. It stays triggered; make a new one for new work.
class Cancel : public detail::Owned<groma_cancel_t, groma_cancel_destroy> {
public:
    /// A flag that is not triggered.
    Cancel() : Owned(detail::make<Owned>(groma_cancel_create).release()) {}
    /// Takes a handle over.
    explicit Cancel(groma_cancel_t *handle) noexcept : Owned(handle) {}

    /// Ends the calls that this was given to within a fraction of a second, with `Status::cancelled`.
    void trigger() const noexcept { groma_cancel_trigger(c()); }
    /// Whether it was triggered.
    bool is_triggered() const noexcept { return groma_cancel_is_triggered(c()) != 0; }
};

namespace detail {

/// Carries a progress callback into a C call, and its exception out.
class Watch {
public:
    explicit Watch(const Progress &progress) noexcept : progress_(progress) {}
    Watch(const Watch &) = delete;
    Watch &operator=(const Watch &) = delete;

    /// Writes callback and flag into a C options struct, which must not outlive this.
    template <class Options>
    void attach(Options &options, const Cancel *cancel) noexcept {
        options.cancel = cancel ? cancel->c() : nullptr;
        if (!progress_) return;
        options.progress = tick;
        options.progress_user = this;
    }

    /// Makes a call that can fail; an exception of the callback comes before the `cancelled` that it has caused.
    template <class Function>
    void call(Function &&function) {
        ensure_abi();
        groma_error_t *error = nullptr;
        const groma_status_t status = function(&error);
#ifndef GROMA_NO_EXCEPTIONS
        if (thrown_) {
            groma_error_destroy(error);
            std::rethrow_exception(thrown_);
        }
#endif
        if (status != GROMA_STATUS_OK) raise(status, error);
    }

    /// Makes a call that gives a handle.
    template <class Owner, class Function>
    Owner make(Function &&function) {
        Owner owner(nullptr);
        call([&](groma_error_t **error) {
            typename Owner::handle_type *handle = nullptr;
            const groma_status_t status = function(&handle, error);
            owner = Owner(handle);
            return status;
        });
        return owner;
    }

private:
    static std::int32_t tick(void *user, std::int32_t stage, std::uint64_t done, std::uint64_t total) {
        auto &self = *static_cast<Watch *>(user);
#ifdef GROMA_NO_EXCEPTIONS
        return self.progress_(static_cast<Stage>(stage), done, total) ? 0 : 1;
#else
        // One exception is enough: a callback that has thrown is not called again.
        if (self.thrown_) return 1;
        try {
            return self.progress_(static_cast<Stage>(stage), done, total) ? 0 : 1;
        } catch (...) {
            self.thrown_ = std::current_exception();
            return 1;
        }
#endif
    }

    const Progress &progress_;
    std::exception_ptr thrown_;
};

} // namespace detail
} // namespace groma

#endif // GROMA_JOB_HPP
