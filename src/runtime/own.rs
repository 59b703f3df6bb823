#![allow(unsafe_code)]
//! Where our own code lies, and what else is loaded in this process.

use std::ffi::c_void;
use std::path::{Path, PathBuf};

/// The folder of the library that holds this code: of libgroma, or of the executable it is linked into.
pub(super) fn folder() -> Option<PathBuf> {
    Some(file()?.canonicalize().ok()?.parent()?.to_path_buf())
}

/// Keeps our library mapped even if the host unloads it: the runtime holds pointers into it. Doing so twice does no harm,
/// and an executable needs none of it.
pub(super) fn pin() {
    if let Some(file) = file() {
        pin_file(&file);
    }
}

/// Keeps a library mapped that is loaded already, whoever unloads it; does nothing where the system cannot.
pub(super) fn pin_file(file: &Path) {
    #[cfg(unix)]
    {
        use std::os::unix::ffi::OsStrExt;
        let Ok(name) = std::ffi::CString::new(file.as_os_str().as_bytes()) else { return };
        // SAFETY: NOLOAD loads nothing that is not there already, so no constructor runs; the handle is given back at once
        // (which NODELETE outlasts).
        unsafe {
            let handle = libc::dlopen(name.as_ptr(), libc::RTLD_NOW | libc::RTLD_NOLOAD | libc::RTLD_NODELETE);
            if !handle.is_null() {
                libc::dlclose(handle);
            }
        }
    }
    #[cfg(not(unix))]
    let _ = file;
}

/// The file that our own code was mapped from.
fn file() -> Option<PathBuf> {
    file_of(file as *const () as *const c_void).or_else(|| std::env::current_exe().ok())
}

/// The library or executable that an address was mapped from; `None` for an address in none of them.
#[cfg(unix)]
pub(super) fn file_of(address: *const c_void) -> Option<PathBuf> {
    use std::os::unix::ffi::OsStrExt;
    // SAFETY: `dladdr` only compares the address; it fills the structure, of which all zeros is a valid value; the name it
    // points to is a C string that lives as long as the object is mapped, which is while its address is used.
    unsafe {
        let mut info: libc::Dl_info = std::mem::zeroed();
        if libc::dladdr(address, &mut info) == 0 || info.dli_fname.is_null() {
            return None;
        }
        let name = std::ffi::CStr::from_ptr(info.dli_fname).to_bytes();
        let path = PathBuf::from(std::ffi::OsStr::from_bytes(name));
        // For the executable the name is what it was called by, which need not be a path.
        if path.is_file() { Some(path) } else { std::env::current_exe().ok() }
    }
}

/// The library or executable that an address was mapped from; `None` for an address in none of them.
#[cfg(windows)]
pub(super) fn file_of(address: *const c_void) -> Option<PathBuf> {
    use std::os::windows::ffi::OsStringExt;
    const FROM_ADDRESS: u32 = 4;
    const UNCHANGED_REFCOUNT: u32 = 2;
    #[link(name = "kernel32")]
    unsafe extern "system" {
        fn GetModuleHandleExW(flags: u32, address: *const u16, module: *mut *mut c_void) -> i32;
        fn GetModuleFileNameW(module: *mut c_void, name: *mut u16, size: u32) -> u32;
    }
    let mut name = vec![0u16; 32_768];
    // SAFETY: with FROM_ADDRESS any address may be passed; the buffer is as long as is said.
    let length = unsafe {
        let mut module = std::ptr::null_mut();
        if GetModuleHandleExW(FROM_ADDRESS | UNCHANGED_REFCOUNT, address.cast(), &mut module) == 0 {
            return None;
        }
        GetModuleFileNameW(module, name.as_mut_ptr(), name.len() as u32) as usize
    };
    if length == 0 || length >= name.len() {
        return std::env::current_exe().ok();
    }
    Some(PathBuf::from(std::ffi::OsString::from_wide(&name[..length])))
}

/// The library or executable that an address was mapped from: not known here.
#[cfg(not(any(unix, windows)))]
pub(super) fn file_of(_address: *const c_void) -> Option<PathBuf> {
    std::env::current_exe().ok()
}

/// The files of all libraries that are loaded in this process, where the system can tell.
#[cfg(all(unix, any(target_os = "linux", target_os = "android", target_os = "freebsd")))]
pub(super) fn loaded_files() -> Vec<PathBuf> {
    use std::os::unix::ffi::OsStrExt;
    unsafe extern "C" fn visit(info: *mut libc::dl_phdr_info, _size: libc::size_t, files: *mut libc::c_void) -> i32 {
        // SAFETY: `files` is the vector below, which nobody else touches meanwhile; the name is a C string or null.
        unsafe {
            let files = &mut *files.cast::<Vec<PathBuf>>();
            if !(*info).dlpi_name.is_null() {
                let name = std::ffi::CStr::from_ptr((*info).dlpi_name).to_bytes();
                if !name.is_empty() {
                    files.push(PathBuf::from(std::ffi::OsStr::from_bytes(name)));
                }
            }
        }
        0
    }
    let mut files: Vec<PathBuf> = Vec::new();
    // SAFETY: the callback matches what is declared, does not unwind (it only allocates), and the vector outlives the call.
    unsafe { libc::dl_iterate_phdr(Some(visit), (&raw mut files).cast()) };
    files
}

/// The files of all libraries that are loaded in this process, where the system can tell.
#[cfg(not(all(unix, any(target_os = "linux", target_os = "android", target_os = "freebsd"))))]
pub(super) fn loaded_files() -> Vec<PathBuf> {
    Vec::new()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn our_code_lies_in_the_test_executable() {
        let exe = std::env::current_exe().unwrap().canonicalize().unwrap();
        assert_eq!(folder().unwrap(), exe.parent().unwrap());
        pin();
        pin();
        let local = 0_u8;
        assert_eq!(file_of((&raw const local).cast()), None, "the stack belongs to no library");
    }

    #[test]
    #[cfg(target_os = "linux")]
    fn the_c_library_is_loaded() {
        assert!(loaded_files().iter().any(|file| file.to_string_lossy().contains("libc.so")));
    }
}
