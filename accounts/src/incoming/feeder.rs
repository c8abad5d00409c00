//! The rule that applies a change of a source.

use std::borrow::Cow;
use std::collections::BTreeSet;
use std::sync::Arc;

use umoja_schema::{
    AccountStatus, Actor, BlindIndex, IdentifierItem, IdentifierKind, IngestSource, Mark, Millis, Scope, Standing,
    UserId,
};
use umoja_store::apply::MAX_ROUNDS;
use umoja_store::ports::Parts;

use super::change::{Applied, Change, IncomingChange};
use super::content::Values;
use super::marks::Marks;
use crate::import::{Failed, Importer, NewUser, Reason, Row};
use crate::receipt::any_erased;
use crate::{Context, People, Person};

/// Applies the changes of one source.
pub struct Feeder {
    /// The importer of the company of the source, which makes the users. It is neither dry nor strict.
    pub importer: Importer,
    /// The source.
    pub source: Arc<IngestSource>,
    /// What is remembered of users that no part remembers.
    pub marks: Arc<dyn Marks>,
}

/// A validated change.
pub(super) struct Event<'a> {
    pub(super) subject: &'a str,
    pub(super) at: Millis,
    /// The user that a state describes, and its values.
    pub(super) state: Option<(NewUser, Values)>,
    /// The standing that the change states.
    pub(super) standing: Option<Mark>,
    pub(super) login_day: Option<u32>,
    /// True if a user that the company does not know is made.
    pub(super) makes_users: bool,
}

/// The user of a subject.
pub(super) enum Found {
    /// A person, and the user of it that has the subject as external id.
    User(Box<Person>, UserId),
    /// The user was erased at this moment.
    Erased,
    /// The company knows no such user.
    Unknown,
}

impl Feeder {
    /// Applies a change. A second application has no further effect.
    ///
    /// # Errors
    /// [`Failed::Rejected`] if the change cannot be applied, and [`Failed::Stopped`] if no other change could be
    /// applied either. [`Failed::is_transient`] says whether a retry may succeed.
    pub async fn apply(&self, change: &IncomingChange) -> Result<Applied, Failed> {
        self.apply_noting(change, &mut BTreeSet::new()).await
    }

    /// As [`Feeder::apply`], and adds to `left_out` the names of the members of a state whose values the user cannot
    /// have.
    ///
    /// # Errors
    /// As [`Feeder::apply`].
    pub async fn apply_noting(
        &self,
        change: &IncomingChange,
        left_out: &mut BTreeSet<String>,
    ) -> Result<Applied, Failed> {
        let mut change = Cow::Borrowed(change);
        loop {
            match self.applied(&change, left_out).await {
                // Others must not keep a person out by claiming an identifier often enough.
                Err(Failed::Rejected(Reason::Shared(kind))) if change.to_mut().leave_out(kind) => {
                    left_out.insert(kind.as_str().to_owned());
                    tracing::warn!(source = %self.source.id, kind = kind.as_str(), "an identifier that too many users own is left out");
                }
                done => return done,
            }
        }
    }

    async fn applied(&self, change: &IncomingChange, left_out: &mut BTreeSet<String>) -> Result<Applied, Failed> {
        let context = self.context();
        // A subject is one user in every spelling of it that an external id has.
        let subject = context.parse_new(IdentifierKind::ExternalId, &change.subject).map_err(Reason::from)?.normalised;
        let mark = |standing| Some(Mark { at: change.at, standing });
        let event = Event {
            subject: &subject,
            at: change.at,
            state: None,
            standing: None,
            login_day: None,
            makes_users: !matches!(change.change, Change::LoggedIn { .. }),
        };
        let event = match &change.change {
            Change::State { row, logged_in } => self.state(&context, event, row, *logged_in)?,
            Change::LoggedIn { row } => self.state(&context, event, row, true)?,
            Change::Suspended => Event { standing: mark(Standing::Suspended), ..event },
            Change::Activated => Event { standing: mark(Standing::Active), ..event },
            Change::Deleted => Event { standing: mark(Standing::Deleted), ..event },
            Change::PasswordChanged => return self.password_changed(&context, change).await,
        };
        let unusable = event.state.iter().flat_map(|(user, _)| &user.left_out);
        left_out.extend(unusable.cloned());
        let mut unknown = Unknown::default();
        for _ in 0..MAX_ROUNDS {
            let done = match self.find(&context, event.subject).await? {
                Found::User(person, id) => {
                    unknown.was_found = true;
                    let done = self.apply_to(&context, &event, (&person, id), left_out).await?;
                    // What was made in an earlier round was changed after that.
                    done.map(|done| match (unknown.made, done) {
                        (Some(made), Applied::Changed(_) | Applied::Unchanged(_) | Applied::Older(_)) => made,
                        (_, done) => done,
                    })
                }
                Found::Erased => Some(Applied::Absent),
                Found::Unknown => self.apply_to_unknown(&context, &event, &mut unknown).await?,
            };
            if let Some(done) = done {
                return Ok(done);
            }
        }
        Err(Reason::Busy.into())
    }

