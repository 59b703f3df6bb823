/// groma::span: a pointer and a length. `std::span` where the standard library has it, else as much of it as arrays need.
#ifndef GROMA_SPAN_HPP
#define GROMA_SPAN_HPP

#include <cstddef>

#if __has_include(<version>)
#include <version>
#endif

#ifdef __cpp_lib_span

#include <span>

namespace groma {
/// A view of `size()` elements that belong to another object.
template <class T>
using span = std::span<T>;
} // namespace groma

#else

#include <iterator>
#include <type_traits>

namespace groma {

/// A view of `size()` elements that belong to another object.
template <class T>
class span {
    template <class Container>
    using pointed = std::remove_pointer_t<decltype(std::data(std::declval<Container &>()))>;

public:
    using element_type = T;
    using value_type = std::remove_cv_t<T>;
    using size_type = std::size_t;
    using iterator = T *;

    /// No elements.
    constexpr span() noexcept = default;

    /// `size` elements from `data` on.
    constexpr span(T *data, size_type size) noexcept : data_(data), size_(size) {}

    /// The elements of a vector, an array, a string or another span.
    template <class Container, std::enable_if_t<std::is_convertible_v<pointed<Container> (*)[], T (*)[]> &&
                                                    std::is_convertible_v<decltype(std::size(std::declval<Container &>())), size_type>,
                                                int> = 0>
    constexpr span(Container &&container) noexcept : data_(std::data(container)), size_(std::size(container)) {}

    /// The first element.
    constexpr T *data() const noexcept { return data_; }
    /// Number of elements.
    constexpr size_type size() const noexcept { return size_; }
    /// Size of all elements in bytes.
    constexpr size_type size_bytes() const noexcept { return size_ * sizeof(T); }
    /// Whether there is none.
    constexpr bool empty() const noexcept { return size_ == 0; }
    /// Element `index`, which must be below `size()`.
    constexpr T &operator[](size_type index) const { return data_[index]; }
    /// The first element, which must exist.
    constexpr T &front() const { return data_[0]; }
    /// The last element, which must exist.
    constexpr T &back() const { return data_[size_ - 1]; }
    /// `count` elements from `first` on, all of which must exist.
    constexpr span subspan(size_type first, size_type count) const { return {data_ + first, count}; }
    constexpr iterator begin() const noexcept { return data_; }
    constexpr iterator end() const noexcept { return data_ + size_; }

private:
    T *data_ = nullptr;
    size_type size_ = 0;
};

} // namespace groma

#endif

#endif // GROMA_SPAN_HPP
