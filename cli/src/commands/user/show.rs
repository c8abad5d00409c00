//! `umoja user show`: what each region holds on a user, without secrets or personal data.

use clap::Args;
use serde_json::{Value, json};
use umoja_schema::{CompanyId, Facts, Log, Ownership, Part, PartRecord, ProfileFacts, Region, UserId};
use umoja_store::ports::{Parts, StoreError};

use crate::CliError;
use crate::commands::named::Named;
use crate::commands::target::Target;
use crate::deployment::DeployedRegion;
use crate::output::{Output, table};

/// Show what each region holds on a user: versions, wrapped keys, ownerships, links; no secrets, no personal data.
#[derive(Debug, Args)]
#[command(
    long_about = "Show what each region holds on a user: versions, wrapped keys, ownerships, links; no secrets, no \
personal data. The command opens no record.

In AWS it needs credentials that may, in every region: dynamodb:GetItem on PREFIX-settings; Query on PREFIX-users, \
PREFIX-linked_accounts, PREFIX-journal and PREFIX-receipts. A user that is named by an identifier also needs, in the \
region that is asked first: dynamodb:BatchGetItem on PREFIX-identifiers; kms:Decrypt with the data key."
)]
#[command(after_help = "Examples:
  umoja user show 0197a5f2-6d1c-7c3e-9b0a-3f6f1c2d4e5f --dir DIR
  umoja user show amina@example.com --dir DIR
  umoja user show 0197a5f2-6d1c-7c3e-9b0a-3f6f1c2d4e5f --dir DIR \\
      --only eu-west-1 --json
  umoja user show 0197a5f2-6d1c-7c3e-9b0a-3f6f1c2d4e5f --prefix PREFIX \\
      --region eu-west-1")]
pub(super) struct Show {
    /// The user: an id, an e-mail address, a phone number such as +254712123456, or a user name.
    user: Named,
    #[command(flatten)]
    target: Target,
    /// Show only what this region holds.
    #[arg(long, value_name = "REGION")]
    only: Option<Region>,
}

/// What one region holds.
struct Held {
    region: Region,
    parts: Parts,
    linked_accounts: Vec<UserId>,
    journal: usize,
    receipts: usize,
}

impl Show {
    pub(super) async fn run(self, output: Output) -> Result<(), CliError> {
        let deployment = self.target.regions().await?;
        let id = self.user.id(&deployment).await?;
        let wanted = |region: &&DeployedRegion| self.only.as_ref().is_none_or(|only| only == region.name());
        let (mut held, mut unseen) = (Vec::new(), Vec::new());
        for region in deployment.list.iter().filter(wanted) {
            match read(region, id).await {
                Ok(read) => held.push(read),
                Err(error) => unseen.push((region.name(), error.to_string())),
            }
        }
        if let (true, Some((region, error))) = (held.is_empty(), unseen.first()) {
            return Err(CliError::Failed(format!("{region}: {error}")));
        }
        if held.is_empty() {
            return Err(CliError::Usage("--only: the deployment has no such region".into()));
        }
        if held.iter().all(|held| held.parts == Parts::default()) {
            return Err(CliError::Failed("no such user: no region holds a user with this id".into()));
        }
        // Compares the stored items: versions, envelopes, wrapped keys, facts.
        let agree = held.iter().all(|other| other.parts == held[0].parts);
        let regions: Vec<Value> = held.iter().map(Held::json).collect();
        let mut answer = json!({ "id": id, "regions": regions, "agree": (held.len() > 1).then_some(agree) });
        if !unseen.is_empty() {
            answer["unseen"] =
                unseen.iter().map(|(region, error)| json!({ "region": region, "error": error })).collect();
        }
        output.answer(&answer, || {
            let mut text = format!("User {id}\n");
            for held in &held {
                text.push_str(&held.text());
            }
            if held.len() > 1 {
                text.push_str(if agree { "\nAll regions hold the same.\n" } else { "\nThe regions differ.\n" });
            }
            let lines = unseen.iter().map(|(region, error)| format!("\n{region} cannot be read: {error}\n"));
            text.extend(lines);
            text
        });
        if unseen.is_empty() { Ok(()) } else { Err(CliError::Said) }
    }
}

