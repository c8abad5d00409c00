//! Mail: by SMTP, or for a deployment on one machine into a directory.

mod directory;
mod smtp;

use std::time::{Duration, UNIX_EPOCH};

use lettre::Address;
use lettre::message::{Mailbox, Message, SinglePart};
use umoja_store::ports::{Clock, Entropy, Mail, MailError};

pub use self::directory::MailDirectory;
pub use self::smtp::{SmtpMailer, SmtpServer};

/// A mail whose address and headers were checked.
struct Checked {
    to: Address,
    from: Mailbox,
}

impl Checked {
    /// Checks a mail. No header of it can begin another one.
    fn new(mail: &Mail<'_>, from: &Address) -> Result<Self, MailError> {
        if [mail.subject, mail.from_name].iter().any(|text| text.chars().any(char::is_control)) {
            return Err(MailError::Rejected("a header has a control character"));
        }
        let to = address(mail.to).ok_or(MailError::Rejected("the address is none"))?;
        Ok(Self { to, from: Mailbox::new(Some(mail.from_name.to_owned()), from.clone()) })
    }

    /// The message as it is sent.
    fn message(self, mail: &Mail<'_>, clock: &dyn Clock, entropy: &dyn Entropy) -> Result<Message, MailError> {
        let id = format!("<{}@{}>", hex::encode(entropy.array::<16>()), self.from.email.domain());
        Message::builder()
            .from(self.from)
            .to(Mailbox::new(None, self.to))
            .subject(mail.subject)
            .date(UNIX_EPOCH + Duration::from_millis(clock.now().0))
            .message_id(Some(id))
            .singlepart(SinglePart::plain(mail.text.to_owned()))
            .map_err(|_| MailError::Rejected("the message cannot be made"))
    }
}

/// An address as it stands in an envelope.
fn address(text: &str) -> Option<Address> {
    text.parse::<Address>().ok().filter(|_| !text.chars().any(char::is_control))
}

#[cfg(test)]
mod tests;
