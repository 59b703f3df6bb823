/// Ground: its points in a file that becomes another file, or among points in memory.
#ifndef GROMA_GROUND_HPP
#define GROMA_GROUND_HPP

#include "classify.hpp"
#include "core.hpp"
#include "job.hpp"
#include "points.hpp"
#include "span.hpp"

#include <optional>
#include <vector>

namespace groma {

/// What heights are measured from.
enum class Height : std::int32_t {
    /// No heights.
    none = GROMA_HEIGHT_NONE,
    /// The ground point nearest in plan.
    nearest = GROMA_HEIGHT_NEAREST,
    /// The 8 ground points nearest in plan, weighted by the inverse of their squared distances.
    idw = GROMA_HEIGHT_IDW,
    /// The Delaunay triangles of the ground points.
    tin = GROMA_HEIGHT_TIN,
};

/// What ground is, and what becomes of it.
struct GroundOptions {
    /// Worker threads; 0 for one a core. The result does not depend on it.
    std::uint32_t threads = 0;
    /// Heights above ground; in files the extra dimension `height_above_ground`.
    Height height = Height::none;
    /// Points that are not ground keep their class (2 becomes 1), instead of all becoming class 1.
    bool keep_others = false;
    /// Point format of the output file; -1 for that of the input.
    std::int32_t point_format = -1;
    /// Replace outputs that exist.
    bool overwrite = false;
    /// Edge of the filter's cells in metres; 0 for two mean point spacings, raised to 0.5, 1, 2 or 4 m.
    double cell_m = 0;
    /// Half-width of the largest opening window in metres: roofs wider than twice this become ground.
    double window_m = 60;
    /// Rise over run that still counts as ground, after the general slope is taken out.
    double slope = 0.15;
    /// A drop of more than this between two openings is an object on any slope, in metres.
    double max_tolerance_m = 3;
    /// How far above or below the ground a ground point may lie, in metres.
    double tolerance_m = 0.15;
    /// What is added to that for a slope of 1, in metres.
    double tolerance_slope = 0.1;
    /// Length of one unit of the coordinates in metres; 0 for that of the points or of the file's CRS, and for metres
    /// where none is known.
    double linear_unit_m = 0;
    /// Points of these classes keep them, and the filter does not see them; without a value 7 and 18, noise.
    std::optional<std::vector<std::uint8_t>> ignore_classes = {};
    /// Path of a GeoTIFF of the ground to write beside a file; empty for none.
    std::string dtm = {};
    /// Edge of its cells in metres; 0 for 1.
    double dtm_cell_m = 0;
    /// Called with the progress.
    Progress progress = {};
    /// A flag that may stop the call; NULL for none.
    const Cancel *cancel = nullptr;

    /// As groma.h wants them, without progress and cancel; lives as long as this.
    groma_ground_options_t c() const {
        static constexpr std::uint8_t no_class = 0; // an array that is not NULL
        groma_ground_options_t options;
        groma_ground_options_init(&options, sizeof options);
        options.threads = threads;
        options.height = static_cast<std::int32_t>(height);
        options.keep_others = keep_others;
        options.point_format = point_format;
        options.overwrite = overwrite;
        options.cell_m = cell_m;
        options.window_m = window_m;
        options.slope = slope;
        options.max_tolerance_m = max_tolerance_m;
        options.tolerance_m = tolerance_m;
        options.tolerance_slope = tolerance_slope;
        options.linear_unit_m = linear_unit_m;
        if (ignore_classes) {
            options.ignore_classes = ignore_classes->empty() ? &no_class : ignore_classes->data();
            options.ignore_class_count = ignore_classes->size();
        }
        options.dtm = detail::or_null(dtm);
        options.dtm_cell_m = dtm_cell_m;
        return options;
    }
};

/// The ground of points in memory.
class Ground : public detail::Owned<groma_ground_t, groma_ground_destroy> {
public:
    using Owned::Owned;

    /// Number of points.
    std::size_t count() const noexcept { return static_cast<std::size_t>(groma_ground_count(c())); }
    /// Number of ground points.
    std::uint64_t found() const noexcept { return groma_ground_found(c()); }
    /// Points outside the triangles of `Height::tin`, measured from the nearest ground point.
    std::uint64_t outside_hull() const noexcept { return groma_ground_outside_hull(c()); }
    /// The new class of each point, 2 for ground.
    span<const std::uint8_t> classes() const noexcept { return {groma_ground_classes(c()), count()}; }
    /// The height of each point above the ground in metres; empty if heights were not asked for.
    span<const float> heights() const noexcept {
        const float *heights = groma_ground_heights(c());
        return {heights, heights ? count() : 0};
    }
};

/// Finds the ground of points; of their attributes only `classification` is read.
inline Ground find_ground(const Points &points, const GroundOptions &options = {}) {
    detail::Watch watch(options.progress);
    groma_ground_options_t c = detail::options_for(points, options);
    watch.attach(c, options.cancel);
    return points.with_c([&](const groma_points_t *array) {
        return watch.make<Ground>(
            [&](groma_ground_t **ground, groma_error_t **error) { return groma_ground_points(array, &c, ground, error); });
    });
}

/// Finds the ground of a LAS, LAZ or COPC file, which is class 2 in the `.las` or `.laz` output.
inline Summary ground_file(const Path &input, const Path &output, const GroundOptions &options = {}) {
    detail::Watch watch(options.progress);
    groma_ground_options_t c = options.c();
    watch.attach(c, options.cancel);
    return watch.make<Summary>([&](groma_summary_t **summary, groma_error_t **error) {
        return groma_ground_file(input.c_str(), output.c_str(), &c, summary, error);
    });
}

} // namespace groma

#endif // GROMA_GROUND_HPP
