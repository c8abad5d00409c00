//! `erase`: the person is gone for all companies, and with them every user that is merged with them. Two tombstones for
//! each, the claims and pointers dropped, and the receipts, in as few transactions as take them all, each safe by itself.

use std::collections::{BTreeMap, BTreeSet};

use umoja_schema::names::attribute;
use umoja_schema::{Attribute, AuditEvent, Log, LogRow, Part, PartRecord, Scope, UserId, Version, api};
use umoja_store::apply::{ClaimChange, plan_claims_of, plan_members};
use umoja_store::copy::confirmation;
use umoja_store::group::read_to_erase;
use umoja_store::ports::{Commit, Condition, MAX_WRITES, PartWrite, Parts, Writes};

use super::lookup::at_least;
use super::reason;
use crate::app::{App, SEALED_REASON, company_field};
use crate::caller::Caller;
use crate::handler::{Answer, Operation};
use crate::problem::{BEHIND, BUSY, NOT_FOUND, Refusal};
use crate::receipt::{ERASE, erased_together, receipt};

pub(crate) struct Erase;

/// Users with what is stored of them, in the order in which to erase them.
type Left = Vec<(UserId, Parts)>;

impl Operation for Erase {
    const PATH: &'static str = "/v1/users/erase";
    const SCOPE: Scope = Scope::Erase;
    const CHANGES: bool = true;
    type Body = api::Erase;
    type Read = (Option<String>, BTreeSet<UserId>, Left);

    async fn read(app: &App, _: &Caller, body: &api::Erase) -> Result<Self::Read, Refusal> {
        let reason = reason(body.reason.as_ref())?;
        // First: what is read from then on is as new.
        at_least(app, body.min_version.as_ref()).await?;
        let alone = BTreeSet::from([body.id]);
        let (before, left_alone) = tokio::try_join!(erased_together(app, body.id), left(app, body.id, &alone))?;
        let left = if before == alone { left_alone } else { left(app, body.id, &before).await? };
        Ok((reason, before, left))
    }

    /// Goes on until nobody is left: whoever was merged with anybody at the last moment is erased as well. Begun again,
    /// it goes on where it stopped.
    async fn run(
        app: &App,
        caller: &Caller,
        body: api::Erase,
        (reason, before, first): Self::Read,
    ) -> Result<Answer, Refusal> {
        let (mut users, mut lost_rounds, mut done) = (first, 0, before);
        has_arrived(app, body.id, &users).await?;
        while !users.is_empty() {
            let batch = batch(&users);
            let together = done.iter().copied().chain(batch.iter().map(|(id, _)| *id)).collect();
            let erasing = Erasing { app, caller, asked: body.id, reason: reason.as_deref(), together: &together };
            if app.commit(&erasing.writes(batch).await?).await? == Commit::Done {
                done = together;
            } else {
                lost_rounds += 1;
                if lost_rounds == umoja_store::apply::MAX_ROUNDS {
                    return Err(Refusal::from(&BUSY));
                }
            }
            users = left(app, body.id, &done).await?;
        }
        // Not remembered under its idempotency key: a repeat looks again for whoever has been merged since.
        Answer::new(202, &api::Erased { receipt: receipt(app, body.id).await? })
    }
}

/// Refuses to erase somebody of whom nothing has arrived: their members alone would be erased, and not they.
async fn has_arrived(app: &App, id: UserId, users: &Left) -> Result<(), Refusal> {
    let absent = users.iter().any(|(user, parts)| *user == id && *parts == Parts::default());
    if !absent {
        return Ok(());
    }
    let is_known = users.len() > 1 || !app.rows(Log::Receipts, id).await?.is_empty();
    Err(Refusal::from(if is_known { &BEHIND } else { &NOT_FOUND }))
}

/// As many of the first users as one transaction takes, at least one.
fn batch(users: &[(UserId, Parts)]) -> &[(UserId, Parts)] {
    // Two parts, a pointer, four rows; and a row of the user that was asked for.
    let writes = |parts: &Parts| 7 + parts.profile.as_ref().map_or(0, |profile| profile.claims().len());
    let mut total = 1;
    let fits = users.iter().take_while(|(_, parts)| {
        total += writes(parts);
        total <= MAX_WRITES
    });
    &users[..fits.count().max(1)]
}

