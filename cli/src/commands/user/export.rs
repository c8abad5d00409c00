//! `umoja user export`: everything that is kept about one person, for that person.

use std::io::Write as _;
use std::path::{Path, PathBuf};

use clap::Args;
use serde_json::json;
use umoja_look::{Language, Look};
use umoja_schema::api::Exported;
use umoja_schema::{Actor, CompanyId};

use crate::CliError;
use crate::commands::known::known;
use crate::commands::named::Named;
use crate::commands::reason::role;
use crate::commands::sessions::asked::failed;
use crate::commands::target::Target;
use crate::files;
use crate::output::{Output, counted};

/// Export everything that is kept about one person, for that person: JSON, or a page to read.
#[derive(Debug, Args)]
#[command(
    long_about = "Export everything that is kept about one person, for that person: every value with its source, which \
company is linked, what has happened; of every user that is merged into it too. No password hashes. It is the same that \
the operation `export` answers with. With --html it is a page to read, in a language and in the look of a company.

Only the owner of the file can read it. The export is in the audit trail of the person, with --by. What one answer of the \
API could not hold is in further files: FILE, FILE.2, FILE.3.

In AWS it needs credentials that may: dynamodb:GetItem on PREFIX-settings and PREFIX-companies in every region; in one \
region that serves, Query on PREFIX-users, PREFIX-linked_accounts and PREFIX-journal, Query and PutItem on PREFIX-audit; \
kms:Decrypt with the keys of data. A user that is named by an identifier also needs dynamodb:BatchGetItem on \
PREFIX-identifiers."
)]
#[command(after_help = "Examples:
  umoja user export amina@example.com --out amina.json --dir DIR
  umoja user export amina@example.com --html --language fr --company soko \\
      --out amina.html --by privacy --dir DIR
  umoja user export amina@example.com --out amina.json --prefix PREFIX \\
      --region eu-west-1")]
pub(super) struct Export {
    /// The user: an id, an e-mail address, a phone number such as +254712123456, or a user name.
    user: Named,
    /// The file to write; it must not exist yet.
    #[arg(long, value_name = "FILE")]
    out: PathBuf,
    /// Write a page to read in place of JSON.
    #[arg(long)]
    html: bool,
    /// The language of the page: en, fr, pt, ar or sw.
    #[arg(long, value_name = "TAG", requires = "html", default_value = "en", value_parser = language)]
    language: Language,
    /// The company in whose look the page is.
    #[arg(long, value_name = "ID", requires = "html")]
    company: Option<CompanyId>,
    /// The role or account that exports, for the audit trail: 1 to 64 letters, digits, dots, hyphens and underscores.
    #[arg(long, value_name = "NAME", value_parser = role)]
    by: Option<String>,
    #[command(flatten)]
    target: Target,
}

/// Reads a language.
fn language(tag: &str) -> Result<Language, String> {
    let found = Language::ALL.into_iter().find(|language| language.tag() == tag);
    found.ok_or_else(|| "one of en, fr, pt, ar, sw".to_owned())
}

impl Export {
    pub(super) async fn run(self, output: Output) -> Result<(), CliError> {
        let regions = self.target.regions().await?;
        let look = match &self.company {
            Some(company) => Look::of(&known(&regions, company).await?),
            None => Look::plain(),
        };
        let id = self.user.id(&regions).await?;
        let region = regions.serving()?;
        let people = region.people().await?;
        let person = people.reader().load(id).await.map_err(|error| failed(region.name(), &error))?;
        let person = person.ok_or_else(|| CliError::Failed("no such user: no live user has this id".into()))?;
        let actor = Actor::Operator { command: "user export".to_owned(), by: self.by.clone() };
        let (mut written, mut after) = (Vec::new(), None);
        loop {
            let page = people.export(&actor, &person, after.take()).await;
            let page = page.map_err(|error| failed(region.name(), &error))?;
            let path = self.path(written.len() + 1);
            self.write(&path, &look, &page)?;
            written.push(path);
            match page.next.as_deref().map(str::parse) {
                Some(Ok(next)) => after = Some(next),
                Some(Err(_)) => return Err(CliError::Failed("the next part of the export cannot be asked for".into())),
                None => break,
            }
        }
        output.answer(&json!({ "id": person.primary.id(), "region": region.name(), "files": written }), || {
            let files = counted(written.len() as u64, "file");
            format!("Everything that is kept about {} is in {files}: {}.", person.primary.id(), self.out.display())
        });
        Ok(())
    }

    /// The path of a part, from 1.
    fn path(&self, number: usize) -> PathBuf {
        if number == 1 {
            return self.out.clone();
        }
        let mut path = self.out.clone().into_os_string();
        path.push(format!(".{number}"));
        path.into()
    }

    fn write(&self, path: &Path, look: &Look, exported: &Exported) -> Result<(), CliError> {
        let content = if self.html {
            umoja_look::export::page(look, self.language, exported).document().into_bytes()
        } else {
            serde_json::to_vec_pretty(exported).unwrap_or_default()
        };
        let failed = |source| CliError::File { path: path.to_owned(), source };
        let mut file = files::new_private(path).map_err(failed)?;
        file.write_all(&content).and_then(|()| file.sync_all()).map_err(failed)
    }
}
