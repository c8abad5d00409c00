//! Rotates and retires API keys.

use std::path::PathBuf;

use clap::Args;
use serde_json::json;
use umoja_schema::company::ApiKeyHash;
use umoja_schema::{Company, CompanyId};

use super::known::change_known;
use crate::CliError;
use crate::commands::issued::{new_api_key, rotate_api_keys};
use crate::commands::target::Target;
use crate::credentials::CompanyFile;
use crate::deployment::Regions;
use crate::files;
use crate::output::Output;

/// Give a company a new API key; the old one works for a while longer.
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  umoja company rotate-key soko --dir DIR
  umoja company rotate-key soko --dir DIR --overlap-secs 0 \\
      --company-file soko.json
  umoja company rotate-key soko --prefix PREFIX --region eu-west-1 \\
      --company-file soko.json")]
pub(super) struct RotateKey {
    /// The company's id.
    id: CompanyId,
    #[command(flatten)]
    target: Target,
    /// How long the old API key still works, in seconds.
    #[arg(long, value_name = "N", default_value_t = 24 * 60 * 60)]
    overlap_secs: u64,
    /// Put the new API key into the company's file instead of printing it.
    #[arg(long, value_name = "FILE")]
    company_file: Option<PathBuf>,
}

/// End an API key or a signing key of a company within 5 seconds: before it expires, or because it has leaked.
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  umoja company list --dir DIR                      # shows the keys' ids
  umoja company retire-key soko 3f9a1c02 --dir DIR
  umoja company retire-key soko 3f9a1c02 --prefix PREFIX --region eu-west-1")]
pub(super) struct RetireKey {
    /// The company's id.
    id: CompanyId,
    /// The id of the API key (the part of it after the environment) or of the signing key (`kid`); `umoja company list`
    /// shows both.
    key: String,
    #[command(flatten)]
    target: Target,
}

impl RotateKey {
    pub(super) async fn run(self, output: Output) -> Result<(), CliError> {
        let (deployment, _alone) = self.target.changing_documents().await?;
        let file = self.company_file.as_deref().map(CompanyFile::read).transpose()?;
        if file.as_ref().is_some_and(|file| file.id != self.id) {
            return Err(CliError::Usage(format!("--company-file is not of the company {}", self.id)));
        }
        let (api_key, hash) = new_api_key(&deployment)?;
        let now = deployment.clock.now().secs();
        let name = hash.id.clone();
        let changed = change_known(&deployment, &self.id, |company| {
            rotate_api_keys(&mut company.api_keys, &hash, now, self.overlap_secs);
            Ok(())
        });
        let stored = changed.await?.everywhere;
        // If at least one region has stored it, the new key is issued.
        let overlap = self.overlap_secs;
        match (self.company_file.as_deref(), file) {
            (Some(path), Some(file)) => {
                let text = serde_json::to_vec_pretty(&CompanyFile { api_key, ..file }).unwrap_or_default();
                files::replace_private(path, &text)
                    .map_err(|source| CliError::File { path: path.to_owned(), source })?;
                let answer = json!({ "id": self.id, "api_key_id": name, "overlap_secs": overlap, "file": path });
                output.answer(&answer, || {
                    format!("The new API key is in {}; the old one works for {overlap} s.", path.display())
                });
            }
            _ => output.answer(
                &json!({ "id": self.id, "api_key": api_key, "api_key_id": name, "overlap_secs": overlap }),
                || format!("Shown once, kept nowhere:\n  API key  {api_key}\nThe old one works for {overlap} s."),
            ),
        }
        stored
    }
}

impl RetireKey {
    pub(super) async fn run(self, output: Output) -> Result<(), CliError> {
        let (deployment, _alone) = self.target.changing_documents().await?;
        let now = deployment.clock.now().secs();
        let is_live = |key: &ApiKeyHash| key.expires_at.is_none_or(|at| now < at);
        let mut was_live = false;
        let mut is_signing_key = false;
        let is_somewhere = self.is_somewhere(&deployment).await;
        let changed = change_known(&deployment, &self.id, |company| {
            is_signing_key = company.keys.iter().any(|key| key.kid == self.key);
            if is_signing_key {
                return self.retire_signing_key(company);
            }
            if !is_somewhere {
                return Err(CliError::Failed(format!(
                    "the company {} has no API key and no signing key {}; `umoja company list` shows the ids of its keys",
                    self.id, self.key
                )));
            }
            was_live = company.api_keys.iter().any(|key| key.id == self.key && is_live(key));
            if was_live && !company.api_keys.iter().any(|key| key.id != self.key && is_live(key)) {
                return Err(CliError::Failed(format!(
                    "{} is the only API key of {1}; give it another one first with `umoja company rotate-key {1}`, or \
                     reject all of its requests with `umoja company disable {1}`",
                    self.key, self.id
                )));
            }
            // A region that did not answer before may still have a key that the others dropped, so every region is
            // written.
            company.api_keys.retain(|key| key.id != self.key && is_live(key));
            Ok(())
        });
        changed.await?.everywhere?;
        if is_signing_key {
            output.answer(&json!({ "id": self.id, "kid": self.key }), || {
                format!(
                    "The signing key {} has ended; this takes effect within 5 seconds in regions that are being \
                     served.",
                    self.key
                )
            });
            return Ok(());
        }
        output.answer(&json!({ "id": self.id, "api_key_id": self.key, "was_live": was_live }), || {
            let key = &self.key;
            let end = if was_live { "has ended" } else { "had ended already, and is removed from every region" };
            format!("The API key {key} {end}; this takes effect within 5 seconds in regions that are being served.")
        });
        Ok(())
    }

    fn retire_signing_key(&self, company: &mut Company) -> Result<(), CliError> {
        if company.keys.len() == 1 {
            return Err(CliError::Failed(format!(
                "{} is the only signing key of {1}; give it another one first with `umoja company add-key {1}`",
                self.key, self.id
            )));
        }
        company.keys.retain(|key| key.kid != self.key);
        Ok(())
    }

    /// True if a region has the key, expired or not. A region that did not answer before may have a key that the others
    /// dropped, and so may one that does not answer now.
    async fn is_somewhere(&self, deployment: &Regions) -> bool {
        for region in &deployment.list {
            match region.home.registry.company(&self.id).await {
                Ok(Some(company)) if company.api_keys.iter().any(|key| key.id == self.key) => return true,
                Ok(_) => {}
                Err(_) => return true,
            }
        }
        false
    }
}
