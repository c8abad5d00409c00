//! Journal rows about pointers between users.

use umoja_schema::names::attribute;
use umoja_schema::{Attribute, Attributes, Log, LogRow, Region, UserId, Version};

/// The kind of a journal row about a pointer that was written.
pub const MERGED: &str = "merged";

/// The kind of a journal row about a pointer that was removed.
pub const UNMERGED: &str = "unmerged";

/// Journal rows about a pointer that `version` of the duplicate's profile wrote or removed, one for each of the two
/// users. `why` is a field that says on whose behalf.
pub fn pointer_rows(
    origin: &Region,
    kind: &str,
    version: &Version,
    survivor: UserId,
    duplicate: UserId,
    why: &(String, Attribute),
) -> Vec<(Log, LogRow)> {
    let row = |user: UserId, other: UserId| LogRow {
        user,
        key: format!("{kind}#{version}#{other}"),
        at: version.hlc,
        origin: origin.clone(),
        kind: kind.to_owned(),
        fields: Attributes::from([
            why.clone(),
            (attribute::SURVIVOR.into(), survivor.to_string().into()),
            (attribute::DUPLICATE.into(), duplicate.to_string().into()),
        ]),
        unknown: Attributes::new(),
    };
    vec![(Log::Journal, row(survivor, duplicate)), (Log::Journal, row(duplicate, survivor))]
}
