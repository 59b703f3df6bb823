//! Feature matrices in files: NumPy's `.npy` and `.safetensors`, f32, row-major `[points, columns]`.
//!
//! A `.safetensors` file holds the tensor `features` and says in its metadata what the columns are: `columns` (a JSON
//! list), `groma.schema` (the schema as JSON) and `groma.schema_hash` (SHA-256 of it). A `.npy` file has no room for that.

use super::at::write_at;
use super::whole::WholeFile;
use crate::error::{Error, Result};
use ndarray::Array2;
use ndarray_npy::{ReadNpyExt, write_zeroed_npy};
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

/// A matrix file under construction, whose rows are put in their places in any order, by many threads at once. Rows that
/// nobody puts are zeros. Dropped before [`finish`](Self::finish), it leaves nothing behind.
#[derive(Debug)]
pub struct MatrixFile {
    file: WholeFile,
    rows: usize,
    row_bytes: usize,
    /// Position of the first value.
    values_at: u64,
}

impl MatrixFile {
    /// Begins a `.npy` file of `rows` times `columns` values.
    ///
    /// # Errors
    /// Those of [`WholeFile::create`]; [`Error::InvalidArgument`] for more values than a file holds; [`Error::Io`].
    pub fn npy(path: &Path, rows: usize, columns: usize, overwrite: bool) -> Result<Self> {
        let bytes = size_of_values(path, rows, columns)?;
        let file = WholeFile::create(path, overwrite)?;
        write_zeroed_npy::<f32, _>(file.file(), (rows, columns))
            .map_err(|e| Error::io(path, "write", std::io::Error::other(e)))?;
        let length = file.file().metadata().map_err(|e| Error::io(path, "write", e))?.len();
        Ok(Self { file, rows, row_bytes: 4 * columns, values_at: length - bytes })
    }

    /// Begins a `.safetensors` file of `rows` rows with the columns of `description`.
    ///
    /// # Errors
    /// As [`npy`](Self::npy).
    pub fn safetensors(path: &Path, rows: usize, description: &Description, overwrite: bool) -> Result<Self> {
        let columns = description.columns.len();
        let bytes = size_of_values(path, rows, columns)?;
        let header = safetensors_header(rows, bytes, description)?;
        let file = WholeFile::create(path, overwrite)?;
        let values_at = 8 + header.len() as u64;
        let mut to = file.file();
        to.write_all(&(header.len() as u64).to_le_bytes())
            .and_then(|()| to.write_all(header.as_bytes()))
            .and_then(|()| to.set_len(values_at + bytes))
            .map_err(|e| Error::io(path, "write", e))?;
        Ok(Self { file, rows, row_bytes: 4 * columns, values_at })
    }

    /// Writes whole rows from row `first` on; their values are little-endian f32, row by row.
    ///
    /// # Errors
    /// [`Error::InvalidArgument`] for bytes that are not whole rows of the matrix, [`Error::Io`].
    pub fn put(&self, first: usize, rows: &[u8]) -> Result<()> {
        let count = rows.len() / self.row_bytes.max(1);
        if count * self.row_bytes != rows.len() || first.checked_add(count).is_none_or(|end| end > self.rows) {
            return Err(Error::invalid(
                format!("{} bytes from row {first} of {} on", rows.len(), self.rows),
                format!("pass whole rows of {} bytes that the matrix has", self.row_bytes),
            ));
        }
        let at = self.values_at + first as u64 * self.row_bytes as u64;
        write_at(self.file.file(), rows, at).map_err(|e| Error::io(self.file.path(), "write", e))
    }

    /// Puts the file in its place.
    ///
    /// # Errors
    /// Those of [`WholeFile::publish`].
    pub fn finish(self) -> Result<()> {
        self.file.publish()
    }

    /// Writes all rows of a matrix and puts the file in its place.
    fn fill(self, matrix: &Matrix) -> Result<()> {
        let rows_at_once = (4 * CHUNK / self.row_bytes.max(1)).max(1);
        let mut bytes = Vec::with_capacity(rows_at_once * self.row_bytes);
        for (i, values) in matrix.values.chunks((rows_at_once * matrix.columns).max(1)).enumerate() {
            bytes.clear();
            bytes.extend(values.iter().flat_map(|v| v.to_le_bytes()));
            self.put(i * rows_at_once, &bytes)?;
        }
        self.finish()
    }
}

