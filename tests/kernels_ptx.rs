//! What is committed of the GPU kernels is what their sources say, and assembles within the registers that they state.

#![cfg(feature = "cuda")]

use serde_json::Value;
use sha2::{Digest, Sha256};
use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::process::Command;

/// What is compiled for, and the GPUs that load it: their own generation and, of the last, a later one.
const ARCHITECTURES: [(&str, &[&str]); 3] =
    [("compute_75", &["sm_75"]), ("compute_80", &["sm_80"]), ("compute_90", &["sm_90", "sm_120"])];

/// How a kernel states its registers, in the line above it.
const LIMIT: &str = "// registers: at most ";

const REMEDY: &str = "run `cargo xtask ptx`";

#[test]
fn every_kernel_is_compiled_and_nothing_else_lies_there() {
    let kernels = named(&kernels(), ".cu");
    assert!(kernels.len() >= 3, "the kernels were not found");
    let mut expected = BTreeSet::from(["manifest.json".to_string()]);
    for kernel in &kernels {
        expected.extend(ARCHITECTURES.iter().map(|(architecture, _)| format!("{kernel}.{architecture}.ptx")));
    }
    let found: BTreeSet<String> = files(&ptx()).into_iter().collect();
    let missing: Vec<_> = expected.difference(&found).collect();
    let superfluous: Vec<_> = found.difference(&expected).collect();
    assert!(missing.is_empty() && superfluous.is_empty(), "missing {missing:?}, superfluous {superfluous:?}; {REMEDY}");
    let manifest = manifest();
    let listed: Vec<&String> = manifest["kernels"].as_object().unwrap().keys().collect();
    assert_eq!(listed, kernels.iter().collect::<Vec<_>>(), "manifest.json; {REMEDY}");
    assert_eq!(manifest["architectures"], serde_json::json!(ARCHITECTURES.map(|(name, _)| name)), "{REMEDY}");
}

#[test]
fn sources_and_outputs_have_the_digests_of_the_manifest() {
    let manifest = manifest();
    for kernel in named(&kernels(), ".cu") {
        let entry = &manifest["kernels"][&kernel];
        let sources: BTreeMap<String, String> = serde_json::from_value(entry["sources"].clone()).unwrap();
        let mut now = BTreeMap::new();
        note_sources(&format!("{kernel}.cu"), &mut now);
        assert_eq!(sources, now, "kernels/{kernel}.cu, or what it includes, is newer than its PTX; {REMEDY}");
        for (architecture, _) in ARCHITECTURES {
            let text = read(&ptx().join(format!("{kernel}.{architecture}.ptx")));
            assert_eq!(entry["ptx"][architecture], digest(&text), "{kernel} for {architecture} was changed; {REMEDY}");
            let target = format!(".target {}", architecture.replace("compute", "sm"));
            assert!(text.lines().any(|line| line == target), "{kernel} for {architecture} is for another; {REMEDY}");
            assert!(text.lines().any(|line| line == ".version 8.0"), "drivers from 525 on load PTX 8.0; {REMEDY}");
        }
    }
}

#[test]
fn options_keep_the_bits_of_the_cpu() {
    let manifest = manifest();
    let options: Vec<&str> = manifest["options"].as_array().unwrap().iter().map(|o| o.as_str().unwrap()).collect();
    for option in ["--fmad=false", "--ftz=false", "--prec-div=true", "--prec-sqrt=true"] {
        assert!(options.contains(&option), "{option} is not among {options:?}");
    }
    for file in named(&ptx(), ".ptx") {
        let text = read(&ptx().join(format!("{file}.ptx")));
        let rough = text.lines().map(str::trim).find(|line| {
            // `rsqrt` of f64 is none of them: acos and hypot begin with it and make its result exact by themselves.
            let approximate = ["div.approx", "div.full", "rcp.approx", "sqrt.approx"];
            let operation = line.split_whitespace().next().unwrap_or_default();
            approximate.iter().any(|name| operation.starts_with(name)) || operation.ends_with(".ftz.f32")
        });
        assert_eq!(rough, None, "{file} has an instruction that is not what the CPU computes");
    }
}

