//! The command line of `umoja import`.

use std::path::PathBuf;

use clap::Args;
use umoja_migrate::formats::Format;
use umoja_schema::{CompanyId, PhoneNumber, Region};

use crate::commands::target::Target;

/// Import the users of another system, with their old passwords.
#[derive(Debug, Args)]
#[command(
    long_about = "Import the users of another system, with their old passwords. docs/migrate.md describes it step \
by step.

Each record of FILE becomes a user of the company, as `register` would make it, with the legacy hash, which the first \
login replaces. Fast hashes are put inside argon2id. A second import of the same file, in any region, after a kill or \
at the same time, makes the same users: none twice, and none lost. Values of existing users are never overwritten. If \
another company has registered a user under an identifier that is verified on both sides, the import links that user \
and fills blank members of its profile. A user who owns any other identifier of a record keeps it: the new user owns \
it too, and `umoja conflicts` lists the pair.

An import of the format umoja restores the users of an `umoja export`, ids included. A user whose id exists already \
stays as it is.

Second factors come in with the formats keycloak, csv and ndjson. One that cannot be used is left out and counted.

A value that a user cannot have (a user name with a space, a phone number such as N/A, an unreadable time) is left \
out or kept under `custom`, and counted by its field. Records that cannot be imported are rejected one by one, and \
listed in --rejected by line and reason, without values. No file is changed but those of an earlier import. \
A run that was interrupted continues where it ended: --state stores the position, and can be deleted. With - for \
standard input the next run starts over, which takes longer and has the same result.

The users are replicated to the other regions like any change. In a directory the import waits while they are more \
than 5,000 changes or a second behind, and replicates the users itself if no process serves the directory. The keys and \
regions of the directory cannot be changed until the import ends.

The exit code is 0 if every record was imported, 3 if some were rejected, 4 if a login of --prove failed, 1 if the \
import stopped before its end or users of an export are linked to companies that do not exist, and 2 for an invalid command line.

In AWS it needs credentials that may: dynamodb:GetItem on PREFIX-settings in every region and on PREFIX-companies; in \
the region that is written, Query, GetItem, PutItem and ConditionCheckItem on PREFIX-users, Query on PREFIX-linked_accounts, \
UpdateItem on PREFIX-journal, Query and PutItem on PREFIX-audit, for second factors Query, GetItem and PutItem on \
PREFIX-access, GetItem, BatchGetItem, PutItem and DeleteItem on \
PREFIX-identifiers; kms:GenerateDataKey and Decrypt with its data key, and Encrypt and Decrypt with those of the \
others."
)]
#[command(after_help = "Examples:
  umoja import users.ndjson --format auth0 --company shop --dir DIR --dry-run
  umoja import users.json --format firebase --keys keys.json --company shop \\
      --dir DIR --prove logins.csv
  umoja import customers.csv --format csv --mapping shop.json --company shop \\
      --dir DIR
  umoja import users.age --format umoja --identity key.txt --dir DIR
  umoja import wp_users.csv --format wordpress --company shop --prefix PREFIX \\
      --region eu-west-1")]
pub(in crate::commands) struct Import {
    /// The file that the other system exported; - reads standard input.
    #[arg(value_name = "FILE")]
    pub(super) file: PathBuf,
    /// The format of the file: auth0, firebase, keycloak, django, wordpress, magento, drupal, ldif; csv or ndjson with
    /// a mapping; or umoja for a file of `umoja export`.
    #[arg(long, value_name = "NAME", value_parser = format)]
    pub(super) format: Of,
    /// The company whose users they are; not for the format umoja, whose file says so.
    #[arg(long, value_name = "ID")]
    pub(super) company: Option<CompanyId>,
    /// The file of age identities with which the program `age` decrypts an encrypted export.
    #[arg(long, value_name = "FILE")]
    pub(super) identity: Option<PathBuf>,
    /// The mapping of columns or members, for the formats csv and ndjson.
    #[arg(long, value_name = "FILE")]
    pub(super) mapping: Option<PathBuf>,
    /// The secrets with which the other system hashed. They have to equal those that `umoja hash-keys add` has added to
    /// the deployment.
    #[arg(long, value_name = "FILE")]
    pub(super) keys: Option<PathBuf>,
    /// The country (ISO 3166-1 alpha-2) in which national phone numbers are read [default: the company's].
    #[arg(long, value_name = "CC", value_parser = country)]
    pub(super) phone_country: Option<String>,
    /// The region in which users are written [default: the first, or the one of --region].
    #[arg(long, value_name = "REGION")]
    pub(super) into: Option<Region>,
    /// Read all records, write none, and report what would be done.
    #[arg(long)]
    pub(super) dry_run: bool,
    /// Reject a record for one value that a user cannot have, such as a user name with a space, instead of leaving the
    /// value out.
    #[arg(long)]
    pub(super) strict: bool,
    /// Stop after this number of records [default: 10000000 of standard input, and no limit of a file].
    #[arg(long, value_name = "N")]
    pub(super) most_records: Option<u64>,
    /// Sample logins, a CSV of `identifier,password` that only you can read. Unless each login fits a record of the
    /// file, no record is imported.
    #[arg(long, value_name = "FILE")]
    pub(super) prove: Option<PathBuf>,
    /// The issuer of single sign-on, such as https://login.example.com. Passkeys come in only with it, and only those that
    /// were made for its host: no browser uses others there.
    #[arg(long, value_name = "URL", value_parser = host)]
    pub(super) issuer: Option<String>,
    /// Where rejected records are listed [default: FILE.rejected.ndjson].
    #[arg(long, value_name = "FILE")]
    pub(super) rejected: Option<PathBuf>,
    /// Where the position of the import is stored [default: FILE.state.json].
    #[arg(long, value_name = "FILE")]
    pub(super) state: Option<PathBuf>,
    /// How many records are imported at the same time [default: 1024 in a directory, 256 in AWS].
    #[arg(long, value_name = "N", value_parser = at_once)]
    pub(super) at_once: Option<usize>,
    #[command(flatten)]
    pub(super) target: Target,
}

/// The system that wrote the file.
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

/// The host of an issuer.
fn host(url: &str) -> Result<String, String> {
    let parsed = url.parse::<http::Uri>().ok().filter(|url| matches!(url.scheme_str(), Some("https" | "http")));
    let host = parsed.as_ref().and_then(http::Uri::host).map(str::to_ascii_lowercase);
    host.ok_or_else(|| "give the URL of the issuer, such as https://login.example.com".to_owned())
}

/// Checks a country code by reading a phone number with it, which only works with an existing country.
fn country(text: &str) -> Result<String, String> {
    let code = text.to_ascii_uppercase();
    let plain = code.len() == 2 && code.bytes().all(|b| b.is_ascii_uppercase());
    if plain && PhoneNumber::parse("+254712123456", Some(&code)).is_ok() {
        return Ok(code);
    }
    Err("a country of ISO 3166-1 alpha-2, such as KE".to_owned())
}