/// Who is left to erase, of everybody who is one person with the user or was erased together with it.
///
/// Whoever points at somebody is opened first: somebody who can write the table must not have others erased by pointing
/// at them. What a part that does not open says is not believed, so that it can be erased itself and is in nobody's way.
async fn left(app: &App, id: UserId, with: &BTreeSet<UserId>) -> Result<Left, Refusal> {
    let mut disbelieved = BTreeSet::new();
    loop {
        let users = read_to_erase(&*app.home.own.users, id, with, &disbelieved).await?;
        let unreadable = app.unreadable(pointing(&users, &disbelieved), None).await?;
        if unreadable.is_empty() {
            return Ok(users);
        }
        disbelieved.extend(unreadable);
    }
}

/// The profiles that say where to look for others.
fn pointing<'a>(users: &'a Left, disbelieved: &BTreeSet<UserId>) -> Vec<&'a PartRecord> {
    let profiles = users.iter().filter_map(|(_, parts)| parts.profile.as_ref());
    let pointing = profiles.filter(|profile| profile.profile_facts().is_some_and(|facts| facts.merged_into.is_some()));
    pointing.filter(|profile| !disbelieved.contains(&profile.id)).collect()
}

/// One request to erase.
struct Erasing<'a> {
    app: &'a App,
    caller: &'a Caller,
    /// Whose erasure was asked for.
    asked: UserId,
    reason: Option<&'a str>,
    /// Everybody who is erased by now.
    together: &'a BTreeSet<UserId>,
}

impl Erasing<'_> {
    /// What erasing these users writes. A part that has not arrived yet is erased as well: it finds the tombstone.
    async fn writes(&self, users: &[(UserId, Parts)]) -> Result<Writes, Refusal> {
        let home = &self.app.home;
        let mut writes = Writes::default();
        let first = users.first().map(|(id, _)| id).filter(|_| !users.iter().any(|(id, _)| *id == self.asked));
        let (none, mut claims) = (BTreeMap::new(), Vec::new());
        for (id, parts) in users {
            let stored = Part::ALL.into_iter().filter_map(|part| parts.get(part)).map(|record| &record.version);
            let version = self.app.next_version(true, stored.max_by_key(|version| version.hlc))?;
            for part in Part::ALL {
                let stored = parts.get(part);
                if stored.is_some_and(|stored| stored.version.erased) {
                    continue;
                }
                let condition = stored.map_or(Condition::Absent, |stored| Condition::VersionIs(stored.version.clone()));
                let record = PartRecord::tombstone(*id, part, version.clone());
                writes.members.extend(plan_members(stored, &record));
                writes.rows.push((Log::Receipts, confirmation(home, &record, &home.own.name)));
                writes.parts.push(PartWrite { record, condition });
            }
            if let Some(profile) = &parts.profile {
                claims.push(ClaimChange { id: *id, before: profile.claims(), after: &none });
            }
            writes.rows.push((Log::Receipts, self.receipt_row(*id, format!("{ERASE}#{version}"), &version)));
            // The receipt of the user that was asked for names everybody, and is complete only once it is erased itself.
            if first == Some(id) {
                let key = format!("{ERASE}#{version}#{id}");
                writes.rows.push((Log::Receipts, self.receipt_row(self.asked, key, &version)));
            }
        }
        let events: Vec<_> = users.iter().map(|(id, _)| (*id, AuditEvent::Erased)).collect();
        let (claims, new_rows) =
            tokio::try_join!(plan_claims_of(&*home.own.users, &claims), self.app.recorded(self.caller, &events))?;
        (writes.claims, writes.new_rows) = (claims, new_rows);
        Ok(writes)
    }

    fn receipt_row(&self, id: UserId, key: String, version: &Version) -> LogRow {
        let Self { app, caller, asked, reason, together } = self;
        let together: BTreeSet<_> = together.iter().chain([asked]).collect();
        let mut row = app.row(id, key, ERASE, version);
        row.fields.extend([company_field(caller), (attribute::AT.into(), caller.now.0.into())]);
        if together.len() > 1 {
            let ids = together.iter().map(|id| id.to_string().into()).collect();
            row.fields.insert(attribute::TOGETHER.into(), Attribute::L(ids));
        }
        if let Some(reason) = reason {
            let sealed = app.secrets.seal_text(&row, reason, &*app.home.entropy);
            row.fields.insert(SEALED_REASON.into(), Attribute::B(sealed));
        }
        row
    }
}
