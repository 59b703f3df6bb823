//! Values that networks take and give: tensors of every ONNX element type, strings, sequences, maps, and nothing.
//!
//! A [`Value`] never changes and is cheap to clone; its memory lives as long as the last value that is made of it. It is
//! row-major without gaps, in main memory, and as often as possible the very memory that it was made of: a `Vec`, an array
//! inside another object, memory of the caller, a tensor of another library (DLPack).

mod dlpack;
mod element;
mod strings;
mod value;

pub use dlpack::{DlDataType, DlDevice, DlManagedTensor, DlTensor};
pub use element::{Element, ElementType};
pub use strings::Strings;
pub use value::{Kind, Value};
pub(crate) use value::{MOST_DIMENSIONS, count_of};
