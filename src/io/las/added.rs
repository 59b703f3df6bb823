//! Records of a host's own, added to what is written.

use super::vlr::{COPC, EXTRA_BYTES, SPECIFICATION, Vlr};
use crate::error::{Error, Result};
use laz::LazVlr;

/// A record that is added to an output, before its points; it takes the place of one of the same user and number.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NewRecord {
    /// Who defines the record, 1 to 16 printable ASCII characters.
    pub user_id: String,
    /// Which of the user's records it is.
    pub record_id: u16,
    /// A few words, up to 32 printable ASCII characters.
    pub description: String,
    /// The content, at most 65,535 bytes; [`LasWriter::finish_with_record`](super::LasWriter::finish_with_record) can
    /// replace it when the points are written.
    pub data: Vec<u8>,
}

impl NewRecord {
    /// The record as it stands in a file: nothing of it is cut, so that it is found again.
    pub(super) fn stored(&self) -> Result<Vlr> {
        let Self { user_id, record_id, description, data } = self;
        let text = |what, text: &str, least, most| {
            if (least..=most).contains(&text.len()) && text.bytes().all(|byte| (b' '..=b'~').contains(&byte)) {
                return Ok(());
            }
            Err(Error::invalid(
                format!("a record's {what} is `{text}`"),
                format!("choose {least} to {most} printable ASCII characters"),
            ))
        };
        text("user id", user_id, 1, 16)?;
        text("description", description, 0, 32)?;
        if user_id == COPC
            || [(SPECIFICATION, EXTRA_BYTES), (LazVlr::USER_ID, LazVlr::RECORD_ID)].contains(&(user_id, *record_id))
        {
            return Err(Error::invalid(
                format!("the record {user_id} {record_id} says how the points are to be read"),
                "choose a user id of your own",
            ));
        }
        if data.len() > usize::from(u16::MAX) {
            return Err(Error::invalid(
                format!("the record {user_id} {record_id} has {} bytes", data.len()),
                "a record before the points holds up to 65535 bytes",
            ));
        }
        Ok(Vlr::new(user_id, *record_id, description, data.clone()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_could_not_be_found_again_is_refused() {
        let record =
            NewRecord { user_id: "groma".into(), record_id: 1, description: "d".repeat(32), data: vec![7; 65_535] };
        let stored = record.stored().unwrap();
        assert!(stored.is("groma", 1) && stored.description == record.description && stored.data == record.data);
        let refused = |change: &dyn Fn(&mut NewRecord), what: &str| {
            let mut changed = record.clone();
            change(&mut changed);
            let error = changed.stored().unwrap_err().to_string();
            assert!(error.contains(what), "{error}");
        };
        refused(&|r| r.user_id = String::new(), "user id");
        refused(&|r| r.user_id = "a".repeat(17), "1 to 16");
        refused(&|r| r.user_id = "größe".into(), "ASCII");
        refused(&|r| r.description.push('d'), "0 to 32");
        refused(&|r| r.description = "a\0b".into(), "printable");
        refused(&|r| r.data.push(0), "65536 bytes");
        refused(&|r| r.user_id = "copc".into(), "your own");
        refused(&|r| (r.user_id, r.record_id) = ("LASF_Spec".into(), 4), "your own");
        refused(&|r| (r.user_id, r.record_id) = ("laszip encoded".into(), 22204), "your own");
    }
}
