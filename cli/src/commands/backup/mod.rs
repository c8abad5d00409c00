//! `umoja backup`: a deployment in a directory, as it is at one moment.

pub(super) mod archive;
pub(super) mod progress;

use std::fs::File;
use std::io::{self, BufWriter, Write};
use std::path::{Path, PathBuf};

use clap::Args;
use serde_json::json;
use umoja_local::backup::{BackupError, Cut};
use umoja_schema::{Millis, Region};

use self::archive::{About, Writer};
use self::progress::Progress;
use super::age::Encrypted;
use super::target::Dir;
use crate::config::Config;
use crate::deployment::{Deployment, locks};
use crate::output::{Output, note, time};
use crate::{CliError, DeploymentError, files};

/// The directory, within that of the deployment, in which databases are copied.
const COPIES: &str = ".backup";

/// Back up a deployment in a directory, with its keys, while it is served.
#[derive(Debug, Args)]
#[command(
    long_about = "Back up a deployment in a directory: all regions as they are at one moment, with their keys, secrets and settings. \
It may be served meanwhile: writers wait for some milliseconds, and a backup holds everything that was acknowledged before it \
began. `umoja restore` makes a directory of it. docs/one-machine.md says what an old backup means.

A reader of the backup can read the data of all users, so the program `age`, which has to be installed, encrypts it to every \
--recipient. Keep the identity that opens it on another machine. With --plain it is not encrypted. - writes to standard output, for \
a program of your own.

The databases are copied into DIR/.backup first, one region after the other, which needs space for one copy of all of them. The \
copies are removed when the backup is complete."
)]
#[command(after_help = "Examples:
  umoja backup backups/ --dir DIR \\
    --recipient age1ql3z7hjy54pw3hyww5ayyfg7zqgvc7w3j2elw8zmrj2kg5sfn9aqmcac8p
  umoja backup today.age --recipient age1... --dir DIR
  umoja backup - --plain --dir DIR | restic backup --stdin")]
pub(super) struct Backup {
    /// The file to write, which must not exist yet, or a directory, in which the file is named after the time. - is standard output.
    #[arg(value_name = "FILE")]
    file: PathBuf,
    /// A public key of age, whose owner can open the backup. Can be given several times.
    #[arg(long, value_name = "KEY", required_unless_present = "plain", conflicts_with = "plain")]
    recipient: Vec<String>,
    /// Write the backup unencrypted: anyone who gets it can read the data of all users.
    #[arg(long)]
    plain: bool,
    #[command(flatten)]
    target: Dir,
}

/// Copies of the databases, which are removed when this is dropped.
struct Copies {
    dir: PathBuf,
    _lock: File,
}

/// What is backed up.
struct Taken {
    about: About,
    settings: Vec<u8>,
    /// Small files, by their names in the archive.
    small: Vec<(String, Vec<u8>)>,
    /// Copies of databases, by their names in the archive.
    databases: Vec<(String, PathBuf)>,
}

impl Backup {
    pub(super) fn run(self, output: Output) -> Result<(), CliError> {
        let is_output = self.file == Path::new("-");
        if is_output && !self.plain {
            return Err(CliError::Usage(
                "standard output needs --plain, and a program of your own that reads it".into(),
            ));
        }
        let deployment = Deployment::open(&self.target.dir)?;
        let now = deployment.clock().now();
        if is_output {
            let copies = Copies::new(&self.target.dir)?;
            let taken = copies.take(&self.target.dir, now)?;
            return taken.write(io::stdout()).and_then(|mut out| out.flush()).map_err(|error| failed(&error));
        }
        let path = if self.file.is_dir() { self.file.join(self.name(now)) } else { self.file.clone() };
        let file_error = |source| CliError::File { path: path.clone(), source };
        // A backup that was interrupted does not have the name of a whole one.
        let (part, exists) = (beside(&path), || io::Error::from(io::ErrorKind::AlreadyExists));
        if path.try_exists().map_err(file_error)? {
            return Err(file_error(exists()));
        }
        let copies = Copies::new(&self.target.dir)?;
        let _ = std::fs::remove_file(&part);
        let file = files::new_private(&part).map_err(file_error)?;
        let bytes = self.write(&copies, file, now).and_then(|bytes| {
            std::fs::rename(&part, &path).map_err(file_error)?;
            Ok(bytes)
        });
        if bytes.is_err() {
            // The error matters more than a file that cannot be removed.
            let _ = std::fs::remove_file(&part);
        }
        let bytes = bytes?;
        drop(copies);
        let answer = json!({ "file": path, "taken_at": time(now), "bytes": bytes });
        output.answer(&answer, || format!("{} holds the deployment as of {}.", path.display(), time(now)));
        Ok(())
    }

