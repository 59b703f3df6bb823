//! `groma.hpp` compiles strictly, does what it adds to `groma.h`, and leaks nothing; its examples give what those in C give,
//! and the shared vectors pass in C and in C++. Programs are instrumented where the compiler can do that, the library is not.

#![cfg(target_os = "linux")]

mod c;
#[allow(dead_code)]
#[path = "vectors_support/harness.rs"]
mod harness;

use groma::cloud::PointCloud;
use groma::features::{self, Schema};
use groma::job::Job;
use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;

const STANDARDS: [&str; 2] = ["c++17", "c++20"];
/// What every C++ source of the project has to survive, beside [`c::STRICT`].
const CONVERSIONS: &str = "-Wconversion";
/// Finds leaks, overruns and what the standard leaves undefined.
const SANITIZERS: &str = "-fsanitize=address,undefined";

/// The flags that instrument a program; none, said aloud, where the compiler cannot.
fn sanitizers() -> &'static [&'static str] {
    static CAN: OnceLock<bool> = OnceLock::new();
    let can = CAN.get_or_init(|| {
        let folder = c::folder("cpp-sanitizers");
        let (source, program) = (folder.join("leaky.cpp"), folder.join("leaky"));
        let leaky = "#include <cstdlib>\nint main() { void *volatile lost = std::malloc(77); lost = nullptr; }\n";
        std::fs::write(&source, leaky).unwrap();
        let Some(mut compiler) = c::bare_compiler("c++17") else { return false };
        let built = compiler.arg(SANITIZERS).arg(&source).arg("-o").arg(&program).output().unwrap();
        let finds = built.status.success()
            && String::from_utf8_lossy(&Command::new(&program).output().unwrap().stderr).contains("77 byte(s)");
        if !finds {
            eprintln!("SKIPPED: search for leaks in C++ programs, the compiler has no sanitizers that work (libasan)");
        }
        finds
    });
    if *can { &["-g", SANITIZERS, "-fno-sanitize-recover=undefined"] } else { &[] }
}

/// A command for an instrumented program; leaks that are not ours do not count.
fn instrumented(program: &Path) -> Command {
    let mut command = Command::new(program);
    let suppressions = c::root().join("tests/c/lsan.supp");
    command.env("LSAN_OPTIONS", format!("suppressions={}:print_suppressions=0", suppressions.display()));
    command
}

/// Compiles C++ sources, the first of which names the program.
fn build(standard: &str, sources: &[PathBuf], program: &Path, options: &[&str]) -> bool {
    let rest: Vec<&str> = sources[1..].iter().map(|source| source.to_str().unwrap()).collect();
    let options = [options, sanitizers(), &[CONVERSIONS, "-pthread"], &rest].concat();
    c::build_special(standard, &c::root().join("include"), &sources[0], program, &options)
}

fn text(bytes: Vec<u8>) -> String {
    String::from_utf8(bytes).unwrap()
}

#[test]
fn each_header_compiles_alone_and_the_readme_with_all() {
    let folder = c::folder("cpp-headers");
    let readme = std::fs::read_to_string(c::root().join("bindings/cpp/README.md")).unwrap();
    let program = readme.split("```cpp\n").nth(1).and_then(|rest| rest.split("```").next()).unwrap();
    std::fs::write(folder.join("readme.cpp"), program).unwrap();
    let Some(mut compiler) = c::compiler("c++17") else { return };
    c::succeed(compiler.args([CONVERSIONS, "-fsyntax-only"]).arg(folder.join("readme.cpp")));

    let headers = std::fs::read_dir(c::root().join("include/groma")).unwrap();
    let headers = headers.map(|entry| format!("groma/{}", entry.unwrap().file_name().to_str().unwrap()));
    for header in headers.chain(["groma.hpp".into()]) {
        let source = folder.join("header.cpp");
        std::fs::write(&source, format!("#include <{header}>\n#include <{header}>\nint groma_user;\n")).unwrap();
        for standard in STANDARDS {
            let Some(mut compiler) = c::compiler(standard) else { return };
            compiler.args([CONVERSIONS, "-Wshadow", "-fsyntax-only"]).arg(&source);
            if header == "groma.hpp" && standard == "c++17" {
                c::succeed(compiler.arg("-fno-exceptions"));
            } else {
                c::succeed(&mut compiler);
            }
        }
    }
}

