//! Sessions: begun at a sign-in, ended by the person.

use std::collections::BTreeSet;

use umoja_schema::access::{ClientSeen, KnownEnds, MAX_LIFE_MS, Session};
use umoja_schema::replicated::ACCESS;
use umoja_schema::{Attributes, Millis, UserId};

use super::Standing;
use super::write::random_id;
use crate::accounts::until_written;
use crate::items::replace;
use crate::{Error, People};

/// A session that begins.
#[derive(Debug, Clone)]
pub struct NewSession {
    /// When the person proved who it is; 0 if that is not known.
    pub auth_time: Millis,
    /// By which methods.
    pub amr: Vec<String>,
    /// How well.
    pub acr: Option<String>,
    /// What the person sees of the device, sealed.
    pub label: Option<Vec<u8>>,
    /// What the region knew before the person proved who it is ([`Standing::known_ends`]): what ends everything at the same moment ends
    /// the session too.
    pub ends: KnownEnds,
    /// How long it lasts, in milliseconds; at most [`MAX_LIFE_MS`].
    pub life_ms: u64,
}

impl People {
    /// A new random id for a session.
    pub fn new_session_id(&self) -> String {
        random_id(&self.home)
    }

    /// Begins a session of a user, under a new random id.
    ///
    /// # Errors
    /// If the store fails, or the user is erased.
    pub async fn begin_session(&self, user: UserId, new: NewSession) -> Result<Session, Error> {
        self.begin_session_as(user, self.new_session_id(), new).await
    }

    /// As [`People::begin_session`], under an id of [`People::new_session_id`].
    ///
    /// # Errors
    /// As [`People::begin_session`].
    pub async fn begin_session_as(&self, user: UserId, id: String, new: NewSession) -> Result<Session, Error> {
        let now = self.home.clock.now();
        let NewSession { auth_time, amr, acr, label, ends, life_ms } = new;
        let expires_at = now.plus(life_ms.min(MAX_LIFE_MS));
        let (created_at, unknown) = (now, Attributes::new());
        let session = Session { user, id, auth_time, amr, acr, label, created_at, expires_at, ends, unknown };
        let is_added = self.add(|version| session.to_item(version)).await?;
        if is_added { Ok(session) } else { Err(Error::Broken("a random id is new")) }
    }

    /// Notes that a client got tokens in a session of a user, so that it learns when the session ends. `expires_at` is when
    /// the session ends by itself.
    ///
    /// # Errors
    /// If the store fails, or the user is erased.
    pub async fn note_client(
        &self,
        user: UserId,
        session: &str,
        client: &str,
        expires_at: Millis,
    ) -> Result<(), Error> {
        let (session, client) = (session.to_owned(), client.to_owned());
        let seen = ClientSeen { user, session, client, expires_at, unknown: Attributes::new() };
        self.add(|version| seen.to_item(version)).await.map(drop)
    }

    /// Ends a session of a person, and the families that end with it. Returns the clients that got tokens in it. One that is
    /// ended already, or that has not arrived, is ended all the same. It is not valid in this region once this is done, and
    /// elsewhere once it has arrived there. The clients that want it are informed by this region ([`EndedSessions`](super::EndedSessions)):
    /// once if the process lives, and at least once if it is killed at any await and the session has ended.
    ///
    /// # Errors
    /// [`Error::NotFound`] if there is no such live user; if the store fails.
    pub async fn end_session(&self, user: UserId, id: &str) -> Result<BTreeSet<String>, Error> {
        let standing = Standing::read(self, user).await?.ok_or(Error::NotFound)?;
        let known = standing.session_rows().find(|session| session.id == id);
        let owner = known.map_or(user, |session| session.user);
        let is_new = !standing.has_ended(id);
        if is_new {
            self.announce(owner, &standing, id).await?;
        }
        self.end(owner, &Session::key(id), known.map(|session| session.expires_at)).await?;
        if is_new {
            self.ended(owner, id).await?;
        }
        Ok(standing.clients_of(id))
    }

    /// Notes that the person of a session has proved more: the methods and the class that the session has from now on. A row that has not
    /// arrived, or has ended, stays as it is: the cookie says the same.
    ///
    /// # Errors
    /// [`Error::NotFound`] if there is no such live user; if the store fails.
    pub async fn raise_session(&self, user: UserId, id: &str, (amr, acr): (&[String], &str)) -> Result<(), Error> {
        until_written!({
            let key = Session::key(id);
            let Some(stored) = self.home.own.items.item(&ACCESS, user, &key).await? else { return Ok(Some(())) };
            let Ok(session) = Session::from_item(&stored) else { return Ok(Some(())) };
            let raised = Session { amr: amr.to_vec(), acr: Some(acr.to_owned()), ..session };
            let version = self.next_version(false, Some(&stored.version))?;
            Ok(replace(self, Some(&stored.version), raised.to_item(version)).await?.then_some(()))
        })
    }
}
