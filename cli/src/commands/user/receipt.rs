//! `umoja user receipt`: the receipt of an erasure, signed for keeping.

use std::path::PathBuf;

use clap::Args;
use serde_json::json;
use umoja_accounts::Error;
use umoja_crypto::jws::sign_receipt;
use umoja_schema::{Millis, UserId};

use crate::CliError;
use crate::commands::issued::Out;
use crate::commands::sessions::asked::failed;
use crate::commands::target::Target;
use crate::output::{Output, table, time};

/// Show the receipt of an erasure: who requested it, when, and which regions and targets have confirmed it.
#[derive(Debug, Args)]
#[command(
    long_about = "Show the receipt of an erasure: who requested it, when, and which regions and targets have confirmed it. \
With --save the receipt is signed by the key that signs answers, and written to a new file; `umoja verify` verifies it at \
any time later, also after that key was retired.

An erased person is named by its id only: no identifier finds it any more. The exit code is 1 if nothing was erased, or if \
the receipt is not complete.

In AWS it needs credentials that may: dynamodb:GetItem on PREFIX-settings in every region; in one region that serves, Query \
on PREFIX-receipts, PREFIX-users, PREFIX-linked_accounts and PREFIX-target_accounts; kms:Decrypt with the keys of data and \
proofs."
)]
#[command(after_help = "Examples:
  umoja user receipt 0197a5f2-6d1c-7c3e-9b0a-3f6f1c2d4e5f --dir DIR
  umoja user receipt 0197a5f2-6d1c-7c3e-9b0a-3f6f1c2d4e5f --save receipt.jwt \\
      --dir DIR
  umoja verify receipt.jwt --dir DIR
  umoja user receipt 0197a5f2-6d1c-7c3e-9b0a-3f6f1c2d4e5f --prefix PREFIX \\
      --region eu-west-1 --json")]
pub(super) struct Receipt {
    /// The id of the user that was erased.
    id: UserId,
    /// Write the signed receipt to this file, which must not exist yet.
    #[arg(long, value_name = "FILE")]
    save: Option<PathBuf>,
    #[command(flatten)]
    target: Target,
}

impl Receipt {
    pub(super) async fn run(self, output: Output) -> Result<(), CliError> {
        let regions = self.target.regions().await?;
        let region = regions.serving()?;
        let people = region.people().await?;
        let receipt = match people.receipt(self.id).await {
            Err(Error::NotFound) => {
                return Err(CliError::Failed(format!("no receipt: {} knows no erasure of this id", region.name())));
            }
            other => other.map_err(|error| failed(region.name(), &error))?,
        };
        if let Some(mut out) = Out::of_option("save", self.save.as_deref())? {
            let iat = regions.clock.now().secs();
            let iss = region.url.clone().unwrap_or_else(|| region.name().to_string());
            let claims = json!({ "iss": iss, "iat": iat, "region": region.name(), "receipt": receipt });
            let signed = sign_receipt(people.secrets.signing_key(), &claims);
            out.write_bytes(signed.as_bytes())?;
        }
        let answer = json!({ "region": region.name(), "receipt": receipt, "file": self.save });
        output.answer(&answer, || {
            let at = |secs: u64| time(Millis(secs * 1000));
            let requested = format!("by {} at {}", receipt.requested_by, at(receipt.requested_at));
            let mut rows = vec![vec!["requested".to_owned(), requested]];
            let regions = receipt.regions.iter().map(|(name, of)| (name.to_string(), of));
            for (name, of) in regions.chain(receipt.targets.iter().map(|(name, of)| (name.to_string(), of))) {
                let confirmed = match (of.confirmed, of.confirmed_at) {
                    (false, _) => "has not confirmed".to_owned(),
                    (true, Some(secs)) => format!("confirmed at {}", at(secs)),
                    (true, None) => "confirmed".to_owned(),
                };
                rows.push(vec![name, confirmed]);
            }
            let whole = if receipt.complete { "It is complete." } else { "It is not complete yet." };
            let saved = self.save.as_ref().map(|path| format!("\nThe signed receipt is in {}.", path.display()));
            format!("Erasure of {}\n{}{whole}{}", receipt.id, table(&rows), saved.unwrap_or_default())
        });
        if receipt.complete { Ok(()) } else { Err(CliError::Said) }
    }
}
