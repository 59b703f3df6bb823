//! How many rows a call suit a model on its devices.

use super::Model;
use crate::error::Result;
use serde::Serialize;

/// Rows a call that suit a model on one of its devices.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Batch {
    /// The device, as `cpu` or `cuda:0`.
    pub device: String,
    /// Rows a call.
    pub rows: u64,
    /// Rows a second with that, where it was measured.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub rows_per_s: Option<f64>,
}

impl Model {
    /// Rows a call that suit the model on each of its devices: on a GPU as many as it computes fastest with and its memory holds,
    /// measured once for a model, a GPU and about so much free memory, and remembered, also by later processes; on the CPU what the
    /// manifest says, of an ensemble the most.
    ///
    /// # Errors
    /// Those of opening a session on a GPU, and of the device.
    pub fn batches(&self) -> Result<Vec<Batch>> {
        #[cfg(feature = "cuda")]
        if let Some(machines) = self.machines() {
            let spread = crate::device::cuda::machines::Spread::default();
            let measured = |member: &crate::device::fleet::Member| {
                let machine = machines.open(member)?;
                let best = self.device_scorer(&machine)?.best(member.smallest_batch as u64..=member.batch as u64)?;
                let (rows, rows_per_s) = best.map_or((member.batch as u64, None), |b| (b.rows, Some(b.rows_per_s)));
                Ok(Batch { device: member.id.clone(), rows, rows_per_s })
            };
            return machines.members(spread).iter().map(measured).collect();
        }
        Ok(vec![Batch { device: "cpu".into(), rows: self.manifest().batch_rows as u64, rows_per_s: None }])
    }
}
