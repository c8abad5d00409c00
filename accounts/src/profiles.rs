//! Writing profile parts of one person, with their claims and pointers.

use umoja_schema::{Actor, AuditEvent, Credentials, Facts, Log, LogRow, PartRecord, UserId, Version};
use umoja_store::apply::ClaimChange;
use umoja_store::claims;
use umoja_store::ports::MAX_WRITES;

use crate::audit::events;
use crate::identifiers::{keeps, refuse_taken};
use crate::person::{Change, Person};
use crate::transaction::{ClaimPlan, Recorded, Replacement, Transaction};
use crate::{Error, People};

/// What a write is about.
pub(crate) struct Rules<'a> {
    /// On whose behalf it is, for the audit trail.
    pub(crate) actor: &'a Actor,
    /// Refuse identifiers that other people hold.
    pub(crate) refuse_taken: bool,
    /// Only if everybody of the person still is as it was read. So it is anyway once identifiers change: that somebody
    /// else who claims one is the same person has to be so at that moment.
    pub(crate) all_as_read: bool,
    /// Only while these users, who are not of the person, are as they were read.
    pub(crate) and_unchanged: Vec<(UserId, Version)>,
    /// What is recorded, if it is anything else than what the changes themselves say.
    pub(crate) events: Option<Vec<(UserId, AuditEvent)>>,
    /// The credentials of a user, and what they are to be. They go with one change of a profile at most.
    pub(crate) credentials: Option<(PartRecord, Credentials)>,
}

impl<'a> Rules<'a> {
    /// No rule.
    pub(crate) const fn of(actor: &'a Actor) -> Self {
        Self {
            actor,
            refuse_taken: false,
            all_as_read: false,
            and_unchanged: Vec::new(),
            events: None,
            credentials: None,
        }
    }
}

/// What a change does that is recorded.
fn recorded_of(group: &Person, change: &Change) -> Vec<(UserId, AuditEvent)> {
    group.get(change.id).map(|before| events(before, change)).unwrap_or_default()
}

const NOT_IN_PERSON: Error = Error::Broken("a user that is written is one of the person");

/// The most parts in one transaction: DynamoDB takes 4 MB, and 400 KB an item.
const MAX_PARTS: usize = 8;

impl People {
    /// Seals and stores profile parts of one person over the stored ones, with their claims and pointers and with further
    /// rows about each of them. In one transaction if that takes them; otherwise one by one, in the order of
    /// `changes`, each safe by itself, so that what was not done is done when the request is repeated.
    ///
    /// Gives the person as it is then; `None` if somebody got in between: the caller starts over from what is stored.
    pub(crate) async fn write_profiles(
        &self,
        group: &Person,
        changes: &[Change],
        rules: &Rules<'_>,
        rows: impl Fn(&PartRecord) -> Vec<(Log, LogRow)>,
    ) -> Result<Option<Person>, Error> {
        let current: Vec<Change> = changes.iter().map(|change| self.with_current_claims(change)).collect();
        let claims = self.plan_changes(group, &current).await?;
        if rules.refuse_taken {
            for change in changes {
                let had = group.get(change.id).ok_or(NOT_IN_PERSON)?.profile.claims();
                let keeps = |claim: &_| keeps(had, &change.facts, claim);
                refuse_taken(claims.writes(), change.id, |other| group.holds(other), keeps)?;
            }
        }
        let changes = &*current;
        let events = changes.iter().map(|change| recorded_of(group, change).len()).sum::<usize>();
        let together = 4 * changes.len() + claims.writes().len() + events + group.users().count();
        if changes.len() <= 1 || changes.len() <= MAX_PARTS && together <= MAX_WRITES {
            return self.write_batch(group, changes, claims, rules, &rows).await;
        }
        let mut written = group.clone();
        for change in changes.chunks(1) {
            let claims = self.plan_changes(&written, change).await?;
            match self.write_batch(&written, change, claims, rules, &rows).await? {
                Some(next) => written = next,
                None => return Ok(None),
            }
        }
        Ok(Some(written))
    }

