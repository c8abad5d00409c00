//! The mail with a code.

use std::sync::Arc;

use umoja_look::texts::{addresses, mail as say, register};
use umoja_look::{Language, Text};
use umoja_schema::CompanyId;
use umoja_store::ports::{Mail, Mailer};

use super::code::{Challenge, LIFETIME_SECS, Purpose};
use crate::{Accounts, Context, Error};

/// The pages to which a mail leads who has an account already. They are good for nothing by themselves.
#[derive(Debug, Clone, Copy)]
pub struct Pages<'a> {
    /// The URL at which a person signs in.
    pub sign_in: &'a str,
    /// The URL at which a person sets a new password.
    pub reset: &'a str,
}

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
        to: (String, Language),
    ) -> Result<Self, Error> {
        let texts = match purpose {
            Purpose::Address => (say::VERIFY_SUBJECT, say::VERIFY_TEXT),
            Purpose::Password => (say::RESET_SUBJECT, say::RESET_TEXT),
            Purpose::SignIn => (say::SIGN_IN_SUBJECT, say::SIGN_IN_TEXT),
            Purpose::Registration => (register::SUBJECT, register::TEXT),
            Purpose::NewAddress => (addresses::SUBJECT, addresses::TEXT),
        };
        let minutes = (LIFETIME_SECS / 60).to_string();
        Self::written(accounts, context, texts, &[("code", challenge.code()), ("minutes", &minutes)], to)
    }

    /// The mail to a person who asks for an account and has one.
    ///
    /// # Errors
    /// As [`Letter::of`].
    pub(super) fn known(
        accounts: &Accounts,
        context: &Context,
        pages: Pages<'_>,
        to: (String, Language),
    ) -> Result<Self, Error> {
        let values = [("sign_in", pages.sign_in), ("reset", pages.reset)];
        let letter = Self::written(accounts, context, (register::KNOWN_SUBJECT, register::KNOWN_TEXT), &values, to)?;
        // What isolates a value would become a part of the link.
        let link = |text: String, url: &str| text.replace(&format!("\u{2068}{url}\u{2069}"), url);
        Ok(Self { text: link(link(letter.text, pages.sign_in), pages.reset), ..letter })
    }

    /// The mail to a person whose address or number was changed.
    ///
    /// # Errors
    /// As [`Letter::of`].
    pub(super) fn notice(accounts: &Accounts, context: &Context, to: (String, Language)) -> Result<Self, Error> {
        Self::written(accounts, context, (addresses::NOTICE_SUBJECT, addresses::NOTICE_TEXT), &[], to)
    }

    fn written(
        accounts: &Accounts,
        context: &Context,
        (subject, text): (Text, Text),
        values: &[(&'static str, &str)],
        (to, language): (String, Language),
    ) -> Result<Self, Error> {
        // An operator writes the name, so it has no line of its own.
        let name: String = context.company.display_name().chars().filter(|c| !c.is_control()).collect();
        let values = [&[("company", name.as_str())], values].concat();
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
            tracing::warn!(company = %self.company, %error, "a mail was not sent");
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
