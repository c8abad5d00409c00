//! Writes profile parts of one person, with their ownerships and pointers.

use umoja_schema::{AccountStatus, Actor, AuditEvent, Credentials, Facts, Log, LogRow, PartRecord, UserId, Version};
use umoja_store::apply::OwnershipChange;
use umoja_store::ownerships;
use umoja_store::ports::{ItemWrite, MAX_WRITES};

use crate::audit::{events, notices};
use crate::ends_all::EndsAll;
use crate::identifiers::{keeps, reject_taken};
use crate::noticed::of_credentials;
use crate::person::{Change, Person};
use crate::transaction::{OwnershipPlan, Recorded, Replacement, Transaction};
use crate::{Error, People};

/// The conditions and additions of a write.
pub(crate) struct Rules<'a> {
    /// The actor in the audit trail.
    pub(crate) actor: &'a Actor,
    /// Reject identifiers that belong to other people.
    pub(crate) reject_taken: bool,
    /// Require that all users of the person are as they were read. A change of identifiers always requires it, because
    /// another owner of an identifier has to be the same person at that moment.
    pub(crate) all_as_read: bool,
    /// Require that these users, who do not belong to the person, are as they were read.
    pub(crate) and_unchanged: Vec<(UserId, Version)>,
    /// The audit events, if they are not those of the changes themselves.
    pub(crate) events: Option<Vec<(UserId, AuditEvent)>>,
    /// The credentials of a user. They allow at most one change of a profile.
    pub(crate) credentials: Option<Box<NewCredentials>>,
    /// Rows of the users that are written with the change; with the last one, if the changes do not fit into one transaction.
    pub(crate) items: Vec<ItemWrite>,
}

/// The new content of a credentials part.
#[derive(Clone)]
pub(crate) struct NewCredentials {
    /// The stored part.
    pub(crate) stored: PartRecord,
    /// What replaces its content.
    pub(crate) content: Credentials,
    /// Whether the user may log in.
    pub(crate) status: AccountStatus,
}

impl<'a> Rules<'a> {
    /// No conditions and no additions.
    pub(crate) const fn of(actor: &'a Actor) -> Self {
        Self {
            actor,
            reject_taken: false,
            all_as_read: false,
            and_unchanged: Vec::new(),
            events: None,
            credentials: None,
            items: Vec::new(),
        }
    }
}

/// The audit events of a change.
fn recorded_of(person: &Person, change: &Change) -> Vec<(UserId, AuditEvent)> {
    person.get(change.id).map(|before| events(before, change)).unwrap_or_default()
}

const NOT_IN_PERSON: Error = Error::Broken("a written user belongs to the person");

/// The maximum number of parts in one transaction. DynamoDB accepts 4 MB, and 400 KB for each item.
const MAX_PARTS: usize = 8;

impl People {
    /// Encrypts profile parts of one person and stores them in place of the stored ones, with their ownerships and
    /// pointers and with further rows about each of them. It uses one transaction if they fit into it. Otherwise it
    /// writes them one by one in the order of `changes`. Each of these writes is safe by itself, and a retry of the
    /// request completes them.
    ///
    /// Returns the person after the write. `None` if another write got in between: the caller then starts again from
    /// the stored state.
    pub(crate) async fn write_profiles(
        &self,
        person: &Person,
        changes: &[Change],
        rules: &Rules<'_>,
        rows: impl Fn(&PartRecord) -> Vec<(Log, LogRow)>,
    ) -> Result<Option<Person>, Error> {
        let current: Vec<Change> = changes.iter().map(|change| self.with_current_ownerships(change)).collect();
        let ownerships = self.plan_changes(person, &current).await?;
        if rules.reject_taken {
            for change in changes {
                let had = person.get(change.id).ok_or(NOT_IN_PERSON)?.profile.ownerships();
                let keeps = |ownership: &_| keeps(had, &change.facts, ownership);
                reject_taken(ownerships.writes(), change.id, |other| person.holds(other), keeps)?;
            }
        }
        let changes = &*current;
        let events = changes.iter().map(|change| recorded_of(person, change).len()).sum::<usize>();
        let together = 4 * changes.len() + ownerships.writes().len() + events + person.users().count();
        let together = together + rules.items.len();
        if changes.len() <= 1 || changes.len() <= MAX_PARTS && together <= MAX_WRITES {
            return self.write_batch(person, changes, ownerships, (rules, &rules.items), &rows).await;
        }
        let mut written = person.clone();
        for (change, number) in changes.chunks(1).zip(1..) {
            let ownerships = self.plan_changes(&written, change).await?;
            let items = if number == changes.len() { &*rules.items } else { &[] };
            match self.write_batch(&written, change, ownerships, (rules, items), &rows).await? {
                Some(next) => written = next,
                None => return Ok(None),
            }
        }
        Ok(Some(written))
    }

