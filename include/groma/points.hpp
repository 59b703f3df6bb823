/// Points from arrays of the caller, each anywhere in memory with a stride of its own.
#ifndef GROMA_POINTS_HPP
#define GROMA_POINTS_HPP

#include "core.hpp"
#include "span.hpp"
#include "value.hpp"

#include <array>
#include <cstddef>
#include <vector>

namespace groma {

/// Points: coordinates and attributes where they lie, without a copy. What is pointed to must live until the last call that
/// is given these points has returned.
///
///     struct Echo { double x, y, z; std::uint16_t intensity; };
///     groma::Points points(echoes.size());
///     points.x(&echoes[0].x, sizeof(Echo)).y(&echoes[0].y, sizeof(Echo)).z(&echoes[0].z, sizeof(Echo));
///     points.column("intensity", &echoes[0].intensity, sizeof(Echo));
///
/// Coordinates are `double`, rounded once to steps of `resolution`, or `std::int32_t` as in LAS, with `scale` and `offset`;
/// their unit is the metre unless these points, or the options of a call, say otherwise.
class Points {
public:
    /// `count` points, up to 4,294,967,295, that are still to be described.
    explicit Points(std::uint64_t count = 0) {
        groma_points_init(&c_, sizeof c_);
        c_.count = count;
    }

    /// A view of the same arrays that a C struct names; the names of its columns are copied.
    explicit Points(const groma_points_t &points) : c_(points) {
        for (std::uint64_t i = 0; i < points.column_count; i++) {
            const groma_column_t &column = points.columns[i];
            columns_.push_back({column.name, column.element_type, column.data, column.stride_bytes});
        }
    }

    /// Points whose coordinates lie as x, y, z of one after the other.
    static Points interleaved(span<const double> xyz) {
        if (xyz.size() % 3 != 0)
            detail::raise(Error(Status::invalid_argument,
                                "interleaved points need three coordinates each; got " + std::to_string(xyz.size()) + " numbers"));
        Points points(xyz.size() / 3);
        if (xyz.empty()) return points;
        const auto stride = static_cast<std::ptrdiff_t>(3 * sizeof(double));
        return points.x(xyz.data(), stride).y(xyz.data() + 1, stride).z(xyz.data() + 2, stride);
    }
    /// Not of what is gone before the points are used.
    template <class T, class Allocator>
    static Points interleaved(const std::vector<T, Allocator> &&) = delete;
    template <class T, std::size_t count>
    static Points interleaved(const std::array<T, count> &&) = delete;

    /// The x of the first point, and the bytes from one to the next (0: without gaps). `T` is `double` or `std::int32_t`.
    template <class T>
    Points &x(const T *first, std::ptrdiff_t stride_bytes = 0) {
        return coordinate<T>(c_.x, c_.x_stride_bytes, first, stride_bytes);
    }
    /// The y of the first point, as for x; all three are of one type.
    template <class T>
    Points &y(const T *first, std::ptrdiff_t stride_bytes = 0) {
        return coordinate<T>(c_.y, c_.y_stride_bytes, first, stride_bytes);
    }
    /// The z of the first point, up, as for x.
    template <class T>
    Points &z(const T *first, std::ptrdiff_t stride_bytes = 0) {
        return coordinate<T>(c_.z, c_.z_stride_bytes, first, stride_bytes);
    }

    /// Size of one step along x, y and z; for `std::int32_t`. Default 0.001.
    Points &scale(double x, double y, double z) { return set(c_.scale, x, y, z); }
    /// Position of integer 0; for `std::int32_t`. Default 0.
    Points &offset(double x, double y, double z) { return set(c_.offset, x, y, z); }
    /// Steps that coordinates are rounded to; for `double`. Default 0.001.
    Points &resolution(double resolution) {
        c_.resolution = resolution;
        return *this;
    }
    /// Length of one unit of the coordinates in metres, for calls whose options leave it at 0; 0 where none is known.
    Points &linear_unit_m(double metres) noexcept {
        linear_unit_m_ = metres;
        return *this;
    }

