//! Named tensors in `.safetensors` files, read strictly and written whole.
//!
//! A file is eight bytes of header length, a JSON header, and the tensors without gaps. Reading trusts nothing: what the
//! header claims is compared with the file's size before memory is asked for. Besides the tensors, and once more the largest
//! of them, memory holds the header (at most 100 MB), its names, and less than 2 KiB for each of at most 262,144 entries.
//! Messages quote the beginning of what may be long.

use super::whole::write_whole;
use crate::error::{Error, Result};
use crate::tensor::{ElementType, Kind, Value};
use serde::Deserialize;
use serde::de::{Deserializer, Error as _, MapAccess, SeqAccess, Visitor};
use serde_json::json;
use std::borrow::Cow;
use std::collections::BTreeMap;
use std::fs::File;
use std::io::{BufReader, Read, Write};
use std::marker::PhantomData;
use std::path::Path;

/// The key of the metadata in the header.
const METADATA: &str = "__metadata__";
/// Bytes of the header's length in front of the header.
const LENGTH_BYTES: u64 = 8;
/// Other readers refuse longer headers.
const LONGEST_HEADER: u64 = 100_000_000;
/// Tensors of a file, and entries of its metadata: ten times what the largest networks have with all their states.
const MOST_ENTRIES: usize = 1 << 18;
/// Values end there too.
const MOST_DIMENSIONS: usize = 64;
/// Letters of a name in a message, and of what a parser says.
const SHOWN_OF_NAME: usize = 80;
const SHOWN_OF_REASON: usize = 200;
/// Dimensions of a shape in a message.
const SHOWN_DIMENSIONS: usize = 8;

/// What a file holds.
#[derive(Clone, Debug, Default)]
pub struct Tensors {
    /// The metadata; empty if there is none.
    pub metadata: BTreeMap<String, String>,
    /// Names and tensors, in the order of the file.
    pub tensors: Vec<(String, Value)>,
}

/// The format's name of an element type, if it has one.
#[must_use]
pub fn type_name(element_type: ElementType) -> Option<&'static str> {
    TYPES.iter().find(|(own, _)| *own == element_type).map(|(_, name)| *name)
}

/// The types that both sides have.
const TYPES: [(ElementType, &str); 19] = [
    (ElementType::Bool, "BOOL"),
    (ElementType::U8, "U8"),
    (ElementType::I8, "I8"),
    (ElementType::U16, "U16"),
    (ElementType::I16, "I16"),
    (ElementType::U32, "U32"),
    (ElementType::I32, "I32"),
    (ElementType::U64, "U64"),
    (ElementType::I64, "I64"),
    (ElementType::F16, "F16"),
    (ElementType::Bf16, "BF16"),
    (ElementType::F32, "F32"),
    (ElementType::F64, "F64"),
    (ElementType::C64, "C64"),
    (ElementType::F8E4M3Fn, "F8_E4M3"),
    (ElementType::F8E4M3FnUz, "F8_E4M3FNUZ"),
    (ElementType::F8E5M2, "F8_E5M2"),
    (ElementType::F8E5M2FnUz, "F8_E5M2FNUZ"),
    (ElementType::F8E8M0, "F8_E8M0"),
];

/// Types of the format that have no counterpart: a sound file may hold them.
const FOREIGN_TYPES: [&str; 3] = ["F4", "F6_E2M3", "F6_E3M2"];

/// Reads a file.
///
/// # Errors
/// [`Error::NotFound`], [`Error::Io`]; [`Error::Malformed`] with the place for a damaged file; [`Error::Unsupported`] for
/// element types that values do not have.
pub fn read(path: &Path) -> Result<Tensors> {
    let io = |e| Error::io(path, "read", e);
    let file = File::open(path).map_err(|e| Error::io(path, "open", e))?;
    let metadata = file.metadata().map_err(io)?;
    if !metadata.is_file() {
        return Err(Error::Unsupported {
            path: path.to_path_buf(),
            what: "it is not a regular file".into(),
            remedy: "name a .safetensors file".into(),
        });
    }
    let mut file = BufReader::new(file);
    let (header, data_bytes) = read_header(path, &mut file, metadata.len())?;
    let entries = ordered(path, &header, data_bytes)?;
    let mut tensors = Vec::with_capacity(entries.len());
    let mut bytes = Vec::new();
    for Entry { name, element_type, shape, size } in entries {
        let shape: Vec<i64> = shape.iter().map(|&n| n.cast_signed()).collect();
        // At most the rest of the file, as was checked.
        bytes.resize(size, 0);
        file.read_exact(&mut bytes).map_err(io)?;
        let value = Value::copy_from(element_type, &bytes, &shape);
        tensors.push((name.to_string(), value.map_err(|e| damaged(path, &place(name), e.to_string()))?));
    }
    Ok(Tensors { metadata: header.metadata, tensors })
}

