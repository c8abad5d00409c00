//! Receipts of erasures, read from the append-only rows: who asked, when, and which regions have confirmed.

use std::collections::BTreeMap;

use umoja_schema::api::{Confirmation, Receipt};
use umoja_schema::names::attribute;
use umoja_schema::{Attribute, Log, LogRow, Millis, Part, UserId};
use umoja_store::copy::confirmation_key;

use crate::app::{App, SEALED_REASON};
use crate::problem::{BEHIND, INTERNAL, NOT_FOUND, Refusal};

/// The kind of the row that an erasure writes.
pub(crate) const ERASE: &str = "erase";

/// The receipt of a user's erasure: of the first, if it was asked for more than once. 404 if the user was not erased,
/// 503 if it was and the receipt has not arrived: tombstones and rows travel apart.
pub(crate) async fn receipt(app: &App, id: UserId) -> Result<Receipt, Refusal> {
    let rows = app.rows(Log::Receipts, id).await?;
    let Some(erase) = rows.iter().filter(|row| row.kind == ERASE).min_by_key(|row| (row.at, row.origin.clone())) else {
        let parts = app.home.own.users.parts(id).await?;
        let erased = Part::ALL.into_iter().filter_map(|part| parts.get(part)).any(|record| record.version.erased);
        return Err(Refusal::from(if erased { &BEHIND } else { &NOT_FOUND }));
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
        app.home.region_names().map(|region| (region.clone(), confirmed(&rows, region))).collect();
    Ok(Receipt {
        id,
        requested_by: company,
        requested_at: requested_at.secs(),
        reason,
        complete: regions.values().all(|region| region.confirmed),
        regions,
    })
}

/// A region has confirmed once it holds the tombstones of both parts.
fn confirmed(rows: &[LogRow], region: &umoja_schema::Region) -> Confirmation {
    let of_part = |part| rows.iter().find(|row| row.key == confirmation_key(region, part)).map(|row| row.at);
    let at = Part::ALL.map(of_part).into_iter().collect::<Option<Vec<_>>>().and_then(|at| at.into_iter().max());
    Confirmation { confirmed: at.is_some(), confirmed_at: at.map(|at| at.millis().secs()) }
}
