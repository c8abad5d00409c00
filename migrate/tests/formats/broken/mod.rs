//! Thousands of kinds of broken records, each between two whole ones. The record is rejected, or its fields are exactly
//! those of the broken source, and the two others are unchanged.

mod json;
mod ldif;
mod tables;

pub(crate) use self::ldif::base64;

use std::sync::LazyLock;

use umoja_crypto::password::{EngineChoice, Params, Passwords};
use umoja_migrate::formats::{Format, Options};
use umoja_migrate::{Rejected, Row};

use crate::login::all;

/// The fields of a row that can be compared with its source.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Seen {
    pub(crate) external_id: Option<String>,
    pub(crate) email: Option<String>,
    pub(crate) email_verified: bool,
    pub(crate) phone_number: Option<String>,
    pub(crate) username: Option<String>,
    pub(crate) given_name: Option<String>,
    pub(crate) hash: Option<String>,
}

pub(crate) fn seen(row: &Row) -> Seen {
    static PASSWORDS: LazyLock<Passwords> =
        LazyLock::new(|| Passwords::new(Params { m_kib: 64, t: 1, p: 1 }, EngineChoice::Auto, None).unwrap());
    Seen {
        external_id: row.external_id.clone(),
        email: row.email.clone(),
        email_verified: row.email_verified,
        phone_number: row.phone_number.clone(),
        username: row.username.clone(),
        given_name: row.profile.given_name.clone(),
        hash: row.hash.as_ref().map(|hash| hash.to_stored(&PASSWORDS, [7; 16])),
    }
}

/// The record in the middle, of a source that is otherwise whole.
///
/// # Panics
/// If a record is missing (except the middle one, which may not be a user any more), or the outer two are not `whole`.
#[track_caller]
pub(crate) fn middle(
    format: Format,
    source: &[u8],
    options: &Options,
    whole: &Seen,
    kind: &str,
) -> Option<Result<Row, Rejected>> {
    let items = all(format, source, options);
    let mut rows: Vec<_> =
        items.into_iter().map(|item| item.unwrap_or_else(|error| panic!("{format:?} {kind}: {error}")).row).collect();
    assert!((2..=3).contains(&rows.len()), "{format:?} {kind}: {} records", rows.len());
    let outer = [rows.remove(0), rows.pop().unwrap()];
    for row in outer {
        assert_eq!(seen(&row.unwrap_or_else(|rejected| panic!("{format:?} {kind}: {rejected}"))), *whole, "{kind}");
    }
    rows.pop()
}

/// Whether a value was left out. What is left of the row is then what the whole one has.
#[track_caller]
pub(crate) fn left_out(row: &Row, whole: &Seen, kind: &str) -> bool {
    let Seen { external_id, email, email_verified, phone_number, username, given_name, .. } = seen(row);
    let pairs = [
        (&external_id, &whole.external_id),
        (&email, &whole.email),
        (&phone_number, &whole.phone_number),
        (&username, &whole.username),
        (&given_name, &whole.given_name),
    ];
    if row.left_out.is_empty() {
        return false;
    }
    assert!(pairs.iter().all(|(left, whole)| left.is_none() || left == whole), "{kind}");
    assert!(whole.email_verified || !email_verified, "{kind}");
    true
}

/// Pseudo-random numbers that are the same in every run (SplitMix64).
pub(crate) struct Dice(pub(crate) u64);

impl Dice {
    pub(crate) fn below(&mut self, end: usize) -> usize {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        usize::try_from((mixed ^ (mixed >> 31)) % end as u64).unwrap()
    }
}
