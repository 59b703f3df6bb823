//! LAS, LAZ and COPC files.
//!
//! Reading works on raw point records: [`LasReader`] gives them batch by batch, [`decode`] turns them into columns, and
//! [`read_cloud`] does both for a whole file. [`LasWriter`] writes the same records again with classes and dimensions
//! changed and everything else as it was; [`write_cloud`] makes a new file from columns.

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
mod tail;
mod upgrade;
mod vlr;
mod writer;

pub use create::write_cloud;
pub use crs::Crs;
pub use decode::{Columns, decode, read_cloud, read_keeping};
pub use extra_bytes::{DimensionType, ExtraDimension, NewDimension};
pub use header::LasHeader;
pub use reader::LasReader;
pub use vlr::{Evlr, Vlr};
pub use writer::{LasWriter, Update, WriteOptions};
