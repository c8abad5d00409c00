//! An account that a person makes itself, by a code of a mail.
//!
//! An address that has an account is answered like one that has none: with a challenge of the same length, after the same counts and reads,
//! and with one mail. What the mail says, only who has the address learns.

use std::net::IpAddr;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::{Map, Value};
use umoja_crypto::Password;
use umoja_look::Language;
use umoja_schema::IdentifierKind;

use super::code::{About, Challenge, Purpose};
use super::counts::{count_address, count_company, count_network, count_registration};
use super::letter::{Letter, Pages};
use super::proof::{is_of, of_address};
use crate::{Accounts, Context, Error, Patch, Register, Registered, Request, Rule as _};

/// For what an account is asked.
#[derive(Debug, Clone, Copy)]
pub struct Asking<'a> {
    /// Where the browser is, if that is known.
    pub from: Option<IpAddr>,
    /// The language of the page.
    pub language: Language,
    /// Where a person goes who has an account.
    pub pages: Pages<'a>,
}

/// What follows from the wish to make an account. It is of the same form for an address that has one.
pub struct MailedRegistration {
    /// What who waits for the code carries.
    pub challenge: String,
    /// The mail, which the caller sends without letting its answer depend on it. `None` if the address has got enough of them.
    pub letter: Option<Letter>,
}

/// What a person says that has got a code.
pub struct NewAccount<'a> {
    /// The challenge of the code.
    pub challenge: &'a str,
    /// The code that the person typed.
    pub code: &'a str,
    /// The address to which the code went.
    pub address: &'a str,
    /// What the person says of itself, as members of a profile.
    pub profile: Map<String, Value>,
    /// The password that it has chosen.
    pub password: Password,
}

/// What came of a right code.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Made {
    /// The person has a new account: this user.
    User(umoja_schema::UserId),
    /// Another one has made an account of the address meanwhile, whose password is another.
    Known,
}

impl Accounts {
    /// Begins to make an account with this address.
    ///
    /// # Errors
    /// The same for every address: [`Error::NoMail`], [`Error::TooManyMails`], or that the region cannot answer now. [`Error::Invalid`] for a
    /// text that is no address.
    pub async fn start_registration(
        &self,
        context: &Context,
        address: &str,
        asking: Asking<'_>,
    ) -> Result<MailedRegistration, Error> {
        self.mailer()?;
        let to = context.parse_new(IdentifierKind::Email, address)?.stored;
        count_network(self, context, Purpose::Registration, asking.from).await?;
        count_registration(self, context, address).await?;
        count_company(self, context, Purpose::Registration).await?;
        let register = Register { patch: Patch::of_proved(context, address, None)?, password: None };
        let is_known = register.read(self, context).await?.is_known();
        let about = About { address: of_address(self, context, address)?, ..About::default() };
        let challenge = Challenge::new(self, context, Purpose::Registration, about);
        // By whose names mails went to the address must not be seen.
        let letter = match count_address(self, context, Purpose::Registration, address).await {
            Err(Error::TooManyMails { .. }) => None,
            counted => {
                counted?;
                let to = (to, asking.language);
                Some(if is_known {
                    Letter::known(self, context, asking.pages, to)?
                } else {
                    Letter::of(self, context, Purpose::Registration, &challenge, to)?
                })
            }
        };
        Ok(MailedRegistration { challenge: challenge.seal(self), letter })
    }

    /// Makes an account by a code, whose address is verified. The user follows from the code, so that a form that is sent twice makes one user, in all
    /// regions together: who sends it again has to have its password.
    ///
    /// # Errors
    /// [`Error::CodeInvalid`], and those of a registration.
    pub async fn finish_registration(&self, context: &Context, new: NewAccount<'_>) -> Result<Made, Error> {
        let challenge = Challenge::read(self, context, Purpose::Registration, new.challenge)?;
        if !is_of(self, context, new.address, &challenge.about.address) {
            return Err(Error::CodeInvalid);
        }
        challenge.check(self, context, new.code).await?;
        let context = Context { request: Some(self.request_of(&challenge)), ..context.clone() };
        let patch = Patch::of_proved(&context, new.address, Some(Value::Object(new.profile)))?;
        match (Register { patch, password: Some(new.password) }).run(self, &context).await {
            Ok(Registered { is_new: true, id, .. }) => Ok(Made::User(id)),
            Ok(_) | Err(Error::Taken(_)) => Ok(Made::Known),
            Err(Error::KeyReused | Error::Erased) => Err(Error::CodeInvalid),
            Err(error) => Err(error),
        }
    }

    /// The request that a code stands for.
    fn request_of(&self, challenge: &Challenge) -> Request {
        let key = format!("registration {}", challenge.id());
        let fingerprint = URL_SAFE_NO_PAD.encode(self.secrets.request_hash(&["registration", challenge.id()]));
        Request { key, fingerprint, mark: None, is_done: false }
    }
}
