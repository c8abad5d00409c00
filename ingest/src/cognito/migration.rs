//! A pool asks for a user whom it does not know: who types the right password of Umoja becomes a user of the pool.

use serde_json::{Map, Value};
use umoja_accounts::incoming::Holder;
use umoja_accounts::{Authenticate, Error, Origin, Person, Rule as _};
use umoja_schema::IdentifierKind;
use umoja_schema::api::Selector;
use umoja_schema::ingest::PoolDirection;

use super::error::TriggerError;
use super::event::{Password, TriggerEvent};
use super::handler::{Admitted, Cognito};

/// The attribute of a pool that has Umoja's id. Only this function may set it: no client may write it.
pub const UMOJA_ID: &str = "custom:umoja_id";

/// The most characters of an attribute of a pool.
const MAX_CHARS: usize = 2048;

impl Cognito {
    /// The attributes of the user whom a pool asks for.
    ///
    /// With a password, the rule of `authenticate` answers, with its locks. Without one, the person gets a code at the
    /// verified address or number that Umoja has. Whether the user has a password changes neither answer.
    pub(super) async fn migrate(
        &self,
        parsed: &TriggerEvent,
        password: Option<&Password>,
    ) -> Result<Map<String, Value>, TriggerError> {
        let admitted = self.admitted(parsed).await?;
        if admitted.direction == PoolDirection::FromPool {
            return Err(TriggerError::NotAllowed("the users of the pool do not come from Umoja"));
        }
        let (pool, system) = (admitted.known.source.pool.as_ref(), admitted.company.old_system.as_ref());
        if pool.zip(system).is_some_and(|(pool, system)| pool.asks_back(system)) {
            return Err(TriggerError::NotAllowed("the pool is the old system of the company too"));
        }
        let selector = selector(parsed.user_name.as_str());
        let person = match password {
            Some(password) => self.with_password(&admitted, selector, password).await?,
            None => self.with_address(&admitted, &selector).await?,
        };
        Ok(attributes(&person))
    }

    async fn with_password(
        &self,
        admitted: &Admitted,
        selector: Selector,
        password: &Password,
    ) -> Result<Person, TriggerError> {
        let password = umoja_crypto::Password::attempt(password.as_str());
        // Cognito does not say where the person is.
        let origin = Origin { ip: None, device: None };
        let attempt = Authenticate { selector, password, origin };
        match attempt.run(self.accounts(), &self.context(admitted)).await {
            Ok(Some(person)) => Ok(*person),
            Ok(None) | Err(Error::Locked { .. } | Error::Invalid { .. }) => Err(TriggerError::WrongPassword),
            Err(error) => {
                tracing::warn!(%error, "a password is not checked");
                Err(TriggerError::Unavailable)
            }
        }
    }

    async fn with_address(&self, admitted: &Admitted, selector: &Selector) -> Result<Person, TriggerError> {
        let unavailable = |error| {
            tracing::warn!(%error, "a user is not looked up");
            TriggerError::Unavailable
        };
        let accounts = self.accounts();
        let found = match accounts.find(&self.context(admitted), selector).await {
            Err(Error::Invalid { .. }) => None,
            found => found.map_err(unavailable)?,
        };
        let Some(parts) = found else { return Err(TriggerError::WrongPassword) };
        let person = accounts.reader().open(parts).await.map_err(unavailable)?.ok_or(TriggerError::WrongPassword)?;
        let linked = self.feeder(admitted).linked(person.primary.id()).await?;
        let shown = person.view();
        let is_reachable = [shown.email_verified, shown.phone_number_verified].contains(&Some(true));
        match linked {
            Holder::User { may_log_in: true, .. } if is_reachable => Ok(person),
            _ => Err(TriggerError::WrongPassword),
        }
    }
}

/// How a person writes who they are.
fn selector(name: &str) -> Selector {
    let kind = match name {
        _ if name.contains('@') => IdentifierKind::Email,
        _ if name.starts_with('+') => IdentifierKind::PhoneNumber,
        _ => IdentifierKind::Username,
    };
    Selector::Identifier(kind, name.to_owned())
}

/// What the pool gets to know: the claims that both have, and Umoja's id.
fn attributes(person: &Person) -> Map<String, Value> {
    let user = person.view();
    let flag = |verified: Option<bool>| verified.map(|verified| verified.to_string());
    let profile = &user.profile;
    let texts = [
        ("email_verified", flag(user.email_verified.filter(|_| user.email.is_some()))),
        ("email", user.email.clone()),
        ("phone_number_verified", flag(user.phone_number_verified.filter(|_| user.phone_number.is_some()))),
        ("phone_number", user.phone_number.clone()),
        ("preferred_username", user.username.clone().or_else(|| profile.preferred_username.clone())),
        ("name", profile.name.clone()),
        ("given_name", profile.given_name.clone()),
        ("family_name", profile.family_name.clone()),
        ("middle_name", profile.middle_name.clone()),
        ("nickname", profile.nickname.clone()),
        ("profile", profile.profile.clone()),
        ("picture", profile.picture.clone()),
        ("website", profile.website.clone()),
        ("gender", profile.gender.clone()),
        // Cognito takes a date with a year, a month and a day only.
        ("birthdate", profile.birthdate.clone().filter(|date| date.len() == 10)),
        ("zoneinfo", profile.zoneinfo.clone()),
        ("locale", profile.locale.clone()),
    ];
    let texts = texts.into_iter().filter_map(|(name, text)| Some((name, text?)));
    let texts = texts.filter(|(_, text)| !text.is_empty() && text.chars().count() <= MAX_CHARS);
    let texts = texts.map(|(name, text)| (name.to_owned(), Value::String(text)));
    texts.chain([(UMOJA_ID.to_owned(), user.id.to_string().into())]).collect()
}
