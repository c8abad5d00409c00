//! The position of an import, so that the next run need not start over, and the list of rejected rows. The position
//! only saves time: a row that is imported twice has the effect of one import.

use std::fs::File;
use std::io::{self, Seek as _, Write as _};
use std::path::{Path, PathBuf};
use std::time::UNIX_EPOCH;

use serde::{Deserialize, Serialize};
use serde_json::json;
use sha2::{Digest as _, Sha256};
use umoja_migrate::import::{Report, Seen};
use umoja_schema::Millis;

use super::Import;
use super::own;
use super::source::{Opening, Source, is_standard_input};
use crate::CliError;
use crate::files;
use crate::output::note;

/// How often the position is stored, in milliseconds.
const EVERY_MS: u64 = 2_000;

/// The content of the file. No personal data. It begins with [`own::STATE`].
#[derive(Debug, Serialize, Deserialize)]
struct State {
    /// The version of this format.
    #[serde(rename = "umoja_import_state")]
    format: u32,
    /// Identifies the import: another file, other options or another deployment start over.
    key: String,
    /// The length of the list of rejected rows, in bytes.
    rejected_bytes: u64,
    /// What was done.
    report: Report,
}

/// The facts that identify an import.
pub(super) struct Identity<'a> {
    /// The deployment and its region.
    pub(super) place: &'a str,
    pub(super) opening: &'a Opening,
    pub(super) source: &'a Source<'a>,
}

/// An import under way.
pub(super) struct Resume {
    /// What was done.
    pub(super) report: Report,
    key: String,
    state: Option<PathBuf>,
    rejected: PathBuf,
    rejected_bytes: u64,
    list: Option<io::BufWriter<File>>,
    saved: Millis,
}

impl Resume {
    pub(super) fn open(import: &Import, identity: &Identity<'_>) -> Result<Self, CliError> {
        let base = if is_standard_input(&import.file) { Path::new("import") } else { &import.file };
        let is_resumable = !is_standard_input(&import.file) && !import.dry_run;
        let state = is_resumable.then(|| import.state.clone().unwrap_or_else(|| beside(base, ".state.json")));
        let rejected = import.rejected.clone().unwrap_or_else(|| beside(base, ".rejected.ndjson"));
        own::check(&rejected, own::LIST)?;
        if !is_standard_input(&import.file) {
            reject_one_path(("FILE", &import.file), ("--rejected", &rejected))?;
        }
        if let Some(state) = &state {
            own::check(state, own::STATE)?;
            reject_one_path(("FILE", &import.file), ("--state", state))?;
            reject_one_path(("--state", state), ("--rejected", &rejected))?;
        }
        let key = key(import, identity).map_err(|source| CliError::File { path: import.file.clone(), source })?;
        let mut resume =
            Self { report: Report::default(), key, state, rejected, rejected_bytes: 0, list: None, saved: Millis(0) };
        if let Some(state) = resume.stored() {
            resume.report = state.report;
            resume.rejected_bytes = state.rejected_bytes;
        }
        Ok(resume)
    }

    /// The state of an earlier run of the same import. `None` if it cannot be read.
    fn stored(&self) -> Option<State> {
        let bytes = std::fs::read(self.state.as_ref()?).ok()?;
        let state: Option<State> = serde_json::from_slice(&bytes).ok();
        let state = state.filter(|state| state.format == 1 && state.key == self.key);
        if state.is_none() {
            note(
                "the state of an earlier import is of another file, other options or another deployment: starting over",
            );
        }
        state
    }

    /// Records a row that is done.
    pub(super) fn seen(&mut self, seen: &Seen, now: Millis) -> Result<(), CliError> {
        self.report.add(&seen.outcome);
        if let Err(reason) = &seen.outcome {
            let each: Vec<String> = reason.each().iter().map(ToString::to_string).collect();
            let mut line = json!({ "line": seen.line, "reason": reason.to_string(), "reasons": each }).to_string();
            line.push('\n');
            let written = self.list().and_then(|list| list.write_all(line.as_bytes()));
            written.map_err(|source| CliError::File { path: self.rejected.clone(), source })?;
            self.rejected_bytes += line.len() as u64;
        }
        if now.since(self.saved) >= EVERY_MS {
            self.saved = now;
            self.save()?;
        }
        Ok(())
    }

