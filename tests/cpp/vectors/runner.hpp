/// What the parts of the C++ vector runner share: a case and its named things, one step of it, arguments and answers.
#ifndef GROMA_VECTORS_RUNNER_HPP
#define GROMA_VECTORS_RUNNER_HPP

#include <any>
#include <cstring>
#include <filesystem>
#include <functional>
#include <groma.hpp>
#include <map>
#include <nlohmann/json.hpp>
#include <optional>

namespace vectors {

using json = nlohmann::json;

/// Why a case failed.
struct Failed {
    std::string reason;
};

/// A tensor of a safetensors file, in memory that suits any element type.
struct Array {
    std::string name;
    groma::ElementType type = groma::ElementType::none;
    groma::Shape shape;
    std::vector<char> bytes; // of operator new, so aligned for any number

    std::size_t count() const {
        std::size_t count = 1;
        for (const auto size : shape) count *= static_cast<std::size_t>(size);
        return count;
    }
};

/// Reads a safetensors file; no file, no tensors.
std::map<std::string, Array> read_tensors(const std::filesystem::path &path);

/// A constant of groma.h by its name.
std::optional<std::int32_t> constant(const std::string &name);

/// One case while it runs.
struct Case {
    std::filesystem::path vectors, folder, tmp;
    json content;
    std::map<std::string, Array> in, out;
    std::map<std::string, std::any> things; // each a std::shared_ptr
    std::map<std::string, std::shared_ptr<int>> progress; // how often the callback of options was called
    std::string messages;                                 // what the library has sent, a line each
    bool is_recording = false;
};

/// What a call answered, to be compared with what its step expects.
struct Found {
    groma::ElementType type;            // none, if only the bytes are known
    groma::span<const std::int64_t> shape;
    const void *data;
    std::size_t size_bytes;
};

/// One call of a case.
class Step {
public:
    Step(Case &of, const json &content) : of_(of), json_(content) {}

    [[noreturn]] void fail(const std::string &reason) const { throw Failed{reason}; }
    const json &argument(const char *name) const {
        static const json nothing;
        const auto found = json_.find(name);
        return found == json_.end() ? nothing : *found;
    }

    std::string text(const json &json) const;
    std::string text(const char *name) const { return text(argument(name)); }
    double number(const json &json) const;
    double number(const char *name) const { return argument(name).is_null() ? 0 : number(argument(name)); }
    std::size_t index() const { return static_cast<std::size_t>(number("index")); }
    template <class Enum>
    Enum choice(const char *name) const {
        return static_cast<Enum>(static_cast<std::int32_t>(number(name)));
    }
    const Array &array(const json &json) const;
    /// A list of sizes; where there is none, the shape of the tensor that is given as data.
    groma::Shape shape() const;
    /// An element type; where there is none, that of the tensor that is given as data.
    groma::ElementType element_type() const;
    /// Bytes that a step names: those of a tensor, or of a file (@file:PATH).
    std::vector<char> bytes(const char *name) const;
    Case &of() const { return of_; }

    /// A thing that a step gave; an empty one for null.
    template <class T>
    T &get(const json &json) const {
        if (json.is_null()) {
            static T empty;
            return empty;
        }
        const std::string name = json.get<std::string>();
        const auto found = of_.things.find(name.substr(1));
        if (name[0] != '$' || found == of_.things.end()) fail("no step gave " + name);
        const auto *thing = std::any_cast<std::shared_ptr<T>>(&found->second);
        if (!thing) fail(name + " is a thing of another type");
        return **thing;
    }
    template <class T>
    T &get(const char *name) const {
        return get<T>(argument(name));
    }
    /// Names what a call gave.
    template <class T>
    void give(const char *name, T thing) {
        const auto as = argument("gives").find(name);
        if (as != argument("gives").end()) of_.things[as->template get<std::string>()] = std::make_shared<T>(std::move(thing));
    }
    /// Ends a thing early.
    void drop(const char *name) {
        if (!argument(name).is_null()) of_.things.erase(text(argument(name)).substr(1));
    }

    void expect(double found) const { compare("the answer", argument_or_none("expect"), found); }
    void expect(std::string_view found) const { compare("the answer", argument_or_none("expect"), found); }
    void expect(const Found &found) const;
    void expect(const groma::Value &value) const { expect(Found{value.element_type(), value.shape(), value.data(), value.size_bytes()}); }
    void expect(const groma::Tensor &view) const;
    template <class T>
    void expect(groma::span<const T> found) const {
        expect(Found{groma::ElementType::none, {}, found.data(), found.size_bytes()});
    }
    void compare(const std::string &what, const json *expected, double found) const;
    void compare(const std::string &what, const json *expected, std::string_view found) const;
    /// What a step asks for beside its answer: messages, and that its progress callback was called.
    void check_around() const;
    /// Compares an error with what the step expects; throws `Failed` if it expects none.
    void failed(const groma::Error &error);

private:
    const json *argument_or_none(const char *name) const { return json_.contains(name) ? &json_[name] : nullptr; }

    Case &of_;
    const json &json_;
};

/// The calls by name, gathered from all files.
using Calls = std::map<std::string, std::function<void(Step &)>>;
void add_handles(Calls &calls);
void add_work(Calls &calls);
void add_structs(Calls &calls);

} // namespace vectors

#endif
