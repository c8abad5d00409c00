//! The logins of a person: how it gets one, and how it loses one.

use umoja_schema::{CompanyId, IdentifierKind, LoginProviderId, UserId};
use umoja_store::ownerships::drop_identifier;

use crate::access::{DescribedSession, NewLogin, Removal, Standing};
use crate::accounts::until_written;
use crate::identifiers::value_of;
use crate::items::replace_all;
use crate::links::may_log_in;
use crate::person::Change;
use crate::profiles::Rules;
use crate::{Context, Error, Patch, People, Person, Said};

const KIND: IdentifierKind = IdentifierKind::ExternalId;

impl People {
    /// Gives a person a login of the company's provider, and notes it in one transaction. With a session that is kept, everything else of the
    /// person ends with it.
    ///
    /// # Errors
    /// [`Error::Taken`] if the login belongs to another person, or the person has another login there. [`Error::Disabled`] if the company
    /// has suspended the person.
    pub async fn connect(
        &self,
        context: &Context,
        (user, kept): (UserId, Option<DescribedSession<'_>>),
        provider: &LoginProviderId,
        login: &ToConnect<'_>,
    ) -> Result<(), Error> {
        let said = Said { value: Some(Some(login.subject)), verified: None };
        let patch = Patch::new(context, [(KIND, said)], None)?;
        let stored = context.parse_new(KIND, login.subject)?.stored;
        let company = &context.company.id;
        let new = NewLogin { provider, company, external_id: &stored, name: login.name };
        until_written!({
            let standing = Standing::read(self, user).await?.ok_or(Error::NotFound)?;
            let person = standing.person(self).await?.ok_or(Error::NotFound)?;
            let is_noted = standing.logins().any(|known| known.company == *company && self.is_of_login(known, &stored));
            let had: Vec<_> = person.users().filter_map(|user| value_of(&user.identity, context, KIND)).collect();
            let has_it = had.contains(&&stored);
            if has_it && is_noted {
                return Ok(Some(()));
            }
            if !has_it && !had.is_empty() {
                return Err(Error::Taken(KIND));
            }
            if person.is_suspended_at(company) {
                return Err(Error::Disabled);
            }
            let primary = &person.primary;
            let mut items = self.row_of_login(primary.id(), Some(&new))?;
            if kept.is_some() {
                items.extend(self.ends_of_all(&standing.ends_all_as_read(&self.home.own.name), kept).await?);
            }
            if has_it {
                // An import or a source brought it.
                return Ok(replace_all(self, items).await?.then_some(()));
            }
            let (mut identity, mut facts) = patch.apply(self, context, &primary.identity, &primary.facts)?;
            context.link(&mut identity, &mut facts);
            let change = Change { id: primary.id(), identity, facts };
            let rules = Rules { reject_taken: true, items, ..Rules::of(&context.actor) };
            Ok(self.write_profiles(&person, &[change], &rules, |_| Vec::new()).await?.map(drop))
        })?;
        if kept.is_some() {
            self.end_what_has_ended(user).await?;
        }
        Ok(())
    }

    /// Takes the login of the company's provider from a person, and ends every session but one, in one transaction. The person keeps it if it
    /// has neither a password nor the login of one of the `others`, nor signed in by a passkey (`by_passkey`) that it still has.
    ///
    /// # Errors
    /// [`Error::NotFound`] if there is no such live user; if the store fails.
    pub async fn disconnect(
        &self,
        context: &Context,
        kept: DescribedSession<'_>,
        (others, by_passkey): (&[CompanyId], bool),
    ) -> Result<Removal, Error> {
        let user = kept.user;
        let patch = Patch::new(context, [(KIND, Said { value: Some(None), verified: None })], None)?;
        let removal = until_written!({
            let standing = Standing::read(self, user).await?.ok_or(Error::NotFound)?;
            let person = standing.person(self).await?.ok_or(Error::NotFound)?;
            if !person.users().any(|user| value_of(&user.identity, context, KIND).is_some()) {
                return Ok(Some(Removal::Absent));
            }
            let others: Vec<_> = others.iter().filter(|company| **company != context.company.id).cloned().collect();
            let has_passkey = by_passkey && standing.passkeys().next().is_some();
            if !has_passkey && !self.signs_in_without_passkey(&person, &others).await? {
                return Ok(Some(Removal::Last));
            }
            let changes = match patch.apply_to(self, context, &person) {
                // It is the last identifier.
                Err(Error::Invalid { .. }) => return Ok(Some(Removal::Last)),
                changes => changes?,
            };
            let mut items = self.ends_of_logins(&standing, |login| login.company == context.company.id)?;
            items.extend(self.ends_of_all(&standing.ends_all_as_read(&self.home.own.name), Some(kept)).await?);
            let rules = Rules { all_as_read: true, items, ..Rules::of(&context.actor) };
            let written = self.write_profiles(&person, &changes, &rules, |_| Vec::new()).await?;
            Ok(written.map(|_| Removal::Removed))
        })?;
        if removal == Removal::Removed {
            tracing::info!(%user, "a login at another provider was removed");
            self.end_what_has_ended(user).await?;
        }
        Ok(removal)
    }

    /// Takes every login from a person that it got by signing in elsewhere, and ends everything of the person, in one transaction. External
    /// ids that an import, a source or a company gave it stay.
    ///
    /// # Errors
    /// [`Error::NotFound`] if there is no such live user; if the store fails.
    pub(crate) async fn drop_logins(&self, context: &Context, user: UserId) -> Result<(), Error> {
        let had_some = until_written!({
            let standing = Standing::read(self, user).await?.ok_or(Error::NotFound)?;
            if standing.logins().next().is_none() {
                return Ok(Some(false));
            }
            let person = standing.person(self).await?.ok_or(Error::NotFound)?;
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
            let mut items = self.ends_of_logins(&standing, |_| true)?;
            items.extend(self.ends_of_all(&standing.ends_all_as_read(&self.home.own.name), None).await?);
            if changes.is_empty() {
                return Ok(replace_all(self, items).await?.then_some(true));
            }
            let rules = Rules { items, ..Rules::of(&context.actor) };
            Ok(self.write_profiles(&person, &changes, &rules, |_| Vec::new()).await?.map(|_| true))
        })?;
        if had_some {
            tracing::info!(%user, "the logins at other providers ended with the first proof of an address");
            self.end_what_has_ended(user).await?;
        }
        Ok(())
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
