//! `umoja target confirm`: completes the receipt of an erasure in place of a target.

use clap::Args;
use serde_json::json;
use umoja_schema::{TargetId, UserId};

use super::known::{AtHome, failed};
use crate::CliError;
use crate::commands::known::unknown;
use crate::commands::reason::reason;
use crate::commands::target::Target;
use crate::output::{Output, counted};

/// Say why a target never confirms that an erased person has no account there.
#[derive(Debug, Args)]
#[command(
    long_about = "Complete the receipt of an erasure in place of a target that never confirms that it has no account of the \
person: the remote system is gone, or an operator there has deleted the account there by hand. The receipt names the reason, which \
is sealed in it and stays. The target is not asked any more, also for the users who were erased together with this one.

Look first at what the target says: `umoja target list --failed`, `umoja target redrive`."
)]
#[command(after_help = "Examples:
  umoja target confirm soko-crm 0197a5f2-6d1c-7c3e-9b0a-3f6f1c2d4e5f \\
      --reason 'the system was switched off; ticket 4711' --dir DIR")]
pub(super) struct Confirm {
    /// The target's id.
    id: TargetId,
    /// The id of the user who was erased.
    user: UserId,
    #[command(flatten)]
    target: Target,
    /// Why, for the receipt: 1 to 256 characters.
    #[arg(long, value_name = "TEXT", value_parser = reason)]
    reason: String,
}

impl Confirm {
    pub(super) async fn run(self, output: Output) -> Result<(), CliError> {
        let deployment = self.target.regions().await?;
        // Also one that was removed.
        let target = deployment.document(&self.id).await?.ok_or_else(|| unknown(&self.id))?;
        let AtHome { provisioner, .. } = AtHome::open(&deployment, target, false).await?;
        let users = provisioner.confirm_erasure(&self.id, self.user, &self.reason).await.map_err(failed)?;
        if users.is_empty() {
            return Err(CliError::Failed(format!(
                "no receipt of an erasure of the user {} waits for the target {}",
                self.user, self.id
            )));
        }
        output.answer(&json!({ "id": self.id, "user": self.user, "confirmed": users }), || {
            let receipts = counted(users.len() as u64, "receipt");
            format!("{receipts} of the erasure of {} no longer wait for the target {}.", self.user, self.id)
        });
        Ok(())
    }
}
