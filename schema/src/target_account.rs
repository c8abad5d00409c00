//! The rows of the table `target_accounts`: what is known of the account that a target has for a user.

use crate::item::Reader;
use crate::replicated::TARGET_ACCOUNTS;
use crate::{Attribute, Attributes, ItemError, Millis, TargetId, UserId, Version, VersionedItem};

mod field {
    pub(super) const ACCOUNT: &str = "account";
    pub(super) const REMOTE_ID: &str = "remote_id";
    pub(super) const ETAG: &str = "etag";
    pub(super) const DIGEST: &str = "digest";
    pub(super) const EPOCH: &str = "epoch";
    pub(super) const SENT: &str = "sent";
    pub(super) const SEQUENCE: &str = "sequence";
    pub(super) const ATTEMPTS: &str = "attempts";
    pub(super) const CODE: &str = "code";
    pub(super) const TRIED: &str = "tried";
    pub(super) const FAILING_SINCE: &str = "failing_since";
    pub(super) const ASKED: &str = "asked";
}

/// What is known of the account at the target.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord)]
pub enum RemoteAccount {
    /// There is none: none was made, or it was deleted.
    #[default]
    None,
    /// It was asked for, and there may be one: it has to be searched by the id of the user before another is made.
    Unknown,
    /// It is active.
    Active,
    /// It was disabled.
    Disabled,
    /// It was left as it was, and no longer follows the user.
    Left,
}

impl RemoteAccount {
    /// All states.
    pub const ALL: [Self; 5] = [Self::None, Self::Unknown, Self::Active, Self::Disabled, Self::Left];

    /// The name in the table and in answers.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::None => "none",
            Self::Unknown => "unknown",
            Self::Active => "active",
            Self::Disabled => "disabled",
            Self::Left => "left",
        }
    }
}

/// What is known of the account that a target has for a user. It has no personal data in clear.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TargetAccount {
    /// The user.
    pub user: UserId,
    /// The target.
    pub target: TargetId,
    /// The account.
    pub account: RemoteAccount,
    /// The id at the target, sealed.
    pub remote_id: Option<Vec<u8>>,
    /// The entity tag that the target gave last.
    pub etag: Option<String>,
    /// The keyed hash of what the target accepted last.
    pub digest: Option<Vec<u8>>,
    /// The epoch of the target whose home wrote the row.
    pub epoch: u64,
    /// The version of the user's profile and credentials that the target has, the later of both: of the last delivery that
    /// sent something, or was asked for by a [`TargetRequest`](crate::TargetRequest).
    pub sent: Option<Version>,
    /// How often the row was changed.
    pub sequence: u64,
    /// How often the delivery of the present state failed.
    pub attempts: u64,
    /// Why it failed the last time, or waits; `None` if the target is up to date.
    pub code: Option<String>,
    /// The digest of what the target rejected: it is not sent again unchanged.
    pub tried: Option<Vec<u8>>,
    /// Since when it fails.
    pub failing_since: Option<Millis>,
    /// The version of the [`TargetRequest`](crate::TargetRequest) that the last delivery has read: an earlier request is
    /// decided, and the other members say how.
    pub asked: Option<Version>,
    /// Fields written by a newer version of Umoja.
    pub unknown: Attributes,
}

impl TargetAccount {
    /// The row of a user for whom nothing was done yet.
    pub fn new(user: UserId, target: TargetId) -> Self {
        Self {
            user,
            target,
            account: RemoteAccount::None,
            remote_id: None,
            etag: None,
            digest: None,
            epoch: 0,
            sent: None,
            sequence: 0,
            attempts: 0,
            code: None,
            tried: None,
            failing_since: None,
            asked: None,
            unknown: Attributes::new(),
        }
    }

    /// True if there may be an account that the target is to have for the user, or that has to be deleted with the user.
    pub const fn may_exist(&self) -> bool {
        !matches!(self.account, RemoteAccount::None)
    }

