//! Versions: the total order of the writes of one part, and the opaque version of a whole record.

use std::fmt;
use std::str::FromStr;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::{Deserialize, Serialize};

use crate::{Hlc, ItemError, Region, UserId};

/// The version of a part, compared in the order of its fields: an erasure wins over every live write, also over later
/// ones; then the later HLC timestamp wins; then the origin, which breaks ties the same way everywhere.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Version {
    /// True for a tombstone.
    pub erased: bool,
    /// When it was written, by the writer's hybrid logical clock.
    pub hlc: Hlc,
    /// The region that wrote it.
    pub origin: Region,
}

/// `0-<16 hex digits>-<origin>`, or `1-...` for an erasure: one sortable attribute, so that a database's string
/// comparison is the order of versions.
impl fmt::Display for Version {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}-{}-{}", u8::from(self.erased), self.hlc, self.origin)
    }
}

impl FromStr for Version {
    type Err = ItemError;

    fn from_str(text: &str) -> Result<Self, ItemError> {
        let error = || ItemError::new("version");
        let (erased, rest) = text.split_once('-').ok_or_else(error)?;
        let (hlc, origin) = rest.split_once('-').ok_or_else(error)?;
        let erased = match erased {
            "0" => false,
            "1" => true,
            _ => return Err(error()),
        };
        Ok(Self { erased, hlc: hlc.parse()?, origin: origin.parse().map_err(|_| error())? })
    }
}

impl TryFrom<String> for Version {
    type Error = ItemError;

    fn try_from(text: String) -> Result<Self, ItemError> {
        text.parse()
    }
}

impl From<Version> for String {
    fn from(version: Version) -> String {
        version.to_string()
    }
}

/// The version of one user's record over both of its parts. Callers see an opaque string and send it back as
/// `min_version` or `if_version`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RecordVersion {
    /// The user: versions of two users have no order.
    pub id: UserId,
    /// The version of the profile part.
    pub profile: Version,
    /// The version of the credentials part.
    pub credentials: Version,
}

impl RecordVersion {
    /// True if this record is of the same user and not behind `wanted` in either part.
    pub fn covers(&self, wanted: &Self) -> bool {
        self.id == wanted.id && self.profile >= wanted.profile && self.credentials >= wanted.credentials
    }

    /// The later version of the two parts.
    pub fn latest(&self) -> &Version {
        (&self.profile).max(&self.credentials)
    }
}

impl fmt::Display for RecordVersion {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&URL_SAFE_NO_PAD.encode(format!("{}~{}~{}", self.id, self.profile, self.credentials)))
    }
}

impl FromStr for RecordVersion {
    type Err = ItemError;

    fn from_str(text: &str) -> Result<Self, ItemError> {
        let error = || ItemError::new("version");
        let bytes = URL_SAFE_NO_PAD.decode(text).map_err(|_| error())?;
        let text = String::from_utf8(bytes).map_err(|_| error())?;
        let (id, versions) = text.split_once('~').ok_or_else(error)?;
        let (profile, credentials) = versions.split_once('~').ok_or_else(error)?;
        let id = id.parse().map_err(|_| error())?;
        Ok(Self { id, profile: profile.parse()?, credentials: credentials.parse()? })
    }
}

/// The version of a person: the version of the primary account, and then those of the linked accounts. Callers see
/// values of all of them, so the version in an answer covers all users that the answer showed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PersonVersion(Vec<RecordVersion>);

impl PersonVersion {
    /// The version over these users.
    pub fn of(primary: RecordVersion, others: impl IntoIterator<Item = RecordVersion>) -> Self {
        Self(std::iter::once(primary).chain(others).collect())
    }

    /// The version of each user.
    pub fn users(&self) -> &[RecordVersion] {
        &self.0
    }
}

/// Opaque to callers; for one user, the version of its record.
impl fmt::Display for PersonVersion {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (n, user) in self.0.iter().enumerate() {
            write!(f, "{}{user}", if n > 0 { "." } else { "" })?;
        }
        Ok(())
    }
}

impl FromStr for PersonVersion {
    type Err = ItemError;

    fn from_str(text: &str) -> Result<Self, ItemError> {
        text.split('.').map(str::parse).collect::<Result<_, _>>().map(Self)
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;
    use crate::Millis;
    use proptest::prelude::*;

    pub(crate) fn version() -> impl Strategy<Value = Version> {
        (any::<bool>(), 0u64..4, 0u8..3).prop_map(|(erased, ms, region)| Version {
            erased,
            hlc: Hlc::at(Millis(ms)),
            origin: format!("r{region}").parse().unwrap(),
        })
    }

    proptest! {
        #[test]
        fn the_stored_text_sorts_as_versions_do(a in version(), b in version()) {
            prop_assert_eq!(a.cmp(&b), a.to_string().cmp(&b.to_string()));
        }

        #[test]
        fn versions_round_trip(a in version(), b in version()) {
            prop_assert_eq!(&a.to_string().parse::<Version>().unwrap(), &a);
            let record = RecordVersion { id: UserId::v8([1; 16]), profile: a, credentials: b };
            prop_assert_eq!(&record.to_string().parse::<RecordVersion>().unwrap(), &record);
            let one = PersonVersion::of(record.clone(), []);
            prop_assert_eq!(one.to_string(), record.to_string());
            let two = PersonVersion::of(record.clone(), [RecordVersion { id: UserId::v8([2; 16]), ..record }]);
            prop_assert_eq!(&two.to_string().parse::<PersonVersion>().unwrap(), &two);
        }
    }

    #[test]
    fn an_erasure_beats_every_later_live_write() {
        let at = |erased, ms| Version { erased, hlc: Hlc::at(Millis(ms)), origin: "a".parse().unwrap() };
        assert!(at(true, 1) > at(false, 1_000_000));
    }

    #[test]
    fn a_record_that_is_behind_in_one_part_does_not_cover() {
        let at = |ms| Version { erased: false, hlc: Hlc::at(Millis(ms)), origin: "a".parse().unwrap() };
        let of = |user, profile, credentials| RecordVersion {
            id: UserId::v8([user; 16]),
            profile: at(profile),
            credentials: at(credentials),
        };
        assert!(of(1, 2, 1).covers(&of(1, 1, 1)));
        assert!(!of(1, 2, 1).covers(&of(1, 1, 2)));
        assert!(!of(1, 2, 1).covers(&of(2, 1, 1)), "another user's version");
    }

    #[test]
    fn garbage_is_not_a_version() {
        for wrong in ["", "0", "0-", "2-0000000000000000-a", "0-zz-a", "0-000000000000000A-a", "é"] {
            assert!(wrong.parse::<Version>().is_err(), "{wrong}");
            assert!(wrong.parse::<RecordVersion>().is_err(), "{wrong}");
            assert!(wrong.parse::<PersonVersion>().is_err(), "{wrong}");
        }
    }
}
