//! The kernels as PTX, compiled by `cargo xtask ptx` for three generations of GPUs; the driver compiles it for the one at hand.

/// A file of kernels, for each of [`CAPABILITIES`].
type File = [&'static str; 3];

/// Compute capabilities that there is PTX for, as 10 · major + minor; a GPU takes the highest that it has.
const CAPABILITIES: [u32; 3] = [75, 80, 90];

/// The oldest generation that the kernels are compiled for.
pub(super) const OLDEST: u32 = CAPABILITIES[0];

macro_rules! files {
    ($($name:literal),* $(,)?) => {
        &[$([
            include_str!(concat!("../../../kernels/ptx/", $name, ".compute_75.ptx")),
            include_str!(concat!("../../../kernels/ptx/", $name, ".compute_80.ptx")),
            include_str!(concat!("../../../kernels/ptx/", $name, ".compute_90.ptx")),
        ]),*]
    };
}

const FILES: &[File] = files![
    "assemble",
    "columns",
    "ensemble",
    "farthest",
    "features",
    "heights",
    "keys",
    "neighbors",
    "outliers",
    "posterior",
    "radix_sort",
    "scan",
    "structure",
    "voxel",
    "windows"
];

/// The PTX that holds a kernel, by the number of its file, for a GPU of this compute capability (10 · major + minor); nothing if
/// there is no such kernel, or the GPU is older than all of them.
pub(super) fn ptx_of(kernel: &str, capability: u32) -> Option<(usize, &'static str)> {
    let generation = CAPABILITIES.iter().rposition(|&oldest| oldest <= capability)?;
    let entry = format!(".entry {kernel}(");
    let (number, file) = FILES.iter().enumerate().find(|(_, file)| file[generation].contains(&entry))?;
    Some((number, file[generation]))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_kernel_has_ptx_for_every_generation() {
        let kernels = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("kernels");
        let mut sources = 0;
        for entry in std::fs::read_dir(kernels).unwrap() {
            let path = entry.unwrap().path();
            if path.extension().is_none_or(|ending| ending != "cu") {
                continue;
            }
            sources += 1;
            let text = std::fs::read_to_string(&path).unwrap();
            for declaration in text.split("extern \"C\" __global__ void").skip(1) {
                let open = declaration.match_indices('(').map(|(at, _)| at);
                let name = open
                    .filter_map(|at| declaration[..at].split_whitespace().next_back())
                    .find(|name| !name.starts_with("__launch_bounds__"));
                let name = name.unwrap();
                for capability in [75, 80, 86, 90, 120] {
                    let (_, ptx) = ptx_of(name, capability).unwrap_or_else(|| panic!("no PTX of `{name}`"));
                    let target = format!(
                        ".target sm_{}",
                        if capability > 90 { 90 } else { capability / 10 * 10 + capability % 10 / 5 * 5 }
                    );
                    assert!(capability == 86 || ptx.contains(&target), "{name} for {capability}");
                }
                assert!(ptx_of(name, 70).is_none());
            }
        }
        assert_eq!(sources, FILES.len(), "files of kernels that are not listed");
        assert!(ptx_of("feature", 90).is_none());
    }
}
