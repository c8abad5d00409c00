use async_trait::async_trait;

/// Sends mail to people.
///
/// An adapter hands a mail over once, with time limits, and does not repeat it: a code that comes late is of no use. Neither its errors nor
/// its logs have anything of a mail.
#[async_trait]
pub trait Mailer: Send + Sync {
    /// Hands a mail over to the server that delivers it. Whether it arrives, nothing says.
    ///
    /// # Errors
    /// [`MailError`].
    async fn send(&self, mail: &Mail<'_>) -> Result<(), MailError>;
}

/// A mail: plain text for one person. All of it is personal data.
#[derive(Clone, Copy)]
pub struct Mail<'a> {
    /// The address of the person.
    pub to: &'a str,
    /// In whose name it comes, beside the address of the operator: the name of a company.
    pub from_name: &'a str,
    /// The subject, in one line.
    pub subject: &'a str,
    /// The text. Lines end with a line feed.
    pub text: &'a str,
}

/// Why a mail was not handed over. The text names the fault and never a value.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum MailError {
    /// The server does not take it now. It may have been sent.
    #[error("the mail server does not take a mail now: {0}")]
    Unavailable(&'static str),
    /// It was not sent, and the same mail never will be: its address takes no mail, or an operator has to repair the settings.
    #[error("a mail was rejected: {0}")]
    Rejected(&'static str),
}
