/// Classification of points in memory and of files; embeddings.
#ifndef GROMA_CLASSIFY_HPP
#define GROMA_CLASSIFY_HPP

#include "core.hpp"
#include "job.hpp"
#include "model.hpp"
#include "points.hpp"
#include "span.hpp"
#include "value.hpp"

#include <vector>

namespace groma {

/// How to classify.
struct ClassifyOptions {
    /// Worker threads; 0 for one a core. The result does not depend on it.
    std::uint32_t threads = 0;
    /// The neighbour search.
    Search search = Search::automatic;
    /// Give all probabilities too: in results, and as one extra dimension a class in files.
    bool probabilities = false;
    /// Write the extra dimension `confidence` to files.
    bool write_confidence = true;
    /// Write the extra dimension `entropy` to files.
    bool write_entropy = true;
    /// Point format of the output file; -1 for that of the input.
    std::int32_t point_format = -1;
    /// Replace an output that exists.
    bool overwrite = false;
    /// Edge length of a block in metres; 0 for that of the manifest. The result does not depend on it.
    double block_size_m = 0;
    /// Length of one unit of the coordinates in metres; 0 for that of the points or of the file's CRS, and for metres
    /// where none is known.
    double linear_unit_m = 0;
    /// ASPRS classes that keep their label.
    std::vector<std::uint8_t> keep_classes = {};
    /// A terrain model for a model whose features say `ground: dtm`; empty for none.
    std::string dtm = {};
    /// Called with the progress.
    Progress progress = {};
    /// A flag that may stop the call; NULL for none.
    const Cancel *cancel = nullptr;

    /// As groma.h wants them, without progress and cancel; lives as long as this.
    groma_classify_options_t c() const {
        groma_classify_options_t options;
        groma_classify_options_init(&options, sizeof options);
        options.threads = threads;
        options.search = static_cast<std::int32_t>(search);
        options.probabilities = probabilities;
        options.write_confidence = write_confidence;
        options.write_entropy = write_entropy;
        options.point_format = point_format;
        options.overwrite = overwrite;
        options.block_size_m = block_size_m;
        options.linear_unit_m = linear_unit_m;
        options.keep_classes = keep_classes.empty() ? nullptr : keep_classes.data();
        options.keep_class_count = keep_classes.size();
        options.dtm = detail::or_null(dtm);
        return options;
    }
};

/// An array of a result.
enum class Output : std::int32_t {
    classes = GROMA_OUTPUT_CLASS,
    asprs = GROMA_OUTPUT_ASPRS,
    confidence = GROMA_OUTPUT_CONFIDENCE,
    entropy = GROMA_OUTPUT_ENTROPY,
    probabilities = GROMA_OUTPUT_PROBABILITIES,
};

/// The points that a result is sure of.
struct Confident {
    /// `u8 [count]`, 1 for those points.
    Value mask;
    /// `u32 [m]`, their rows, ascending.
    Value rows;
};

/// Predictions for a set of points, in their order.
class Result : public detail::Owned<groma_result_t, groma_result_destroy> {
public:
    using Owned::Owned;

    /// Number of points.
    std::size_t count() const noexcept { return static_cast<std::size_t>(groma_result_count(c())); }
    /// Number of classes, the width of the probabilities.
    std::size_t class_count() const noexcept { return static_cast<std::size_t>(groma_result_class_count(c())); }
    /// The class of each point, an index into the model's classes.
    span<const std::uint8_t> classes() const noexcept { return {groma_result_classes(c()), count()}; }
    /// The ASPRS code of each point.
    span<const std::uint8_t> asprs() const noexcept { return {groma_result_asprs(c()), count()}; }
    /// The probability of each point's class, 0...1.
    span<const float> confidence() const noexcept { return {groma_result_confidence(c()), count()}; }
    /// The entropy of each point's probabilities, in nats.
    span<const float> entropy() const noexcept { return {groma_result_entropy(c()), count()}; }
    /// All probabilities, class `k` of point `i` at `i * class_count() + k`; empty if they were not asked for.
    span<const float> probabilities() const noexcept {
        const float *values = groma_result_probabilities(c());
        return {values, values ? count() * class_count() : 0};
    }

    /// An array as a DLPack view, which lives as long as this.
    Tensor tensor(Output output) const {
        Tensor tensor{};
        detail::call([&](groma_error_t **error) {
            return groma_result_tensor(c(), static_cast<std::int32_t>(output), &tensor, error);
        });
        return tensor;
    }

    /// An array as a value, which shares its memory and may outlive this.
    Value value(Output output) const {
        return detail::make<Value>([&](groma_value_t **value, groma_error_t **error) {
            return groma_result_value(c(), static_cast<std::int32_t>(output), value, error);
        });
    }

    /// The points whose confidence is at least `min_confidence`, 0...1.
    Confident confident(float min_confidence) const {
        groma_value_t *mask = nullptr, *rows = nullptr;
        detail::call([&](groma_error_t **error) { return groma_result_confident(c(), min_confidence, &mask, &rows, error); });
        return {Value(mask), Value(rows)};
    }
};

/// What a call did that made a file of another.
class Summary : public detail::Owned<groma_summary_t, groma_summary_destroy> {
public:
    using Owned::Owned;

    /// Number of points read and written.
    std::uint64_t points() const noexcept { return groma_summary_points(c()); }
    /// Number of points of an ASPRS class in the output; 0 for calls that do not classify.
    std::uint64_t class_points(std::uint8_t asprs) const noexcept { return groma_summary_class_points(c(), asprs); }
    /// Mean probability of the points' classes, 0...1; 0 where no model ran.
    double mean_confidence() const noexcept { return groma_summary_mean_confidence(c()); }
    /// Wall-clock time of the whole call in seconds.
    double total_s() const noexcept { return groma_summary_total_s(c()); }
    /// Everything, as a JSON object.
    std::string_view json() const noexcept { return detail::view(groma_summary_json(c())); }
};

/// Classifies points in memory, which have the attributes that the model needs.
inline Result classify(const Model &model, const Points &points, const ClassifyOptions &options = {}) {
    detail::Watch watch(options.progress);
    groma_classify_options_t c = detail::options_for(points, options);
    watch.attach(c, options.cancel);
    return points.with_c([&](const groma_points_t *array) {
        return watch.make<Result>([&](groma_result_t **result, groma_error_t **error) {
            return groma_classify_points(model.c(), array, &c, result, error);
        });
    });
}

/// Classifies a LAS, LAZ or COPC file into a `.las` or `.laz` file, which appears whole or not at all.
inline Summary classify_file(const Model &model, const Path &input, const Path &output, const ClassifyOptions &options = {}) {
    detail::Watch watch(options.progress);
    groma_classify_options_t c = options.c();
    watch.attach(c, options.cancel);
    return watch.make<Summary>([&](groma_summary_t **summary, groma_error_t **error) {
        return groma_classify_file(model.c(), input.c_str(), output.c_str(), &c, summary, error);
    });
}

/// The values of any tensor of the model that has one row a point: `f32 [count, width]`.
inline Value embed(const Model &model, const Points &points, const std::string &tensor, const ClassifyOptions &options = {}) {
    detail::Watch watch(options.progress);
    groma_classify_options_t c = detail::options_for(points, options);
    watch.attach(c, options.cancel);
    return points.with_c([&](const groma_points_t *array) {
        return watch.make<Value>([&](groma_value_t **embeddings, groma_error_t **error) {
            return groma_embed_points(model.c(), array, detail::c_str(tensor), &c, embeddings, error);
        });
    });
}

} // namespace groma

#endif // GROMA_CLASSIFY_HPP
