//! `umoja conflicts list`: the open ones.

use clap::Args;
use serde_json::json;
use umoja_accounts::conflicts::OpenConflicts;

use super::super::target::Target;
use super::shown::{line, serving};
use crate::CliError;
use crate::output::{self, Output, note};

/// How often somebody who waits is told so.
const TELL_MS: u64 = 10_000;

/// List the open conflicts: ids, which kind of identifier, whom look-ups find, since when, whether verified.
#[derive(Debug, Args)]
#[command(
    long_about = "List the open conflicts: ids, which kind of identifier, whom look-ups find, since when, whether verified. \
No personal data; nothing is opened.

The journal of one region, which holds what all regions saw, says where to look; a conflict is open if both users are live, \
are not one person, and claim the same identifier now, later than somebody dismissed the two. Each pair is listed once, with \
all that it contests, as soon as it is found: in no particular order. With --json it is one document, written in the same \
way. The command remembers the pairs that it has listed, and nothing else, however long the journal is; it reads all of it.

The exit code is 0, also if there are conflicts; their number is at the end. It is 1 if rows of the journal cannot be read.

In AWS it needs credentials that may: dynamodb:GetItem on PREFIX-settings in every region; in the region that is asked, Scan \
and Query on PREFIX-journal, Query and GetItem on PREFIX-users."
)]
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
        let region = serving(&regions)?;
        let mut open = OpenConflicts::new(&region.home.own);
        let (mut count, mut told) = (0_usize, regions.clock.now());
        if output.json {
            output::line(&format!("{{\n\"region\": {},\n\"conflicts\": [", json!(region.name())));
        }
        while let Some(page) = open.page().await.map_err(|source| region.failed(source))? {
            for conflict in page {
                if output.json {
                    let comma = if count > 0 { "," } else { "" };
                    let value = json!({ "users": conflict.users, "contested": conflict.contested });
                    output::line(&format!("{comma}{value}"));
                }
                for contested in &conflict.contested {
                    output.say(&line(contested, &conflict.users));
                }
                count += 1;
            }
            let now = regions.clock.now();
            if now.since(told) >= TELL_MS {
                told = now;
                note(&format!("{}: {} rows of the journal looked at", region.name(), open.rows()));
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
