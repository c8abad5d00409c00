//! What a pass of re-encryption has done.

use serde::Serialize;
use umoja_schema::UserId;

/// How many parts on their way [`super::Reencryption::look_again`] examines. More are left to the next pass.
const LOOKED_AT_AGAIN: usize = 10_000;

/// How many users are listed whose parts cannot be re-encrypted.
const NAMED: usize = 10;

/// What a pass has done so far.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct ReencryptionReport {
    /// Parts that were examined.
    pub parts: u64,
    /// Parts that were re-encrypted.
    pub reencrypted: u64,
    /// Parts that are behind and that the leading region holds in the same or a newer version; under
    /// [`super::Rule::OwnershipsArrived`] also profiles that are not in every region in the same version.
    pub on_their_way: u64,
    /// Parts that were written at the same moment. Another pass examines them.
    pub overtaken: u64,
    /// Parts whose HLC timestamp is too far ahead of the clock to be replaced.
    pub ahead: u64,
    /// Parts that lack the region's wrapped key. They are listed for the key repair.
    pub unwrapped: u64,
    /// Parts that are behind and cannot be opened.
    pub unreadable: u64,
    /// Of those, parts whose stored item cannot be read.
    pub damaged: u64,
    /// Some of the users of those parts.
    pub unreadable_users: Vec<UserId>,
    /// The users of some of the parts that are not in every region in the same version.
    #[serde(skip)]
    pub(super) waiting: Vec<UserId>,
}

impl ReencryptionReport {
    /// True if no examined part was behind.
    pub const fn is_complete(&self) -> bool {
        self.reencrypted + self.on_their_way + self.overtaken + self.ahead + self.unwrapped + self.unreadable == 0
    }

    /// True if only parts that cannot be opened are left. Their replicas in other regions count as on their way, so
    /// this is known only once the previous pass also changed no part and left as many.
    pub fn is_stuck_since(&self, before: Option<&Self>) -> bool {
        let is_same = |before: &Self| before.is_idle() && before.on_their_way == self.on_their_way;
        self.unreadable > 0 && self.is_idle() && (self.on_their_way == 0 || before.is_some_and(is_same))
    }

    const fn is_idle(&self) -> bool {
        self.reencrypted + self.overtaken + self.ahead + self.unwrapped == 0
    }

    pub(super) fn add(&mut self, other: Self) {
        self.parts += other.parts;
        self.reencrypted += other.reencrypted;
        self.on_their_way += other.on_their_way;
        self.overtaken += other.overtaken;
        self.ahead += other.ahead;
        self.unwrapped += other.unwrapped;
        self.unreadable += other.unreadable;
        self.damaged += other.damaged;
        let room = NAMED.saturating_sub(self.unreadable_users.len());
        self.unreadable_users.extend(other.unreadable_users.into_iter().take(room));
        let room = LOOKED_AT_AGAIN.saturating_sub(self.waiting.len());
        self.waiting.extend(other.waiting.into_iter().take(room));
    }
}
