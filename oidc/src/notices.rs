//! The one way in which a session ends, so that clients learn of it.

use umoja_accounts::Error;
use umoja_schema::UserId;

use crate::Provider;

impl Provider {
    /// Ends a session of a person: at a logout, at a replay of a code, and when an operator ends it. The session and its families are not
    /// valid in this region once this is done, and elsewhere once it has arrived there. To end it again does nothing.
    ///
    /// # Errors
    /// [`Error::NotFound`] if there is no such live user; if the store fails. Then the caller tries again.
    pub async fn end_session(&self, user: UserId, session: &str) -> Result<(), Error> {
        self.accounts.end_session(user, session).await.map(drop)
    }
}
