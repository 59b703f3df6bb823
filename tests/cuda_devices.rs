//! What Groma knows of the GPUs of a machine, on machines that a fake driver pretends (tests/cuda/fake_driver.c).
//!
//! A process has one driver for good, so each case runs in a process of its own: the command line, or this test program
//! again with [`fake::SCENARIO`] set.
#![cfg(all(feature = "cuda", feature = "cli", target_os = "linux"))]
#![allow(unsafe_code)]

mod c;
#[path = "cuda/fake.rs"]
mod fake;

use fake::{MARK, SCENARIO, child as play, driver, machine, on};
use groma::device::cuda::{context::Context, driver as cuda, gpus::Gpus};
use groma::device::{self, Device};
use serde_json::Value;
use std::ffi::{CStr, c_void};
use std::path::Path;
use std::process::Command;

/// The child's part: not a test of its own.
#[test]
fn child() {
    match std::env::var(SCENARIO).as_deref() {
        Ok("resolve") => {
            for name in std::env::var("ASKED").unwrap().split(' ') {
                match device::resolve(Some(name)) {
                    Ok(Device { id, .. }) => println!("{MARK}{id}"),
                    Err(error) => println!("{MARK}{} {error}", error.code()),
                }
            }
        }
        Ok("fits") => {
            let gpus = Gpus::look().unwrap();
            let fits = |mib: u64, index| gpus.fits(mib << 20, index).map_err(|error| error.code());
            println!("{MARK}{:?} {:?} {:?} {:?}", fits(300, 0), fits(301, 0), fits(1, 1), fits(1, 9));
        }
        Ok("results") => {
            let driver = cuda::driver().unwrap();
            for result in [0, 1, 2, 46, 201, 214, 700, 719, 999] {
                match driver.check(result, "cuda:1", "it does not run") {
                    Ok(()) => println!("{MARK}0"),
                    Err(error) => println!("{MARK}{} {error}", error.code()),
                }
            }
        }
        Ok("current") => current(),
        Ok("fork") => {
            let context = Context::new(0).unwrap();
            // SAFETY: the child asks, drops what it inherited, and leaves without unwinding.
            match unsafe { libc::fork() } {
                0 => {
                    let refused = [cuda::driver().err(), Context::new(0).err(), context.enter().err()];
                    let all = refused.iter().all(|e| e.as_ref().is_some_and(|e| e.to_string().contains("was forked")));
                    drop((refused, context));
                    // SAFETY: ends the child without running the parent's exit handlers.
                    unsafe { libc::_exit(if all { 42 } else { 1 }) }
                }
                process => {
                    let mut status = 0;
                    // SAFETY: waits for the child made above.
                    unsafe { libc::waitpid(process, &mut status, 0) };
                    println!("{MARK}{}", libc::WEXITSTATUS(status));
                }
            }
        }
        Ok("capi") => capi(),
        _ => {}
    }
}

/// Whatever is asked, the context that the host has made current stays.
fn current() {
    // SAFETY: the types are those of the fake driver, and of the real one.
    unsafe {
        let library = libloading::Library::new("libcuda.so.1").unwrap();
        let get = library.get::<unsafe extern "C" fn(*mut *mut c_void) -> u32>(b"cuCtxGetCurrent\0").unwrap();
        let push = library.get::<unsafe extern "C" fn(*mut c_void) -> u32>(b"cuCtxPushCurrent_v2\0").unwrap();
        let current = || {
            let mut context = std::ptr::null_mut();
            assert_eq!(get(&mut context), 0);
            context
        };
        let ask_everything = || {
            let before = current();
            assert_eq!(device::report().devices.len(), 4);
            assert_eq!(current(), before, "after the report");
            device::resolve(Some("cuda:0")).unwrap();
            device::resolve(Some("cuda")).unwrap();
            assert_eq!(current(), before, "after asking for a GPU");
            let (one, two) = (Context::new(0).unwrap(), Context::new(2).unwrap());
            assert_eq!(one.memory().unwrap().free_bytes, 512 << 20);
            assert_eq!(current(), before, "after asking for memory");
            let outer = one.enter().unwrap();
            assert_eq!(current(), one.raw().cast());
            let inner = two.enter().unwrap();
            assert_eq!(current(), two.raw().cast());
            drop(inner);
            assert_eq!(current(), one.raw().cast());
            drop(outer);
            assert_eq!(current(), before, "after use");
            drop((one, two));
            assert_eq!(current(), before, "after release");
        };
        ask_everything();
        assert!(current().is_null(), "nothing was current before");
        let host = Context::new(1).unwrap();
        assert_eq!(push(host.raw().cast()), 0);
        ask_everything();
        assert_eq!(current(), host.raw().cast());
        println!("{MARK}same");
    }
}

