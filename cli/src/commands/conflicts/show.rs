//! `umoja conflicts show`: one user's conflicts, open and past.

use clap::Args;
use serde::Serialize;
use serde_json::{Value, json};
use umoja_accounts::conflicts::{BY, Conflict, look, rivals};
use umoja_schema::names::attribute;
use umoja_schema::{CompanyId, LogRow, Millis, PartRecord, UserId};
use umoja_store::ports::Parts;

use super::super::named::Named;
use super::super::target::Target;
use super::shown::{differ, line, state};
use crate::CliError;
use crate::output::{Output, table, time};

/// Show a user's conflicts, open and past, and the facts that decide them.
#[derive(Debug, Args)]
#[command(long_about = "Show a user's conflicts, open and past, and the facts that decide them: for each rival which \
identifiers both own and who wins, and what says that the two are two people; for each user when it was registered, which companies are linked to it, and which \
identifiers are verified, since when and in which region; and from the journal which region saw the conflict, and \
whether it was dismissed, given up or merged. Ids only, no personal data; the command opens no record.

The exit code is 1 if the journal has no conflict of this user.

In AWS it needs credentials that may: dynamodb:GetItem on PREFIX-settings in every region; in the region that is \
asked, Query on PREFIX-journal, Query and GetItem on PREFIX-users. A user that is named by an identifier also needs, in \
the region that is asked first: dynamodb:BatchGetItem on PREFIX-identifiers; kms:Decrypt with the data key.")]
#[command(after_help = "Examples:
  umoja conflicts show 0197a5f2-6d1c-7c3e-9b0a-3f6f1c2d4e5f --dir DIR
  umoja conflicts show amina@example.com --dir DIR
  umoja conflicts show 0197a5f2-6d1c-7c3e-9b0a-3f6f1c2d4e5f --prefix PREFIX \\
      --region eu-west-1
  umoja conflicts show 0197a5f2-6d1c-7c3e-9b0a-3f6f1c2d4e5f \\
      0197a5f2-7000-7abc-8def-3f6f1c2d4e5f --dir DIR --json")]
pub(super) struct Show {
    /// The user: an id, or the e-mail address, phone number such as +254712123456, or user name that look-ups find it by.
    user: Named,
    /// Only the conflict with this other user.
    rival: Option<UserId>,
    #[command(flatten)]
    target: Target,
}

/// A row of the journal about one conflict.
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
        let region = regions.serving()?;
        let own = &region.home.own;
        let failed = |source| region.failed(source);
        let id = self.user.id(&regions).await?;
        let mut found = rivals(own, id).await.map_err(failed)?;
        found.retain(|rival, _| self.rival.is_none_or(|wanted| wanted == *rival));
        if found.is_empty() {
            return Err(CliError::Failed(format!("the journal of {} has no such conflict", region.name())));
        }
        let (mut values, mut text) = (Vec::new(), String::new());
        for (rival, rows) in &found {
            let conflict = look(own, id, *rival).await.map_err(failed)?;
            let events: Vec<Event> = rows.iter().map(Event::of).collect();
            let users: Vec<Value> =
                conflict.users.iter().zip(&conflict.parts).map(|(id, parts)| user(*id, parts)).collect();
            text.push_str(&human(&conflict, &users, &events));
            values.push(json!({
                "rival": rival,
                "state": conflict.state,
                "contested": conflict.contested,
                "contradictions": conflict.contradictions,
                "users": users,
                "events": events,
            }));
        }
        output.answer(&json!({ "id": id, "region": region.name(), "conflicts": values }), || text);
        Ok(())
    }
}

/// One of the two users, without personal data.
fn user(id: UserId, parts: &Parts) -> Value {
    let Some(facts) = parts.profile.as_ref().filter(|_| parts.is_live()).and_then(PartRecord::profile_facts) else {
        let erased = parts.profile.as_ref().is_some_and(|part| part.version.erased);
        return json!({ "id": id, "live": false, "erased": erased });
    };
    let mut ownerships: Vec<Value> = Vec::new();
    for ownership in facts.ownerships.values() {
        let value = json!({
            "kind": ownership.kind,
            "company": ownership.company,
            "verified": ownership.verified,
            "owned_since_ms": ownership.owned_since,
            "region": ownership.region,
        });
        // Each live index key has its own ownership.
        if !ownerships.contains(&value) {
            ownerships.push(value);
        }
    }
    json!({
        "id": id,
        "live": true,
        "created_at_ms": facts.created_at,
        "companies": facts.links.keys().collect::<Vec<_>>(),
        "ownerships": ownerships,
        "merged_into": facts.merged_into,
    })
}

fn human(conflict: &Conflict, users: &[Value], events: &[Event]) -> String {
    let mut rows: Vec<String> = conflict.contested.iter().map(|one| line(one, &conflict.users)).collect();
    rows.extend(differ(conflict));
    for (id, (user, parts)) in conflict.users.iter().zip(users.iter().zip(&conflict.parts)) {
        let Some(facts) = parts.profile.as_ref().and_then(PartRecord::profile_facts) else {
            rows.push(format!("{id}: not live here"));
            continue;
        };
        let companies: Vec<&str> = facts.links.keys().map(CompanyId::as_str).collect();
        let companies = if companies.is_empty() { "no company".to_owned() } else { companies.join(", ") };
        rows.push(format!("{id}: registered {}, linked to {companies}", time(facts.created_at)));
        for ownership in user["ownerships"].as_array().into_iter().flatten() {
            let word = |name: &str| ownership[name].as_str().unwrap_or_default().to_owned();
            let of = if ownership["company"].is_null() { String::new() } else { format!(" of {}", word("company")) };
            let verified = if ownership["verified"] == true { "verified" } else { "not verified" };
            rows.push(format!("  owns {}{of} ({verified}, in {})", word("kind"), word("region")));
        }
        if let Some(primary) = facts.merged_into {
            rows.push(format!("  merged into {primary}"));
        }
    }
    let rows: Vec<_> = rows.into_iter().map(|row| vec![row]).collect();
    let events: Vec<_> = events.iter().map(Event::cells).collect();
    let [one, other] = conflict.users;
    format!("{one} and {other}: {}\n{}{}\n", state(conflict.state), table(&rows), table(&events))
}
