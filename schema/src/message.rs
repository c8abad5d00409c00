//! Messages in the queues: keys only, never personal data, so that a 400 KB item replicates through a queue and a
//! message that waited for days applies what is current.

use serde::{Deserialize, Serialize};

use crate::names::table;
use crate::{ItemError, Part, Region, UserId, Version};

/// The version of the messages that this code writes and reads.
pub const MESSAGE_VERSION: u32 = 1;

/// One message.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub enum Message {
    /// Copy this item to the queue's peer.
    #[serde(alias = "copy_part", alias = "copy_row")]
    Copy {
        /// The table.
        #[serde(default = "users")]
        table: String,
        /// The user.
        id: UserId,
        /// The sort key.
        #[serde(alias = "part")]
        key: String,
    },
    /// Wrap the data key of this version for the regions that lack it.
    WrapKeys {
        /// Whose.
        id: UserId,
        /// Which part.
        part: Part,
        /// The version whose key is meant; a newer version has a key of its own.
        version: Version,
    },
    /// Two users both claim one identifier, and both as verified: merge them if what their parts say is just that.
    MergeVerified {
        /// The one with the lesser id, so that the pair has one message.
        one: UserId,
        /// The other.
        other: UserId,
    },
    /// A stream record that cannot be handled; kept for an operator.
    Parked {
        /// The table.
        table: String,
        /// The stream's sequence number.
        sequence: String,
        /// The key of the item, as far as it could be read: a user id and a sort key.
        key: String,
        /// Why.
        reason: String,
        /// The region whose stream it was.
        region: Region,
    },
}

/// The table of the messages that named a part and no table.
fn users() -> String {
    table::USERS.to_owned()
}

#[derive(Serialize, Deserialize)]
struct Versioned {
    v: u32,
    #[serde(flatten)]
    message: Message,
}

#[derive(Deserialize)]
struct Head {
    v: u32,
    #[serde(rename = "type")]
    kind: Option<String>,
}

/// The kinds of messages of [`MESSAGE_VERSION`].
const KINDS: [&str; 4] = ["copy", "wrap_keys", "merge_verified", "parked"];

/// What [`Message::Copy`] was called when parts and rows had messages of their own.
const FORMER_KINDS: [&str; 2] = ["copy_part", "copy_row"];

impl Message {
    /// The text to put into a queue.
    ///
    /// # Panics
    /// Never: a message of strings is always JSON.
    pub fn to_text(&self) -> String {
        let versioned = Versioned { v: MESSAGE_VERSION, message: self.clone() };
        serde_json::to_string(&versioned).expect("a message of strings is always JSON")
    }

    /// Reads the text of a message.
    ///
    /// # Errors
    /// If it is not a message of this version. One of another version or kind says `message version`: somebody else may
    /// read it.
    pub fn from_text(text: &str) -> Result<Self, ItemError> {
        // The version first: a message of another one may have any other form.
        let head: Head = serde_json::from_str(text).map_err(|_| ItemError::new("message"))?;
        let known = |kind: &str| KINDS.contains(&kind) || FORMER_KINDS.contains(&kind);
        if head.v != MESSAGE_VERSION || head.kind.is_some_and(|kind| !known(&kind)) {
            return Err(ItemError::new("message version"));
        }
        let versioned: Versioned = serde_json::from_str(text).map_err(|_| ItemError::new("message"))?;
        Ok(versioned.message)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn copy() -> Message {
        Message::Copy { table: "journal".into(), id: UserId::v8([1; 16]), key: "a#1".into() }
    }

    #[test]
    fn messages_about_parts_and_rows_of_the_time_before_are_read() {
        let id = UserId::v8([1; 16]);
        let part = format!(r#"{{"v":1,"type":"copy_part","id":"{id}","part":"profile"}}"#);
        let row = format!(r#"{{"v":1,"type":"copy_row","table":"journal","id":"{id}","key":"a#1"}}"#);
        let profile = Message::Copy { table: table::USERS.into(), id, key: "profile".into() };
        assert_eq!(Message::from_text(&part), Ok(profile));
        assert_eq!(Message::from_text(&row), Ok(copy()));
    }

    #[test]
    fn messages_round_trip_and_carry_their_version() {
        let message = copy();
        let text = message.to_text();
        assert!(text.contains("\"v\":1"));
        assert_eq!(Message::from_text(&text), Ok(message));
    }

    #[test]
    fn every_kind_of_message_is_known_by_its_name() {
        let (id, part, text) = (UserId::v8([1; 16]), Part::Profile, String::new);
        let region: Region = "a".parse().unwrap();
        let version = Version { erased: false, hlc: crate::Hlc::at(crate::Millis(1)), origin: region.clone() };
        let all = [
            Message::Copy { table: text(), id, key: text() },
            Message::WrapKeys { id, part, version },
            Message::MergeVerified { one: id, other: id },
            Message::Parked { table: text(), sequence: text(), key: text(), reason: text(), region },
        ];
        let kinds =
            all.iter().map(|message| serde_json::to_value(message).unwrap()["type"].as_str().unwrap().to_owned());
        assert_eq!(kinds.collect::<Vec<_>>(), KINDS);
        assert!(all.iter().all(|message| Message::from_text(&message.to_text()).as_ref() == Ok(message)));
    }

    #[test]
    fn a_message_of_a_newer_version_is_not_guessed_at() {
        let text = copy().to_text();
        let newer = Err(ItemError::new("message version"));
        assert_eq!(Message::from_text(&text.replace("\"v\":1", "\"v\":2")), newer);
        assert_eq!(Message::from_text("{\"v\":2,\"type\":\"novel\"}"), newer);
        assert_eq!(Message::from_text("{\"v\":1,\"type\":\"novel\"}"), newer);
        assert_eq!(Message::from_text("{}"), Err(ItemError::new("message")));
    }
}
