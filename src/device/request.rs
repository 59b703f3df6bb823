//! What a caller asks for when it names a device.

use crate::error::{Error, Result};
use std::fmt;
use std::str::FromStr;

/// Devices that are asked for, as `auto`, `cpu`, `cuda`, `cuda:0`, `cuda:0,2` or `all`.
///
/// Written and parsed alike: what [`fmt::Display`] gives is the request again.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub enum Request {
    /// `auto`: the GPUs if any is usable, else the CPU; the result says which it was.
    #[default]
    Auto,
    /// `cpu`: the CPU, whatever else there is.
    Cpu,
    /// `cuda`: the least loaded GPU; none is an error.
    Cuda,
    /// `cuda:0`, `cuda:0,2`: these GPUs, numbered as the driver numbers them, each once and at least one; if any of them is
    /// not usable, that is an error. The first does what only one can do.
    CudaDevices(Vec<u16>),
    /// `all`: every usable GPU; none is an error.
    All,
}

impl Request {
    /// The request of a caller that may have said nothing, which means [`Request::Auto`].
    ///
    /// # Errors
    /// As [`Request::from_str`].
    pub fn of(name: Option<&str>) -> Result<Self> {
        name.map_or(Ok(Self::Auto), str::parse)
    }

    /// Whether the CPU may serve it.
    #[must_use]
    pub fn admits_cpu(&self) -> bool {
        matches!(self, Self::Auto | Self::Cpu)
    }
}

impl FromStr for Request {
    type Err = Error;

    /// # Errors
    /// [`Error::InvalidArgument`] for a name that is none, or for numbers that are missing, repeated, above 65535, or not
    /// plain digits; it says what is wrong with it.
    fn from_str(text: &str) -> Result<Self> {
        let refuse = |why: &str| {
            let remedy = "ask for `auto`, `cpu`, `cuda`, `cuda:N`, `cuda:N,M` or `all`";
            Err(Error::invalid(format!("the device `{text}`{why}"), remedy))
        };
        match text {
            "auto" => return Ok(Self::Auto),
            "cpu" => return Ok(Self::Cpu),
            "cuda" => return Ok(Self::Cuda),
            "all" => return Ok(Self::All),
            "" => return refuse(" is an empty name"),
            _ => {}
        }
        if text.contains(char::is_whitespace) {
            return refuse(" has a space in it");
        }
        let Some(list) = text.strip_prefix("cuda:") else {
            let lower = text.to_lowercase();
            let known = lower != text && lower.parse::<Self>().is_ok();
            return refuse(if known { " is not written in lower case" } else { "" });
        };
        if list.is_empty() {
            return refuse(" has no number behind the colon");
        }
        let mut numbers = Vec::new();
        for part in list.split(',') {
            if part.is_empty() {
                return refuse(" has a comma without a number");
            }
            // `parse` alone would take a sign.
            if !part.bytes().all(|b| b.is_ascii_digit()) {
                return refuse(&format!(": `{part}` is not a number"));
            }
            let Ok(number) = part.parse::<u16>() else {
                return refuse(&format!(": {part} is above 65535"));
            };
            if numbers.contains(&number) {
                return refuse(&format!(" names GPU {number} twice"));
            }
            numbers.push(number);
        }
        Ok(Self::CudaDevices(numbers))
    }
}

impl fmt::Display for Request {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Auto => f.write_str("auto"),
            Self::Cpu => f.write_str("cpu"),
            Self::Cuda => f.write_str("cuda"),
            Self::All => f.write_str("all"),
            Self::CudaDevices(numbers) => {
                for (i, number) in numbers.iter().enumerate() {
                    write!(f, "{}{number}", if i == 0 { "cuda:" } else { "," })?;
                }
                Ok(())
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn names_are_understood() {
        assert_eq!(Request::of(None).unwrap(), Request::Auto);
        for (text, request) in [
            ("auto", Request::Auto),
            ("cpu", Request::Cpu),
            ("cuda", Request::Cuda),
            ("all", Request::All),
            ("cuda:0", Request::CudaDevices(vec![0])),
            ("cuda:2,0", Request::CudaDevices(vec![2, 0])),
            ("cuda:65535", Request::CudaDevices(vec![65535])),
        ] {
            assert_eq!(Request::of(Some(text)).unwrap(), request);
            assert_eq!(request.to_string(), text);
            assert_eq!(request.admits_cpu(), ["auto", "cpu"].contains(&text), "{text}");
        }
    }

    #[test]
    fn a_name_that_is_none_says_why() {
        for (text, why) in [
            ("", "is an empty name"),
            ("gpu", "the device `gpu`;"),
            ("cpu:0", "the device `cpu:0`;"),
            ("CUDA:1", "is not written in lower case"),
            (" cpu", "has a space in it"),
            ("cuda:0, 2", "has a space in it"),
            ("cuda:", "has no number behind the colon"),
            ("cuda:,", "has a comma without a number"),
            ("cuda:0,", "has a comma without a number"),
            ("cuda:0,,1", "has a comma without a number"),
            ("cuda:-1", "`-1` is not a number"),
            ("cuda:+1", "`+1` is not a number"),
            ("cuda:x", "`x` is not a number"),
            ("cuda:0-3", "`0-3` is not a number"),
            ("cuda:65536", "65536 is above 65535"),
            ("cuda:99999999999999999999", "is above 65535"),
            ("cuda:1,0,01", "names GPU 1 twice"),
        ] {
            let error = Request::of(Some(text)).unwrap_err();
            assert_eq!(error.code(), 100, "{text}");
            assert!(error.to_string().contains(why), "{text}: {error}");
        }
    }

    proptest! {
        #[test]
        fn what_is_written_is_read_again(numbers in prop::collection::hash_set(any::<u16>(), 1..9)) {
            let request = Request::CudaDevices(numbers.into_iter().collect());
            prop_assert_eq!(request.to_string().parse::<Request>().unwrap(), request);
        }

        #[test]
        fn no_text_is_taken_for_another(text in "(cuda:)?[0-9a-z,: +-]{0,8}") {
            if let Ok(request) = text.parse::<Request>() {
                // Apart from zeros in front, what was understood is what was said.
                let plain: Vec<String> = text.split(',').map(|part| {
                    let (head, digits) = part.split_at(part.find(|c: char| c.is_ascii_digit()).unwrap_or(part.len()));
                    let short = digits.trim_start_matches('0');
                    format!("{head}{}", if short.is_empty() && !digits.is_empty() { "0" } else { short })
                }).collect();
                prop_assert_eq!(request.to_string(), plain.join(","));
            }
        }
    }
}
