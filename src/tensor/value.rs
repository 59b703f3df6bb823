#![allow(unsafe_code)]
//! One value, with its memory.

use super::{Element, ElementType, Strings};
use crate::error::{Error, Result};
use std::any::Any;
use std::sync::Arc;

/// What a value is; the numbers are those of the C ABI (`GROMA_KIND_…`).
#[non_exhaustive]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(i32)]
pub enum Kind {
    /// An array of numbers or strings.
    Tensor = 1,
    /// A list of values.
    Sequence = 2,
    /// An optional without a value.
    None = 3,
    /// Keys with a value each.
    Map = 4,
}

/// A value that networks take and give. Clones share it; any thread may use it.
#[derive(Clone)]
pub struct Value(Arc<Content>);

enum Content {
    Tensor(Tensor),
    Strings { shape: Vec<i64>, strings: Strings },
    Sequence { items: Vec<Value>, depth: usize },
    None,
    Map { keys: Value, values: Value, depth: usize },
}

/// What keeps the memory of a tensor alive.
pub(crate) type Owner = Box<dyn Any + Send + Sync>;

struct Tensor {
    element_type: ElementType,
    shape: Vec<i64>,
    /// `size` bytes, aligned for the element type; never written while the owner lives.
    data: *const u8,
    size: usize,
    owner: Owner,
}

// SAFETY: the memory is only read, by whoever made the tensor as well, and its owner may be dropped on any thread.
unsafe impl Send for Tensor {}
// SAFETY: as above.
unsafe impl Sync for Tensor {}

/// Memory with the alignment of every element type.
type AlignedBytes = Vec<u128>;

/// More dimensions than any model has; beyond it a number is a mistake.
pub(crate) const MOST_DIMENSIONS: usize = 64;

/// Lists and maps in each other; no network has more than two. What looks into a value, and its end, go as deep on the stack.
const MOST_DEPTH: usize = 16;

impl Value {
    /// A tensor of these numbers, row-major, without a copy.
    ///
    /// # Errors
    /// [`Error::InvalidArgument`] if the shape holds another number of elements.
    pub fn from_vec<T: Element>(values: Vec<T>, shape: &[i64]) -> Result<Self> {
        Self::share(Arc::new(values), Vec::as_slice, shape)
    }

