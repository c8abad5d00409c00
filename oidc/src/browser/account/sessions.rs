//! `/account/sessions`: where the person is signed in, and the end of it.

use std::sync::Arc;

use axum::extract::{Request, State};
use axum::response::Response;
use time::OffsetDateTime;
use umoja_look::texts::account as say;
use umoja_look::{Card, Form, Phrase};
use umoja_schema::Millis;

use super::enter::{Entered, Inside, Section};
use crate::Provider;
use crate::browser::stop::Stop;

pub(super) const SECTION: Section = Section { path: "/account/sessions", title: say::SESSIONS, needs_recent: false };

pub(super) async fn sessions(State(provider): State<Arc<Provider>>, request: Request) -> Result<Response, Stop> {
    let inside = match Inside::enter(provider, SECTION, request).await? {
        Entered::Inside(inside) => inside,
        Entered::Page(response) => return Ok(response),
    };
    let own = inside.visit.cookie.session.clone();
    let mut standing = inside.all().await?;
    let mut done = None;
    if let Some(which) = inside.asked.form.get("end").filter(|_| inside.asked.is_post) {
        if which == "others" {
            inside.provider.accounts.end_other_sessions(inside.visit.cookie.described()).await?;
        } else if let Some(session) = standing.sessions().find(|session| session.id == which && session.id != own) {
            // Only what is the person's own: an id that is not in the list ends no session.
            inside.provider.end_session(inside.user(), &session.id).await?;
        }
        standing = inside.all().await?;
        done = Some(say::SESSION_ENDED.into());
    }
    let mut all: Vec<_> = standing.sessions().collect();
    all.sort_by_key(|session| (session.id != own, std::cmp::Reverse(session.created_at)));
    let step = inside.step();
    let form = || Form::post(SECTION.path).hidden("step", &step);
    Ok(inside.answer(|mut page| {
        page = page.done(done).text(say::SESSIONS_ARE);
        for session in all {
            let device = inside.provider.accounts.label(session).map(|device| Phrase::foreign(&device.products()));
            let since = say::SINCE.with(&[("time", &time(session.created_at))]);
            let until = say::UNTIL.with(&[("time", &time(session.expires_at))]);
            let lines = device.into_iter().chain([since, until]).collect();
            let is_own = session.id == own;
            let card = Card::new(if is_own { say::THIS_BROWSER } else { say::OTHER_BROWSER }, lines);
            let end = form().other("end", &session.id, say::END_SESSION);
            page = page.card(&if is_own { card } else { card.form(end) });
        }
        // Another region may know of a session that this one does not know yet.
        page.form(&form().answer("end", "others", say::END_OTHERS))
    }))
}

/// A time as every language reads it, of which no line breaks a part: the hyphens and spaces do not break.
pub(super) fn time(at: Millis) -> String {
    let secs = i64::try_from(at.secs()).unwrap_or(i64::MAX);
    let Ok(at) = OffsetDateTime::from_unix_timestamp(secs) else { return String::new() };
    let (month, day, hour, minute) = (u8::from(at.month()), at.day(), at.hour(), at.minute());
    format!("{}\u{2011}{month:02}\u{2011}{day:02}\u{a0}{hour:02}:{minute:02}\u{a0}UTC", at.year())
}
