/// Neighbours of all points, as compressed sparse rows.
#ifndef GROMA_NEIGHBORS_HPP
#define GROMA_NEIGHBORS_HPP

#include "core.hpp"
#include "job.hpp"
#include "points.hpp"
#include "span.hpp"
#include "value.hpp"

namespace groma {

/// How to search neighbours.
struct NeighborsOptions {
    /// Worker threads; 0 for one a core. The result does not depend on it.
    std::uint32_t threads = 0;
    /// The neighbour search.
    Search search = Search::automatic;
    /// Of the nearest: farther ones are left out, in metres; 0 for no limit.
    double max_distance_m = 0;
    /// Length of one unit of the coordinates in metres; 0 for that of the points, and for metres where they have none.
    double linear_unit_m = 0;
    /// The device that works: `cpu`, `auto`, `cuda` or `cuda:0`; empty for `cpu`.
    std::string device = {};
    /// Called with the progress.
    Progress progress = {};
    /// A flag that may stop the call; NULL for none.
    const Cancel *cancel = nullptr;

    /// As groma.h wants them, without progress and cancel; lives as long as this.
    groma_neighbors_options_t c() const {
        groma_neighbors_options_t options;
        groma_neighbors_options_init(&options, sizeof options);
        options.threads = threads;
        options.search = static_cast<std::int32_t>(search);
        options.max_distance_m = max_distance_m;
        options.linear_unit_m = linear_unit_m;
        options.device = detail::or_null(device);
        return options;
    }
};

/// Neighbours of every point: those of point `i` are entries `offsets()[i]` to `offsets()[i + 1]`. A point is one of its own.
class Neighbors : public detail::Owned<groma_neighbors_t, groma_neighbors_destroy> {
public:
    using Owned::Owned;

    /// An array of the neighbours.
    enum class Output : std::int32_t {
        offsets = GROMA_NEIGHBORS_OFFSETS,
        indices = GROMA_NEIGHBORS_INDICES,
        distances = GROMA_NEIGHBORS_DISTANCES,
    };

    /// The `k` nearest points of each.
    static Neighbors nearest(const Points &points, std::uint64_t k, const NeighborsOptions &options = {}) {
        return search(points, options, [&](const groma_points_t *array, const groma_neighbors_options_t *c,
                                           groma_neighbors_t **neighbors,
                                           groma_error_t **error) { return groma_neighbors_nearest(array, k, c, neighbors, error); });
    }

    /// All points within a distance of each.
    static Neighbors within(const Points &points, double radius_m, const NeighborsOptions &options = {}) {
        return search(points, options, [&](const groma_points_t *array, const groma_neighbors_options_t *c,
                                           groma_neighbors_t **neighbors,
                                           groma_error_t **error) { return groma_neighbors_within(array, radius_m, c, neighbors, error); });
    }

    /// Number of points.
    std::size_t count() const noexcept { return static_cast<std::size_t>(groma_neighbors_count(c())); }
    /// Number of entries.
    std::size_t total() const noexcept { return static_cast<std::size_t>(groma_neighbors_total(c())); }
    /// Where each point's entries begin, and the end: `count() + 1`.
    span<const std::uint64_t> offsets() const noexcept {
        const std::uint64_t *offsets = groma_neighbors_offsets(c());
        return {offsets, offsets ? count() + 1 : 0};
    }
    /// The row of each neighbour.
    span<const std::uint32_t> indices() const noexcept { return {groma_neighbors_indices(c()), total()}; }
    /// The distance to each neighbour in metres.
    span<const float> distances() const noexcept { return {groma_neighbors_distances(c()), total()}; }
    /// Rows of the neighbours of point `row`, which must be below `count()`.
    span<const std::uint32_t> of(std::size_t row) const noexcept {
        const std::uint64_t *offsets = groma_neighbors_offsets(c()) + row;
        return {groma_neighbors_indices(c()) + offsets[0], static_cast<std::size_t>(offsets[1] - offsets[0])};
    }

    /// An array as a value, which shares its memory and may outlive this.
    Value value(Output output) const {
        return detail::make<Value>([&](groma_value_t **value, groma_error_t **error) {
            return groma_neighbors_value(c(), static_cast<std::int32_t>(output), value, error);
        });
    }

private:
    template <class Function>
    static Neighbors search(const Points &points, const NeighborsOptions &options, Function &&function) {
        detail::Watch watch(options.progress);
        groma_neighbors_options_t c = detail::options_for(points, options);
        watch.attach(c, options.cancel);
        return points.with_c([&](const groma_points_t *array) {
            return watch.make<Neighbors>([&](groma_neighbors_t **neighbors, groma_error_t **error) {
                return function(array, &c, neighbors, error);
            });
        });
    }
};

} // namespace groma

#endif // GROMA_NEIGHBORS_HPP
