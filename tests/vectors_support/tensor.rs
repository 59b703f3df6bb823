//! Tensors of the cases: what safetensors files hold, and how two are compared.

use safetensors::tensor::{Dtype, SafeTensors, TensorView};
use std::collections::BTreeMap;
use std::path::Path;

/// Tensors by name.
pub type Tensors = BTreeMap<String, Tensor>;

/// A tensor of a file.
#[derive(Clone, Debug, PartialEq)]
pub struct Tensor {
    pub dtype: Dtype,
    pub shape: Vec<usize>,
    /// Row-major, little-endian.
    pub bytes: Vec<u8>,
}

/// A number that tensors hold.
pub trait Element: Copy {
    const DTYPE: Dtype;
    fn put(self, bytes: &mut Vec<u8>);
    fn get(bytes: &[u8]) -> Self;
}

macro_rules! element {
    ($($number:ident $dtype:ident),*) => {$(
        impl Element for $number {
            const DTYPE: Dtype = Dtype::$dtype;
            fn put(self, bytes: &mut Vec<u8>) {
                bytes.extend_from_slice(&self.to_le_bytes());
            }
            fn get(bytes: &[u8]) -> Self {
                Self::from_le_bytes(bytes.try_into().unwrap())
            }
        }
    )*};
}
element!(u8 U8, i8 I8, u16 U16, i16 I16, u32 U32, i32 I32, u64 U64, i64 I64, f32 F32, f64 F64);

impl Tensor {
    pub fn new<T: Element>(values: &[T], shape: &[usize]) -> Self {
        assert_eq!(values.len(), shape.iter().product::<usize>());
        let mut bytes = Vec::with_capacity(size_of_val(values));
        values.iter().for_each(|value| value.put(&mut bytes));
        Self { dtype: T::DTYPE, shape: shape.to_vec(), bytes }
    }

    pub fn row<T: Element>(values: &[T]) -> Self {
        Self::new(values, &[values.len()])
    }

    /// Its numbers; those of another type are the case's fault.
    pub fn values<T: Element>(&self) -> Result<Vec<T>, String> {
        if self.dtype != T::DTYPE {
            return Err(format!("a tensor is {:?}, expected {:?}", self.dtype, T::DTYPE));
        }
        Ok(self.bytes.chunks_exact(size_of::<T>()).map(T::get).collect())
    }

    /// Column `column` of an `[n, k]` tensor.
    pub fn column(&self, column: usize) -> Result<Self, String> {
        let [rows, width] = self.shape[..] else { return Err("a column is asked of what is no matrix".into()) };
        if column >= width {
            return Err(format!("there is no column {column} among {width}"));
        }
        let size = self.bytes.len() / (rows * width).max(1);
        let bytes = self.bytes.chunks_exact(size).skip(column).step_by(width).flatten().copied().collect();
        Ok(Self { dtype: self.dtype, shape: vec![rows], bytes })
    }

    /// How this differs from what is expected; none if it does not by more than `tolerance`.
    pub fn difference(&self, expected: &Self, tolerance: f64) -> Option<String> {
        if (self.dtype, &self.shape) != (expected.dtype, &expected.shape) {
            let of = |tensor: &Self| format!("{:?}{:?}", tensor.dtype, tensor.shape);
            return Some(format!("a tensor is {}, expected {}", of(self), of(expected)));
        }
        let pairs: Vec<(f64, f64)> = match self.dtype {
            Dtype::F32 => pairs::<f32>(self, expected),
            Dtype::F64 => pairs::<f64>(self, expected),
            _ => {
                let at = self.bytes.iter().zip(&expected.bytes).position(|(found, wanted)| found != wanted)?;
                return Some(format!("byte {at} is {}, expected {}", self.bytes[at], expected.bytes[at]));
            }
        };
        let same = |found: f64, wanted: f64| {
            (found - wanted).abs() <= tolerance || found == wanted || found.is_nan() && wanted.is_nan()
        };
        let at = pairs.iter().position(|(found, wanted)| !same(*found, *wanted))?;
        Some(format!("number {at} is {}, expected {} (± {tolerance})", pairs[at].0, pairs[at].1))
    }
}

fn pairs<T: Element + Into<f64>>(found: &Tensor, expected: &Tensor) -> Vec<(f64, f64)> {
    let numbers = |tensor: &Tensor| tensor.values::<T>().unwrap().into_iter().map(Into::into).collect::<Vec<f64>>();
    numbers(found).into_iter().zip(numbers(expected)).collect()
}

/// The tensors of a file; none if it does not exist.
pub fn read(path: &Path) -> Tensors {
    let Ok(bytes) = std::fs::read(path) else { return Tensors::new() };
    let file = SafeTensors::deserialize(&bytes).unwrap_or_else(|e| panic!("{}: {e}", path.display()));
    file.iter()
        .map(|(name, view)| {
            let (dtype, shape) = (view.dtype(), view.shape().to_vec());
            (name.to_string(), Tensor { dtype, shape, bytes: view.data().to_vec() })
        })
        .collect()
}

/// Writes a file, or removes it if there is nothing to hold.
pub fn write(path: &Path, tensors: &Tensors) {
    if tensors.is_empty() {
        let _ = std::fs::remove_file(path);
        return;
    }
    let views = tensors
        .iter()
        .map(|(name, tensor)| (name, TensorView::new(tensor.dtype, tensor.shape.clone(), &tensor.bytes).unwrap()));
    let bytes = safetensors::serialize(views, None).unwrap();
    std::fs::write(path, bytes).unwrap();
}
