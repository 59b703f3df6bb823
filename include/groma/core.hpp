/// What every other part of groma.hpp stands on: versions, errors, owners of C handles, strings and paths.
#ifndef GROMA_CORE_HPP
#define GROMA_CORE_HPP

#include "../groma.h"

#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <memory>
#include <stdexcept>
#include <string>
#include <string_view>
#include <utility>

#if !defined(__cpp_exceptions) && !defined(_CPPUNWIND)
/// Defined where the compiler has no exceptions: errors end the program with their sentence.
#define GROMA_NO_EXCEPTIONS 1
#endif

namespace groma {

/// The outcome of a call. The numbers are frozen; treat one that has no name here like the first of its hundred.
enum class Status : std::int32_t {
    ok = GROMA_STATUS_OK,
    invalid_argument = GROMA_STATUS_INVALID_ARGUMENT,
    missing_column = GROMA_STATUS_MISSING_COLUMN,
    unknown_feature = GROMA_STATUS_UNKNOWN_FEATURE,
    schema_mismatch = GROMA_STATUS_SCHEMA_MISMATCH,
    io = GROMA_STATUS_IO,
    not_found = GROMA_STATUS_NOT_FOUND,
    malformed = GROMA_STATUS_MALFORMED,
    unsupported = GROMA_STATUS_UNSUPPORTED,
    class_out_of_range = GROMA_STATUS_CLASS_OUT_OF_RANGE,
    output_exists = GROMA_STATUS_OUTPUT_EXISTS,
    model_load = GROMA_STATUS_MODEL_LOAD,
    manifest = GROMA_STATUS_MANIFEST,
    model_mismatch = GROMA_STATUS_MODEL_MISMATCH,
    inference = GROMA_STATUS_INFERENCE,
    runtime_not_found = GROMA_STATUS_RUNTIME_NOT_FOUND,
    runtime_unusable = GROMA_STATUS_RUNTIME_UNUSABLE,
    runtime_too_old = GROMA_STATUS_RUNTIME_TOO_OLD,
    runtime_conflict = GROMA_STATUS_RUNTIME_CONFLICT,
    device_unavailable = GROMA_STATUS_DEVICE_UNAVAILABLE,
    cancelled = GROMA_STATUS_CANCELLED,
    internal = GROMA_STATUS_INTERNAL,
    panic = GROMA_STATUS_PANIC,
};

/// The name of a status, as `NOT_FOUND`; `UNKNOWN` for a number that the library does not know. Static.
inline std::string_view status_name(Status status) noexcept {
    return groma_status_name(static_cast<groma_status_t>(status));
}

/// The version of the library, as `1.2.3`. Static.
inline std::string_view version() noexcept { return groma_version(); }

/// The ABI of the library that was loaded: `major << 16 | minor`.
inline std::uint32_t abi_version() noexcept { return groma_abi_version(); }

/// Why a call failed: `what()` is a sentence that says what is wrong, where, and what to do.
class Error : public std::runtime_error {
public:
    /// An error of this header's own, or one that a test makes up.
    Error(Status status, const std::string &message, std::string subject = {})
        : std::runtime_error(message), status_(status), subject_(std::make_shared<const std::string>(std::move(subject))) {}