fn damaged(path: &Path, position: &str, what: impl Into<String>) -> Error {
    Error::malformed(path, position, what)
}

/// The place of a tensor in messages.
fn place(name: &str) -> String {
    format!("tensor `{}`", shown(name))
}

/// A name as messages quote it.
pub(crate) fn shown(name: &str) -> Cow<'_, str> {
    beginning(name, SHOWN_OF_NAME)
}

/// The first letters of a text of any length.
fn beginning(text: &str, letters: usize) -> Cow<'_, str> {
    match text.char_indices().nth(letters) {
        Some((end, _)) => format!("{}…", &text[..end]).into(),
        None => text.into(),
    }
}

/// What a parser says, without the whole of the text that it quotes.
pub(crate) fn reason(error: &serde_json::Error) -> String {
    beginning(&error.to_string(), SHOWN_OF_REASON).into_owned()
}

/// The header, and how many bytes follow it.
fn read_header(path: &Path, file: &mut impl Read, file_bytes: u64) -> Result<(Header, u64)> {
    if file_bytes < LENGTH_BYTES {
        return Err(damaged(path, "byte 0", format!("{file_bytes} bytes are too few for a .safetensors file")));
    }
    let mut length = [0; LENGTH_BYTES as usize];
    file.read_exact(&mut length).map_err(|e| Error::io(path, "read", e))?;
    let (length, rest) = (u64::from_le_bytes(length), file_bytes - LENGTH_BYTES);
    if length > rest {
        return Err(damaged(
            path,
            "byte 0",
            format!("a header of {length} bytes in a file with {rest} after its length"),
        ));
    }
    if length > LONGEST_HEADER {
        return Err(damaged(path, "byte 0", format!("a header of {length} bytes; {LONGEST_HEADER} are allowed")));
    }
    let mut text = vec![0; length as usize];
    file.read_exact(&mut text).map_err(|e| Error::io(path, "read", e))?;
    let text = std::str::from_utf8(&text)
        .map_err(|e| damaged(path, &format!("byte {}", LENGTH_BYTES as usize + e.valid_up_to()), "not UTF-8"))?;
    let header = serde_json::from_str(text)
        .map_err(|e| damaged(path, &format!("header, line {}, column {}", e.line(), e.column()), reason(&e)))?;
    Ok((header, rest - length))
}

/// A tensor of a file, checked.
struct Entry<'a> {
    name: &'a str,
    element_type: ElementType,
    /// Each below 2⁶³.
    shape: &'a [u64],
    size: usize,
}

