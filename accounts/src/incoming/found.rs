//! A change of a user that the company knows.

use std::collections::BTreeSet;

use umoja_schema::api::Selector;
use umoja_schema::{
    AccountStatus, AuditEvent, Credentials, Identity, LinkState, Mark, Marked, Millis, ProfileFacts, Standing, UserId,
};

use super::change::Applied;
use super::feeder::{Event, Feeder};
use super::order::{Next, Said, State};
use crate::audit::events;
use crate::erase::Erase;
use crate::fed::Fed;
use crate::import::{Failed, Reason as Rejected};
use crate::person::{Change, Person, Stored};
use crate::profiles::{NewCredentials, Rules};
use crate::{Context, Error, Field, Patch, Reason};

impl Feeder {
    /// One round for a user that was found. `None` to look for the user again.
    pub(super) async fn apply_to(
        &self,
        context: &Context,
        event: &Event<'_>,
        (person, id): (&Person, UserId),
        left_out: &mut BTreeSet<String>,
    ) -> Result<Option<Applied>, Failed> {
        let user = person.get(id).ok_or(Rejected::Unreadable)?;
        // Who made the user may have stopped before it looked for the mark, or has no marks, as an import.
        let standing = event.standing.max(self.marks.marked(event.subject).await?.map(Marked::newest));
        let values = event.state.as_ref().map(|(_, values)| (event.at, values.content.as_str()));
        let next = self.state_of(user).after(&Said { values, standing });
        if let Some(mark) = next.standing.filter(|mark| self.erases(*mark, &next)) {
            self.marks.remember(event.subject, mark).await?;
            if let Some(done) = self.erase(context, person, id).await? {
                return Ok(Some(done));
            }
        }
        let patch = event.state.as_ref().map(|(_, values)| &values.patch).filter(|_| next.sets_values);
        let patch = patch.map(|patch| {
            let (patch, stay) = patch.of_source(context, person, user);
            for kind in stay {
                left_out.insert(kind.as_str().to_owned());
                tracing::warn!(user = %id, source = %self.source.id, kind = kind.as_str(), "an identifier that other companies rely on stays as it is");
            }
            patch
        });
        self.write(context, event, (person, user), next, patch).await
    }

    /// The state of a user at the source.
    fn state_of(&self, user: &Stored) -> State {
        let feed = user.identity.feeds.get(&self.source.id).cloned().unwrap_or_default();
        let link = user.facts.links.get(&self.importer.company.id).map_or(LinkState::Active, |link| link.state);
        State { feed, link }
    }

    /// True if the person may be erased: the provider deleted the user, and has not described it since.
    fn erases(&self, mark: Mark, next: &Next) -> bool {
        self.may_erase() && mark.standing == Standing::Deleted && mark.at > next.state.feed.at
    }

    /// True if a standing disables the account for all companies.
    pub(super) fn disables(&self, mark: Option<Mark>) -> bool {
        self.may_disable() && mark.is_some_and(|mark| mark.standing == Standing::Suspended)
    }

    /// Erases the person if no other company is linked to it.
    async fn erase(&self, context: &Context, person: &Person, id: UserId) -> Result<Option<Applied>, Failed> {
        let company = &context.company.id;
        if person.users().any(|user| user.facts.links.keys().any(|linked| linked != company)) {
            return Ok(None);
        }
        let reason = Reason::new(format!("The source {} deleted the user.", self.source.id));
        let erase = Erase { selector: Selector::Id(id), reason, min_version: None };
        match erase.unless_shared(self.people(), context).await {
            // The standing is applied: the person is suspended at the company.
            Err(Error::Held { .. }) => Ok(None),
            done => Ok(done?.map(|_| Applied::Erased(id))),
        }
    }

