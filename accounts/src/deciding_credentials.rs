//! The credentials that decide a login: which user's password is checked.

use futures_util::stream::{self, StreamExt as _};
use umoja_crypto::Password;
use umoja_schema::{AccountStatus, AuditEvent, CompanyId, Credentials, Identity, PartRecord};
use umoja_store::person::PersonParts;

use crate::ends_all::EndsAll;
use crate::person::{Stored, unreadable};
use crate::policy::About;
use crate::{Accounts, Context, Error, People, Person};

/// The credentials that decide, and the part that contains them. Every write of credentials goes to that part only. The
/// password of a linked account never becomes that of the primary account, so after an unmerge no user has the password
/// of another person.
pub(crate) struct Deciding {
    /// `None` for a user that does not exist.
    pub(crate) record: Option<PartRecord>,
    pub(crate) credentials: Credentials,
}

impl Deciding {
    /// The empty credentials of a user that does not exist.
    pub(crate) fn absent() -> Self {
        Self { record: None, credentials: Credentials::default() }
    }

    /// True if an earlier request with this idempotency key has set the password that is stored.
    pub(crate) fn is_set_by(&self, context: &Context) -> bool {
        context.has_written(self.credentials.password_by.as_ref())
    }
}

/// True if there is something that a password can be compared with.
pub(crate) fn has_any(credentials: &Credentials) -> bool {
    credentials.secret.is_some() || !credentials.legacy_hashes.is_empty()
}

impl People {
    /// Whether a password of the person can be compared with something here.
    ///
    /// # Errors
    /// If the store fails.
    pub async fn has_password(&self, person: &Person) -> Result<bool, Error> {
        Ok(has_any(&self.deciding(&person.parts()).await?.credentials))
    }

    /// True if a person can sign in without a passkey: by a password beside a name, or by a login at the provider of one of the companies.
    ///
    /// # Errors
    /// If the store fails.
    pub(crate) async fn signs_in_without_passkey(&self, person: &Person, logins: &[CompanyId]) -> Result<bool, Error> {
        let has_login =
            |company: &CompanyId| person.users().any(|user| user.identity.external_ids.contains_key(company));
        let has_name = |user: &Stored| {
            let Identity { email, phone_number, username, .. } = &user.identity;
            email.is_some() || phone_number.is_some() || username.is_some()
        };
        Ok(logins.iter().any(has_login) || (person.users().any(has_name) && self.has_password(person).await?))
    }
}

/// The number of linked accounts whose credentials are opened at the same time. The first one with credentials decides,
/// so more are seldom needed.
const AHEAD: usize = 4;

impl People {
    /// The credentials of the primary account. If it has none, those of the first active linked account that has any.
    /// An account whose credentials part cannot be decrypted counts as one without credentials.
    ///
    /// `person` has to come from [`Reader::person`](crate::person::Reader::person), which has verified its linked
    /// accounts. Otherwise a forged pointer in the table would let one user log in as another.
    pub(crate) async fn deciding(&self, person: &PersonParts) -> Result<Deciding, Error> {
        let Some(primary) = &person.primary.credentials else { return Ok(Deciding::absent()) };
        let credentials = self.sealer.open::<Credentials>(primary).await?;
        let primary = Deciding { record: Some(primary.clone()), credentials };
        if has_any(&primary.credentials) {
            return Ok(primary);
        }
        let linked_accounts = person.linked_accounts.iter().filter_map(|parts| parts.credentials.as_ref());
        let active: Vec<_> = linked_accounts.filter(|record| record.status() == Some(AccountStatus::Active)).collect();
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
        Ok(primary)
    }
}

impl Accounts {
    /// Replaces the password of a user that may log in, in the credentials part that decides. `None` if another write
    /// got in between. Every session of the person ends with it, in every region. It opens the profile parts, because the password policy needs the data about the user.
    pub(crate) async fn set_password(
        &self,
        context: &Context,
        person: &PersonParts,
        Deciding { record, credentials }: Deciding,
        password: Password,
        event: AuditEvent,
    ) -> Result<Option<PartRecord>, Error> {
        let (Some(record), Some(opened)) = (record, self.reader().open(person.clone()).await?) else { return Ok(None) };
        let user = opened.view();
        let identifiers = [user.email.as_ref(), user.phone_number.as_ref(), user.username.as_ref()];
        let secret = self.hash(context, &About { identifiers, profile: &user.profile }, password).await?;
        let secret = secret.map_err(Error::Weak)?;
        let changed = Credentials {
            secret: Some(secret),
            legacy_hashes: Vec::new(),
            password_source: Some(context.source()),
            password_by: context.mark(),
            ..credentials
        };
        // Who knew the former password may have signed in with it.
        let all = Some(EndsAll::from(person));
        self.write_credentials(&record, &changed, AccountStatus::Active, Some((context, event)), all).await
    }
}
