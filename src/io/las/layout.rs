//! Where added dimensions go in the written records, and what the extra-bytes record says of them.

use super::extra_bytes::{Descriptor, DimensionType, NewDimension, TEXT_LENGTH, cut, forget_range, undocumented};
use super::header::LasHeader;
use super::point_format::PointFormat;
use crate::error::{Error, Result};
use std::path::Path;

/// A dimension of the output that the caller fills.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Slot {
    /// The name that it has in the output.
    pub name: String,
    /// The type of its values.
    pub kind: DimensionType,
    /// Position of its first byte in the written record.
    pub at: usize,
}

/// The records of the output.
#[derive(Debug)]
pub(super) struct Layout {
    /// One a new dimension, in their order.
    pub slots: Vec<Slot>,
    /// Bytes of a written record.
    pub record_length: usize,
    /// The whole content of the extra-bytes record, if it is not what it was.
    pub descriptors: Option<Vec<u8>>,
}

impl Layout {
    /// Places the new dimensions.
    ///
    /// A dimension that the file has under the same name and with the same type (and neither scale, offset nor a no-data
    /// value) is used again. Under a name that is taken by another type, the new one gets `_2`, `_3`, … at its end. Bytes
    /// that nothing describes are described as undocumented before anything is added behind them.
    ///
    /// # Errors
    /// [`Error::InvalidArgument`] for names that cannot be, or records longer than 65535 bytes; [`Error::Malformed`] if
    /// the file's own descriptors contradict its records, so that nothing can be added.
    pub(super) fn plan(path: &Path, header: &LasHeader, target: PointFormat, new: &[NewDimension]) -> Result<Self> {
        let had = usize::from(header.record_length) - header.format().length;
        let mut this =
            Self { slots: Vec::with_capacity(new.len()), record_length: target.length + had, descriptors: None };
        if new.is_empty() {
            return Ok(this);
        }
        let contradiction = |what: String| Error::malformed(path, "the extra-bytes record", what);
        // Name, whether it can be used, position of its values, position of its descriptor.
        let mut existing = Vec::new();
        let mut described = 0;
        for (i, d) in Descriptor::all(&header.descriptors).enumerate() {
            let size = d.size().ok_or_else(|| contradiction(format!("dimension {i} has unknown type {}", d.0[2])))?;
            existing.push((d.name(), d, target.length + described, i * d.0.len()));
            described += size;
        }
        if described > had {
            return Err(contradiction(format!("it describes {described} bytes, the points have {had}")));
        }
        let mut descriptors = header.descriptors.clone();
        let mut added = Vec::new();
        for dimension in new {
            dimension.validated()?;
            if new.iter().filter(|d| d.name == dimension.name).count() > 1 {
                return Err(Error::invalid(
                    format!("two new dimensions are named `{}`", dimension.name),
                    "give each its own name",
                ));
            }
            for name in candidates(&dimension.name) {
                if this.slots.iter().any(|s| s.name == name) {
                    continue;
                }
                let same: Vec<_> = existing.iter().filter(|(n, ..)| *n == name).collect();
                let at = match same.iter().find(|(_, d, ..)| d.takes(dimension.kind)) {
                    Some((_, d, at, descriptor)) => {
                        forget_range(&mut descriptors[*descriptor..descriptor + d.0.len()]);
                        *at
                    }
                    None if same.is_empty() => {
                        added.extend(dimension.descriptor(&name));
                        this.record_length += dimension.kind.size();
                        this.record_length - dimension.kind.size()
                    }
                    None => continue,
                };
                this.slots.push(Slot { name, kind: dimension.kind, at });
                break;
            }
        }
        if !added.is_empty() {
            descriptors.extend(undocumented(had - described));
            descriptors.extend(added);
        }
        if this.record_length > usize::from(u16::MAX) {
            return Err(Error::invalid(
                format!("the new dimensions make a record {} bytes long", this.record_length),
                "add fewer: a record has at most 65535 bytes",
            ));
        }
        this.descriptors = Some(descriptors).filter(|d| *d != header.descriptors);
        Ok(this)
    }
}

/// The name itself, then the same with `_2`, `_3`, …, always short enough for a descriptor.
fn candidates(name: &str) -> impl Iterator<Item = String> {
    std::iter::once(name.to_owned()).chain((2..).map(move |i: u32| {
        let suffix = format!("_{i}");
        format!("{}{suffix}", cut(name, TEXT_LENGTH - suffix.len()))
    }))
}
