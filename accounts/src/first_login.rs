//! The first login of a user whose password only the company's old system knows: Umoja asks that system once, and then
//! keeps a hash of its own.
//!
//! The attempt is counted before, as every attempt at a password. A system that gives no answer decides nothing: the
//! attempt is given back, and the answer is 503.

use metrics::counter;
use umoja_crypto::Password;
use umoja_schema::names::metric;
use umoja_schema::{AccountStatus, AuditEvent, CompanyId, Credentials, IdentifierKind, LinkState, Millis, UserId};
use umoja_store::person::PersonParts;
use umoja_store::ports::{KnownAs, LegacyAnswer, NewPassword, Question};

use crate::deciding_credentials::{Deciding, has_any};
use crate::identifiers::verified;
use crate::person::Stored;
use crate::{Accounts, Context, Error, Person};

/// What an old system has answered about a user in one attempt. It is asked once, however often the attempt is repeated
/// because other writes overtook it.
#[derive(Debug, Default)]
pub(crate) struct Asked(Option<(UserId, LegacyAnswer)>);

/// The result of asking.
pub(crate) enum Learnt {
    /// The password is right. The person has it, unless it could not be stored now: then the next login asks again.
    Right(Box<Person>),
    /// The old system says no, or is not asked about this user.
    No,
    /// Another write got in between.
    Overtaken,
}

impl Accounts {
    /// Asks the company's old system whether a password is right, if the company has one and may know the user, and
    /// keeps the password. The person, whose credentials that decide were opened, has no password of its own and may
    /// log in.
    ///
    /// # Errors
    /// [`Error::OldSystem`] if it gives no answer.
    pub(crate) async fn learnt(
        &self,
        context: &Context,
        (person, deciding): (PersonParts, Deciding),
        password: &Password,
        asked: &mut Asked,
    ) -> Result<Learnt, Error> {
        let (Some(systems), Some(system)) = (&self.old_systems, &context.company.old_system) else {
            return Ok(Learnt::No);
        };
        // A text that can be no password is wrong without a question.
        if password.as_typed().is_empty() {
            return Ok(Learnt::No);
        }
        let Some(person) = self.reader().open(person).await? else { return Ok(Learnt::No) };
        let company = &context.company.id;
        let Some(user) = person.users().find(|user| may_know(company, user)) else { return Ok(Learnt::No) };
        let credentials = match deciding.record {
            Some(record) if record.id == user.id() => deciding.credentials,
            _ => self.sealer.open(&user.credentials).await?,
        };
        if has_any(&credentials) {
            return Ok(Learnt::No);
        }
        let known = match asked.0 {
            Some((id, answer)) if id == user.id() => Some(answer),
            _ => None,
        };
        let answer = if let Some(answer) = known {
            answer
        } else {
            let now: Millis = self.home.clock.now();
            let id = UserId::v7(now.0, self.home.entropy.array()).to_string();
            let identity = &user.identity;
            let is_verified = |kind| verified(&user.facts.ownerships, kind) == Some(true);
            let as_known = KnownAs {
                external_id: identity.external_ids.get(company).cloned(),
                email: identity.email.clone(),
                email_verified: is_verified(IdentifierKind::Email),
                phone_number: identity.phone_number.clone(),
                phone_number_verified: is_verified(IdentifierKind::PhoneNumber),
                username: identity.username.clone(),
            };
            let question = Question {
                system,
                user: &as_known,
                password,
                id: &id,
                at_secs: now.secs(),
                key: self.secrets.signing_key(),
            };
            systems.ask(company, user.id(), &question, &*self.home.clock).await?
        };
        asked.0 = Some((user.id(), answer));
        match answer {
            LegacyAnswer::Wrong => Ok(Learnt::No),
            LegacyAnswer::Right => self.keep(context, (&person, user), credentials, password).await,
        }
    }

    /// Keeps a password that the old system has verified, whatever the policy for new passwords says: the user has it.
    async fn keep(
        &self,
        context: &Context,
        (person, user): (&Person, &Stored),
        credentials: Credentials,
        password: &Password,
    ) -> Result<Learnt, Error> {
        let (salt, keys) = (self.home.entropy.array(), self.secrets.password_keys());
        let kept =
            NewPassword { company: context.company.id.clone(), password: password.clone(), policy: None, salt, keys };
        let not_stored = || Learnt::Right(Box::new(person.clone()));
        let Ok(secret) = self.hasher.hash(kept).await? else { return Ok(not_stored()) };
        let changed = Credentials { secret: Some(secret), password_source: Some(context.source()), ..credentials };
        let event = Some((context, AuditEvent::PasswordLearnt));
        match self.write_credentials(&user.credentials, &changed, user.status, event, None).await {
            Ok(Some(written)) => {
                counter!(metric::PASSWORDS_LEARNT).increment(1);
                Ok(Learnt::Right(Box::new(person.clone().with_credentials(written))))
            }
            Ok(None) => Ok(Learnt::Overtaken),
            // The password is right anyway, and the next login asks again.
            Err(error) => {
                tracing::warn!(%error, "a password that an old system verified was not stored");
                Ok(not_stored())
            }
        }
    }
}

/// True if the old system of a company may know a user: the company is linked to it, and the account is active. After
/// an unmerge no user has the password of another, because the password is kept by the user that the company knows.
fn may_know(company: &CompanyId, user: &Stored) -> bool {
    let link = user.facts.links.get(company);
    link.is_some_and(|link| link.state == LinkState::Active) && user.status == AccountStatus::Active
}
