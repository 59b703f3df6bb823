/// What networks take and give, and arrays that outlive what made them: tensors of every ONNX type, strings, sequences.
#ifndef GROMA_VALUE_HPP
#define GROMA_VALUE_HPP

#include "core.hpp"
#include "span.hpp"

#include <initializer_list>
#include <limits>
#include <type_traits>
#include <vector>

namespace groma {

/// Type of the elements of a column or tensor. Those of 4 and 2 bits are packed, low bits first.
enum class ElementType : std::int32_t {
    none = 0,
    u8 = GROMA_TYPE_U8,
    i8 = GROMA_TYPE_I8,
    u16 = GROMA_TYPE_U16,
    i16 = GROMA_TYPE_I16,
    u32 = GROMA_TYPE_U32,
    i32 = GROMA_TYPE_I32,
    u64 = GROMA_TYPE_U64,
    i64 = GROMA_TYPE_I64,
    f32 = GROMA_TYPE_F32,
    f64 = GROMA_TYPE_F64,
    boolean = GROMA_TYPE_BOOL,
    string = GROMA_TYPE_STRING,
    f16 = GROMA_TYPE_F16,
    bf16 = GROMA_TYPE_BF16,
    c64 = GROMA_TYPE_C64,
    c128 = GROMA_TYPE_C128,
    f8e4m3fn = GROMA_TYPE_F8E4M3FN,
    f8e4m3fnuz = GROMA_TYPE_F8E4M3FNUZ,
    f8e5m2 = GROMA_TYPE_F8E5M2,
    f8e5m2fnuz = GROMA_TYPE_F8E5M2FNUZ,
    f8e8m0 = GROMA_TYPE_F8E8M0,
    f4e2m1 = GROMA_TYPE_F4E2M1,
    u4 = GROMA_TYPE_U4,
    i4 = GROMA_TYPE_I4,
    u2 = GROMA_TYPE_U2,
    i2 = GROMA_TYPE_I2,
};

/// What a value is.
enum class Kind : std::int32_t {
    tensor = GROMA_KIND_TENSOR,
    sequence = GROMA_KIND_SEQUENCE,
    /// An optional without a value.
    none = GROMA_KIND_NONE,
    map = GROMA_KIND_MAP,
};

/// A view of an array inside the library, field for field a `DLTensor` of DLPack. Read only.
using Tensor = groma_tensor_t;

/// The element type of the C++ type `T`; only for types that have one.
template <class T>
constexpr ElementType element_type_of() noexcept {
    static_assert(std::is_arithmetic_v<T>, "a number or a bool; give other types as an ElementType and bytes");
    if constexpr (std::is_same_v<T, bool>) return ElementType::boolean;
    else if constexpr (std::is_same_v<T, float>) return ElementType::f32;
    else if constexpr (std::is_same_v<T, double>) return ElementType::f64;
    else if constexpr (std::is_floating_point_v<T>) static_assert(sizeof(T) == 0, "long double has no element type");
    else if constexpr (sizeof(T) == 1) return std::is_signed_v<T> ? ElementType::i8 : ElementType::u8;
    else if constexpr (sizeof(T) == 2) return std::is_signed_v<T> ? ElementType::i16 : ElementType::u16;
    else if constexpr (sizeof(T) == 4) return std::is_signed_v<T> ? ElementType::i32 : ElementType::u32;
    else return std::is_signed_v<T> ? ElementType::i64 : ElementType::u64;
}

/// Sizes of a tensor's dimensions.
using Shape = std::vector<std::int64_t>;

/// A tensor, a sequence, a map, or the absence of one: immutable, shared, independent of what it came from.
class Value : public detail::Owned<groma_value_t, groma_value_destroy> {
public:
    using Owned::Owned;

    /// A tensor with a copy of `size_bytes` bytes, row-major.
    static Value copy(ElementType type, const Shape &shape, const void *data, std::size_t size_bytes) {
        return detail::make<Value>([&](groma_value_t **value, groma_error_t **error) {
            return groma_value_copy_tensor(static_cast<std::int32_t>(type), shape.data(), shape.size(), data, size_bytes, value, error);
        });
    }

    /// A tensor with a copy of these numbers, row-major: a vector of `T` and its shape.
    template <class T>
    static Value copy(const std::vector<T> &data, const Shape &shape) {
        return copy(element_type_of<T>(), shape, data.data(), data.size() * sizeof(T));
    }

    /// A tensor with a copy of these numbers, row-major.
    template <class T>
    static Value copy(span<T> data, const Shape &shape) {
        return copy(element_type_of<std::remove_cv_t<T>>(), shape, data.data(), data.size() * sizeof(T));
    }

    /// A tensor over memory of the caller, which must stay as it is until this value, and every value made of it, is gone.
    static Value borrow(ElementType type, const Shape &shape, const void *data, std::size_t size_bytes) {
        return detail::make<Value>([&](groma_value_t **value, groma_error_t **error) {
            return groma_value_borrow_tensor(static_cast<std::int32_t>(type), shape.data(), shape.size(), data, size_bytes, value, error);
        });
    }

    /// A tensor over numbers of the caller, which must stay as they are until this value, and every value made of it, is gone.
    template <class T>
    static Value borrow(span<T> data, const Shape &shape) {
        return borrow(element_type_of<std::remove_cv_t<T>>(), shape, data.data(), data.size() * sizeof(T));
    }

