//! How a process that serves sends mail to people.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use clap::Args;
use umoja_host::{MailDirectory, OsEntropy, SmtpMailer, SmtpServer, SystemClock};
use umoja_store::ports::Mailer;
use zeroize::Zeroizing;

use crate::{CliError, files};

const HEADING: &str = "Mail";

/// The directory for mails within that of a deployment to try things out with.
const DIR: &str = "mail";

/// What sends mail.
#[derive(Debug, Args)]
pub(super) struct MailOptions {
    /// Send mail by this server: smtps://USER@HOST (TLS, port 465) or smtp://USER@HOST (STARTTLS, port 587; without TLS
    /// on this machine only).
    #[arg(long, help_heading = HEADING, value_name = "URL", value_parser = SmtpServer::parse, requires = "mail_from")]
    smtp: Option<SmtpServer>,
    /// The file with the password of USER.
    #[arg(long, help_heading = HEADING, value_name = "FILE", requires = "smtp")]
    smtp_password_file: Option<PathBuf>,
    /// The address from which mail comes, such as no-reply@id.example.com. With --prefix and without --smtp it is sent by
    /// SES of the region.
    #[arg(long, help_heading = HEADING, value_name = "ADDRESS")]
    mail_from: Option<String>,
    /// Store mail as files in this directory and send none, to try things out [default: DIR/mail with `umoja init --env
    /// local`, `demo` or `test`; with another environment no mail is sent].
    #[arg(long, help_heading = HEADING, value_name = "DIR", conflicts_with_all = ["smtp", "prefix"])]
    mail_dir: Option<PathBuf>,
}

impl MailOptions {
    /// The sender of mail that no server of `--smtp` sends.
    pub(super) fn without_server(&self) -> Option<&str> {
        self.mail_from.as_deref().filter(|_| self.smtp.is_none())
    }

    /// What sends mail; `None` if nothing does. `served` is the directory of a deployment to try things out with.
    pub(super) fn mailer(&self, served: Option<&Path>) -> Result<Option<Arc<dyn Mailer>>, CliError> {
        let (clock, entropy) = (Arc::new(SystemClock), Arc::new(OsEntropy));
        let (Some(smtp), Some(from)) = (&self.smtp, &self.mail_from) else {
            let dir = self.mail_dir.clone().or_else(|| served.map(|served| served.join(DIR)));
            if let Some(dir) = &dir {
                tracing::info!(dir = %dir.display(), "mails are stored as files and not sent");
            }
            return Ok(dir.map(|dir| Arc::new(MailDirectory::new(&dir, clock, entropy)) as _));
        };
        let smtp = match &self.smtp_password_file {
            Some(file) => smtp.clone().with_password(files::parsed(file, password)?),
            None => smtp.clone(),
        };
        let mailer = SmtpMailer::new(smtp, from, clock, entropy);
        let mailer = mailer.map_err(|why| {
            CliError::Usage(format!("mail cannot be sent: {why} (--smtp, --smtp-password-file, --mail-from)"))
        })?;
        Ok(Some(Arc::new(mailer)))
    }
}

/// The password of a file, whose last line may have an end.
fn password(bytes: &[u8]) -> Result<Zeroizing<String>, &'static str> {
    let text = std::str::from_utf8(bytes).map_err(|_| "it is not UTF-8")?.trim_end_matches(['\r', '\n']);
    if text.is_empty() { Err("it has no password") } else { Ok(Zeroizing::new(text.to_owned())) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn options(smtp: Option<&str>, from: Option<&str>) -> MailOptions {
        let (smtp, mail_from) = (smtp.map(|url| SmtpServer::parse(url).unwrap()), from.map(str::to_owned));
        MailOptions { smtp, smtp_password_file: None, mail_from, mail_dir: None }
    }

    #[tokio::test]
    async fn mail_goes_to_the_server_that_is_given_or_into_a_directory_to_try_things_out() {
        let served = Some(Path::new("served"));
        let from = Some("no-reply@id.example");
        assert!(options(None, None).mailer(served).unwrap().is_some());
        assert!(options(None, None).mailer(None).unwrap().is_none());
        assert!(options(Some("smtps://mail.example"), from).mailer(None).unwrap().is_some());
        for wrong in [options(Some("smtps://login@mail.example"), from), options(Some("smtp://localhost"), Some("x"))] {
            assert!(wrong.mailer(served).is_err());
        }
        assert_eq!(options(None, from).without_server(), from);
        assert_eq!(options(Some("smtp://localhost"), from).without_server(), None);
    }

    #[test]
    fn a_password_ends_before_the_end_of_its_line() {
        for text in ["a secret ", "a secret \n", "a secret \r\n"] {
            assert_eq!(password(text.as_bytes()).unwrap().as_str(), "a secret ");
        }
        assert!(password(b"\n").is_err() && password(b"\xff").is_err());
    }
}
