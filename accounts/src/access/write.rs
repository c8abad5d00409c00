//! Writes of the rows of a person.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use umoja_schema::access::ended;
use umoja_schema::replicated::ACCESS;
use umoja_schema::{Actor, AuditEvent, Millis, UserId, Version, VersionedItem};
use umoja_store::Home;

use crate::accounts::until_written;
use crate::items::{over, replace, replace_recorded};
use crate::{Error, People};

/// A random name of 128 bits: letters, digits, `-` and `_`.
pub(super) fn random_id(home: &Home) -> String {
    URL_SAFE_NO_PAD.encode(home.entropy.array::<16>())
}

impl People {
    /// Stores a row, if none is stored under its key. False if there is one, ended or live.
    pub(super) async fn add(&self, item: impl FnOnce(Version) -> VersionedItem) -> Result<bool, Error> {
        replace(self, None, item(self.next_version(false, None)?)).await
    }

    /// Stores a row with an event in the audit trail of its user, if none is stored under its key. False if there is one, ended or live.
    pub(super) async fn add_recorded(
        &self,
        (actor, event): (&Actor, &AuditEvent),
        item: impl Fn(Version) -> VersionedItem,
    ) -> Result<bool, Error> {
        until_written!({
            let item = item(self.next_version(false, None)?);
            let user = item.user;
            if self.home.own.items.item(&ACCESS, user, &item.key).await?.is_some() {
                return Ok(Some(false));
            }
            let rows = self.recorder().rows(actor, &[(user, event.clone())]).await?;
            Ok(replace_recorded(self, vec![over(None, item)], rows).await?.then_some(true))
        })
    }

    /// Ends the row under a key, whether or not it has arrived in this region. `expires_at` is when the live row expires. Of a user who is
    /// erased meanwhile no row is left that could end.
    pub(super) async fn end(&self, user: UserId, key: &str, expires_at: Option<Millis>) -> Result<(), Error> {
        until_written!({
            let stored = self.home.own.items.item(&ACCESS, user, key).await?;
            if stored.as_ref().is_some_and(|stored| stored.version.erased) {
                return Ok(Some(()));
            }
            let expires_at = stored.as_ref().map_or(expires_at, VersionedItem::expires_at);
            let version = stored.map(|stored| stored.version);
            let end = ended(user, key.to_owned(), self.next_version(true, version.as_ref())?, expires_at);
            match replace(self, version.as_ref(), end).await {
                Err(Error::Erased) => Ok(Some(())),
                replaced => Ok(replaced?.then_some(())),
            }
        })
    }
}