#[test]
fn every_kernel_states_its_registers() {
    let manifest = manifest();
    for kernel in named(&kernels(), ".cu") {
        let stated: BTreeSet<String> = limits(&kernel).into_keys().collect();
        let entries: BTreeSet<String> =
            manifest["kernels"][&kernel]["entries"].as_object().unwrap().keys().cloned().collect();
        assert_eq!(
            stated, entries,
            "kernels/{kernel}.cu: the line above each kernel is `{LIMIT}64`, or another number"
        );
    }
}

#[test]
fn kernels_assemble_without_spills_within_their_registers() {
    let Some(ptxas) = std::env::var_os("GROMA_TEST_PTXAS").filter(|path| !path.is_empty()) else {
        eprintln!(
            "SKIPPED: registers and spills of the GPU kernels, no ptxas (set GROMA_TEST_PTXAS, or run `cargo xtask test`)"
        );
        return;
    };
    let help = Command::new(&ptxas).arg("--help").output().expect("ptxas");
    let help = String::from_utf8_lossy(&help.stdout).into_owned();
    let mut broken = Vec::new();
    let mut assembled = 0;
    for kernel in named(&kernels(), ".cu") {
        let limits = limits(&kernel);
        for (architecture, gpu) in ARCHITECTURES.iter().flat_map(|(a, gpus)| gpus.iter().map(move |gpu| (a, gpu))) {
            // Only the GPUs that came after the PTX may be unknown.
            if *gpu == "sm_120" && !help.contains("'sm_120'") {
                eprintln!("SKIPPED: GPU kernels assembled for {gpu}, which this ptxas does not know");
                continue;
            }
            let place = std::env::temp_dir().join(format!("groma-{}-{kernel}-{gpu}.cubin", std::process::id()));
            let input = ptx().join(format!("{kernel}.{architecture}.ptx"));
            let output = Command::new(&ptxas).args(["-v", "--gpu-name", gpu, "-o"]).arg(&place).arg(&input).output();
            let output = output.expect("ptxas");
            let _ = std::fs::remove_file(&place);
            let said = String::from_utf8_lossy(&output.stderr).into_owned() + &String::from_utf8_lossy(&output.stdout);
            if !output.status.success() {
                broken.push(format!("{kernel} for {gpu}: {said}"));
                continue;
            }
            let used = usage(&said);
            assert_eq!(
                used.keys().collect::<Vec<_>>(),
                limits.keys().collect::<Vec<_>>(),
                "{kernel} for {gpu}: {said}"
            );
            for (entry, Usage { registers, spills }) in used {
                assembled += 1;
                if spills > 0 || registers > limits[&entry] {
                    let limit = limits[&entry];
                    broken.push(format!(
                        "{entry} for {gpu}: {registers} registers, {limit} stated; {spills} bytes spilled"
                    ));
                }
            }
        }
    }
    assert!(broken.is_empty(), "{}", broken.join("\n"));
    println!("{assembled} kernels assembled");
}

#[test]
fn what_ptxas_says_is_understood() {
    let said = "\
ptxas info    : 0 bytes gmem, 8 bytes cmem[4]
ptxas info    : Compiling entry function 'first' for 'sm_75'
ptxas info    : Function properties for first
    0 bytes stack frame, 0 bytes spill stores, 0 bytes spill loads
ptxas info    : Used 32 registers, used 0 barriers, 432 bytes cmem[0]
ptxas info    : Compiling entry function 'second' for 'sm_75'
ptxas info    : Function properties for helper
    8 bytes stack frame, 4 bytes spill stores, 8 bytes spill loads
ptxas info    : Function properties for second
    0 bytes stack frame, 0 bytes spill stores, 16 bytes spill loads
ptxas info    : Used 255 registers, used 1 barriers
";
    let used = usage(said);
    assert_eq!(used["first"], Usage { registers: 32, spills: 0 });
    assert_eq!(used["second"], Usage { registers: 255, spills: 28 });
}

