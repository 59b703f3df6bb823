/// LAS, LAZ and COPC files into columns, and points into files.
#ifndef GROMA_LAS_HPP
#define GROMA_LAS_HPP

#include "core.hpp"
#include "job.hpp"
#include "points.hpp"
#include "value.hpp"

#include <optional>

namespace groma {

/// How to read and write LAS files.
struct LasOptions {
    /// Worker threads; 0 for one a core.
    std::uint32_t threads = 0;
    /// Of writing: the point format, 0 to 3 or 6 to 8; -1 for 8 with a column `nir`, 7 with colours, else 6.
    std::int32_t point_format = -1;
    /// Of writing: replace an output that exists.
    bool overwrite = false;
    /// Of writing: the reference system as an OGC WKT; empty for none.
    std::string crs_wkt = {};
    /// Called with the progress.
    Progress progress = {};
    /// A flag that may stop the call; NULL for none.
    const Cancel *cancel = nullptr;

    /// As groma.h wants them, without progress and cancel; lives as long as this.
    groma_las_options_t c() const {
        groma_las_options_t options;
        groma_las_options_init(&options, sizeof options);
        options.threads = threads;
        options.point_format = point_format;
        options.overwrite = overwrite;
        options.crs_wkt = detail::or_null(crs_wkt);
        return options;
    }
};

/// The points of a file, in memory.
class Cloud : public detail::Owned<groma_cloud_t, groma_cloud_destroy> {
public:
    using Owned::Owned;

    /// Reads a file. `columns` are names separated by commas; an empty string reads none, no value reads all.
    static Cloud read(const Path &path, const std::optional<std::string> &columns = std::nullopt, const LasOptions &options = {}) {
        detail::Watch watch(options.progress);
        groma_las_options_t c = options.c();
        watch.attach(c, options.cancel);
        return watch.make<Cloud>([&](groma_cloud_t **cloud, groma_error_t **error) {
            return groma_las_read(path.c_str(), columns ? detail::c_str(*columns) : nullptr, &c, cloud, error);
        });
    }

    /// Number of points.
    std::uint64_t count() const noexcept { return groma_cloud_count(c()); }
    /// Number of columns beside the coordinates.
    std::size_t column_count() const noexcept { return static_cast<std::size_t>(groma_cloud_column_count(c())); }
    /// Name of column `index`; an empty view with NULL `data()` if there is none.
    std::string_view column_name(std::size_t index) const noexcept { return detail::view(groma_cloud_column_name(c(), index)); }
    /// Length of one unit of the CRS in metres; 0 where none is known.
    double linear_unit_m() const noexcept { return groma_cloud_linear_unit_m(c()); }
    /// The reference system as an OGC WKT; an empty view with NULL `data()` if the file holds none.
    std::string_view crs_wkt() const noexcept { return detail::view(groma_cloud_crs_wkt(c())); }

    /// Everything as points for calls that take points, in the unit of the CRS, without a copy; lives as long as this.
    Points points() const {
        groma_points_t points;
        groma_points_init(&points, sizeof points);
        detail::call([&](groma_error_t **error) { return groma_cloud_points(c(), &points, error); });
        return Points(points).linear_unit_m(linear_unit_m());
    }

    /// A column, or `x`, `y`, `z` as integers, as a value, which shares its memory and may outlive this.
    Value value(const std::string &column) const {
        return detail::make<Value>(
            [&](groma_value_t **value, groma_error_t **error) { return groma_cloud_value(c(), detail::c_str(column), value, error); });
    }
};

/// Writes points to a `.las` or `.laz` file, which appears whole or not at all.
inline void write_las(const Points &points, const Path &path, const LasOptions &options = {}) {
    detail::Watch watch(options.progress);
    groma_las_options_t c = options.c();
    watch.attach(c, options.cancel);
    points.with_c([&](const groma_points_t *array) {
        watch.call([&](groma_error_t **error) { return groma_las_write(array, path.c_str(), &c, error); });
    });
}

/// What a file says of itself, as a JSON object: header, VLRs, CRS, dimensions.
inline std::string describe_las(const Path &path) {
    return detail::string([&](groma_string_t **json, groma_error_t **error) { return groma_las_describe(path.c_str(), json, error); });
}

} // namespace groma

#endif // GROMA_LAS_HPP
