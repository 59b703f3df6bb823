//! Programs that do to the library what hosts do: unload it, share a model among threads, cancel from a callback, fork, and
//! look for leaks with valgrind and the address sanitizer.

#![cfg(target_os = "linux")]

mod c;

use std::path::{Path, PathBuf};
use std::process::{Command, Output};

/// Compiles a program of `tests/c` into `folder`; none without a compiler.
fn program(name: &str, folder: &Path, options: &[&str]) -> Option<PathBuf> {
    let program = folder.join(name);
    let source = c::root().join(format!("tests/c/{name}.c"));
    let include = c::root().join("include");
    c::build_special("c99", &include, &source, &program, options).then_some(program)
}

/// `1` if there is an ONNX Runtime: what the programs are told.
fn with_runtime() -> &'static str {
    if c::runtime().is_some() { "1" } else { "0" }
}

/// A small model that reads rows of five numbers.
fn network() -> PathBuf {
    c::root().join("tests/models/good.onnx")
}

fn text(output: Output) -> String {
    String::from_utf8(output.stdout).unwrap()
}

/// More than this in ninety rounds is a leak; a page here and there is the allocator's.
const GROWTH_KB: i64 = 2048;

#[test]
fn the_library_is_loaded_and_unloaded_a_hundred_times() {
    let folder = c::folder("hostile-unload");
    let Some(program) = program("unload", &folder, &["-ldl"]) else { return };
    let mut command = Command::new(program);
    // One arena of the allocator: with several it takes many rounds until each of them has seen every kind of work.
    command.arg(c::library()).arg(with_runtime()).env("MALLOC_ARENA_MAX", "1");
    let said = text(c::succeed(&mut command));
    let sizes: Vec<i64> = said.split_whitespace().map(|size| size.parse().unwrap()).collect();
    assert!(sizes[1] - sizes[0] < GROWTH_KB, "{} kB after ten rounds, {} kB after a hundred", sizes[0], sizes[1]);
}

#[test]
fn eight_threads_share_a_model() {
    let folder = c::folder("hostile-shared-model");
    let (Some(program), Some(_)) = (program("shared_model", &folder, &["-pthread"]), c::runtime()) else { return };
    assert_eq!(text(c::succeed(&mut Command::new(program))), "48 equal results\n");
}

/// The machine may be busy with other things; most of a few tries are not disturbed.
#[test]
fn a_callback_cancels_within_a_tenth_of_a_second() {
    let folder = c::folder("hostile-cancel");
    let (Some(program), Some(_)) = (program("cancel", &folder, &[]), c::runtime()) else { return };
    let model = c::root().join("tests/models/slow.onnx");
    let tries = (0..5).map(|_| text(c::succeed(Command::new(&program).arg(&model))).trim().parse::<f64>().unwrap());
    let mut seen: Vec<f64> = tries.collect();
    seen.sort_by(f64::total_cmp);
    assert!(seen[2] < 100.0, "the calls went on for {seen:?} ms");
}

#[test]
fn a_forked_child_gets_an_answer_or_an_error() {
    let folder = c::folder("hostile-forked");
    let Some(program) = program("forked", &folder, &[]) else { return };
    let with_runtime = with_runtime();
    let said = text(c::succeed(Command::new(program).arg(&folder).arg(with_runtime).arg(network())));
    let mut expected = String::new();
    if with_runtime == "1" {
        expected += "classify RUNTIME_UNUSABLE\nrun RUNTIME_UNUSABLE\nopen RUNTIME_UNUSABLE\n";
    }
    for name in ["features", "neighbors", "filter", "files", "describe", "destroy", "exit", "parent"] {
        expected += &format!("{name} OK\n");
    }
    assert_eq!(said, expected);
}

/// The program that makes and frees one of everything.
fn leaks(folder: &Path, options: &[&str]) -> Option<Command> {
    let mut command = Command::new(program("leaks", folder, &[options, &["-Wl,--no-as-needed", "-ldl"]].concat())?);
    command.arg(folder).arg(with_runtime()).arg(network());
    Some(command)
}

