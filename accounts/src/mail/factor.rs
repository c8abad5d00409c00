//! A code by mail beside the first factor of a sign-in. It is no second factor (NIST SP 800-63B-4 section 3.1.3.1): the caller's
//! policy decides where it is enough.

use std::net::IpAddr;

use umoja_look::Language;
use umoja_schema::UserId;

use super::code::{About, Challenge, Purpose};
use super::counts::{count_address, count_company, count_network};
use super::letter::Letter;
use super::proof::{address_of, is_of, language_of, of_address, version_of};
use crate::{Accounts, Context, Error, Person};

/// A code for a sign-in that is being sent.
pub struct SignInCode {
    /// What the page carries until the code comes back.
    pub challenge: String,
    /// The mail.
    pub letter: Letter,
}

impl Accounts {
    /// Whether a person can get a code for a sign-in: the process sends mail, and the person's address is verified.
    pub fn can_mail_code(&self, person: &Person) -> bool {
        self.mailer.is_some() && address_of(person).is_some_and(|(_, is_verified)| is_verified)
    }

    /// A code for the sign-in of a person whose first factor was right, to the person's verified address. `None` if there is none. The mail is
    /// counted for the address, the company, and the network that asks, if it is known. The language is that of the page.
    ///
    /// # Errors
    /// [`Error::NoMail`], [`Error::TooManyMails`], or that the region cannot read the person.
    pub async fn mailed_code(
        &self,
        context: &Context,
        (user, network): (UserId, Option<IpAddr>),
        language: Option<Language>,
    ) -> Result<Option<SignInCode>, Error> {
        self.mailer()?;
        let Some(person) = self.reader().load(user).await? else { return Ok(None) };
        let Some((address, true)) = address_of(&person) else { return Ok(None) };
        count_network(self, context, Purpose::SignIn, network).await?;
        count_address(self, context, Purpose::SignIn, &address).await?;
        count_company(self, context, Purpose::SignIn).await?;
        let about = About {
            user: Some(user),
            version: Some(version_of(&person)),
            address: of_address(self, context, &address)?,
            token: None,
        };
        let challenge = Challenge::new(self, context, Purpose::SignIn, about);
        let to = (address, language_of(&person, language));
        let letter = Letter::of(self, context, Purpose::SignIn, &challenge, to)?;
        Ok(Some(SignInCode { challenge: challenge.seal(self), letter }))
    }

    /// Whether a code is the one that this person got for this sign-in, at the address that is still the person's. It is right once in each
    /// region.
    ///
    /// # Errors
    /// If the region cannot check it now.
    pub async fn is_mailed_code(
        &self,
        context: &Context,
        user: UserId,
        challenge: &str,
        code: &str,
    ) -> Result<bool, Error> {
        let checked = async {
            let challenge = Challenge::read(self, context, Purpose::SignIn, challenge)?;
            if challenge.about.user != Some(user) {
                return Err(Error::CodeInvalid);
            }
            self.at_least(challenge.about.version().as_ref()).await?;
            challenge.check(self, context, code).await?;
            // Who had the address and has it no more proves nothing.
            let address = self.reader().load(user).await?.as_ref().and_then(address_of);
            let is_own = |(own, is_verified): (String, bool)| {
                is_verified && is_of(self, context, &own, &challenge.about.address)
            };
            if !address.is_some_and(is_own) {
                return Err(Error::CodeInvalid);
            }
            challenge.spend(self, context).await
        };
        match checked.await {
            Ok(()) => Ok(true),
            Err(Error::CodeInvalid) => Ok(false),
            Err(error) => Err(error),
        }
    }
}
