//! `umoja restore`: a directory of what `umoja backup` has written.

use std::fs::File;
use std::io::{self, Read};
use std::path::PathBuf;

use clap::Args;
use serde_json::json;
use umoja_local::backup::{self, FILES};
use umoja_schema::Region;
use umoja_store::events::begin_epoch;

use super::age::opened;
use super::backup::archive::{About, is_encrypted, unpack};
use super::backup::progress::Progress;
use super::target::Place;
use crate::config::Config;
use crate::deployment::Deployment;
use crate::output::{Output, time};
use crate::{CliError, files};

/// Make a directory of a backup.
#[derive(Debug, Args)]
#[command(
    long_about = "Make a new directory of what `umoja backup` has written. Every file is compared with its digest, and every \
page of the databases is read. Nothing is left of a directory that could not be made.

The directory is the deployment as it was when the backup was taken: what was written later is lost, sessions and keys that were \
ended later are valid again, and people who were erased later are there again. docs/one-machine.md says what to do. Serve it only once \
the former process has ended for a minute, for that long a recorded request could be sent again, and never serve both.

The events of companies continue in another epoch: a consumer that has read more of them than the backup holds is answered 410, \
and begins again."
)]
#[command(after_help = "Examples:
  umoja restore today.age --identity key.txt --dir NEW
  umoja restore today.tar --dir NEW")]
pub(super) struct Restore {
    /// The file of the backup.
    #[arg(value_name = "FILE")]
    file: PathBuf,
    /// The file with the identity of age that opens the backup.
    #[arg(long, value_name = "FILE")]
    identity: Option<PathBuf>,
    /// The directory to make; it must not exist, or be empty.
    #[arg(long, value_name = "DIR")]
    dir: PathBuf,
}

impl Restore {
    pub(super) async fn run(self, output: Output) -> Result<(), CliError> {
        let in_dir = |source| CliError::File { path: self.dir.clone(), source };
        let existed = self.dir.try_exists().map_err(in_dir)?;
        if existed && self.dir.read_dir().map_err(in_dir)?.next().is_some() {
            return Err(CliError::Failed(format!("{} is not empty; give a new directory", self.dir.display())));
        }
        files::private_dir(&self.dir).map_err(in_dir)?;
        let restored = self.restore().await;
        if restored.is_err() {
            // Half a deployment must not be taken for one. The error matters more than what cannot be removed.
            let _ = std::fs::remove_dir_all(&self.dir);
        }
        let about = restored?;
        let shown = self.dir.display();
        let answer = json!({ "dir": self.dir, "taken_at": time(about.taken_at), "regions": about.regions });
        output.answer(&answer, || {
            let place = Place::Directory(self.dir.clone());
            format!(
                "{shown} holds the deployment as of {}. Read what that means in docs/one-machine.md.\nNext: umoja doctor \
                 {place}\n      umoja serve {place}",
                time(about.taken_at)
            )
        });
        Ok(())
    }

    async fn restore(&self) -> Result<About, CliError> {
        let about = match (is_encrypted(&self.file).map_err(|error| self.failed(&error))?, &self.identity) {
            (true, None) => {
                return Err(CliError::Usage(format!("{} is encrypted: give --identity", self.file.display())));
            }
            (true, Some(identity)) => self.unpack(opened(&self.file, identity)?)?,
            (false, _) => self.unpack(File::open(&self.file).map_err(|error| self.failed(&error))?)?,
        };
        for region in &about.regions {
            backup::check(&self.dir.join(region.as_str())).map_err(|error| CliError::Failed(error.to_string()))?;
        }
        let deployment = Deployment::open(&self.dir)?;
        let now = deployment.clock().now();
        for region in &deployment.regions().list {
            // The numbers of events after the backup are not given again: a reader who has seen them would pass over what has them now.
            let begun = begin_epoch(&*region.home.checkpoints, now, 0).await;
            begun.map_err(|source| region.failed(source))?;
        }
        Ok(about)
    }

    fn unpack(&self, from: impl Read) -> Result<About, CliError> {
        let bytes = self.file.metadata().map_err(|error| self.failed(&error))?.len();
        let progress = Progress::new("reading", bytes);
        unpack(from, &self.dir, is_of_backup, |bytes| progress.add(bytes)).map_err(|error| self.failed(&error))
    }

    fn failed(&self, error: &io::Error) -> CliError {
        CliError::Failed(format!("{} cannot be restored: {error}", self.file.display()))
    }
}

/// True for the name of a file that is in a backup of these regions.
fn is_of_backup(about: &About, name: &str) -> bool {
    let is_region = |dir: &str| about.regions.iter().any(|region: &Region| region.as_str() == dir);
    name == Config::FILE || name.split_once('/').is_some_and(|(dir, file)| is_region(dir) && FILES.contains(&file))
}
