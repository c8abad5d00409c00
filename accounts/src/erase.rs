//! Erases a person for all companies, with every user that is merged into that person. It first marks by what sources
//! could describe the person again ([`crate::kept_out`]). For each user, it then writes two tombstones, drops the
//! ownerships and pointers, and writes the receipts. It uses as few transactions as possible, each of which is safe by
//! itself.
//!
//! These transactions also write the confirmation of this region. A region that replicates a tombstone to a peer writes
//! the confirmation of the peer (`umoja_store::replicate`), and anti-entropy writes those that are missing.

use std::collections::{BTreeMap, BTreeSet};

use futures_util::stream::{self, StreamExt as _, TryStreamExt as _};
use umoja_schema::api::Selector;
use umoja_schema::names::attribute;
use umoja_schema::{
    Attribute, AuditEvent, CompanyId, Log, LogRow, Part, PartRecord, PersonVersion, UserId, Version, api,
};
use umoja_store::apply::{MAX_ROUNDS, OwnershipChange};
use umoja_store::person::read_to_erase;
use umoja_store::ports::{MAX_WRITES, Parts, StoreError};
use umoja_store::replicate::confirmation;

use crate::accounts::{SEALED_REASON, company_field};
use crate::named::Named;
use crate::receipt::{erased_together, receipt, target_accounts};
use crate::transaction::{OwnershipPlan, Recorded, Replacement, Transaction};
use crate::{Accounts, Context, Error, People, Reason, Rule};

/// Erases a person.
pub struct Erase {
    /// Any user of the person.
    pub selector: Selector,
    /// The reason for the erasure.
    pub reason: Option<Reason>,
    /// The version that has to have arrived in the region.
    pub min_version: Option<PersonVersion>,
}

/// Users with their stored parts, in the order in which to erase them.
type Left = Vec<(UserId, Parts)>;

/// The users to erase.
pub struct Found {
    /// The user that the request names.
    named: Named,
    /// The users that an earlier request erased together with the user.
    before: BTreeSet<UserId>,
    left: Left,
}

impl Rule for Erase {
    type Read = Found;
    /// The receipt. A retry also erases users that were merged since.
    type Done = api::Receipt;

    async fn read(&self, accounts: &Accounts, context: &Context) -> Result<Found, Error> {
        self.found(accounts, context).await
    }

    async fn act(self, accounts: &Accounts, context: &Context, found: Found) -> Result<api::Receipt, Error> {
        // The future is large, and most of its callers hold other ones.
        let receipt = Box::pin(self.erased(accounts, context, found, |_| true)).await?;
        receipt.ok_or(Error::Broken("an erasure without a condition is done"))
    }
}

impl Erase {
    /// The users to erase.
    async fn found(&self, people: &People, context: &Context) -> Result<Found, Error> {
        // This check comes first, because then every later read is at least as new.
        people.at_least(self.min_version.as_ref()).await?;
        let named = Named::find(people, context, &self.selector).await?;
        let id = named.id;
        let alone = BTreeSet::from([id]);
        let (before, left_alone) = tokio::try_join!(erased_together(people, id), left(people, id, &alone))?;
        let left = if before == alone { left_alone } else { left(people, id, &before).await? };
        Ok(Found { named, before, left })
    }

    /// Erases the person if no other company is linked to any of its users. `None` if one is, or if that is not known
    /// because a part has not arrived. The transaction requires that the users are as they were read, so a company that
    /// is linked at the same moment keeps its user.
    pub(crate) async fn unless_shared(
        &self,
        people: &People,
        context: &Context,
    ) -> Result<Option<api::Receipt>, Error> {
        let found = self.found(people, context).await?;
        Box::pin(self.erased(people, context, found, |users| are_only_of(&context.company.id, users))).await
    }

