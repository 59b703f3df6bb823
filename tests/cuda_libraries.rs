//! Finding and loading the CUDA libraries of ONNX Runtime's CUDA provider, with libraries that only bear their names.
//!
//! What a process has loaded stays loaded, so each case runs in a process of its own: this test program again, with
//! [`fake::SCENARIO`] set.
#![cfg(all(feature = "cuda", target_os = "linux"))]
#![allow(unsafe_code)]

mod c;
#[path = "cuda/fake.rs"]
mod fake;

use fake::{MARK, SCENARIO, child as play};
use groma::device::cuda::libraries::{Need, Place, Places, look, preload};
use std::path::{Path, PathBuf};
use std::process::Command;

/// The libraries of CUDA 12 and the folders of their Python packages.
const TWELVE: [(&str, &str); 7] = [
    ("libcudart.so.12", "cuda_runtime"),
    ("libnvrtc.so.12", "cuda_nvrtc"),
    ("libcublasLt.so.12", "cublas"),
    ("libcublas.so.12", "cublas"),
    ("libcurand.so.10", "curand"),
    ("libcufft.so.11", "cufft"),
    ("libcudnn.so.9", "cudnn"),
];

/// The child's part: not a test of its own.
#[test]
fn child() {
    let folders = |variable: &str| -> Vec<PathBuf> {
        std::env::var_os(variable).map(|value| std::env::split_paths(&value).collect()).unwrap_or_default()
    };
    let places = || Places {
        named: folders("NAMED"),
        runtime: std::env::var_os("RUNTIME").unwrap().into(),
        packages: folders("PACKAGES"),
        loaded: folders("LOADED"),
    };
    match std::env::var(SCENARIO).as_deref() {
        Ok("look") => match look(&places()) {
            Ok(found) => {
                println!("{MARK}{} {}", found.cuda, found.provider.display());
                for library in &found.libraries {
                    let path = library.path.as_ref().map_or("-".into(), |path| path.display().to_string());
                    println!("{MARK}{} {:?} {path}", library.name, library.place);
                }
                println!("{MARK}{}", found.complete().map_or_else(|e| e.to_string(), |()| "complete".into()));
            }
            Err(error) => println!("{MARK}{} {error}", error.code()),
        },
        Ok("preload") => {
            let found = look(&places()).unwrap();
            // SAFETY: the library is a fake of this test, or refused.
            let provider = || unsafe { libloading::Library::new(&found.provider) };
            println!("{MARK}before: {}", provider().is_ok());
            match preload(&found).and_then(|()| preload(&found)) {
                Ok(()) => println!("{MARK}after: {}", provider().is_ok()),
                Err(error) => println!("{MARK}{} {error}", error.code()),
            }
        }
        _ => {}
    }
}

/// Compiles a library `name` that needs others. At its loading it says so, in the file that `FAKE_LOADED` names.
fn library(folder: &Path, name: &str, needs: &[&Path]) -> Option<PathBuf> {
    std::fs::create_dir_all(folder).unwrap();
    let source = folder.join(format!("{name}.c"));
    let word = name.replace(['.', '-'], "_");
    // Each looks something up in what was loaded before, as cuDNN does.
    let text = format!(
        "#include <stdio.h>\n#include <stdlib.h>\nint mark_{word}(void) {{ return 1; }}\n\
         __attribute__((constructor)) static void loaded(void) {{\n    const char *path = getenv(\"FAKE_LOADED\");\n    \
         FILE *file = path != NULL ? fopen(path, \"a\") : NULL;\n    if (file == NULL) return;\n    \
         fputs(\"{name}\\n\", file);\n    fclose(file);\n}}\n"
    );
    std::fs::write(&source, text).unwrap();
    let path = folder.join(name);
    let mut compiler = c::bare_compiler("c11")?;
    compiler.args(["-shared", "-fPIC", &format!("-Wl,-soname,{name}"), "-Wl,--no-as-needed", "-o"]).arg(&path);
    compiler.arg(&source).args(["-x", "none"]).args(needs);
    c::succeed(&mut compiler);
    std::fs::remove_file(source).unwrap();
    Some(path)
}