/// The devices as a C program sees them.
fn capi() {
    use groma::capi::devices::*;
    // SAFETY: as the header says: a place for a handle, which is destroyed once.
    unsafe {
        let mut devices = std::ptr::null_mut();
        assert_eq!(groma_devices_list(&mut devices, std::ptr::null_mut()), 0);
        for index in 0..groma_devices_count(devices) {
            let text = |text: *const std::ffi::c_char| CStr::from_ptr(text).to_str().unwrap();
            let total = groma_devices_memory_total_bytes(devices, index) >> 20;
            let free = groma_devices_memory_free_bytes(devices, index) >> 20;
            let name = text(groma_devices_name(devices, index));
            if name != "cpu" {
                println!("{MARK}{name} {} {free} {total}", text(groma_devices_description(devices, index)));
            }
        }
        let json = CStr::from_ptr(groma_devices_json(devices)).to_str().unwrap();
        println!("{MARK}{}", serde_json::from_str::<Value>(json).unwrap());
        groma_devices_destroy(devices);
    }
}

/// What the doctor says for machines, on one with this driver.
fn doctor(folder: &Path, variables: &[(&str, &str)]) -> Value {
    let mut command = Command::new(env!("CARGO_BIN_EXE_groma"));
    command.args(["doctor", "--json"]);
    let output = on(folder, command, variables).output().unwrap();
    let (out, err) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert!(output.status.code().is_some_and(|code| code == 0 || code == 30), "{}\n{out}{err}", output.status);
    assert!(!err.contains("panicked"), "{err}");
    serde_json::from_str(&out).unwrap_or_else(|e| panic!("{e}: {out}"))
}

/// The devices besides the CPU: their names, and why they do not serve.
fn gpus(report: &Value) -> Vec<(&str, Option<&str>)> {
    let devices = report["devices"].as_array().unwrap();
    assert_eq!(devices[0]["id"], "cpu");
    for device in devices {
        assert_eq!(device["usable"], device["reason"].is_null(), "{device}");
    }
    devices[1..].iter().map(|device| (device["id"].as_str().unwrap(), device["reason"].as_str())).collect()
}

/// The one reason for which there are no GPUs at all.
fn no_gpu(folder: &Path, variables: &[(&str, &str)]) -> String {
    let report = doctor(folder, variables);
    let gpus = gpus(&report);
    let [("cuda", Some(reason))] = gpus.as_slice() else { panic!("{gpus:?}") };
    assert_eq!(report["cuda"]["driver_error"], *reason);
    assert!(report["cuda"]["driver"].is_null(), "{report}");
    reason.to_string()
}

#[test]
fn every_gpu_is_told_of() {
    let Some(folder) = machine("cuda-every") else { return };
    let report =
        doctor(&folder, &[("FAKE_CUDA_FREE_1", "700"), ("FAKE_CUDA_TOTAL_1", "2048"), ("FAKE_NVML_LOAD_2", "-3")]);
    assert_eq!(gpus(&report), [("cuda:0", None), ("cuda:1", None), ("cuda:2", None)]);
    let gpu = &report["devices"][2]["gpu"];
    let expected = serde_json::json!({
        "index": 1,
        "name": "Fake 1",
        "uuid": "GPU-abababab-abab-abab-abab-ababababab01",
        "pci": "0000:3b:00.0",
        "memory": {"total_bytes": 2048_u64 << 20, "free_bytes": 700 << 20},
        "capability": "9.0",
        "multiprocessors": 101,
        "load_percent": 10,
        "reason": null,
    });
    assert_eq!(*gpu, expected);
    assert!(report["devices"][3]["gpu"]["load_percent"].is_null(), "it is not told");
    assert_eq!(report["least_loaded"], "cuda:0", "by its load, and not by its memory");
    let cuda = &report["cuda"];
    assert_eq!(
        (&cuda["built"], &cuda["driver"], &cuda["release"]),
        (&true.into(), &"12.4".into(), &"550.54.14".into())
    );
    assert!(cuda["driver_error"].is_null() && cuda["nvml_error"].is_null(), "{cuda}");

    let output = on(
        &folder,
        {
            let mut c = Command::new(env!("CARGO_BIN_EXE_groma"));
            c.arg("doctor");
            c
        },
        &[],
    )
    .output();
    let text = String::from_utf8(output.unwrap().stdout).unwrap();
    for said in [
        "cuda:1 (Fake 1): usable",
        "0.5 of 1.0 GiB free, 10 % at work, capability 9.0",
        "for CUDA 12.4, release 550.54.14",
    ] {
        assert!(text.contains(said), "{said} is not in\n{text}");
    }
}