/// The tensors in the order of their bytes, which they fill without gaps and overlaps.
fn ordered<'a>(path: &Path, header: &'a Header, data_bytes: u64) -> Result<Vec<Entry<'a>>> {
    let mut claims: Vec<&(String, Claim)> = header.tensors.iter().collect();
    claims.sort_unstable_by_key(|(name, _)| name);
    if let Some(twice) = claims.windows(2).find(|two| two[0].0 == two[1].0) {
        return Err(damaged(path, "header", format!("`{}` is there twice", shown(&twice[0].0))));
    }
    claims.sort_by_key(|(_, claim)| claim.data_offsets);
    let mut at = 0;
    let mut entries = Vec::with_capacity(claims.len());
    for (name, claim) in claims {
        let wrong = |what: String| damaged(path, &place(name), what);
        let [begin, end] = claim.data_offsets;
        if begin > end || end > data_bytes {
            return Err(wrong(format!("bytes {begin} to {end} of {data_bytes}")));
        }
        if begin != at {
            let what = if begin < at { "overlaps the tensor before it" } else { "leaves a gap before it" };
            return Err(wrong(format!("{what}: it begins at byte {begin}, {at} were expected")));
        }
        at = end;
        let known = TYPES.iter().find(|(_, own)| *own == claim.dtype);
        let Some(&(element_type, _)) = known else {
            if FOREIGN_TYPES.contains(&claim.dtype.as_str()) {
                return Err(Error::Unsupported {
                    path: path.to_path_buf(),
                    what: format!("{} is of type {}", place(name), claim.dtype),
                    remedy: "store it as another type".into(),
                });
            }
            return Err(wrong(format!("`{}` is no element type", shown(&claim.dtype))));
        };
        let shape = &claim.shape.0;
        let signed = shape.iter().all(|&n| i64::try_from(n).is_ok());
        let count = shape.iter().try_fold(1usize, |product, &n| product.checked_mul(usize::try_from(n).ok()?));
        let size = count.and_then(|count| element_type.bytes(count));
        match size {
            Some(size) if signed && size as u64 == end - begin => {
                entries.push(Entry { name, element_type, shape, size });
            }
            _ => {
                let shown = &shape[..shape.len().min(SHOWN_DIMENSIONS)];
                let more =
                    if shape.len() > shown.len() { format!(" of {} dimensions", shape.len()) } else { String::new() };
                return Err(wrong(format!("{} bytes for {} of shape {shown:?}{more}", end - begin, claim.dtype)));
            }
        }
    }
    if at != data_bytes {
        return Err(damaged(path, "end of the file", format!("the tensors end at byte {at} of {data_bytes}")));
    }
    Ok(entries)
}

/// The header as it stands in the file.
struct Header {
    metadata: BTreeMap<String, String>,
    tensors: Vec<(String, Claim)>,
}

/// What a header says of a tensor.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Claim {
    dtype: String,
    shape: Shape,
    data_offsets: [u64; 2],
}

/// A shape of no more dimensions than values have.
struct Shape(Vec<u64>);

impl<'de> Deserialize<'de> for Shape {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Reader;
        impl<'de> Visitor<'de> for Reader {
            type Value = Shape;

            fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                write!(f, "a shape of at most {MOST_DIMENSIONS} dimensions")
            }

            fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Shape, A::Error> {
                let mut shape = Vec::new();
                while let Some(n) = list.next_element()? {
                    if shape.len() == MOST_DIMENSIONS {
                        return Err(A::Error::custom(format!("a shape of more than {MOST_DIMENSIONS} dimensions")));
                    }
                    shape.push(n);
                }
                Ok(Shape(shape))
            }
        }
        deserializer.deserialize_seq(Reader)
    }
}

/// What is said of a header that goes on and on.
fn too_many<E: serde::de::Error>(what: &str) -> E {
    E::custom(format!("more than {MOST_ENTRIES} {what}"))
}

impl<'de> Deserialize<'de> for Header {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Reader;
        impl<'de> Visitor<'de> for Reader {
            type Value = Header;

            fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str("an object of tensors")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Header, A::Error> {
                let mut header = Header { metadata: BTreeMap::new(), tensors: Vec::new() };
                let mut described = false;
                while let Some(name) = map.next_key::<String>()? {
                    if name == METADATA {
                        if std::mem::replace(&mut described, true) {
                            return Err(A::Error::custom(format!("`{name}` is there twice")));
                        }
                        header.metadata = map.next_value::<Unique<String>>()?.0;
                    } else {
                        if header.tensors.len() == MOST_ENTRIES {
                            return Err(too_many("tensors"));
                        }
                        header.tensors.push((name, map.next_value()?));
                    }
                }
                Ok(header)
            }
        }
        deserializer.deserialize_map(Reader)
    }
}

/// A map whose keys come once; serde's own maps keep the last of several.
struct Unique<V>(BTreeMap<String, V>);

