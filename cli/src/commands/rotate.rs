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
        let opened = self.target.open().await?;
        let _not_served = match &opened {
            Opened::Local(deployment) => Some(deployment.lock()?),
            Opened::Cloud(..) => None,
        };
        let kids = rotate(&opened).await?;
        let signs = kids.last().map(String::as_str).unwrap_or_default();
        output.answer(&json!({ "signing_key": signs }), || format!("Answers are signed with {signs}."));
        Ok(())
    }
}

/// Does every step that is left; gives the ids of the keys that are published then.
async fn rotate(opened: &Opened) -> Result<Vec<String>, CliError> {
    let (mut secrets, was_interrupted) = regions(opened).await?.newest_secrets().await?;
    if was_interrupted && secrets.signing_step() == SigningStep::Publish {
        note("the last step of an interrupted rotation is completed");
        return Ok(secrets.signing_key_ids());
    }
    loop {
        let step = secrets.signing_step();
        let secs = step.wait_secs();
        if secs > 0 && matches!(opened, Opened::Cloud(..)) {
            let what = if step == SigningStep::Promote { "publishes the new key" } else { "signs with the new key" };
            note(&format!("waiting {secs} s, until every instance {what}"));
            tokio::time::sleep(Duration::from_secs(secs)).await;
        }
        // Another region may have come meanwhile.
        let done = regions(opened).await?.rotate_signing(&mut secrets).await?;
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

/// The regions as they are now.
async fn regions(opened: &Opened) -> Result<Regions, CliError> {
    match opened {
        Opened::Local(deployment) => Ok(deployment.regions()),
        Opened::Cloud(cloud, regions) => cloud.open(regions.first()?.name()).await,
    }
}
