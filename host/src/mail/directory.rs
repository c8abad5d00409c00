//! Mail into a directory, one file each: for a deployment on one machine, to try things out.

use std::fs::{DirBuilder, OpenOptions};
use std::io::{self, Write as _};
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use async_trait::async_trait;
use lettre::Address;
use umoja_store::ports::{Clock, Entropy, Mail, MailError, Mailer};

use super::{Checked, address};

/// The sender where no address of an operator is needed.
const FROM: &str = "umoja@localhost";

/// Stores mails as files `<time>-<random>.eml`, which only the owner of the process can read. The names order them by their times, in
/// milliseconds. A file is complete once it has its name.
pub struct MailDirectory {
    dir: PathBuf,
    from: Option<Address>,
    clock: Arc<dyn Clock>,
    entropy: Arc<dyn Entropy>,
}

impl MailDirectory {
    /// Mail into a directory, which is made if it is absent.
    pub fn new(dir: &Path, clock: Arc<dyn Clock>, entropy: Arc<dyn Entropy>) -> Self {
        Self { dir: dir.to_owned(), from: address(FROM), clock, entropy }
    }

    /// The file. Its headers are UTF-8 (RFC 6532), so that a person can read them.
    fn text(&self, mail: &Mail<'_>) -> Result<String, MailError> {
        let from = self.from.as_ref().ok_or(MailError::Rejected("the sender has no address"))?;
        let checked = Checked::new(mail, from)?;
        let quoted = mail.from_name.replace('\\', "\\\\").replace('"', "\\\"");
        Ok(format!(
            "From: \"{quoted}\" <{from}>\nTo: {}\nSubject: {}\nMIME-Version: 1.0\nContent-Type: text/plain; charset=utf-8\n\
             Content-Transfer-Encoding: 8bit\n\n{}",
            checked.to, mail.subject, mail.text
        ))
    }
}

#[async_trait]
impl Mailer for MailDirectory {
    async fn send(&self, mail: &Mail<'_>) -> Result<(), MailError> {
        let text = self.text(mail)?;
        let name = format!("{:013}-{}.eml", self.clock.now().0, hex::encode(self.entropy.array::<6>()));
        let dir = self.dir.clone();
        let stored = tokio::task::spawn_blocking(move || store(&dir, &name, &text)).await;
        stored.ok().and_then(Result::ok).ok_or(MailError::Unavailable("the directory of mails cannot be written"))
    }
}

fn store(dir: &Path, name: &str, text: &str) -> io::Result<()> {
    DirBuilder::new().recursive(true).mode(0o700).create(dir)?;
    let part = dir.join(format!(".{name}"));
    let mut file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(&part)?;
    file.write_all(text.as_bytes())?;
    std::fs::rename(part, dir.join(name))
}