    /// The kind of error.
    Status status() const noexcept { return status_; }
    /// The file, column, tensor, model or device concerned, for programs; empty if there is none.
    const std::string &subject() const noexcept { return *subject_; }

private:
    Status status_;
    // Shared, as copying an exception must not throw.
    std::shared_ptr<const std::string> subject_;
};

namespace detail {

[[noreturn]] inline void raise(const Error &error) {
#ifdef GROMA_NO_EXCEPTIONS
    std::fprintf(stderr, "groma: %s (status %d)\n", error.what(), static_cast<int>(error.status()));
    std::abort();
#else
    throw error;
#endif
}

/// Refuses a string that C would take for a shorter one.
inline void check_no_nul(std::string_view text) {
    if (const std::size_t place = text.find('\0'); place != std::string_view::npos)
        raise(Error(Status::invalid_argument,
                    "a string of " + std::to_string(text.size()) + " characters has a NUL at " + std::to_string(place) +
                        ", where C ends it: \"" + std::string(text.substr(0, place)) + "\"; leave the NUL out"));
}

/// A string as C wants it. Throws `Status::invalid_argument` if there is a NUL inside.
inline const char *c_str(const std::string &text) {
    check_no_nul(text);
    return text.c_str();
}

/// NULL for a string that is empty, else as `c_str`.
inline const char *or_null(const std::string &text) { return text.empty() ? nullptr : c_str(text); }

} // namespace detail

/// Refuses a library that this header does not fit: another major number of the ABI, or a minor one that is older.
///
/// Called by itself before the first call that does work; call it earlier to hear of it earlier.
///
/// Throws `Error` with `Status::unsupported`, the library's version being the subject.
inline void check_abi() {
    const std::uint32_t found = groma_abi_version();
    const std::uint32_t major = found >> 16, minor = found & 0xffffU;
    // Signed, as a comparison of an unsigned number with 0 draws warnings.
    const std::int64_t oldest = GROMA_ABI_MINOR;
    if (major == GROMA_ABI_MAJOR && static_cast<std::int64_t>(minor) >= oldest) return;
    detail::raise(Error(Status::unsupported,
                        "the library groma " + std::string(groma_version()) + " has ABI " + std::to_string(major) + "." +
                            std::to_string(minor) + ", this program was compiled for " + std::to_string(GROMA_ABI_MAJOR) + "." +
                            std::to_string(GROMA_ABI_MINOR) + " or a newer minor number; install the library that came with its header",
                        groma_version()));
}

/// A path for the library, which takes UTF-8: from a `std::filesystem::path`, or from characters that are UTF-8 already.
/// Throws `Status::invalid_argument` if there is a NUL inside.
class Path {
public:
    Path(const char *utf8) : utf8_(utf8) {}
    Path(std::string utf8) : utf8_(std::move(utf8)) { detail::check_no_nul(utf8_); }
    Path(std::string_view utf8) : utf8_(utf8) { detail::check_no_nul(utf8_); }
    Path(const std::filesystem::path &path) {
        const auto text = path.u8string(); // of `char8_t` from C++20 on
        utf8_.assign(text.begin(), text.end());
        detail::check_no_nul(utf8_);
    }

    /// The characters, with a NUL at the end.
    const char *c_str() const noexcept { return utf8_.c_str(); }

private:
    std::string utf8_;
};

namespace detail {

/// The first call that does work checks the ABI; the others find that done.
inline void ensure_abi() {
    static const bool checked = (check_abi(), true);
    static_cast<void>(checked);
}

/// Throws what a call has answered; frees the C error.
[[noreturn]] inline void raise(groma_status_t status, groma_error_t *error) {
    const std::unique_ptr<groma_error_t, void (*)(groma_error_t *)> owner(error, groma_error_destroy);
    const char *subject = groma_error_subject(error);
    raise(Error(static_cast<Status>(status), error ? groma_error_message(error) : groma_status_name(status), subject ? subject : ""));
}

/// Makes a call that can fail: `function` is given the place for the error.
template <class Function>
void call(Function &&function) {
    ensure_abi();
    groma_error_t *error = nullptr;
    const groma_status_t status = function(&error);
    if (status != GROMA_STATUS_OK) raise(status, error);
}

/// Makes a call that gives a handle of the C type `T`, and hands it to an owner.
template <class Owner, class Function>
Owner make(Function &&function) {
    typename Owner::handle_type *handle = nullptr;
    call([&](groma_error_t **error) { return function(&handle, error); });
    return Owner(handle);
}

/// The only owner of a C handle.
template <class T, void (*destroy)(T *)>
class Owned {
public:
    using handle_type = T;

    /// Owns nothing.
    Owned() noexcept = default;
    /// Takes a handle over.
    explicit Owned(T *handle) noexcept : handle_(handle) {}

    /// The handle, for calls of groma.h; it stays with this object. NULL if this is empty.
    const T *c() const noexcept { return handle_.get(); }
    /// The handle, for calls of groma.h that change it.
    T *c() noexcept { return handle_.get(); }
    /// Gives the handle away, to be destroyed by the caller.
    T *release() noexcept { return handle_.release(); }
    /// Whether there is a handle.
    explicit operator bool() const noexcept { return handle_ != nullptr; }

private:
    struct Destroy {
        void operator()(T *handle) const noexcept { destroy(handle); }
    };
    std::unique_ptr<T, Destroy> handle_;
};

/// A view of characters that may be NULL; the view of NULL is empty, and its `data()` is NULL.
inline std::string_view view(const char *text) noexcept { return text ? std::string_view(text) : std::string_view(); }

/// A string that the library makes, as one of ours.
template <class Function>
std::string string(Function &&function) {
    const auto owner = make<Owned<groma_string_t, groma_string_destroy>>(function);
    return {groma_string_data(owner.c()), static_cast<std::size_t>(groma_string_length(owner.c()))};
}

} // namespace detail
} // namespace groma

#endif // GROMA_CORE_HPP
