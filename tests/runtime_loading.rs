//! Finding and loading ONNX Runtime: where it is looked for, what is refused with which words, and that nothing hangs.
//!
//! A process loads one runtime for good, so each case runs in a process of its own: this test program again, with
//! [`SCENARIO`] set.
#![cfg(target_os = "linux")]
#![allow(unsafe_code)]

use groma::model::Model;
use groma::runtime;
use std::collections::BTreeSet;
use std::io::Read;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

/// What the child is to do; unset in the parent.
const SCENARIO: &str = "GROMA_TEST_SCENARIO";
/// Paths to ask for one after the other, separated by `:`; an empty one asks for none in particular.
const PATHS: &str = "GROMA_TEST_PATHS";
/// Starts the child's lines that count.
const MARK: &str = "SAYS ";
/// Far above what anything here takes (milliseconds), far below what one waits for.
const LIMIT: Duration = Duration::from_secs(10);

/// The child's part: not a test of its own.
#[test]
fn child() {
    match std::env::var(SCENARIO).as_deref() {
        Ok("load") => {
            for path in std::env::var(PATHS).unwrap().split(':') {
                match runtime::ensure(Some(Path::new(path)).filter(|_| !path.is_empty())) {
                    Ok(found) => println!("{MARK}0 {} {}", found.version(), found.path().display()),
                    Err(error) => println!("{MARK}{} {error}", error.code()),
                }
            }
        }
        Ok("report") => println!("{MARK}{}", serde_json::to_string(&runtime::report(None)).unwrap()),
        Ok("telemetry") => {
            let before = threads();
            run_a_model();
            let new = threads().difference(&before).count();
            println!("{MARK}{new} {}", std::env::var("ORT_DISABLE_TELEMETRY").unwrap());
        }
        Ok("fork") => {
            run_a_model();
            let model = fixture();
            let worker = model.worker().unwrap();
            // SAFETY: the child only asks for the runtime, drops what it inherited, and leaves without unwinding.
            match unsafe { libc::fork() } {
                0 => {
                    let refused = [runtime::ensure(None).err(), model.worker().err(), Model::embedded().err()];
                    drop((worker, model));
                    let all = refused.iter().all(|e| e.as_ref().is_some_and(|e| e.code() == 311));
                    // SAFETY: ends the child without running the parent's exit handlers.
                    unsafe { libc::_exit(if all { 42 } else { 1 }) }
                }
                process => {
                    let mut status = 0;
                    // SAFETY: waits for the child made above.
                    unsafe { libc::waitpid(process, &mut status, 0) };
                    run_a_model();
                    println!("{MARK}{}", libc::WEXITSTATUS(status));
                }
            }
        }
        _ => {}
    }
}

