//! The person is gone for all companies, and with them every user that is merged with them. Two tombstones for each, the
//! claims and pointers dropped, and the receipts, in as few transactions as take them all, each safe by itself.
//!
//! Confirmations: these transactions write the own region's; the region that replicates a tombstone to a peer writes the
//! peer's (`umoja_store::copy`), and anti-entropy writes those that are missing.

use std::collections::{BTreeMap, BTreeSet};

use umoja_schema::names::attribute;
use umoja_schema::{Attribute, AuditEvent, Log, LogRow, Part, PartRecord, PersonVersion, UserId, Version, api};
use umoja_store::apply::{ClaimChange, MAX_ROUNDS};
use umoja_store::copy::confirmation;
use umoja_store::group::read_to_erase;
use umoja_store::ports::{MAX_WRITES, Parts};

use crate::accounts::{SEALED_REASON, company_field};
use crate::receipt::{ERASE, erased_together, receipt};
use crate::transaction::{ClaimPlan, Recorded, Replacement, Transaction};
use crate::{Accounts, Context, Error, People, Reason, Rule};

/// Erases a person.
pub struct Erase {
    /// Any of its users.
    pub id: UserId,
    /// Why.
    pub reason: Option<Reason>,
    /// Only where the region has heard of this version.
    pub min_version: Option<PersonVersion>,
}

/// Users with what is stored of them, in the order in which to erase them.
type Left = Vec<(UserId, Parts)>;

/// Who is to be erased.
pub struct Found {
    /// Who was erased together with the user by an earlier request.
    before: BTreeSet<UserId>,
    left: Left,
}

impl Rule for Erase {
    type Read = Found;
    /// The receipt. A repeat looks again for whoever has been merged since.
    type Done = api::Receipt;

    async fn read(&self, accounts: &Accounts, _: &Context) -> Result<Found, Error> {
        // First: what is read from then on is as new.
        accounts.at_least(self.min_version.as_ref()).await?;
        let alone = BTreeSet::from([self.id]);
        let (before, left_alone) =
            tokio::try_join!(erased_together(accounts, self.id), left(accounts, self.id, &alone))?;
        let left = if before == alone { left_alone } else { left(accounts, self.id, &before).await? };
        Ok(Found { before, left })
    }

    /// Goes on until nobody is left: whoever was merged with anybody at the last moment is erased as well. Begun again,
    /// it goes on where it stopped.
    async fn act(self, accounts: &Accounts, context: &Context, found: Found) -> Result<api::Receipt, Error> {
        let (mut users, mut lost_rounds, mut done) = (found.left, 0, found.before);
        has_arrived(accounts, self.id, &users).await?;
        while !users.is_empty() {
            let batch = batch(&users);
            let together = done.iter().copied().chain(batch.iter().map(|(id, _)| *id)).collect();
            let erasing = Erasing { people: accounts, context, asked: &self, together: &together };
            if erasing.transaction(batch).await?.is_done().await? {
                done = together;
            } else {
                lost_rounds += 1;
                if lost_rounds == MAX_ROUNDS {
                    return Err(Error::Contended);
                }
            }
            users = left(accounts, self.id, &done).await?;
        }
        receipt(accounts, self.id).await
    }
}

/// Refuses to erase somebody of whom nothing has arrived: their members alone would be erased, and not they.
async fn has_arrived(people: &People, id: UserId, users: &Left) -> Result<(), Error> {
    let absent = users.iter().any(|(user, parts)| *user == id && *parts == Parts::default());
    if !absent {
        return Ok(());
    }
    let is_known = users.len() > 1 || !people.rows(Log::Receipts, id).await?.is_empty();
    Err(if is_known { Error::Behind } else { Error::NotFound })
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
async fn left(people: &People, id: UserId, with: &BTreeSet<UserId>) -> Result<Left, Error> {
    let mut disbelieved = BTreeSet::new();
    loop {
        let users = read_to_erase(&*people.home.own.users, id, with, &disbelieved).await?;
        let unreadable = people.reader().unreadable(pointing(&users, &disbelieved), None).await?;
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
    people: &'a People,
    context: &'a Context,
    asked: &'a Erase,
    /// Everybody who is erased by now.
    together: &'a BTreeSet<UserId>,
}

impl<'a> Erasing<'a> {
    /// What erasing these users writes. A part that has not arrived yet is erased as well: it finds the tombstone.
    async fn transaction(&self, users: &[(UserId, Parts)]) -> Result<Transaction<'a>, Error> {
        let (people, home) = (self.people, &self.people.home);
        let first = users.first().map(|(id, _)| id).filter(|_| !users.iter().any(|(id, _)| *id == self.asked.id));
        let none = BTreeMap::new();
        let (mut profiles, mut credentials, mut changes, mut rows) = (Vec::new(), Vec::new(), Vec::new(), Vec::new());
        for (id, parts) in users {
            let stored = Part::ALL.into_iter().filter_map(|part| parts.get(part)).map(|record| &record.version);
            let version = people.next_version(true, stored.max_by_key(|version| version.hlc))?;
            for part in Part::ALL {
                let stored = parts.get(part);
                if stored.is_some_and(|stored| stored.version.erased) {
                    continue;
                }
                let record = PartRecord::tombstone(*id, part, version.clone());
                rows.push((Log::Receipts, confirmation(home, &record, &home.own.name)));
                let tombstone = Replacement::over(stored, record);
                match part {
                    Part::Profile => profiles.push(tombstone),
                    Part::Credentials => credentials.push(tombstone),
                }
            }
            if let Some(profile) = &parts.profile {
                changes.push(ClaimChange { id: *id, before: profile.claims(), after: &none });
            }
            rows.push((Log::Receipts, self.receipt_row(*id, format!("{ERASE}#{version}"), &version)));
            // The receipt of the user that was asked for names everybody, and is complete only once it is erased itself.
            if first == Some(id) {
                let key = format!("{ERASE}#{version}#{id}");
                rows.push((Log::Receipts, self.receipt_row(self.asked.id, key, &version)));
            }
        }
        let events: Vec<_> = users.iter().map(|(id, _)| (*id, AuditEvent::Erased)).collect();
        let (claims, recorded) = tokio::try_join!(
            ClaimPlan::read(&*home.own.users, &changes),
            Recorded::events(people.recorder(), &self.context.actor, &events)
        )?;
        let transaction = Transaction::new(home, recorded).profiles(&profiles, claims, |_| false).rows(rows);
        Ok(credentials.iter().fold(transaction, Transaction::credentials))
    }

    fn receipt_row(&self, id: UserId, key: String, version: &Version) -> LogRow {
        let Self { people, context, asked, together } = self;
        let together: BTreeSet<_> = together.iter().chain([&asked.id]).collect();
        let mut row = people.row(id, key, ERASE, version);
        row.fields.extend([company_field(context), (attribute::AT.into(), context.now.0.into())]);
        if together.len() > 1 {
            let ids = together.iter().map(|id| id.to_string().into()).collect();
            row.fields.insert(attribute::TOGETHER.into(), Attribute::L(ids));
        }
        if let Some(reason) = &asked.reason {
            let sealed = people.secrets.seal_text(&row, reason.as_str(), &*people.home.entropy);
            row.fields.insert(SEALED_REASON.into(), Attribute::B(sealed));
        }
        row
    }
}
