//! `umoja conflicts list`: the open conflicts.

use clap::Args;
use serde_json::json;
use umoja_accounts::conflicts::OpenConflicts;

use super::super::target::Target;
use super::shown::{differ, line};
use crate::CliError;
use crate::output::{self, Output, note};

/// How often progress is reported, in milliseconds.
const REPORT_MS: u64 = 10_000;

/// List the open conflicts: ids, kind of identifier, the user that look-ups find, since when, whether verified.
#[derive(Debug, Args)]
#[command(long_about = "List the open conflicts: ids, kind of identifier, the user that look-ups find, since when, \
whether verified, and what says that the two are two people. No personal data; the command opens no record.

The command reads all of the journal of one region, which holds the conflicts that all regions saw. A conflict is open \
if both users are live, are not one person, and own the same identifier now. A dismissed pair is open again if it came \
to own an identifier in common after the dismissal. Each pair is listed once, with all identifiers that it contests, \
as soon as it is found: in no particular order. With --json the answer is one document, written in the same way. The \
command keeps only the listed pairs in memory, however long the journal is.

The exit code is 0, even if there are conflicts; their number is at the end. It is 1 if rows of the journal cannot be \
read.

In AWS it needs credentials that may: dynamodb:GetItem on PREFIX-settings in every region; in the region that is \
asked, Scan and Query on PREFIX-journal, Query and GetItem on PREFIX-users.")]
#[command(after_help = "Examples:
  umoja conflicts list --dir DIR
  umoja conflicts list --prefix PREFIX --region eu-west-1
  umoja conflicts list --prefix PREFIX --region eu-west-1 --json")]
pub(super) struct List {
    #[command(flatten)]
    target: Target,
}

impl List {
    pub(super) async fn run(self, output: Output) -> Result<(), CliError> {
        let regions = self.target.regions().await?;
        let region = regions.serving()?;
        let mut open = OpenConflicts::new(&region.home.own);
        let (mut count, mut reported) = (0_usize, regions.clock.now());
        if output.json {
            output::line(&format!("{{\n\"region\": {},\n\"conflicts\": [", json!(region.name())));
        }
        while let Some(page) = open.page().await.map_err(|source| region.failed(source))? {
            for conflict in page {
                if output.json {
                    let comma = if count > 0 { "," } else { "" };
                    let value = json!({
                        "users": conflict.users,
                        "contested": conflict.contested,
                        "contradictions": conflict.contradictions,
                    });
                    output::line(&format!("{comma}{value}"));
                }
                for contested in &conflict.contested {
                    output.say(&line(contested, &conflict.users));
                }
                if let Some(differ) = differ(&conflict) {
                    output.say(&differ);
                }
                count += 1;
            }
            let now = regions.clock.now();
            if now.since(reported) >= REPORT_MS {
                reported = now;
                note(&format!("{}: {} rows of the journal read", region.name(), open.rows()));
            }
        }
        if output.json {
            output::line(&format!("],\n\"count\": {count}\n}}"));
        }
        output.say(&match count {
            0 => format!("No conflict is open in {}.", region.name()),
            1 => format!("1 pair of users is in conflict in {}.", region.name()),
            _ => format!("{count} pairs of users are in conflict in {}.", region.name()),
        });
        if open.unreadable() > 0 {
            let message = format!("{} rows of the journal of {} cannot be read", open.unreadable(), region.name());
            return Err(CliError::Failed(message));
        }
        Ok(())
    }
}
