/// What the library stands on: ONNX Runtime, devices, the state of the installation, and messages.
#ifndef GROMA_RUNTIME_HPP
#define GROMA_RUNTIME_HPP

#include "core.hpp"

#include <functional>
#include <memory>
#include <mutex>

namespace groma {

/// ONNX Runtime, which runs the models: loaded when a model is first opened, once in a process, and never unloaded.
namespace runtime {

/// Loads ONNX Runtime now, from where it is found. Not needed before opening a model, but the place to see what is wrong.
inline void load() {
    detail::call([](groma_error_t **error) { return groma_runtime_load(nullptr, error); });
}

/// Loads this ONNX Runtime now.
inline void load(const Path &path) {
    detail::call([&](groma_error_t **error) { return groma_runtime_load(path.c_str(), error); });
}

/// Uses the one that the host has loaded itself: its `OrtApiBase`. Before anything else loads a runtime.
inline void use(const void *ort_api_base) {
    detail::call([&](groma_error_t **error) { return groma_runtime_use(ort_api_base, error); });
}

/// Whether ONNX Runtime is loaded.
inline bool is_loaded() noexcept { return groma_runtime_is_loaded() != 0; }

/// Which ONNX Runtime is used and how it was found, or why there is none, as a JSON object.
inline std::string describe() { return detail::string(groma_runtime_describe); }

} // namespace runtime

/// Everything about the installation as a JSON object, for reports of problems.
inline std::string doctor() { return detail::string(groma_doctor_json); }

/// What models can run on.
class Devices : public detail::Owned<groma_devices_t, groma_devices_destroy> {
public:
    using Owned::Owned;

    /// Looks for the devices of this machine.
    static Devices list() { return detail::make<Devices>(groma_devices_list); }

    /// Number of devices.
    std::size_t count() const noexcept { return static_cast<std::size_t>(groma_devices_count(c())); }
    /// What the option `device` takes, as `cpu`; an empty view with NULL `data()` if there is no device `index`.
    std::string_view name(std::size_t index) const noexcept { return detail::view(groma_devices_name(c(), index)); }
    /// Name of the processor.
    std::string_view description(std::size_t index) const noexcept { return detail::view(groma_devices_description(c(), index)); }
    /// Memory in bytes; 0 where that is not known.
    std::uint64_t memory_total_bytes(std::size_t index) const noexcept { return groma_devices_memory_total_bytes(c(), index); }
    /// Memory that was free when the devices were listed, in bytes; 0 where that is not known.
    std::uint64_t memory_free_bytes(std::size_t index) const noexcept { return groma_devices_memory_free_bytes(c(), index); }
    /// Whether so many bytes of its memory were free when the devices were listed; not where that is not known.
    bool fits(std::size_t index, std::uint64_t bytes) const noexcept { return groma_devices_fits(c(), index, bytes) != 0; }
    /// Name of the GPU that was least at work, or `cpu` if none can be used.
    std::string_view least_loaded() const noexcept { return detail::view(groma_devices_least_loaded(c())); }
    /// Everything, as a JSON object.
    std::string_view json() const noexcept { return detail::view(groma_devices_json(c())); }
};

/// How much a message matters.
enum class LogLevel : std::int32_t {
    error = GROMA_LOG_ERROR,
    warn = GROMA_LOG_WARN,
    info = GROMA_LOG_INFO,
    debug = GROMA_LOG_DEBUG,
};

/// Receives a message and the part that it comes from. It must not throw: what it throws is dropped.
using Log = std::function<void(LogLevel level, std::string_view target, std::string_view message)>;

namespace detail {

/// The function that receives messages now. A call of it holds a share, so that it may replace itself.
struct LogSlot {
    std::mutex guard;
    std::shared_ptr<const Log> log;

    std::shared_ptr<const Log> get() {
        const std::lock_guard<std::mutex> lock(guard);
        return log;
    }
    std::shared_ptr<const Log> exchange(std::shared_ptr<const Log> other) {
        const std::lock_guard<std::mutex> lock(guard);
        log.swap(other);
        return other;
    }
};

/// Never destroyed, as messages may come while a program ends.
inline LogSlot &log_slot() {
    static auto *slot = new LogSlot;
    return *slot;
}

inline void forward_message(void *slot, std::int32_t level, const char *target, const char *message) {
    const std::shared_ptr<const Log> log = static_cast<LogSlot *>(slot)->get();
    if (!log) return;
#ifdef GROMA_NO_EXCEPTIONS
    (*log)(static_cast<LogLevel>(level), view(target), view(message));
#else
    try {
        (*log)(static_cast<LogLevel>(level), view(target), view(message));
    } catch (...) {
        // There is nobody to give it to: the call that the message belongs to goes on.
    }
#endif
}

} // namespace detail

/// Sends messages of the library and of ONNX Runtime, up to the most detailed `level` that is wanted, to `log`, for the whole
/// process; an empty one makes them silent again, as they are at first. It is called only on threads that are inside a call of
/// this library, and not on two at the same time.
inline void set_log(Log log, LogLevel level = LogLevel::warn) {
    detail::LogSlot &slot = detail::log_slot();
    const groma_log_fn callback = log ? detail::forward_message : nullptr;
    const auto before = slot.exchange(log ? std::make_shared<const Log>(std::move(log)) : nullptr);
    groma_error_t *error = nullptr;
    const groma_status_t status = groma_log_set(callback, &slot, static_cast<std::int32_t>(level), &error);
    if (status == GROMA_STATUS_OK) return;
    slot.exchange(before);
    detail::raise(status, error);
}

} // namespace groma

#endif // GROMA_RUNTIME_HPP
