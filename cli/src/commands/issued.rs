//! What commands issue once, such as keys, and the files that hold it.

use std::fs::File;
use std::io::{ErrorKind, Write as _};
use std::path::{Path, PathBuf};

use serde::Serialize;
use umoja_crypto::{Algorithm, ApiKey, SigningKey, VerifyingKey};
use umoja_schema::CompanyKey;
use umoja_schema::company::ApiKeyHash;

use crate::CliError;
use crate::deployment::Regions;
use crate::files;

/// A short random name of a key.
pub(super) fn random_name(deployment: &Regions) -> String {
    hex::encode(deployment.entropy.array::<4>())
}

/// A new API key, and what is stored of it.
pub(super) fn new_api_key(deployment: &Regions) -> Result<(String, ApiKeyHash), CliError> {
    let key = ApiKey::new(&deployment.env, &random_name(deployment), deployment.entropy.array());
    let key = key.map_err(|error| CliError::Failed(error.to_string()))?;
    let hash = ApiKeyHash { id: key.id().to_owned(), sha256: key.akh(), expires_at: None };
    Ok((key.expose().to_owned(), hash))
}

/// Adds a new API key; the others end after the overlap, and those that have ended are dropped.
pub(super) fn rotate_api_keys(keys: &mut Vec<ApiKeyHash>, new: &ApiKeyHash, now_secs: u64, overlap_secs: u64) {
    let end = now_secs.saturating_add(overlap_secs);
    keys.retain(|old| old.expires_at.is_none_or(|at| now_secs < at));
    for old in keys.iter_mut() {
        old.expires_at = Some(old.expires_at.map_or(end, |at| at.min(end)));
    }
    keys.push(new.clone());
}

/// A live API key for people: its id, and how long it still works.
pub(super) fn described(key: &ApiKeyHash, now_secs: u64) -> Option<String> {
    match key.expires_at {
        None => Some(key.id.clone()),
        Some(at) if now_secs < at => Some(format!("{}({} s)", key.id, at - now_secs)),
        Some(_) => None,
    }
}

/// A new key pair (Ed25519) of this name: what is stored of it, and the private key in PEM.
pub(super) fn new_key_pair(deployment: &Regions, kid: String) -> (CompanyKey, String) {
    let key = SigningKey::from_seed(&kid, deployment.entropy.array());
    let alg = key.algorithm().name().to_owned();
    (CompanyKey { kid, alg, public_key_pem: key.public_key_pem() }, key.private_key_pem().to_string())
}

/// Reads the public key of a key pair that its owner made.
pub(super) fn own_key(path: &Path, alg: &str, kid: String) -> Result<CompanyKey, CliError> {
    let pem = std::fs::read_to_string(path).map_err(|source| CliError::File { path: path.to_owned(), source })?;
    let algorithm = Algorithm::from_name(alg).ok_or_else(|| CliError::Usage("--alg is not known".into()))?;
    VerifyingKey::from_public_pem(algorithm, &pem).map_err(|source| CliError::Key { path: path.to_owned(), source })?;
    Ok(CompanyKey { kid, alg: alg.to_owned(), public_key_pem: pem })
}

/// A new file for what is issued once. It is made before anything has an effect, so that nothing is lost if the path cannot be written.
pub(super) struct Out {
    path: PathBuf,
    file: File,
}

impl Out {
    /// Makes the file that `--out` names; `None` without a path.
    pub(super) fn new(path: Option<&Path>) -> Result<Option<Self>, CliError> {
        Self::of_option("out", path)
    }

    /// Makes the file that an option names; `None` without a path.
    pub(super) fn of_option(name: &str, path: Option<&Path>) -> Result<Option<Self>, CliError> {
        let Some(path) = path else { return Ok(None) };
        let file = files::new_private(path).map_err(|source| match source.kind() {
            ErrorKind::AlreadyExists => {
                CliError::Failed(format!("{} exists already; name another file with --{name}", path.display()))
            }
            _ => CliError::File { path: path.to_owned(), source },
        })?;
        Ok(Some(Self { path: path.to_owned(), file }))
    }

    /// Its path.
    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    /// Writes what is issued.
    pub(super) fn write(&mut self, issued: &impl Serialize) -> Result<(), CliError> {
        let mut text = serde_json::to_vec_pretty(issued).unwrap_or_default();
        text.push(b'\n');
        self.write_bytes(&text)
    }

    /// Writes these bytes.
    pub(super) fn write_bytes(&mut self, bytes: &[u8]) -> Result<(), CliError> {
        let written = self.file.write_all(bytes).and_then(|()| self.file.sync_all());
        written.map_err(|source| CliError::File { path: self.path.clone(), source })
    }

    /// Removes the file: nothing was issued, and the next run needs the path to be free.
    pub(super) fn remove(self) -> Result<(), CliError> {
        std::fs::remove_file(&self.path).map_err(|source| CliError::File { path: self.path, source })
    }
}
