//! The terrain model of a run.

use crate::error::Result;
use crate::features::Schema;
use crate::io::raster::Dtm;
use std::path::Path;
use std::sync::Arc;

/// Opens the terrain model that was named, if the schema reads one.
///
/// # Errors
/// Those of [`Schema::expect_dtm`] and [`Dtm::open`].
pub fn terrain(schema: &Schema, path: Option<&Path>) -> Result<Option<Arc<Dtm>>> {
    schema.expect_dtm(path.is_some())?;
    path.map(|path| Dtm::open(path).map(Arc::new)).transpose()
}
