//! The mailbox of all users, in memory.

use std::sync::{Mutex, PoisonError};

use async_trait::async_trait;
use umoja_store::ports::{Mail, MailError, Mailer};

/// A mail that arrived.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Arrived {
    /// The address.
    pub to: String,
    /// The name of the sender.
    pub from_name: String,
    /// The subject.
    pub subject: String,
    /// The text.
    pub text: String,
}

impl Arrived {
    /// The code in the text.
    pub fn code(&self) -> String {
        let digits = self.text.split(|c: char| !c.is_ascii_digit());
        digits.into_iter().find(|digits| digits.len() == 8).unwrap_or_default().to_owned()
    }
}

/// Keeps every mail.
#[derive(Default)]
pub struct Mailbox {
    arrived: Mutex<Vec<Arrived>>,
    fault: Mutex<Option<MailError>>,
}

impl Mailbox {
    /// All mails so far.
    pub fn all(&self) -> Vec<Arrived> {
        self.arrived.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// The last mail to an address.
    pub fn last(&self, to: &str) -> Option<Arrived> {
        self.all().into_iter().rfind(|mail| mail.to == to)
    }

    /// The code of the last mail to an address.
    pub fn code(&self, to: &str) -> String {
        self.last(to).map(|mail| mail.code()).unwrap_or_default()
    }

    /// Rejects every mail with this error, or takes mails again.
    pub fn set_fault(&self, fault: Option<MailError>) {
        *self.fault.lock().unwrap_or_else(PoisonError::into_inner) = fault;
    }
}

#[async_trait]
impl Mailer for Mailbox {
    async fn send(&self, mail: &Mail<'_>) -> Result<(), MailError> {
        let fault = *self.fault.lock().unwrap_or_else(PoisonError::into_inner);
        fault.map_or(Ok(()), Err)?;
        let [to, from_name, subject, text] = [mail.to, mail.from_name, mail.subject, mail.text].map(str::to_owned);
        self.arrived.lock().unwrap_or_else(PoisonError::into_inner).push(Arrived { to, from_name, subject, text });
        Ok(())
    }
}
