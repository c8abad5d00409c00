//! Messages in the queues: keys only, never personal data. A 400 KB item therefore replicates through a queue, and a
//! message that waited for days applies the current item.

use serde::{Deserialize, Serialize};

use crate::{ItemError, Part, Region, UserId, Version};

/// The version of the messages that this code writes and reads.
pub const MESSAGE_VERSION: u32 = 1;

/// One message.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub enum Message {
    /// Replicate this item to the queue's peer.
    Replicate {
        /// The table.
        table: String,
        /// The user.
        id: UserId,
        /// The sort key.
        key: String,
    },
    /// Wrap the data key of this version for the regions that lack it.
    WrapKeys {
        /// The user.
        id: UserId,
        /// The part.
        part: Part,
        /// The version of the data key; a newer version has another key.
        version: Version,
    },
    /// Two users both own one identifier as verified. Merge them if their parts confirm this.
    MergeVerified {
        /// The user with the lesser id, so that the pair has one message.
        one: UserId,
        /// The other user.
        other: UserId,
    },
    /// An event of a source waits in the inbox.
    Ingest {
        /// Its key in the inbox: 32 bytes, unpadded base64url.
        key: String,
    },
    /// Something is due at a foreign system.
    Deliver {
        /// The name of its setting, such as `target/crm`.
        system: String,
    },
    /// A stream record that cannot be handled; kept for an operator.
    Quarantined {
        /// The table.
        table: String,
        /// The stream's sequence number.
        sequence: String,
        /// The key of the item, as far as it is readable: a user id and a sort key.
        key: String,
        /// The reason.
        reason: String,
        /// The region of the stream.
        region: Region,
    },
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
const KINDS: [&str; 6] = ["replicate", "wrap_keys", "merge_verified", "ingest", "deliver", "quarantined"];

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
    /// If it is not a message of this version. For another version or kind the error names `message version`, because
    /// another process may be able to read the message.
    pub fn from_text(text: &str) -> Result<Self, ItemError> {
        // The version is read first, because a message of another version may have any other form.
        let head: Head = serde_json::from_str(text).map_err(|_| ItemError::new("message"))?;
        if head.v != MESSAGE_VERSION || head.kind.is_some_and(|kind| !KINDS.contains(&&*kind)) {
            return Err(ItemError::new("message version"));
        }
        let versioned: Versioned = serde_json::from_str(text).map_err(|_| ItemError::new("message"))?;
        Ok(versioned.message)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn replicate() -> Message {
        Message::Replicate { table: "journal".into(), id: UserId::v8([1; 16]), key: "a#1".into() }
    }

    #[test]
    fn messages_round_trip_and_carry_their_version() {
        let message = replicate();
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
            Message::Replicate { table: text(), id, key: text() },
            Message::WrapKeys { id, part, version },
            Message::MergeVerified { one: id, other: id },
            Message::Ingest { key: text() },
            Message::Deliver { system: text() },
            Message::Quarantined { table: text(), sequence: text(), key: text(), reason: text(), region },
        ];
        let kinds =
            all.iter().map(|message| serde_json::to_value(message).unwrap()["type"].as_str().unwrap().to_owned());
        assert_eq!(kinds.collect::<Vec<_>>(), KINDS);
        assert!(all.iter().all(|message| Message::from_text(&message.to_text()).as_ref() == Ok(message)));
    }

    #[test]
    fn a_message_of_a_newer_version_is_rejected() {
        let text = replicate().to_text();
        let newer = Err(ItemError::new("message version"));
        assert_eq!(Message::from_text(&text.replace("\"v\":1", "\"v\":2")), newer);
        assert_eq!(Message::from_text("{\"v\":2,\"type\":\"novel\"}"), newer);
        assert_eq!(Message::from_text("{\"v\":1,\"type\":\"novel\"}"), newer);
        assert_eq!(Message::from_text("{}"), Err(ItemError::new("message")));
    }
}