/// A folder with a runtime and its provider for CUDA 12 in `onnxruntime/capi`, and all libraries as Python packages.
fn environment(name: &str) -> Option<(PathBuf, PathBuf)> {
    let packages = c::folder(name);
    let mut made: Vec<PathBuf> = Vec::new();
    for (name, part) in TWELVE {
        // Each needs the runtime library.
        let needs: Vec<&Path> = made.first().map(PathBuf::as_path).into_iter().collect();
        made.push(library(&packages.join("nvidia").join(part).join("lib"), name, &needs)?);
    }
    let capi = packages.join("onnxruntime/capi");
    let needs: Vec<&Path> = [2, 3, 4, 5, 0, 6].iter().map(|i| made[*i].as_path()).collect();
    library(&capi, "libonnxruntime_providers_cuda.so", &needs)?;
    let runtime = capi.join("libonnxruntime.so.1.26.0");
    std::fs::write(&runtime, "").unwrap();
    Some((packages, runtime))
}

/// Where each library was found, of what the child said.
fn places(said: &[String]) -> Vec<&str> {
    said[1..said.len() - 1].iter().map(|line| line.split(' ').nth(1).unwrap()).collect()
}

#[test]
fn python_packages_are_found_and_loaded_in_order() {
    let Some((packages, runtime)) = environment("cuda-libraries-python") else { return };
    let (packages, runtime) = (packages.to_str().unwrap(), runtime.to_str().unwrap());
    let empty = c::folder("cuda-libraries-nowhere");
    let said = play(&empty, "look", &[("RUNTIME", runtime), ("PACKAGES", packages)]);
    assert_eq!(said[0], format!("12 {packages}/onnxruntime/capi/libonnxruntime_providers_cuda.so"));
    for (line, (name, part)) in said[1..].iter().zip(TWELVE) {
        assert_eq!(*line, format!("{name} Some(Python) {packages}/nvidia/{part}/lib/{name}"));
    }
    assert_eq!(said.last().unwrap(), "complete");

    let loaded = empty.join("loaded");
    let variables = [("RUNTIME", runtime), ("PACKAGES", packages), ("FAKE_LOADED", loaded.to_str().unwrap())];
    assert_eq!(play(&empty, "preload", &variables), ["before: false", "after: true"]);
    let order = std::fs::read_to_string(loaded).unwrap();
    let mut expected: Vec<&str> = TWELVE.iter().map(|(name, _)| *name).collect();
    expected.push("libonnxruntime_providers_cuda.so");
    assert_eq!(order.lines().collect::<Vec<_>>(), expected, "each once");
}

#[test]
fn the_first_place_wins() {
    let Some((packages, runtime)) = environment("cuda-libraries-places") else { return };
    let other = |name: &str, library: &str| {
        let folder = packages.join(name);
        std::fs::create_dir_all(&folder).unwrap();
        std::fs::write(folder.join(library), "").unwrap();
        folder.to_str().unwrap().to_string()
    };
    let named = other("named", "libcudnn.so.9");
    let variable = other("variable", "libcudnn.so.9");
    other("variable", "libcufft.so.11");
    other("onnxruntime/capi", "libcurand.so.10");
    let system = PathBuf::from(other("system", "libnvrtc.so.12"));
    std::fs::remove_dir_all(packages.join("nvidia/cuda_nvrtc")).unwrap();
    let variable = format!(":{variable}");
    let variables = [
        ("RUNTIME", runtime.to_str().unwrap()),
        ("PACKAGES", packages.to_str().unwrap()),
        ("NAMED", &named),
        ("GROMA_CUDA_LIBRARIES", &variable),
        ("LOADED", "/somewhere/libcublas.so.12:/somewhere/libc.so.6"),
    ];
    let said = play(&system, "look", &variables);
    let expected = [
        "Some(Python)",
        "Some(System)",
        "Some(Python)",
        "Some(Loaded)",
        "Some(BesideRuntime)",
        "Some(Environment)",
        "Some(Caller)",
    ];
    assert_eq!(places(&said), expected, "{said:#?}");

    let gone = packages.join("gone");
    let said = play(
        &system,
        "look",
        &[("RUNTIME", runtime.to_str().unwrap()), ("GROMA_CUDA_LIBRARIES", gone.to_str().unwrap())],
    );
    assert_eq!(
        said,
        [format!(
            "201 {}: no such file or folder; GROMA_CUDA_LIBRARIES names it as a folder of CUDA libraries",
            gone.display()
        )]
    );
}

