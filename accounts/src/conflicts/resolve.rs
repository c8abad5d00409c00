//! Resolves a conflict: one user is merged into the other, one user gives up the identifiers that both own, or the
//! conflict is dismissed.
//!
//! Each way is one local write with its rows in the journal. It is conditional on what was read, and replicates like
//! every other write. As for every decision of a person, its HLC timestamp comes from the clock, so that it is newer
//! than the versions on which the operator decided.

use umoja_schema::names::attribute;
use umoja_schema::{Actor, Attribute, Attributes, Hlc, HlcError, IdentifierKind, Identity, Log, LogRow, UserId};
use umoja_store::person::MergeError;
use umoja_store::ports::StoreError;
use umoja_store::seal::SealError;

use super::{BY, CONFLICT_DISMISSED, CONFLICT_GIVEN_UP, Conflict, Contested, DESPITE, State, look};
use crate::accounts::SEALED_REASON;
use crate::evidence::{Contradiction, Joins};
use crate::identifiers::drop_identifier;
use crate::merge::Pointing;
use crate::person::Change;
use crate::profiles::Rules;
use crate::transaction::{Recorded, Transaction, Unrecorded};
use crate::{Error, People, Person};

/// How a conflict is resolved.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Way {
    /// The loser is merged into the winner, and they become one person.
    Merge,
    /// The loser gives up every identifier that the winner owns too.
    GiveUp,
    /// Both users stay as they are, and the conflict is no longer listed.
    Dismiss,
}

/// The result of a resolution.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Resolved {
    /// The conflict about these identifiers was resolved or, in a dry run, would be.
    Done(Vec<Contested>),
    /// The conflict needs no resolution, because it is in this state.
    Nothing(State),
}

/// Why a conflict was not resolved. No write was made then.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ResolveError {
    /// One of the two is erased, or has not arrived here.
    #[error("the region has no live user {0}")]
    NotLive(UserId),
    /// The users have no identifier in common, so no evidence that they are one person.
    #[error("the two users have no identifier in common")]
    NoConflict,
    /// The users own one identifier, but differ in something else that says that they are two people.
    #[error("the two users have {0}; if they are one person, repeat the command with --despite {name}", name = .0.kind().as_str())]
    TwoPeople(Contradiction),
    /// The merge is not possible.
    #[error(transparent)]
    Merge(MergeError),
    /// No identifier would find the loser any more.
    #[error("the loser would be left without an identifier; merge the two users, or give the loser another one first")]
    NoIdentifierLeft,
    /// Another write changed one of the users meanwhile.
    #[error("one of the two users was changed at the same moment; run the command again")]
    Changed,
    /// A stored part is newer than this machine's clock by more than the allowed difference.
    #[error("the stored part is more than five minutes ahead of the clock of this machine")]
    FarFuture,
    /// A part of one of the users cannot be decrypted or encrypted.
    #[error(transparent)]
    Sealing(SealError),
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// Every other error of a rule.
    #[error(transparent)]
    Accounts(Error),
}

impl From<Error> for ResolveError {
    fn from(error: Error) -> Self {
        match error {
            Error::Merge(why) => Self::Merge(why),
            Error::TooLarge(_) => Self::Merge(MergeError::TooLarge),
            Error::Contended => Self::Changed,
            Error::Clock(HlcError::FarFuture) => Self::FarFuture,
            Error::Seal(error) => Self::Sealing(error),
            Error::Unreadable => Self::Sealing(SealError::Opaque),
            Error::Store(error) => Self::Store(error),
            other => Self::Accounts(other),
        }
    }
}

/// A decision of an operator about two users.
pub struct Resolution<'a> {
    /// The people of the region in which it is written.
    pub people: &'a People,
    /// The user that keeps the identifiers that both own.
    pub winner: UserId,
    /// The other user.
    pub loser: UserId,
    /// The operator, for the journal.
    pub by: &'a str,
    /// The reason, for the journal.
    pub reason: Option<&'a str>,
    /// What the operator knows to differ between the two users, and merges them all the same.
    pub despite: &'a [IdentifierKind],
    /// True to make all checks and no write.
    pub dry_run: bool,
}

