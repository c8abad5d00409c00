//! Consents: given and withdrawn for a client.

use std::collections::BTreeSet;

use umoja_schema::access::{Grant, Withdrawal};
use umoja_schema::replicated::ACCESS;
use umoja_schema::{Attributes, Millis, UserId, Version};

use super::Standing;
use crate::accounts::until_written;
use crate::items::replace;
use crate::{Error, People};

impl Standing {
    /// Since when a client has what the person lets it have: the oldest scope counts. `None` if it has nothing.
    pub fn granted_since(&self, client: &str) -> Option<Millis> {
        self.newest_grants(client).into_values().filter(|(_, grant)| grant.given).map(|(_, grant)| grant.at).min()
    }
}

impl People {
    /// Gives scopes to a client. Scopes that it has stay given.
    ///
    /// # Errors
    /// [`Error::NotFound`] if there is no such live user; if the store fails.
    pub async fn consent(&self, user: UserId, client: &str, scopes: &BTreeSet<String>) -> Result<(), Error> {
        let standing = Standing::read(self, user).await?.ok_or(Error::NotFound)?;
        self.consent_as(&standing, user, client, scopes).await
    }

    /// As [`People::consent`], by what was read of the person before.
    ///
    /// # Errors
    /// If the store fails.
    pub async fn consent_as(
        &self,
        standing: &Standing,
        user: UserId,
        client: &str,
        scopes: &BTreeSet<String>,
    ) -> Result<(), Error> {
        let granted = standing.granted(client);
        let newest = standing.newest_grants(client);
        for scope in scopes.difference(&granted) {
            let known = newest.get(scope.as_str()).map(|(version, _)| (*version).clone());
            self.say((user, client, scope), true, known).await?;
        }
        Ok(())
    }

    /// Gives a client again what was withdrawn of these scopes: the client needs no consent, and the person signs in to it again. Tokens
    /// with a withdrawn scope are not valid, also of a client that needs no consent.
    ///
    /// # Errors
    /// If the store fails.
    pub async fn give_back(
        &self,
        standing: &Standing,
        user: UserId,
        client: &str,
        scopes: &BTreeSet<String>,
    ) -> Result<(), Error> {
        let withdrawn: BTreeSet<String> = standing.scopes(client, false).intersection(scopes).cloned().collect();
        if withdrawn.is_empty() { Ok(()) } else { self.consent_as(standing, user, client, &withdrawn).await }
    }

    /// Withdraws everything that a person has given to a client, and ends what the client got by it. Its subjects stay, so that the client
    /// finds the same person again if the person consents again.
    ///
    /// # Errors
    /// As [`People::consent`].
    pub async fn withdraw(&self, user: UserId, client: &str) -> Result<(), Error> {
        let standing = Standing::read(self, user).await?.ok_or(Error::NotFound)?;
        for user in standing.users() {
            self.note_withdrawal(*user, client).await?;
        }
        for (scope, (version, grant)) in standing.newest_grants(client) {
            if grant.given {
                self.say((grant.user, client, scope), false, Some(version.clone())).await?;
            }
        }
        for family in standing.families().filter(|family| family.client == client) {
            self.end_known_family(family).await?;
        }
        Ok(())
    }

    async fn note_withdrawal(&self, user: UserId, client: &str) -> Result<(), Error> {
        until_written!({
            let stored = self.home.own.items.item(&ACCESS, user, &Withdrawal::key(client)).await?;
            let read = stored.as_ref().map(|stored| &stored.version);
            let unknown = stored.as_ref().and_then(|stored| Withdrawal::from_item(stored).ok()).map(|one| one.unknown);
            let new = Withdrawal::new(user, client.to_owned(), self.home.clock.now());
            let withdrawal = Withdrawal { unknown: unknown.unwrap_or_default(), ..new };
            let item = withdrawal.to_item(self.next_version(false, read)?);
            Ok(replace(self, read, item).await?.then_some(()))
        })
    }

    /// Stores the newest word about a scope: newer than every word of the person's other users.
    async fn say(
        &self,
        (user, client, scope): (UserId, &str, &str),
        given: bool,
        known: Option<Version>,
    ) -> Result<(), Error> {
        let key = Grant::key(client, scope);
        until_written!({
            let stored = self.home.own.items.item(&ACCESS, user, &key).await?;
            let read = stored.as_ref().map(|stored| &stored.version);
            let version = self.next_version(false, read.max(known.as_ref()))?;
            // Members that a newer version of Umoja wrote are kept.
            let unknown = stored.as_ref().and_then(|stored| Grant::from_item(stored).ok()).map(|grant| grant.unknown);
            let (client, scope, unknown) =
                (client.to_owned(), scope.to_owned(), unknown.unwrap_or_else(Attributes::new));
            let grant = Grant { user, client, scope, given, at: self.home.clock.now(), unknown };
            Ok(replace(self, read, grant.to_item(version)).await?.then_some(()))
        })
    }
}
