//! `umoja source rotate`: new keys of a source, while the old ones still work.

use std::path::PathBuf;

use clap::Args;
use serde_json::json;
use umoja_schema::{SourceId, SourceKind};

use super::known::{change_known, check_legacy, known};
use crate::CliError;
use crate::commands::issued::{Out, new_api_key, new_key_pair, random_name, rotate_api_keys};
use crate::commands::target::Target;
use crate::output::Output;

/// Give a source a new API key; the old one works for a while longer.
#[derive(Debug, Args)]
#[command(long_about = "Give a source a new API key; the old one works for a while longer, and with --overlap-secs 0 \
ends within 5 seconds. The new key is shown once and stored nowhere.

With --sign it gets a new signing key too. The former signing keys stay valid, because a signature does not end as an \
API key does; once the source signs with the new one, `umoja source set --retire-signing-key` ends the old one.")]
#[command(after_help = "Examples:
  umoja source rotate soko-auth0 --dir DIR
  umoja source rotate soko-auth0 --dir DIR --overlap-secs 0 \\
      --out soko-auth0-2.json
  umoja source rotate soko-auth0 --dir DIR --sign
  umoja source rotate soko-auth0 --prefix PREFIX --region eu-west-1 \\
      --out soko-auth0-2.json")]
pub(super) struct Rotate {
    /// The source's id.
    id: SourceId,
    #[command(flatten)]
    target: Target,
    /// How long the old API key still works, in seconds.
    #[arg(long, value_name = "N", default_value_t = 24 * 60 * 60)]
    overlap_secs: u64,
    /// Make a new key pair too, with which it can sign its events; without any signing key before, it has to sign from
    /// now on.
    #[arg(long)]
    sign: bool,
    /// Write the new keys to a new file that only its owner can read, instead of printing them.
    #[arg(long, value_name = "FILE")]
    out: Option<PathBuf>,
}

impl Rotate {
    pub(super) async fn run(self, output: Output) -> Result<(), CliError> {
        let (deployment, _alone) = self.target.changing_documents().await?;
        if self.sign {
            let source = known(&deployment, &self.id).await?;
            if source.kind == SourceKind::Scim {
                return Err(CliError::Usage("a SCIM client does not sign its requests; leave --sign out".into()));
            }
            check_legacy(source.kind, true, source.legacy_get.as_deref())?;
        }
        let (api_key, hash) = new_api_key(&deployment)?;
        let pair = self.sign.then(|| {
            let kid = format!("{}-{}", self.id, random_name(&deployment));
            new_key_pair(&deployment, kid)
        });
        let out = Out::new(self.out.as_deref())?;
        let now = deployment.clock.now().secs();
        let changing = change_known(&deployment, &self.id, |source| {
            rotate_api_keys(&mut source.api_keys, &hash, now, self.overlap_secs);
            source.signing_keys.extend(pair.iter().map(|(key, _)| key.clone()));
            check_legacy(source.kind, !source.signing_keys.is_empty(), source.legacy_get.as_deref())
        });
        let stored = match changing.await {
            Ok(changed) => changed.everywhere,
            Err(error) => {
                out.map_or(Ok(()), Out::remove)?;
                return Err(error);
            }
        };
        // If at least one region has stored it, the new keys are issued.
        let overlap = self.overlap_secs;
        let mut issued = json!({ "id": self.id, "api_key_id": hash.id, "api_key": api_key, "overlap_secs": overlap });
        if let Some((key, private)) = &pair {
            issued["kid"] = key.kid.clone().into();
            issued["alg"] = key.alg.clone().into();
            issued["private_key_pem"] = private.clone().into();
        }
        let end = match overlap {
            0 => "The old API keys end within 5 seconds.".to_owned(),
            _ => format!("The old API keys still work, for {overlap} s at most."),
        };
        match out {
            Some(mut out) => {
                out.write(&issued)?;
                let path = out.path().display().to_string();
                let kid = &issued["kid"];
                let answer = json!({ "id": self.id, "api_key_id": hash.id, "kid": kid, "overlap_secs": overlap,
                    "file": path });
                output.answer(&answer, || format!("The new keys are in {path}. {end}"));
            }
            None => output.answer(&issued, || {
                let key = pair.as_ref().map(|(key, pem)| format!("  key id   {} ({})\n\n{pem}", key.kid, key.alg));
                let key = key.unwrap_or_default();
                format!("Shown once, kept nowhere:\n  API key  {api_key}\n{key}{end}")
            }),
        }
        stored
    }
}