impl<'de, V: Deserialize<'de>> Deserialize<'de> for Unique<V> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Reader<V>(PhantomData<V>);
        impl<'de, V: Deserialize<'de>> Visitor<'de> for Reader<V> {
            type Value = Unique<V>;

            fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str("an object")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Unique<V>, A::Error> {
                let mut all = BTreeMap::new();
                while let Some((key, value)) = map.next_entry::<String, V>()? {
                    if all.contains_key(&key) {
                        let key = shown(&key);
                        return Err(A::Error::custom(format!("`{key}` is there twice")));
                    }
                    if all.len() == MOST_ENTRIES {
                        return Err(too_many("entries of metadata"));
                    }
                    all.insert(key, value);
                }
                Ok(Unique(all))
            }
        }
        deserializer.deserialize_map(Reader(PhantomData))
    }
}

/// Writes a file, which appears whole or not at all.
///
/// # Errors
/// [`Error::InvalidArgument`] for a value that the format cannot hold and for a name given twice;
/// [`Error::OutputExists`] unless `overwrite`; [`Error::NotFound`], [`Error::Io`].
pub fn write(
    path: &Path,
    overwrite: bool,
    metadata: &BTreeMap<String, String>,
    tensors: &[(String, &Value)],
) -> Result<()> {
    if tensors.len() > MOST_ENTRIES || metadata.len() > MOST_ENTRIES {
        let what = format!("{} tensors with {} entries of metadata", tensors.len(), metadata.len());
        return Err(Error::invalid(what, format!("write files of at most {MOST_ENTRIES}")));
    }
    let mut order = Vec::with_capacity(tensors.len());
    for (name, value) in tensors {
        order.push((name, holdable(name, value)?));
    }
    // Large elements first, so that all are aligned in the file.
    order.sort_by_key(|(name, (_, alignment, _))| (std::cmp::Reverse(*alignment), *name));
    let mut header = serde_json::Map::new();
    if !metadata.is_empty() {
        header.insert(METADATA.into(), json!(metadata));
    }
    let mut at = 0;
    for (name, (dtype, _, value)) in &order {
        let end = at + value.as_bytes().map_or(0, <[u8]>::len);
        let entry = json!({ "dtype": dtype, "shape": value.shape(), "data_offsets": [at, end] });
        if header.insert((*name).clone(), entry).is_some() {
            return Err(Error::invalid(format!("the tensor `{name}` is given twice"), "give each a name of its own"));
        }
        at = end;
    }
    let mut header = serde_json::to_vec(&header).map_err(|e| Error::internal(format!("a header is no JSON: {e}")))?;
    header.resize(header.len().next_multiple_of(LENGTH_BYTES as usize), b' ');
    if header.len() as u64 > LONGEST_HEADER {
        return Err(Error::invalid(
            format!("names and metadata of {} bytes", header.len()),
            format!("a .safetensors file holds {LONGEST_HEADER} of them"),
        ));
    }
    write_whole(path, overwrite, |out| {
        out.write_all(&(header.len() as u64).to_le_bytes())?;
        out.write_all(&header)?;
        order.iter().try_for_each(|(_, (_, _, value))| out.write_all(value.as_bytes().unwrap_or_default()))
    })
}

/// Whether a file can hold a value under a name.
///
/// # Errors
/// [`Error::InvalidArgument`].
pub fn check(name: &str, value: &Value) -> Result<()> {
    holdable(name, value).map(|_| ())
}

/// A value with the name of its type and its alignment, if the format can hold it.
fn holdable<'a>(name: &str, value: &'a Value) -> Result<(&'static str, usize, &'a Value)> {
    if name == METADATA {
        return Err(Error::invalid(format!("the name `{name}`"), "the file format keeps it for itself"));
    }
    let element_type = value.element_type().filter(|_| value.kind() == Kind::Tensor);
    match element_type.and_then(|own| type_name(own).map(|name| (name, own.alignment()))) {
        Some((dtype, alignment)) => Ok((dtype, alignment, value)),
        None => Err(Error::invalid(
            format!("`{name}` is {}, which a .safetensors file cannot hold", value.describe()),
            "store a tensor of numbers of at least 8 bits",
        )),
    }
}
