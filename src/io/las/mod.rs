//! LAS, LAZ and COPC files.
//!
//! Reading works on raw point records: [`LasReader`] gives them batch by batch, [`decode`] turns them into columns, and
//! [`read_cloud`] does both for a whole file, [`visit_points`] batch by batch. [`LasWriter`] writes the same records again with classes and dimensions
//! changed and everything else as it was; [`write_cloud`] makes a new file from columns.
//!
//! ```no_run
//! use groma::cloud::Values;
//! use groma::io::las::{DimensionType, LasReader, LasWriter, NewDimension, Update, WriteOptions};
//!
//! # fn main() -> groma::Result<()> {
//! let mut reader = LasReader::open("tile.laz".as_ref())?;
//! let confidence = NewDimension { name: "confidence".into(), description: String::new(), kind: DimensionType::U8 };
//! let mut writer = LasWriter::create(&reader, "classified.laz".as_ref(), &[confidence], &WriteOptions::default())?;
//! let mut records = Vec::new();
//! loop {
//!     let count = reader.read_records(1_000_000, &mut records)?;
//!     if count == 0 {
//!         break;
//!     }
//!     let certain = Values::U8(vec![255; count]);
//!     writer.write(&records, &Update { classification: Some(&vec![2; count]), dimensions: &[&certain] })?;
//! }
//! writer.finish()
//! # }
//! ```

mod added;
mod bytes;
mod chunks;
mod create;
mod crs;
mod decode;
mod extra_bytes;
mod header;
mod layout;
mod output;
mod point_format;
mod reader;
mod subset;
mod tail;
mod upgrade;
mod visit;
mod vlr;
mod writer;

pub use added::NewRecord;
pub use create::{write_cloud, write_cloud_watched};
pub use crs::Crs;
pub use decode::{Columns, decode, read_cloud, read_keeping};
pub use extra_bytes::{DimensionType, ExtraDimension, NewDimension};
pub use header::LasHeader;
pub use reader::LasReader;
pub use visit::visit_points;
pub use vlr::{Evlr, Vlr};
pub use writer::{LasWriter, Update, WriteOptions};