    /// The item of this row in a version.
    pub fn to_item(&self, version: Version) -> VersionedItem {
        let mut fields = self.unknown.clone();
        fields.extend([
            (field::ACCOUNT.into(), self.account.as_str().into()),
            (field::EPOCH.into(), self.epoch.into()),
            (field::SEQUENCE.into(), self.sequence.into()),
            (field::ATTEMPTS.into(), self.attempts.into()),
        ]);
        let bytes = [(field::REMOTE_ID, &self.remote_id), (field::DIGEST, &self.digest), (field::TRIED, &self.tried)];
        let bytes = bytes.into_iter().filter_map(|(name, value)| Some((name.into(), Attribute::B(value.clone()?))));
        let texts = [
            (field::ETAG, self.etag.clone()),
            (field::CODE, self.code.clone()),
            (field::SENT, self.sent.as_ref().map(ToString::to_string)),
            (field::ASKED, self.asked.as_ref().map(ToString::to_string)),
        ];
        let texts = texts.into_iter().filter_map(|(name, value)| Some((name.into(), value?.into())));
        let since = self.failing_since.map(|at| (field::FAILING_SINCE.into(), at.0.into()));
        fields.extend(bytes.chain(texts).chain(since));
        let (user, key) = (self.user, self.target.to_string());
        VersionedItem { table: &TARGET_ACCOUNTS, user, key, version, fields, unknown: Attributes::new() }
    }

    /// Reads an item.
    ///
    /// # Errors
    /// If a field is absent or malformed.
    pub fn from_item(item: &VersionedItem) -> Result<Self, ItemError> {
        let mut fields = Reader(item.fields.clone());
        let account = fields.text(field::ACCOUNT)?;
        let account = RemoteAccount::ALL.into_iter().find(|known| known.as_str() == account);
        Ok(Self {
            user: item.user,
            target: item.key.parse().map_err(|_| ItemError::new(crate::names::attribute::TARGET))?,
            account: account.ok_or(ItemError::new(field::ACCOUNT))?,
            epoch: fields.number(field::EPOCH)?,
            sequence: fields.number(field::SEQUENCE)?,
            attempts: fields.number(field::ATTEMPTS)?,
            remote_id: bytes(&mut fields, field::REMOTE_ID)?,
            digest: bytes(&mut fields, field::DIGEST)?,
            tried: bytes(&mut fields, field::TRIED)?,
            etag: text(&mut fields, field::ETAG)?,
            code: text(&mut fields, field::CODE)?,
            sent: version(&mut fields, field::SENT)?,
            asked: version(&mut fields, field::ASKED)?,
            failing_since: if fields.0.contains_key(field::FAILING_SINCE) {
                Some(Millis(fields.number(field::FAILING_SINCE)?))
            } else {
                None
            },
            unknown: fields.0,
        })
    }
}

fn version(fields: &mut Reader, name: &'static str) -> Result<Option<Version>, ItemError> {
    text(fields, name)?.map(|text| text.parse()).transpose()
}

pub(crate) fn bytes(fields: &mut Reader, name: &'static str) -> Result<Option<Vec<u8>>, ItemError> {
    match fields.0.remove(name) {
        None => Ok(None),
        Some(Attribute::B(bytes)) => Ok(Some(bytes)),
        Some(_) => Err(ItemError::new(name)),
    }
}

fn text(fields: &mut Reader, name: &'static str) -> Result<Option<String>, ItemError> {
    if fields.0.contains_key(name) { fields.text(name).map(Some) } else { Ok(None) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Hlc;

    fn version() -> Version {
        Version { erased: false, hlc: Hlc::at(Millis(7)), origin: "eu-west-1".parse().unwrap() }
    }

    #[test]
    fn a_row_round_trips_through_its_item() {
        let empty = TargetAccount::new(UserId::v8([1; 16]), "shop-crm".parse().unwrap());
        let full = TargetAccount {
            account: RemoteAccount::Disabled,
            remote_id: Some(vec![1, 2]),
            etag: Some("W/\"3\"".into()),
            digest: Some(vec![3]),
            epoch: 2,
            sent: Some(version()),
            sequence: 4,
            attempts: 5,
            code: Some("conflict".into()),
            tried: Some(vec![6]),
            failing_since: Some(Millis(8)),
            asked: Some(version()),
            unknown: Attributes::from([("novelty".into(), Attribute::Null)]),
            ..empty.clone()
        };
        for row in [empty, full] {
            let item = row.to_item(version());
            let read = VersionedItem::from_item(&TARGET_ACCOUNTS, item.to_item()).unwrap();
            assert_eq!(TargetAccount::from_item(&read), Ok(row));
        }
    }

    #[test]
    fn a_row_of_an_unknown_state_is_unreadable() {
        let mut item = TargetAccount::new(UserId::v8([1; 16]), "shop-crm".parse().unwrap()).to_item(version());
        item.fields.insert(field::ACCOUNT.into(), "novel".into());
        assert_eq!(TargetAccount::from_item(&item), Err(ItemError::new(field::ACCOUNT)));
    }
}
