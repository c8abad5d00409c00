//! What the provider of a region does for a client.

use std::collections::BTreeSet;

use umoja_accounts::People;
use umoja_accounts::access::{NewFamily, Refreshed, Reuse, SessionState, Standing};
use umoja_schema::access::Family;
use umoja_schema::replicated::ACCESS;
use umoja_schema::{Millis, Region};

use super::{SessionOf, client};

/// How long a code is valid, in milliseconds.
const CODE_MS: u64 = 60_000;
const LIFE_MS: u64 = 30 * Millis::DAY_MS;

/// An answer.
pub(super) enum Answer<T> {
    /// With tokens.
    Tokens(T),
    /// The code or the token is not valid, and never will be.
    Rejected,
    /// A service or a region does not answer, or what it needs has not arrived.
    Unavailable,
}

/// The client presents a code.
pub(super) async fn redeem(people: &People, issuer: &Region, session: &SessionOf) -> Answer<Family> {
    let (now, until) = (people.home.clock.now(), session.issued_at.plus(CODE_MS));
    if now >= until {
        return Answer::Rejected;
    }
    let own = &people.home.own;
    let peer = people.home.peers.iter().find(|peer| peer.ports.name == *issuer);
    let requests = peer.map_or(&own.requests, |peer| &peer.ports.requests);
    let standing = match Standing::read(people, session.user).await {
        Ok(Some(standing)) => standing,
        _ => return Answer::Unavailable,
    };
    if standing.session(&session.id, session.issued_at, now) == SessionState::Ended {
        return Answer::Rejected;
    }
    match requests.first_use(&session.code, now, until.plus(1)).await {
        Ok(true) => {}
        Ok(false) => {
            return match people.end_session(session.user, &session.id).await {
                Ok(_) => Answer::Rejected,
                Err(_) => Answer::Unavailable,
            };
        }
        Err(_) => return Answer::Unavailable,
    }
    let noted = people.note_client(session.user, &session.id, client(session.client), session.expires_at).await;
    if noted.is_err() {
        return Answer::Unavailable;
    }
    let new = NewFamily {
        client: client(session.client).to_owned(),
        session: Some(session.id.clone()),
        scopes: BTreeSet::from(["openid".to_owned()]),
        jkt: None,
        life_ms: LIFE_MS.min(session.expires_at.since(now)),
    };
    people.begin_family(session.user, new).await.map_or(Answer::Unavailable, Answer::Tokens)
}

/// The client presents a refresh token.
pub(super) async fn refresh(people: &People, session: &SessionOf, family: &str, generation: u64) -> Answer<u64> {
    match people.refresh(session.user, family, generation, Reuse::default()).await {
        Ok(Refreshed::Next(next) | Refreshed::Retry(next)) => Answer::Tokens(next),
        Ok(Refreshed::Ended) => has_arrived(people, session, family).await,
        Err(_) => Answer::Unavailable,
    }
}

/// The client asks whether its family is valid.
pub(super) async fn is_valid(people: &People, session: &SessionOf, family: &str) -> Answer<()> {
    match Standing::read(people, session.user).await {
        Ok(Some(standing)) if standing.family(family, Reuse::default()).is_some() => Answer::Tokens(()),
        Ok(_) => has_arrived(people, session, family).await,
        Err(_) => Answer::Unavailable,
    }
}

/// A family that is not valid: rejected if the region has it or its end, and otherwise it may arrive.
async fn has_arrived<T>(people: &People, session: &SessionOf, family: &str) -> Answer<T> {
    let items = &people.home.own.items;
    let row = items.item(&ACCESS, session.user, &Family::key(family)).await;
    if row.is_ok_and(|row| row.is_some()) { Answer::Rejected } else { Answer::Unavailable }
}
