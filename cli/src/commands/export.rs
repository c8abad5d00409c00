//! `umoja export`: all data of users.

use std::fs::File;
use std::io::{self, BufWriter, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use clap::Args;
use serde::Serialize;
use serde_json::json;
use umoja_migrate::export::{Exported, Exporter};
use umoja_schema::{CompanyId, UserId};
use umoja_store::keyring::{KeyRing, PEER_WRAP_BUDGET_MS};
use umoja_store::seal::Sealer;
use zeroize::Zeroizing;

use super::age::Encrypted;
use super::target::Target;
use crate::CliError;
use crate::files;
use crate::output::{Output, counted, note};

/// The most users with unreadable parts that are named.
const NAMED: usize = 10;

/// How often progress is reported, in users.
const REPORT_EVERY: u64 = 100_000;

/// Export all data of all users, to be imported again.
#[derive(Debug, Args)]
#[command(
    long_about = "Export all data of all users, or of those that are linked to a company, to be imported again by \
`umoja import --format umoja`: ids, identifiers and which of them are verified, profiles, links, external ids, \
sources, merges, password hashes. docs/migrate.md describes the format. The file holds no erased users, journal, \
receipts, or secrets of the deployment. So a password that was hashed with a pepper verifies in this deployment only, \
and one that needs a hash key only in a deployment with that key.

Only its owner can read the file. The program `age`, which has to be installed, encrypts it to every --recipient; with \
--plain it is not encrypted. - writes to standard output, for a program of your own.

Parts that cannot be opened are counted and left out, and the exit code is then 1.

In AWS it needs credentials that may: dynamodb:GetItem on PREFIX-settings in every region, and with --company on PREFIX-companies; in the region that is read, \
Scan and GetItem on PREFIX-users; kms:Decrypt with its data key, and with those of the others."
)]
#[command(after_help = "Examples:
  umoja export users.age \\
    --recipient age1ql3z7hjy54pw3hyww5ayyfg7zqgvc7w3j2elw8zmrj2kg5sfn9aqmcac8p \\
    --dir DIR
  umoja export users.age --recipient age1... --company shop --prefix PREFIX \\
      --region eu-west-1
  umoja export users.ndjson --plain --dir DIR")]
pub(super) struct Export {
    /// The file to write; it must not exist yet. - is standard output.
    #[arg(value_name = "FILE")]
    file: PathBuf,
    /// Only users that are linked to this company, with all their data, including what other companies know.
    #[arg(long, value_name = "ID")]
    company: Option<CompanyId>,
    /// A public key of age, whose owner can decrypt the file. Can be given several times.
    #[arg(long, value_name = "KEY", required_unless_present = "plain", conflicts_with = "plain")]
    recipient: Vec<String>,
    /// Write the file unencrypted: anyone who gets it has the data and password hashes of all users.
    #[arg(long)]
    plain: bool,
    #[command(flatten)]
    target: Target,
}

/// What was exported.
#[derive(Debug, Default)]
struct Counts {
    users: u64,
    unreadable: u64,
    named: Vec<UserId>,
}

impl Export {
    pub(super) async fn run(self, output: Output) -> Result<(), CliError> {
        let regions = self.target.regions().await?;
        let region = regions.first()?;
        if let Some(id) = &self.company
            && region.home.registry.company(id).await.map_err(|source| region.failed(source))?.is_none()
        {
            return Err(CliError::Failed(format!("there is no company {id}")));
        }
        let home = region.home.clone();
        let sealer = Arc::new(Sealer::new(KeyRing::new(&home, PEER_WRAP_BUDGET_MS), Arc::clone(&home.entropy)));
        let exporter = Exporter { home, sealer, company: self.company.clone() };
        let failed = |error: io::Error| CliError::File { path: self.file.clone(), source: error };
        let is_output = self.file == Path::new("-");
        if is_output && !self.plain {
            return Err(CliError::Usage(
                "standard output needs --plain, and a program of your own that reads \
                 it"
                .into(),
            ));
        }
        let written = if is_output {
            write(&exporter, io::stdout()).await.map(|(counts, _)| counts)
        } else {
            let file = files::new_private(&self.file).map_err(failed)?;
            let written = self.write_file(&exporter, file).await;
            if written.is_err() {
                // The error matters more than a file that cannot be removed.
                let _ = std::fs::remove_file(&self.file);
            }
            written
        };
        let counts = written?;
        if is_output {
            note(&format!("{} users", counts.users));
        } else {
            let answer = json!({ "file": self.file, "users": counts.users, "unreadable": counts.unreadable });
            output.answer(&answer, || format!("{} holds {}.", self.file.display(), counted(counts.users, "user")));
        }
        counts.whole()
    }

    async fn write_file(&self, exporter: &Exporter, file: File) -> Result<Counts, CliError> {
        let failed = |error: io::Error| CliError::File { path: self.file.clone(), source: error };
        if self.plain {
            let (counts, file) = write(exporter, file).await?;
            file.sync_all().map_err(failed)?;
            return Ok(counts);
        }
        let kept = file.try_clone().map_err(failed)?;
        let (counts, encrypted) = write(exporter, Encrypted::to(file, &self.recipient)?).await?;
        encrypted.end().and_then(|()| kept.sync_all()).map_err(failed)?;
        Ok(counts)
    }
}

impl Counts {
    /// Fails if the export lacks a part of a user.
    fn whole(&self) -> Result<(), CliError> {
        if self.unreadable == 0 {
            return Ok(());
        }
        let named: Vec<_> = self.named.iter().map(ToString::to_string).collect();
        Err(CliError::Failed(format!(
            "{} parts of users cannot be opened and were left out ({}); run `umoja doctor`",
            self.unreadable,
            named.join(", ")
        )))
    }
}

async fn write<W: Write>(exporter: &Exporter, to: W) -> Result<(Counts, W), CliError> {
    let failed = |error: io::Error| CliError::Failed(format!("the export cannot be written: {error}"));
    let mut to = BufWriter::with_capacity(1 << 20, to);
    line(&mut to, &exporter.header()).map_err(failed)?;
    let (mut counts, mut after) = (Counts::default(), None);
    loop {
        let (page, next) = exporter.page(after).await.map_err(|error| CliError::Failed(error.to_string()))?;
        for user in page {
            match user {
                Exported::User(record) => {
                    line(&mut to, &record).map_err(failed)?;
                    counts.users += 1;
                    if counts.users.is_multiple_of(REPORT_EVERY) {
                        note(&format!("{} users", counts.users));
                    }
                }
                Exported::Unreadable(id) => {
                    counts.unreadable += 1;
                    counts.named.extend(id.filter(|_| counts.named.len() < NAMED));
                }
            }
        }
        after = next;
        if after.is_none() {
            break;
        }
    }
    let to = to.into_inner().map_err(|error| failed(error.into_error()))?;
    Ok((counts, to))
}

fn line(to: &mut impl Write, value: &impl Serialize) -> io::Result<()> {
    let text = Zeroizing::new(serde_json::to_vec(value)?);
    to.write_all(&text)?;
    to.write_all(b"\n")
}
