//! Lists the companies.

use clap::Args;
use serde_json::{Value, json};
use umoja_schema::{Company, CompanyKey};

use super::limit;
use super::options::settings;
use crate::CliError;
use crate::commands::issued::described;
use crate::commands::listed::{Unreadable, rows};
use crate::commands::target::Target;
use crate::deployment::{Regions, newest_of};
use crate::output::{Output, table};

/// List the companies.
#[derive(Debug, Args)]
#[command(
    long_about = "List the companies, each as the newest document of any region has it, with the ids of its live \
API keys and of its signing keys. A row that holds no company that Umoja wrote is listed as unreadable, with the regions \
that hold it: `umoja doctor` says more."
)]
#[command(after_help = "Examples:
  umoja company list --dir DIR
  umoja company list --prefix PREFIX --region eu-west-1 --json")]
pub(super) struct List {
    #[command(flatten)]
    target: Target,
}

impl List {
    pub(super) async fn run(self, output: Output) -> Result<(), CliError> {
        let deployment: Regions = self.target.regions().await?;
        let regions = rows::<Company>(&deployment).await?;
        let companies = newest_of(regions.iter().flat_map(|(_, rows)| rows));
        let unreadable = Unreadable::of(&regions);
        let now = deployment.clock.now().secs();
        let listed: Vec<Value> = companies.values().map(|company| value(company, now)).collect();
        output.answer(&json!({ "companies": listed, "unreadable": unreadable.values() }), || {
            if companies.is_empty() && unreadable.is_empty() {
                return "There are no companies yet; add one with `umoja company add`.".to_owned();
            }
            let rows: Vec<_> = companies.values().map(|company| row(company, now)).collect();
            table(&rows) + &table(&unreadable.rows())
        });
        Ok(())
    }
}

/// A company for programs, with the ids of its live keys.
pub(super) fn value(company: &Company, now_secs: u64) -> Value {
    let live = company.api_keys.iter().filter(|key| key.expires_at.is_none_or(|at| now_secs < at));
    let mut value = settings(company);
    value["api_keys"] = live.map(|key| json!({ "id": key.id, "expires_at": key.expires_at })).collect();
    value["keys"] = company.keys.iter().map(|key| json!({ "kid": key.kid, "alg": key.alg })).collect();
    value
}

fn row(company: &Company, now_secs: u64) -> Vec<String> {
    let state = if company.enabled { "enabled" } else { "DISABLED" };
    let trusted = if company.trusted { "trusted" } else { "" };
    let scopes: Vec<&str> = company.scopes.iter().map(|scope| scope.as_str().trim_start_matches("users:")).collect();
    let api_keys: Vec<String> = company.api_keys.iter().filter_map(|key| described(key, now_secs)).collect();
    let keys: Vec<String> = company.keys.iter().map(|CompanyKey { kid, alg, .. }| format!("{kid}({alg})")).collect();
    vec![
        company.id.to_string(),
        company.name.clone(),
        state.into(),
        trusted.into(),
        limit::described(company),
        format!("API keys {}", api_keys.join(" ")),
        format!("signing keys {}", keys.join(" ")),
        scopes.join(" "),
    ]
}