    /// A tensor of numbers inside `owner`, which lives as long as the tensor, without a copy.
    ///
    /// # Errors
    /// As [`from_vec`](Self::from_vec).
    pub fn share<T: Element, O: Send + Sync + 'static>(
        owner: Arc<O>,
        values: impl for<'a> FnOnce(&'a O) -> &'a [T],
        shape: &[i64],
    ) -> Result<Self> {
        Self::share_as(T::TYPE, owner, values, shape)
    }

    /// As [`share`](Self::share), for elements that Rust has no type of its own for: `T` has as many bytes as one
    /// element, as `u16` for [`ElementType::F16`].
    ///
    /// # Errors
    /// As [`from_vec`](Self::from_vec), and if one `T` is not one element.
    pub fn share_as<T: Element, O: Send + Sync + 'static>(
        element_type: ElementType,
        owner: Arc<O>,
        values: impl for<'a> FnOnce(&'a O) -> &'a [T],
        shape: &[i64],
    ) -> Result<Self> {
        if element_type.bits() as usize != size_of::<T>() * 8 || element_type.alignment() > align_of::<T>() {
            return Err(Error::invalid(
                format!("elements of {element_type} were handed over as {}", T::TYPE),
                "use a number of the same size and alignment",
            ));
        }
        let slice = values(&owner);
        let (data, size) = (slice.as_ptr().cast::<u8>(), size_of_val(slice));
        // SAFETY: the slice borrows the content of an `Arc`, which neither moves nor changes through `&` (`values` cannot
        // hand out what a lock or cell guards), and is kept by the tensor. Type and alignment were compared.
        unsafe { Self::over(element_type, shape, data, size, Box::new(owner)) }
    }

    /// A tensor of a copy of these bytes: row-major elements; those smaller than a byte are packed, low bits first.
    ///
    /// # Errors
    /// [`Error::InvalidArgument`] for strings, or if the shape asks for another number of bytes.
    pub fn copy_from(element_type: ElementType, bytes: &[u8], shape: &[i64]) -> Result<Self> {
        check_size(element_type, shape, bytes.len())?;
        // SAFETY: the memory is as long as the bytes, all of which are written, and nobody else's.
        unsafe {
            Self::filled(element_type, shape, |data| std::ptr::copy_nonoverlapping(bytes.as_ptr(), data, bytes.len()))
        }
    }

    /// A tensor over new memory, which `fill` writes.
    ///
    /// # Safety
    /// `fill` writes all bytes that elements of this type and shape take, from the pointer that it is given, and no more.
    ///
    /// # Errors
    /// As [`copy_from`](Self::copy_from), and [`Error::InvalidArgument`] for more than there is memory for.
    pub(super) unsafe fn filled(element_type: ElementType, shape: &[i64], fill: impl FnOnce(*mut u8)) -> Result<Self> {
        let size = size_of_elements(element_type, shape)?;
        let words = size.div_ceil(size_of::<u128>());
        let mut memory = AlignedBytes::new();
        memory.try_reserve_exact(words).map_err(|_| {
            Error::invalid(
                format!("no memory for the {size} bytes of a tensor {element_type}{shape:?}"),
                "pass it in parts, or row-major and aligned, so that it need not be copied",
            )
        })?;
        // SAFETY: so many words are reserved. The last one, of which `fill` may leave a rest, is written first, and `fill`
        // writes all others by the contract of this function. The heap block does not move with the vector, is aligned for
        // everything and kept by the tensor.
        unsafe {
            if let Some(last) = words.checked_sub(1) {
                memory.as_mut_ptr().add(last).write(0);
            }
            fill(memory.as_mut_ptr().cast());
            memory.set_len(words);
            let data = memory.as_ptr().cast();
            Self::over(element_type, shape, data, size, Box::new(memory))
        }
    }

    /// A tensor over memory of the caller, without a copy; of a copy if the memory is not aligned for its elements.
    ///
    /// # Safety
    /// The memory stays, and stays as it is, until the last value that is made of it is dropped.
    ///
    /// # Errors
    /// As [`copy_from`](Self::copy_from).
    pub unsafe fn borrow(element_type: ElementType, bytes: &[u8], shape: &[i64]) -> Result<Self> {
        if !bytes.as_ptr().addr().is_multiple_of(element_type.alignment()) {
            return Self::copy_from(element_type, bytes, shape);
        }
        // SAFETY: aligned, and kept by the contract of this function.
        unsafe { Self::over(element_type, shape, bytes.as_ptr(), bytes.len(), Box::new(())) }
    }

    /// A tensor over memory that `owner` keeps alive.
    ///
    /// # Safety
    /// `data` is valid for reads of `size` bytes, aligned for the element type, and not written until `owner` is dropped.
    ///
    /// # Errors
    /// As [`copy_from`](Self::copy_from).
    pub(crate) unsafe fn over(
        element_type: ElementType,
        shape: &[i64],
        data: *const u8,
        size: usize,
        owner: Owner,
    ) -> Result<Self> {
        check_size(element_type, shape, size)?;
        debug_assert!(data.addr().is_multiple_of(element_type.alignment()));
        Ok(Self::new(Content::Tensor(Tensor { element_type, shape: shape.to_vec(), data, size, owner })))
    }

    /// A tensor of strings, row-major.
    ///
    /// # Errors
    /// [`Error::InvalidArgument`] if the shape holds another number of strings.
    pub fn from_strings(strings: Strings, shape: &[i64]) -> Result<Self> {
        let count = count_of(shape)?;
        if count != strings.len() {
            return Err(Error::invalid(
                format!("{} strings for the shape {shape:?}, which holds {count}", strings.len()),
                "pass one string an element",
            ));
        }
        Ok(Self::new(Content::Strings { shape: shape.to_vec(), strings }))
    }

    /// A list of values.
    ///
    /// # Errors
    /// [`Error::InvalidArgument`] if lists and maps lie more than 16 deep in each other.
    pub fn sequence(items: Vec<Self>) -> Result<Self> {
        let depth = depth_above(&items)?;
        Ok(Self::new(Content::Sequence { items, depth }))
    }

    /// An optional without a value.
    #[must_use]
    pub fn none() -> Self {
        Self::new(Content::None)
    }

    /// Keys, and the value of each: two tensors, or a tensor and a sequence, of the same length.
    ///
    /// # Errors
    /// [`Error::InvalidArgument`] if they differ in length, and if lists and maps lie more than 16 deep in each other.
    pub fn map(keys: Self, values: Self) -> Result<Self> {
        if keys.kind() != Kind::Tensor || keys.count() != values.count() {
            return Err(Error::invalid(
                format!("a map of {} keys and {} values", keys.count(), values.count()),
                "pass a tensor of keys, and as many values",
            ));
        }
        let depth = depth_above(std::slice::from_ref(&values))?;
        Ok(Self::new(Content::Map { keys, values, depth }))
    }

    fn new(content: Content) -> Self {
        Self(Arc::new(content))
    }

    /// What it is.
    #[must_use]
    pub fn kind(&self) -> Kind {
        match &*self.0 {
            Content::Tensor(_) | Content::Strings { .. } => Kind::Tensor,
            Content::Sequence { .. } => Kind::Sequence,
            Content::None => Kind::None,
            Content::Map { .. } => Kind::Map,
        }
    }

    /// Type of a tensor's elements; `None` for what is no tensor.
    #[must_use]
    pub fn element_type(&self) -> Option<ElementType> {
        match &*self.0 {
            Content::Tensor(tensor) => Some(tensor.element_type),
            Content::Strings { .. } => Some(ElementType::String),
            _ => None,
        }
    }

    /// Sizes of a tensor's dimensions; none for a single element, and for what is no tensor.
    #[must_use]
    pub fn shape(&self) -> &[i64] {
        match &*self.0 {
            Content::Tensor(Tensor { shape, .. }) | Content::Strings { shape, .. } => shape,
            _ => &[],
        }
    }

    /// Elements of a tensor, items of a sequence, pairs of a map, 0 for nothing.
    #[must_use]
    pub fn count(&self) -> usize {
        match &*self.0 {
            Content::Tensor(tensor) => count_of(&tensor.shape).unwrap_or_default(),
            Content::Strings { strings, .. } => strings.len(),
            Content::Sequence { items, .. } => items.len(),
            Content::None => 0,
            Content::Map { keys, .. } => keys.count(),
        }
    }

    /// The elements of a tensor that is not of strings, as they lie in memory.
    #[must_use]
    pub fn as_bytes(&self) -> Option<&[u8]> {
        let Content::Tensor(tensor) = &*self.0 else { return None };
        // SAFETY: so many bytes can be read as long as the tensor lives, which is borrowed; for an empty one the pointer may
        // be null, and is not used.
        Some(if tensor.size == 0 { &[] } else { unsafe { std::slice::from_raw_parts(tensor.data, tensor.size) } })
    }

    /// The elements of a tensor of `T`; `None` for any other value.
    #[must_use]
    pub fn as_slice<T: Element>(&self) -> Option<&[T]> {
        (self.element_type()? == T::TYPE).then(|| self.as_words())?
    }

    /// The elements of a tensor whose elements have size and alignment of `T`, as `u16` for [`ElementType::F16`].
    #[must_use]
    pub fn as_words<T: Element>(&self) -> Option<&[T]> {
        let bytes = self.as_bytes()?;
        let element_type = self.element_type()?;
        if element_type.bits() as usize != size_of::<T>() * 8 || element_type.alignment() < align_of::<T>() {
            return None;
        }
        if bytes.is_empty() {
            return Some(&[]);
        }
        // SAFETY: not empty, so this is the tensor's own memory: aligned for its elements, and any bytes make a valid `T`.
        Some(unsafe { std::slice::from_raw_parts(bytes.as_ptr().cast(), bytes.len() / size_of::<T>()) })
    }

    /// The strings of a tensor of strings.
    #[must_use]
    pub fn as_strings(&self) -> Option<&Strings> {
        match &*self.0 {
            Content::Strings { strings, .. } => Some(strings),
            _ => None,
        }
    }

    /// The items of a sequence.
    #[must_use]
    pub fn items(&self) -> Option<&[Self]> {
        match &*self.0 {
            Content::Sequence { items, .. } => Some(items),
            _ => None,
        }
    }

    /// Keys and values of a map.
    #[must_use]
    pub fn pairs(&self) -> Option<(&Self, &Self)> {
        match &*self.0 {
            Content::Map { keys, values, .. } => Some((keys, values)),
            _ => None,
        }
    }

    /// Type and shape for people: `f32[3, 4]`, `sequence of 2`, `none`.
    #[must_use]
    pub fn describe(&self) -> String {
        match &*self.0 {
            Content::Tensor(Tensor { element_type, shape, .. }) => format!("{element_type}{shape:?}"),
            Content::Strings { shape, .. } => format!("{}{shape:?}", ElementType::String),
            Content::Sequence { items, .. } => format!("sequence of {}", items.len()),
            Content::None => "none".into(),
            Content::Map { keys, .. } => format!("map of {}", keys.count()),
        }
    }
}

