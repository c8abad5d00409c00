//! `umoja rotate signing-key`.

use clap::Args;
use serde_json::json;
use umoja_reconciler::jobs::rotate;
use umoja_store::rotation::SigningStep;

use crate::CliError;
use crate::commands::jobs::{Pace, Rotating};
use crate::commands::target::{Opened, Target};
use crate::deployment::secrets::OldKeys;
use crate::output::{Output, note};

/// Rotate the key that signs answers.
#[derive(Debug, Args)]
#[command(
    long_about = "Rotate the key that signs answers. A new key is made and published, then it signs, and then the \
old key is retired. Each step waits until every instance has read the step before, so that no caller gets an answer \
whose key is not published: about four minutes in AWS, one in a directory that is served. To complete a rotation that \
was interrupted, run the command again.

In a directory that is not served, all steps are done at once.

It needs the credentials that `umoja init` needs."
)]
#[command(after_help = "Examples:
  umoja rotate signing-key --prefix PREFIX --region eu-west-1
  umoja rotate signing-key --dir DIR")]
pub(super) struct SigningKey {
    #[command(flatten)]
    target: Target,
}

impl SigningKey {
    pub(super) async fn run(self, output: Output) -> Result<(), CliError> {
        let _alone = self.target.alone()?;
        let opened = self.target.open().await?;
        let kids = rotate_signing(&opened).await?;
        let signs = kids.last().map(String::as_str).unwrap_or_default();
        output.answer(&json!({ "signing_key": signs }), || format!("Answers are signed with {signs}."));
        Ok(())
    }
}

/// Does every step that is left. Returns the ids of the keys that are published after that.
async fn rotate_signing(opened: &Opened) -> Result<Vec<String>, CliError> {
    let (mut secrets, was_interrupted) = opened.regions_now().await?.newest_secrets().await?;
    if was_interrupted && secrets.signing_step() == SigningStep::Publish {
        note("completed the last step of an interrupted rotation");
        return Ok(secrets.signing_key_ids());
    }
    let pace = Pace::default();
    let rotating = Rotating::new(opened, &pace, OldKeys::new());
    loop {
        let (last, what) = match rotate::signing_key(&rotating, &mut secrets).await? {
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