    /// Continues until no user is left, so that a user that was merged at the last moment is erased too. A retry
    /// continues where the last run stopped. It stops at users that do not meet the condition, and gives `None` if
    /// these are all.
    async fn erased(
        &self,
        people: &People,
        context: &Context,
        found: Found,
        may_erase: impl Fn(&Left) -> bool,
    ) -> Result<Option<api::Receipt>, Error> {
        let (mut users, mut lost_rounds, mut done) = (found.left, 0, found.before);
        let (mut written, mut marked, id) = (BTreeSet::new(), BTreeSet::new(), found.named.id);
        has_arrived(people, id, &users).await?;
        found.named.note(people).await?;
        while !users.is_empty() {
            if !may_erase(&users) {
                return if written.is_empty() { Ok(None) } else { receipt(people, id).await.map(Some) };
            }
            people.mark_erased(users.iter().filter(|(id, _)| !marked.contains(id))).await?;
            marked.extend(users.iter().map(|(id, _)| *id));
            let batch = batch(&users);
            let together = done.iter().copied().chain(batch.iter().map(|(id, _)| *id)).collect();
            let reason = self.reason.as_ref();
            let erasing = Erasing { people, context, asked: id, reason, together: &together };
            let ids: BTreeSet<UserId> = batch.iter().map(|(id, _)| *id).collect();
            let sessions = people.announce_all(id).await?;
            if erasing.transaction(batch).await?.is_done().await? {
                done = together;
                written.extend(ids);
                for (user, session) in sessions.iter().filter(|(user, _)| written.contains(user)) {
                    people.ended(*user, session).await?;
                }
            } else {
                lost_rounds += 1;
                if lost_rounds == MAX_ROUNDS {
                    return Err(Error::Contended);
                }
            }
            users = left(people, id, &done).await?;
            // No later write makes an erased user live. A table that keeps the users would get rows for ever.
            if users.iter().any(|(id, _)| written.contains(id)) {
                return Err(StoreError::Rejected("an erasure that changes no part".to_owned()).into());
            }
        }
        receipt(people, id).await.map(Some)
    }
}

/// True if no company but this one is linked to the users.
fn are_only_of(company: &CompanyId, users: &Left) -> bool {
    users.iter().all(|(_, parts)| {
        let profile = parts.profile.as_ref();
        profile.is_some_and(|profile| {
            profile.profile_facts().is_none_or(|facts| facts.links.keys().all(|linked| linked == company))
        })
    })
}

/// Fails if no part of the user has arrived. Otherwise only the linked accounts would be erased, and not the user.
async fn has_arrived(people: &People, id: UserId, users: &Left) -> Result<(), Error> {
    let absent = users.iter().any(|(user, parts)| *user == id && *parts == Parts::default());
    if !absent {
        return Ok(());
    }
    let is_known = users.len() > 1 || !people.rows(Log::Receipts, id).await?.is_empty();
    Err(if is_known { Error::Behind } else { Error::NotFound })
}

/// The first users that fit into one transaction, at least one.
fn batch(users: &[(UserId, Parts)]) -> &[(UserId, Parts)] {
    // Each user has two parts, a pointer and four rows. One more row is about the requested user.
    let writes = |parts: &Parts| 7 + parts.profile.as_ref().map_or(0, |profile| profile.ownerships().len());
    let mut total = 1;
    let fits = users.iter().take_while(|(_, parts)| {
        total += writes(parts);
        total <= MAX_WRITES
    });
    &users[..fits.count().max(1)]
}

/// The users that are left to erase, among all that are one person with the user or were erased together with it.
///
/// Every part with a pointer is opened first, because an attacker who can write the table must not have other users
/// erased by a forged pointer. The pointer of a part that cannot be decrypted is ignored, so that its user can still be
/// erased and does not block the erasure of others.
async fn left(people: &People, id: UserId, with: &BTreeSet<UserId>) -> Result<Left, Error> {
    let mut untrusted = BTreeSet::new();
    loop {
        let users = read_to_erase(&*people.home.own.users, id, with, &untrusted).await?;
        let unreadable = people.reader().unreadable(pointing(&users, &untrusted), None).await?;
        if unreadable.is_empty() {
            return Ok(users);
        }
        untrusted.extend(unreadable);
    }
}

/// The profiles with a pointer to another user.
fn pointing<'a>(users: &'a Left, untrusted: &BTreeSet<UserId>) -> Vec<&'a PartRecord> {
    let profiles = users.iter().filter_map(|(_, parts)| parts.profile.as_ref());
    let pointing = profiles.filter(|profile| profile.profile_facts().is_some_and(|facts| facts.merged_into.is_some()));
    pointing.filter(|profile| !untrusted.contains(&profile.id)).collect()
}