impl std::fmt::Debug for Value {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Value({})", self.describe())
    }
}

impl std::fmt::Debug for Tensor {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        // The owner is there to be dropped, not to be looked at.
        let _ = &self.owner;
        f.debug_struct("Tensor").field("element_type", &self.element_type).field("shape", &self.shape).finish()
    }
}

/// Number of elements of a shape.
///
/// # Errors
/// [`Error::InvalidArgument`] for negative sizes, too many dimensions, and more elements than memory can hold.
pub(crate) fn count_of(shape: &[i64]) -> Result<usize> {
    if shape.len() > MOST_DIMENSIONS {
        return Err(Error::invalid(
            format!("a tensor of {} dimensions", shape.len()),
            format!("use at most {MOST_DIMENSIONS}"),
        ));
    }
    let mut count = Some(1_usize);
    let mut empty = false;
    for &size in shape {
        let Ok(size) = usize::try_from(size) else {
            return Err(Error::invalid(format!("the shape {shape:?} has a negative size"), "pass sizes of 0 and more"));
        };
        empty |= size == 0;
        count = count.and_then(|count| count.checked_mul(size));
    }
    if empty {
        return Ok(0);
    }
    count.filter(|count| isize::try_from(*count).is_ok()).ok_or_else(|| {
        Error::invalid(format!("the shape {shape:?} holds more than memory can"), "pass the shape of the data")
    })
}