impl Resolution<'_> {
    /// Resolves the conflict. A second run has no further effect.
    ///
    /// # Errors
    /// See [`ResolveError`].
    pub async fn run(&self, way: Way) -> Result<Resolved, ResolveError> {
        let conflict = look(&self.people.home.own, self.winner, self.loser).await?;
        match (way, conflict.state) {
            (_, State::Gone) => {
                let gone = conflict.users.iter().zip(&conflict.parts).find(|(_, parts)| !parts.is_live());
                Err(ResolveError::NotLive(gone.map_or(self.loser, |(id, _)| *id)))
            }
            // The rule of a merge decides: the users may be merged in the other direction, or have no common
            // identifier.
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
        let pointing = Pointing { survivor: self.winner, duplicate: self.loser };
        let Some(joined) = pointing.joined(self.people, &survivor, &duplicate).await? else {
            return Ok(Resolved::Nothing(State::OnePerson));
        };
        if conflict.contested.is_empty() {
            return Err(ResolveError::NoConflict);
        }
        let contradictions = survivor.evidence().contradictions(&duplicate.evidence(), Joins::Passwords);
        if let Some(why) = contradictions.iter().find(|why| !self.despite.contains(&why.kind())) {
            return Err(ResolveError::TwoPeople(why.clone()));
        }
        if !self.dry_run {
            let why = (BY.to_owned(), self.by.into());
            let with = |row| self.with_reason(with_despite(row, &contradictions));
            let written = pointing.write(self.people, &self.actor(), &joined, &why, with).await?;
            written.ok_or(ResolveError::Changed)?;
        }
        Ok(Resolved::Done(conflict.contested))
    }

    async fn give_up(&self, conflict: Conflict) -> Result<Resolved, ResolveError> {
        let [Some(kept), Some(stored)] = conflict.parts.each_ref().map(super::live) else {
            return Err(ResolveError::NotLive(self.loser));
        };
        // The winner's ownerships are bound to its part, which is opened here. Otherwise an attacker who can write the
        // table could take identifiers from other users.
        self.people.sealer.open::<Identity>(kept).await.map_err(Error::from)?;
        let person = self.person(self.loser).await?;
        let Some(user) = person.get(self.loser).filter(|user| user.profile.version == stored.version) else {
            return Err(ResolveError::Changed);
        };
        let (mut identity, mut facts) = (user.identity.clone(), user.facts.clone());
        let contested = super::contested(kept, &user.profile);
        for one in &contested {
            drop_identifier(&mut identity, &mut facts, &(one.kind, one.company.clone()));
        }
        // Another user of the same person may still have an identifier that finds the loser.
        let mut others = person.users().filter(|other| other.id() != self.loser);
        if facts.ownerships.is_empty() && others.all(|other| other.facts.ownerships.is_empty()) {
            return Err(ResolveError::NoIdentifierLeft);
        }
        if !self.dry_run {
            let change = Change { id: self.loser, identity, facts };
            let and_unchanged = vec![(kept.id, kept.version.clone())];
            let actor = self.actor();
            let rules = Rules { and_unchanged, ..Rules::of(&actor) };
            let rows = |part: &umoja_schema::PartRecord| self.rows(CONFLICT_GIVEN_UP, part.version.hlc);
            let written = self.people.write_profiles(&person, &[change], &rules, rows).await?;
            written.ok_or(ResolveError::Changed)?;
        }
        Ok(Resolved::Done(contested))
    }

    async fn dismiss(&self, conflict: Conflict) -> Result<Resolved, ResolveError> {
        let profiles: Vec<_> = conflict.parts.iter().filter_map(super::live).collect();
        // The dismissal has to be later than all present ownerships of both, whatever the clocks of their regions were.
        let newest = profiles.iter().map(|part| &part.version).max_by_key(|version| version.hlc);
        let at = self.people.next_version(false, newest).map_err(Error::from)?.hlc;
        if !self.dry_run {
            let unchanged = profiles.iter().map(|part| (part.id, part.version.clone()));
            let is_done = Transaction::new(&self.people.home, Recorded::none(Unrecorded::Dismissal))
                .unchanged(unchanged)
                .rows(self.rows(CONFLICT_DISMISSED, at))
                .is_done()
                .await?;
            if !is_done {
                return Err(ResolveError::Changed);
            }
        }
        Ok(Resolved::Done(conflict.contested))
    }

    /// Reads the person of one of the two users.
    async fn person(&self, id: UserId) -> Result<Person, ResolveError> {
        self.people.reader().load(id).await?.ok_or(ResolveError::NotLive(id))
    }

    fn actor(&self) -> Actor {
        Actor::Operator { command: "conflicts resolve".to_owned(), by: Some(self.by.to_owned()) }
    }

    /// A journal row for each of the two users.
    fn rows(&self, kind: &str, at: Hlc) -> Vec<(Log, LogRow)> {
        let origin = &self.people.home.own.name;
        let row = |user, rival: UserId| {
            let fields = Attributes::from([
                (attribute::RIVAL.into(), rival.to_string().into()),
                ("winner".into(), self.winner.to_string().into()),
                (BY.into(), self.by.into()),
            ]);
            let key = format!("{kind}#{at}#{rival}#{origin}");
            let row = LogRow {
                user,
                key,
                at,
                origin: origin.clone(),
                kind: kind.to_owned(),
                fields,
                unknown: Attributes::new(),
            };
            (Log::Journal, self.with_reason(row))
        };
        vec![row(self.winner, self.loser), row(self.loser, self.winner)]
    }

    fn with_reason(&self, mut row: LogRow) -> LogRow {
        if let Some(reason) = self.reason {
            let sealed = self.people.secrets.seal_text(&row, reason, &*self.people.home.entropy);
            row.fields.insert(SEALED_REASON.into(), Attribute::B(sealed));
        }
        row
    }
}

/// A row about a merge with what differs between the two users.
fn with_despite(mut row: LogRow, contradictions: &[Contradiction]) -> LogRow {
    let kinds: Vec<Attribute> = contradictions.iter().map(|why| why.kind().as_str().into()).collect();
    if !kinds.is_empty() {
        row.fields.insert(DESPITE.into(), Attribute::L(kinds));
    }
    row
}
