//! `umoja rotate pepper`.

use clap::Args;
use serde_json::json;
use umoja_reconciler::jobs::rotate;
use umoja_store::rotation::PepperStep;

use crate::CliError;
use crate::commands::jobs::{Pace, Rotating};
use crate::commands::target::{Opened, Target};
use crate::deployment::secrets::OldKeys;
use crate::output::{Output, note};

/// Make a new pepper for passwords, or the first one.
#[derive(Debug, Args)]
#[command(
    long_about = "Make a new pepper, or the first one: a secret with which every password is hashed, so that an \
attacker who has the hashes but not the deployment's secrets cannot try passwords. The command publishes the new \
pepper, waits until every instance can verify with it (about a minute in AWS, seconds in a directory), and then has \
new hashes made with it.

A hash cannot be made with another pepper without the password. Each login replaces a hash that was made with a former \
pepper, or with none, so former peppers stay. To complete a rotation that was interrupted, run the command again.

It needs the credentials that `umoja init` needs."
)]
#[command(after_help = "Examples:
  umoja rotate pepper --prefix PREFIX --region eu-west-1
  umoja rotate pepper --dir DIR")]
pub(super) struct Pepper {
    #[command(flatten)]
    target: Target,
}

impl Pepper {
    pub(super) async fn run(self, output: Output) -> Result<(), CliError> {
        let _alone = self.target.alone()?;
        let opened = self.target.open().await?;
        let version = rotate_pepper(&opened).await?;
        output.answer(&json!({ "pepper": version }), || format!("New passwords are hashed with pepper {version}."));
        Ok(())
    }
}

/// Does every step that is left. Returns the version that is in use after that.
async fn rotate_pepper(opened: &Opened) -> Result<u32, CliError> {
    let (mut secrets, was_interrupted) = opened.regions_now().await?.newest_secrets().await?;
    if was_interrupted
        && secrets.pepper_step() == PepperStep::Publish
        && let Some(version) = secrets.pepper_in_use
    {
        note("completed the last step of an interrupted rotation");
        return Ok(version);
    }
    let pace = Pace::default();
    let rotating = Rotating::new(opened, &pace, OldKeys::new());
    loop {
        match rotate::pepper(&rotating, &mut secrets).await? {
            PepperStep::Publish => note("a new pepper is published"),
            PepperStep::Promote => return Ok(secrets.pepper_in_use.unwrap_or_default()),
        }
    }
}
