//! What tells a model from any other.

use super::{Kind, Model};
use crate::error::{Error, Result};
use sha2::{Digest, Sha256};

impl Model {
    /// SHA-256 over all that decides about a model's answers, in hexadecimal digits: its network with the weights, those in
    /// other files included, its manifest, and for an ensemble its members with their shares.
    ///
    /// # Errors
    /// [`Error::Io`] if weights in another file cannot be read.
    pub fn fingerprint(&self) -> Result<String> {
        let mut hash = Sha256::new();
        let manifest = serde_json::to_vec(self.manifest()).map_err(|e| Error::internal(format!("a manifest: {e}")))?;
        hash.update(Sha256::digest(&manifest));
        match &self.0 {
            Kind::Single(single) => {
                let source = &single.logits.source;
                hash.update(Sha256::digest(&source.onnx[..]));
                for path in source.outside.paths() {
                    let weights = std::fs::read(path).map_err(|e| Error::io(path, "read", e))?;
                    hash.update(Sha256::digest(&weights));
                }
            }
            Kind::Ensemble(ensemble) => {
                hash.update(ensemble.combine.name());
                for member in &ensemble.members {
                    hash.update(member.share.to_le_bytes());
                    hash.update(member.model.fingerprint()?);
                }
            }
        }
        Ok(hash.finalize().iter().map(|byte| format!("{byte:02x}")).collect())
    }
}
