//! `erase`: the person is gone for all companies. Two tombstones, the claims dropped, and the receipt, in one
//! transaction.

use std::collections::BTreeMap;

use umoja_schema::api;
use umoja_schema::names::attribute;
use umoja_schema::{Attribute, Log, LogRow, Part, PartRecord, Scope, UserId, Version};
use umoja_store::apply::plan_claims;
use umoja_store::copy::confirmation;
use umoja_store::ports::{Commit, Condition, PartWrite, Parts, Writes};

use super::reason;
use crate::app::{App, SEALED_REASON, company_field, until_written};
use crate::caller::Caller;
use crate::handler::{Answer, Operation};
use crate::problem::{NOT_FOUND, Refusal};
use crate::receipt::{ERASE, receipt};

pub(crate) struct Erase;

impl Operation for Erase {
    const PATH: &'static str = "/v1/users/erase";
    const SCOPE: Scope = Scope::Erase;
    const CHANGES: bool = true;
    type Body = api::Erase;
    type Read = (Option<String>, Parts);

    async fn read(app: &App, _: &Caller, body: &api::Erase) -> Result<Self::Read, Refusal> {
        Ok((reason(body.reason.as_ref())?, app.home.own.users.parts(body.id).await?))
    }

    async fn run(app: &App, caller: &Caller, body: api::Erase, (reason, first): Self::Read) -> Result<Answer, Refusal> {
        let mut first = Some(first);
        until_written!({
            let parts = match first.take() {
                Some(read) => read,
                None => app.home.own.users.parts(body.id).await?,
            };
            if parts == Parts::default() {
                return Err(Refusal::from(&NOT_FOUND));
            }
            if Part::ALL.into_iter().all(|part| parts.get(part).is_some_and(|record| record.version.erased)) {
                return Ok(Some(()));
            }
            let writes = erasure(app, caller, body.id, &parts, reason.as_deref()).await?;
            Ok((app.commit(&writes).await? == Commit::Done).then_some(()))
        })?;
        answer(app, body.id).await
    }

    async fn again(app: &App, _: u16, id: UserId, _: Option<String>) -> Result<Answer, Refusal> {
        answer(app, id).await
    }
}

async fn answer(app: &App, id: UserId) -> Result<Answer, Refusal> {
    let receipt = receipt(app, id).await?;
    Ok(Answer::new(202, &api::Erased { receipt })?.of(id, None))
}

/// What an erasure writes. A part that has not arrived yet is erased as well: it finds the tombstone.
async fn erasure(
    app: &App,
    caller: &Caller,
    id: UserId,
    parts: &Parts,
    reason: Option<&str>,
) -> Result<Writes, Refusal> {
    let newest = Part::ALL
        .into_iter()
        .filter_map(|part| parts.get(part))
        .map(|record| &record.version)
        .max_by_key(|version| version.hlc);
    let version = app.next_version(true, newest)?;
    let mut writes = Writes::default();
    for part in Part::ALL {
        let stored = parts.get(part);
        if stored.is_some_and(|stored| stored.version.erased) {
            continue;
        }
        let condition = stored.map_or(Condition::Absent, |stored| Condition::VersionIs(stored.version.clone()));
        let record = PartRecord::tombstone(id, part, version.clone());
        writes.rows.push((Log::Receipts, confirmation(&app.home, &record, &app.home.own.name)));
        writes.parts.push(PartWrite { record, condition });
    }
    if let Some(profile) = &parts.profile {
        writes.claims = plan_claims(&*app.home.own.users, id, profile.claims(), &BTreeMap::new()).await?;
    }
    writes.rows.push((Log::Receipts, receipt_row(app, caller, id, &version, reason)));
    Ok(writes)
}

fn receipt_row(app: &App, caller: &Caller, id: UserId, version: &Version, reason: Option<&str>) -> LogRow {
    let mut row = app.row(id, format!("{ERASE}#{version}"), ERASE, version);
    row.fields.extend([company_field(caller), (attribute::AT.into(), caller.now.0.into())]);
    if let Some(reason) = reason {
        let sealed = app.secrets.seal_text(&row, reason, &*app.home.entropy);
        row.fields.insert(SEALED_REASON.into(), Attribute::B(sealed));
    }
    row
}
