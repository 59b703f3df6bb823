//! What is asked for on the command line.

use std::path::PathBuf;

/// What `--help` says.
pub const HELP: &str = "\
Checks that a GPU computes what the CPU computes, then times it.

  --device cuda:N|emulated:LIBRARY   the device; LIBRARY is a library of kernels for the CPU [cuda:0]
  --points N,N                       points of the clouds that are timed [1e6,1e7,5e7; 20000 emulated]
  --k K,K                            neighbours [20,30]
  --rounds N                         rounds, of which the median counts [9; 3 emulated]
  --inputs N                         different clouds that rounds take in turns [3]
  --check-points N                   points of the cloud that is checked [200000; 1500 emulated]
  --check-only                       times nothing
  --need-model                       a check that ONNX Runtime is missing for has failed
  --json FILE                        also writes all figures there
  --markdown FILE                    also writes checks and table there
  --command TEXT                     how this was started, for the report

The exit status is 1 if a check failed; nothing is timed then.
";

/// Where things are computed.
#[derive(Clone, Debug, PartialEq)]
pub enum Place {
    Gpu(u32),
    Emulated(PathBuf),
}

/// All of it.
#[derive(Clone, Debug, PartialEq)]
pub struct Options {
    pub place: Place,
    pub points: Vec<usize>,
    pub k: Vec<usize>,
    pub rounds: usize,
    pub inputs: usize,
    pub check_points: usize,
    pub check_only: bool,
    pub need_model: bool,
    pub json: Option<PathBuf>,
    pub markdown: Option<PathBuf>,
    pub command: Option<String>,
}

impl Options {
    /// Reads arguments; none if help was asked for.
    pub fn parse(arguments: impl IntoIterator<Item = String>) -> Result<Option<Self>, String> {
        let mut place = Place::Gpu(0);
        let (mut points, mut k, mut rounds, mut inputs, mut check_points) = (None, vec![20, 30], None, 3, None);
        let (mut check_only, mut need_model) = (false, false);
        let (mut json, mut markdown, mut command) = (None, None, None);
        let mut arguments = arguments.into_iter();
        while let Some(option) = arguments.next() {
            let mut value = || arguments.next().ok_or_else(|| format!("`{option}` lacks its value"));
            match option.as_str() {
                "-h" | "--help" => return Ok(None),
                // What `cargo bench` passes to every program.
                "--bench" => {}
                "--device" => place = device(&value()?)?,
                "--points" => points = Some(numbers(&option, &value()?)?),
                "--k" => k = numbers(&option, &value()?)?,
                "--rounds" => rounds = Some(number(&option, &value()?)?),
                "--inputs" => inputs = number(&option, &value()?)?,
                "--check-points" => check_points = Some(number(&option, &value()?)?),
                "--check-only" => check_only = true,
                "--need-model" => need_model = true,
                "--json" => json = Some(value()?.into()),
                "--markdown" => markdown = Some(value()?.into()),
                "--command" => command = Some(value()?),
                _ => return Err(format!("the option `{option}` is not known; see --help")),
            }
        }
        let emulated = matches!(place, Place::Emulated(_));
        let usual = |on_gpu: usize, emulator: usize| if emulated { emulator } else { on_gpu };
        let all = if emulated { vec![20_000] } else { vec![1_000_000, 10_000_000, 50_000_000] };
        Ok(Some(Self {
            points: points.unwrap_or(all),
            rounds: rounds.unwrap_or(usual(9, 3)),
            check_points: check_points.unwrap_or(usual(200_000, 1500)),
            place,
            k,
            inputs,
            check_only,
            need_model,
            json,
            markdown,
            command,
        }))
    }
}

fn device(name: &str) -> Result<Place, String> {
    if let Some(library) = name.strip_prefix("emulated:") {
        return Ok(Place::Emulated(library.into()));
    }
    let gpu = name.strip_prefix("cuda:").and_then(|digits| digits.parse().ok());
    gpu.map(Place::Gpu).ok_or_else(|| format!("the device `{name}`: name `cuda:0`, or `emulated:` and a library"))
}

fn numbers(option: &str, text: &str) -> Result<Vec<usize>, String> {
    text.split(',').map(|part| number(option, part)).collect()
}

/// A count from 1, also as `1e6`.
fn number(option: &str, text: &str) -> Result<usize, String> {
    let value: f64 = text.parse().map_err(|_| format!("`{option} {text}`: not a number"))?;
    if value.fract() == 0.0 && (1.0..=4e9).contains(&value) {
        Ok(value as usize)
    } else {
        Err(format!("`{option} {text}`: a whole number from 1 to 4e9 is meant"))
    }
}
