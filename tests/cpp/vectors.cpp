/// Runs the shared vectors through groma.hpp: vectors VECTORS_DIR [--case NAME]
///
/// A case is a folder with case.json (steps, each a call with its arguments and what it should answer) and the tensors that it
/// names. A case with an environment runs in a process of its own. The build writes the names of all constants and functions
/// of groma.h to groma_names.inc, as CONSTANT(...) and FUNCTION(...) lines; a function that no call here stands for ends the
/// run before it begins.
#include "vectors/runner.hpp"

#include <cstdlib>
#include <fstream>
#include <iostream>
#include <set>
#include <sys/wait.h>
#include <unistd.h>

namespace vectors {

namespace {

/// A child marks itself, so that it runs its case and starts no child of its own.
constexpr const char *child_mark = "GROMA_VECTORS_CHILD";

const char *const functions[] = {
#define CONSTANT(name)
#define FUNCTION(name) #name,
#include "groma_names.inc"
#undef CONSTANT
#undef FUNCTION
};

void run_step(Step &step, const Calls &calls) {
    const auto call = calls.find(step.text("call"));
    if (call == calls.end()) step.fail("the runner does not know this call");
    bool failed = false;
    try {
        call->second(step);
    } catch (const groma::Error &error) {
        step.failed(error);
        failed = true;
    }
    if (!failed && !step.argument("fails").is_null()) step.fail("it succeeded, but should fail with " + step.argument("fails").dump());
    step.check_around();
}

void run_steps(Case &of, const Calls &calls) {
    std::size_t position = 0;
    for (const json &content : of.content.at("steps")) {
        position++;
        Step step(of, content);
        try {
            run_step(step, calls);
        } catch (const Failed &failed) {
            throw Failed{"step " + std::to_string(position) + " " + step.text("call") + ": " + failed.reason};
        }
    }
}

/// Runs a case in a process of its own with the variables that it names.
void run_child(Case &of, const char *program, const std::string &name) {
    const Step step(of, of.content);
    std::cout.flush();
    const pid_t child = fork();
    if (child == 0) {
        setenv(child_mark, "1", 1);
        for (const auto &[variable, value] : of.content["environment"].items()) {
            if (value.is_null()) unsetenv(variable.c_str());
            else setenv(variable.c_str(), step.text(value).c_str(), 1);
        }
        // The library is found by its folder, which comes before the one that the program was linked for.
        if (const char *library = std::getenv("GROMA_LIBRARY"))
            setenv("LD_LIBRARY_PATH", std::filesystem::path(library).parent_path().c_str(), 1);
        execl(program, program, of.vectors.c_str(), "--case", name.c_str(), static_cast<char *>(nullptr));
        _exit(127);
    }
    int ended = 0;
    if (child < 0 || waitpid(child, &ended, 0) != child || !WIFEXITED(ended) || WEXITSTATUS(ended) != 0)
        throw Failed{"its process ended with " + std::to_string(ended)};
}

/// A folder of its own for each case.
std::filesystem::path make_folder() {
    std::string name = (std::filesystem::temp_directory_path() / "groma-vectors-XXXXXX").string();
    if (!mkdtemp(name.data())) throw Failed{name + " cannot be made"};
    return name;
}

/// How a case went.
enum class Outcome { failed, passed, skipped };

/// Runs one case and says how it went.
Outcome run_case(const char *program, const std::filesystem::path &folder, const std::string &name, const Calls &calls) {
    Case of;
    of.vectors = folder;
    of.folder = folder / name;
    bool in_child = false;
    auto outcome = Outcome::failed;
    std::string reason;
    try {
        std::ifstream file(of.folder / "case.json");
        of.content = json::parse(file);
        of.in = read_tensors(of.folder / "in.safetensors");
        of.out = read_tensors(of.folder / "out.safetensors");
        // The hooks that some cases need are in debug builds only.
        if (of.content.value("needs", "") == "debug" && std::getenv("GROMA_VECTORS_RELEASE")) {
            std::cout << "skipped " << name << ": the library is a release build\n";
            return Outcome::skipped;
        }
        of.tmp = make_folder();
        in_child = of.content.contains("environment") && !std::getenv(child_mark);
        if (in_child) run_child(of, program, name);
        else run_steps(of, calls);
        outcome = Outcome::passed;
    } catch (const Failed &failed) {
        reason = failed.reason;
    } catch (const std::exception &error) {
        reason = error.what();
    }
    // A child has said it itself.
    if (outcome == Outcome::passed && !in_child) std::cout << "ok " << name << "\n";
    if (outcome == Outcome::failed) std::cout << "FAILED " << name << (in_child ? " in its process: " : ": ") << reason << "\n";
    std::cout.flush();
    if (of.is_recording) groma::set_log({});
    of.things.clear(); // before the arrays that values may borrow
    std::error_code ignored;
    if (!of.tmp.empty()) std::filesystem::remove_all(of.tmp, ignored);
    return outcome;
}

} // namespace

std::optional<std::int32_t> constant(const std::string &name) {
    static const std::map<std::string, std::int32_t> constants = {
#define CONSTANT(name) {#name, name},
#define FUNCTION(name)
#include "groma_names.inc"
#undef CONSTANT
#undef FUNCTION
    };
    const auto found = constants.find(name);
    return found == constants.end() ? std::nullopt : std::optional<std::int32_t>(found->second);
}

int run(int argc, char **argv) {
    if (argc != 2 && !(argc == 4 && std::string(argv[2]) == "--case")) {
        std::cerr << "usage: " << argv[0] << " VECTORS_DIR [--case NAME]\n";
        return 2;
    }
    Calls calls;
    add_handles(calls);
    add_work(calls);
    add_structs(calls);
    bool complete = true;
    for (const char *function : functions) {
        if (calls.count(function)) continue;
        std::cerr << function << ": no call of groma.hpp stands for it\n";
        complete = false;
    }
    if (!complete) return 1;
    std::set<std::string> names;
    if (argc == 4) names.insert(argv[3]);
    else
        for (const auto &entry : std::filesystem::directory_iterator(argv[1]))
            if (std::filesystem::exists(entry.path() / "case.json")) names.insert(entry.path().filename().string());
    std::map<Outcome, std::size_t> count;
    for (const std::string &name : names) count[run_case(argv[0], argv[1], name, calls)]++;
    if (!std::getenv(child_mark))
        std::cout << count[Outcome::passed] << " passed, " << count[Outcome::failed] << " failed\n";
    // A folder without cases proves nothing.
    return count[Outcome::failed] == 0 && !names.empty() ? 0 : 1;
}

} // namespace vectors

int main(int argc, char **argv) { return vectors::run(argc, argv); }
