//! `umoja audit show`: the events of one user, in every region.

use std::collections::BTreeMap;

use clap::Args;
use serde_json::json;
use umoja_schema::{Log, LogRow, Millis, UserId};
use umoja_store::audit::{Check, Flaw};
use umoja_store::ports::Parts;

use super::super::named::Named;
use super::super::target::Target;
use super::trail;
use crate::CliError;
use crate::deployment::Regions;
use crate::output::{Output, counted, table};

/// Show the events of a user's account: registration, identifiers, passwords, merges, exports, erasure.
#[derive(Debug, Args)]
#[command(long_about = "Show the events of a user's account, in the order of time: registration, links to companies, \
kinds of identifiers that changed, passwords, status, merges, exports, erasure; by whom (a company and its key, an \
operator and the command, a rule), and in which region. No personal data. Logins and edits of the profile are not \
recorded.

Every region has its own chain, and all regions hold all chains. The command reads the chains in every region that \
answers, and reports whether each chain is whole and genuine: no row forged, changed, moved or missing.

The exit code is 0 if every chain is whole and genuine, 1 if not or if there is no such user, and 2 if not everything \
could be read.

In AWS it needs credentials that may, in every region: dynamodb:GetItem on PREFIX-settings, Query on PREFIX-audit; \
kms:Decrypt with the data key of one of them. A user that is named by an identifier also needs, in the region that is \
asked first: dynamodb:BatchGetItem on PREFIX-identifiers, and Query on PREFIX-users, which an unknown id needs in every \
region.")]
#[command(after_help = "Examples:
  umoja audit show 0197a5f2-6d1c-7c3e-9b0a-3f6f1c2d4e5f --dir DIR
  umoja audit show amina@example.com --dir DIR
  umoja audit show 0197a5f2-6d1c-7c3e-9b0a-3f6f1c2d4e5f --since 2026-01-31 \\
      --dir DIR --json
  umoja audit show 0197a5f2-6d1c-7c3e-9b0a-3f6f1c2d4e5f --prefix PREFIX \\
      --region eu-west-1")]
pub(super) struct Show {
    /// The user: an id, an e-mail address, a phone number such as +254712123456, or a user name.
    user: Named,
    /// Only events since this day, or this time as in RFC 3339.
    #[arg(long, value_name = "TIME", value_parser = trail::since)]
    since: Option<Millis>,
    #[command(flatten)]
    target: Target,
}

impl Show {
    pub(super) async fn run(self, output: Output) -> Result<(), CliError> {
        let regions = self.target.regions().await?;
        let id = self.user.id(&regions).await?;
        let (mut all, mut held, mut unseen) = (BTreeMap::<String, LogRow>::new(), Vec::new(), Vec::new());
        let mut flaws = Vec::new();
        for region in &regions.list {
            match region.home.own.logs.rows(Log::Audit, id).await {
                Ok(rows) => {
                    held.push((region.name(), rows.len()));
                    for row in rows {
                        let known = all.entry(row.key.clone()).or_insert_with(|| row.clone());
                        if *known != row {
                            flaws.push(Flaw::Differs { key: row.key });
                        }
                    }
                }
                Err(error) => unseen.push(format!("{} cannot be read: {error}", region.name())),
            }
        }
        if all.is_empty() && unseen.is_empty() && !is_stored(&regions, id).await? {
            return Err(CliError::Failed("no such user: no region holds a user or an event with this id".into()));
        }
        let key = trail::key(&regions).await;
        if let Err(error) = &key {
            unseen.push(format!("the rows could not be verified: {error}"));
        }
        let retention = trail::retention(&regions).await;
        let dropped_before = retention.dropped_before;
        let check = Check { key: key.as_ref().ok(), region: None, dropped_before };
        let mut rows: Vec<LogRow> = all.into_values().collect();
        flaws.extend(check.of(&rows));
        rows.sort_by(|one, other| (one.at, &one.key).cmp(&(other.at, &other.key)));
        rows.retain(|row| self.since.is_none_or(|since| row.at.millis() >= since));
        let regions: Vec<_> = held.iter().map(|(region, rows)| json!({ "region": region, "rows": rows })).collect();
        let events: Vec<_> = rows.iter().map(trail::json).collect();
        let answer = json!({
            "id": id, "events": events, "regions": regions, "flaws": flaws, "unseen": unseen,
            "whole": unseen.is_empty().then_some(flaws.is_empty()),
        });
        output.answer(&answer, || {
            let mut text = format!("User {id}\n");
            if rows.is_empty() {
                text.push_str("\nNo event is recorded.\n");
            }
            text.push_str(&table(&rows.iter().map(trail::cells).collect::<Vec<_>>()));
            text.extend(
                held.iter().map(|(region, rows)| format!("\n{region} holds {}.", counted(*rows as u64, "row"))),
            );
            text.extend(flaws.iter().map(|flaw| format!("\n{flaw}")));
            text.extend(unseen.iter().map(|unseen| format!("\n{unseen}")));
            text.push_str(match (flaws.is_empty(), unseen.is_empty()) {
                (true, true) => "\nThe audit trail is whole.",
                (true, false) => "",
                (false, _) => "\nThe audit trail is broken.",
            });
            text
        });
        match (flaws.is_empty(), unseen.is_empty()) {
            (true, true) => Ok(()),
            (false, _) => Err(CliError::Said),
            (true, false) => Err(CliError::Unseen),
        }
    }
}

/// True if a region holds a part of the user, or its tombstone.
async fn is_stored(regions: &Regions, id: UserId) -> Result<bool, CliError> {
    for region in &regions.list {
        if region.home.own.users.parts(id).await.map_err(|source| region.failed(source))? != Parts::default() {
            return Ok(true);
        }
    }
    Ok(false)
}
