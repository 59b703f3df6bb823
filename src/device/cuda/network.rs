//! What stands before and behind a network on the device: its input from features, and what its logits say.

use super::buffer::{Buffer, Plain};
use super::machine::{Argument, launch};
use super::sort::count_of;
use crate::error::Result;
use half::f16;

/// Values that a thread of `assemble.cu` makes, and threads of a block.
const ASSEMBLED: u64 = 2048;
const ASSEMBLE_BLOCK: u32 = 256;
/// Threads of a block of `posterior.cu`, and the logits that it holds.
const POSTERIOR_BLOCK: u32 = 128;
const POSTERIOR_LOGITS: u32 = 4224;
/// A status word that nothing was written to: every bit is set.
const FINE: u64 = u64::MAX;

/// A type of number that a network takes or gives.
pub trait Real: Plain {
    /// The kernel that assembles it; none for a type that no input has.
    const ASSEMBLE: Option<&'static str>;
    /// The kernel that reads logits of it.
    const POSTERIOR: &'static str;
}

impl Real for f32 {
    const ASSEMBLE: Option<&'static str> = Some("assemble_f32");
    const POSTERIOR: &'static str = "posterior_f32";
}

impl Real for f16 {
    const ASSEMBLE: Option<&'static str> = Some("assemble_f16");
    const POSTERIOR: &'static str = "posterior_f16";
}

impl Real for f64 {
    const ASSEMBLE: Option<&'static str> = None;
    const POSTERIOR: &'static str = "posterior_f64";
}

/// `clamp((x − mean) / std, −clip, clip)` of each column, on the device.
#[derive(Debug)]
pub struct Normalization {
    mean: Buffer<f32>,
    std: Buffer<f32>,
    clip: f32,
}

/// Where the first number lies that should not be there; nothing is waited for until it is asked.
#[derive(Debug)]
pub struct Status(Buffer<u64>);

impl Status {
    fn new(machine: &super::Shared, words: usize) -> Result<Self> {
        Ok(Self(Buffer::ones(machine, words)?))
    }

    /// Position of the first value of each kind, if there is one: row · columns + column.
    ///
    /// # Errors
    /// Those of the machine.
    pub fn first(&self) -> Result<Vec<Option<u64>>> {
        Ok(self.0.to_vec()?.into_iter().map(|word| (word != FINE).then_some(word)).collect())
    }
}

impl Normalization {
    /// Brings constants to a device: one of each a column.
    ///
    /// # Errors
    /// Those of the machine.
    ///
    /// # Panics
    /// If there are not as many means as deviations.
    pub fn new(machine: &super::Shared, mean: &[f32], std: &[f32], clip: f32) -> Result<Self> {
        assert_eq!(mean.len(), std.len(), "a mean and a deviation for each column");
        Ok(Self { mean: Buffer::from_slice(machine, mean)?, std: Buffer::from_slice(machine, std)?, clip })
    }

    /// Feature rows as the input of a network. The status says where the first feature is that is not finite, and for 16-bit
    /// numbers, as a second one, the first that is infinite after it was rounded.
    ///
    /// # Errors
    /// Those of the machine; [`Error::Internal`](crate::Error::Internal) for a type that no network takes.
    ///
    /// # Panics
    /// If the features are not whole rows.
    pub fn assemble<T: Real>(&self, features: &Buffer<f32>) -> Result<(Buffer<T>, Status)> {
        let kernel = T::ASSEMBLE.ok_or_else(|| crate::Error::internal("an input of a type that is not assembled"))?;
        let (machine, columns) = (features.machine().clone(), self.mean.len());
        assert!(columns > 0 && features.len().is_multiple_of(columns), "whole rows");
        let tensor = Buffer::<T>::new(&machine, features.len())?;
        let status = Status::new(&machine, 2)?;
        let (from, rows, count) = (features.address(), (features.len() / columns) as u64, count_of(columns));
        let (mean, std, to, word) = (self.mean.address(), self.std.address(), tensor.address(), status.0.address());
        let all_columns = 0u64;
        let threads = (features.len() as u64).div_ceil(ASSEMBLED) * u64::from(ASSEMBLE_BLOCK);
        // SAFETY: as many numbers as features, one constant a column, two words.
        unsafe {
            launch!(machine, kernel, threads, ASSEMBLE_BLOCK;
                Argument::new(&from), Argument::new(&rows), Argument::new(&count), Argument::new(&all_columns),
                Argument::new(&count), Argument::new(&mean), Argument::new(&std), Argument::new(&self.clip),
                Argument::new(&to), Argument::new(&word))?;
        }
        Ok((tensor, status))
    }
}

/// What logits say of each row, on the device.
#[derive(Debug)]
pub struct Said {
    /// The most probable class; the first of several.
    pub class: Buffer<u8>,
    /// Its probability.
    pub confidence: Buffer<f32>,
    /// Entropy of the probabilities in nats.
    pub entropy: Buffer<f32>,
    /// Row-major `[rows, classes]`, where they were asked for.
    pub probabilities: Option<Buffer<f32>>,
    /// Where the first logit is that is not finite.
    pub status: Status,
}

/// Softmax of logits / `temperature`, row by row of `classes`.
///
/// # Errors
/// Those of the machine.
///
/// # Panics
/// If the logits are not whole rows.
pub fn posterior<T: Real>(logits: &Buffer<T>, classes: usize, temperature: f32, probabilities: bool) -> Result<Said> {
    assert!(classes > 0 && logits.len().is_multiple_of(classes), "whole rows");
    let (machine, rows) = (logits.machine().clone(), logits.len() / classes);
    let said = Said {
        class: Buffer::new(&machine, rows)?,
        confidence: Buffer::new(&machine, rows)?,
        entropy: Buffer::new(&machine, rows)?,
        probabilities: probabilities.then(|| Buffer::new(&machine, logits.len())).transpose()?,
        status: Status::new(&machine, 1)?,
    };
    let class_count = count_of(classes);
    let rows_a_block = POSTERIOR_BLOCK.min(POSTERIOR_LOGITS / (class_count | 1));
    let threads = (rows as u64).div_ceil(u64::from(rows_a_block)) * u64::from(POSTERIOR_BLOCK);
    let (from, row_count, order) = (logits.address(), rows as u64, 0u64);
    let to = said.probabilities.as_ref().map_or(0, Buffer::address);
    let (class, confidence, entropy) = (said.class.address(), said.confidence.address(), said.entropy.address());
    let word = said.status.0.address();
    // SAFETY: one of each a row, as many probabilities as logits, one word.
    unsafe {
        launch!(machine, T::POSTERIOR, threads, POSTERIOR_BLOCK;
            Argument::new(&from), Argument::new(&row_count), Argument::new(&class_count),
            Argument::new(&temperature), Argument::new(&order), Argument::new(&to), Argument::new(&class),
            Argument::new(&confidence), Argument::new(&entropy), Argument::new(&word))?;
    }
    Ok(said)
}