fn fixture() -> Model {
    Model::open(&Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/models/good.onnx")).unwrap()
}

fn run_a_model() {
    let mut logits = [f32::NAN; 6];
    fixture().worker().unwrap().run(&mut [0.0; 10], 2, &mut logits).unwrap();
    assert!(logits.iter().all(|v| v.is_finite()));
}

fn threads() -> BTreeSet<std::ffi::OsString> {
    std::fs::read_dir("/proc/self/task").unwrap().map(|entry| entry.unwrap().file_name()).collect()
}

/// Runs a scenario and gives the lines it says; it must end well and in time.
fn run(program: &Path, scenario: &str, set: &[(&str, &str)]) -> Vec<String> {
    let mut command = Command::new(program);
    command.args(["--exact", "child", "--nocapture"]).stdout(Stdio::piped()).stderr(Stdio::piped());
    for variable in [runtime::VARIABLE, "LD_LIBRARY_PATH", "ORT_DISABLE_TELEMETRY"] {
        command.env_remove(variable);
    }
    command.env(SCENARIO, scenario).envs(set.iter().copied());
    let began = Instant::now();
    // A program just copied is busy for as long as a process that another test starts at that moment holds the copy's handle.
    let mut child = loop {
        match command.spawn() {
            Err(e) if e.kind() == std::io::ErrorKind::ExecutableFileBusy && began.elapsed() < LIMIT => {
                std::thread::sleep(Duration::from_millis(5));
            }
            child => break child.unwrap(),
        }
    };
    let status = loop {
        if let Some(status) = child.try_wait().unwrap() {
            break status;
        }
        if began.elapsed() > LIMIT {
            child.kill().unwrap();
            panic!("{scenario} hangs: {set:?}");
        }
        std::thread::sleep(Duration::from_millis(5));
    };
    let (mut out, mut err) = (String::new(), String::new());
    child.stdout.take().unwrap().read_to_string(&mut out).unwrap();
    child.stderr.take().unwrap().read_to_string(&mut err).unwrap();
    assert!(status.success(), "{scenario} {set:?} ended with {status}\n{out}\n{err}");
    // The first line shares its line with the test harness's own words.
    out.lines().filter_map(|line| line.split_once(MARK).map(|(_, said)| said.to_string())).collect()
}

fn this_program() -> PathBuf {
    std::env::current_exe().unwrap()
}

/// Asks for the paths one after the other in one process.
fn load(paths: &[&Path]) -> Vec<String> {
    let list: Vec<&str> = paths.iter().map(|path| path.to_str().unwrap()).collect();
    run(&this_program(), "load", &[(PATHS, &list.join(":"))])
}

/// The runtime to test with; `cargo xtask test` sees to it that there is one.
fn real() -> Option<PathBuf> {
    match runtime::ensure(None) {
        Ok(runtime) => Some(runtime.path().to_path_buf()),
        Err(groma::Error::RuntimeNotFound { .. }) => {
            eprintln!("SKIPPED: no ONNX Runtime; set GROMA_ONNXRUNTIME or run `cargo xtask test`");
            None
        }
        Err(error) => panic!("{error}"),
    }
}

/// Compiles a shared library from C; without a compiler the test is skipped.
fn compile(folder: &Path, name: &str, source: &str) -> Option<PathBuf> {
    let (c, library) = (folder.join("stub.c"), folder.join(name));
    std::fs::write(&c, source).unwrap();
    let compiler = std::env::var("CC").unwrap_or_else(|_| "cc".into());
    match Command::new(compiler).args(["-shared", "-fPIC", "-o"]).args([&library, &c]).status() {
        Ok(status) => assert!(status.success(), "the stub does not compile"),
        Err(error) => {
            eprintln!("SKIPPED: no C compiler ({error})");
            return None;
        }
    }
    Some(library)
}

/// A library that answers as an ONNX Runtime of some version, and has no API.
fn stub(version: &str) -> String {
    format!(
        "#include <stdint.h>\n\
         typedef struct {{ const void *(*api)(uint32_t); const char *(*version)(void); }} base_t;\n\
         static const void *api(uint32_t v) {{ (void)v; return 0; }}\n\
         static const char *version(void) {{ return {version}; }}\n\
         static const base_t base = {{ api, version }};\n\
         const base_t *OrtGetApiBase(void) {{ return &base; }}\n"
    )
}

/// What is said of a path that cannot serve: its code, the path itself, the reason, and what to do.
fn refused(path: &Path, code: i32, reason: &str) {
    let said = load(&[path]);
    assert_eq!(said.len(), 1, "{said:?}");
    for part in [&format!("{code} "), path.to_str().unwrap(), reason, "pip install onnxruntime==", "--onnxruntime PATH"]
    {
        assert!(said[0].contains(part), "`{part}` is missing: {}", said[0]);
    }
}

#[test]
fn what_cannot_serve_is_refused_with_path_and_remedy() {
    let folder = tempfile::tempdir().unwrap();
    let at = |name: &str| folder.path().join(name);
    refused(&at("missing.so"), 201, "no such file");
    refused(folder.path(), 311, "it is a folder");
    refused(Path::new("/dev/zero"), 311, "not a regular file");
    std::fs::write(at("text.so"), "not a library at all, but long enough to have a header of its own").unwrap();
    refused(&at("text.so"), 311, "invalid ELF header");
    std::fs::write(at("empty.so"), "").unwrap();
    refused(&at("empty.so"), 311, "file too short");
    let stubs = [
        ("other.so", "int groma_test_nothing(void) { return 0; }".to_string(), 311, "it has no OrtGetApiBase"),
        ("null.so", "void *OrtGetApiBase(void) { return 0; }".to_string(), 311, "gives nothing"),
        ("old.so", stub("\"1.17.3\""), 312, "1.17.3 is too old, 1.23 or newer is needed"),
        ("no_version.so", stub("0"), 311, "is not understood"),
        ("words.so", stub("\"newest\""), 311, "`newest`"),
        ("no_api.so", stub("\"1.99.0\""), 311, "refuses the C API 23"),
    ];
    for (name, source, code, reason) in stubs {
        let Some(library) = compile(folder.path(), name, &source) else { return };
        refused(&library, code, reason);
    }
}

#[test]
fn a_failed_attempt_does_not_spoil_a_later_one() {
    let Some(real) = real() else { return };
    let folder = tempfile::tempdir().unwrap();
    let Some(old) = compile(folder.path(), "old.so", &stub("\"1.17.3\"")) else { return };
    let Some(other) = compile(folder.path(), "other.so", "int nothing;") else { return };
    let said = load(&[&folder.path().join("missing.so"), folder.path(), &old, &other, &real, &real, Path::new("")]);
    let codes: Vec<&str> = said.iter().map(|line| line.split(' ').next().unwrap()).collect();
    assert_eq!(codes, ["201", "311", "312", "311", "0", "0", "0"], "{said:#?}");
}

#[test]
fn a_process_keeps_to_one_runtime() {
    let Some(real) = real() else { return };
    let folder = tempfile::tempdir().unwrap();
    let link = folder.path().join("libonnxruntime.so");
    std::os::unix::fs::symlink(&real, &link).unwrap();
    let copy = folder.path().join("copy.so");
    std::fs::copy(&real, &copy).unwrap();
    let said = load(&[&real, &link, &copy, &folder.path().join("missing.so")]);
    assert!(said[0].starts_with("0 ") && said[1].starts_with("0 "), "{said:#?}");
    assert!(said[2].starts_with("313 ") && said[2].contains(copy.to_str().unwrap()), "{said:#?}");
    assert!(said[3].starts_with("201 "), "{said:#?}");
}

/// The report of a process with these variables.
fn report(program: &Path, set: &[(&str, &str)]) -> serde_json::Value {
    let said = run(program, "report", set);
    assert_eq!(said.len(), 1, "{said:?}");
    serde_json::from_str(&said[0]).unwrap()
}

#[test]
fn the_environment_names_a_runtime_or_is_blamed() {
    let Some(real) = real() else { return };
    let found = report(&this_program(), &[(runtime::VARIABLE, real.to_str().unwrap())]);
    assert_eq!((&found["origin"], &found["error"]), (&"environment".into(), &serde_json::Value::Null));
    assert_eq!(found["path"], real.to_str().unwrap());
    let failed = report(&this_program(), &[(runtime::VARIABLE, "/nowhere/libonnxruntime.so")]);
    assert_eq!(failed["tried"][0]["reason"], "no such file");
    assert!(failed["error"].as_str().unwrap().contains("GROMA_ONNXRUNTIME is set to it"), "{failed}");
}

#[test]
fn it_is_found_beside_our_own_code_newest_first() {
    let Some(real) = real() else { return };
    let folder = tempfile::tempdir().unwrap();
    let program = folder.path().join("program");
    std::fs::copy(this_program(), &program).unwrap();
    let Some(old) = compile(folder.path(), "libonnxruntime.so.1.17.3", &stub("\"1.17.3\"")) else { return };
    let failed = report(&program, &[]);
    assert!(failed["error"].as_str().unwrap().contains("1.17.3 is too old"), "{failed}");
    assert_eq!(failed["tried"][0]["place"], old.to_str().unwrap());

    std::os::unix::fs::symlink(&real, folder.path().join("libonnxruntime.so.1.31.1")).unwrap();
    let found = report(&program, &[]);
    assert_eq!((&found["origin"], &found["tried"]), (&"beside_library".into(), &serde_json::json!([])));
    std::fs::write(folder.path().join("libonnxruntime.so.1.40.0"), "damaged").unwrap();
    let found = report(&program, &[]);
    assert_eq!((&found["origin"], found["tried"].as_array().unwrap().len()), (&"beside_library".into(), 1), "{found}");
}

#[test]
fn it_is_found_in_the_packages_of_a_python_process() {
    let Some(real) = real() else { return };
    let folder = tempfile::tempdir().unwrap();
    let capi = folder.path().join("lib/python3.12/site-packages/onnxruntime/capi");
    std::fs::create_dir_all(&capi).unwrap();
    std::fs::create_dir(folder.path().join("bin")).unwrap();
    let program = folder.path().join("bin/python3");
    std::fs::copy(this_program(), &program).unwrap();
    std::os::unix::fs::symlink(&real, capi.join("libonnxruntime.so.1.31.1")).unwrap();
    let found = report(&program, &[]);
    assert_eq!(found["origin"], "python", "{found}");
    assert!(found["path"].as_str().unwrap().starts_with(capi.to_str().unwrap()), "{found}");
}

#[test]
fn it_is_found_where_the_system_loads_from_by_absolute_path() {
    let Some(real) = real() else { return };
    let folder = tempfile::tempdir().unwrap();
    let link = folder.path().join("libonnxruntime.so.1");
    std::os::unix::fs::symlink(&real, &link).unwrap();
    let found = report(&this_program(), &[("LD_LIBRARY_PATH", folder.path().to_str().unwrap())]);
    assert_eq!((&found["origin"], &found["path"]), (&"system".into(), &link.to_str().unwrap().into()), "{found}");
    let places: Vec<&str> = found["tried"].as_array().unwrap().iter().map(|t| t["origin"].as_str().unwrap()).collect();
    assert_eq!(places, ["beside_library", "python"]);
}

#[test]
fn it_leaves_no_file_and_no_thread_behind() {
    let Some(real) = real() else { return };
    for value in ["", "0", "1"] {
        let home = tempfile::tempdir().unwrap();
        let at_home = home.path().to_str().unwrap();
        let mut set = vec![("HOME", at_home), ("XDG_CACHE_HOME", at_home), ("XDG_DATA_HOME", at_home)];
        set.push((runtime::VARIABLE, real.to_str().unwrap()));
        if !value.is_empty() {
            set.push(("ORT_DISABLE_TELEMETRY", value));
        }
        assert_eq!(run(&this_program(), "telemetry", &set), ["0 1"], "new threads, and the variable");
        let left: Vec<_> = std::fs::read_dir(home.path()).unwrap().map(|entry| entry.unwrap().path()).collect();
        assert!(left.is_empty(), "{left:?}");
    }
}

#[test]
fn a_forked_child_is_told_and_does_not_hang() {
    let Some(real) = real() else { return };
    let said = run(&this_program(), "fork", &[(runtime::VARIABLE, real.to_str().unwrap())]);
    assert_eq!(said, ["42"]);
}
