//! `umoja verify`: whether a deployment has signed what someone has kept.

use std::path::PathBuf;

use bytes::Bytes;
use clap::{ArgGroup, Args};
use http::Request;
use http_body_util::Full;
use serde_json::{Value, json};
use umoja_crypto::jws::{Kept, verify_kept};
use umoja_crypto::{JwsError, VerifyingKey};
use umoja_schema::Millis;
use umoja_store::retired_keys::RetiredKeys;

use super::target::Target;
use crate::CliError;
use crate::files;
use crate::http::Http;
use crate::output::{Output, time};

/// How long the peers' KMS may take to wrap a data key, in milliseconds. This wraps no key.
const WRAP_BUDGET_MS: u64 = 5_000;

/// The most bytes of a file.
const MOST: u64 = 16 * 1024 * 1024;

/// The public keys, each with the time at which it was retired.
type Keys = Vec<(String, VerifyingKey, Option<u64>)>;

/// Verify a receipt or a signed answer that was kept: whether this deployment has signed it, and when.
#[derive(Debug, Args)]
#[command(
    long_about = "Verify a receipt or a signed answer that was kept: whether this deployment has signed it, and when. FILE \
has what `umoja user receipt --save` or `umoja sign --send --save` wrote, or the body of an answer as it came. It verifies \
for ever: the public keys that sign no answers any more stay published. What a key would have signed after it was retired \
is rejected.

The keys come from the deployment, from a region at --url (/.well-known/jwks.json and /.well-known/retired-jwks.json), or \
from files with these two documents (--keys), which anyone can keep. A key that was retired before this version of Umoja \
is not known. Whether an answer is about your request, `rjti` and `rqh` say; the command does not know the request.

The exit code is 1 if the file is not genuine.

In AWS it needs credentials that may: dynamodb:GetItem on PREFIX-settings in every region; kms:Decrypt with the data key."
)]
#[command(after_help = "Examples:
  umoja verify receipt.jwt --dir DIR
  umoja verify receipt.jwt --url https://eu-west-1.example.com
  umoja verify receipt.jwt --keys jwks.json --keys retired-jwks.json --json")]
#[command(group(ArgGroup::new("source").multiple(true).args(["url", "keys"])))]
pub(super) struct Verify {
    /// The file.
    file: PathBuf,
    /// The base URL of a region, whose keys are asked for.
    #[arg(long, value_name = "URL", conflicts_with_all = ["dir", "prefix", "keys"])]
    url: Option<String>,
    /// A file with public keys (JWK set). Can be given several times.
    #[arg(long, value_name = "FILE", conflicts_with_all = ["dir", "prefix"])]
    keys: Vec<PathBuf>,
    #[command(flatten)]
    target: Target,
}

impl Verify {
    pub(super) async fn run(self, output: Output) -> Result<(), CliError> {
        let failed = |source| CliError::File { path: self.file.clone(), source };
        if std::fs::metadata(&self.file).map_err(failed)?.len() > MOST {
            return Err(CliError::Failed(format!("{} is larger than any answer", self.file.display())));
        }
        let token = std::fs::read_to_string(&self.file).map_err(failed)?;
        let keys = self.keys().await?;
        let kept = verify_kept(token.trim().as_bytes(), &keys).map_err(|error| CliError::Failed(why(&error)))?;
        let retired = keys.iter().find(|(kid, ..)| *kid == kept.kid).and_then(|(.., retired_at)| *retired_at);
        output.answer(&value(&kept, retired), || {
            let kind = if kept.is_receipt { "receipt" } else { "answer" };
            let at = time(Millis(kept.iat.saturating_mul(1000)));
            let retired = retired.map(|secs| format!(", which was retired at {}", time(Millis(secs * 1000))));
            let claims = serde_json::to_string_pretty(&kept.claims).unwrap_or_default();
            format!(
                "Genuine: the {kind} was signed at {at} with the key {}{}.\n{claims}",
                kept.kid,
                retired.unwrap_or_default()
            )
        });
        Ok(())
    }

    async fn keys(&self) -> Result<Keys, CliError> {
        let mut keys = Keys::new();
        if let Some(url) = &self.url {
            let url = url.trim_end_matches('/');
            let http = Http::new(url)?;
            for path in ["/.well-known/jwks.json", "/.well-known/retired-jwks.json"] {
                let request = Request::builder().uri(format!("{url}{path}")).body(Full::<Bytes>::default());
                let request = request.map_err(|_| CliError::Usage("--url: a base URL".into()))?;
                let raw = Box::pin(http.send(request)).await?;
                let unreadable = |_| CliError::Failed(format!("{url}{path} has no keys"));
                keys.extend(of_document(&serde_json::from_slice(&raw.body).map_err(unreadable)?));
            }
        } else if self.keys.is_empty() {
            let regions = self.target.regions().await?;
            let mut retired = RetiredKeys::default();
            for region in &regions.list {
                // A region that does not answer has the same keys as the others.
                if let Ok(known) = RetiredKeys::load(&*region.home.registry).await {
                    retired = retired.merged(&known);
                }
            }
            let secrets = regions.first()?.secrets(&regions.ring(WRAP_BUDGET_MS)?).await?;
            let live = secrets.signing_keys().iter().map(|key| (key.kid().to_owned(), key.verifying_key(), None));
            keys.extend(live);
            keys.extend(of_document(&json!({ "keys": retired.published() })));
        }
        for path in &self.keys {
            keys.extend(of_document(&files::json(path)?));
        }
        if keys.is_empty() { Err(CliError::Failed("there are no public keys to verify with".into())) } else { Ok(keys) }
    }
}

/// The keys of a document. Those of an unknown kind are skipped: they are for others. `exp` is when a key was retired.
fn of_document(document: &Value) -> Keys {
    let entries = document.get("keys").and_then(Value::as_array).into_iter().flatten();
    let key = |jwk: &Value| {
        let (kid, key) = VerifyingKey::from_jwk(jwk).ok()?;
        Some((kid, key, jwk.get("exp").and_then(Value::as_u64)))
    };
    entries.filter_map(key).collect()
}

fn value(kept: &Kept, retired: Option<u64>) -> Value {
    json!({
        "genuine": true,
        "kind": if kept.is_receipt { "receipt" } else { "answer" },
        "kid": kept.kid,
        "signed_at": time(Millis(kept.iat.saturating_mul(1000))),
        "retired_at": retired.map(|secs| time(Millis(secs.saturating_mul(1000)))),
        "claims": kept.claims,
    })
}

fn why(error: &JwsError) -> String {
    match error {
        JwsError::Rejected("kid") => {
            "not verified: the key that it names is none of these; keys that were retired before Umoja kept them are lost"
                .to_owned()
        }
        JwsError::Rejected("signature") => "not genuine: the key that it names has not signed it".to_owned(),
        JwsError::Rejected("iat") => "not genuine: it says that it was signed after its key was retired".to_owned(),
        other => format!("not genuine: {other}"),
    }
}
