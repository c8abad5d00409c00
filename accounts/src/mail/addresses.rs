//! The addresses of a person who looks after its account: a new one counts after a code has come back from it, and the one before it gets a
//! notice.
//!
//! Whose an address is, is said to no one but who has shown that it has the address: until then every address is answered alike.

use umoja_look::Language;
use umoja_schema::IdentifierKind;

use super::code::{About, Challenge, Purpose};
use super::counts::{count_address, count_company, count_person};
use super::letter::Letter;
use super::proof::{address_of, is_of, of_address, version_of};
use crate::{Accounts, Context, Error, Patch, Person, Rule as _, Said, Update};

/// A code for a new address.
pub struct AddressCode {
    /// What the page carries until the code comes back.
    pub challenge: String,
    /// The mail, which the caller sends without letting its answer depend on it. `None` if the address has got enough of them.
    pub letter: Option<Letter>,
}

/// A person whose address or number was changed.
pub struct Replaced {
    /// The person after it.
    pub person: Person,
    /// The notice to the address that it had before, if it had one.
    pub notice: Option<Letter>,
}

impl Accounts {
    /// A code for an address that a person wants to have.
    ///
    /// # Errors
    /// The same for every address: [`Error::NoMail`], [`Error::TooManyMails`], or that the region cannot count now. [`Error::Invalid`] for a
    /// text that is no address.
    pub async fn start_new_address(
        &self,
        context: &Context,
        person: &Person,
        (address, language): (&str, Language),
    ) -> Result<AddressCode, Error> {
        self.mailer()?;
        let (user, to) = (person.primary.id(), context.parse_new(IdentifierKind::Email, address)?.stored);
        count_person(self, context, user).await?;
        count_company(self, context, Purpose::NewAddress).await?;
        let about = About {
            user: Some(user),
            version: Some(version_of(person)),
            address: of_address(self, context, address)?,
            token: None,
        };
        let challenge = Challenge::new(self, context, Purpose::NewAddress, about);
        // By whose names mails went to the address must not be seen.
        let letter = match count_address(self, context, Purpose::NewAddress, address).await {
            Err(Error::TooManyMails { .. }) => None,
            counted => {
                counted?;
                Some(Letter::of(self, context, Purpose::NewAddress, &challenge, (to, language))?)
            }
        };
        Ok(AddressCode { challenge: challenge.seal(self), letter })
    }

    /// Gives a person an address by a code, in the place of the one that it has. The address is verified then.
    ///
    /// # Errors
    /// [`Error::CodeInvalid`]; [`Error::Taken`] if another person has shown that it has the address; and those of an update.
    pub async fn finish_new_address(
        &self,
        context: &Context,
        person: &Person,
        (challenge, code, address): (&str, &str, &str),
        language: Language,
    ) -> Result<Replaced, Error> {
        let challenge = Challenge::read(self, context, Purpose::NewAddress, challenge)?;
        let user = person.primary.id();
        let is_of_person = challenge.about.user.is_some_and(|user| person.holds(user));
        if !is_of_person || !is_of(self, context, address, &challenge.about.address) {
            return Err(Error::CodeInvalid);
        }
        self.at_least(challenge.about.version().as_ref()).await?;
        challenge.check(self, context, code).await?;
        let is_new = |address: &String| !is_of(self, context, address, &challenge.about.address);
        let before = address_of(person);
        if before.as_ref().is_some_and(|(own, is_verified)| *is_verified && !is_new(own)) {
            // A retry meets the effect of the first request.
            return Ok(Replaced { person: person.clone(), notice: None });
        }
        challenge.spend(self, context).await?;
        let patch = Patch::of_proved(context, address, None)?;
        let replaced = Update { id: user, patch, if_version: None }.run(self, context).await?;
        let notice = self.notice(context, person, before.map(|(own, _)| own).filter(is_new), language)?;
        Ok(Replaced { person: replaced, notice })
    }

    /// Takes the address or the number of a person away.
    ///
    /// # Errors
    /// [`Error::NoIdentifierLeft`] if the person could not name itself any more, and those of an update.
    pub async fn remove_identifier(
        &self,
        context: &Context,
        person: &Person,
        kind: IdentifierKind,
        language: Language,
    ) -> Result<Replaced, Error> {
        self.mailer()?;
        let shown = person.view();
        let names = [
            (IdentifierKind::Email, shown.email.is_some()),
            (IdentifierKind::PhoneNumber, shown.phone_number.is_some()),
            (IdentifierKind::Username, shown.username.is_some()),
        ];
        if !names.into_iter().any(|(other, is_there)| other != kind && is_there) {
            return Err(Error::NoIdentifierLeft);
        }
        let patch = Patch::new(context, [(kind, Said { value: Some(None), verified: None })], None)?;
        // The other names are those that were read.
        let update = Update { id: person.primary.id(), patch, if_version: Some(person.version()) };
        let replaced = update.run(self, context).await?;
        let notice = self.notice(context, person, shown.email, language)?;
        Ok(Replaced { person: replaced, notice })
    }

    fn notice(
        &self,
        context: &Context,
        person: &Person,
        to: Option<String>,
        language: Language,
    ) -> Result<Option<Letter>, Error> {
        // Who changes an account may be another one, who reads another language.
        let own = person.view().profile.locale.as_deref().and_then(Language::of_tag);
        to.map(|to| Letter::notice(self, context, (to, own.unwrap_or(language)))).transpose()
    }
}