#[test]
fn what_is_missing_has_a_package() {
    let Some((packages, runtime)) = environment("cuda-libraries-missing") else { return };
    let empty = c::folder("cuda-libraries-empty");
    let variables = [("RUNTIME", runtime.to_str().unwrap()), ("PACKAGES", packages.to_str().unwrap())];
    let last = || play(&empty, "look", &variables).pop().unwrap();
    std::fs::remove_dir_all(packages.join("nvidia/cuda_nvrtc")).unwrap();
    assert_eq!(last(), "complete", "not every network needs it");
    std::fs::remove_dir_all(packages.join("nvidia/cudnn")).unwrap();
    assert_eq!(
        last(),
        "device `cuda` cannot be used: libcudnn.so.9 was not found, which the CUDA 12 provider of ONNX Runtime needs; `pip \
         install nvidia-cudnn-cu12`, or `apt install libcudnn9-cuda-12` from NVIDIA's repository, or name its folder in \
         GROMA_CUDA_LIBRARIES"
    );
    std::fs::remove_dir_all(packages.join("nvidia/cublas")).unwrap();
    let said = last();
    assert!(said.contains("libcublasLt.so.12 was not found (nor were libcublas.so.12, libcudnn.so.9)"), "{said}");
    assert!(said.contains("`pip install nvidia-cublas-cu12 nvidia-cudnn-cu12`"), "each package once: {said}");
    let said = play(&empty, "preload", &variables);
    assert!(said[1].starts_with("400 ") && said[1].contains("libcublasLt.so.12 was not found"), "{said:?}");
}

#[test]
fn thirteen_and_what_it_needs_later() {
    // As the provider of ONNX Runtime 1.31: it does not name cuDNN and cuFFT, which it opens when it starts.
    let packages = c::folder("cuda-libraries-thirteen");
    let lib = packages.join("nvidia/cu13/lib");
    let names =
        ["libcublasLt.so.13", "libcublas.so.13", "libcurand.so.10", "libcudart.so.13", "libcuda.so.1", "libcunew.so.7"];
    let mut made = Vec::new();
    for name in names {
        let Some(path) = library(&lib, name, &[]) else { return };
        made.push(path);
    }
    let needs: Vec<&Path> = made.iter().map(PathBuf::as_path).collect();
    library(&packages, "libonnxruntime_providers_cuda.so", &needs).unwrap();
    let runtime = packages.join("libonnxruntime.so");
    let places = Places { runtime, packages: vec![packages.clone()], ..Places::default() };
    let found = look(&places).unwrap();
    assert_eq!(found.cuda, 13);
    let all: Vec<(&str, Need, Option<Place>)> =
        found.libraries.iter().map(|one| (one.name.as_str(), one.need, one.place)).collect();
    let python = Some(Place::Python);
    assert_eq!(
        all[..7],
        [
            ("libcudart.so.13", Need::Always, python),
            ("libnvrtc.so.13", Need::Sometimes, None),
            ("libcublasLt.so.13", Need::Always, python),
            ("libcublas.so.13", Need::Always, python),
            ("libcurand.so.10", Need::Always, python),
            ("libcufft.so.12", Need::Always, None),
            ("libcudnn.so.9", Need::Always, None),
        ]
    );
    assert_eq!(
        all[7..],
        [("libcunew.so.7", Need::Always, python)],
        "what the table does not know; the driver is not looked for"
    );
    let error = found.complete().unwrap_err().to_string();
    assert!(
        error.contains("libcufft.so.12") && error.contains("`pip install nvidia-cufft nvidia-cudnn-cu13`"),
        "{error}"
    );

    std::fs::remove_file(&made[5]).unwrap();
    for name in ["libcufft.so.12", "libcudnn.so.9"] {
        library(&lib, name, &[]).unwrap();
    }
    let error = look(&places).unwrap().complete().unwrap_err().to_string();
    assert!(error.contains("libcunew.so.7 was not found") && !error.contains("pip install"), "{error}");
}

