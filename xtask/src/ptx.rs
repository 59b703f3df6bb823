//! `cargo xtask ptx`: the kernels for NVIDIA GPUs, compiled to `kernels/ptx`.

use crate::place;
use crate::process::{self, Outcome};
use crate::python;
use std::process::Command;

/// The compiler. It writes PTX 8.0, which drivers from 525 on load and compile for GPUs that are newer than they are; what a
/// later one writes is refused by drivers in use today.
const REQUIREMENTS: &str = "nvidia-cuda-nvrtc-cu12==12.0.140\n";

/// Compiles every `kernels/*.cu`; a test finds it out if this was forgotten.
///
/// # Errors
/// If the compiler cannot be had from PyPI, or a kernel is in error (which is printed with file and line).
pub fn write() -> Outcome<()> {
    let python = python::environment("nvrtc-venv", REQUIREMENTS)?;
    let kernels = place::root().join("kernels");
    process::run(Command::new(python).arg(kernels.join("compile.py")).arg(&kernels).arg(kernels.join("ptx")))
}
