//! `umoja rotate`: new keys in the place of old ones.

use std::time::Duration;

use clap::{Args, Subcommand};
use serde_json::json;
use umoja_store::rotation::SigningStep;

use super::target::{Opened, Target};
use crate::CliError;
use crate::deployment::Regions;
use crate::output::{Output, note};

/// Rotate the deployment's own keys. (Companies' are rotated with `umoja company rotate-key`.)
#[derive(Debug, Args)]
pub(super) struct Command {
    #[command(subcommand)]
    key: Key,
}

#[derive(Debug, Subcommand)]
enum Key {
    SigningKey(SigningKey),
}

/// Rotate the key that signs answers.
#[derive(Debug, Args)]
#[command(
    long_about = "Rotate the key that signs answers. A new one is made and published, then it signs, and then the old one \
is retired; in AWS each step waits until every instance of a function has read the one before, so that nobody ever gets \
an answer whose key is not published: about three and a half minutes in all. A rotation that was interrupted is completed \
by running the command again.

In a directory all steps are done at once, and the deployment must not be served meanwhile.

It needs the credentials that `umoja init` needs."
)]
#[command(after_help = "Examples:
  umoja rotate signing-key --prefix PREFIX --region eu-west-1
  umoja rotate signing-key --dir DIR")]
struct SigningKey {
    #[command(flatten)]
    target: Target,
}

impl Command {
    pub(super) async fn run(self, output: Output) -> Result<(), CliError> {
        match self.key {
            Key::SigningKey(key) => key.run(output).await,
        }
    }
}

impl SigningKey {
    async fn run(self, output: Output) -> Result<(), CliError> {
        let kids = match self.target.open().await? {
            Opened::Local(deployment) => {
                let _not_served = deployment.lock()?;
                rotate(&deployment.regions(), false).await?
            }
            Opened::Cloud(_, regions) => rotate(&regions, true).await?,
        };
        let signs = kids.last().map(String::as_str).unwrap_or_default();
        output.answer(&json!({ "signing_key": signs }), || format!("Answers are signed with {signs}."));
        Ok(())
    }
}

/// Does every step that is left; gives the ids of the keys that are published then.
async fn rotate(regions: &Regions, wait: bool) -> Result<Vec<String>, CliError> {
    let mut secrets = regions.newest_secrets().await?;
    loop {
        let step = secrets.signing_step();
        let secs = step.wait_secs();
        if wait && secs > 0 {
            let what = if step == SigningStep::Promote { "publishes the new key" } else { "signs with the new key" };
            note(&format!("waiting {secs} s, until every instance {what}"));
            tokio::time::sleep(Duration::from_secs(secs)).await;
        }
        let done = regions.rotate_signing(&mut secrets).await?;
        let (last, what) = match done {
            SigningStep::Publish => (false, "a new key is published"),
            SigningStep::Promote => (false, "the new key signs"),
            SigningStep::Retire => (true, "the old key is retired"),
        };
        note(what);
        if last {
            return Ok(secrets.signing_key_ids());
        }
    }
}
