//! `/account/apps`: what the person lets applications have, and the end of it.

use std::sync::Arc;

use axum::extract::{Request, State};
use axum::response::Response;
use umoja_look::texts::account as say;
use umoja_look::{Card, Form, Phrase};

use super::enter::{Entered, Inside, Section};
use crate::Provider;
use crate::browser::stop::Stop;
use crate::pages::in_words;

pub(super) const SECTION: Section = Section { path: "/account/apps", title: say::APPS, needs_recent: false };

pub(super) async fn apps(State(provider): State<Arc<Provider>>, request: Request) -> Result<Response, Stop> {
    let inside = match Inside::enter(provider, SECTION, request).await? {
        Entered::Inside(inside) => inside,
        Entered::Page(response) => return Ok(response),
    };
    let mut standing = inside.all().await?;
    let mut done = None;
    let client = inside.asked.form.get("withdraw").filter(|_| inside.asked.is_post);
    if let Some(client) = client.filter(|client| standing.clients().contains(*client)) {
        inside.provider.accounts.withdraw(inside.user(), client).await?;
        standing = inside.all().await?;
        done = Some(say::WITHDRAWN.into());
    }
    let step = inside.step();
    let mut cards = Vec::new();
    for client in standing.clients() {
        // A client that is gone stands under its id, so that what it was given can be withdrawn.
        let registered = inside.provider.registered(&client).await?;
        let name = registered.as_ref().map_or(client.as_str(), |registered| registered.client.name.as_str());
        let scopes = in_words(&standing.granted(&client));
        let form = Form::post(SECTION.path).hidden("step", &step).other("withdraw", &client, say::WITHDRAW);
        cards.push(Card::new(Phrase::foreign(name), scopes).form(form));
    }
    let text = if cards.is_empty() { say::NO_APPS } else { say::APPS_ARE };
    Ok(inside.answer(|page| cards.iter().fold(page.done(done).text(text), umoja_look::Page::card)))
}
