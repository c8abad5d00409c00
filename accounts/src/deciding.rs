//! Whose password is checked.

use futures_util::stream::{self, StreamExt as _};
use umoja_crypto::Password;
use umoja_schema::{AccountStatus, AuditEvent, Credentials, PartRecord};
use umoja_store::group::GroupParts;

use crate::person::unreadable;
use crate::policy::About;
use crate::{Accounts, Context, Error, People};

/// The credentials that decide, and the part that they are in. Whatever is written goes there and nowhere else: a member's
/// password never becomes the root's, so that an undone merge leaves nobody with another person's.
pub(crate) struct Deciding {
    /// `None` of a user that does not exist.
    pub(crate) record: Option<PartRecord>,
    pub(crate) credentials: Credentials,
}

impl Deciding {
    /// Nothing, as of a user that does not exist.
    pub(crate) fn nobody() -> Self {
        Self { record: None, credentials: Credentials::default() }
    }
}

fn has_any(credentials: &Credentials) -> bool {
    credentials.secret.is_some() || !credentials.old_hashes.is_empty()
}

/// How many members' credentials are opened at the same time. The first that has any decides, so more are seldom needed.
const AHEAD: usize = 4;

impl People {
    /// The root's credentials. While the root has none, those of the first member that is active and has any; one whose
    /// part does not open has none.
    ///
    /// `group` is as [`Reader::group`](crate::person::Reader::group) gives it: its members are. Otherwise a pointer that somebody wrote into the table
    /// would let one user in as another.
    pub(crate) async fn deciding(&self, group: &GroupParts) -> Result<Deciding, Error> {
        let Some(root) = &group.root.credentials else { return Ok(Deciding::nobody()) };
        let credentials = self.sealer.open::<Credentials>(root).await?;
        let root = Deciding { record: Some(root.clone()), credentials };
        if has_any(&root.credentials) {
            return Ok(root);
        }
        let members = group.members.iter().filter_map(|parts| parts.credentials.as_ref());
        let active: Vec<_> = members.filter(|record| record.status() == Some(AccountStatus::Active)).collect();
        let opened: Vec<_> = active.iter().map(|record| self.sealer.open::<Credentials>(record)).collect();
        let mut opened = stream::iter(opened).buffered(AHEAD);
        for record in active {
            match opened.next().await.unwrap_or(Ok(Credentials::default())) {
                Ok(credentials) if has_any(&credentials) => {
                    return Ok(Deciding { record: Some(record.clone()), credentials });
                }
                Ok(_) => {}
                Err(error) => drop(unreadable(record, error)?),
            }
        }
        Ok(root)
    }
}

impl Accounts {
    /// Sets the password of a user that may log in, in the credentials part that decides, in place of whatever was there.
    /// `None` if somebody got in between. What is known about the user has to be opened for it.
    pub(crate) async fn set_password(
        &self,
        context: &Context,
        group: &GroupParts,
        Deciding { record, credentials }: Deciding,
        password: Password,
        event: AuditEvent,
    ) -> Result<Option<PartRecord>, Error> {
        let (Some(record), Some(opened)) = (record, self.reader().open(group.clone()).await?) else { return Ok(None) };
        let user = opened.view();
        let identifiers = [user.email.as_ref(), user.phone_number.as_ref(), user.username.as_ref()];
        let secret = self.hash(context, &About { identifiers, profile: &user.profile }, password).await?;
        let secret = secret.map_err(Error::Weak)?;
        let changed = Credentials {
            secret: Some(secret),
            old_hashes: Vec::new(),
            password_source: Some(context.source()),
            ..credentials
        };
        self.write_credentials(&record, &changed, AccountStatus::Active, Some((context, event))).await
    }
}