    /// The change with its claims under each live index key and no other: what is written while a key is rotated is not
    /// left behind. A profile without an identifier that it claims stays as it is, for an operator to see.
    fn with_current_claims(&self, change: &Change) -> Change {
        let mut change = change.clone();
        if !claims::are_current(&self.secrets, &change.facts.claims)
            && let Some(claims) = claims::current(&self.secrets, &change.facts.claims, &change.identity)
        {
            change.facts.claims = claims;
        }
        change
    }

    async fn plan_changes(&self, group: &Person, changes: &[Change]) -> Result<ClaimPlan, Error> {
        let changes = changes.iter().filter_map(|change| {
            let before = group.get(change.id)?.profile.claims();
            Some(ClaimChange { id: change.id, before, after: &change.facts.claims })
        });
        Ok(ClaimPlan::read(&*self.home.own.users, &changes.collect::<Vec<_>>()).await?)
    }

    async fn write_batch(
        &self,
        group: &Person,
        changes: &[Change],
        claims: ClaimPlan,
        rules: &Rules<'_>,
        rows: impl Fn(&PartRecord) -> Vec<(Log, LogRow)>,
    ) -> Result<Option<Person>, Error> {
        let of_changes = || changes.iter().flat_map(|change| recorded_of(group, change)).collect();
        let events: Vec<_> = rules.events.clone().unwrap_or_else(of_changes);
        let sealed = futures_util::future::try_join_all(changes.iter().map(|change| self.seal(group, change)));
        let recorded = Recorded::events(self.recorder(), rules.actor, &events);
        let credentials = self.seal_with(rules.credentials.as_ref());
        let (records, credentials, recorded) = tokio::join!(sealed, credentials, recorded);
        let (records, credentials, recorded) = (records?, credentials?, recorded?);
        let over = |record: &PartRecord| Some(Replacement::of(&group.get(record.id)?.profile, record.clone()));
        let parts = records.iter().map(over).collect::<Option<Vec<_>>>().ok_or(NOT_IN_PERSON)?;
        let as_read = rules.all_as_read || !claims.writes().is_empty();
        let mut transaction = Transaction::new(&self.home, recorded)
            .profiles(&parts, claims, |other| group.holds(other))
            .rows(records.iter().flat_map(rows))
            .unchanged(rules.and_unchanged.iter().cloned());
        if let (Some((stored, _)), Some(record)) = (&rules.credentials, &credentials) {
            transaction = transaction.credentials(&Replacement::of(stored, record.clone()));
        }
        if as_read {
            let written: Vec<_> = changes.iter().map(|change| change.id).collect();
            transaction = transaction.unchanged_if_they_fit(group.profiles_without(&written));
        }
        if !transaction.is_done().await? {
            return Ok(None);
        }
        let mut written = group.clone();
        for (record, change) in records.into_iter().zip(changes) {
            let Some(next) = written.with_profile(record, change.identity.clone()) else { return Ok(None) };
            written = next;
        }
        Ok(Some(match credentials {
            Some(record) => written.with_credentials(record),
            None => written,
        }))
    }

    async fn seal_with(&self, credentials: Option<&(PartRecord, Credentials)>) -> Result<Option<PartRecord>, Error> {
        let Some((stored, credentials)) = credentials else { return Ok(None) };
        let status = stored.status().ok_or(Error::Broken("a live part has a status"))?;
        self.seal_credentials(stored, credentials, status).await.map(Some)
    }

    async fn seal(&self, group: &Person, change: &Change) -> Result<PartRecord, Error> {
        let stored = &group.get(change.id).ok_or(NOT_IN_PERSON)?.profile;
        let version = self.next_version(false, Some(&stored.version))?;
        let (facts, unknown) = (Facts::Profile(change.facts.clone()), stored.unknown.clone());
        Ok(self.sealer.seal(stored.id, version, facts, &change.identity, unknown).await?)
    }
}
