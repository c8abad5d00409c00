//! `umoja user why`: why a person can or cannot log in, in every region.

use clap::Args;
use serde_json::{Value, json};
use umoja_accounts::{CompanyHolds, Held, PasswordKind, Why as Known};
use umoja_schema::{Millis, Region, Source};

use crate::CliError;
use crate::commands::audit::trail;
use crate::commands::named::Named;
use crate::commands::sessions::asked::failed;
use crate::commands::target::Target;
use crate::output::{Output, counted, table, time};

/// Show why a person can or cannot log in: status, lock-out, password, companies, conflicts, factors, last events.
#[derive(Debug, Args)]
#[command(
    long_about = "Show why a person can or cannot log in: the status and who set it; until when attempts are rejected in \
each region, because each counts for itself; whether there is a password and of which kind; which users are merged; which \
companies are linked, what each has stated last and whether it serves the person; open conflicts; the number of factors \
and of sessions; a hold; and the last security event of each kind. Of failed logins the counts are kept, for an hour; no \
log of them exists.

No personal data: names of values and no values. The command opens the record of the person in the memory of this \
machine. What is the same in all regions is shown as the region that is asked first has it.

The exit code is 1 if there is no such user or a region cannot be read.

In AWS it needs credentials that may: dynamodb:GetItem on PREFIX-settings in every region; in every region, Query on \
PREFIX-users, PREFIX-linked_accounts, PREFIX-access, PREFIX-audit and PREFIX-journal, GetItem on PREFIX-attempts and \
PREFIX-access; kms:Decrypt with the keys of data and proofs. A user that is named by an identifier also needs \
dynamodb:BatchGetItem on PREFIX-identifiers."
)]
#[command(after_help = "Examples:
  umoja user why amina@example.com --dir DIR
  umoja user why 0197a5f2-6d1c-7c3e-9b0a-3f6f1c2d4e5f --dir DIR --json
  umoja user why amina@example.com --prefix PREFIX --region eu-west-1")]
pub(super) struct Why {
    /// The user: an id, an e-mail address, a phone number such as +254712123456, or a user name.
    user: Named,
    #[command(flatten)]
    target: Target,
}

impl Why {
    pub(super) async fn run(self, output: Output) -> Result<(), CliError> {
        let regions = self.target.regions().await?;
        let id = self.user.id(&regions).await?;
        let mut known: Vec<(&Region, Known)> = Vec::new();
        let mut unseen = Vec::new();
        let first = regions.first()?.name();
        let asked = regions.list.iter().filter(|region| region.name() == first);
        for region in asked.chain(regions.list.iter().filter(|region| region.name() != first)) {
            let read = async {
                let people = region.people().await?;
                people.why(id).await.map_err(|error| failed(region.name(), &error))
            };
            match read.await {
                Ok(Some(why)) => known.push((region.name(), why)),
                Ok(None) => {}
                Err(error) => unseen.push(error),
            }
        }
        let Some((_, why)) = known.first() else {
            let none = || CliError::Failed("no such user: no region holds a live user with this id".into());
            return Err(unseen.into_iter().next().unwrap_or_else(none));
        };
        let mut answer = value(why);
        answer["regions"] = known.iter().map(|(region, why)| counts(region, why)).collect();
        answer["unseen"] = unseen.iter().map(ToString::to_string).collect();
        output.answer(&answer, || {
            let mut rows = rows(why);
            for (region, why) in &known {
                rows.extend(attempts(region, why));
            }
            let mut text = format!("User {}\n{}", why.id, table(&rows));
            let events: Vec<_> = why.events.iter().map(trail::cells).collect();
            if !events.is_empty() {
                text += "\nThe last event of each kind\n";
                text += &table(&events);
            }
            text.extend(unseen.iter().map(|error| format!("\n{error}\n")));
            text
        });
        if unseen.is_empty() { Ok(()) } else { Err(CliError::Said) }
    }
}

fn value(why: &Known) -> Value {
    let source = |source: &Option<Source>| source.as_ref().map(|by| json!({ "company": by.company, "at": by.at }));
    let (password, kinds) = password(&why.password);
    let company = |holds: &CompanyHolds| {
        json!({
            "status": holds.state.as_str(),
            "linked_at_ms": holds.since,
            "last_login_day": holds.last_login_day,
            "stated": holds.stated,
        })
    };
    let companies: serde_json::Map<_, _> =
        why.companies.iter().map(|(id, holds)| (id.to_string(), company(holds))).collect();
    let identifiers = why
        .identifiers
        .iter()
        .map(|(kind, company, verified)| json!({ "kind": kind.as_str(), "company": company, "verified": verified }));
    json!({
        "id": why.id,
        "status": why.status.as_str(),
        "status_source": source(&why.status_source),
        "password": password,
        "password_kinds": kinds,
        "password_source": source(&why.password_source),
        "identifiers": identifiers.collect::<Vec<_>>(),
        "merged": why.merged.iter().map(|(id, into)| json!({ "id": id, "into": into })).collect::<Vec<_>>(),
        "companies": companies,
        "conflicts": why.conflicts,
        "factors": why.factors,
        "sessions": why.sessions,
        "held": why.held.as_ref().map(held),
        "events": why.events.iter().map(trail::json).collect::<Vec<_>>(),
    })
}

