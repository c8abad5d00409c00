//! The ends of everything that a person had signed in to.

use std::collections::BTreeMap;

use super::KnownEnds;
use super::item::{expires_at, item, key, live, optional, optional_map};
use super::life::{ENDED_FOR_MS, MAX_LIFE_MS};
use crate::{Attribute, Attributes, Hlc, ItemError, Millis, Region, UserId, Version, VersionedItem};

const CREDENTIALS: &str = "credentials";
const FACTORS: &str = "factors";
const KEPT: &str = "kept";

/// The last time at which a region ended everything that a user had signed in to. Only that region writes the row, and its version says
/// when. It ends what began without knowing it ([`KnownEnds`](super::KnownEnds)), also in a region in which it has not arrived yet.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EndOfAll {
    /// The user.
    pub user: UserId,
    /// The region.
    pub region: Region,
    /// The credentials of the user that the region had then. What begins in a region that has older ones does not know the end: they may
    /// be those that were ended.
    pub credentials: Version,
    /// The factors of the user that the region had then, by id: true of those that ended with everything. The same holds of what begins
    /// in a region that has not heard of all of them.
    pub factors: BTreeMap<String, bool>,
    /// The session that is spared, with what ends with it: the one in which the person ended all others.
    pub kept: Option<String>,
    /// When the row expires: not before anything that it ends.
    pub expires_at: Millis,
    /// Fields written by a newer version of Umoja.
    pub unknown: Attributes,
}

impl EndOfAll {
    /// The beginning of the sort keys.
    pub const KIND: &'static str = "all";

    /// The end of everything by a region, as of a time of its clock.
    pub fn new(user: UserId, region: Region, credentials: Version, now: Millis) -> Self {
        let expires_at = now.plus(MAX_LIFE_MS).plus(ENDED_FOR_MS);
        let (factors, kept, unknown) = (BTreeMap::new(), None, Attributes::new());
        Self { user, region, credentials, factors, kept, expires_at, unknown }
    }

    /// The sort key of a region.
    pub fn key(region: &Region) -> String {
        key(Self::KIND, &[region.as_str()])
    }

    /// The beginning of all sort keys.
    pub fn of_all() -> String {
        key(Self::KIND, &[""])
    }

    /// True if this end, in a version of this time, ends what `owner` began in a session when these ends were known. `None` stands for what
    /// outlives its session.
    pub fn ends(&self, at: Hlc, (owner, session, known): (UserId, Option<&str>, &KnownEnds)) -> bool {
        !self.keeps(session) && known.is_ended_by(owner, (self.user, &self.region, at))
    }

    /// True if a session is spared.
    pub fn keeps(&self, session: Option<&str>) -> bool {
        session.is_some() && self.kept.as_deref() == session
    }

    /// The item of this row in a version.
    pub fn to_item(&self, version: Version) -> VersionedItem {
        let mut fields = self.unknown.clone();
        fields.insert(CREDENTIALS.into(), self.credentials.to_string().into());
        if !self.factors.is_empty() {
            let factors = self.factors.iter().map(|(id, has_ended)| (id.clone(), (*has_ended).into()));
            fields.insert(FACTORS.into(), Attribute::M(factors.collect()));
        }
        fields.extend(self.kept.clone().map(|kept| (KEPT.into(), kept.into())));
        item(self.user, Self::key(&self.region), version, fields).expiring(self.expires_at)
    }

    /// Reads an item.
    ///
    /// # Errors
    /// If a field is absent or malformed, or the item is no live row of an end.
    pub fn from_item(item: &VersionedItem) -> Result<Self, ItemError> {
        let (mut fields, [region]) = live(item, Self::KIND)?;
        let factor = |(id, has_ended)| match has_ended {
            Attribute::Bool(has_ended) => Ok((id, has_ended)),
            _ => Err(ItemError::new(FACTORS)),
        };
        Ok(Self {
            user: item.user,
            region: region.parse().map_err(|_| ItemError::new(crate::names::attribute::KEY))?,
            credentials: fields.parse(CREDENTIALS)?,
            factors: optional_map(&mut fields, FACTORS)?.into_iter().map(factor).collect::<Result<_, _>>()?,
            kept: optional(&mut fields, KEPT)?,
            expires_at: expires_at(item)?,
            unknown: fields.0,
        })
    }
}