    /// The change with its ownerships under exactly the live index keys, so that a write during a key rotation does not
    /// leave ownerships behind. A profile that lacks the value of an owned identifier stays as it is, so that an
    /// operator can see it.
    fn with_current_ownerships(&self, change: &Change) -> Change {
        let mut change = change.clone();
        if !ownerships::are_current(&self.secrets, &change.facts.ownerships)
            && let Some(ownerships) = ownerships::current(&self.secrets, &change.facts.ownerships, &change.identity)
        {
            change.facts.ownerships = ownerships;
        }
        change
    }

    async fn plan_changes(&self, person: &Person, changes: &[Change]) -> Result<OwnershipPlan, Error> {
        let changes = changes.iter().filter_map(|change| {
            let before = person.get(change.id)?.profile.ownerships();
            Some(OwnershipChange { id: change.id, before, after: &change.facts.ownerships })
        });
        Ok(OwnershipPlan::read(&*self.home.own.users, &changes.collect::<Vec<_>>()).await?)
    }

    async fn write_batch(
        &self,
        person: &Person,
        changes: &[Change],
        ownerships: OwnershipPlan,
        (rules, items): (&Rules<'_>, &[ItemWrite]),
        rows: impl Fn(&PartRecord) -> Vec<(Log, LogRow)>,
    ) -> Result<Option<Person>, Error> {
        let of_changes = || changes.iter().flat_map(|change| recorded_of(person, change)).collect();
        let events: Vec<_> = rules.events.clone().unwrap_or_else(of_changes);
        let sealed = futures_util::future::try_join_all(changes.iter().map(|change| self.seal(person, change)));
        let recorded = Recorded::events(self.recorder(), rules.actor, &events);
        let credentials = self.seal_with(rules.credentials.as_deref());
        let (records, credentials, recorded) = tokio::join!(sealed, credentials, recorded);
        let (records, credentials, recorded) = (records?, credentials?, recorded?);
        let over = |(record, change): (&PartRecord, &Change)| {
            let before = person.get(record.id)?;
            Some(Replacement::of(&before.profile, record.clone(), &notices(before, change)))
        };
        let parts = records.iter().zip(changes).map(over).collect::<Option<Vec<_>>>().ok_or(NOT_IN_PERSON)?;
        let as_read = rules.all_as_read || !ownerships.writes().is_empty();
        let mut transaction = Transaction::new(&self.home, recorded)
            .profiles(&parts, ownerships, |other| person.holds(other))
            .rows(records.iter().flat_map(rows))
            .items(items.to_vec())
            .unchanged(rules.and_unchanged.iter().cloned());
        if let (Some(new), Some(record)) = (&rules.credentials, &credentials) {
            let noticed = of_credentials(&new.stored, new.status, &events);
            transaction = transaction.credentials(&Replacement::of(&new.stored, record.clone(), &noticed));
            if new.status == AccountStatus::Disabled && new.stored.status() != Some(new.status) {
                let all = EndsAll::from(person).with(record.id, &record.version);
                transaction = transaction.items(self.ends_of_all(&all, None).await?);
            }
        }
        if as_read {
            let written: Vec<_> = changes.iter().map(|change| change.id).collect();
            transaction = transaction.unchanged_if_they_fit(person.profiles_without(&written));
        }
        if !transaction.is_done().await? {
            return Ok(None);
        }
        let mut written = person.clone();
        for (record, change) in records.into_iter().zip(changes) {
            let Some(next) = written.with_profile(record, change.identity.clone()) else { return Ok(None) };
            written = next;
        }
        Ok(Some(match credentials {
            Some(record) => written.with_credentials(record),
            None => written,
        }))
    }

    async fn seal_with(&self, credentials: Option<&NewCredentials>) -> Result<Option<PartRecord>, Error> {
        let Some(NewCredentials { stored, content, status }) = credentials else { return Ok(None) };
        self.seal_credentials(stored, content, *status).await.map(Some)
    }

    async fn seal(&self, person: &Person, change: &Change) -> Result<PartRecord, Error> {
        let stored = &person.get(change.id).ok_or(NOT_IN_PERSON)?.profile;
        let version = self.next_version(false, Some(&stored.version))?;
        let (facts, unknown) = (Facts::Profile(change.facts.clone()), stored.unknown.clone());
        Ok(self.sealer.seal(stored.id, version, facts, &change.identity, unknown).await?)
    }
}