pub(super) fn held(held: &Held) -> Value {
    json!({ "until_ms": held.until, "held_at_ms": held.at, "by": held.by, "reason": held.reason })
}

/// What one region counts for itself.
fn counts(region: &Region, why: &Known) -> Value {
    let failed = why.failed.iter().map(|failed| {
        json!({ "by": failed.by, "company": failed.company, "count": failed.count, "locked_until_ms": failed.locked_until })
    });
    json!({
        "region": region,
        "status": why.status.as_str(),
        "locked_until_ms": why.locked_until(),
        "failed_attempts": failed.collect::<Vec<_>>(),
    })
}

fn password(kind: &PasswordKind) -> (&'static str, Vec<String>) {
    match kind {
        PasswordKind::Own => ("own", Vec::new()),
        PasswordKind::Legacy(families) => ("legacy", families.iter().cloned().collect()),
        PasswordKind::None => ("none", Vec::new()),
    }
}

fn rows(why: &Known) -> Vec<Vec<String>> {
    let mut rows = Vec::new();
    let mut row = |name: &str, value: String| rows.push(vec![name.to_owned(), value]);
    let by = |source: &Option<Source>| {
        let said = |by: &Source| format!(", set by {} at {}", by.company, time(Millis(by.at * 1000)));
        source.as_ref().map(said).unwrap_or_default()
    };
    row("status", format!("{}{}", why.status.as_str(), by(&why.status_source)));
    let password = match &why.password {
        PasswordKind::Own => format!("of Umoja (argon2id){}", by(&why.password_source)),
        PasswordKind::Legacy(kinds) => {
            let kinds: Vec<_> = kinds.iter().map(String::as_str).collect();
            format!("of another system, until the first login ({})", kinds.join(", "))
        }
        PasswordKind::None => "none; a company with an old system may verify one at the first login".to_owned(),
    };
    row("password", password);
    for (kind, company, verified) in &why.identifiers {
        let of = company.as_ref().map(|company| format!(" of {company}")).unwrap_or_default();
        let verified = if *verified { "verified" } else { "not verified" };
        row("identifier", format!("{}{of}, {verified}", kind.as_str().replace('_', " ")));
    }
    for (user, into) in &why.merged {
        let into = into.map(|into| format!(", into {into}")).unwrap_or_default();
        row("merged", format!("{user}{into}"));
    }
    for (company, holds) in &why.companies {
        let stated: Vec<_> = holds.stated.iter().map(String::as_str).collect();
        let state = holds.state.as_str();
        row("company", format!("{company}: {state} since {}, stated {}", time(holds.since), stated.join(", ")));
    }
    for other in &why.conflicts {
        row("conflict", format!("with {other}; see `umoja conflicts show`"));
    }
    let factors: Vec<_> = why.factors.iter().map(|(kind, number)| format!("{number} {kind}")).collect();
    row("factors", if factors.is_empty() { "none".to_owned() } else { factors.join(", ") });
    row("sessions", why.sessions.to_string());
    if let Some(held) = &why.held {
        let reason = held.reason.as_deref().unwrap_or("the reason cannot be opened");
        row("held", format!("until {}, by {}: {reason}", time(held.until), held.by));
    }
    rows
}

/// What one region counts, for people.
fn attempts(region: &Region, why: &Known) -> Vec<Vec<String>> {
    let lock = match why.locked_until() {
        Some(until) => format!("locked until {}; `umoja user unlock` ends it", time(until)),
        None => "not locked".to_owned(),
    };
    let mut rows = vec![vec![region.to_string(), lock]];
    for failed in &why.failed {
        let of = failed.company.as_ref().map(|company| format!(" of {company}")).unwrap_or_default();
        let by = match failed.by {
            "any" => "by any identifier".to_owned(),
            "codes" => "with codes of second factors".to_owned(),
            kind => format!("by {}{of}", kind.replace('_', " ")),
        };
        rows.push(vec![String::new(), format!("{} {by}", counted(failed.count.into(), "failed attempt"))]);
    }
    rows
}
