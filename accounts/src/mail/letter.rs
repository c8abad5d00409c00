//! The mail with a code.

use std::sync::Arc;

use umoja_look::texts::mail as say;
use umoja_look::{Language, Text};
use umoja_schema::CompanyId;
use umoja_store::ports::{Mail, Mailer};

use super::code::{Challenge, LIFETIME_SECS, Purpose};
use crate::{Accounts, Context, Error};

/// A mail that is written and not sent yet. It has personal data and a code, and is never printed.
pub struct Letter {
    mailer: Arc<dyn Mailer>,
    company: CompanyId,
    to: String,
    from_name: String,
    subject: String,
    text: String,
}

impl Letter {
    /// The mail with the code of a challenge, in the name of the company.
    ///
    /// # Errors
    /// [`Error::NoMail`] if the process sends no mail.
    pub(super) fn of(
        accounts: &Accounts,
        context: &Context,
        purpose: Purpose,
        challenge: &Challenge,
        (to, language): (String, Language),
    ) -> Result<Self, Error> {
        let (subject, text): (Text, Text) = match purpose {
            Purpose::Address => (say::VERIFY_SUBJECT, say::VERIFY_TEXT),
            Purpose::Password => (say::RESET_SUBJECT, say::RESET_TEXT),
            Purpose::SignIn => (say::SIGN_IN_SUBJECT, say::SIGN_IN_TEXT),
        };
        let minutes = (LIFETIME_SECS / 60).to_string();
        // An operator writes the name, so it has no line of its own.
        let name: String = context.company.display_name().chars().filter(|c| !c.is_control()).collect();
        let values = [("company", name.as_str()), ("code", challenge.code()), ("minutes", minutes.as_str())];
        let (subject, text) = (subject.with(&values).plain(language), text.with(&values).plain(language));
        let (mailer, company) = (accounts.mailer()?, context.company.id.clone());
        Ok(Self { mailer, company, to, from_name: name, subject, text })
    }

    /// Sends it.
    ///
    /// # Errors
    /// [`Error::Mail`].
    pub async fn send(self) -> Result<(), Error> {
        let Self { to, from_name, subject, text, .. } = &self;
        let sent = self.mailer.send(&Mail { to, from_name, subject, text }).await;
        sent.map_err(|error| {
            tracing::warn!(company = %self.company, %error, "a mail with a code was not sent");
            Error::Mail(error)
        })
    }
}

impl Accounts {
    /// What sends mail.
    ///
    /// # Errors
    /// [`Error::NoMail`] if this process sends none.
    pub(crate) fn mailer(&self) -> Result<Arc<dyn Mailer>, Error> {
        self.mailer.clone().ok_or(Error::NoMail)
    }
}