#[test]
fn what_the_layer_adds_holds() {
    let folder = c::folder("cpp-unit");
    for standard in STANDARDS {
        let program = folder.join(standard);
        if build(standard, &[c::root().join("tests/cpp/unit.cpp")], &program, &[]) {
            c::succeed(&mut instrumented(&program));
        }
    }
}

/// An example in C++, and in C if that has it too.
fn example(name: &str, folder: &Path) -> Option<(PathBuf, PathBuf)> {
    let (cpp, in_c) = (folder.join(format!("{name}-cpp")), folder.join(format!("{name}-c")));
    let built = build("c++17", &[c::root().join(format!("examples/cpp/{name}.cpp"))], &cpp, &[])
        && c::build("c99", &c::root().join(format!("examples/c/{name}.c")), &in_c);
    built.then_some((cpp, in_c))
}

#[test]
fn classify_file_writes_what_it_writes_in_c() {
    let folder = c::folder("cpp-classify-file");
    let Some((cpp, in_c)) = example("classify_file", &folder) else { return };
    let (Some(tile), Some(_)) = (c::tile(&folder), c::runtime()) else { return };
    let outputs = [folder.join("cpp.laz"), folder.join("c.laz")];
    c::succeed(instrumented(&cpp).arg(&tile).arg(&outputs[0]));
    c::succeed(Command::new(&in_c).arg(&tile).arg(&outputs[1]));
    let [ours, theirs] = outputs.map(|file| std::fs::read(file).unwrap());
    assert!(ours == theirs, "the files differ");

    let again = instrumented(&cpp).arg(&tile).arg(folder.join("cpp.laz")).output().unwrap();
    assert_eq!(again.status.code(), Some(1));
    assert!(text(again.stderr).contains("(status 205)"));
}

#[test]
fn features_of_array_are_those_of_the_library() {
    const SCHEMA: &str = "planarity@k20,normal_z@k20,vertical_range@r1.0";
    let folder = c::folder("cpp-features");
    let Some((cpp, in_c)) = example("features_of_array", &folder) else { return };
    let positions: Vec<f64> = (0..3600).flat_map(position).collect();
    let cloud = PointCloud::from_positions(&positions, 0.01).unwrap();
    let schema = Schema::parse(&SCHEMA.split(',').collect::<Vec<_>>()).unwrap();
    let matrix = Job::new().run(|monitor| features::compute(&cloud, &schema, &Default::default(), monitor)).unwrap();
    let mut expected = String::new();
    for (column, name) in schema.columns().iter().enumerate() {
        let values = || matrix.values.iter().skip(column).step_by(3).map(|value| f64::from(*value));
        let [least, most] = [values().fold(f64::INFINITY, f64::min), values().fold(f64::NEG_INFINITY, f64::max)];
        writeln!(expected, "{name} {least:.6} {:.6} {most:.6}", values().sum::<f64>() / 3600.0).unwrap();
    }
    assert_eq!(text(c::succeed(instrumented(&cpp).arg(SCHEMA)).stdout), expected);
    assert_eq!(text(c::succeed(Command::new(&in_c).arg(SCHEMA)).stdout), expected);
    let wrong = instrumented(&cpp).arg("nothing").output().unwrap();
    assert_eq!(wrong.status.code(), Some(1));
    assert!(text(wrong.stderr).contains("(status 102)"));
}

/// Point `i` of the examples' scene.
fn position(i: i32) -> [f64; 3] {
    let (x, y) = (0.5 * f64::from(i % 60), 0.5 * f64::from(i / 60));
    let roof = (10.0..20.0).contains(&x) && (10.0..20.0).contains(&y);
    [x, y, 0.01 * f64::from(i * 7919 % 13) + if roof { 6.0 } else { 0.0 }]
}

#[test]
fn embeddings_of_array_tell_the_roof_from_the_ground() {
    let folder = c::folder("cpp-embeddings");
    let (Some((cpp, in_c)), Some(_)) = (example("embeddings_of_array", &folder), c::runtime()) else { return };
    let ours = text(c::succeed(&mut instrumented(&cpp)).stdout);
    assert_eq!(ours, text(c::succeed(&mut Command::new(&in_c)).stdout));
    let cosines: Vec<f64> =
        ours.lines().skip(1).map(|line| line.rsplit(' ').next().unwrap().parse().unwrap()).collect();
    assert!(ours.starts_with("3600 points, ") && cosines[0] > cosines[1] && cosines[0] <= 1.0001, "{ours}");
    let wrong = instrumented(&cpp).arg("nothing").output().unwrap();
    assert_eq!(wrong.status.code(), Some(1));
    assert!(text(wrong.stderr).contains("nothing"), "the tensor is not named");
}