async fn read(region: &DeployedRegion, id: UserId) -> Result<Held, StoreError> {
    let own = &region.home.own;
    Ok(Held {
        region: region.name().clone(),
        parts: own.users.parts(id).await?,
        linked_accounts: own.users.linked_accounts(id).await?,
        journal: own.logs.rows(Log::Journal, id).await?.len(),
        receipts: own.logs.rows(Log::Receipts, id).await?.len(),
    })
}

impl Held {
    fn json(&self) -> Value {
        let parts: serde_json::Map<String, Value> = Part::ALL
            .into_iter()
            .map(|part| (part.to_string(), self.parts.get(part).map_or(Value::Null, part_json)))
            .collect();
        json!({
            "region": self.region,
            "parts": parts,
            "linked_accounts": self.linked_accounts,
            "journal_rows": self.journal,
            "receipt_rows": self.receipts,
        })
    }

    fn text(&self) -> String {
        let mut rows = Vec::new();
        for part in Part::ALL {
            let mut row = |name: &str, value: String| rows.push(vec![name.to_owned(), value]);
            match self.parts.get(part) {
                None => row(part.as_str(), "absent".into()),
                Some(record) => part_rows(record, &mut row),
            }
        }
        for linked in &self.linked_accounts {
            rows.push(vec!["linked account".into(), linked.to_string()]);
        }
        let logs = format!("{} in the journal, {} in the receipts", self.journal, self.receipts);
        rows.push(vec!["rows".into(), logs]);
        format!("\n{}\n{}", self.region, table(&rows))
    }
}

fn part_json(record: &PartRecord) -> Value {
    let mut value = json!({
        "version": record.version,
        "written_at_ms": record.version.hlc.millis(),
        "origin": record.version.origin,
        "erased": record.version.erased,
    });
    let Some(live) = record.live() else { return value };
    value["wrapped_regions"] = json!(live.keys.keys().collect::<Vec<_>>());
    match &live.facts {
        Facts::Credentials { status } => value["status"] = json!(status),
        Facts::Profile(facts) => {
            value["created_at_ms"] = json!(facts.created_at);
            value["ownerships"] = facts.ownerships.values().map(ownership_json).collect();
            value["links"] = json!(facts.links.keys().collect::<Vec<_>>());
            value["merged_into"] = json!(facts.merged_into);
        }
    }
    value
}

fn ownership_json(ownership: &Ownership) -> Value {
    json!({
        "kind": ownership.kind.as_str(),
        "verified": ownership.verified,
        "company": ownership.company,
        "region": ownership.region,
        "owned_since_ms": ownership.owned_since,
        "key_version": ownership.key_version,
    })
}

fn part_rows(record: &PartRecord, row: &mut impl FnMut(&str, String)) {
    row(record.part.as_str(), format!("version {}", record.version));
    let Some(live) = record.live() else {
        row("", format!("erased in {}", record.version.origin));
        return;
    };
    row("", format!("key wrapped by {}", joined(live.keys.keys().map(Region::as_str))));
    match &live.facts {
        Facts::Credentials { status } => row("", format!("status {}", status.as_str())),
        Facts::Profile(facts) => profile_rows(facts, row),
    }
}

fn profile_rows(facts: &ProfileFacts, row: &mut impl FnMut(&str, String)) {
    for ownership in facts.ownerships.values() {
        let verified = if ownership.verified { "verified" } else { "not verified" };
        let of = ownership.company.as_ref().map(|company| format!(" of {company}")).unwrap_or_default();
        row("", format!("owns {}{of} ({verified}, in {})", ownership.kind.as_str(), ownership.region));
    }
    row("", format!("linked to {}", joined(facts.links.keys().map(CompanyId::as_str))));
    if let Some(primary) = facts.merged_into {
        row("", format!("merged into {primary}"));
    }
}

fn joined<'a>(names: impl Iterator<Item = &'a str>) -> String {
    let names: Vec<&str> = names.collect();
    if names.is_empty() { "none".into() } else { names.join(", ") }
}