    pub(super) fn context(&self) -> Context {
        let company = Arc::clone(&self.importer.company);
        let actor = Actor::Source { id: self.source.id.clone(), company: company.id.clone() };
        Context { actor, company, now: self.people().home.clock.now(), request: None }
    }

    /// True if the source may disable users for all companies. A source may do no more than its company.
    pub(super) fn may_disable(&self) -> bool {
        self.source.allowed.disable && self.importer.company.may(Scope::Status)
    }

    /// True if the source may erase people.
    pub(super) fn may_erase(&self) -> bool {
        self.source.allowed.erase && self.importer.company.may(Scope::Erase)
    }

    /// True if the source may make users, or match those of other companies.
    pub(super) fn may_make(&self) -> bool {
        self.importer.company.may(Scope::Register)
    }

    pub(super) const fn people(&self) -> &People {
        &self.importer.people
    }

    fn state<'a>(&self, context: &Context, event: Event<'a>, row: &Row, logged_in: bool) -> Result<Event<'a>, Failed> {
        // The subject finds the user and makes its id, so it must not be left out.
        context.parse_new(IdentifierKind::ExternalId, event.subject).map_err(Reason::from)?;
        // An address of an event is proof enough to feed a person, and not to set the password of one whom other
        // companies know. Hashes come by an import, which an operator runs.
        let row = Row { external_id: Some(event.subject.to_owned()), hash: None, ..row.clone() };
        let mut user = self.importer.read(context, &row)?;
        // The source speaks for its company, so the account itself is active.
        user.status = AccountStatus::Active;
        let values = Values::of(self.people(), &user)?;
        let standing = row.status.map(|status| match status {
            AccountStatus::Active => Standing::Active,
            AccountStatus::Disabled => Standing::Suspended,
        });
        let login_day = logged_in.then(|| u32::try_from(event.at.0 / Millis::DAY_MS).unwrap_or(u32::MAX));
        let standing = standing.map(|standing| Mark { at: event.at, standing });
        Ok(Event { state: Some((user, values)), standing, login_day, ..event })
    }

    /// The user that has the subject as external id.
    pub(super) async fn find(&self, context: &Context, subject: &str) -> Result<Found, Failed> {
        let people = self.people();
        let parsed = context.parse(IdentifierKind::ExternalId, subject).map_err(Reason::from)?;
        let (kind, company) = context.slot(IdentifierKind::ExternalId);
        let indexes = people.secrets.indexes(kind, company.as_ref(), &parsed.normalised);
        let indexes: Vec<BlindIndex> = indexes.into_iter().map(|(_, index)| index).collect();
        let ownerships = people.home.own.users.ownerships(&indexes).await?;
        let Some((id, _)) = IdentifierItem::winner_of(&ownerships) else { return Ok(Found::Unknown) };
        let Some(parts) = people.reader().person(id).await? else {
            let parts = people.home.own.users.parts(id).await?;
            return match (any_erased(&parts), parts == Parts::default()) {
                (true, _) => Ok(Found::Erased),
                (false, true) => Ok(Found::Unknown),
                (false, false) => Err(Reason::Behind.into()),
            };
        };
        let person = people.reader().open(parts).await?.ok_or(Reason::Behind)?;
        // No MAC protects the table of ownerships.
        let is_owner =
            person.get(id).is_some_and(|user| indexes.iter().any(|index| user.facts.ownerships.contains_key(index)));
        Ok(if is_owner { Found::User(Box::new(person), id) } else { Found::Unknown })
    }
}

/// What earlier rounds of a change have found and done.
#[derive(Default)]
pub(super) struct Unknown {
    /// The user that a round made or matched.
    pub(super) made: Option<Applied>,
    /// True if a round found the user.
    pub(super) was_found: bool,
    /// True if a round tried to make the user, or remembered the standing of the user.
    pub(super) has_tried: bool,
    /// True if a round found that the user exists, and cannot be made.
    pub(super) is_there: bool,
}
