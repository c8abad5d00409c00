//! Resolving a conflict: one of the two is merged into the other, or gives up what both claim, or they are let stand.
//!
//! Each is one local write, conditional on what was read, with its rows in the journal: it replicates as any other. The
//! stamp is the clock's, as of whatever a person says, so that it is newer than what it was decided on.

use std::collections::BTreeSet;

use umoja_schema::names::attribute;
use umoja_schema::{
    Actor, Attribute, Attributes, AuditEvent, Facts, Hlc, Identity, Log, LogRow, PartRecord, ProfileFacts, UserId,
    Version,
};
use umoja_store::Home;
use umoja_store::apply::{commit_own, plan_claims, plan_members};
use umoja_store::audit::{Events, Recorder};
use umoja_store::claims::drop_identifier;
use umoja_store::group::{self, GroupError, GroupParts, MAX_MERGED, MergeRefused, Merging, merging};
use umoja_store::pointers::{MERGED, UNMERGED, pointer_rows};
use umoja_store::ports::{Commit, Condition, PartWrite, StoreError, Writes};
use umoja_store::seal::{SealError, Sealer};
use umoja_store::secrets::Secrets;

use super::{BY, CONFLICT_DISMISSED, CONFLICT_GIVEN_UP, Conflict, Contested, State, look};

/// How a conflict is resolved.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Way {
    /// The loser is merged into the winner: they are one person.
    Merge,
    /// The loser gives up every identifier that the winner claims too.
    GiveUp,
    /// Both stay as they are, and nobody is told of it any more.
    Dismiss,
}

/// What became of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Resolved {
    /// It was done, about these identifiers; or it would be, if it was only asked for that.
    Done(Vec<Contested>),
    /// There was nothing to do.
    Nothing(State),
}

