//! `umoja source show`: one source, what its inboxes hold, and which events are parked.

use clap::Args;
use serde_json::{Value, json};
use umoja_schema::SourceId;

use super::known::is_known;
use super::shown::{setting_rows, settings, state, url_lines, urls, why_waiting};
use crate::CliError;
use crate::commands::inbox::{self, Parked};
use crate::commands::target::Target;
use crate::output::{Output, table};

/// Show a source: its settings, its events in each region, and why events are parked.
#[derive(Debug, Args)]
#[command(
    long_about = "Show a source: its settings, its events in each region, and the oldest parked events, each with \
the time at which it was accepted, the code of the reason, its key in the inbox (a keyed hash), and the reason as a \
sentence, which may name a member and has no value. Nothing else of an event's content is shown. Of a source that was removed only its events are shown.

In AWS it also needs dynamodb:Scan on PREFIX-inbox in every region."
)]
#[command(after_help = "Examples:
  umoja source show soko-auth0 --dir DIR
  umoja source show soko-auth0 --prefix PREFIX --region eu-west-1 --json")]
pub(super) struct Show {
    /// The source's id.
    id: SourceId,
    #[command(flatten)]
    target: Target,
    /// How many parked events of a region are listed; all are counted.
    #[arg(long, value_name = "NUMBER", default_value_t = 20)]
    most: usize,
}

impl Show {
    pub(super) async fn run(self, output: Output) -> Result<(), CliError> {
        let deployment = self.target.regions().await?;
        let source = is_known(&deployment, &self.id).await?.filter(|source| !source.is_ended());
        let now = deployment.clock.now();
        let (mut regions, mut lines, mut is_blind) = (Vec::<Value>::new(), Vec::new(), false);
        for region in &deployment.list {
            let name = region.name();
            match inbox::parked(region, &self.id, self.most, now).await {
                Ok((counts, parked)) => {
                    lines.push(format!("{name}: {}\n{}", counts.text(), table(&rows(&parked))));
                    let more = counts.parked.saturating_sub(parked.len() as u64);
                    lines.extend((more > 0).then(|| format!("  and {more} more (--most)\n")));
                    regions.push(json!({ "region": name, "events": counts, "parked": parked }));
                }
                Err(error) => {
                    is_blind = true;
                    lines.push(format!("{name}: its inbox cannot be read: {error}\n"));
                    regions.push(json!({ "region": name, "error": error.to_string() }));
                }
            }
        }
        let Some(source) = source else {
            output.answer(&json!({ "id": self.id, "removed": true, "regions": regions }), || {
                format!("{}: REMOVED\n{}", self.id, lines.concat())
            });
            return if is_blind { Err(CliError::Unseen) } else { Ok(()) };
        };
        let mut answer = settings(&source, now.secs());
        let company = deployment.company(&source.company).await?;
        answer["company_enabled"] = company.as_ref().map(|company| company.enabled).into();
        answer["urls"] = urls(&source, &deployment).into();
        answer["regions"] = regions.into();
        output.answer(&answer, || {
            format!(
                "{} ({}, company {}, home {}): {}\n{}{}{}{}",
                source.id,
                source.kind.as_str(),
                source.company,
                source.home,
                state(&source),
                why_waiting(company.as_ref()).unwrap_or_default(),
                table(&setting_rows(&source, now.secs())),
                url_lines(&source, &deployment),
                lines.concat()
            )
        });
        if is_blind { Err(CliError::Unseen) } else { Ok(()) }
    }
}

fn rows(parked: &[Parked]) -> Vec<Vec<String>> {
    parked.iter().map(Parked::row).collect()
}
