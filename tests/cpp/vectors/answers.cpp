/// Arguments and answers of the C++ vector runner, and the tensors that both name.
#include "runner.hpp"

#include <cmath>
#include <cstdlib>
#include <fstream>
#include <iterator>

namespace vectors {

namespace {

struct Type {
    const char *name;
    groma::ElementType type;
    std::uint8_t code, bits; // of DLPack
};

constexpr Type types[] = {
    {"U8", groma::ElementType::u8, GROMA_DTYPE_UINT, 8},     {"I8", groma::ElementType::i8, GROMA_DTYPE_INT, 8},
    {"U16", groma::ElementType::u16, GROMA_DTYPE_UINT, 16},  {"I16", groma::ElementType::i16, GROMA_DTYPE_INT, 16},
    {"U32", groma::ElementType::u32, GROMA_DTYPE_UINT, 32},  {"I32", groma::ElementType::i32, GROMA_DTYPE_INT, 32},
    {"U64", groma::ElementType::u64, GROMA_DTYPE_UINT, 64},  {"I64", groma::ElementType::i64, GROMA_DTYPE_INT, 64},
    {"F16", groma::ElementType::f16, GROMA_DTYPE_FLOAT, 16}, {"F32", groma::ElementType::f32, GROMA_DTYPE_FLOAT, 32},
    {"F64", groma::ElementType::f64, GROMA_DTYPE_FLOAT, 64}, {"BF16", groma::ElementType::bf16, GROMA_DTYPE_BFLOAT, 16},
    {"BOOL", groma::ElementType::boolean, GROMA_DTYPE_BOOL, 8},
};

std::vector<char> read_file(const std::filesystem::path &path) {
    std::ifstream file(path, std::ios::binary);
    if (!file) throw Failed{path.string() + " cannot be read"};
    return {std::istreambuf_iterator<char>(file), {}};
}

template <class T>
double at(const void *data, std::size_t i) {
    T value;
    std::memcpy(&value, static_cast<const char *>(data) + i * sizeof(T), sizeof(T));
    return static_cast<double>(value);
}

/// BF16 is the upper half of a float; F16 has 5 bits of exponent and 10 of fraction.
double half(const void *data, std::size_t i, bool brain) {
    const auto bits = static_cast<std::uint16_t>(at<std::uint16_t>(data, i));
    if (brain) {
        const std::uint32_t wide = static_cast<std::uint32_t>(bits) << 16;
        float single;
        std::memcpy(&single, &wide, sizeof single);
        return static_cast<double>(single);
    }
    const int exponent = (bits >> 10) & 31, fraction = bits & 0x3ff;
    const double size = exponent == 31  ? (fraction ? std::nan("") : HUGE_VAL)
                        : exponent == 0 ? std::ldexp(fraction, -24)
                                        : std::ldexp(fraction | 0x400, exponent - 25);
    return bits & 0x8000 ? -size : size;
}

double element(groma::ElementType type, const void *data, std::size_t i) {
    switch (type) {
    case groma::ElementType::boolean:
    case groma::ElementType::u8: return at<std::uint8_t>(data, i);
    case groma::ElementType::i8: return at<std::int8_t>(data, i);
    case groma::ElementType::u16: return at<std::uint16_t>(data, i);
    case groma::ElementType::i16: return at<std::int16_t>(data, i);
    case groma::ElementType::u32: return at<std::uint32_t>(data, i);
    case groma::ElementType::i32: return at<std::int32_t>(data, i);
    case groma::ElementType::u64: return at<std::uint64_t>(data, i);
    case groma::ElementType::i64: return at<std::int64_t>(data, i);
    case groma::ElementType::f32: return at<float>(data, i);
    case groma::ElementType::f64: return at<double>(data, i);
    default: return half(data, i, type == groma::ElementType::bf16);
    }
}

/// Every part of `expected` must be in `found`; lists have as many items.
void compare_json(const Step &step, const std::string &where, const json &expected, const json &found) {
    if (expected.is_object() && found.is_object()) {
        for (const auto &[key, value] : expected.items()) {
            if (!found.contains(key)) step.fail(where + "." + key + " is not there");
            compare_json(step, where + "." + key, value, found[key]);
        }
    } else if (expected.is_array() && found.is_array()) {
        if (expected.size() != found.size())
            step.fail(where + " has " + std::to_string(found.size()) + " items, expected " + std::to_string(expected.size()));
        for (std::size_t i = 0; i < expected.size(); i++)
            compare_json(step, where + "[" + std::to_string(i) + "]", expected[i], found[i]);
    } else if (expected.is_string() && found.is_string()) {
        if (step.text(expected) != found.get<std::string>()) step.fail(where + " is " + found.dump() + ", expected " + expected.dump());
    } else if (expected.is_number() && found.is_number()) {
        const double wanted = expected.get<double>();
        if (!(std::fabs(wanted - found.get<double>()) <= 1e-9 * std::max(1.0, std::fabs(wanted))))
            step.fail(where + " is " + found.dump() + ", expected " + expected.dump());
    } else if (expected != found) {
        step.fail(where + " is " + found.dump() + ", expected " + expected.dump());
    }
}

} // namespace

std::map<std::string, Array> read_tensors(const std::filesystem::path &path) {
    std::map<std::string, Array> tensors;
    if (!std::filesystem::exists(path)) return tensors;
    const std::vector<char> file = read_file(path);
    std::uint64_t size = 0;
    if (file.size() > 8) std::memcpy(&size, file.data(), 8); // little-endian, as the machines that this runs on
    if (size == 0 || size > file.size() - 8) throw Failed{path.string() + " is not a safetensors file"};
    const auto data = file.begin() + 8 + static_cast<std::ptrdiff_t>(size);
    const json header = json::parse(file.begin() + 8, data);
    for (const auto &[name, entry] : header.items()) {
        if (name == "__metadata__") continue;
        Array array;
        array.name = name;
        for (const Type &type : types)
            if (entry.at("dtype") == type.name) array.type = type.type;
        array.shape = entry.at("shape").get<groma::Shape>();
        const auto begin = entry.at("data_offsets").at(0).get<std::ptrdiff_t>();
        const auto end = entry.at("data_offsets").at(1).get<std::ptrdiff_t>();
        if (array.type == groma::ElementType::none || begin < 0 || end < begin || end > file.end() - data)
            throw Failed{path.string() + ": tensor " + name + " is not understood"};
        array.bytes.assign(data + begin, data + end);
        tensors.emplace(name, std::move(array));
    }
    return tensors;
}

std::string Step::text(const json &json) const {
    if (json.is_null()) return {};
    if (!json.is_string()) return json.dump(); // an object stands for its text
    std::string text = json.get<std::string>();
    const auto variable = [](const char *name) {
        const char *value = std::getenv(name);
        return std::string(value ? value : "");
    };
    const std::pair<const char *, std::string> places[] = {
        {"${tmp}", of_.tmp.string()},
        {"${vectors}", of_.vectors.string()},
        {"${models}", (of_.vectors / ".." / "models").string()},
        {"${runtime}", variable("GROMA_ONNXRUNTIME")},
        {"${lonely}", variable("GROMA_VECTORS_LONELY")},
        {"${old_runtime}", variable("GROMA_VECTORS_OLD_RUNTIME")},
    };
    for (const auto &[name, value] : places) {
        for (auto found = text.find(name); found != std::string::npos; found = text.find(name)) {
            if (value.empty()) fail(std::string(name) + " is not set");
            text.replace(found, std::strlen(name), value);
        }
    }
    return text;
}

double Step::number(const json &json) const {
    if (json.is_boolean()) return json.get<bool>();
    if (json.is_number()) return json.get<double>();
    const std::string name = json.is_string() ? json.get<std::string>() : json.dump();
    if (const auto value = constant(name)) return *value;
    if (name == "nan") return std::nan("");
    if (name == "inf") return HUGE_VAL;
    fail(name + " is not a number or a constant of groma.h");
}

const Array &Step::array(const json &json) const {
    const std::string name = json.is_string() ? json.get<std::string>() : json.dump();
    const bool is_in = name.rfind("@in:", 0) == 0;
    const auto &tensors = is_in ? of_.in : of_.out;
    const auto found = tensors.find(name.substr(name.find(':') + 1));
    if ((!is_in && name.rfind("@out:", 0) != 0) || found == tensors.end()) fail("there is no tensor " + name);
    return found->second;
}

groma::Shape Step::shape() const {
    const json &data = argument("data");
    if (argument("shape").is_null() && data.is_string()) return array(data).shape;
    groma::Shape shape;
    for (const auto &size : argument("shape")) shape.push_back(static_cast<std::int64_t>(number(size)));
    return shape;
}

groma::ElementType Step::element_type() const {
    if (argument("element_type").is_null() && argument("data").is_string()) return array(argument("data")).type;
    return choice<groma::ElementType>("element_type");
}

std::vector<char> Step::bytes(const char *name) const {
    const std::string from = text(name);
    if (from.empty()) return {};
    return from.rfind("@file:", 0) == 0 ? read_file(from.substr(6)) : array(argument(name)).bytes;
}

void Step::compare(const std::string &what, const json *expected, double found) const {
    if (!expected || (expected->is_object() && expected->contains("not_null"))) return;
    if (expected->is_object() && expected->contains("at_least")) {
        if (!(found >= number((*expected)["at_least"]))) fail(what + " is " + std::to_string(found) + ", expected " + expected->dump());
        return;
    }
    const bool is_approx = expected->is_object() && expected->contains("approx");
    const double wanted = number(is_approx ? (*expected)["approx"] : *expected);
    const double allowed = is_approx ? expected->value("tolerance", 0.0) : 0;
    if (!(std::fabs(found - wanted) <= allowed) && !(std::isnan(found) && std::isnan(wanted)))
        fail(what + " is " + std::to_string(found) + ", expected " + expected->dump());
}

void Step::compare(const std::string &what, const json *expected, std::string_view found) const {
    if (!expected) return;
    const std::string shown = what + " is `" + std::string(found.substr(0, 500)) + "`";
    if (expected->is_null()) {
        if (found.data()) fail(shown + ", expected none");
    } else if (expected->is_object() && expected->contains("not_null")) {
        if (!found.data()) fail(what + " is not there");
    } else if (expected->is_object() && expected->contains("contains")) {
        if (found.find(text((*expected)["contains"])) == std::string_view::npos) fail(shown + ", expected " + expected->dump());
    } else if (expected->is_object() && expected->contains("json")) {
        compare_json(*this, what, (*expected)["json"], json::parse(found));
    } else if (!expected->is_string() || !found.data() || text(*expected) != found) {
        fail(shown + ", expected " + expected->dump());
    }
}

void Step::expect(const Found &found) const {
    const json *expected = argument_or_none("expect");
    if (!expected) return;
    if (expected->is_null()) {
        if (found.data) fail("the answer is there, expected none");
        return;
    }
    if (expected->is_object() && expected->contains("not_null")) {
        if (!found.data) fail("the answer is not there");
        return;
    }
    if (!expected->is_object() || !expected->contains("tensor")) fail("the answer is a tensor; the step expects something else");
    const Array &wanted = array((*expected)["tensor"]);
    const double tolerance = expected->value("tolerance", 0.0);
    if (found.size_bytes != wanted.bytes.size())
        fail(wanted.name + ": " + std::to_string(found.size_bytes) + " bytes, expected " + std::to_string(wanted.bytes.size()));
    if (found.type != groma::ElementType::none) {
        if (found.type != wanted.type) fail(wanted.name + ": another element type");
        if (!std::equal(found.shape.begin(), found.shape.end(), wanted.shape.begin(), wanted.shape.end()))
            fail(wanted.name + ": another shape than expected");
    }
    const std::size_t count = wanted.count(), size = count ? wanted.bytes.size() / count : 0;
    const char *data = static_cast<const char *>(found.data);
    for (std::size_t i = 0; i < count; i++) {
        if (std::memcmp(data + i * size, wanted.bytes.data() + i * size, size) == 0) continue;
        const double a = element(wanted.type, wanted.bytes.data(), i), b = element(wanted.type, data, i);
        if (!(tolerance > 0 && std::fabs(a - b) <= tolerance) && !(std::isnan(a) && std::isnan(b)))
            fail(wanted.name + ": element " + std::to_string(i) + " is " + std::to_string(b) + ", expected " + std::to_string(a));
    }
}

void Step::expect(const groma::Tensor &view) const {
    Found found{groma::ElementType::none,
                {view.shape, static_cast<std::size_t>(view.ndim)},
                static_cast<const char *>(view.data) + view.byte_offset,
                view.dtype.bits / 8U};
    for (const Type &type : types)
        if (type.code == view.dtype.code && type.bits == view.dtype.bits) found.type = type.type;
    for (const auto size : found.shape) found.size_bytes *= static_cast<std::size_t>(size);
    if (view.dtype.lanes != 1 || view.device.device_type != GROMA_DEVICE_CPU) fail("the view is not of plain numbers in main memory");
    expect(found);
}

void Step::check_around() const {
    const std::string wanted = text("logs");
    if (of_.messages.find(wanted) == std::string::npos) fail("no message with `" + wanted + "` among these: " + of_.messages);
    const json &fails = argument("fails"), &options = argument("options");
    if (!options.is_string() || (!fails.is_null() && fails.value("status", "") != "CANCELLED")) return;
    const auto progress = of_.progress.find(options.get<std::string>().substr(1));
    if (progress == of_.progress.end()) return;
    if (*progress->second == 0) fail("the progress callback was not called");
    *progress->second = 0;
}

void Step::failed(const groma::Error &error) {
    const json &fails = argument("fails");
    const std::string name(groma::status_name(error.status())), message = error.what();
    if (fails.is_null()) fail(name + ": " + message);
    if (fails.value("status", "") != name) fail("it failed with " + name + ", expected " + fails.dump() + ": " + message);
    if (fails.contains("message_contains") && message.find(text(fails["message_contains"])) == std::string::npos)
        fail("no " + fails["message_contains"].dump() + " in `" + message + "`");
    if (fails.contains("subject") && error.subject() != text(fails["subject"])) fail("the subject is `" + error.subject() + "`");
    if (fails.contains("subject_ends_with")) {
        const std::string end = text(fails["subject_ends_with"]);
        if (error.subject().size() < end.size() || error.subject().compare(error.subject().size() - end.size(), end.size(), end) != 0)
            fail("the subject `" + error.subject() + "` does not end with `" + end + "`");
    }
    give("error", std::optional<groma::Error>(error));
}

} // namespace vectors
