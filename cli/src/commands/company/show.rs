//! `umoja company show`: one company.

use clap::Args;
use umoja_schema::CompanyId;

use super::known::known;
use super::list::value;
use crate::CliError;
use crate::commands::target::Target;
use crate::output::{Output, table};

/// Show a company: what it may do, its keys by their ids, and its old system.
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  umoja company show soko --dir DIR
  umoja company show soko --prefix PREFIX --region eu-west-1 --json")]
pub(super) struct Show {
    /// The company's id.
    id: CompanyId,
    #[command(flatten)]
    target: Target,
}

impl Show {
    pub(super) async fn run(self, output: Output) -> Result<(), CliError> {
        let deployment = self.target.regions().await?;
        let company = known(&deployment, &self.id).await?;
        let shown = value(&company, deployment.clock.now().secs());
        output.answer(&shown, || {
            let members = shown.as_object().into_iter().flatten().filter(|(_, value)| !value.is_null());
            let rows = members.map(|(name, value)| {
                vec![name.replace('_', " "), value.as_str().map_or_else(|| value.to_string(), str::to_owned)]
            });
            table(&rows.collect::<Vec<_>>()).trim_end().to_owned()
        });
        Ok(())
    }
}
