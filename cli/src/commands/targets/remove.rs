//! `umoja target remove`: ends a target, and decides what becomes of its accounts.

use clap::Args;
use serde_json::json;
use umoja_schema::{Deprovisioning, TargetId};

use super::add::deprovisioning;
use super::known::{AtHome, change_known, failed, known};
use super::standing::Accounts;
use crate::CliError;
use crate::commands::target::Target;
use crate::output::{Output, counted};

/// Remove a paused target, and leave, disable or delete its accounts.
#[derive(Debug, Args)]
#[command(
    long_about = "Remove a paused target: no user gets an account any more, and --accounts says what becomes of those that \
there are. Without --yes the command says how many these are, and changes nothing. The brake on removals does not hold them.

Every region remembers that the target was removed, with its URL and its token: `umoja serve` disables or deletes the \
accounts, and tries again what fails. The account of a person who is erased is deleted also later, whatever --accounts \
says, and the receipt of the erasure waits for it. If the remote system is gone, `umoja target confirm` completes such a \
receipt. The id is not used again."
)]
#[command(after_help = "Examples:
  umoja target pause soko-crm --dir DIR
  umoja target remove soko-crm --accounts delete --yes --dir DIR")]
pub(super) struct Remove {
    /// The target's id.
    id: TargetId,
    #[command(flatten)]
    target: Target,
    /// What becomes of the accounts: leave, disable or delete.
    #[arg(long, value_parser = deprovisioning)]
    accounts: Deprovisioning,
    /// Remove it. Without it nothing is changed.
    #[arg(long)]
    yes: bool,
}

impl Remove {
    pub(super) async fn run(self, output: Output) -> Result<(), CliError> {
        let (deployment, _alone) = self.target.changing_documents().await?;
        let (id, rule, place) = (&self.id, self.accounts.as_str(), self.target.arguments());
        let target = known(&deployment, id).await?;
        let home = deployment.get(&target.home)?;
        let check = |enabled: bool| {
            if !enabled {
                return Ok(());
            }
            Err(CliError::Failed(format!("the target {id} is not paused; run `umoja target pause {id} {place}` first")))
        };
        check(target.enabled)?;
        let accounts = Accounts::of(home, id).await.map_err(|error| home.failed(error))?.remaining();
        if !self.yes {
            output.answer(&json!({ "id": id, "removed": false, "accounts": accounts, "rule": rule }), || {
                format!(
                    "The target {id} would be removed, with {} by the rule {rule}. Nothing is changed; --yes removes it.",
                    counted(accounts, "account")
                )
            });
            return Err(CliError::Said);
        }
        let changed = change_known(&deployment, id, |target| {
            check(target.enabled)?;
            target.end(self.accounts);
            Ok(())
        });
        let changed = changed.await?;
        let AtHome { provisioner, known } = AtHome::open(&deployment, changed.document.clone(), false).await?;
        let rung = provisioner.ring_accounts(&known).await.map_err(failed)?;
        changed.everywhere?;
        output.answer(&json!({ "id": id, "removed": true, "accounts": rung, "rule": rule }), || {
            let accounts = counted(rung, "account");
            match self.accounts {
                Deprovisioning::Leave => format!("The target {id} is removed; {accounts} stay as they are."),
                _ => format!(
                    "The target {id} is removed. `umoja serve` brings the rule {rule} to {accounts}; `umoja target list \
                     {place}` shows how far it is."
                ),
            }
        });
        Ok(())
    }
}