#[test]
fn the_doctor_says_what_fits() {
    let Some(folder) = machine("cuda-fits") else { return };
    let ask = |size: &str, json: &[&str]| {
        let mut command = Command::new(env!("CARGO_BIN_EXE_groma"));
        command.args(["doctor", "--fits", size]).args(json);
        let memory = [("FAKE_CUDA_FREE_1", "700"), ("FAKE_CUDA_TOTAL_1", "2048"), ("FAKE_CUDA_FREE_2", "100")];
        String::from_utf8(on(&folder, command, &memory).output().unwrap().stdout).unwrap()
    };
    let report: Value = serde_json::from_str(&ask("650MiB", &["--json"])).unwrap();
    assert_eq!(report["fits"]["bytes"], 650 << 20);
    let fit: Vec<&str> = report["fits"]["devices"].as_array().unwrap().iter().filter_map(Value::as_str).collect();
    assert!(fit.contains(&"cuda:1") && !fit.contains(&"cuda:2"), "{fit:?}");
    let text = ask("650MiB", &[]);
    assert!(text.contains("0.6 GiB are free on cuda:1") && text.contains("0.6 GiB are not free on cuda:2"), "{text}");
}

#[test]
fn without_the_management_library_the_load_is_unknown() {
    let folder = c::folder("cuda-bare");
    if driver(&folder, &[]).is_none() {
        return;
    }
    let report = doctor(&folder, &[]);
    assert_eq!(gpus(&report).len(), 3);
    assert!(report["devices"][1]["gpu"]["load_percent"].is_null());
    assert!(report["cuda"]["nvml_error"].as_str().unwrap().contains("no libnvidia-ml.so.1 was found"), "{report}");

    let Some(folder) = machine("cuda-nvml-down") else { return };
    let report = doctor(&folder, &[("FAKE_NVML_INIT", "9")]);
    assert!(gpus(&report).iter().all(|(_, reason)| reason.is_none()));
    assert!(report["cuda"]["nvml_error"].as_str().unwrap().contains("Driver Not Loaded"), "{report}");
}

