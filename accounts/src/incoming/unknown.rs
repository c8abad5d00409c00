//! A change of a user that the company does not know: it makes the user, or is remembered.

use metrics::counter;
use umoja_schema::names::metric;
use umoja_schema::{Feed, LinkState, Mark, Marked, Millis, UserId};

use super::change::Applied;
use super::feeder::{Event, Feeder, Unknown};
use super::order::{Said, State};
use crate::Context;
use crate::fed::Fed;
use crate::import::{Failed, NewUser, Outcome, Reason};

impl Feeder {
    /// One round for a user that was not found. `None` to look for the user again.
    ///
    /// Who states a standing remembers it and then looks for the user again; who makes a user looks for its mark after
    /// that. So of a creation and a deletion at the same time, one sees the other.
    pub(super) async fn apply_to_unknown(
        &self,
        context: &Context,
        event: &Event<'_>,
        unknown: &mut Unknown,
    ) -> Result<Option<Applied>, Failed> {
        match (&event.state, event.standing) {
            // A user that is gone was erased meanwhile. If it was only matched, no tombstone has the id of the row.
            _ if unknown.was_found || unknown.made.is_some() => Ok(Some(Applied::Absent)),
            (Some(_), _) if !event.makes_users => Ok(Some(Applied::Absent)),
            (Some((user, _)), _) => self.make(context, event, user, unknown).await,
            (None, Some(mark)) if !unknown.has_tried => {
                self.marks.remember(event.subject, mark).await?;
                unknown.has_tried = true;
                Ok(None)
            }
            (None, _) => Ok(Some(Applied::Absent)),
        }
    }

    async fn make(
        &self,
        context: &Context,
        event: &Event<'_>,
        user: &NewUser,
        unknown: &mut Unknown,
    ) -> Result<Option<Applied>, Failed> {
        let marked = self.marks.marked(event.subject).await?;
        // A user that is active again is not as it was before the deletion.
        if marked.and_then(Marked::deleted_at).is_some_and(|deleted_at| deleted_at >= event.at) {
            return Ok(Some(Applied::Absent));
        }
        if !self.may_make() {
            return Err(Reason::NoScope.into());
        }
        let mark = marked.map(Marked::newest);
        let user = self.fed(event, user, event.standing.max(mark));
        let is_first = !std::mem::replace(&mut unknown.has_tried, true);
        let (outcome, id) = match self.importer.round(context, &user, &mut None, is_first).await {
            Ok(Some(done)) => done,
            Ok(None) => return Ok(None),
            Err(Failed::Rejected(Reason::Erased)) => {
                counter!(metric::ERASED_KEPT_OUT).increment(1);
                tracing::info!(event = metric::ERASED_KEPT_OUT, source = %self.source.id, "a state of an erased user was ignored");
                return Ok(Some(Applied::KeptOut));
            }
            // The user of the subject was made at this moment with other values.
            Err(Failed::Rejected(Reason::OtherAddress)) => (Outcome::AlreadyThere, user.id),
            Err(failed) => return Err(failed),
        };
        let made = match outcome {
            Outcome::Created | Outcome::InConflict => Applied::Created(id),
            Outcome::Matched => Applied::Matched(id),
            Outcome::AlreadyThere if unknown.is_there => return self.there(id).await.map(Some),
            Outcome::AlreadyThere => {
                unknown.is_there = true;
                return Ok(None);
            }
        };
        unknown.made = Some(made);
        let is_marked = self.marks.marked(event.subject).await?.map(Marked::newest) > mark;
        let is_complete = !is_marked && !self.disables(event.standing.max(mark));
        Ok(is_complete.then_some(made))
    }

    /// The user as the state makes it. The write that disables the account is another one, so the link is suspended
    /// first and the time of the suspension is recorded with that write.
    fn fed(&self, event: &Event<'_>, user: &NewUser, standing: Option<Mark>) -> NewUser {
        let start = State { feed: Feed::default(), link: LinkState::Active };
        let values = event.state.as_ref().map(|(_, values)| (event.at, values.content.as_str()));
        let mut state = start.after(&Said { values, standing }).state;
        if self.disables(standing) {
            state.feed.status_at = Millis(0);
        }
        let source = self.source.id.clone();
        let fed = Fed { source, feed: state.feed, state: state.link, login_day: event.login_day };
        let mut user = user.clone();
        fed.set(&self.importer.company.id, &mut user.identity, &mut user.facts);
        user.fed = Some(fed);
        user
    }

    /// The answer if a user with the id of the row exists, and does not have the subject as external id.
    async fn there(&self, id: UserId) -> Result<Applied, Failed> {
        let parts = self.people().home.own.users.parts(id).await?;
        if parts.is_live() {
            // The company has given the user another external id.
            return Ok(Applied::Absent);
        }
        Err(Reason::Behind.into())
    }
}
