//! The rate limit of a company.

use std::num::NonZeroU32;

use clap::Args;
use serde_json::json;
use umoja_schema::{Company, CompanyId};

use super::known::change_known;
use crate::CliError;
use crate::commands::target::Target;
use crate::deployment::Changed;
use crate::output::Output;

/// Set how many requests a second a company may make; takes effect within 5 seconds.
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  umoja company limit soko 50 --dir DIR    # requests a second, in each region
  umoja company limit soko --default --dir DIR
  umoja company limit soko 50 --prefix PREFIX --region eu-west-1")]
pub(super) struct Limit {
    /// The company's id.
    id: CompanyId,
    /// Requests a second, in each region.
    #[arg(value_name = "N", required_unless_present = "default")]
    per_sec: Option<NonZeroU32>,
    /// The default rate limit.
    #[arg(long, conflicts_with = "per_sec")]
    default: bool,
    #[command(flatten)]
    target: Target,
}

impl Limit {
    pub(super) async fn run(self, output: Output) -> Result<(), CliError> {
        let (deployment, _alone) = self.target.changing_documents().await?;
        let changed = change_known(&deployment, &self.id, |company| {
            company.rate_limit = self.per_sec;
            Ok(())
        });
        let Changed { document: company, everywhere } = changed.await?;
        everywhere?;
        output.answer(&json!({ "id": self.id, "rate_limit": company.requests_per_second() }), || {
            format!(
                "The company {} may make {} in each region; this takes effect within 5 seconds in regions that are \
                 being served.",
                self.id,
                described(&company)
            )
        });
        Ok(())
    }
}

/// A company's limit, for people.
pub(super) fn described(company: &Company) -> String {
    format!("{} requests/s", company.requests_per_second())
}
