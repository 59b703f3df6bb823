//! Feature matrices in files: NumPy's `.npy` and `.safetensors`, f32, row-major `[points, columns]`.
//!
//! A `.safetensors` file holds the tensor `features` and says in its metadata what the columns are: `columns` (a JSON
//! list), `groma.schema` (the schema as JSON) and `groma.schema_hash` (SHA-256 of it). A `.npy` file has no room for that.

use super::whole::write_whole;
use crate::error::{Error, Result};
use ndarray::{Array2, ArrayView2};
use ndarray_npy::{ReadNpyExt, WriteNpyExt};
use safetensors::{Dtype, SafeTensors};
use std::collections::BTreeMap;
use std::io::Write;
use std::path::Path;

/// Name of the tensor in a `.safetensors` file.
pub const TENSOR: &str = "features";
/// Values converted to bytes at once.
const CHUNK: usize = 1 << 16;
/// A `.npy` header is at most this long here; NumPy writes a hundred bytes.
const LONGEST_HEADER: usize = 4096;

/// What the columns of a matrix are.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Description {
    /// Names, in order.
    pub columns: Vec<String>,
    /// The schema as JSON.
    pub schema: String,
    /// SHA-256 of the schema, in hexadecimal.
    pub schema_hash: String,
}

/// Values with their shape.
#[derive(Clone, Debug, PartialEq)]
pub struct Matrix {
    /// Number of rows: points.
    pub rows: usize,
    /// Number of columns: features.
    pub columns: usize,
    /// Row-major `[rows, columns]`.
    pub values: Vec<f32>,
}

impl Matrix {
    /// Borrows as `[rows, columns]`.
    fn view(&self, path: &Path) -> Result<ArrayView2<'_, f32>> {
        ArrayView2::from_shape((self.rows, self.columns), &self.values).map_err(|_| {
            Error::invalid(
                format!("{}: {} values for {} rows of {}", path.display(), self.values.len(), self.rows, self.columns),
                "pass one value a row and column",
            )
        })
    }
}

/// Writes a `.npy` file.
///
/// # Errors
/// [`Error::InvalidArgument`] for a shape that does not fit; those of [`write_whole`].
pub fn write_npy(path: &Path, matrix: &Matrix, overwrite: bool) -> Result<()> {
    let view = matrix.view(path)?;
    write_whole(path, overwrite, |writer| view.write_npy(writer).map_err(std::io::Error::other))
}

/// Reads a `.npy` file of two dimensions of f32.
///
/// # Errors
/// [`Error::NotFound`], [`Error::Io`], [`Error::Malformed`].
pub fn read_npy(path: &Path) -> Result<Matrix> {
    let bytes = std::fs::read(path).map_err(|e| Error::io(path, "read", e))?;
    check_npy_length(path, &bytes)?;
    let array =
        Array2::<f32>::read_npy(bytes.as_slice()).map_err(|e| Error::malformed(path, "byte 0", e.to_string()))?;
    let (rows, columns) = array.dim();
    Ok(Matrix { rows, columns, values: array.iter().copied().collect() })
}

/// The reader allocates what the header says: it must not say more than the file holds.
fn check_npy_length(path: &Path, bytes: &[u8]) -> Result<()> {
    let header = String::from_utf8_lossy(&bytes[..bytes.len().min(LONGEST_HEADER)]);
    let shape = header
        .split_once("'shape':")
        .and_then(|(_, rest)| rest.split_once('(')?.1.split_once(')'))
        .ok_or_else(|| Error::malformed(path, "byte 0", "it has no header of a .npy file"))?
        .0;
    let numbers: Option<Vec<usize>> =
        shape.split(',').map(str::trim).filter(|s| !s.is_empty()).map(|s| s.parse().ok()).collect();
    let values = numbers.and_then(|n| n.iter().try_fold(4usize, |product, v| product.checked_mul(*v)));
    match values {
        Some(needed) if needed <= bytes.len() => Ok(()),
        _ => Err(Error::malformed(
            path,
            format!("byte {}", bytes.len()),
            format!("the header promises the shape ({shape}), which the file is too short for"),
        )),
    }
}

/// Writes a `.safetensors` file.
///
/// # Errors
/// [`Error::InvalidArgument`] for a shape or names that do not fit; those of [`write_whole`].
pub fn write_safetensors(path: &Path, matrix: &Matrix, description: &Description, overwrite: bool) -> Result<()> {
    matrix.view(path)?;
    if description.columns.len() != matrix.columns {
        return Err(Error::invalid(
            format!("{} names for {} columns", description.columns.len(), matrix.columns),
            "pass one name a column",
        ));
    }
    let json = |e: serde_json::Error| Error::internal(format!("a header cannot be written as JSON: {e}"));
    let metadata = BTreeMap::from([
        ("columns", serde_json::to_string(&description.columns).map_err(json)?),
        ("groma.schema", description.schema.clone()),
        ("groma.schema_hash", description.schema_hash.clone()),
    ]);
    // The format: length of the header, the header as JSON, the values. Written piece by piece, so that a large matrix is
    // not copied as a whole.
    let mut header = serde_json::to_string(&serde_json::json!({
        "__metadata__": metadata,
        TENSOR: {
            "dtype": "F32",
            "shape": [matrix.rows, matrix.columns],
            "data_offsets": [0, 4 * matrix.values.len()],
        },
    }))
    .map_err(json)?;
    // The values begin at a multiple of eight.
    while !header.len().is_multiple_of(8) {
        header.push(' ');
    }
    write_whole(path, overwrite, |writer| {
        writer.write_all(&(header.len() as u64).to_le_bytes())?;
        writer.write_all(header.as_bytes())?;
        let mut bytes = Vec::with_capacity(4 * CHUNK);
        for chunk in matrix.values.chunks(CHUNK) {
            bytes.clear();
            bytes.extend(chunk.iter().flat_map(|v| v.to_le_bytes()));
            writer.write_all(&bytes)?;
        }
        Ok(())
    })
}