/// Why a conflict was not resolved. Nothing was written then.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ResolveError {
    /// One of the two is erased, or has not arrived here.
    #[error("the region holds no live user {0}")]
    NotLive(UserId),
    /// Nothing says that they are the same.
    #[error("the two claim no identifier in common")]
    NoConflict,
    /// The merge is refused.
    #[error(transparent)]
    Merge(#[from] MergeRefused),
    /// The loser would be found by nothing.
    #[error("the loser would be left without any identifier; merge the two, or give it another one first")]
    NoIdentifierLeft,
    /// Somebody changed one of the two meanwhile.
    #[error("one of the two was changed at the same moment; run the command again")]
    Changed,
    /// What is stored is newer than this machine's clock by more than is believed.
    #[error("the stored part is more than five minutes ahead of the clock of this machine")]
    FarFuture,
    /// A part cannot be opened or sealed.
    #[error(transparent)]
    Sealing(#[from] SealError),
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl From<GroupError> for ResolveError {
    fn from(error: GroupError) -> Self {
        match error {
            GroupError::Store(error) => Self::Store(error),
            GroupError::TooLarge(_) => Self::Merge(MergeRefused::TooLarge),
        }
    }
}

/// A decision of an operator about two users.
pub struct Resolution<'a> {
    /// The region in which it is written.
    pub home: &'a Home,
    /// What opens and seals there.
    pub sealer: &'a Sealer,
    /// Who keeps what both claim.
    pub winner: UserId,
    /// The other one.
    pub loser: UserId,
    /// On whose behalf, for the journal.
    pub by: &'a str,
    /// What the audit trail is made with, and what seals the reason into the journal.
    pub secrets: &'a Secrets,
    /// Why.
    pub reason: Option<&'a str>,
    /// Only decide, and write nothing.
    pub dry_run: bool,
}

impl Resolution<'_> {
    /// Resolves the conflict. Doing it twice is doing it once.
    ///
    /// # Errors
    /// See [`ResolveError`].
    pub async fn run(&self, way: Way) -> Result<Resolved, ResolveError> {
        let conflict = look(&self.home.own, self.winner, self.loser).await?;
        match (way, conflict.state) {
            (_, State::Gone) => {
                let gone = conflict.users.iter().zip(&conflict.parts).find(|(_, parts)| !parts.is_live());
                Err(ResolveError::NotLive(gone.map_or(self.loser, |(id, _)| *id)))
            }
            // That is for the rule to say: they may be merged the other way round, or claim nothing in common.
            (Way::Merge, _) => self.merge(conflict).await,
            (Way::Dismiss, State::Dismissed) | (_, State::OnePerson | State::Settled) => {
                Ok(Resolved::Nothing(conflict.state))
            }
            (Way::GiveUp, State::Open | State::Dismissed) => self.give_up(conflict).await,
            (Way::Dismiss, State::Open) => self.dismiss(conflict).await,
        }
    }

    async fn merge(&self, conflict: Conflict) -> Result<Resolved, ResolveError> {
        let (survivor, duplicate) = (self.person(self.winner).await?, self.person(self.loser).await?);
        let users = &*self.home.own.users;
        let (its, theirs) = (survivor.pointers(), duplicate.pointers());
        match merging(users, (self.winner, &its), (self.loser, &theirs)).await? {
            Merging::Done => return Ok(Resolved::Nothing(State::OnePerson)),
            Merging::Refused(why) => return Err(why.into()),
            Merging::Allowed if conflict.contested.is_empty() => return Err(ResolveError::NoConflict),
            Merging::Allowed => {}
        }
        let stored = profile(&duplicate, self.loser)?;
        let written = self.pointed(stored, Some(self.winner), versions(&[&survivor, &duplicate], self.loser)).await?;
        if let Some(written) = written.filter(|_| !self.dry_run) {
            // Merges at the same moment do not see each other; whoever finds too many takes its own back.
            let too_many = match group::read(users, self.winner, &BTreeSet::new()).await {
                Ok(group) => group.is_some_and(|group| group.users().count() > MAX_MERGED),
                Err(GroupError::TooLarge(_)) => true,
                Err(GroupError::Store(error)) => return Err(error.into()),
            };
            if too_many {
                self.pointed(&written, None, Vec::new()).await?;
                return Err(MergeRefused::TooLarge.into());
            }
        }
        Ok(Resolved::Done(conflict.contested))
    }

    /// Writes the loser's pointer, or removes it. Gives the part as it is then.
    async fn pointed(
        &self,
        stored: &PartRecord,
        merged_into: Option<UserId>,
        unchanged: Vec<(UserId, Version)>,
    ) -> Result<Option<PartRecord>, ResolveError> {
        let version = self.next(stored.version.hlc)?;
        let facts = stored.profile_facts().ok_or(ResolveError::NotLive(stored.id))?;
        let facts = Facts::Profile(ProfileFacts { merged_into, ..facts.clone() });
        if self.dry_run {
            return Ok(None);
        }
        let record = self.sealer.seal_again(stored, version.clone(), facts).await?;
        let kind = if merged_into.is_some() { MERGED } else { UNMERGED };
        let why = (BY.to_owned(), self.by.into());
        let rows = pointer_rows(&self.home.own.name, kind, &version, self.winner, self.loser, &why);
        let (one, other) = (self.winner, self.loser);
        let events = match merged_into {
            Some(_) => [(other, AuditEvent::MergedInto(one)), (one, AuditEvent::Merged(other))],
            None => [(other, AuditEvent::UnmergedFrom(one)), (one, AuditEvent::Unmerged(other))],
        };
        let writes = Writes {
            new_rows: self.recorded(&events).await?,
            members: plan_members(Some(stored), &record),
            unchanged,
            rows: rows.into_iter().map(|(log, row)| (log, self.with_reason(row))).collect(),
            parts: vec![PartWrite { record: record.clone(), condition: Condition::VersionIs(stored.version.clone()) }],
            ..Writes::default()
        };
        self.commit(&writes).await?;
        Ok(Some(record))
    }

    async fn give_up(&self, conflict: Conflict) -> Result<Resolved, ResolveError> {
        let [Some(kept), Some(stored)] = conflict.parts.each_ref().map(super::live) else {
            return Err(ResolveError::NotLive(self.loser));
        };
        // What the winner claims is bound to its part: who can write the table takes nobody's identifiers away.
        self.sealer.open::<Identity>(kept).await?;
        let mut identity = self.sealer.open::<Identity>(stored).await?;
        let mut facts = stored.profile_facts().ok_or(ResolveError::NotLive(self.loser))?.clone();
        let contested = super::contested(kept, stored);
        for one in &contested {
            drop_identifier(&mut identity, &mut facts, &(one.kind, one.company.clone()));
        }
        let mut unchanged = vec![(kept.id, kept.version.clone())];
        if facts.claims.is_empty() {
            // Somebody else of its person may be what it is found by.
            let person = self.person(self.loser).await?;
            let others =
                || person.users().filter_map(|parts| parts.profile.as_ref()).filter(|one| one.id != self.loser);
            if others().all(|other| other.claims().is_empty()) {
                return Err(ResolveError::NoIdentifierLeft);
            }
            unchanged.extend(versions(&[&person], self.loser));
        }
        let version = self.next(stored.version.hlc)?;
        if self.dry_run {
            return Ok(Resolved::Done(contested));
        }
        let claims = plan_claims(&*self.home.own.users, self.loser, stored.claims(), &facts.claims).await?;
        let sealed = self.sealer.seal(stored.id, version, Facts::Profile(facts), &identity, stored.unknown.clone());
        let record = sealed.await?;
        let kinds: BTreeSet<_> = contested.iter().map(|one| one.kind).collect();
        let event = AuditEvent::IdentifiersChanged(kinds.into_iter().collect());
        let writes = Writes {
            new_rows: self.recorded(&[(self.loser, event)]).await?,
            claims,
            unchanged,
            rows: self.rows(CONFLICT_GIVEN_UP, record.version.hlc),
            parts: vec![PartWrite { record, condition: Condition::VersionIs(stored.version.clone()) }],
            ..Writes::default()
        };
        self.commit(&writes).await?;
        Ok(Resolved::Done(contested))
    }

    async fn dismiss(&self, conflict: Conflict) -> Result<Resolved, ResolveError> {
        let profiles: Vec<_> = conflict.parts.iter().filter_map(super::live).collect();
        // After everything that either has claimed by now, whatever the clock of its region said.
        let newest = profiles.iter().map(|part| part.version.hlc).max().unwrap_or(Hlc::at(self.home.clock.now()));
        let at = self.next(newest)?.hlc;
        if !self.dry_run {
            let unchanged = profiles.iter().map(|part| (part.id, part.version.clone())).collect();
            let rows = self.rows(CONFLICT_DISMISSED, at);
            self.commit(&Writes { unchanged, rows, ..Writes::default() }).await?;
        }
        Ok(Resolved::Done(conflict.contested))
    }

    /// Everybody of a user's person, with parts that open: who points at whom is true.
    async fn person(&self, id: UserId) -> Result<GroupParts, ResolveError> {
        let group = group::read(&*self.home.own.users, id, &BTreeSet::new()).await?;
        let group = group.ok_or(ResolveError::NotLive(id))?;
        for part in group.users().filter_map(|parts| parts.profile.as_ref()) {
            self.sealer.open::<Identity>(part).await?;
        }
        Ok(group)
    }

    fn next(&self, stored: Hlc) -> Result<Version, ResolveError> {
        let hlc = Hlc::next(self.home.clock.now(), Some(stored)).map_err(|_| ResolveError::FarFuture)?;
        Ok(Version { erased: false, hlc, origin: self.home.own.name.clone() })
    }

    async fn recorded(&self, events: &Events) -> Result<Vec<(Log, LogRow)>, StoreError> {
        let actor = Actor::Operator { command: "conflicts resolve".to_owned(), by: Some(self.by.to_owned()) };
        Recorder::new(self.home, self.secrets.audit_key()).rows(&actor, events).await
    }

    async fn commit(&self, writes: &Writes) -> Result<(), ResolveError> {
        match commit_own(&*self.home.own.users, writes).await? {
            Commit::Done => Ok(()),
            Commit::Conflict { .. } => Err(ResolveError::Changed),
        }
    }

    /// A row for each of the two.
    fn rows(&self, kind: &str, at: Hlc) -> Vec<(Log, LogRow)> {
        let origin = &self.home.own.name;
        let row = |user, rival: UserId| {
            let fields = Attributes::from([
                (attribute::RIVAL.into(), rival.to_string().into()),
                ("winner".into(), self.winner.to_string().into()),
                (BY.into(), self.by.into()),
            ]);
            let key = format!("{kind}#{at}#{rival}#{origin}");
            let row = LogRow { user, key, at, origin: origin.clone(), kind: kind.to_owned(), fields };
            (Log::Journal, self.with_reason(row))
        };
        vec![row(self.winner, self.loser), row(self.loser, self.winner)]
    }

    fn with_reason(&self, mut row: LogRow) -> LogRow {
        if let Some(reason) = self.reason {
            let sealed = self.secrets.seal_text(&row, reason, &*self.home.entropy);
            row.fields.insert("reason".into(), Attribute::B(sealed));
        }
        row
    }
}

fn profile(group: &GroupParts, id: UserId) -> Result<&PartRecord, ResolveError> {
    group.get(id).and_then(|parts| parts.profile.as_ref()).ok_or(ResolveError::NotLive(id))
}

/// The profile versions of everybody but one user.
fn versions(groups: &[&GroupParts], without: UserId) -> Vec<(UserId, Version)> {
    let profiles = groups.iter().flat_map(|group| group.users()).filter_map(|parts| parts.profile.as_ref());
    let others = profiles.filter(|part| part.id != without);
    others.map(|part| (part.id, part.version.clone())).collect()
}