#[test]
fn a_runtime_without_a_sound_provider_is_an_error() {
    let folder = c::folder("cuda-libraries-cpu");
    let runtime = folder.join("libonnxruntime.so.1.31.1");
    let look = || look(&Places { runtime: runtime.clone(), ..Places::default() }).unwrap_err();
    let error = look();
    assert_eq!(error.code(), 400);
    assert!(
        error.to_string().contains("is built for the CPU only (no libonnxruntime_providers_cuda.so beside it)"),
        "{error}"
    );
    let provider = folder.join("libonnxruntime_providers_cuda.so");
    std::fs::write(&provider, "version https://git-lfs.github.com/spec/v1, and so on, for more than a header has")
        .unwrap();
    let error = look();
    assert_eq!(error.code(), 202, "{error}");
    assert!(error.to_string().contains("it is no ELF file"), "{error}");
    let Some(_) = library(&folder, "libonnxruntime_providers_cuda.so", &[]) else { return };
    assert!(look().to_string().contains("it needs no library of CUDA"));
    let future = library(&folder, "libcudart.so.99", &[]).unwrap();
    library(&folder, "libonnxruntime_providers_cuda.so", &[&future]).unwrap();
    let error = look();
    assert!(error.code() == 400 && error.to_string().contains("is built for CUDA 99"), "{error}");
}

#[test]
fn a_library_that_does_not_load_is_an_error() {
    let Some((packages, runtime)) = environment("cuda-libraries-broken") else { return };
    let empty = c::folder("cuda-libraries-broken-system");
    std::fs::write(packages.join("nvidia/cufft/lib/libcufft.so.11"), "no library").unwrap();
    let variables = [("RUNTIME", runtime.to_str().unwrap()), ("PACKAGES", packages.to_str().unwrap())];
    let said = play(&empty, "preload", &variables);
    assert!(
        said[1].starts_with("400 device `cuda` cannot be used: ")
            && said[1].contains("libcufft.so.11 cannot be loaded"),
        "{said:?}"
    );
    assert!(
        said[1].contains("file too short") || said[1].contains("invalid ELF header"),
        "the loader's reason: {said:?}"
    );
}

/// The doctor tells of the runtime in use: one for the CPU, and the same one with a provider beside it.
#[test]
#[cfg(feature = "cli")]
fn the_doctor_tells_what_is_missing() {
    let Some(runtime) = c::runtime() else { return };
    let empty = c::folder("cuda-libraries-doctor");
    let doctor = |runtime: &Path, arguments: &[&str]| {
        let mut command = Command::new(env!("CARGO_BIN_EXE_groma"));
        command.arg("doctor").args(arguments).arg("--onnxruntime").arg(runtime);
        let output = fake::on(&empty, command, &[]).output().unwrap();
        String::from_utf8(output.stdout).unwrap()
    };
    let Some((packages, empty_runtime)) = environment("cuda-libraries-doctor-packages") else { return };
    std::fs::remove_dir_all(packages.join("nvidia/cufft")).unwrap();
    let alone = packages.join("alone/libonnxruntime.so.1.31.1");
    std::fs::create_dir_all(alone.parent().unwrap()).unwrap();
    std::fs::copy(&runtime, &alone).unwrap();
    let report: serde_json::Value = serde_json::from_str(&doctor(&alone, &["--json"])).unwrap();
    let libraries = &report["cuda"]["libraries"];
    assert!(libraries["error"].as_str().unwrap().contains("is built for the CPU only"), "{libraries}");

    std::fs::copy(&runtime, &empty_runtime).unwrap();
    let report: serde_json::Value = serde_json::from_str(&doctor(&empty_runtime, &["--json"])).unwrap();
    let libraries = &report["cuda"]["libraries"];
    assert_eq!(libraries["cuda"], 12);
    assert_eq!(libraries["libraries"][6]["place"], "python");
    assert!(libraries["error"].as_str().unwrap().contains("libcufft.so.11 was not found"), "{libraries}");
    let text = doctor(&empty_runtime, &[]);
    for said in [
        "ONNX Runtime's provider for CUDA 12",
        "libcufft.so.11: not found",
        "nvidia/cudnn/lib/libcudnn.so.9",
        "not usable: device `cuda`",
    ] {
        assert!(text.contains(said), "{said} is not in\n{text}");
    }
}
