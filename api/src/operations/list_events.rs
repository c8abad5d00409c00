//! `events/list`: what changed about the company's users, in order and without a gap.

use umoja_accounts as accounts;
use umoja_accounts::events::{Waiting, open, seal};
use umoja_schema::api::{self, Event, Events, MAX_EVENTS, MAX_WAIT_SECS};
use umoja_schema::{CompanyId, Millis, Scope};
use umoja_store::events::Position;

use crate::app::App;
use crate::caller::Caller;
use crate::kinds::{CURSOR_EXPIRED, INTERNAL, ProblemKind};
use crate::operation::{Answer, Done, Operation};
use crate::problem::Problem;

/// How many changes an answer has if the caller does not say.
const LIMIT: u16 = 100;

pub(crate) struct ListEvents;

/// Makes the cursor of an answer.
pub(crate) struct Asked {
    company: CompanyId,
    cursor: Box<dyn FnOnce(&Position) -> String + Send>,
}

impl Operation for ListEvents {
    const PATH: &'static str = "/v1/events/list";
    const ID: &'static str = "listEvents";
    const SUMMARY: &'static str = "List what changed about the company's users, in order and without a gap.";
    const SCOPE: Scope = Scope::Events;
    const CHANGES: bool = false;
    const ANSWERS: &'static [(u16, &'static str)] = &[(200, "The events after the cursor, and the next cursor.")];
    const PROBLEMS: &'static [&'static ProblemKind] = &[&CURSOR_EXPIRED];
    type Body = api::ListEvents;
    type Answered = Events;
    type Rule = accounts::ListEvents;
    type Asked = Asked;

    fn parse(app: &App, caller: &Caller, body: api::ListEvents) -> Result<(accounts::ListEvents, Asked), Problem> {
        let company = &caller.context.company.id;
        let invalid = |field, rule: &str| Problem::invalid(field, rule);
        let position = match (&body.cursor, body.after) {
            (Some(_), Some(_)) => return Err(invalid("after", "Send `cursor` or `after`, not both.")),
            (Some(cursor), None) => open(&app.accounts.secrets, company, cursor)
                .ok_or_else(|| invalid("cursor", "Send a `cursor` exactly as an answer to your company gave it."))?,
            (None, after) => Position { from: Millis(after.unwrap_or(0).saturating_mul(1000)), ..Position::default() },
        };
        let limit = body.limit.unwrap_or(LIMIT);
        if !(1..=MAX_EVENTS).contains(&limit) {
            return Err(invalid("limit", "Send a number from 1 to 500."));
        }
        let wait_secs = body.wait_secs.unwrap_or(0);
        if wait_secs > MAX_WAIT_SECS {
            return Err(invalid("wait_secs", "Send a number of seconds up to 20."));
        }
        let (secrets, of) = (std::sync::Arc::clone(&app.accounts.secrets), company.clone());
        let cursor = Box::new(move |position: &Position| seal(&secrets, &of, position));
        let waiting: Waiting = app.waiting.clone();
        let rule = accounts::ListEvents { position, limit: limit.into(), wait_secs, waiting };
        Ok((rule, Asked { company: company.clone(), cursor }))
    }

    fn answer(asked: Asked, page: Done<Self>) -> Result<Answer, Problem> {
        let events = page.events.iter().map(|row| Event::of(&asked.company, row)).collect::<Option<Vec<_>>>();
        let events = events.ok_or_else(|| Problem::from(&INTERNAL))?.into_iter().flatten().collect();
        Answer::new(200, &Events { events, cursor: (asked.cursor)(&page.position), more: page.more })
    }
}
