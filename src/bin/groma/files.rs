//! Work on many files: one that fails is reported, and the rest go on.

use crate::ahead::ahead;
use crate::console::Console;
use crate::exit::Exit;
use groma::job::Monitor;
use groma::pipeline::inputs::{Task, expand, plan};
use groma::{Error, Result};
use serde::Serialize;
use std::path::{Path, PathBuf};
use std::time::Instant;

/// What the progress bar calls a file: its name, and among several its number.
fn label(file: &Path, number: usize, of: usize) -> String {
    let name = file.file_name().unwrap_or_default().to_string_lossy();
    if of > 1 { format!("{number}/{of} {name}") } else { name.into_owned() }
}

/// Makes the folder that outputs go into, if they go into one.
pub fn make_folder(output: &Path, tasks: &[Task]) -> Result<()> {
    if tasks.iter().any(|t| t.output.starts_with(output) && t.output != output) {
        std::fs::create_dir_all(output).map_err(|e| Error::io(output, "create", e))?;
    }
    Ok(())
}

/// Checks that a page or picture about a run can be written: found out before the work, not after an hour of it.
pub fn check_page(path: &Path, tasks: &[Task], output: &Path, overwrite: bool) -> Result<()> {
    if path.exists() && !overwrite {
        return Err(Error::OutputExists { path: path.to_path_buf() });
    }
    if tasks.iter().flat_map(|task| [&task.input, &task.output]).any(|tile| same_place(tile, path)) {
        return Err(Error::invalid(format!("{} is a tile of this run", path.display()), "name another file"));
    }
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty());
    if folder.is_some_and(|folder| !folder.is_dir()) && folder != Some(output) {
        return Err(Error::NotFound { path: path.to_path_buf(), remedy: "make its folder first".into() });
    }
    Ok(())
}

/// Whether two paths name one file, which need not exist yet.
pub fn same_place(a: &Path, b: &Path) -> bool {
    let real = |path: &Path| {
        let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
        let by_folder = || Some(folder.canonicalize().ok()?.join(path.file_name()?));
        path.canonicalize().ok().or_else(by_folder).unwrap_or_else(|| path.to_path_buf())
    };
    real(a) == real(b)
}

/// Files given on the command line, and the paths among them that mean nothing.
pub struct Inputs {
    /// What can be tried.
    pub files: Vec<PathBuf>,
    failed: Vec<(String, Error)>,
}

impl Inputs {
    /// Expands folders and patterns.
    pub fn find(paths: &[PathBuf]) -> Self {
        let mut inputs = Self { files: Vec::new(), failed: Vec::new() };
        for found in expand(paths) {
            match found {
                Ok(file) => inputs.files.push(file),
                Err(error) => inputs.failed.push((String::new(), error)),
            }
        }
        inputs
    }

    /// Refuses paths that mean nothing, with the first of them.
    pub fn expect_all(&self) -> Result<()> {
        match self.failed.first() {
            Some((_, error)) => Err(Error::invalid(error.to_string(), "nothing was begun")),
            None => Ok(()),
        }
    }

    /// Says where each goes.
    pub fn plan(&self, output: &Path, extensions: &[&str]) -> Result<Vec<Task>> {
        plan(&self.files, output, extensions)
    }

    /// Reports what failed already; for a run that has nothing else left.
    pub fn give_up(self, console: &Console) -> Result<Exit> {
        self.each::<PathBuf, ()>(&[], console, |p| p, |_, _| Ok(())).map(|(_, exit)| exit)
    }

    /// Makes an output of each input, the next one begun while the last one is written, and remarks on each with its `line`.
    pub fn transform<R: Serialize + Send>(
        self,
        tasks: &[Task],
        console: &Console,
        threads: usize,
        work: impl Fn(&Task, &Monitor) -> Result<R> + Sync,
        line: impl Fn(&R) -> String,
    ) -> Result<(Vec<R>, Exit)> {
        ahead(tasks, console, threads, work, |next| {
            self.each(
                tasks,
                console,
                |task| &task.input,
                |_, label| {
                    let summary = next(label)?;
                    console.remark(&line(&summary));
                    Ok(summary)
                },
            )
        })
    }

    /// Does `work` for each item (with a label for its progress), reports what fails, and sums up. A cancelled run ends at once.
    pub fn each<T, R: Serialize>(
        self,
        items: &[T],
        console: &Console,
        name: impl Fn(&T) -> &Path,
        mut work: impl FnMut(&T, &str) -> Result<R>,
    ) -> Result<(Vec<R>, Exit)> {
        let start = Instant::now();
        let only = items.len() + self.failed.len() == 1;
        let mut failures = self.failed;
        for (_, error) in &failures {
            if !only {
                console.report_error(None, error);
            }
        }
        let mut done = Vec::new();
        for (index, item) in items.iter().enumerate() {
            let input = name(item).display().to_string();
            match work(item, &label(name(item), index + 1, items.len())) {
                Ok(result) => {
                    console.object("ok", &result)?;
                    done.push(result);
                }
                Err(Error::Cancelled) => return Err(Error::Cancelled),
                Err(error) => {
                    if !only {
                        console.report_error(Some(&input), &error);
                    }
                    failures.push((input, error));
                }
            }
        }
        // A single input's error is the run's: it is reported once, by `main`, and its code is the exit code.
        if only && let Some((_, error)) = failures.pop() {
            return Err(error);
        }
        let summary = serde_json::json!({
            "files": items.len() + failures.len() - failures.iter().filter(|f| !f.0.is_empty()).count(),
            "ok": done.len(),
            "failed": failures.len(),
            "seconds": start.elapsed().as_secs_f64(),
        });
        console.object("summary", &summary)?;
        if failures.is_empty() {
            return Ok((done, Exit::DONE));
        }
        console.remark(&format!("{} of {} failed:", failures.len(), summary["files"]));
        for (input, error) in &failures {
            let place = if input.is_empty() || error.to_string().contains(input) { "" } else { &format!("{input}: ") };
            console.remark(&format!("  {place}{error}"));
        }
        Ok((done, Exit::SOME_FAILED))
    }
}
