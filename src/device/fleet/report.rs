//! What a run says of itself.

use crate::device::Used;
use serde::Serialize;

/// What one device did in a run.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct DeviceReport {
    /// Its name, as in `cuda:1`.
    pub id: String,
    /// Pieces that it finished.
    pub pieces: usize,
    /// Points of these.
    pub points: u64,
    /// Seconds in which it worked, tries that failed included.
    pub busy_s: f64,
    /// Points a second over the pieces that it finished; `None` if nothing was measured.
    pub points_per_s: Option<f64>,
    /// Rows of a batch at the end.
    pub batch: usize,
    /// How often the batch was halved because memory did not suffice.
    pub halvings: u32,
    /// Why it was retired; `None` if it served to the end.
    pub retired: Option<String>,
}

/// What a run says of itself.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct RunReport {
    /// The devices, in the order in which they were given.
    pub devices: Vec<DeviceReport>,
    /// Seconds from the start to the last output.
    pub wall_s: f64,
    /// Pieces that were begun on a device that failed, and begun again on another.
    pub redone: usize,
}

impl RunReport {
    /// Who computed, and what is to be said of it.
    #[must_use]
    pub fn used(&self) -> Used {
        let used: Vec<&str> = self.devices.iter().filter(|d| d.pieces > 0).map(|d| d.id.as_str()).collect();
        Used { device: used.join(", "), device_remark: self.remark() }
    }

    /// One sentence on devices that were retired or went on with a smaller batch; `None` if all went as intended.
    #[must_use]
    pub fn remark(&self) -> Option<String> {
        let mut parts = Vec::new();
        for device in &self.devices {
            let id = &device.id;
            if let Some(reason) = &device.retired {
                parts.push(format!("{id} was retired after {} ({reason})", counted(device.pieces, "piece")));
            } else if device.halvings > 0 {
                let (times, rows) = (counted(device.halvings as usize, "time"), counted(device.batch, "row"));
                parts.push(format!("{id} ran out of memory {times} and went on with batches of {rows}"));
            }
        }
        if self.redone > 0 {
            let were = if self.redone == 1 { "was" } else { "were" };
            parts.push(format!("{} {were} computed again on another device", counted(self.redone, "piece")));
        }
        (!parts.is_empty()).then(|| format!("{}.", parts.join("; ")))
    }
}

/// `1 piece`, `2 pieces`.
pub(super) fn counted(count: usize, what: &str) -> String {
    format!("{count} {what}{}", if count == 1 { "" } else { "s" })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn device(id: &str) -> DeviceReport {
        let (id, retired) = (id.to_string(), None);
        DeviceReport {
            id,
            pieces: 3,
            points: 30,
            busy_s: 1.5,
            points_per_s: Some(20.0),
            batch: 512,
            halvings: 0,
            retired,
        }
    }

    #[test]
    fn a_run_says_what_went_wrong_and_else_nothing() {
        let mut report = RunReport { devices: vec![device("cuda:0"), device("cuda:1")], wall_s: 2.0, redone: 0 };
        assert_eq!(report.remark(), None);
        report.devices[0].halvings = 2;
        report.devices[1].retired = Some("it was unplugged".into());
        report.redone = 1;
        let remark = "cuda:0 ran out of memory 2 times and went on with batches of 512 rows; cuda:1 was retired after 3 \
                      pieces (it was unplugged); 1 piece was computed again on another device.";
        assert_eq!(report.remark().as_deref(), Some(remark));
        let json = serde_json::to_value(&report).unwrap();
        assert_eq!(json["devices"][1]["retired"], "it was unplugged");
        assert_eq!(json["devices"][0]["points_per_s"], 20.0);
    }
}
