//! The CPU's name, threads and vector instructions.

use serde::Serialize;

/// A CPU as far as it matters for speed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Cpu {
    /// Its name as the system gives it, or its architecture.
    pub name: String,
    /// `x86_64`, `aarch64`, …
    pub architecture: String,
    /// Threads that this process may use (affinity and container limits count).
    pub threads: usize,
    /// Vector instruction sets that it has, of those that matter here.
    pub features: Vec<String>,
}

impl Cpu {
    /// Looks at the CPU this runs on.
    #[must_use]
    pub fn detect() -> Self {
        let architecture = std::env::consts::ARCH.to_string();
        Self {
            name: name().unwrap_or_else(|| format!("unnamed {architecture} processor")),
            architecture,
            threads: std::thread::available_parallelism().map_or(1, std::num::NonZero::get),
            features: features().into_iter().filter(|(_, has)| *has).map(|(name, _)| name.to_string()).collect(),
        }
    }
}

#[cfg(target_os = "linux")]
fn name() -> Option<String> {
    // Lines of x86 say `model name : …`, those of most ARM kernels have no name at all.
    let text = std::fs::read_to_string("/proc/cpuinfo").ok()?;
    let line = text.lines().find(|line| line.starts_with("model name"))?;
    Some(line.split_once(':')?.1.trim().to_string()).filter(|name| !name.is_empty())
}

#[cfg(target_os = "macos")]
fn name() -> Option<String> {
    let output =
        std::process::Command::new("/usr/sbin/sysctl").args(["-n", "machdep.cpu.brand_string"]).output().ok()?;
    Some(String::from_utf8(output.stdout).ok()?.trim().to_string()).filter(|name| !name.is_empty())
}

#[cfg(not(any(target_os = "linux", target_os = "macos")))]
fn name() -> Option<String> {
    std::env::var("PROCESSOR_IDENTIFIER").ok()
}

#[cfg(any(target_arch = "x86_64", target_arch = "x86"))]
fn features() -> Vec<(&'static str, bool)> {
    vec![
        ("avx512f", is_x86_feature_detected!("avx512f")),
        ("avx512bw", is_x86_feature_detected!("avx512bw")),
        ("avx512vl", is_x86_feature_detected!("avx512vl")),
        ("avx512vnni", is_x86_feature_detected!("avx512vnni")),
        ("avx2", is_x86_feature_detected!("avx2")),
        ("fma", is_x86_feature_detected!("fma")),
        ("sse4.2", is_x86_feature_detected!("sse4.2")),
    ]
}

#[cfg(target_arch = "aarch64")]
fn features() -> Vec<(&'static str, bool)> {
    vec![
        ("neon", std::arch::is_aarch64_feature_detected!("neon")),
        ("dotprod", std::arch::is_aarch64_feature_detected!("dotprod")),
        ("fp16", std::arch::is_aarch64_feature_detected!("fp16")),
        ("sve", std::arch::is_aarch64_feature_detected!("sve")),
    ]
}

#[cfg(not(any(target_arch = "x86_64", target_arch = "x86", target_arch = "aarch64")))]
fn features() -> Vec<(&'static str, bool)> {
    Vec::new()
}
