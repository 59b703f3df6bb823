//! Exit codes: what a script learns without reading the output.

use groma::Error;
use std::process::ExitCode;

/// The codes, as `--help` lists them.
pub const HELP: &str = "\
Exit codes:
    0  everything was done
    1  several inputs, and at least one of them failed (the others are done)
    2  the command line is not understood
   10  an argument is out of range or contradicts another
   20  a file cannot be read or written, or is damaged
   30  the model or ONNX Runtime cannot be used
   40  the device that was asked for cannot be used
   70  an internal error; please report it
  130  stopped by Ctrl-C or a signal

With --json, standard output carries one JSON object a line: for each file {\"status\":\"ok\",…} with what was done, or
{\"status\":\"error\",\"input\",\"code\",\"message\"}, and at the end {\"status\":\"summary\",\"files\",\"ok\",\"failed\",\"seconds\"}.
Error codes are those of the C interface: 1xx argument, 2xx file, 3xx model, 4xx device, 500 cancelled, 9xx internal.
Colours, progress and errors go to standard error.";

/// How a run ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Exit(u8);

impl Exit {
    /// Everything was done.
    pub const DONE: Self = Self(0);
    /// Some of several inputs failed.
    pub const SOME_FAILED: Self = Self(1);
    /// No model can run on this machine as it is.
    pub const NO_RUNTIME: Self = Self(30);

    /// The code of an error that ended the run.
    pub fn of(error: &Error) -> Self {
        Self(match error.code() / 100 {
            1 => 10,
            2 => 20,
            3 => 30,
            4 => 40,
            5 => 130,
            _ => 70,
        })
    }

    /// For `main`.
    pub fn code(self) -> ExitCode {
        ExitCode::from(self.0)
    }
}