    fn name(&self, now: Millis) -> String {
        let time: String = time(now).chars().filter(|c| !matches!(c, '-' | ':')).collect();
        format!("umoja-{time}.{}", if self.plain { "tar" } else { "age" })
    }

    /// Writes the file; returns its size.
    fn write(&self, copies: &Copies, file: File, now: Millis) -> Result<u64, CliError> {
        let kept = file.try_clone().map_err(|error| failed(&error))?;
        // The program is started first: if it is not installed, nothing has to be copied.
        let encrypted = if self.plain { None } else { Some(Encrypted::to(file, &self.recipient)?) };
        let taken = copies.take(&self.target.dir, now)?;
        match encrypted {
            None => taken.write(kept.try_clone().map_err(|error| failed(&error))?).map(drop),
            Some(encrypted) => taken.write(encrypted).and_then(Encrypted::end),
        }
        .and_then(|()| kept.sync_all())
        .and_then(|()| kept.metadata())
        .map(|file| file.len())
        .map_err(|error| failed(&error))
    }
}

impl Copies {
    /// Takes the place for copies; of an interrupted backup nothing is left.
    fn new(dir: &Path) -> Result<Self, DeploymentError> {
        let lock = locks::backup(dir)?;
        let copies = Self { dir: dir.join(COPIES), _lock: lock };
        copies.remove();
        Ok(copies)
    }

    fn take(&self, dir: &Path, now: Millis) -> Result<Taken, CliError> {
        let (cut, settings) = cut(dir)?;
        let regions: Vec<Region> = cut.regions().cloned().collect();
        let progress = Progress::new("copying", cut.bytes());
        let (mut small, mut databases) = (Vec::new(), Vec::new());
        for region in &regions {
            let named = |name: &str| format!("{region}/{name}");
            small.extend(cut.small(region).map(|(name, bytes)| (named(name), bytes.to_vec())));
            let to = self.dir.join(region.as_str());
            files::private_dir(&to).map_err(|source| CliError::File { path: to.clone(), source })?;
            for copy in cut.copy(region, &to, |bytes| progress.add(bytes)).map_err(|error| unread(&error))? {
                let name = copy.file_name().unwrap_or_default().to_string_lossy();
                databases.push((named(&name), copy.clone()));
            }
        }
        Ok(Taken { about: About::new(now, regions), settings, small, databases })
    }

    fn remove(&self) {
        match std::fs::remove_dir_all(&self.dir) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => {
                note(&format!("{} cannot be removed: {error}", self.dir.display()));
            }
            _ => {}
        }
    }
}

impl Drop for Copies {
    fn drop(&mut self) {
        self.remove();
    }
}

impl Taken {
    fn write<W: Write>(&self, to: W) -> io::Result<W> {
        let sizes = self.databases.iter().map(|(_, path)| path.metadata().map(|file| file.len()));
        let sizes = sizes.collect::<io::Result<Vec<_>>>()?;
        let progress = Progress::new("writing", sizes.iter().sum());
        let mut archive = Writer::new(BufWriter::with_capacity(1 << 20, to), &self.about)?;
        for (name, bytes) in &self.small {
            archive.put(name, bytes)?;
        }
        for ((name, path), size) in self.databases.iter().zip(sizes) {
            archive.add(name, File::open(path)?, size, |bytes| progress.add(bytes))?;
        }
        archive.put(Config::FILE, &self.settings)?;
        archive.end()?.into_inner().map_err(io::IntoInnerError::into_error)
    }
}

/// All regions and the settings at one moment, at which no command changes a key, a region, a company or a source.
fn cut(dir: &Path) -> Result<(Cut, Vec<u8>), CliError> {
    let _locks = (locks::no_change(dir)?, locks::documents(dir)?, locks::settings(dir)?);
    let config = Config::read(dir)?.ok_or_else(|| DeploymentError::Absent(dir.to_owned()))?;
    let regions: Vec<_> =
        config.regions.iter().map(|region| (region.name.clone(), dir.join(region.name.as_str()))).collect();
    Ok((Cut::of(&regions).map_err(|error| unread(&error))?, config.text()))
}

fn unread(error: &BackupError) -> CliError {
    CliError::Failed(format!("the deployment cannot be copied: {error}"))
}

fn failed(error: &io::Error) -> CliError {
    CliError::Failed(format!("the backup cannot be written: {error}"))
}

/// Where a backup is written before it is whole.
fn beside(path: &Path) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(".part");
    name.into()
}