/// The examples that are looked at for leaks, with what they are given.
fn examples(folder: &Path, options: &[&str]) -> Vec<Command> {
    let points: String = (0..500).map(|i| format!("{} {} {}\n", i % 25, i / 25, i % 7)).collect();
    let input = folder.join("points.txt");
    std::fs::write(&input, points).unwrap();
    let mut commands = Vec::new();
    if let Some(leaks) = leaks(folder, options) {
        commands.push(leaks);
    }
    let features = folder.join("features");
    let source = c::root().join("examples/c/features.c");
    if c::build_special("c99", &c::root().join("include"), &source, &features, options) {
        let mut command = Command::new(features);
        command.arg("planarity@k10, height_above_ground").stdin(std::fs::File::open(&input).unwrap());
        commands.push(command);
    }
    commands
}

#[test]
fn valgrind_finds_no_leak() {
    if Command::new("valgrind").arg("--version").output().is_err() {
        eprintln!("SKIPPED: search for leaks with valgrind: it is not there (install valgrind)");
        return;
    }
    let folder = c::folder("hostile-valgrind");
    let under_valgrind = |command: &Command| {
        let mut valgrind = Command::new("valgrind");
        valgrind.args(["--error-exitcode=9", "--leak-check=full", "--show-leak-kinds=definite"]);
        valgrind.args(["--errors-for-leak-kinds=definite", "--undef-value-errors=no", "--num-callers=40"]);
        valgrind.arg(format!("--suppressions={}", c::root().join("tests/c/valgrind.supp").display()));
        valgrind.arg(command.get_program()).args(command.get_args());
        valgrind
    };
    if let (Some(mut leaks), "1") = (leaks(&folder, &["-g"]), with_runtime()) {
        assert_found(&mut under_valgrind(leaks.arg("forget")));
    }
    for command in examples(&folder, &["-g"]) {
        let mut valgrind = under_valgrind(&command);
        if command.get_program().to_string_lossy().ends_with("features") {
            valgrind.stdin(std::fs::File::open(folder.join("points.txt")).unwrap());
        }
        c::succeed(&mut valgrind);
    }
}

#[test]
fn the_address_sanitizer_finds_no_leak() {
    let folder = c::folder("hostile-sanitizer");
    if !sanitizes(&folder) {
        eprintln!("SKIPPED: search for leaks with the address sanitizer: the C compiler has none (install libasan)");
        return;
    }
    let options = ["-g", "-fsanitize=address"];
    let instrument = |command: &mut Command| {
        let suppressions = c::root().join("tests/c/lsan.supp");
        command.env("ASAN_OPTIONS", "detect_leaks=1:abort_on_error=0:exitcode=9");
        command.env("LSAN_OPTIONS", format!("suppressions={}:print_suppressions=0", suppressions.display()));
    };
    if let (Some(mut leaks), "1") = (leaks(&folder, &options), with_runtime()) {
        instrument(leaks.arg("forget"));
        assert_found(&mut leaks);
    }
    for mut command in examples(&folder, &options) {
        instrument(&mut command);
        c::succeed(&mut command);
    }
}

/// A forgotten object of ONNX Runtime is found: no suppression hides it.
fn assert_found(command: &mut Command) {
    let output = command.output().unwrap();
    assert_eq!(output.status.code(), Some(9), "{command:?}: {}", String::from_utf8_lossy(&output.stderr));
}

/// Whether programs can be built and run with the address sanitizer, and whether it finds a leak that is there.
fn sanitizes(folder: &Path) -> bool {
    let Some(mut compiler) = c::bare_compiler("c99") else { return false };
    let (source, program) = (folder.join("leaky.c"), folder.join("leaky"));
    let leaky =
        "#include <stdlib.h>\nint main(void) { volatile char *lost = malloc(77); lost = NULL; return lost != NULL; }\n";
    std::fs::write(&source, leaky).unwrap();
    let built = compiler.args(["-fsanitize=address"]).arg(&source).arg("-o").arg(&program).output().unwrap();
    if !built.status.success() {
        return false;
    }
    let output = Command::new(program).env("ASAN_OPTIONS", "detect_leaks=1:exitcode=9").output().unwrap();
    String::from_utf8_lossy(&output.stderr).contains("77 byte(s)")
}
