//! The command line of `umoja import`.

use std::path::PathBuf;

use clap::Args;
use umoja_migrate::formats::Format;
use umoja_schema::{CompanyId, PhoneNumber, Region};

use crate::commands::target::Target;

/// Import the users of another system, with their old passwords.
#[derive(Debug, Args)]
#[command(
    long_about = "Import the users of another system, with their old passwords. docs/migrate.md goes through it step by step.

Each record of FILE becomes a user of the company: as `register` would make it, and with the old password hash, which the \
first login replaces. Fast hashes are put inside argon2id. Importing a file again, in any region, after a kill, or twice at \
once makes the same users: nothing twice, nothing lost. Users that are there stay as they are; nothing is ever overwritten. \
Whoever another company has registered under an identifier that is verified on both sides is linked, and blanks are filled. \
Who has any other identifier keeps it: the new user claims it too, and `umoja conflicts` lists the pair.

Users of `umoja export` become what they were, ids included; whose id is there already stays as it is.

Records that cannot be imported are refused one by one, and listed in --refused by line and reason, without values. A run \
that was interrupted goes on where it ended: --state remembers that, and can be deleted. With - for standard input it begins \
anew, which takes longer and comes to the same.

The other regions get the users as they get any change: in a directory, while it is served. Its keys \
and regions cannot be changed until the import ends.

The exit code is 0 if every record was imported, 3 if some were refused, 4 if a login of --prove failed, 1 if the import \
stopped before its end, 2 for a command line that makes no sense.

In AWS it needs credentials that may: dynamodb:GetItem on PREFIX-settings in every region and on PREFIX-companies; in the region \
that is written, Query, GetItem, PutItem and ConditionCheckItem on PREFIX-users, Query on PREFIX-members, UpdateItem on \
PREFIX-journal, Query and PutItem on PREFIX-audit, GetItem, BatchGetItem, PutItem and DeleteItem on PREFIX-identifiers; \
kms:GenerateDataKey and Decrypt with its data key, and Encrypt and Decrypt with those of the others."
)]
#[command(after_help = "Examples:
  umoja import users.ndjson --format auth0 --company shop --dir DIR --dry-run
  umoja import users.json --format firebase --keys keys.json --company shop --dir DIR --prove logins.csv
  umoja import customers.csv --format csv --mapping shop.json --company shop --dir DIR
  umoja import users.age --format umoja --identity key.txt --dir DIR
  umoja import wp_users.csv --format wordpress --company shop --prefix PREFIX --region eu-west-1")]
pub(in crate::commands) struct Import {
    /// What the other system exported; - reads standard input.
    #[arg(value_name = "FILE")]
    pub(super) file: PathBuf,
    /// What the file is: auth0, firebase, keycloak, django, wordpress, magento, drupal, ldif, or by a mapping csv, ndjson; or
    /// umoja for what `umoja export` wrote.
    #[arg(long, value_name = "NAME", value_parser = format)]
    pub(super) format: Of,
    /// Whose users they are; an export of ours says so itself.
    #[arg(long, value_name = "ID")]
    pub(super) company: Option<CompanyId>,
    /// The file of age identities that an encrypted export is opened with, by the program `age`.
    #[arg(long, value_name = "FILE")]
    pub(super) identity: Option<PathBuf>,
    /// What is what in a file of the formats csv and ndjson.
    #[arg(long, value_name = "FILE")]
    pub(super) mapping: Option<PathBuf>,
    /// The secrets that the other system hashed with. They are held against the deployment's own, which `umoja hash-keys add`
    /// writes.
    #[arg(long, value_name = "FILE")]
    pub(super) keys: Option<PathBuf>,
    /// The country (ISO 3166-1 alpha-2) in which national phone numbers are read [default: the company's].
    #[arg(long, value_name = "CC", value_parser = country)]
    pub(super) phone_country: Option<String>,
    /// The region in which users are written [default: the first, or the one of --region].
    #[arg(long, value_name = "REGION")]
    pub(super) into: Option<Region>,
    /// Read everything, write nothing, and say what would be done.
    #[arg(long)]
    pub(super) dry_run: bool,
    /// Sample logins, a CSV of `identifier,password`, readable by nobody else: unless each one fits a record of the file,
    /// nothing is written.
    #[arg(long, value_name = "FILE")]
    pub(super) prove: Option<PathBuf>,
    /// Where refused records are listed [default: FILE.refused.ndjson].
    #[arg(long, value_name = "FILE")]
    pub(super) refused: Option<PathBuf>,
    /// Where it is remembered how far the import has come [default: FILE.state.json].
    #[arg(long, value_name = "FILE")]
    pub(super) state: Option<PathBuf>,
    /// How many records are under way at the same time.
    #[arg(long, value_name = "N", default_value_t = 256, value_parser = at_once)]
    pub(super) at_once: usize,
    #[command(flatten)]
    pub(super) target: Target,
}

/// What a file is of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Of {
    /// Another system.
    Foreign(Format),
    /// `umoja export`.
    Umoja,
}

impl Of {
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Foreign(format) => format.name(),
            Self::Umoja => "umoja",
        }
    }
}

fn format(name: &str) -> Result<Of, String> {
    if name == Of::Umoja.name() {
        return Ok(Of::Umoja);
    }
    name.parse().map(Of::Foreign).map_err(|_| {
        let names: Vec<_> = Format::ALL.iter().map(|format| format.name()).collect();
        format!("one of {}, umoja", names.join(", "))
    })
}

fn at_once(text: &str) -> Result<usize, String> {
    text.parse().ok().filter(|n| (1..=4096).contains(n)).ok_or_else(|| "1 to 4096".to_owned())
}

/// A number that is national everywhere is read with a country that there is, and refused with any other.
fn country(text: &str) -> Result<String, String> {
    let code = text.to_ascii_uppercase();
    let plain = code.len() == 2 && code.bytes().all(|b| b.is_ascii_uppercase());
    if plain && PhoneNumber::parse("+254712123456", Some(&code)).is_ok() {
        return Ok(code);
    }
    Err("a country of ISO 3166-1 alpha-2, such as KE".to_owned())
}
