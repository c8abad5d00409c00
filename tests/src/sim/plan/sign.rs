//! What happens at the provider of single sign-on.

use serde::{Deserialize, Serialize};

/// The number of clients.
pub const CLIENTS: u8 = 3;

/// What a person, a client, a thief or an operator does. Codes, sessions and families are
/// those of the user, counted from the last one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Sign {
    /// The person signs in, and the client gets a code.
    In { client: u8 },
    /// A code is presented, the first time or again.
    Redeem { code: u8 },
    /// The holder of a family presents the token that it has, or the one before, as another tab does.
    Refresh { family: u8, before: bool },
    /// A thief presents a token that the holder has used some generations ago.
    Steal { family: u8, back: u8 },
    /// The client asks whether what it has is valid.
    Use { family: u8 },
    /// The person ends a session.
    Out { session: u8 },
    /// The person ends all sessions.
    OutEverywhere,
    /// The person gives a scope to a client.
    Consent { client: u8, scope: u8 },
    /// The person withdraws what the client has.
    Withdraw { client: u8 },
    /// The client asks what the person is called.
    Subject { client: u8 },
    /// A token is signed, and verified by the keys that every region has read.
    Token,
    /// A region reads the keys that sign.
    Keys,
    /// The operator lets the next key sign.
    Rotate,
    /// A region informs clients of logouts.
    Inform,
    /// The next answers of clients to notices are lost.
    Deaf { answers: u8 },
}
