//! `umoja audit list`: the events of all users.

use clap::Args;
use clap::builder::PossibleValuesParser;
use serde_json::json;
use umoja_schema::audit::{AuditEvent, field};
use umoja_schema::{CompanyId, Log, LogRow, Millis};

use super::super::target::Target;
use super::trail;
use crate::CliError;
use crate::output::{self, Output};

/// How many rows are read at a time.
const PAGE: usize = 500;

/// List the events of users: all, or those of one company, of one kind, or since a time.
#[derive(Debug, Args)]
#[command(long_about = "List the events of users: all, or those of one company, of one kind, or since a time. No \
personal data.

The command asks one region, which holds the events that all regions recorded. It always reads the whole table, and \
lists an event as soon as it is found: user by user, and the events of one user by region and in their order. With \
--json the answer is one document, written in the same way. Memory does not grow. `umoja audit show` and `umoja \
doctor` check whether the rows are genuine.

The exit code is 1 if rows cannot be read.

In AWS it needs credentials that may: dynamodb:GetItem on PREFIX-settings in every region; in the region that is \
asked, Scan on PREFIX-audit.")]
#[command(after_help = "Examples:
  umoja audit list --since 2026-01-31 --dir DIR
  umoja audit list --company soko --event exported --dir DIR --json
  umoja audit list --event erased --prefix PREFIX --region eu-west-1")]
pub(super) struct List {
    /// Only events that this company caused.
    #[arg(long)]
    company: Option<CompanyId>,
    /// Only this kind of event.
    #[arg(long, value_parser = PossibleValuesParser::new(AuditEvent::NAMES))]
    event: Option<String>,
    /// Only events since this day, or this time as in RFC 3339.
    #[arg(long, value_name = "TIME", value_parser = trail::since)]
    since: Option<Millis>,
    #[command(flatten)]
    target: Target,
}

impl List {
    pub(super) async fn run(self, output: Output) -> Result<(), CliError> {
        let regions = self.target.regions().await?;
        let region = regions.first()?;
        let (mut after, mut count, mut unreadable) = (None, 0_u64, 0);
        if output.json {
            output::line(&format!("{{\n\"region\": {},\n\"events\": [", json!(region.name())));
        }
        loop {
            let page = region.home.own.logs.scan_rows(Log::Audit, after, PAGE).await;
            let page = page.map_err(|source| region.failed(source))?;
            for row in page.rows.iter().filter(|row| self.wants(row)) {
                if output.json {
                    let comma = if count > 0 { "," } else { "" };
                    let mut value = trail::json(row);
                    value["user"] = json!(row.user);
                    output::line(&format!("{comma}{value}"));
                }
                output.say(&format!("{} {}", row.user, trail::cells(row).join("  ").trim_end()));
                count += 1;
            }
            unreadable += page.unreadable.len();
            after = page.next;
            if after.is_none() {
                break;
            }
        }
        if output.json {
            output::line(&format!("],\n\"count\": {count}\n}}"));
        }
        output.say(&match count {
            1 => format!("1 event in {}.", region.name()),
            _ => format!("{count} events in {}.", region.name()),
        });
        if unreadable > 0 {
            let message = format!("{unreadable} rows of the audit trail of {} cannot be read", region.name());
            return Err(CliError::Failed(message));
        }
        Ok(())
    }

    fn wants(&self, row: &LogRow) -> bool {
        let by = self.company.as_ref().is_none_or(|company| row.field(field::COMPANY) == Some(company.as_str()));
        let event = self.event.as_ref().is_none_or(|event| row.kind == *event);
        by && event && self.since.is_none_or(|since| row.at.millis() >= since)
    }
}