/// Reads a `.safetensors` file that [`write_safetensors`] wrote.
///
/// # Errors
/// [`Error::NotFound`], [`Error::Io`], [`Error::Malformed`] for one that has no such tensor or no such metadata.
pub fn read_safetensors(path: &Path) -> Result<(Matrix, Description)> {
    let bytes = std::fs::read(path).map_err(|e| Error::io(path, "read", e))?;
    let broken = |what: String| Error::malformed(path, "the header", what);
    let (_, header) = SafeTensors::read_metadata(&bytes).map_err(|e| broken(e.to_string()))?;
    let text = |key: &str| {
        let metadata = header.metadata().as_ref();
        metadata.and_then(|m| m.get(key)).cloned().ok_or_else(|| broken(format!("its metadata has no `{key}`")))
    };
    let names = text("columns")?;
    let description = Description {
        columns: serde_json::from_str(&names).map_err(|e| broken(format!("`columns`: {e}")))?,
        schema: text("groma.schema")?,
        schema_hash: text("groma.schema_hash")?,
    };
    let tensors = SafeTensors::deserialize(&bytes).map_err(|e| broken(e.to_string()))?;
    let tensor = tensors.tensor(TENSOR).map_err(|e| broken(e.to_string()))?;
    let (Dtype::F32, &[rows, columns]) = (tensor.dtype(), tensor.shape()) else {
        return Err(broken(format!(
            "`{TENSOR}` is {:?} {:?}, not F32 of two dimensions",
            tensor.dtype(),
            tensor.shape()
        )));
    };
    if columns != description.columns.len() {
        return Err(broken(format!("{} names for {columns} columns", description.columns.len())));
    }
    let values = tensor.data().chunks_exact(4).map(|b| f32::from_le_bytes([b[0], b[1], b[2], b[3]])).collect();
    Ok((Matrix { rows, columns, values }, description))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn matrix() -> Matrix {
        Matrix { rows: 3, columns: 2, values: vec![0.5, -1.0, f32::MIN_POSITIVE, 1e30, -0.0, 7.25] }
    }

    fn description() -> Description {
        Description {
            columns: vec!["planarity@k20".into(), "normal_z@k20".into()],
            schema: r#"{"version":1}"#.into(),
            schema_hash: "ab12".into(),
        }
    }

    #[test]
    fn what_is_written_is_read_again() {
        let folder = tempfile::tempdir().unwrap();
        let (npy, tensors) = (folder.path().join("a.npy"), folder.path().join("a.safetensors"));
        write_npy(&npy, &matrix(), false).unwrap();
        assert_eq!(read_npy(&npy).unwrap(), matrix());
        write_safetensors(&tensors, &matrix(), &description(), false).unwrap();
        assert_eq!(read_safetensors(&tensors).unwrap(), (matrix(), description()));
        assert_eq!(write_npy(&npy, &matrix(), false).unwrap_err().code(), 205);
        write_npy(&npy, &Matrix { rows: 0, columns: 2, values: Vec::new() }, true).unwrap();
        assert_eq!(read_npy(&npy).unwrap().rows, 0);
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 2);
    }

    #[test]
    fn shapes_and_names_must_fit() {
        let folder = tempfile::tempdir().unwrap();
        let wrong = Matrix { rows: 4, ..matrix() };
        assert_eq!(write_npy(&folder.path().join("a.npy"), &wrong, false).unwrap_err().code(), 100);
        let few = Description { columns: vec!["one".into()], ..description() };
        assert!(write_safetensors(&folder.path().join("a.safetensors"), &matrix(), &few, false).is_err());
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 0);
    }

    #[test]
    fn damaged_files_are_refused_before_anything_is_allocated() {
        let folder = tempfile::tempdir().unwrap();
        let (npy, tensors) = (folder.path().join("a.npy"), folder.path().join("a.safetensors"));
        write_npy(&npy, &matrix(), false).unwrap();
        write_safetensors(&tensors, &matrix(), &description(), false).unwrap();
        let text = |path: &Path| std::fs::read(path).unwrap();
        let good = text(&npy);
        let at = good.windows(6).position(|w| w == b"(3, 2)").unwrap();
        let mut vast = good.clone();
        vast.splice(at..at + 6, *b"(9999999999999, 2)");
        for bytes in [&good[..good.len() - 1], &good[..20], &vast, b"not a matrix"] {
            std::fs::write(&npy, bytes).unwrap();
            assert_eq!(read_npy(&npy).unwrap_err().code(), 202);
        }
        let good = text(&tensors);
        for bytes in [&good[..good.len() - 1], &good[..9], &[0xff; 64]] {
            std::fs::write(&tensors, bytes).unwrap();
            assert_eq!(read_safetensors(&tensors).unwrap_err().code(), 202);
        }
        assert_eq!(read_npy(Path::new("no/such.npy")).unwrap_err().code(), 201);
    }
}