#[test]
fn a_driver_that_is_missing_or_does_not_start_is_an_answer() {
    let empty = c::folder("cuda-none");
    if Command::new("sh").args(["-c", "ldconfig -p | grep -q libcuda.so"]).status().is_ok_and(|status| status.success())
    {
        eprintln!("SKIPPED: the case without a driver: this machine has one");
    } else {
        let reason = no_gpu(&empty, &[]);
        assert!(reason.contains("no NVIDIA driver was found (no libcuda.so.1 in "), "{reason}");
        let said = play(&empty, "resolve", &[("ASKED", "cuda cuda:1 cpu auto")]);
        assert!(said[0].starts_with("400 device `cuda` cannot be used: no NVIDIA driver"), "{said:?}");
        assert!(said[1].starts_with("400 device `cuda:1` cannot be used: no NVIDIA driver"), "{said:?}");
        assert_eq!(said[2..], ["cpu", "cpu"]);
    }

    let Some(folder) = machine("cuda-broken") else { return };
    for (result, words) in [
        ("100", "no CUDA-capable device is detected (CUDA_ERROR_NO_DEVICE); no NVIDIA GPU is visible"),
        ("803", "(CUDA_ERROR_SYSTEM_DRIVER_MISMATCH); the driver's library and the kernel's module are of different"),
        ("34", "(CUDA_ERROR_STUB_LIBRARY); this is the toolkit's stub of the driver"),
        ("4711", "the NVIDIA driver does not start: error 4711"),
    ] {
        let reason = no_gpu(&folder, &[("FAKE_CUDA_INIT", result)]);
        assert!(reason.contains(words), "{reason}");
    }
    let reason = no_gpu(&folder, &[("FAKE_CUDA_INIT", "100"), ("CUDA_VISIBLE_DEVICES", "7")]);
    assert!(reason.contains("CUDA_VISIBLE_DEVICES is `7`, which may hide them"), "{reason}");
    let reason = no_gpu(&folder, &[("FAKE_CUDA_VERSION", "11080")]);
    assert!(reason.contains("knows CUDA 11.8 only, 12.0 or newer is needed; update it"), "{reason}");

    let report = doctor(&folder, &[("FAKE_CUDA_GPUS", "0")]);
    assert_eq!(gpus(&report), [("cuda", Some("no GPU is visible to this process"))]);

    let old = c::folder("cuda-old");
    driver(&old, &["-DTOO_OLD"]).unwrap();
    let reason = no_gpu(&old, &[]);
    assert!(reason.contains("too old, it has no cuDeviceGetUuid_v2; update it"), "{reason}");
}

#[test]
fn a_gpu_that_does_not_serve_says_why() {
    let Some(folder) = machine("cuda-reasons") else { return };
    let log = folder.join("log");
    let report = doctor(
        &folder,
        &[
            ("FAKE_CUDA_GPUS", "7"),
            ("FAKE_CUDA_CAPABILITY_0", "70"),
            ("FAKE_CUDA_CAPABILITY_1", "75"),
            ("FAKE_CUDA_MODE_2", "2"),
            ("FAKE_CUDA_RETAIN_3", "46"),
            ("FAKE_NVML_LOST_4", "15"),
            ("FAKE_NVML_LOAD_5", "-16"),
            ("FAKE_CUDA_RETAIN_6", "214"),
            ("FAKE_CUDA_LOG", log.to_str().unwrap()),
        ],
    );
    let gpus = gpus(&report);
    let words = [
        Some("its compute capability is 7.0, 7.5 or newer is needed"),
        None,
        Some("its compute mode is `prohibited`"),
        Some("another process has taken it (exclusive compute mode)"),
        Some("GPU is lost; it has fallen off the bus"),
        Some("GPU requires reset; reset it"),
        Some("it is broken: its context cannot be made: uncorrectable ECC error encountered"),
    ];
    assert_eq!(gpus.len(), words.len());
    for ((id, reason), words) in gpus.iter().zip(words) {
        match words {
            Some(words) => assert!(reason.is_some_and(|reason| reason.contains(words)), "{id}: {reason:?}"),
            None => assert_eq!(*reason, None, "{id}"),
        }
    }
    // Nobody waits for the context of a GPU that is known to be lost, and every context is given back.
    let log = std::fs::read_to_string(log).unwrap();
    let count = |line: &str| log.lines().filter(|said| *said == line).count();
    let gpu = |words: &str| [0, 1, 2, 3, 4, 5, 6].map(|gpu| count(&format!("{words} {gpu}")));
    assert_eq!(gpu("retain"), [0, 1, 0, 0, 0, 0, 0], "{log}");
    assert_eq!(gpu("refuse"), [0, 0, 0, 1, 0, 0, 1], "{log}");
    for other in ["release", "push", "pop"] {
        assert_eq!(gpu(other), gpu("retain"), "{log}");
    }
}

