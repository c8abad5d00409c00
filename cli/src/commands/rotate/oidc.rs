//! `umoja rotate oidc-key`.

use clap::Args;
use serde_json::json;
use umoja_schema::{OidcAlgorithm, OidcKeySet};
use umoja_store::oidc_keys::new_oidc_key;

use crate::CliError;
use crate::commands::target::Target;
use crate::deployment::secrets::WRAP_BUDGET_MS;
use crate::output::{Output, time};

/// Rotate the keys that sign the tokens of single sign-on.
#[derive(Debug, Args)]
#[command(
    long_about = "Rotate the key that signs the tokens of single sign-on, for each algorithm or for one. The key that is \
published as the next one signs from now on, and a new next one is published. The key before is still published for a day, \
and verifies id_token_hint for 90 days; its private half is dropped.

Clients keep the keys that they have read, so a key has to be published for seven days before it signs. With --force it \
signs at once: for a key that may have leaked. That key is no longer published, so tokens that it signed are rejected.

A deployment without such keys gets its first ones.

It needs the credentials that `umoja init` needs."
)]
#[command(after_help = "Examples:
  umoja rotate oidc-key --prefix PREFIX --region eu-west-1
  umoja rotate oidc-key --dir DIR --alg RS256 --force")]
pub(super) struct OidcKey {
    #[command(flatten)]
    target: Target,
    /// The algorithm: ES256 or RS256 [default: both].
    #[arg(long, value_name = "ALG")]
    alg: Option<OidcAlgorithm>,
    /// Let the next key sign at once, and stop to publish the current one: it may have leaked.
    #[arg(long)]
    force: bool,
}

impl OidcKey {
    pub(super) async fn run(self, output: Output) -> Result<(), CliError> {
        let (deployment, _alone) = self.target.changing_documents().await?;
        let mut made = deployment.ensure_oidc_keys().await?;
        made.retain(|algorithm| self.alg.is_none_or(|alg| alg == *algorithm));
        let secrets = deployment.first()?.secrets(&deployment.ring(WRAP_BUDGET_MS)?).await?;
        let mut rotated = Vec::new();
        let wanted = OidcAlgorithm::ALL.into_iter().filter(|one| self.alg.is_none_or(|alg| alg == *one));
        for algorithm in wanted.filter(|algorithm| !made.contains(algorithm)) {
            let now = deployment.clock.now();
            let new = new_oidc_key(algorithm, &secrets, &*deployment.entropy, now);
            let new = new.map_err(|error| CliError::Failed(error.to_string()))?;
            let changed = deployment.change(&algorithm, |stored: Option<OidcKeySet>| {
                let mut keys = stored.ok_or_else(|| CliError::Failed(format!("there are no keys for {algorithm}")))?;
                // A write whose answer was lost may have stored it already.
                if keys.next == new {
                    return Ok(keys);
                }
                if self.force {
                    keys.replace_leaked(new.clone(), now);
                    return Ok(keys);
                }
                keys.rotate(new.clone(), now).map_err(|early| {
                    CliError::Failed(format!(
                        "the next key for {algorithm} is published since {}, and may sign from {} on; --force lets it sign \
                         at once",
                        time(keys.next.created_at),
                        time(early.from)
                    ))
                })?;
                Ok(keys)
            });
            let changed = changed.await?;
            changed.everywhere?;
            rotated.push(changed.document);
        }
        let signs =
            rotated.iter().map(|keys| json!({ "alg": keys.id, "kid": keys.current.kid, "next": keys.next.kid }));
        let answer = json!({ "made": made, "rotated": signs.collect::<Vec<_>>() });
        output.answer(&answer, || {
            let first = made.iter().map(|algorithm| format!("The first keys for {algorithm} are published."));
            let rotated = rotated.iter().map(|keys| {
                format!("Tokens with {} are signed by {}; next is {}.", keys.id, keys.current.kid, keys.next.kid)
            });
            first.chain(rotated).collect::<Vec<_>>().join("\n")
        });
        Ok(())
    }
}
