//! The logins of a person: how it gets one, and how it loses one.

use umoja_schema::{CompanyId, IdentifierKind, LoginProviderId, UserId};
use umoja_store::ownerships::drop_identifier;

use crate::access::{DescribedSession, Standing};
use crate::accounts::until_written;
use crate::deciding_credentials::has_any;
use crate::identifiers::value_of;
use crate::links::may_log_in;
use crate::person::Change;
use crate::profiles::Rules;
use crate::{Context, Error, Patch, People, Person, Said};

const KIND: IdentifierKind = IdentifierKind::ExternalId;

/// What came of a removal.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Disconnected {
    /// The login is no longer the person's.
    Removed,
    /// The person could not sign in any more, and keeps it.
    Last,
    /// The person has no login of the company.
    Absent,
}

impl People {
    /// Gives a person a login of the company's provider.
    ///
    /// # Errors
    /// [`Error::Taken`] if the login belongs to another person, or the person has another login there. [`Error::Disabled`] if the company
    /// has suspended the person.
    pub async fn connect(
        &self,
        context: &Context,
        user: UserId,
        provider: &LoginProviderId,
        login: &ToConnect<'_>,
    ) -> Result<(), Error> {
        let said = Said { value: Some(Some(login.subject)), verified: None };
        let patch = Patch::new(context, [(KIND, said)], None)?;
        let stored = context.parse_new(KIND, login.subject)?.stored;
        until_written!({
            let person = self.reader().load(user).await?.ok_or(Error::NotFound)?;
            let had: Vec<_> = person.users().filter_map(|user| value_of(&user.identity, context, KIND)).collect();
            if had.contains(&&stored) {
                return Ok(Some(()));
            }
            if !had.is_empty() {
                return Err(Error::Taken(KIND));
            }
            if person.is_suspended_at(&context.company.id) {
                return Err(Error::Disabled);
            }
            let primary = &person.primary;
            let (mut identity, mut facts) = patch.apply(self, context, &primary.identity, &primary.facts)?;
            context.link(&mut identity, &mut facts);
            let change = Change { id: primary.id(), identity, facts };
            let rules = Rules { reject_taken: true, ..Rules::of(&context.actor) };
            Ok(self.write_profiles(&person, &[change], &rules, |_| Vec::new()).await?.map(drop))
        })?;
        // A retry of what was killed in between notes it too.
        let standing = Standing::read(self, user).await?.ok_or(Error::NotFound)?;
        let company = &context.company.id;
        if standing.logins().any(|known| known.company == *company && self.is_of_login(known, &stored)) {
            return Ok(());
        }
        self.note_login(user, (provider, company), (&stored, login.name)).await
    }

    /// Takes the login of the company's provider from a person, and ends every session but one. The person keeps it if it has neither a
    /// password nor the login of one of the `others`, unless it signed in in another way (`has_other_way`).
    ///
    /// # Errors
    /// [`Error::NotFound`] if there is no such live user; if the store fails.
    pub async fn disconnect(
        &self,
        context: &Context,
        kept: DescribedSession<'_>,
        (others, has_other_way): (&[CompanyId], bool),
    ) -> Result<Disconnected, Error> {
        let user = kept.user;
        let patch = Patch::new(context, [(KIND, Said { value: Some(None), verified: None })], None)?;
        let disconnected = until_written!({
            let person = self.reader().load(user).await?.ok_or(Error::NotFound)?;
            if !person.users().any(|user| value_of(&user.identity, context, KIND).is_some()) {
                return Ok(Some(Disconnected::Absent));
            }
            let is_other = |company: &CompanyId| {
                *company != context.company.id
                    && person.users().any(|user| user.identity.external_ids.contains_key(company))
            };
            let has_other = has_other_way || others.iter().any(is_other);
            if !has_other && !has_any(&self.deciding(&person.parts()).await?.credentials) {
                return Ok(Some(Disconnected::Last));
            }
            let changes = match patch.apply_to(self, context, &person) {
                // It is the last identifier.
                Err(Error::Invalid { .. }) => return Ok(Some(Disconnected::Last)),
                changes => changes?,
            };
            let rules = Rules { all_as_read: true, ..Rules::of(&context.actor) };
            let written = self.write_profiles(&person, &changes, &rules, |_| Vec::new()).await?;
            Ok(written.map(|_| Disconnected::Removed))
        })?;
        if disconnected == Disconnected::Removed {
            let standing = Standing::read(self, user).await?.ok_or(Error::NotFound)?;
            self.end_logins(standing.logins().filter(|login| login.company == context.company.id)).await?;
            tracing::info!(%user, "a login at another provider was removed");
            self.end_other_sessions(kept).await?;
        }
        Ok(disconnected)
    }

    /// Takes every login from a person that it got by signing in elsewhere. External ids that an import, a source or a company gave it stay.
    ///
    /// # Errors
    /// [`Error::NotFound`] if there is no such live user; if the store fails.
    pub(crate) async fn drop_logins(&self, context: &Context, user: UserId) -> Result<(), Error> {
        let standing = Standing::read(self, user).await?.ok_or(Error::NotFound)?;
        if standing.logins().next().is_none() {
            return Ok(());
        }
        until_written!({
            let person = self.reader().load(user).await?.ok_or(Error::NotFound)?;
            let mut changes = Vec::new();
            for user in person.users() {
                let (mut identity, mut facts) = (user.identity.clone(), user.facts.clone());
                for login in standing.logins() {
                    let external_id = identity.external_ids.get(&login.company);
                    if external_id.is_some_and(|external_id| self.is_of_login(login, external_id)) {
                        drop_identifier(&mut identity, &mut facts, &(KIND, Some(login.company.clone())));
                    }
                }
                if identity != user.identity {
                    changes.push(Change { id: user.id(), identity, facts });
                }
            }
            if changes.is_empty() {
                return Ok(Some(()));
            }
            let written = self.write_profiles(&person, &changes, &Rules::of(&context.actor), |_| Vec::new()).await?;
            Ok(written.map(drop))
        })?;
        tracing::info!(%user, "the logins at other providers ended with the first proof of an address");
        self.end_logins(standing.logins()).await
    }

    /// Lets a person who has proved who it is log in at the company, which is linked to it then, as a password does. `None` if the person
    /// may not log in there.
    ///
    /// # Errors
    /// If the store fails.
    pub async fn admit(&self, context: &Context, user: UserId) -> Result<Option<Person>, Error> {
        until_written!({
            let Some(person) = self.reader().load(user).await? else { return Ok(Some(None)) };
            if !may_log_in(&person.parts(), &context.company.id) {
                return Ok(Some(None));
            }
            if person.is_linked_to(&context.company.id) {
                return Ok(Some(Some(person)));
            }
            Ok(self.link_primary(context, &person).await?.map(Some))
        })
    }
}

/// A login that a person gets.
#[derive(Debug, Clone, Copy)]
pub struct ToConnect<'a> {
    /// What the provider calls the person.
    pub subject: &'a str,
    /// What the person sees of the account at the provider ([`super::Login::shown`]). Personal data.
    pub name: Option<&'a str>,
}