/// The field of receipts with the companies that are linked to any of the users: a tombstone has no links, and the feed
/// makes an event for each. Of a user whose profile part has not arrived, those of the others are known.
fn companies(users: &[(UserId, Parts)]) -> Option<(String, Attribute)> {
    let facts = users.iter().filter_map(|(_, parts)| parts.profile.as_ref()?.profile_facts());
    let companies: BTreeSet<&CompanyId> = facts.flat_map(|facts| facts.links.keys()).collect();
    let list = companies.into_iter().map(|company| company.to_string().into()).collect::<Vec<_>>();
    (!list.is_empty()).then(|| (attribute::COMPANIES.into(), Attribute::L(list)))
}

/// The field of each user's receipt with the targets that have an account of the user, or may have one. An account that is
/// made at the same moment is not among them: its delivery finds the tombstone.
async fn targets(people: &People, users: &[(UserId, Parts)]) -> Result<BTreeMap<UserId, (String, Attribute)>, Error> {
    let accounts: Vec<_> = users.iter().map(|(id, _)| target_accounts(people, *id)).collect();
    let accounts: Vec<_> = stream::iter(accounts).buffered(CONCURRENT).try_collect().await?;
    let fields = users.iter().zip(accounts).filter_map(|((id, _), targets)| {
        let list = targets.iter().map(|target| target.to_string().into()).collect::<Vec<_>>();
        (!list.is_empty()).then(|| (*id, (attribute::TARGETS.to_owned(), Attribute::L(list))))
    });
    Ok(fields.collect())
}

/// How many users' accounts at targets are read at the same time.
const CONCURRENT: usize = 16;

/// One request to erase.
struct Erasing<'a> {
    people: &'a People,
    context: &'a Context,
    /// The user that the request names.
    asked: UserId,
    reason: Option<&'a Reason>,
    /// All users that are erased after this transaction.
    together: &'a BTreeSet<UserId>,
}

impl<'a> Erasing<'a> {
    /// The writes that erase these users. A part that has not arrived yet is erased too: it will find the tombstone.
    async fn transaction(&self, users: &[(UserId, Parts)]) -> Result<Transaction<'a>, Error> {
        let (people, home) = (self.people, &self.people.home);
        let asked = self.asked;
        let first = users.first().map(|(id, _)| id).filter(|_| !users.iter().any(|(id, _)| *id == asked));
        let none = BTreeMap::new();
        let companies = companies(users);
        let targets = targets(people, users).await?;
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
                let tombstone = Replacement::erasing(stored, record);
                match part {
                    Part::Profile => profiles.push(tombstone),
                    Part::Credentials => credentials.push(tombstone),
                }
            }
            if let Some(profile) = &parts.profile {
                changes.push(OwnershipChange { id: *id, before: profile.ownerships(), after: &none });
            }
            let mut receipt = self.receipt_row(*id, format!("{}#{version}", LogRow::ERASE), &version);
            receipt.fields.extend(companies.clone());
            receipt.fields.extend(targets.get(id).cloned());
            rows.push((Log::Receipts, receipt));
            // The receipt of the requested user names all users, and is complete only after that user is erased itself.
            if first == Some(id) {
                let key = format!("{}#{version}#{id}", LogRow::ERASE);
                rows.push((Log::Receipts, self.receipt_row(asked, key, &version)));
            }
        }
        let events: Vec<_> = users.iter().map(|(id, _)| (*id, AuditEvent::Erased)).collect();
        let (ownerships, recorded) = tokio::try_join!(
            OwnershipPlan::read(&*home.own.users, &changes),
            Recorded::events(people.recorder(), &self.context.actor, &events)
        )?;
        people.not_held(users.iter().map(|(id, _)| *id)).await?;
        let transaction = Transaction::new(home, recorded).profiles(&profiles, ownerships, |_| false).rows(rows);
        Ok(credentials.iter().fold(transaction, Transaction::credentials))
    }

    fn receipt_row(&self, id: UserId, key: String, version: &Version) -> LogRow {
        let Self { people, context, asked, reason, together } = self;
        let together: BTreeSet<_> = together.iter().chain([asked]).collect();
        let mut row = people.row(id, key, LogRow::ERASE, version);
        row.fields.extend([company_field(context), (attribute::AT.into(), context.now.0.into())]);
        if together.len() > 1 {
            let ids = together.iter().map(|id| id.to_string().into()).collect();
            row.fields.insert(attribute::TOGETHER.into(), Attribute::L(ids));
        }
        if let Some(reason) = reason {
            let sealed = people.secrets.seal_text(&row, reason.as_str(), &*people.home.entropy);
            row.fields.insert(SEALED_REASON.into(), Attribute::B(sealed));
        }
        row
    }
}
