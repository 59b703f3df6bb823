//! `groma-bindings ROOT`: writes `bindings/api.json` and the low layers below the root of the repository, from its
//! `include/groma.h`.

use std::path::Path;
use std::process::ExitCode;

fn main() -> ExitCode {
    let Some(root) = std::env::args_os().nth(1) else {
        eprintln!("usage: groma-bindings ROOT");
        return ExitCode::from(2);
    };
    match write(Path::new(&root)) {
        Ok(()) => ExitCode::SUCCESS,
        Err(reason) => {
            eprintln!("groma-bindings: {reason}");
            ExitCode::FAILURE
        }
    }
}

fn write(root: &Path) -> Result<(), String> {
    let header = root.join("include").join("groma.h");
    let text = std::fs::read_to_string(&header).map_err(|error| format!("{}: {error}", header.display()))?;
    let api = groma_bindings::read(&text).map_err(|refusals| {
        let lines: Vec<String> = refusals.iter().map(|refusal| format!("{}, {refusal}", header.display())).collect();
        lines.join("\n")
    })?;
    for (place, content) in groma_bindings::files(&api) {
        let path = root.join(place);
        let folder = path.parent().unwrap_or(root);
        std::fs::create_dir_all(folder).map_err(|error| format!("{}: {error}", folder.display()))?;
        std::fs::write(&path, content).map_err(|error| format!("{}: {error}", path.display()))?;
        println!("{}", path.display());
    }
    Ok(())
}