    /// A tensor of strings, which are copied and may contain NULs. Throws `Status::invalid_argument` if they are not as many as
    /// the shape asks for.
    static Value strings(const std::vector<std::string_view> &strings, const Shape &shape) {
        check_count(strings.size(), shape);
        std::vector<const char *> first;
        std::vector<std::uint64_t> lengths;
        for (const std::string_view string : strings) {
            first.push_back(string.data() ? string.data() : "");
            lengths.push_back(string.size());
        }
        return detail::make<Value>([&](groma_value_t **value, groma_error_t **error) {
            return groma_value_create_strings(first.data(), lengths.data(), shape.data(), shape.size(), value, error);
        });
    }

    /// A sequence that shares these values.
    static Value sequence(span<const Value> items) {
        std::vector<const groma_value_t *> handles;
        for (const Value &item : items) handles.push_back(item.c());
        return detail::make<Value>([&](groma_value_t **value, groma_error_t **error) {
            return groma_value_create_sequence(handles.data(), handles.size(), value, error);
        });
    }

    /// An optional without a value.
    static Value none() { return detail::make<Value>(groma_value_create_none); }

    /// Takes a `DLManagedTensor` over; if that throws, it stays the caller's.
    static Value from_dlpack(void *managed_tensor) {
        return detail::make<Value>(
            [&](groma_value_t **value, groma_error_t **error) { return groma_value_from_dlpack(managed_tensor, value, error); });
    }

    /// A `DLManagedTensor` that shares the memory; whoever takes it calls its deleter.
    void *to_dlpack() const {
        void *managed_tensor = nullptr;
        detail::call([&](groma_error_t **error) { return groma_value_to_dlpack(c(), &managed_tensor, error); });
        return managed_tensor;
    }

    /// Another owner of the same value, without a copy of its memory.
    Value share() const {
        const groma_value_t *self = c();
        const auto pair = detail::make<Value>([&](groma_value_t **value, groma_error_t **error) {
            return groma_value_create_sequence(&self, 1, value, error);
        });
        return pair.item(0);
    }

    /// What it is.
    Kind kind() const noexcept { return static_cast<Kind>(groma_value_kind(c())); }
    /// Type of a tensor's elements; `none` of other kinds.
    ElementType element_type() const noexcept { return static_cast<ElementType>(groma_value_element_type(c())); }
    /// Sizes of a tensor's dimensions.
    span<const std::int64_t> shape() const noexcept {
        return {groma_value_shape(c()), static_cast<std::size_t>(groma_value_ndim(c()))};
    }
    /// The first byte of a tensor, row-major; NULL for strings and other kinds.
    const void *data() const noexcept { return groma_value_data(c()); }
    /// Bytes of a tensor; 0 for strings and other kinds.
    std::size_t size_bytes() const noexcept { return static_cast<std::size_t>(groma_value_size_bytes(c())); }
    /// Elements of a tensor, items of a sequence, pairs of a map.
    std::size_t count() const noexcept { return static_cast<std::size_t>(groma_value_count(c())); }

    /// The numbers of a tensor. Throws `Status::invalid_argument` if they are not of type `T`.
    template <class T>
    span<const T> as() const {
        if (element_type() != element_type_of<T>())
            detail::raise(Error(Status::invalid_argument, "a value of element type " +
                                                              std::to_string(static_cast<int>(element_type())) + " was read as type " +
                                                              std::to_string(static_cast<int>(element_type_of<T>()))));
        return {static_cast<const T *>(data()), count()};
    }

    /// String `index` of a tensor of strings; an empty view with NULL `data()` if there is none.
    std::string_view string(std::size_t index) const noexcept {
        std::uint64_t length = 0;
        const char *text = groma_value_string(c(), index, &length);
        return text ? std::string_view(text, static_cast<std::size_t>(length)) : std::string_view();
    }

    /// Item `index` of a sequence; of a map the keys (0) or the values (1).
    Value item(std::size_t index) const {
        return detail::make<Value>(
            [&](groma_value_t **item, groma_error_t **error) { return groma_value_item(c(), index, item, error); });
    }

    /// All items of a sequence.
    std::vector<Value> items() const {
        std::vector<Value> items;
        for (std::size_t i = 0; i < count(); i++) items.push_back(item(i));
        return items;
    }

    /// A tensor as a DLPack view, which lives as long as this.
    Tensor tensor() const {
        Tensor tensor{};
        detail::call([&](groma_error_t **error) { return groma_value_tensor(c(), &tensor, error); });
        return tensor;
    }

private:
    /// Refuses a shape that has not `count` elements: C is told the shape only, and would read as many as that says.
    static void check_count(std::size_t count, const Shape &shape) {
        constexpr std::uint64_t most = std::numeric_limits<std::uint64_t>::max();
        std::string text;
        std::uint64_t elements = 1;
        bool fits = true;
        for (const std::int64_t size : shape) {
            text += (text.empty() ? "" : ", ") + std::to_string(size);
            const auto factor = static_cast<std::uint64_t>(size);
            fits = fits && size >= 0 && (size == 0 || elements <= most / factor);
            if (fits) elements *= factor;
        }
        if (!fits || elements != count)
            detail::raise(Error(Status::invalid_argument,
                                std::to_string(count) + " strings for the shape [" + text + "]; give one for each element"));
    }
};

} // namespace groma

#endif // GROMA_VALUE_HPP
