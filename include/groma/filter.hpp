/// Filters: noise left out or marked, and samples of the points, from arrays or from file to file.
#ifndef GROMA_FILTER_HPP
#define GROMA_FILTER_HPP

#include "core.hpp"
#include "job.hpp"
#include "points.hpp"
#include "span.hpp"

namespace groma {

/// Which points stay.
enum class Filter : std::int32_t {
    /// Those whose mean distance to their nearest others is not far above the usual.
    statistical = GROMA_FILTER_STATISTICAL,
    /// Those with enough others within a distance.
    radius = GROMA_FILTER_RADIUS,
    /// One for each occupied cube.
    voxel = GROMA_FILTER_VOXEL,
    /// Each the one farthest from those before it.
    farthest = GROMA_FILTER_FARTHEST,
    /// By chance, each as likely as any other.
    random = GROMA_FILTER_RANDOM,
};

/// The point that stands for a voxel.
enum class VoxelKeep : std::int32_t {
    /// The mean position, with the attributes of the point nearest to it.
    centroid = GROMA_VOXEL_CENTROID,
    /// The point nearest to the centre.
    center = GROMA_VOXEL_CENTER,
    /// The first point.
    first = GROMA_VOXEL_FIRST,
};

/// How to filter; what another filter than the one asked for would read is ignored.
struct FilterOptions {
    /// Worker threads; 0 for one a core. The result does not depend on it.
    std::uint32_t threads = 0;
    /// Of outliers: the neighbour search.
    Search search = Search::automatic;
    /// Of voxels: the point that stands for each.
    VoxelKeep voxel_keep = VoxelKeep::centroid;
    /// Of outliers in files: keep all points and give outliers class 7, low noise.
    bool mark = false;
    /// Replace an output that exists.
    bool overwrite = false;
    /// Of statistical outliers: nearest others that a point is compared with. Of radius outliers: others that a point needs.
    /// 0 for 20 and 2.
    std::uint64_t neighbors = 0;
    /// Of statistical outliers: standard deviations above the mean that are still usual.
    double multiplier = 2;
    /// Of radius outliers: distance within which others count, in metres.
    double radius_m = 1;
    /// Edge of a voxel in metres.
    double voxel_size_m = 0.5;
    /// Of farthest and random points: how many; 0 to say `fraction` instead.
    std::uint64_t count = 0;
    /// Of farthest and random points: which share, 0 to 1; 0 to say `count` instead.
    double fraction = 0;
    /// Of farthest points: row of the first; -1 for the point farthest from the centroid.
    std::int64_t start_row = -1;
    /// Of random points: equal seeds draw equal rows from equal numbers of points.
    std::uint64_t seed = 0;
    /// Length of one unit of the coordinates in metres; 0 for that of the points or of the file's CRS, and for metres
    /// where none is known.
    double linear_unit_m = 0;
    /// The device that works: `cpu`, `auto`, `cuda` or `cuda:0`; empty for `cpu`.
    std::string device = {};
    /// Called with the progress.
    Progress progress = {};
    /// A flag that may stop the call; NULL for none.
    const Cancel *cancel = nullptr;

    /// As groma.h wants them, without progress and cancel; lives as long as this.
    groma_filter_options_t c() const {
        groma_filter_options_t options;
        groma_filter_options_init(&options, sizeof options);
        options.threads = threads;
        options.search = static_cast<std::int32_t>(search);
        options.voxel_keep = static_cast<std::int32_t>(voxel_keep);
        options.mark = mark;
        options.overwrite = overwrite;
        options.neighbors = neighbors;
        options.multiplier = multiplier;
        options.radius_m = radius_m;
        options.voxel_size_m = voxel_size_m;
        options.count = count;
        options.fraction = fraction;
        options.start_row = start_row;
        options.seed = seed;
        options.linear_unit_m = linear_unit_m;
        options.device = detail::or_null(device);
        return options;
    }
};

/// The points that a filter has chosen of `points` points.
class Filtered : public detail::Owned<groma_filtered_t, groma_filtered_destroy> {
public:
    /// Empty.
    Filtered() noexcept = default;
    /// Takes a handle over; `points` is the number of points that were filtered.
    explicit Filtered(groma_filtered_t *handle, std::uint64_t points = 0) noexcept : Owned(handle), points_(static_cast<std::size_t>(points)) {}

    /// Number of points that were chosen.
    std::size_t count() const noexcept { return static_cast<std::size_t>(groma_filtered_count(c())); }
    /// Their rows, from 0: ascending; of `Filter::farthest` in the order in which they were taken.
    span<const std::uint32_t> rows() const noexcept { return {groma_filtered_rows(c()), count()}; }
    /// For each of the points that were filtered, 1 if it was chosen and 0 if not.
    span<const std::uint8_t> mask() const noexcept {
        const std::uint8_t *mask = groma_filtered_mask(c());
        return {mask, mask ? points_ : 0};
    }
    /// New positions of the chosen points, x, y, z of one after the other; empty if they stay where they are.
    span<const double> positions() const noexcept {
        const double *positions = groma_filtered_positions(c());
        return {positions, positions ? 3 * count() : 0};
    }
    /// The mean distance to neighbours, in metres, above which `Filter::statistical` has left points out; else 0.
    double threshold_m() const noexcept { return groma_filtered_threshold_m(c()); }

private:
    std::size_t points_ = 0;
};

/// What `filter_file` did.
class FilterSummary : public detail::Owned<groma_filter_summary_t, groma_filter_summary_destroy> {
public:
    using Owned::Owned;

    /// Number of points read.
    std::uint64_t points() const noexcept { return groma_filter_summary_points(c()); }
    /// Number of points written.
    std::uint64_t written() const noexcept { return groma_filter_summary_written(c()); }
    /// Number of points that were marked as noise.
    std::uint64_t marked() const noexcept { return groma_filter_summary_marked(c()); }
    /// Everything, as a JSON object.
    std::string_view json() const noexcept { return detail::view(groma_filter_summary_json(c())); }
};

/// Filters points; attributes are not read.
inline Filtered filter_points(const Points &points, Filter filter, const FilterOptions &options = {}) {
    detail::Watch watch(options.progress);
    groma_filter_options_t c = detail::options_for(points, options);
    watch.attach(c, options.cancel);
    auto filtered = points.with_c([&](const groma_points_t *array) {
        return watch.make<Filtered>([&](groma_filtered_t **handle, groma_error_t **error) {
            return groma_filter_points(array, static_cast<std::int32_t>(filter), &c, handle, error);
        });
    });
    return Filtered(filtered.release(), points.count());
}

/// Filters a LAS, LAZ or COPC file into a `.las` or `.laz` file, which appears whole or not at all.
inline FilterSummary filter_file(const Path &input, const Path &output, Filter filter, const FilterOptions &options = {}) {
    detail::Watch watch(options.progress);
    groma_filter_options_t c = options.c();
    watch.attach(c, options.cancel);
    return watch.make<FilterSummary>([&](groma_filter_summary_t **summary, groma_error_t **error) {
        return groma_filter_file(input.c_str(), output.c_str(), static_cast<std::int32_t>(filter), &c, summary, error);
    });
}

} // namespace groma

#endif // GROMA_FILTER_HPP
