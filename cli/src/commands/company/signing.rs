//! Gives a company another signing key.

use std::path::PathBuf;

use clap::Args;
use serde_json::json;
use umoja_schema::{CompanyId, CompanyKey};

use super::known::change_known;
use crate::CliError;
use crate::commands::issued::{new_key_pair, own_key, random_name};
use crate::commands::target::Target;
use crate::credentials::CompanyFile;
use crate::files;
use crate::output::Output;

/// Give a company another signing key; the others stay valid, so that it can change over without a gap.
#[derive(Debug, Args)]
#[command(
    long_about = "Give a company another signing key; the others stay valid, so that it can change over without a \
gap. Without --public-key the command makes a key pair (Ed25519) and shows the private key once. The company signs with \
the new key once every region has it (5 seconds); then `umoja company retire-key` ends the old one."
)]
#[command(after_help = "Examples:
  umoja company add-key soko --dir DIR --company-file soko.json
  umoja company add-key old-shop --dir DIR --public-key new.pem --alg ES256
  umoja company retire-key soko OLD-KID --dir DIR
  umoja company add-key soko --prefix PREFIX --region eu-west-1 \\
      --company-file soko.json")]
pub(super) struct AddKey {
    /// The company's id.
    id: CompanyId,
    #[command(flatten)]
    target: Target,
    /// The public key of a key pair that the company made itself (PEM).
    #[arg(long, value_name = "FILE", requires = "alg")]
    public_key: Option<PathBuf>,
    /// The algorithm of that key.
    #[arg(long, requires = "public_key", value_parser = ["ES256", "EdDSA", "RS256", "PS256"])]
    alg: Option<String>,
    /// Put the new private key into the company's file instead of printing it.
    #[arg(long, value_name = "FILE", conflicts_with = "public_key")]
    company_file: Option<PathBuf>,
}

impl AddKey {
    pub(super) async fn run(self, output: Output) -> Result<(), CliError> {
        let (deployment, _alone) = self.target.changing_documents().await?;
        let file = self.company_file.as_deref().map(CompanyFile::read).transpose()?;
        if file.as_ref().is_some_and(|file| file.id != self.id) {
            return Err(CliError::Usage(format!("--company-file is not of the company {}", self.id)));
        }
        let name = random_name(&deployment);
        let (key, private) = if let (Some(path), Some(alg)) = (&self.public_key, &self.alg) {
            (own_key(path, alg, format!("{}-{name}", self.id))?, None)
        } else {
            let (pair, private) = new_key_pair(&deployment, name);
            (pair, Some(private))
        };
        let CompanyKey { kid, alg, .. } = key.clone();
        let changed = change_known(&deployment, &self.id, |company| {
            if company.keys.iter().all(|known| known.kid != key.kid) {
                company.keys.push(key.clone());
            }
            Ok(())
        });
        let stored = changed.await?.everywhere;
        // If at least one region has stored it, the new key is issued.
        match (self.company_file.as_deref(), file) {
            (Some(path), Some(file)) => {
                let file = CompanyFile { kid: kid.clone(), alg: alg.clone(), private_key_pem: private, ..file };
                let text = serde_json::to_vec_pretty(&file).unwrap_or_default();
                files::replace_private(path, &text)
                    .map_err(|source| CliError::File { path: path.to_owned(), source })?;
                output.answer(&json!({ "id": self.id, "kid": kid, "alg": alg, "file": path }), || {
                    format!("The new signing key {kid} ({alg}) is in {}; the others stay valid.", path.display())
                });
            }
            _ => output.answer(&json!({ "id": self.id, "kid": kid, "alg": alg, "private_key_pem": private }), || {
                match &private {
                    Some(pem) => format!("Shown once, kept nowhere:\n  key id   {kid} ({alg})\n\n{pem}"),
                    None => format!("The company {} may sign with the key {kid} ({alg}) too.", self.id),
                }
            }),
        }
        stored
    }
}
