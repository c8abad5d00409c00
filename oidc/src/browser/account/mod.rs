//! The pages on which a person looks after its account: what is known of it, where it is signed in, what applications may have, its
//! password, its logins at other providers, a file of its data, and the end of all of it.
//!
//! A person comes by the pages of a company (`/account?company=soko`), which give the look, and for which a person without a session signs
//! in. What changes the account or shows all of it needs a sign-in of the last five minutes ([`Section::needs_recent`]).

mod addresses;
mod apps;
pub(super) mod door;
mod enter;
mod erase;
mod export;
mod factors;
pub(super) mod logins;
mod often;
mod overview;
mod password;
mod profile;
mod sessions;

use std::sync::Arc;

use axum::Router;
use axum::routing::get;

use self::door::Section;
use crate::Provider;

const SECTIONS: [Section; 10] = [
    overview::SECTION,
    profile::SECTION,
    addresses::SECTION,
    sessions::SECTION,
    apps::SECTION,
    password::SECTION,
    factors::SECTION,
    logins::SECTION,
    export::SECTION,
    erase::SECTION,
];

/// The page at a path.
pub(super) fn section(path: &str) -> Option<Section> {
    SECTIONS.into_iter().find(|section| section.path == path)
}

/// The routes. A form is posted to the path of its page.
pub(super) fn router() -> Router<Arc<Provider>> {
    Router::new()
        .route(overview::SECTION.path, get(overview::overview).post(overview::overview))
        .route(profile::SECTION.path, get(profile::profile).post(profile::profile))
        .route(addresses::SECTION.path, get(addresses::addresses).post(addresses::addresses))
        .route(sessions::SECTION.path, get(sessions::sessions).post(sessions::sessions))
        .route(apps::SECTION.path, get(apps::apps).post(apps::apps))
        .route(password::SECTION.path, get(password::password).post(password::password))
        .route(logins::SECTION.path, get(logins::logins).post(logins::logins))
        .route(factors::SECTION.path, get(factors::factors).post(factors::factors))
        .route(export::SECTION.path, get(export::export).post(export::export))
        .route(erase::SECTION.path, get(erase::erase).post(erase::erase))
}
