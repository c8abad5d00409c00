//! Proof of possession of an address: a code is sent to it, and comes back.

use umoja_look::Language;
use umoja_schema::{IdentifierKind, PersonVersion, UserId};

use super::code::{About, Challenge, Purpose};
use super::counts::{count_address, count_company};
use super::letter::Letter;
use super::proof::{address_of, is_of, language_of, mark, of_address, version_of};
use crate::{Accounts, Context, Error, Field, Person, Rule};

/// Sends a code to the address of a user.
pub struct VerifyStart {
    /// The user.
    pub id: UserId,
    /// The language of the mail; that of the user's profile if absent.
    pub language: Option<Language>,
    /// The version that has to have arrived in the region.
    pub min_version: Option<PersonVersion>,
}

/// A code that was sent.
pub struct CodeSent {
    /// What who waits for the code carries.
    pub challenge: String,
    /// When the code ends, in seconds since the Unix epoch.
    pub expires_at: u64,
    /// The user.
    pub id: UserId,
}

impl Rule for VerifyStart {
    type Read = Option<Person>;
    type Done = CodeSent;

    async fn read(&self, accounts: &Accounts, _: &Context) -> Result<Self::Read, Error> {
        accounts.at_least(self.min_version.as_ref()).await?;
        accounts.reader().load(self.id).await
    }

    async fn act(self, accounts: &Accounts, context: &Context, person: Self::Read) -> Result<CodeSent, Error> {
        accounts.mailer()?;
        let person = person.ok_or(Error::NotFound)?;
        if !person.is_linked_to(&context.company.id) {
            return Err(Error::NotLinked);
        }
        let none =
            || Error::invalid(Field::Identifier(IdentifierKind::Email), "Give the user an e-mail address first.");
        let (address, _) = address_of(&person).ok_or_else(none)?;
        count_address(accounts, context, Purpose::Address, &address).await?;
        count_company(accounts, context, Purpose::Address).await?;
        let about = About {
            user: Some(self.id),
            version: Some(version_of(&person)),
            address: of_address(accounts, context, &address)?,
            token: None,
        };
        let challenge = Challenge::new(accounts, context, Purpose::Address, about);
        let to = (address, language_of(&person, self.language));
        Letter::of(accounts, context, Purpose::Address, &challenge, to)?.send().await?;
        let expires_at = challenge.expires_at.secs();
        Ok(CodeSent { challenge: challenge.seal(accounts), expires_at, id: self.id })
    }
}

/// Brings a code back.
pub struct VerifyFinish {
    /// The challenge.
    pub challenge: String,
    /// The code that the person typed.
    pub code: String,
}

/// A genuine challenge, and the person of its user.
pub struct Challenged {
    challenge: Challenge,
    person: Option<Person>,
}

impl Rule for VerifyFinish {
    type Read = Challenged;
    /// The person, and the user to whom the code was sent.
    type Done = (Person, UserId);

    async fn read(&self, accounts: &Accounts, context: &Context) -> Result<Challenged, Error> {
        let challenge = Challenge::read(accounts, context, Purpose::Address, &self.challenge)?;
        let id = challenge.about.user.ok_or(Error::CodeInvalid)?;
        accounts.at_least(challenge.about.version().as_ref()).await?;
        let person = accounts.reader().load(id).await?;
        Ok(Challenged { challenge, person })
    }

    async fn act(self, accounts: &Accounts, context: &Context, read: Challenged) -> Result<Self::Done, Error> {
        let Challenged { challenge, person } = read;
        let id = challenge.about.user.ok_or(Error::CodeInvalid)?;
        challenge.check(accounts, context, &self.code).await?;
        let person = person.ok_or(Error::NotFound)?;
        let proof = &challenge.about.address;
        match address_of(&person).filter(|(address, _)| is_of(accounts, context, address, proof)) {
            // A retry meets the effect of the first request.
            Some((_, true)) => return Ok((person, id)),
            Some((_, false)) => {}
            None => return Err(Error::CodeInvalid),
        }
        challenge.spend(accounts, context).await?;
        Ok((mark(accounts, context, person, proof).await?, id))
    }
}