/// What ptxas says of a kernel.
#[derive(Debug, PartialEq, Eq)]
struct Usage {
    registers: u32,
    /// Bytes that are stored and loaded because registers did not suffice.
    spills: u32,
}

fn usage(said: &str) -> BTreeMap<String, Usage> {
    let mut found = BTreeMap::new();
    let mut entry = String::new();
    let mut spills = 0;
    for line in said.lines() {
        if let Some((_, rest)) = line.split_once("Compiling entry function '") {
            entry = rest.split('\'').next().unwrap().to_string();
            spills = 0;
        } else if line.contains(" spill ") {
            let part = |part: &str| part.split_whitespace().next().unwrap().parse::<u32>().unwrap();
            spills += line.split(',').filter(|p| p.contains("spill")).map(part).sum::<u32>();
        } else if let Some((_, rest)) = line.split_once(": Used ") {
            let registers = rest.split_whitespace().next().unwrap().parse().unwrap();
            found.insert(entry.clone(), Usage { registers, spills });
        }
    }
    found
}

/// The registers that each kernel of a file states; one that does not is left out.
fn limits(kernel: &str) -> BTreeMap<String, u32> {
    let text = read(&kernels().join(format!("{kernel}.cu")));
    let mut found = BTreeMap::new();
    for (stated, declared) in text.split(LIMIT).skip(1).filter_map(|after| after.split_once('\n')) {
        let Some(declared) = declared.strip_prefix("extern \"C\" __global__ void") else { continue };
        let declared = declared.trim_start();
        let name = match declared.strip_prefix("__launch_bounds__(") {
            Some(bounds) => bounds.split_once(')').unwrap().1,
            None => declared,
        };
        let name = name.split('(').next().unwrap().trim().to_string();
        found.insert(name, stated.trim().parse().unwrap_or_else(|_| panic!("kernels/{kernel}.cu: `{LIMIT}{stated}`")));
    }
    found
}

/// The digests of a source and of all that it includes.
fn note_sources(file: &str, into: &mut BTreeMap<String, String>) {
    let text = read(&kernels().join(file));
    into.insert(file.to_string(), digest(&text));
    for line in text.lines() {
        let include = line.trim().strip_prefix('#').and_then(|rest| rest.trim().strip_prefix("include"));
        let Some(name) = include.map(|rest| rest.trim().trim_matches(['"', '<', '>'])) else { continue };
        if !into.contains_key(name) {
            note_sources(name, into);
        }
    }
}

fn manifest() -> Value {
    serde_json::from_str(&read(&ptx().join("manifest.json"))).unwrap()
}

fn kernels() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("kernels")
}

fn ptx() -> PathBuf {
    kernels().join("ptx")
}

/// Names of the files in a folder, sorted.
fn files(folder: &Path) -> Vec<String> {
    let entries = std::fs::read_dir(folder).unwrap_or_else(|e| panic!("{}: {e}; {REMEDY}", folder.display()));
    let mut names: Vec<String> = entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
    names.sort();
    names
}

/// Names without the ending of the files that have it, sorted.
fn named(folder: &Path, ending: &str) -> Vec<String> {
    files(folder).iter().filter_map(|name| name.strip_suffix(ending)).map(String::from).collect()
}

/// Text with the line ends of Unix, whatever a checkout made of them.
fn read(path: &Path) -> String {
    std::fs::read_to_string(path).unwrap_or_else(|e| panic!("{}: {e}; {REMEDY}", path.display())).replace("\r\n", "\n")
}

fn digest(text: &str) -> String {
    format!("{:x}", Sha256::digest(text))
}
