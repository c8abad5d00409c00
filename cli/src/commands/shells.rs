//! `umoja completions` and `umoja man`: what a package of this program has beside it.

use std::path::PathBuf;

use clap::{Args, Command};
use clap_complete::Shell;

use crate::output::Output;
use crate::{CliError, files};

/// Print a script that completes commands and options in a shell.
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  umoja completions bash > umoja.bash
  umoja completions zsh > _umoja
  umoja completions fish > umoja.fish")]
pub(super) struct Completions {
    /// The shell.
    #[arg(value_name = "SHELL")]
    shell: Shell,
}

/// Write the manual pages of all commands.
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  umoja man --out man1")]
pub(super) struct Man {
    /// The directory for the pages, which is made if it is absent. Pages of an earlier version are replaced.
    #[arg(long, value_name = "DIR")]
    out: PathBuf,
}

impl Completions {
    pub(super) fn run(self, mut command: Command) {
        let mut script = Vec::new();
        clap_complete::generate(self.shell, &mut command, "umoja", &mut script);
        crate::output::line(String::from_utf8_lossy(&script).trim_end());
    }
}

impl Man {
    pub(super) fn run(self, command: Command, output: Output) -> Result<(), CliError> {
        let failed = |source| CliError::File { path: self.out.clone(), source };
        if !self.out.is_dir() {
            files::shared_dir(&self.out).map_err(failed)?;
        }
        clap_mangen::generate_to(command, &self.out).map_err(failed)?;
        let answer = serde_json::json!({ "out": self.out });
        output.answer(&answer, || format!("{} holds the pages; read them by `man umoja`.", self.out.display()));
        Ok(())
    }
}
