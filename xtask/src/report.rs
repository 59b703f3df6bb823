//! What a run of the checks did: steps, test binaries, and everything that was skipped.

use crate::process::{Failure, Outcome};
use std::time::Duration;

/// How a step ended.
pub enum End {
    /// Everything held.
    Passed,
    /// Something did not; the reason.
    Failed(String),
    /// It could not be run; the reason.
    Skipped(String),
}

/// One test binary, as libtest counts.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Binary {
    /// `unittests src/lib.rs`, `tests/floors.rs`, `Doc-tests groma`.
    pub name: String,
    /// Tests that passed.
    pub passed: u64,
    /// Tests that failed.
    pub failed: u64,
    /// Tests marked `#[ignore]`.
    pub ignored: u64,
}

/// A variable that must be 1 for a run that may skip nothing but what is listed in [`MAY_BE_ABSENT`].
const STRICT: &str = "GROMA_TEST_STRICT";

/// What a strict run may skip: words of the notice, and why a machine may lack it.
const MAY_BE_ABSENT: &[(&str, &str)] = &[
    ("tests on sample data: ", SURVEYS),
    ("no sample file ", SURVEYS),
    ("no test data in ", SURVEYS),
    ("no files below ", SURVEYS),
    ("no terrain model of a real tile ", SURVEYS),
    ("real tiles: ", SURVEYS),
    ("neighbours of a real tile; ", SURVEYS),
    ("a test on lidar/", SURVEYS),
    (" is not there: ground is not scored on real tiles", SURVEYS),
    (" is not there: the model is not tested on real tiles", SURVEYS),
    ("the comparison with jakteristics: ", "there are no wheels of it for Python 3.13 and later"),
    ("an older onnxruntime in the same process, ", "there are no wheels of it for Python 3.14 and later"),
];

/// Why tests on real surveys may be skipped.
const SURVEYS: &str = "the surveys are no part of the repository";

/// Everything that was run.
#[derive(Default)]
pub struct Report {
    steps: Vec<(String, End, Duration)>,
    /// The test binaries, in the order they ran.
    pub binaries: Vec<Binary>,
    /// `SKIPPED: …` lines that tests printed.
    pub skipped: Vec<String>,
}

impl Report {
    /// Runs a step and notes how it ended; a failure does not stop the steps after it.
    pub fn step(&mut self, name: &str, work: impl FnOnce(&mut Self) -> Outcome<()>) {
        eprintln!("\n== {name}");
        let start = std::time::Instant::now();
        let end = match work(self) {
            Ok(()) => End::Passed,
            Err(Failure(reason)) => {
                eprintln!("FAILED: {reason}");
                End::Failed(reason)
            }
        };
        self.steps.push((name.into(), end, start.elapsed()));
    }

    /// Notes a step that cannot be run.
    pub fn skip(&mut self, name: &str, reason: String) {
        eprintln!("\n== {name}\nSKIPPED: {reason}");
        self.steps.push((name.into(), End::Skipped(reason), Duration::ZERO));
    }

    /// Prints the list and one closing line.
    ///
    /// # Errors
    /// If a step failed, or, in a strict run, if something was skipped that may not be.
    pub fn close(&self) -> Outcome<()> {
        self.close_as(std::env::var_os(STRICT).is_some_and(|value| value == "1"))
    }

    fn close_as(&self, strict: bool) -> Outcome<()> {
        println!("\nWhat was run:");
        for (name, end, time) in &self.steps {
            match end {
                End::Passed => println!("  passed   {name} ({:.0} s)", time.as_secs_f64()),
                End::Failed(reason) => println!("  FAILED   {name}: {}", reason.lines().next().unwrap_or_default()),
                End::Skipped(_) => {}
            }
        }
        for binary in self.binaries.iter().filter(|b| b.passed + b.failed + b.ignored > 0) {
            let word = if binary.failed > 0 { "FAILED" } else { "passed" };
            println!("    {word} {}: {}", binary.name, counts(binary));
        }
        let skipped: Vec<String> = self
            .steps
            .iter()
            .filter_map(
                |(name, end, _)| if let End::Skipped(why) = end { Some(format!("{name}: {why}")) } else { None },
            )
            .chain(self.skipped.iter().cloned())
            .collect();
        if !skipped.is_empty() {
            println!("What was skipped:");
            for line in &skipped {
                let why = why_absent(line).map(|why| format!(" [{why}]")).unwrap_or_default();
                println!("  SKIPPED  {line}{why}");
            }
        }
        let count = |wanted: fn(&End) -> bool| self.steps.iter().filter(|(_, end, _)| wanted(end)).count();
        let failed = count(|end| matches!(end, End::Failed(_)));
        let sum = self.binaries.iter().fold(Binary::default(), |mut sum, b| {
            sum.passed += b.passed;
            sum.failed += b.failed;
            sum.ignored += b.ignored;
            sum
        });
        println!(
            "xtask test: {} steps passed, {failed} failed; tests: {}; {} skipped",
            count(|end| matches!(end, End::Passed)),
            counts(&sum),
            skipped.len(),
        );
        if failed > 0 {
            return Err(Failure::new(format!("{failed} of {} steps failed", self.steps.len())));
        }
        let refused: Vec<&String> = skipped.iter().filter(|line| why_absent(line).is_none()).collect();
        match refused.first() {
            Some(first) if strict => Err(Failure::new(format!(
                "{STRICT}=1, and {} of what was skipped must run, first of all: {first}",
                refused.len()
            ))),
            _ => Ok(()),
        }
    }
}

