//! `umoja conflicts show`: one user's conflicts, open and past.

use clap::Args;
use serde::Serialize;
use serde_json::{Value, json};
use umoja_accounts::conflicts::{BY, Conflict, look, rivals};
use umoja_schema::names::attribute;
use umoja_schema::{CompanyId, LogRow, Millis, PartRecord, UserId};
use umoja_store::ports::Parts;

use super::super::target::Target;
use super::shown::{line, serving, state};
use crate::CliError;
use crate::output::{Output, table, time};

/// Show a user's conflicts, open and past, and what decides about them.
#[derive(Debug, Args)]
#[command(
    long_about = "Show a user's conflicts, open and past, and what decides about them: for each rival what both claim and who \
wins, when either was registered, which companies are linked to it, which identifiers are verified, claimed when and in which \
region, and what the journal says: who saw the conflict, whether it was dismissed, given up, merged. Ids only, no personal \
data; nothing is opened.

The exit code is 1 if the journal knows of no conflict of this user.

In AWS it needs credentials that may: dynamodb:GetItem on PREFIX-settings in every region; in the region that is asked, \
Query on PREFIX-journal, Query and GetItem on PREFIX-users."
)]
#[command(after_help = "Examples:
  umoja conflicts show 0197a5f2-6d1c-7c3e-9b0a-3f6f1c2d4e5f --dir DIR
  umoja conflicts show 0197a5f2-6d1c-7c3e-9b0a-3f6f1c2d4e5f --prefix PREFIX --region eu-west-1
  umoja conflicts show 0197a5f2-6d1c-7c3e-9b0a-3f6f1c2d4e5f 0197a5f2-7000-7abc-8def-3f6f1c2d4e5f --dir DIR --json")]
pub(super) struct Show {
    /// The user's id.
    id: UserId,
    /// Only with this other user.
    rival: Option<UserId>,
    #[command(flatten)]
    target: Target,
}

/// What is journaled on one conflict.
#[derive(Serialize)]
struct Event {
    at_ms: u64,
    kind: String,
    region: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    identifier: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    winner: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    by: Option<String>,
}

impl Event {
    fn of(row: &LogRow) -> Self {
        let field = |name| row.field(name).map(str::to_owned);
        Self {
            at_ms: row.at.millis().0,
            kind: row.kind.clone(),
            region: row.origin.to_string(),
            identifier: field(attribute::KIND),
            winner: field("winner").or_else(|| field(attribute::SURVIVOR)),
            by: field(BY).or_else(|| field(attribute::COMPANY)).or_else(|| field("reason")),
        }
    }

    fn cells(&self) -> Vec<String> {
        let winner = self.winner.as_ref().map(|winner| format!("for {winner}")).unwrap_or_default();
        let by = self.by.as_ref().map(|by| format!("by {by}")).unwrap_or_default();
        let kind = self.identifier.as_ref().map_or(self.kind.clone(), |of| format!("{} over {of}", self.kind));
        vec![time(Millis(self.at_ms)), kind, winner, format!("in {}", self.region), by]
    }
}

impl Show {
    pub(super) async fn run(self, output: Output) -> Result<(), CliError> {
        let regions = self.target.regions().await?;
        let region = serving(&regions)?;
        let own = &region.home.own;
        let failed = |source| region.failed(source);
        let mut found = rivals(own, self.id).await.map_err(failed)?;
        found.retain(|rival, _| self.rival.is_none_or(|wanted| wanted == *rival));
        if found.is_empty() {
            return Err(CliError::Failed(format!("the journal of {} knows of no such conflict", region.name())));
        }
        let (mut values, mut text) = (Vec::new(), String::new());
        for (rival, rows) in &found {
            let conflict = look(own, self.id, *rival).await.map_err(failed)?;
            let events: Vec<Event> = rows.iter().map(Event::of).collect();
            let users: Vec<Value> =
                conflict.users.iter().zip(&conflict.parts).map(|(id, parts)| user(*id, parts)).collect();
            text.push_str(&human(&conflict, &users, &events));
            values.push(json!({
                "rival": rival,
                "state": conflict.state,
                "contested": conflict.contested,
                "users": users,
                "events": events,
            }));
        }
        output.answer(&json!({ "id": self.id, "region": region.name(), "conflicts": values }), || text);
        Ok(())
    }
}

/// What one of the two is, without what it is called.
fn user(id: UserId, parts: &Parts) -> Value {
    let Some(facts) = parts.profile.as_ref().filter(|_| parts.is_live()).and_then(PartRecord::profile_facts) else {
        let erased = parts.profile.as_ref().is_some_and(|part| part.version.erased);
        return json!({ "id": id, "live": false, "erased": erased });
    };
    let mut claims: Vec<Value> = Vec::new();
    for claim in facts.claims.values() {
        let value = json!({
            "kind": claim.kind,
            "company": claim.company,
            "verified": claim.verified,
            "claimed_at_ms": claim.claimed_at,
            "region": claim.region,
        });
        // Each live index key has its own.
        if !claims.contains(&value) {
            claims.push(value);
        }
    }
    json!({
        "id": id,
        "live": true,
        "created_at_ms": facts.created_at,
        "companies": facts.links.keys().collect::<Vec<_>>(),
        "claims": claims,
        "merged_into": facts.merged_into,
    })
}

fn human(conflict: &Conflict, users: &[Value], events: &[Event]) -> String {
    let mut rows: Vec<String> = conflict.contested.iter().map(|one| line(one, &conflict.users)).collect();
    for (id, (user, parts)) in conflict.users.iter().zip(users.iter().zip(&conflict.parts)) {
        let Some(facts) = parts.profile.as_ref().and_then(PartRecord::profile_facts) else {
            rows.push(format!("{id}: not live here"));
            continue;
        };
        let companies: Vec<&str> = facts.links.keys().map(CompanyId::as_str).collect();
        let companies = if companies.is_empty() { "nobody".to_owned() } else { companies.join(", ") };
        rows.push(format!("{id}: registered {}, linked to {companies}", time(facts.created_at)));
        for claim in user["claims"].as_array().into_iter().flatten() {
            let word = |name: &str| claim[name].as_str().unwrap_or_default().to_owned();
            let of = if claim["company"].is_null() { String::new() } else { format!(" of {}", word("company")) };
            let verified = if claim["verified"] == true { "verified" } else { "not verified" };
            rows.push(format!("  claims {}{of} ({verified}, in {})", word("kind"), word("region")));
        }
        if let Some(root) = facts.merged_into {
            rows.push(format!("  merged into {root}"));
        }
    }
    let rows: Vec<_> = rows.into_iter().map(|row| vec![row]).collect();
    let events: Vec<_> = events.iter().map(Event::cells).collect();
    let [one, other] = conflict.users;
    format!("{one} and {other}: {}\n{}{}\n", state(conflict.state), table(&rows), table(&events))
}
