//! Main memory: how much there is, and how much may still be taken.

use serde::Serialize;

/// Memory of a device, in bytes. 0 stands for what the system does not tell.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Memory {
    /// All of it; the limit of the container where there is a lower one.
    pub total_bytes: u64,
    /// What can be allocated at this moment without anything being swapped out.
    pub free_bytes: u64,
}

impl Memory {
    /// Looks at the memory of the machine, and on Linux at the limits that a container sets.
    #[must_use]
    pub fn detect() -> Self {
        system().unwrap_or_default()
    }
}

#[cfg(target_os = "linux")]
fn system() -> Option<Memory> {
    let machine = linux::of_machine(&std::fs::read_to_string("/proc/meminfo").ok()?)?;
    let groups = std::fs::read_to_string("/proc/self/cgroup").unwrap_or_default();
    Some(linux::groups_of(&groups).iter().filter_map(|folder| linux::of_group(folder)).fold(machine, |now, group| {
        Memory { total_bytes: now.total_bytes.min(group.total_bytes), free_bytes: now.free_bytes.min(group.free_bytes) }
    }))
}

#[cfg(target_os = "linux")]
mod linux {
    use super::Memory;
    use std::path::{Path, PathBuf};

    /// `/proc/meminfo`: lines of `Name:   123 kB`.
    pub(super) fn of_machine(text: &str) -> Option<Memory> {
        let bytes = |name: &str| {
            let line = text.lines().find(|line| line.split(':').next() == Some(name))?;
            line.split_whitespace().nth(1)?.parse::<u64>().ok()?.checked_mul(1024)
        };
        let total_bytes = bytes("MemTotal")?;
        // Kernels before 3.14 do not say what is available.
        Some(Memory { total_bytes, free_bytes: bytes("MemAvailable").or_else(|| bytes("MemFree")).unwrap_or(0) })
    }

    /// Folders of the control groups that bound this process, the innermost first: every one above it bounds it too.
    pub(super) fn groups_of(text: &str) -> Vec<PathBuf> {
        let mut folders = Vec::new();
        for line in text.lines() {
            // `0::/path` of version 2, `7:cpu,memory:/path` of version 1.
            let mut parts = line.splitn(3, ':').skip(1);
            let (Some(controllers), Some(path)) = (parts.next(), parts.next()) else { continue };
            let root = match controllers {
                "" => Path::new("/sys/fs/cgroup"),
                names if names.split(',').any(|name| name == "memory") => Path::new("/sys/fs/cgroup/memory"),
                _ => continue,
            };
            let group = root.join(path.trim_start_matches('/'));
            folders.extend(group.ancestors().take_while(|folder| folder.starts_with(root)).map(Path::to_path_buf));
        }
        folders
    }

    /// The limit of a control group and what is left of it; none where it sets no limit.
    pub(super) fn of_group(folder: &Path) -> Option<Memory> {
        let read = |name: &str| std::fs::read_to_string(folder.join(name)).ok();
        let number = |names: [&str; 2]| names.iter().find_map(|name| read(name)?.trim().parse::<u64>().ok());
        let total_bytes = number(["memory.max", "memory.limit_in_bytes"])?;
        let used = number(["memory.current", "memory.usage_in_bytes"]).unwrap_or(0);
        // File pages that nobody uses are given back before anything else.
        let cached = read("memory.stat").and_then(|text| {
            let line = text.lines().find_map(|line| {
                line.strip_prefix("inactive_file ").or_else(|| line.strip_prefix("total_inactive_file "))
            })?;
            line.trim().parse::<u64>().ok()
        });
        let taken = used.saturating_sub(cached.unwrap_or(0));
        Some(Memory { total_bytes, free_bytes: total_bytes.saturating_sub(taken) })
    }
}

#[cfg(target_os = "macos")]
fn system() -> Option<Memory> {
    let say = |program: &str, arguments: &[&str]| {
        let output = std::process::Command::new(program).args(arguments).output().ok()?;
        String::from_utf8(output.stdout).ok()
    };
    let total_bytes = say("/usr/sbin/sysctl", &["-n", "hw.memsize"])?.trim().parse().ok()?;
    Some(Memory { total_bytes, free_bytes: say("/usr/bin/vm_stat", &[]).and_then(|text| free_of(&text)).unwrap_or(0) })
}

/// What `vm_stat` of macOS says is free or can be given up at once.
#[cfg(any(target_os = "macos", test))]
fn free_of(text: &str) -> Option<u64> {
    let page: u64 = text.split("page size of ").nth(1)?.split_whitespace().next()?.parse().ok()?;
    let pages = |name: &str| {
        let line = text.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(':'))?;
        line.trim().trim_end_matches('.').parse::<u64>().ok()
    };
    (pages("Pages free")? + pages("Pages inactive").unwrap_or(0)).checked_mul(page)
}

#[cfg(not(any(target_os = "linux", target_os = "macos")))]
fn system() -> Option<Memory> {
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    #[cfg(target_os = "linux")]
    fn the_machine_has_memory() {
        let memory = Memory::detect();
        assert!(memory.total_bytes > 1 << 26, "{memory:?}");
        assert!(memory.free_bytes > 0 && memory.free_bytes <= memory.total_bytes, "{memory:?}");
    }

    #[test]
    #[cfg(target_os = "linux")]
    fn limits_of_containers_count() {
        let text = "MemTotal:       16000 kB\nMemFree: 1000 kB\nMemAvailable:    9000 kB\n";
        let machine = linux::of_machine(text).unwrap();
        assert_eq!(machine, Memory { total_bytes: 16000 << 10, free_bytes: 9000 << 10 });
        assert!(linux::of_machine("nothing").is_none());

        let folders = linux::groups_of("7:cpu:/a\n6:blkio,memory:/a/b\n0::/c\n");
        let folders: Vec<&str> = folders.iter().map(|folder| folder.to_str().unwrap()).collect();
        assert_eq!(
            folders,
            [
                "/sys/fs/cgroup/memory/a/b",
                "/sys/fs/cgroup/memory/a",
                "/sys/fs/cgroup/memory",
                "/sys/fs/cgroup/c",
                "/sys/fs/cgroup"
            ]
        );

        let folder = tempfile::tempdir().unwrap();
        let write = |name: &str, text: &str| std::fs::write(folder.path().join(name), text).unwrap();
        write("memory.max", "max\n");
        assert!(linux::of_group(folder.path()).is_none(), "no limit");
        write("memory.max", "1000\n");
        write("memory.current", "700\n");
        write("memory.stat", "anon 5\ninactive_file 200\n");
        assert_eq!(linux::of_group(folder.path()), Some(Memory { total_bytes: 1000, free_bytes: 500 }));
    }

    #[test]
    fn macos_counts_pages() {
        let text = "Mach Virtual Memory Statistics: (page size of 16384 bytes)\nPages free:     10.\nPages active: 7.\nPages inactive: 5.\n";
        assert_eq!(free_of(text), Some(15 * 16384));
        assert_eq!(free_of(""), None);
    }
}