/// Why a strict run may do without what a notice names; none if it may not.
fn why_absent(line: &str) -> Option<&'static str> {
    MAY_BE_ABSENT.iter().find(|(words, _)| line.contains(words)).map(|(_, why)| *why)
}

fn counts(binary: &Binary) -> String {
    format!("{} passed, {} failed, {} ignored", binary.passed, binary.failed, binary.ignored)
}

/// Reads what `cargo test` prints, line by line.
#[derive(Default)]
pub struct TestLines {
    binary: String,
    hidden: bool,
}

impl TestLines {
    /// Notes a line in the report; gives whether a person wants to see it.
    ///
    /// The output of tests that passed (between `successes:` and the result) is read for skips and not shown.
    pub fn read(&mut self, line: &str, report: &mut Report) -> bool {
        let text = line.trim();
        if let Some(rest) = text.strip_prefix("Running ") {
            self.binary = rest.split(" (").next().unwrap_or(rest).to_string();
            self.hidden = false;
        } else if text.starts_with("Doc-tests ") {
            self.binary = text.to_string();
            self.hidden = false;
        } else if text == "successes:" {
            self.hidden = true;
        } else if text == "failures:" {
            self.hidden = false;
        } else if let Some(rest) = text.strip_prefix("test result: ") {
            self.hidden = false;
            let number = |word: &str| {
                let before = rest.split([';', '.']).find_map(|part| part.trim().strip_suffix(word));
                before.and_then(|n| n.trim().parse().ok()).unwrap_or(0)
            };
            report.binaries.push(Binary {
                name: self.binary.clone(),
                passed: number("passed"),
                failed: number("failed"),
                ignored: number("ignored"),
            });
        } else if let Some(why) = text.strip_prefix("SKIPPED:") {
            let why = format!("{} ({})", why.trim(), self.binary);
            if !report.skipped.contains(&why) {
                report.skipped.push(why);
            }
            return true;
        }
        !self.hidden
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_strict_run_skips_only_what_may_be_absent() {
        let report = |notice: &str| Report { skipped: vec![notice.into()], ..Report::default() };
        let absent = report("no sample file /data/lidar/a.laz (set GROMA_TEST_DATA) (tests/go_binding.rs)");
        assert!(absent.close_as(true).is_ok());
        let forgotten =
            report("the Node package, no `node` or no `npm`, install nodejs and npm (tests/node_binding.rs)");
        assert!(forgotten.close_as(false).is_ok());
        let Failure(reason) = forgotten.close_as(true).unwrap_err();
        assert!(reason.contains(STRICT) && reason.contains("the Node package"), "{reason}");
        let mut report = Report::default();
        // Not by `skip`, whose notice the run of these tests would count.
        report.steps.push(("memory shared with PyTorch".into(), End::Skipped("it is large".into()), Duration::ZERO));
        assert!(report.close_as(true).is_err());
    }

    #[test]
    fn reads_counts_and_skips() {
        let mut report = Report::default();
        let mut lines = TestLines::default();
        let shown: Vec<bool> = [
            "     Running tests/floors.rs (target/debug/deps/floors-1)",
            "test floors ... ok",
            "successes:",
            "---- floors stdout ----",
            "SKIPPED: no sample data",
            "test result: ok. 12 passed; 1 failed; 2 ignored; 0 measured; 0 filtered out; finished in 0.01s",
        ]
        .iter()
        .map(|line| lines.read(line, &mut report))
        .collect();
        assert_eq!(shown, [true, true, false, false, true, true]);
        let name = "tests/floors.rs".to_string();
        assert_eq!(report.binaries, [Binary { name, passed: 12, failed: 1, ignored: 2 }]);
        assert_eq!(report.skipped, ["no sample data (tests/floors.rs)"]);
    }
}
