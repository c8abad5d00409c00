//! `erase`: the person is gone for all companies, and with them every user that is merged with them. Two tombstones for
//! each, the claims and pointers dropped, and the receipts, in one transaction if it takes them all.

use std::collections::{BTreeMap, BTreeSet};

use umoja_schema::names::attribute;
use umoja_schema::{Attribute, Identity, Log, LogRow, Part, PartRecord, Scope, UserId, Version, api};
use umoja_store::apply::{ClaimChange, plan_claims_of, plan_members};
use umoja_store::copy::confirmation;
use umoja_store::group::read_to_erase;
use umoja_store::ports::{Commit, Condition, KeysError, PartWrite, Parts, Writes};
use umoja_store::seal::SealError;

use super::reason;
use crate::app::{App, SEALED_REASON, company_field};
use crate::caller::Caller;
use crate::handler::{Answer, Operation};
use crate::problem::{BUSY, NOT_FOUND, Refusal};
use crate::receipt::{ERASE, receipt};

pub(crate) struct Erase;

/// Users with what is stored of them, in the order in which to erase them one by one.
type Left = Vec<(UserId, Parts)>;

/// The most writes in one transaction (DynamoDB's limit).
const MAX_TOGETHER: usize = 100;

impl Operation for Erase {
    const PATH: &'static str = "/v1/users/erase";
    const SCOPE: Scope = Scope::Erase;
    const CHANGES: bool = true;
    type Body = api::Erase;
    type Read = (Option<String>, Left);

    async fn read(app: &App, _: &Caller, body: &api::Erase) -> Result<Self::Read, Refusal> {
        Ok((reason(body.reason.as_ref())?, left(app, body.id).await?))
    }

    /// Goes on until nobody is left: what is merged with the person at the last moment is erased as well.
    async fn run(app: &App, caller: &Caller, body: api::Erase, (reason, first): Self::Read) -> Result<Answer, Refusal> {
        let (mut users, mut lost_rounds, mut done) = (first, 0, BTreeSet::new());
        while !users.is_empty() {
            let together = users.iter().map(|(id, _)| *id).chain(done.iter().copied()).collect();
            let erasing = Erasing { app, caller, reason: reason.as_deref(), together: &together };
            let mut writes = erasing.writes(&users).await?;
            if count(&writes) > MAX_TOGETHER {
                writes = erasing.writes(&users[..1]).await?;
            }
            if app.commit(&writes).await? == Commit::Done {
                done.extend(writes.parts.iter().map(|write| write.record.id));
            } else {
                lost_rounds += 1;
                if lost_rounds == umoja_store::apply::MAX_ROUNDS {
                    return Err(Refusal::from(&BUSY));
                }
            }
            users = left(app, body.id).await?;
        }
        if done.is_empty() && app.home.own.users.parts(body.id).await? == Parts::default() {
            return Err(Refusal::from(&NOT_FOUND));
        }
        answer(app, body.id).await
    }

    async fn again(app: &App, _: u16, id: UserId, _: Option<String>) -> Result<Answer, Refusal> {
        answer(app, id).await
    }
}

/// Who is left to erase. The parts of several are opened first: somebody who can write the table must not have others
/// erased by pointing at them. What a part that does not open says is not believed, so that it can be erased itself and
/// is in nobody's way.
async fn left(app: &App, id: UserId) -> Result<Left, Refusal> {
    let mut disbelieved = BTreeSet::new();
    loop {
        let users = read_to_erase(&*app.home.own.users, id, &disbelieved).await?;
        let before = disbelieved.len();
        let live = users.iter().filter_map(|(_, parts)| parts.profile.as_ref()).filter(|part| part.live().is_some());
        for profile in live.filter(|_| users.len() > 1) {
            match app.sealer.open::<Identity>(profile).await {
                Ok(_) => {}
                Err(SealError::Opaque | SealError::Keys(KeysError::Refused)) => {
                    disbelieved.insert(profile.id);
                }
                Err(error) => return Err(error.into()),
            }
        }
        if disbelieved.len() == before {
            return Ok(users);
        }
    }
}

async fn answer(app: &App, id: UserId) -> Result<Answer, Refusal> {
    let receipt = receipt(app, id).await?;
    Ok(Answer::new(202, &api::Erased { receipt })?.of(id, None))
}

fn count(writes: &Writes) -> usize {
    writes.parts.len() + writes.claims.len() + writes.members.len() + writes.rows.len()
}

/// One request to erase.
struct Erasing<'a> {
    app: &'a App,
    caller: &'a Caller,
    reason: Option<&'a str>,
    together: &'a BTreeSet<UserId>,
}

impl Erasing<'_> {
    /// What erasing these users writes. A part that has not arrived yet is erased as well: it finds the tombstone.
    async fn writes(&self, users: &[(UserId, Parts)]) -> Result<Writes, Refusal> {
        let home = &self.app.home;
        let mut writes = Writes::default();
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
            writes.rows.push((Log::Receipts, self.receipt_row(*id, &version)));
        }
        writes.claims = plan_claims_of(&*home.own.users, &claims).await?;
        Ok(writes)
    }

    fn receipt_row(&self, id: UserId, version: &Version) -> LogRow {
        let Self { app, caller, reason, together } = self;
        let mut row = app.row(id, format!("{ERASE}#{version}"), ERASE, version);
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