/// The depth of a list or map of `parts`.
fn depth_above(parts: &[Value]) -> Result<usize> {
    let depth = |value: &Value| match &*value.0 {
        Content::Sequence { depth, .. } | Content::Map { depth, .. } => *depth,
        Content::Tensor(_) | Content::Strings { .. } | Content::None => 0,
    };
    let depth = parts.iter().map(depth).max().unwrap_or_default() + 1;
    if depth > MOST_DEPTH {
        return Err(Error::invalid(
            format!("a value of lists or maps {depth} deep in each other"),
            format!("nest at most {MOST_DEPTH}"),
        ));
    }
    Ok(depth)
}

/// Bytes of the elements of a tensor.
fn size_of_elements(element_type: ElementType, shape: &[i64]) -> Result<usize> {
    let count = count_of(shape)?;
    element_type.bytes(count).ok_or_else(|| {
        Error::invalid(
            format!("a tensor {element_type}{shape:?} over plain bytes"),
            "use the function for strings, and no more elements than memory holds",
        )
    })
}

fn check_size(element_type: ElementType, shape: &[i64], size: usize) -> Result<()> {
    let expected = size_of_elements(element_type, shape)?;
    if size != expected {
        return Err(Error::invalid(
            format!("{size} bytes for a tensor {element_type}{shape:?}, which takes {expected}"),
            "pass all elements, row-major without gaps",
        ));
    }
    Ok(())
}

#[cfg(test)]
#[path = "value_tests.rs"]
mod tests;