#[test]
fn a_gpu_is_given_or_refused() {
    let Some(folder) = machine("cuda-resolve") else { return };
    let resolve =
        |asked: &str, variables: &[(&str, &str)]| play(&folder, "resolve", &[&[("ASKED", asked)], variables].concat());
    let busy = [("FAKE_NVML_LOAD_0", "80"), ("FAKE_NVML_LOAD_1", "5"), ("FAKE_NVML_LOAD_2", "5")];
    assert_eq!(resolve("cuda cuda:0 cuda:2", &busy), ["cuda:1", "cuda:0", "cuda:2"]);
    assert_eq!(resolve("cuda", &[&busy[..], &[("FAKE_CUDA_FREE_2", "600")]].concat()), ["cuda:2"]);
    assert_eq!(resolve("cuda", &[&busy[..], &[("FAKE_CUDA_MODE_1", "2")]].concat()), ["cuda:2"]);
    let said = resolve("cuda:3 cuda:1", &[("FAKE_CUDA_CAPABILITY_1", "61")]);
    assert_eq!(said[0], "400 device `cuda:3` cannot be used: there are 3 GPUs, `cuda:0` to `cuda:2`");
    assert_eq!(said[1], "400 device `cuda:1` cannot be used: its compute capability is 6.1, 7.5 or newer is needed");
    let said = resolve("cuda", &[("FAKE_CUDA_GPUS", "1"), ("FAKE_CUDA_RETAIN_0", "2")]);
    assert!(
        said[0].starts_with("400 device `cuda` cannot be used: cuda:0 (Fake 0): it has no memory left"),
        "{said:?}"
    );

    let said = play(&folder, "fits", &[("FAKE_CUDA_FREE_0", "300"), ("FAKE_CUDA_MODE_1", "2")]);
    assert_eq!(said, ["Ok(true) Ok(false) Err(400) Err(400)"]);
}

#[test]
fn parts_of_a_gpu_bear_their_own_identifier() {
    let Some(folder) = machine("cuda-mig") else { return };
    let report = doctor(&folder, &[("FAKE_NVML_MIG", "1"), ("FAKE_NVML_LOAD_0", "-3")]);
    assert_eq!(report["devices"][1]["gpu"]["uuid"], "MIG-abababab-abab-abab-abab-ababababab00");
    assert!(report["devices"][1]["gpu"]["load_percent"].is_null());
}

#[test]
fn what_is_current_stays_current() {
    let Some(folder) = machine("cuda-current") else { return };
    let log = folder.join("log");
    assert_eq!(play(&folder, "current", &[("FAKE_CUDA_LOG", log.to_str().unwrap())]), ["same"]);
    let log = std::fs::read_to_string(log).unwrap();
    let count = |word: &str| log.lines().filter(|line| line.starts_with(word)).count();
    assert_eq!(count("push"), count("pop") + 1, "the host's own is never popped\n{log}");
    assert_eq!(count("retain"), count("release"), "{log}");
}

#[test]
fn results_of_the_driver_have_codes() {
    let Some(folder) = machine("cuda-results") else { return };
    let said = play(&folder, "results", &[]);
    let codes: Vec<&str> = said.iter().map(|line| line.split(' ').next().unwrap()).collect();
    assert_eq!(codes, ["0", "900", "401", "400", "900", "402", "402", "402", "400"]);
    assert!(
        said[2].contains("device `cuda:1` is out of memory: it does not run: out of memory (CUDA_ERROR_OUT"),
        "{}",
        said[2]
    );
    assert!(said[8].contains("it does not run: error 999"), "a number that the driver does not know: {}", said[8]);
}

#[test]
fn a_forked_process_is_told_so() {
    let Some(folder) = machine("cuda-fork") else { return };
    let log = folder.join("log");
    assert_eq!(play(&folder, "fork", &[("FAKE_CUDA_LOG", log.to_str().unwrap())]), ["42"]);
    let log = std::fs::read_to_string(log).unwrap();
    assert_eq!(log.matches("release").count(), 1, "the parent's context is released by the parent\n{log}");
}

#[test]
fn c_programs_see_the_same() {
    let Some(folder) = machine("cuda-capi") else { return };
    let said = play(&folder, "capi", &[("FAKE_CUDA_CAPABILITY_0", "60"), ("FAKE_CUDA_FREE_2", "77")]);
    assert_eq!(said[..2], ["cuda:1 Fake 1 512 1024", "cuda:2 Fake 2 77 1024"]);
    let json: Value = serde_json::from_str(&said[2]).unwrap();
    assert_eq!(
        json["devices"],
        doctor(&folder, &[("FAKE_CUDA_CAPABILITY_0", "60"), ("FAKE_CUDA_FREE_2", "77")])["devices"]
    );
    assert_eq!(json["cuda"]["driver"], "12.4");
}