    /// Writes the next state, and the values of the patch. An identifier that belongs to another person is left out.
    async fn write(
        &self,
        context: &Context,
        event: &Event<'_>,
        (person, user): (&Person, &Stored),
        next: Next,
        mut patch: Option<Patch>,
    ) -> Result<Option<Applied>, Failed> {
        let (people, company, id) = (self.people(), &context.company.id, user.id());
        let account = self.account(context, person, self.state_of(user).mark(), next.standing).await?;
        loop {
            let (mut identity, mut facts) = match &patch {
                Some(patch) => self.set(context, patch, user)?,
                None => (user.identity.clone(), user.facts.clone()),
            };
            context.link(&mut identity, &mut facts);
            let is_visible = (&identity, &facts) != (&user.identity, &user.facts);
            let fed = Fed {
                source: self.source.id.clone(),
                feed: next.state.feed.clone(),
                state: next.state.link,
                login_day: event.login_day,
            };
            fed.set(company, &mut identity, &mut facts);
            let is_visible = is_visible || facts != user.facts || account.is_some();
            if identity == user.identity && !is_visible {
                return Ok(Some(if next.is_older { Applied::Older(id) } else { Applied::Unchanged(id) }));
            }
            let change = Change { id, identity, facts };
            let rules = Rules {
                reject_taken: patch.is_some(),
                all_as_read: account.is_some(),
                events: account.as_ref().map(|new| {
                    let status = (new.stored.id, AuditEvent::StatusChanged(new.status));
                    events(user, &change).into_iter().chain([status]).collect()
                }),
                credentials: account.clone(),
                ..Rules::of(&context.actor)
            };
            match people.write_profiles(person, &[change], &rules, |_| Vec::new()).await {
                Ok(Some(_)) if is_visible => {
                    if account.as_ref().is_some_and(|new| new.status == AccountStatus::Disabled) {
                        people.end_what_has_ended(id).await?;
                    }
                    return Ok(Some(Applied::Changed(id)));
                }
                Ok(Some(_)) => return Ok(Some(Applied::Unchanged(id))),
                Ok(None) => return Ok(None),
                Err(Error::Taken(kind)) => {
                    tracing::warn!(user = %id, source = %self.source.id, kind = kind.as_str(), "an identifier of a source belongs to another person and is left out");
                    let without = patch.as_ref().and_then(|patch| patch.without(kind));
                    patch = Some(without.ok_or(Rejected::Busy)?);
                }
                Err(error) => return Err(error.into()),
            }
        }
    }

    /// The user with the values of a patch. A profile that does not fit is left out.
    fn set(&self, context: &Context, patch: &Patch, user: &Stored) -> Result<(Identity, ProfileFacts), Failed> {
        let people = self.people();
        match patch.apply(people, context, &user.identity, &user.facts) {
            Err(Error::Invalid { field: Field::Profile, .. }) => {
                tracing::warn!(user = %user.id(), source = %self.source.id, "a profile of a source does not fit and is left out");
                let patch = patch.identifiers_where(|_| true);
                Ok(patch.apply(people, context, &user.identity, &user.facts)?)
            }
            set => Ok(set?),
        }
    }

    /// The credentials of the primary account with the status that a change of the standing gives it. `None` if the
    /// status stays as it is. A standing that the provider repeats does not change what a company has set since, and an
    /// account that another company or an operator has disabled stays disabled.
    async fn account(
        &self,
        context: &Context,
        person: &Person,
        before: Mark,
        standing: Option<Mark>,
    ) -> Result<Option<Box<NewCredentials>>, Failed> {
        let Some(Mark { standing, .. }) = standing.filter(|_| self.may_disable()) else { return Ok(None) };
        let is_changed = before.standing != standing;
        // A user that was made suspended has no time of the suspension yet.
        let is_made = before.at == Millis(0);
        let status = match (standing, person.primary.status) {
            (Standing::Suspended, AccountStatus::Active) if is_changed || is_made => AccountStatus::Disabled,
            (Standing::Active, AccountStatus::Disabled) if is_changed => AccountStatus::Active,
            _ => return Ok(None),
        };
        let stored = &person.primary.credentials;
        let credentials: Credentials = self.people().sealer.open(stored).await?;
        let was_ours = credentials.status_source.as_ref().is_some_and(|source| source.company == context.company.id);
        if status == AccountStatus::Active && !was_ours {
            return Ok(None);
        }
        let changed = Credentials { status_reason: None, status_source: Some(context.source()), ..credentials };
        Ok(Some(Box::new(NewCredentials { stored: stored.clone(), content: changed, status })))
    }
}