/// Writes the names of the header's constants and functions as the runners include them.
fn write_names(folder: &Path) {
    let header = std::fs::read_to_string(c::root().join("include/groma.h")).unwrap();
    let mut names = String::new();
    for line in header.lines() {
        if let Some(("#define", rest)) = line.split_once(' ')
            && let Some((name, value)) = rest.split_once(' ')
            && value.parse::<i64>().is_ok()
        {
            writeln!(names, "CONSTANT({name})").unwrap();
        }
        let is_code = !line.starts_with([' ', '/', '#']) && !line.starts_with("typedef");
        if is_code && let Some((before, _)) = line.split_once('(') {
            writeln!(names, "FUNCTION({})", before.rsplit([' ', '*']).next().unwrap()).unwrap();
        }
    }
    std::fs::write(folder.join("groma_names.inc"), names).unwrap();
}

/// Runs a vector runner and shows what it says.
fn run_vectors(program: &Path, folder: &Path) {
    let mut command = instrumented(program);
    let lonely = harness::lonely(folder, c::library());
    let soname = lonely.with_file_name("libgroma.so.0");
    std::os::unix::fs::symlink(lonely.file_name().unwrap(), soname).unwrap();
    command.env(harness::LONELY, &lonely).arg(c::root().join("tests/vectors"));
    if let Some(library) = harness::old_runtime(folder) {
        command.env(harness::OLD_RUNTIME, library);
    }
    if !cfg!(debug_assertions) {
        command.env(harness::RELEASE, "1");
    }
    let output = command.output().unwrap();
    let said = text(output.stdout);
    print!("{said}");
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{said}\n{errors}");
}

/// The `.c` or `.cpp` files of a runner's folder, after the one that holds `main`.
fn sources(main: &str) -> Vec<PathBuf> {
    let main = c::root().join(main);
    let parts = std::fs::read_dir(main.with_extension("")).unwrap().map(|entry| entry.unwrap().path());
    let mut parts: Vec<PathBuf> = parts.filter(|part| part.extension() == main.extension()).collect();
    parts.sort();
    [vec![main], parts].concat()
}

/// Whether a header of another project is there.
fn has_header(standard: &str, header: &str, package: &str) -> bool {
    let source = c::folder(&format!("has-{package}")).join("header");
    std::fs::write(&source, format!("#include <{header}>\n")).unwrap();
    let Some(mut compiler) = c::bare_compiler(standard) else { return false };
    let has = compiler.arg("-fsyntax-only").arg(&source).output().unwrap().status.success();
    if !has {
        eprintln!("SKIPPED: shared vectors in {standard}, no <{header}> (Debian: {package})");
    }
    has
}

#[test]
fn the_shared_vectors_pass_in_c() {
    if !has_header("c99", "cjson/cJSON.h", "libcjson-dev") || c::runtime().is_none() {
        return;
    }
    let folder = c::folder("c-vectors");
    write_names(&folder);
    let (sources, program) = (sources("tests/c/vectors.c"), folder.join("vectors"));
    let rest: Vec<&str> = sources[1..].iter().map(|source| source.to_str().unwrap()).collect();
    let include = format!("-I{}", folder.display());
    let linked = ["-Wl,--no-as-needed", "-Wl,--enable-new-dtags", "-lcjson", "-ldl", &include];
    let options = [&linked, sanitizers(), &rest].concat();
    if c::build_special("c99", &c::root().join("include"), &sources[0], &program, &options) {
        run_vectors(&program, &folder);
    }
}

#[test]
fn the_shared_vectors_pass_in_cpp() {
    if !has_header("c++17", "nlohmann/json.hpp", "nlohmann-json3-dev") || c::runtime().is_none() {
        return;
    }
    let folder = c::folder("cpp-vectors");
    write_names(&folder);
    let (sources, program) = (sources("tests/cpp/vectors.cpp"), folder.join("vectors"));
    let include = format!("-I{}", folder.display());
    if build("c++17", &sources, &program, &["-Wl,--no-as-needed", "-Wl,--enable-new-dtags", "-ldl", &include]) {
        run_vectors(&program, &folder);
    }
}