    /// The list, cut to the length in the state: rows that a killed run listed after that are listed again.
    fn list(&mut self) -> io::Result<&mut io::BufWriter<File>> {
        if self.list.is_none() {
            if self.rejected_bytes < own::LIST.len() as u64 || !self.rejected.exists() {
                // As a whole: a killed import leaves no empty file, which the next one would not take for its own.
                files::replace_private(&self.rejected, own::LIST.as_bytes())?;
                self.rejected_bytes = own::LIST.len() as u64;
            }
            let mut file = files::private(&self.rejected)?;
            file.set_len(file.metadata()?.len().min(self.rejected_bytes))?;
            self.rejected_bytes = file.seek(io::SeekFrom::End(0))?;
            self.list = Some(io::BufWriter::new(file));
        }
        self.list.as_mut().ok_or_else(|| io::Error::other("no list"))
    }

    /// Stores the state.
    pub(super) fn save(&mut self) -> Result<(), CliError> {
        let flushed = self.list.as_mut().map_or(Ok(()), |list| {
            list.flush()?;
            list.get_ref().sync_data()
        });
        flushed.map_err(|source| CliError::File { path: self.rejected.clone(), source })?;
        let Some(path) = &self.state else { return Ok(()) };
        let state = State {
            format: 1,
            key: self.key.clone(),
            rejected_bytes: self.rejected_bytes,
            report: self.report.clone(),
        };
        let bytes = serde_json::to_vec_pretty(&state).unwrap_or_default();
        files::replace_private(path, &bytes).map_err(|source| CliError::File { path: path.clone(), source })
    }

    /// Ends an import whose whole file was read: the next run starts over. Removes the list of an earlier run if this
    /// one rejected no row.
    pub(super) fn finish(&self) -> Result<(), CliError> {
        let gone = |path: &Path| match std::fs::remove_file(path) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => {
                Err(CliError::File { path: path.to_owned(), source: error })
            }
            _ => Ok(()),
        };
        if self.report.rejected == 0 && self.rejected.exists() {
            gone(&self.rejected)?;
        }
        self.state.as_deref().map_or(Ok(()), gone)
    }
}

/// Rejects two files of an import of which one would overwrite the other.
fn reject_one_path((one, first): (&str, &Path), (other, second): (&str, &Path)) -> Result<(), CliError> {
    let real = |path: &Path| {
        let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
        let folder = folder.canonicalize().unwrap_or_else(|_| folder.to_owned());
        path.file_name().map_or_else(|| path.to_owned(), |name| folder.join(name))
    };
    let [first, second] = [first, second].map(real);
    if first == second || files::beside(&first) == second || first == files::beside(&second) {
        return Err(CliError::Usage(format!(
            "{one} {} and {other} {} overwrite each other; give them different names",
            first.display(),
            second.display()
        )));
    }
    Ok(())
}

fn key(import: &Import, identity: &Identity<'_>) -> io::Result<String> {
    let Identity { place, opening, source } = identity;
    let mut key = Sha256::new();
    let mut text = |text: &str| {
        key.update((text.len() as u64).to_be_bytes());
        key.update(text);
    };
    text(place);
    text(import.company.as_ref().map_or("", |company| company.as_str()));
    text(opening.format.name());
    text(import.phone_country.as_deref().unwrap_or_default());
    text(if import.strict { "strict" } else { "" });
    for path in [Some(&import.file), import.keys.as_ref(), import.mapping.as_ref()].into_iter().flatten() {
        if is_standard_input(path) {
            continue;
        }
        let file = path.metadata()?;
        let changed = file.modified()?.duration_since(UNIX_EPOCH).unwrap_or_default();
        text(&path.canonicalize()?.to_string_lossy());
        text(&format!("{} {}", file.len(), changed.as_nanos()));
    }
    text(&source.bytes.unwrap_or_default().to_string());
    Ok(hex::encode(key.finalize()))
}

/// The path of a file that is named after another.
pub(super) fn beside(path: &Path, suffix: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(suffix);
    name.into()
}
