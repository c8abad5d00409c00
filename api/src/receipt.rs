//! Receipts of erasures, read from the append-only rows: who asked, when, and which regions have confirmed.

use std::collections::{BTreeMap, BTreeSet};

use futures_util::stream::{self, StreamExt as _, TryStreamExt as _};
use umoja_schema::api::{Confirmation, Receipt};
use umoja_schema::names::attribute;
use umoja_schema::{Attribute, Log, LogRow, Millis, Part, UserId};
use umoja_store::copy::confirmation_key;
use umoja_store::group::read_to_erase;
use umoja_store::ports::Parts;

use crate::app::{App, SEALED_REASON};
use crate::problem::{BEHIND, INTERNAL, NOT_FOUND, Refusal};

/// The kind of the row that an erasure writes.
pub(crate) const ERASE: &str = "erase";

/// The receipt of a user's erasure: of the first, if it was asked for more than once. 404 if nobody asked for it,
/// 503 if the user was erased and the receipt has not arrived: tombstones and rows travel apart.
pub(crate) async fn receipt(app: &App, id: UserId) -> Result<Receipt, Refusal> {
    let all = all_rows(app, id).await?;
    let erasures = all.get(&id).into_iter().flatten().filter(|row| row.kind == ERASE);
    let Some(erase) = erasures.min_by_key(|row| (row.at, row.origin.clone())) else {
        let parts = app.home.own.users.parts(id).await?;
        return Err(Refusal::from(if any_erased(&parts) { &BEHIND } else { &NOT_FOUND }));
    };
    let company = erase.field(attribute::COMPANY).and_then(|text| text.parse().ok()).ok_or(Refusal::from(&INTERNAL))?;
    let requested_at = match erase.fields.get(attribute::AT) {
        Some(Attribute::N(millis)) => Millis(millis.parse().map_err(|_| Refusal::from(&INTERNAL))?),
        _ => erase.at.millis(),
    };
    let reason = match erase.fields.get(SEALED_REASON) {
        Some(Attribute::B(sealed)) => app.secrets.open_text(erase, sealed),
        _ => None,
    };
    let regions: BTreeMap<_, _> =
        app.home.region_names().map(|region| (region.clone(), confirmed(&all, region))).collect();
    let left = left(app, id, all.keys().copied().collect()).await?;
    Ok(Receipt {
        id,
        requested_by: company,
        requested_at: requested_at.secs(),
        reason,
        complete: left == 0 && regions.values().all(|region| region.confirmed),
        left,
        erased_with: all.keys().filter(|other| **other != id).copied().collect(),
        regions,
    })
}

/// Everybody who was erased together with a user, and the user itself, as far as receipts say so.
pub(crate) async fn erased_together(app: &App, id: UserId) -> Result<BTreeSet<UserId>, Refusal> {
    Ok(all_rows(app, id).await?.into_keys().collect())
}

/// True if the user was erased.
pub(crate) fn any_erased(parts: &Parts) -> bool {
    Part::ALL.into_iter().filter_map(|part| parts.get(part)).any(|record| record.version.erased)
}

/// How many users are one person with those who were erased, and were not: merged where the erasure was not known yet.
/// Nobody is erased for what these parts say, so they are not opened: one that does not open is left as well.
async fn left(app: &App, id: UserId, erased: BTreeSet<UserId>) -> Result<usize, Refusal> {
    let users = read_to_erase(&*app.home.own.users, id, &erased, &BTreeSet::new()).await?;
    Ok(users.iter().filter(|(id, _)| !erased.contains(id)).count())
}

/// How many users' rows are read at the same time.
const CONCURRENT: usize = 16;

/// The rows of a user and of everybody whom they say to have been erased together with it, and so on: a large person is
/// erased a few at a time, and who was merged at that moment is found by a later round.
async fn all_rows(app: &App, id: UserId) -> Result<BTreeMap<UserId, Vec<LogRow>>, Refusal> {
    let mut all = BTreeMap::new();
    let mut wanted = BTreeSet::from([id]);
    while !wanted.is_empty() {
        let read: Vec<_> = wanted.iter().map(|id| app.rows(Log::Receipts, *id)).collect();
        let read: Vec<_> = stream::iter(read).buffered(CONCURRENT).try_collect().await?;
        all.extend(wanted.into_iter().zip(read));
        let named = all.values().flatten().filter(|row| row.kind == ERASE).flat_map(together);
        wanted = named.filter(|id| !all.contains_key(id)).collect();
    }
    Ok(all)
}

/// The users that one request erased.
fn together(erase: &LogRow) -> impl Iterator<Item = UserId> {
    let ids = match erase.fields.get(attribute::TOGETHER) {
        Some(Attribute::L(ids)) => &ids[..],
        _ => &[],
    };
    ids.iter().filter_map(|id| match id {
        Attribute::S(text) => text.parse().ok(),
        _ => None,
    })
}

/// A region has confirmed once it holds the tombstones of both parts of every user that was erased; `all` are the rows of
/// each of them.
fn confirmed(all: &BTreeMap<UserId, Vec<LogRow>>, region: &umoja_schema::Region) -> Confirmation {
    let of_part =
        |rows: &[LogRow], part| rows.iter().find(|row| row.key == confirmation_key(region, part)).map(|row| row.at);
    let stamps = all.values().flat_map(|rows| Part::ALL.map(|part| of_part(rows, part)));
    let at = stamps.collect::<Option<Vec<_>>>().and_then(|at| at.into_iter().max());
    Confirmation { confirmed: at.is_some(), confirmed_at: at.map(|at| at.millis().secs()) }
}
