//! Writing profile parts of one person, with their claims and pointers.

use umoja_schema::{AuditEvent, Facts, Identity, Log, LogRow, PartRecord, ProfileFacts, UserId};
use umoja_store::apply::{ClaimChange, conflicts, plan_claims_of, plan_members};
use umoja_store::claims;
use umoja_store::ports::{ClaimWrite, Commit, Condition, MAX_WRITES, PartWrite, Writes};

use crate::app::App;
use crate::audit::events;
use crate::caller::Caller;
use crate::group::Group;
use crate::identifiers::{keeps, refuse_taken};
use crate::problem::{INTERNAL, Refusal};

/// What one user of a person is to be.
#[derive(Clone)]
pub(crate) struct Change {
    pub(crate) id: UserId,
    pub(crate) identity: Identity,
    pub(crate) facts: ProfileFacts,
}

/// What a write is about.
pub(crate) struct Rules<'a> {
    /// On whose behalf it is, for the audit trail.
    pub(crate) caller: &'a Caller,
    /// Refuse identifiers that other people hold, naming the member of the body with this before it.
    pub(crate) refuse_taken: Option<&'a str>,
    /// Only if everybody of the person still is as it was read. So it is anyway once identifiers change: that somebody
    /// else who claims one is the same person has to be so at that moment.
    pub(crate) all_as_read: bool,
}

impl<'a> Rules<'a> {
    /// No rule.
    pub(crate) const fn of(caller: &'a Caller) -> Self {
        Self { caller, refuse_taken: None, all_as_read: false }
    }
}

/// What a change does that is recorded.
fn recorded_of(group: &Group, change: &Change) -> Vec<(UserId, AuditEvent)> {
    group.get(change.id).map(|before| events(before, change)).unwrap_or_default()
}

/// The most parts in one transaction: DynamoDB takes 4 MB, and 400 KB an item.
const MAX_PARTS: usize = 8;

impl App {
    /// Seals and stores profile parts of one person over the stored ones, with their claims and pointers and with further
    /// rows about each of them. In one transaction if that takes them; otherwise one by one, in the order of
    /// `changes`, each safe by itself, so that what was not done is done when the request is repeated.
    ///
    /// Gives the person as it is then; nothing if somebody got in between: the caller starts over from what is stored.
    pub(crate) async fn write_profiles(
        &self,
        group: &Group,
        changes: &[Change],
        rules: &Rules<'_>,
        rows: impl Fn(&PartRecord) -> Vec<(Log, LogRow)>,
    ) -> Result<Option<Group>, Refusal> {
        let current: Vec<Change> = changes.iter().map(|change| self.with_current_claims(change)).collect();
        let claims = self.plan_changes(group, &current).await?;
        if let Some(prefix) = rules.refuse_taken {
            for change in changes {
                let had = group.get(change.id).ok_or(Refusal::from(&INTERNAL))?.profile.claims();
                let keeps = |claim: &_| keeps(had, &change.facts, claim);
                refuse_taken(&claims, change.id, |other| group.holds(other), keeps, prefix)?;
            }
        }
        let changes = &*current;
        let events = changes.iter().map(|change| recorded_of(group, change).len()).sum::<usize>();
        let together = 4 * changes.len() + claims.len() + events + group.users().count();
        if changes.len() <= MAX_PARTS && together <= MAX_WRITES {
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

    async fn plan_changes(&self, group: &Group, changes: &[Change]) -> Result<Vec<ClaimWrite>, Refusal> {
        let changes = changes.iter().filter_map(|change| {
            let before = group.get(change.id)?.profile.claims();
            Some(ClaimChange { id: change.id, before, after: &change.facts.claims })
        });
        Ok(plan_claims_of(&*self.home.own.users, &changes.collect::<Vec<_>>()).await?)
    }

    async fn write_batch(
        &self,
        group: &Group,
        changes: &[Change],
        claims: Vec<ClaimWrite>,
        rules: &Rules<'_>,
        rows: impl Fn(&PartRecord) -> Vec<(Log, LogRow)>,
    ) -> Result<Option<Group>, Refusal> {
        let events: Vec<_> = changes.iter().flat_map(|change| recorded_of(group, change)).collect();
        let sealed = futures_util::future::try_join_all(changes.iter().map(|change| self.seal(group, change)));
        let (records, new_rows) = tokio::join!(sealed, self.recorded(rules.caller, &events));
        let (records, new_rows) = (records?, new_rows?);
        let mut writes = Writes { claims, new_rows, ..Writes::default() };
        for record in &records {
            let stored = &group.get(record.id).ok_or(Refusal::from(&INTERNAL))?.profile;
            let condition = Condition::VersionIs(stored.version.clone());
            writes.parts.push(PartWrite { record: record.clone(), condition });
            writes.members.extend(plan_members(Some(stored), record));
            let same = |other| group.holds(other);
            writes.rows.extend(conflicts(record.id, &record.version, &writes.claims, &self.home.own.name, same));
            writes.rows.extend(rows(record));
        }
        if rules.all_as_read || !writes.claims.is_empty() {
            let written: Vec<_> = changes.iter().map(|change| change.id).collect();
            let others = group.profiles_without(&written);
            // A person of more users than a merge brings together is written without: better than not at all.
            if writes.count() + others.len() <= MAX_WRITES {
                writes.unchanged = others;
            }
        }
        if self.commit(&writes).await? != Commit::Done {
            return Ok(None);
        }
        let mut written = group.clone();
        for (record, change) in records.into_iter().zip(changes) {
            let Some(next) = written.with_profile(record, change.identity.clone()) else { return Ok(None) };
            written = next;
        }
        Ok(Some(written))
    }

    async fn seal(&self, group: &Group, change: &Change) -> Result<PartRecord, Refusal> {
        let stored = &group.get(change.id).ok_or(Refusal::from(&INTERNAL))?.profile;
        let version = self.next_version(false, Some(&stored.version))?;
        let (facts, unknown) = (Facts::Profile(change.facts.clone()), stored.unknown.clone());
        Ok(self.sealer.seal(stored.id, version, facts, &change.identity, unknown).await?)
    }
}
