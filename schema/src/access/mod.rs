//! What persons and their clients may do: the rows of the table `access`, of single sign-on (OpenID Connect Core 1.0).
//!
//! Each kind of row has a type of its own, and a prefix of the sort key. A row that is ended has a version that beats every
//! live one ([`Version::erased`](crate::Version)), and no fields. It is kept for longer than any live copy of it, so that
//! none comes back.

mod connected_login;
mod device;
mod end_of_all;
mod factor;
mod family;
mod family_uses;
mod grant;
mod hold;
mod item;
mod known_ends;
mod life;
mod offline;
mod seen;
mod session;
mod subject;
mod withdrawal;

pub use connected_login::ConnectedLogin;
pub use device::DeviceRequest;
pub use end_of_all::EndOfAll;
pub use factor::{Factor, FactorKind, Passkey, SpentCode};
pub use family::Family;
pub use family_uses::{FamilyUses, KEPT_USES};
pub use grant::Grant;
pub use hold::Hold;
pub use known_ends::KnownEnds;
pub use life::{ENDED_FOR_MS, MAX_LIFE_MS};
pub use offline::OfflineFamilies;
pub use seen::ClientSeen;
pub use session::Session;
pub use subject::{Sector, Subject};
pub use withdrawal::Withdrawal;

use item::item;

use crate::{Attributes, ItemError, Millis, UserId, Version, VersionedItem};

/// A row of any kind that is live.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum AccessRow {
    /// A session.
    Session(Session),
    /// A client that got tokens in a session.
    Seen(ClientSeen),
    /// A consent.
    Grant(Grant),
    /// A withdrawal of all consents for a client.
    Withdrawal(Withdrawal),
    /// A subject.
    Subject(Subject),
    /// A family of refresh tokens.
    Family(Family),
    /// What one region knows of the uses of a family.
    Uses(FamilyUses),
    /// A factor.
    Factor(Factor),
    /// A recovery code that was used.
    Spent(SpentCode),
    /// A login at another provider.
    Login(ConnectedLogin),
    /// An end of everything.
    All(EndOfAll),
}

impl AccessRow {
    /// Reads a live item. `None` for a kind that says nothing of what a person may do, or that only a newer version of Umoja knows.
    ///
    /// # Errors
    /// If a field is absent or malformed, or the item is ended.
    pub fn from_item(item: &VersionedItem) -> Result<Option<Self>, ItemError> {
        Ok(Some(match item.key.split_once('#').map(|(kind, _)| kind) {
            Some(Session::KIND) => Self::Session(Session::from_item(item)?),
            Some(ClientSeen::KIND) => Self::Seen(ClientSeen::from_item(item)?),
            Some(Grant::KIND) => Self::Grant(Grant::from_item(item)?),
            Some(Withdrawal::KIND) => Self::Withdrawal(Withdrawal::from_item(item)?),
            Some(Subject::KIND) => Self::Subject(Subject::from_item(item)?),
            Some(Family::KIND) => Self::Family(Family::from_item(item)?),
            Some(FamilyUses::KIND) => Self::Uses(FamilyUses::from_item(item)?),
            Some(Factor::KIND) => Self::Factor(Factor::from_item(item)?),
            Some(SpentCode::KIND) => Self::Spent(SpentCode::from_item(item)?),
            Some(ConnectedLogin::KIND) => Self::Login(ConnectedLogin::from_item(item)?),
            Some(EndOfAll::KIND) => Self::All(EndOfAll::from_item(item)?),
            _ => return Ok(None),
        }))
    }
}

/// The item that ends the row under a key, in an erased version. `expires_at` is when the live row expires, if that is known.
pub fn ended(user: UserId, key: String, version: Version, expires_at: Option<Millis>) -> VersionedItem {
    let live_until = expires_at.unwrap_or_else(|| version.hlc.millis().plus(MAX_LIFE_MS));
    item(user, key, version, Attributes::new()).expiring(live_until.plus(ENDED_FOR_MS))
}

#[cfg(test)]
mod tests;
