//! `/account`: what is known of the person.

use std::sync::Arc;

use axum::extract::{Request, State};
use axum::response::Response;
use umoja_look::texts::account as say;
use umoja_look::texts::sign_on;

use super::enter::{Entered, Inside, Section};
use crate::Provider;
use crate::browser::offered::ACCOUNT;
use crate::browser::stop::Stop;

pub(super) const SECTION: Section = Section { path: ACCOUNT, title: say::ACCOUNT, needs_recent: false };

/// Where a person signs out.
const SIGN_OUT: &str = "/oauth2/logout";

pub(super) async fn overview(State(provider): State<Arc<Provider>>, request: Request) -> Result<Response, Stop> {
    let inside = match Inside::enter(provider, SECTION, request).await? {
        Entered::Inside(inside) => inside,
        Entered::Page(response) => return Ok(response),
    };
    let user = inside.person.view();
    // Who made its account here has said its names one by one.
    let names = [user.profile.given_name.as_deref(), user.profile.family_name.as_deref()];
    let names = names.into_iter().flatten().collect::<Vec<_>>().join(" ");
    let name = user.profile.name.clone().or(Some(names).filter(|names| !names.is_empty()));
    let values = [
        (say::NAME_IS, &name),
        (say::EMAIL_IS, &user.email),
        (say::PHONE_IS, &user.phone_number),
        (say::USERNAME_IS, &user.username),
    ];
    let lines = values.iter().filter_map(|(text, value)| Some(text.with(&[("value", value.as_deref()?)])));
    let change = inside.path(super::profile::SECTION.path);
    Ok(inside.answer(|page| page.list(lines).link(&change, say::CHANGE_PROFILE).link(SIGN_OUT, sign_on::SIGN_OUT)))
}
