/// Features: the numbers that models read, for every point, as a matrix or as a file.
#ifndef GROMA_FEATURES_HPP
#define GROMA_FEATURES_HPP

#include "classify.hpp"
#include "core.hpp"
#include "job.hpp"
#include "points.hpp"
#include "span.hpp"
#include "value.hpp"

namespace groma {

/// How to compute features of points in memory.
struct FeaturesOptions {
    /// Worker threads; 0 for one a core. The result does not depend on it.
    std::uint32_t threads = 0;
    /// The neighbour search.
    Search search = Search::automatic;
    /// Edge length in metres of the blocks that points are worked on in; 0 for all at once. The result does not depend on it.
    double block_size_m = 0;
    /// Length of one unit of the coordinates in metres; 0 for that of the points, and for metres where they have none.
    double linear_unit_m = 0;
    /// A terrain model for a schema that says `ground: dtm`; empty for none.
    std::string dtm = {};
    /// The devices that compute: `cpu`, `auto`, `cuda`, `cuda:0,2` or `all`; empty for `cpu`.
    std::string device = {};
    /// Called with the progress.
    Progress progress = {};
    /// A flag that may stop the call; NULL for none.
    const Cancel *cancel = nullptr;

    /// As groma.h wants them, without progress and cancel; lives as long as this.
    groma_features_options_t c() const {
        groma_features_options_t options;
        groma_features_options_init(&options, sizeof options);
        options.threads = threads;
        options.search = static_cast<std::int32_t>(search);
        options.block_size_m = block_size_m;
        options.linear_unit_m = linear_unit_m;
        options.dtm = detail::or_null(dtm);
        options.device = detail::or_null(device);
        return options;
    }
};

/// How to write features of a file.
struct FeaturesFileOptions {
    /// Worker threads; 0 for one a core. The result does not depend on it.
    std::uint32_t threads = 0;
    /// The neighbour search.
    Search search = Search::automatic;
    /// Point format of the output file, LAS and LAZ only; -1 for that of the input.
    std::int32_t point_format = -1;
    /// Replace an output that exists.
    bool overwrite = false;
    /// Edge length in metres of the blocks that points are worked on in; 0 for blocks of about a million points.
    double block_size_m = 0;
    /// Length of one unit of the coordinates in metres; 0 for that of the file's CRS, and for metres where none is known.
    double linear_unit_m = 0;
    /// A terrain model for a schema that says `ground: dtm`; empty for none.
    std::string dtm = {};
    /// The devices that compute: `cpu`, `auto`, `cuda`, `cuda:0,2` or `all`; empty for `cpu`.
    std::string device = {};
    /// Called with the progress.
    Progress progress = {};
    /// A flag that may stop the call; NULL for none.
    const Cancel *cancel = nullptr;

    /// As groma.h wants them, without progress and cancel; lives as long as this.
    groma_features_file_options_t c() const {
        groma_features_file_options_t options;
        groma_features_file_options_init(&options, sizeof options);
        options.threads = threads;
        options.search = static_cast<std::int32_t>(search);
        options.point_format = point_format;
        options.overwrite = overwrite;
        options.block_size_m = block_size_m;
        options.linear_unit_m = linear_unit_m;
        options.dtm = detail::or_null(dtm);
        options.device = detail::or_null(device);
        return options;
    }
};

/// A matrix of features, row-major, one row a point.
class Features : public detail::Owned<groma_features_t, groma_features_destroy> {
public:
    using Owned::Owned;

    /// Number of rows: points.
    std::size_t rows() const noexcept { return static_cast<std::size_t>(groma_features_rows(c())); }
    /// Number of columns.
    std::size_t columns() const noexcept { return static_cast<std::size_t>(groma_features_columns(c())); }
    /// Name of column `index`; an empty view with NULL `data()` if there is none.
    std::string_view column_name(std::size_t index) const noexcept {
        return detail::view(groma_features_column_name(c(), index));
    }
    /// The values: column `k` of point `i` at `i * columns() + k`.
    span<const float> values() const noexcept { return {groma_features_values(c()), rows() * columns()}; }
    /// The values of point `row`, which must be below `rows()`.
    span<const float> row(std::size_t row) const noexcept { return {groma_features_values(c()) + row * columns(), columns()}; }
    /// SHA-256 of the schema in hexadecimal: equal hashes mean equal columns.
    std::string_view schema_hash() const noexcept { return detail::view(groma_features_schema_hash(c())); }
    /// The schema as a JSON object, which `compute_features` takes again.
    std::string_view schema_json() const noexcept { return detail::view(groma_features_schema_json(c())); }

    /// The values as a DLPack view `[rows, columns]`, which lives as long as this.
    Tensor tensor() const {
        Tensor tensor{};
        detail::call([&](groma_error_t **error) { return groma_features_tensor(c(), &tensor, error); });
        return tensor;
    }

    /// The values as a value, which shares their memory and may outlive this.
    Value value() const {
        return detail::make<Value>([&](groma_value_t **value, groma_error_t **error) { return groma_features_value(c(), value, error); });
    }
};

/// Computes features of points. `schema` names columns and sets separated by commas (`planarity@k20, height_above_ground`),
/// or is a JSON object as in a model's manifest under `features`.
inline Features compute_features(const Points &points, const std::string &schema, const FeaturesOptions &options = {}) {
    detail::Watch watch(options.progress);
    groma_features_options_t c = detail::options_for(points, options);
    watch.attach(c, options.cancel);
    return points.with_c([&](const groma_points_t *array) {
        return watch.make<Features>([&](groma_features_t **features, groma_error_t **error) {
            return groma_features_compute(array, detail::c_str(schema), &c, features, error);
        });
    });
}

/// Computes features of a LAS, LAZ or COPC file into a `.las`, `.laz`, `.safetensors` or `.npy` file.
inline Summary features_file(const std::string &schema, const Path &input, const Path &output, const FeaturesFileOptions &options = {}) {
    detail::Watch watch(options.progress);
    groma_features_file_options_t c = options.c();
    watch.attach(c, options.cancel);
    return watch.make<Summary>([&](groma_summary_t **summary, groma_error_t **error) {
        return groma_features_file(detail::c_str(schema), input.c_str(), output.c_str(), &c, summary, error);
    });
}

/// What a schema asks for, as a JSON object: columns with definitions, hash, required columns, receptive radius.
inline std::string describe_schema(const std::string &schema) {
    return detail::string(
        [&](groma_string_t **json, groma_error_t **error) { return groma_schema_describe(detail::c_str(schema), json, error); });
}

} // namespace groma

#endif // GROMA_FEATURES_HPP
