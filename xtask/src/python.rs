//! Python: finding an interpreter and keeping virtual environments under `target/`.

use crate::place;
use crate::process::{self, Failure, Outcome, cannot};
use sha2::{Digest, Sha256};
use std::path::{Path, PathBuf};
use std::process::Command;

/// What to do without Python, for the end of an error.
const REMEDY: &str = "install Python 3 with its venv module (Debian: apt-get install python3 python3-venv)";

/// Finds a Python 3: `GROMA_PYTHON`, else `python3`, `python` or `py` on the path.
pub fn interpreter() -> Outcome<PathBuf> {
    if let Some(named) = std::env::var_os("GROMA_PYTHON").filter(|p| !p.is_empty()) {
        let named = PathBuf::from(named);
        return if is_python_3(&named) {
            Ok(named)
        } else {
            Err(Failure::new(format!("GROMA_PYTHON is {}, which is no Python 3", named.display())))
        };
    }
    ["python3", "python", "py"]
        .iter()
        .map(PathBuf::from)
        .find(|candidate| is_python_3(candidate))
        .ok_or_else(|| Failure::new(format!("no Python 3 found; {REMEDY}")))
}

/// A command `python -m pip …` that works: the interpreter's own pip, or that of a bare environment made for it.
pub fn pip() -> Outcome<Command> {
    let python = interpreter()?;
    let with_pip = |python: &Path| {
        let mut command = Command::new(python);
        command.args(["-m", "pip", "--disable-pip-version-check"]);
        command
    };
    if process::output(with_pip(&python).arg("--version")).is_ok() {
        return Ok(with_pip(&python));
    }
    let folder = place::target().join("pip-venv");
    let inside = inside(&folder);
    if process::output(with_pip(&inside).arg("--version")).is_err() {
        create(&python, &folder)?;
    }
    Ok(with_pip(&inside))
}

/// A virtual environment under `target/` that holds what `requirements` (lines of a requirements file) say.
///
/// It is made once, and again when the requirements or the interpreter change. Gives its interpreter.
pub fn environment(name: &str, requirements: &str) -> Outcome<PathBuf> {
    let python = interpreter()?;
    let folder = place::target().join(name);
    let inside = inside(&folder);
    let version = process::output(Command::new(&python).args(["-c", "import sys; print(sys.version)"]))?;
    let wanted = format!("{:x}", Sha256::digest(format!("{version}\n{requirements}")));
    let stamp = folder.join("groma-requirements.sha256");
    let kept = std::fs::read_to_string(&stamp).is_ok_and(|found| found == wanted);
    if kept && is_python_3(&inside) {
        return Ok(inside);
    }
    create(&python, &folder)?;
    let list = folder.join("requirements.txt");
    std::fs::write(&list, requirements).map_err(cannot("write", &list))?;
    process::run(
        Command::new(&inside)
            .args(["-m", "pip", "--disable-pip-version-check", "install", "--quiet", "--only-binary=:all:", "-r"])
            .arg(&list),
    )?;
    std::fs::write(&stamp, wanted).map_err(cannot("write", &stamp))?;
    Ok(inside)
}

/// A file of the packages that are installed in an environment, `file` below where its interpreter looks for them.
///
/// # Errors
/// If it is not there.
pub fn installed(python: &Path, file: &str) -> Outcome<PathBuf> {
    let packages = "import sysconfig; print(sysconfig.get_path('purelib'))";
    let folder = process::output(Command::new(python).args(["-c", packages]))?;
    let path = Path::new(folder.trim()).join(file);
    if path.is_file() { Ok(path) } else { Err(Failure::new(format!("the packages hold no {}", path.display()))) }
}

fn is_python_3(python: &Path) -> bool {
    let mut command = Command::new(python);
    command.args(["-c", "import sys; print(sys.version_info[0])"]);
    process::output(&mut command).is_ok_and(|version| version.trim() == "3")
}

fn create(python: &Path, folder: &Path) -> Outcome<()> {
    let mut command = Command::new(python);
    command.args(["-m", "venv", "--clear"]).arg(folder);
    process::output(&mut command).map(drop).map_err(|Failure(reason)| Failure(format!("{reason}; {REMEDY}")))
}

fn inside(folder: &Path) -> PathBuf {
    if cfg!(windows) { folder.join("Scripts").join("python.exe") } else { folder.join("bin").join("python") }
}
