/// Models of points: ONNX files with a manifest, and ensembles of them.
#ifndef GROMA_MODEL_HPP
#define GROMA_MODEL_HPP

#include "core.hpp"
#include "span.hpp"

#include <vector>

namespace groma {

/// How to open a model.
struct ModelOptions {
    /// A manifest, as JSON, that replaces all others; empty for the one inside the file or beside it.
    std::string manifest_json = {};
    /// A `.safetensors` file whose weights replace those of the same names in the ONNX file; empty for none.
    std::string checkpoint = {};
    /// The device to run on: `auto` (the same as empty), or a name of `Devices`.
    std::string device = {};

    /// As groma.h wants them; lives as long as this.
    groma_model_options_t c() const {
        groma_model_options_t options;
        groma_model_options_init(&options, sizeof options);
        options.manifest_json = detail::or_null(manifest_json);
        options.checkpoint = detail::or_null(checkpoint);
        options.device = detail::or_null(device);
        return options;
    }
};

/// How the answers of an ensemble's members become one.
enum class Combine : std::int32_t {
    /// The weighted mean of the probabilities.
    mean = GROMA_ENSEMBLE_MEAN,
    /// Weighted votes; the confidence is the share of the votes.
    vote = GROMA_ENSEMBLE_VOTE,
    /// The member whose block size is nearest to that of the call answers alone.
    scale = GROMA_ENSEMBLE_SCALE,
};

/// An opened model with its manifest. Shared: any number of threads may use it at the same time.
class Model : public detail::Owned<groma_model_t, groma_model_destroy> {
public:
    using Owned::Owned;

    /// Opens an ONNX file. Its manifest is in the ONNX metadata, or in `NAME.groma.json` beside it.
    static Model open(const Path &path) {
        return detail::make<Model>(
            [&](groma_model_t **model, groma_error_t **error) { return groma_model_open(path.c_str(), model, error); });
    }

    /// Opens an ONNX file with a manifest, weights or a device of the caller's choice.
    static Model open(const Path &path, const ModelOptions &options) {
        const groma_model_options_t c = options.c();
        return detail::make<Model>(
            [&](groma_model_t **model, groma_error_t **error) { return groma_model_open_with(path.c_str(), &c, model, error); });
    }

    /// Opens a model from the bytes of an ONNX file, which are copied. `name` is what messages call it; an empty
    /// `manifest_json` leaves the manifest inside.
    static Model open_memory(const std::string &name, const void *data, std::size_t size, const std::string &manifest_json = {}) {
        return detail::make<Model>([&](groma_model_t **model, groma_error_t **error) {
            return groma_model_open_memory(detail::c_str(name), data, size, detail::or_null(manifest_json), model, error);
        });
    }

    /// Opens a model from the bytes of an ONNX file, which are copied, with options.
    static Model open_memory(const std::string &name, const void *data, std::size_t size, const ModelOptions &options) {
        const groma_model_options_t c = options.c();
        return detail::make<Model>([&](groma_model_t **model, groma_error_t **error) {
            return groma_model_open_memory_with(detail::c_str(name), data, size, &c, model, error);
        });
    }

    /// Opens the default model, which is part of the library.
    static Model open_default() { return detail::make<Model>(groma_model_open_default); }

    /// Opens the default model with a manifest, weights or a device of the caller's choice.
    static Model open_default(const ModelOptions &options) {
        const groma_model_options_t c = options.c();
        return detail::make<Model>(
            [&](groma_model_t **model, groma_error_t **error) { return groma_model_open_default_with(&c, model, error); });
    }

    /// Makes a model of models with the same classes, which it shares. `weights` has one for each, or none for equal ones.
    static Model ensemble(const std::vector<const Model *> &models, Combine combine = Combine::mean,
                          const std::vector<double> &weights = {}) {
        if (!weights.empty() && weights.size() != models.size())
            detail::raise(Error(Status::invalid_argument, std::to_string(weights.size()) + " weights for " +
                                                              std::to_string(models.size()) + " models; give one for each, or none"));
        std::vector<const groma_model_t *> handles;
        for (const Model *model : models) handles.push_back(model ? model->c() : nullptr);
        return detail::make<Model>([&](groma_model_t **model, groma_error_t **error) {
            return groma_model_open_ensemble(handles.data(), weights.empty() ? nullptr : weights.data(), handles.size(),
                                             static_cast<std::int32_t>(combine), model, error);
        });
    }

    /// The model's file name, or `groma default`.
    std::string_view name() const noexcept { return detail::view(groma_model_name(c())); }
    /// Number of classes that the model tells apart.
    std::size_t class_count() const noexcept { return static_cast<std::size_t>(groma_model_class_count(c())); }
    /// Name of class `index`; an empty view with NULL `data()` if there is none.
    std::string_view class_name(std::size_t index) const noexcept { return detail::view(groma_model_class_name(c(), index)); }
    /// The manifest as a JSON object.
    std::string_view manifest_json() const noexcept { return detail::view(groma_model_manifest_json(c())); }
    /// Inputs, outputs, metadata and more as a JSON object.
    std::string_view describe_json() const noexcept { return detail::view(groma_model_describe_json(c())); }
    /// Rows a call that suit the model on each of its devices, as a JSON array; a GPU is measured once, and remembered.
    std::string batches_json() const {
        return detail::string(
            [&](groma_string_t **json, groma_error_t **error) { return groma_model_batches_json(c(), json, error); });
    }
    /// A value of the ONNX metadata; an empty view with NULL `data()` if there is no such key.
    std::string_view metadata(const std::string &key) const { return detail::view(groma_model_metadata(c(), detail::c_str(key))); }
};

} // namespace groma

#endif // GROMA_MODEL_HPP
