/// Networks: any ONNX model, named values in and out.
#ifndef GROMA_NETWORK_HPP
#define GROMA_NETWORK_HPP

#include "core.hpp"
#include "job.hpp"
#include "value.hpp"

#include <vector>

namespace groma {

/// How far ONNX Runtime may rewrite a network when it is opened.
enum class Optimization : std::int32_t {
    all = GROMA_OPTIMIZATION_ALL,
    none = GROMA_OPTIMIZATION_NONE,
    basic = GROMA_OPTIMIZATION_BASIC,
    extended = GROMA_OPTIMIZATION_EXTENDED,
};

/// How to open a network.
struct NetworkOptions {
    /// Threads that one run may use, the calling one included; 0 for one a core.
    std::uint32_t threads = 0;
    /// How far ONNX Runtime may rewrite the network.
    Optimization optimization = Optimization::all;
    /// The device to run on: `auto` (the same as empty), or a name of `Devices`.
    std::string device = {};
    /// A `.safetensors` file whose weights take the place of those in the file; empty for none.
    std::string checkpoint = {};
    /// Names of tensors inside the network, which become outputs behind its own.
    std::vector<std::string> extra_outputs = {};
};

/// How to run a network.
struct NetworkRunOptions {
    /// Called with the progress.
    Progress progress = {};
    /// A flag that may stop the run; NULL for none.
    const Cancel *cancel = nullptr;

    /// As groma.h wants them, without progress and cancel.
    groma_network_run_options_t c() const noexcept {
        groma_network_run_options_t options;
        groma_network_run_options_init(&options, sizeof options);
        return options;
    }
};

/// An input by name. The value must live until the run has returned.
struct Input {
    Input(std::string input, const Value &tensor) : name(std::move(input)), value(tensor) {}
    /// Not of a value that is gone before the run.
    Input(std::string input, const Value &&tensor) = delete;

    std::string name;
    const Value &value;
};

/// An opened network. Shared: any number of threads may run it at the same time.
///
///     auto y = network.run({{"x", x}});
class Network : public detail::Owned<groma_network_t, groma_network_destroy> {
public:
    using Owned::Owned;

    /// Opens an ONNX file.
    static Network open(const Path &path, const NetworkOptions &options = {}) {
        return with(options, [&](const groma_network_options_t *c, groma_network_t **network, groma_error_t **error) {
            return groma_network_open(path.c_str(), c, network, error);
        });
    }

    /// Opens a network from the bytes of an ONNX file, which are copied. `name` is what messages call it.
    static Network open_memory(const std::string &name, const void *data, std::size_t size, const NetworkOptions &options = {}) {
        return with(options, [&](const groma_network_options_t *c, groma_network_t **network, groma_error_t **error) {
            return groma_network_open_memory(detail::c_str(name), data, size, c, network, error);
        });
    }

    /// The network's file name.
    std::string_view name() const noexcept { return detail::view(groma_network_name(c())); }
    /// Number of inputs.
    std::size_t input_count() const noexcept { return static_cast<std::size_t>(groma_network_input_count(c())); }
    /// Name of input `index`; an empty view with NULL `data()` if there is none.
    std::string_view input_name(std::size_t index) const noexcept { return detail::view(groma_network_input_name(c(), index)); }
    /// Number of outputs.
    std::size_t output_count() const noexcept { return static_cast<std::size_t>(groma_network_output_count(c())); }
    /// Name of output `index`; an empty view with NULL `data()` if there is none.
    std::string_view output_name(std::size_t index) const noexcept { return detail::view(groma_network_output_name(c(), index)); }
    /// A value of the ONNX metadata; an empty view with NULL `data()` if there is no such key.
    std::string_view metadata(const std::string &key) const { return detail::view(groma_network_metadata(c(), detail::c_str(key))); }
    /// Inputs, outputs, metadata, opsets, intermediate tensors and initializers as a JSON object.
    std::string_view describe_json() const noexcept { return detail::view(groma_network_describe_json(c())); }

    /// Runs the network. Gives the outputs named, in that order; all of them if none is.
    std::vector<Value> run(const std::vector<Input> &inputs, const std::vector<std::string> &outputs = {},
                           const NetworkRunOptions &options = {}) const {
        std::vector<const char *> input_names;
        std::vector<const groma_value_t *> values;
        for (const Input &input : inputs) {
            input_names.push_back(detail::c_str(input.name));
            values.push_back(input.value.c());
        }
        const std::vector<const char *> output_names = pointers(outputs);
        detail::Watch watch(options.progress);
        groma_network_run_options_t run = options.c();
        watch.attach(run, options.cancel);
        const auto sequence = watch.make<Value>([&](groma_value_t **result, groma_error_t **error) {
            return groma_network_run(c(), input_names.data(), values.data(), values.size(),
                                     output_names.empty() ? nullptr : output_names.data(), output_names.size(), &run, result, error);
        });
        return sequence.items();
    }

private:
    static std::vector<const char *> pointers(const std::vector<std::string> &strings) {
        std::vector<const char *> pointers;
        for (const std::string &string : strings) pointers.push_back(detail::c_str(string));
        return pointers;
    }

    template <class Function>
    static Network with(const NetworkOptions &options, Function &&function) {
        const std::vector<const char *> extra = pointers(options.extra_outputs);
        groma_network_options_t c;
        groma_network_options_init(&c, sizeof c);
        c.threads = options.threads;
        c.optimization = static_cast<std::int32_t>(options.optimization);
        c.device = detail::or_null(options.device);
        c.checkpoint = detail::or_null(options.checkpoint);
        c.extra_outputs = extra.empty() ? nullptr : extra.data();
        c.extra_output_count = extra.size();
        return detail::make<Network>(
            [&](groma_network_t **network, groma_error_t **error) { return function(&c, network, error); });
    }
};

} // namespace groma

#endif // GROMA_NETWORK_HPP
