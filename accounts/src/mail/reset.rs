//! A new password by a code of a mail.

use std::net::IpAddr;
use std::time::Duration;

use umoja_crypto::Password;
use umoja_look::Language;
use umoja_schema::UserId;
use umoja_schema::api::Selector;

use super::code::{About, Challenge, LIFETIME_SECS, Purpose};
use super::counts::{count_address, count_company, count_name, count_network};
use super::letter::Letter;
use super::proof::{address_of, is_of, language_of, mark, named_by, of_address, version_of};
use crate::access::By;
use crate::lockout::Target;
use crate::reset::{Finished, ResetFinish, ResetStart};
use crate::{Accounts, Context, Error, Person, Rule as _};

/// How long a region waits for what another one has written.
const ARRIVAL: Duration = Duration::from_secs(2);

/// What follows from the wish to set a new password. It is of the same form for a name that no user has.
pub struct MailedReset {
    /// What who waits for the code carries.
    pub challenge: String,
    /// The mail, which the caller sends without letting its answer depend on it. `None` if there is no one to send it to.
    pub letter: Option<Letter>,
}

/// Who gets a code.
struct Receiver {
    about: About,
    address: String,
    language: Language,
}

impl Accounts {
    /// Begins to set a new password for the person of this name. The mail goes to the address by which the person is named, or else to the
    /// person's verified address; never to one that is not stored. `from` is where the browser is, if that is known.
    ///
    /// # Errors
    /// The same for every name: [`Error::NoMail`], [`Error::TooManyMails`], or that the region cannot answer now.
    pub async fn start_mailed_reset(
        &self,
        context: &Context,
        name: &Selector,
        (from, language): (Option<IpAddr>, Language),
    ) -> Result<MailedReset, Error> {
        self.mailer()?;
        count_network(self, context, Purpose::Password, from).await?;
        count_name(self, context, name).await?;
        let (about, to) = match self.receiver(context, name, language).await? {
            Some(Receiver { about, address, language }) => (about, Some((address, language))),
            None => (About::default(), None),
        };
        let challenge = Challenge::new(self, context, Purpose::Password, about);
        let letter = match to {
            Some(to) => Some(Letter::of(self, context, Purpose::Password, &challenge, to)?),
            None => None,
        };
        Ok(MailedReset { challenge: challenge.seal(self), letter })
    }

    async fn receiver(
        &self,
        context: &Context,
        name: &Selector,
        language: Language,
    ) -> Result<Option<Receiver>, Error> {
        let found = self.find_target(&Target::of(self, context, name)?).await?.found;
        let start = ResetStart { selector: name.clone(), lifetime_secs: LIFETIME_SECS, min_version: None };
        let started = match start.act(self, context, found).await {
            Err(Error::NotFound | Error::Disabled) => return Ok(None),
            started => started?,
        };
        let verified = || address_of(&started.person).filter(|(_, is_verified)| *is_verified);
        let named = named_by(context, &started.person, name);
        let is_named = named.is_some();
        let Some(address) = named.or_else(|| verified().map(|(address, _)| address)) else { return Ok(None) };
        // The name was counted: an address by another name is counted too, in silence.
        let counted = if is_named { Ok(()) } else { count_address(self, context, &address).await };
        for counted in [counted, count_company(self, context, Purpose::Password).await] {
            match counted {
                Err(Error::TooManyMails { .. }) => return Ok(None),
                counted => counted?,
            }
        }
        let about = About {
            user: Some(started.person.primary.id()),
            version: Some(version_of(&started.person)),
            address: of_address(self, context, &address)?,
            token: Some(started.token),
        };
        let language = language_of(&started.person, Some(language));
        Ok(Some(Receiver { about, address, language }))
    }

    /// Sets a new password by a code. All sessions of the person end, and the address is verified.
    ///
    /// # Errors
    /// [`Error::CodeInvalid`], and those of a reset by a token.
    pub async fn finish_mailed_reset(
        &self,
        context: &Context,
        challenge: &str,
        code: &str,
        password: Password,
    ) -> Result<Finished, Error> {
        let challenge = Challenge::read(self, context, Purpose::Password, challenge)?;
        challenge.check(self, context, code).await?;
        let About { user, address, token, .. } = &challenge.about;
        let (Some(token), Some(user)) = (token, user) else { return Err(Error::CodeInvalid) };
        if let Some(version) = challenge.about.version()
            && !self.caught_up(&version, ARRIVAL).await?
        {
            return Err(Error::Behind);
        }
        let person = self.reader().load(*user).await?;
        // Who had the address and has it no more sets no password.
        let is_it = |email: &String| is_of(self, context, email, address);
        let has_it = |person: &Person| person.users().any(|user| user.identity.email.as_ref().is_some_and(is_it));
        if !person.as_ref().is_some_and(has_it) {
            return Err(Error::CodeInvalid);
        }
        let is_first_proof = person.as_ref().and_then(address_of).is_some_and(|(_, is_verified)| !is_verified);
        let finished = match (ResetFinish { token: token.clone(), password }).run(self, context).await {
            Err(Error::ResetTokenInvalid) => Err(Error::CodeInvalid),
            finished => finished,
        }?;
        // Who made the account before its owner proved an address may have left a factor of its own, which would keep the owner out, or a
        // login elsewhere, which would let that one in. What began by a factor and not by the password ends here. Until the address is
        // verified, another reset does this again.
        if is_first_proof {
            self.end_factors(By { user: *user, kept: None, actor: &context.actor }).await?;
            self.drop_logins(context, *user).await?;
        }
        self.mark_after_reset(context, *user, address).await;
        Ok(finished)
    }

    /// The password is set, so what fails here fails alone: a company to which the person is not linked does not change it.
    async fn mark_after_reset(&self, context: &Context, user: UserId, proof: &str) {
        let marked = match self.reader().load(user).await {
            Ok(Some(person)) => mark(self, context, person, proof).await.map(drop),
            Ok(None) => Ok(()),
            Err(error) => Err(error),
        };
        if let Err(error) = marked {
            tracing::info!(company = %context.company.id, %error, "an address was not verified after a reset");
        }
    }
}