/// Bytes of all values.
fn size_of_values(path: &Path, rows: usize, columns: usize) -> Result<u64> {
    let bytes = rows.checked_mul(columns).and_then(|n| n.checked_mul(4)).filter(|n| i64::try_from(*n).is_ok());
    bytes.map(|n| n as u64).ok_or_else(|| {
        Error::invalid(format!("{}: {rows} rows of {columns} values", path.display()), "split the matrix")
    })
}

/// Checks that there is one value a row and column.
fn check_shape(path: &Path, matrix: &Matrix) -> Result<()> {
    if matrix.rows.checked_mul(matrix.columns) == Some(matrix.values.len()) {
        return Ok(());
    }
    let (rows, columns, values) = (matrix.rows, matrix.columns, matrix.values.len());
    Err(Error::invalid(
        format!("{}: {values} values for {rows} rows of {columns}", path.display()),
        "pass one value a row and column",
    ))
}

/// Writes a `.npy` file.
///
/// # Errors
/// [`Error::InvalidArgument`] for a shape that does not fit; those of [`MatrixFile`].
pub fn write_npy(path: &Path, matrix: &Matrix, overwrite: bool) -> Result<()> {
    check_shape(path, matrix)?;
    MatrixFile::npy(path, matrix.rows, matrix.columns, overwrite)?.fill(matrix)
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
/// [`Error::InvalidArgument`] for a shape or names that do not fit; those of [`MatrixFile`].
pub fn write_safetensors(path: &Path, matrix: &Matrix, description: &Description, overwrite: bool) -> Result<()> {
    check_shape(path, matrix)?;
    if description.columns.len() != matrix.columns {
        return Err(Error::invalid(
            format!("{} names for {} columns", description.columns.len(), matrix.columns),
            "pass one name a column",
        ));
    }
    MatrixFile::safetensors(path, matrix.rows, description, overwrite)?.fill(matrix)
}

/// What stands before the values: the tensor's place and what its columns are, as JSON.
fn safetensors_header(rows: usize, bytes: u64, description: &Description) -> Result<String> {
    let json = |e: serde_json::Error| Error::internal(format!("a header cannot be written as JSON: {e}"));
    let metadata = BTreeMap::from([
        ("columns", serde_json::to_string(&description.columns).map_err(json)?),
        ("groma.schema", description.schema.clone()),
        ("groma.schema_hash", description.schema_hash.clone()),
    ]);
    let mut header = serde_json::to_string(&serde_json::json!({
        "__metadata__": metadata,
        TENSOR: {
            "dtype": "F32",
            "shape": [rows, description.columns.len()],
            "data_offsets": [0, bytes],
        },
    }))
    .map_err(json)?;
    // The values begin at a multiple of eight.
    while !header.len().is_multiple_of(8) {
        header.push(' ');
    }
    Ok(header)
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
    fn rows_are_put_in_any_order() {
        let folder = tempfile::tempdir().unwrap();
        let bytes: Vec<u8> = matrix().values.iter().flat_map(|v| v.to_le_bytes()).collect();
        let at = |name: &str| folder.path().join(name);
        let files = [
            MatrixFile::npy(&at("a.npy"), 3, 2, false).unwrap(),
            MatrixFile::safetensors(&at("a.safetensors"), 3, &description(), false).unwrap(),
        ];
        for file in files {
            file.put(2, &bytes[16..]).unwrap();
            file.put(0, &bytes[..16]).unwrap();
            assert_eq!(file.put(2, &bytes[..16]).unwrap_err().code(), 100);
            assert_eq!(file.put(0, &bytes[..7]).unwrap_err().code(), 100);
            file.finish().unwrap();
        }
        assert_eq!(read_npy(&at("a.npy")).unwrap(), matrix());
        assert_eq!(read_safetensors(&at("a.safetensors")).unwrap(), (matrix(), description()));
        drop(MatrixFile::npy(&at("b.npy"), 3, 2, false).unwrap());
        assert_eq!(MatrixFile::npy(&at("b.npy"), usize::MAX, 2, false).unwrap_err().code(), 100);
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
