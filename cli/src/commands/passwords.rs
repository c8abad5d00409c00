//! `umoja passwords`: the list of breached passwords that new passwords are checked against.

use std::fs::File;
use std::io::{self, BufReader, BufWriter, Read};
use std::path::{Path, PathBuf};

use clap::{Args, Subcommand};
use serde_json::json;
use umoja_host::breached::{self, BreachedError};

use crate::CliError;
use crate::files;
use crate::output::Output;

/// Lists of breached passwords.
#[derive(Debug, Args)]
pub(super) struct Command {
    #[command(subcommand)]
    action: Action,
}

#[derive(Debug, Subcommand)]
enum Action {
    Build(Build),
}

/// Make a list of breached passwords for `umoja serve --breached-passwords`.
#[derive(Debug, Args)]
#[command(
    long_about = "Make a list of breached passwords for `umoja serve --breached-passwords` from the public list of \
Pwned Passwords: one file of lines `SHA1:count`, ordered by hash, as the project's own downloader writes it. No data \
leaves this machine, now or later.

48 bits of each hash are kept, in 4 bytes of the file. A list of 10^9 passwords takes 4 GB, and rejects by mistake 4 \
of a million passwords that are not in it. Memory does not grow with the list."
)]
#[command(after_help = "Examples:
  umoja passwords build --from pwnedpasswords.txt --out breached.umoja
  umoja passwords build --from - --out breached.umoja \\
      --min-count 10 < pwnedpasswords.txt
  umoja serve --dir DIR --breached-passwords breached.umoja")]
struct Build {
    /// The public list; - reads standard input.
    #[arg(long, value_name = "FILE")]
    from: PathBuf,
    /// The file to make; it must not exist yet.
    #[arg(long, value_name = "FILE")]
    out: PathBuf,
    /// Leave out passwords that were seen fewer times.
    #[arg(long, value_name = "N", default_value_t = 1)]
    min_count: u64,
}

impl Command {
    pub(super) fn run(self, output: Output) -> Result<(), CliError> {
        match self.action {
            Action::Build(build) => build.run(output),
        }
    }
}

impl Build {
    fn run(self, output: Output) -> Result<(), CliError> {
        let built = match self.from.to_str() {
            Some("-") => self.write(io::stdin().lock()),
            _ => File::open(&self.from)
                .map_err(|error| failed(&self.from, &error.into()))
                .and_then(|from| self.write(from)),
        }?;
        output.answer(&json!({ "out": self.out, "lines": built.lines, "entries": built.entries }), || {
            format!("{} holds {} of {} passwords.", self.out.display(), built.entries, built.lines)
        });
        Ok(())
    }

    /// Makes the file. If that fails, no incomplete file is left behind.
    fn write(&self, from: impl Read) -> Result<breached::Built, CliError> {
        let mut file = files::new_private(&self.out).map_err(|error| failed(&self.out, &error.into()))?;
        let built = breached::build(BufReader::with_capacity(1 << 20, from), BufWriter::new(&mut file), self.min_count)
            .and_then(|built| Ok((built, file.sync_all()?)));
        built.map(|(built, ())| built).map_err(|error| {
            // The error matters more than a file that cannot be removed.
            let _ = std::fs::remove_file(&self.out);
            failed(if matches!(error, BreachedError::Io(_)) { &self.out } else { &self.from }, &error)
        })
    }
}

fn failed(path: &Path, error: &BreachedError) -> CliError {
    CliError::Failed(format!("{}: {error}", path.display()))
}