    /// An attribute: its value of the first point, and the bytes from one to the next (0: without gaps).
    template <class T>
    Points &column(std::string name, const T *first, std::ptrdiff_t stride_bytes = 0) {
        return column(std::move(name), element_type_of<T>(), first, stride_bytes);
    }
    /// An attribute with one value for each point, without gaps.
    template <class T>
    Points &column(std::string name, const std::vector<T> &values) {
        return column(std::move(name), span<const T>(values));
    }
    /// Not of what is gone before the points are used.
    template <class T>
    Points &column(std::string name, const std::vector<T> &&values) = delete;
    /// An attribute with one value for each point, without gaps.
    template <class T>
    Points &column(std::string name, span<const T> values) {
        if (values.size() != c_.count)
            detail::raise(Error(Status::invalid_argument,
                                "column " + name + " has " + std::to_string(values.size()) + " values for " +
                                    std::to_string(c_.count) + " points",
                                name));
        return column(std::move(name), element_type_of<T>(), values.data(), 0);
    }
    /// An attribute of a type that is known at run time only.
    Points &column(std::string name, ElementType type, const void *first, std::ptrdiff_t stride_bytes = 0) {
        detail::check_no_nul(name);
        columns_.push_back({std::move(name), static_cast<std::int32_t>(type), first, stride_bytes});
        return *this;
    }

    /// Number of points.
    std::uint64_t count() const noexcept { return c_.count; }
    /// Length of one unit of the coordinates in metres; 0 where none is known.
    double linear_unit_m() const noexcept { return linear_unit_m_; }

    /// Calls `function` with these points as groma.h wants them, and gives what it gives.
    template <class Function>
    decltype(auto) with_c(Function &&function) const {
        std::vector<groma_column_t> columns(columns_.size());
        for (std::size_t i = 0; i < columns.size(); i++) {
            columns[i].struct_size = sizeof(groma_column_t);
            columns[i].element_type = columns_[i].type;
            columns[i].name = columns_[i].name.c_str();
            columns[i].data = columns_[i].data;
            columns[i].stride_bytes = columns_[i].stride_bytes;
        }
        groma_points_t points = c_;
        points.columns = columns.data();
        points.column_count = columns.size();
        return function(static_cast<const groma_points_t *>(&points));
    }

private:
    struct Column {
        std::string name;
        std::int32_t type;
        const void *data;
        std::int64_t stride_bytes;
    };

    template <class T>
    Points &coordinate(const void *&place, std::int64_t &stride, const T *first, std::ptrdiff_t stride_bytes) {
        static_assert(std::is_same_v<T, double> || std::is_same_v<T, std::int32_t>, "coordinates are double or std::int32_t");
        constexpr auto type = static_cast<std::int32_t>(element_type_of<T>());
        if (has_coordinate_ && c_.coordinate_type != type)
            detail::raise(Error(Status::invalid_argument, "x, y and z must be of one type, double or std::int32_t"));
        has_coordinate_ = true;
        c_.coordinate_type = type;
        place = first;
        stride = stride_bytes;
        return *this;
    }

    Points &set(double (&place)[3], double x, double y, double z) {
        place[0] = x, place[1] = y, place[2] = z;
        return *this;
    }

    groma_points_t c_{};
    std::vector<Column> columns_;
    double linear_unit_m_ = 0;
    bool has_coordinate_ = false;
};

namespace detail {

/// The options of a call, of whose unit the points speak where the options are silent.
template <class Options>
auto options_for(const Points &points, const Options &options) {
    auto c = options.c();
    if (!(options.linear_unit_m != 0)) c.linear_unit_m = points.linear_unit_m();
    return c;
}

} // namespace detail

} // namespace groma

#endif // GROMA_POINTS_HPP
