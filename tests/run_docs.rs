//! The commands of docs/runs.md for machines without an engine, as they stand there, with the variables of their schedulers.

#![cfg(all(feature = "cli", unix))]

mod cli_support;
mod run_support;

use cli_support::{has_runtime, said};
use run_support::{outputs, synthetic_tiles};
use std::path::{Path, PathBuf};
use std::process::Command;

const SHARDS: usize = 8;

fn page() -> String {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/runs.md");
    std::fs::read_to_string(path).unwrap()
}

/// The first code block behind a word.
fn block(page: &str, word: &str) -> String {
    let from = page.find(word).unwrap_or_else(|| panic!("{word} is not in the page"));
    let code = page[from..].split("```").nth(1).unwrap();
    code.split_once('\n').unwrap().1.to_string()
}

/// A shell that finds the built `groma`.
fn shell(script: &str, variables: &[(&str, String)]) -> Command {
    let folder = PathBuf::from(env!("CARGO_BIN_EXE_groma")).parent().unwrap().to_path_buf();
    let path = format!("{}:{}", folder.display(), std::env::var("PATH").unwrap());
    let mut command = Command::new("sh");
    command.args(["-c", script]).env("PATH", path).envs(variables.iter().map(|(name, value)| (*name, value)));
    command
}

#[test]
fn shards_of_each_scheduler_make_the_survey() {
    if !has_runtime() {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let tiles = folder.path().join("tiles");
    synthetic_tiles(&tiles, 3, 3, 30.0, 6.0);
    let text = |path: &Path| path.to_string_lossy().into_owned();
    let whole = folder.path().join("whole");
    let alone = cli_support::run(&["run", &text(&tiles), "-o", &text(&whole)]);
    assert_eq!(alone.code, 0, "{}", alone.err);
    let page = page();
    let yaml = block(&page, "Kubernetes");
    let arguments = yaml.lines().find_map(|line| line.trim().strip_prefix("args: ['")?.strip_suffix("']")).unwrap();
    assert!(yaml.contains(&format!("completions: {SHARDS}")));
    type Variables = fn(usize) -> Vec<(&'static str, String)>;
    let schedulers: [(&str, String, Variables); 3] = [
        ("kubernetes", arguments.to_string(), |index| vec![("JOB_COMPLETION_INDEX", index.to_string())]),
        ("slurm", block(&page, "Slurm"), |index| {
            vec![
                ("SLURM_ARRAY_TASK_ID", (index + 1).to_string()),
                ("SLURM_ARRAY_TASK_COUNT", SHARDS.to_string()),
                ("SLURM_CPUS_PER_TASK", "1".into()),
            ]
        }),
        ("aws", block(&page, "AWS Batch"), |index| {
            vec![("AWS_BATCH_JOB_ARRAY_INDEX", index.to_string()), ("SIZE", SHARDS.to_string())]
        }),
    ];
    for (name, script, variables) in schedulers {
        let out = folder.path().join(name);
        let script = script.replace("/data/tiles", &text(&tiles)).replace("/data/classified", &text(&out));
        let mut made = 0;
        for index in 0..SHARDS {
            let mut all = variables(index);
            all.extend([("TILES", text(&tiles)), ("OUT", text(&out))]);
            let shard = said(&shell(&script, &all).output().unwrap());
            assert_eq!(shard.code, 0, "{name} {index}: {}", shard.err);
            let there = outputs(&out).len();
            // Nine tiles for eight shards: one has two, and each has one.
            assert!((1..=2).contains(&(there - made)), "{name} {index}: {there} after {made}");
            made = there;
        }
        assert!(outputs(&out) == outputs(&whole), "{name}");
    }
}
