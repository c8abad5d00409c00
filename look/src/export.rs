//! Everything that is kept about a person, as a file to read: the same that the export has for programs.

use std::collections::BTreeMap;

use serde_json::Value;
use umoja_schema::api::{AuditEntry, Exported, ExportedCredentials, ExportedSignOn, JournalEntry, User};
use umoja_schema::{Millis, Source};

use crate::language::Language;
use crate::look::Look;
use crate::page::Page;
use crate::text::Phrase;
use crate::texts::account as say;

/// The members that are times, in seconds.
const TIMES: [&str; 6] = ["created_at", "updated_at", "linked_at", "expires_at", "signed_in_at", "since"];

/// The page of an export. [`Page::document`] makes the file.
pub fn page<'a>(look: &'a Look, language: Language, exported: &Exported) -> Page<'a> {
    let mut page = Page::new(look, language, say::DATA_TITLE);
    if exported.next.is_some() {
        page = page.text(say::DATA_MORE);
    }
    page = values(page, say::DATA_VALUES.into(), &exported.user, &exported.sources);
    page = credentials(page, &exported.credentials);
    if let Some(held) = &exported.sign_on {
        page = sign_on(page, held);
    }
    page = events(page, &exported.audit, &exported.journal);
    for linked in &exported.linked_accounts {
        let title = say::DATA_LINKED.with(&[("id", &linked.user.id.to_string())]);
        page = values(page, title, &linked.user, &linked.sources);
        page = credentials(page, &linked.credentials);
        page = events(page, &linked.audit, &linked.journal);
    }
    page
}

fn headings() -> [Phrase; 3] {
    [say::DATA_NAME.into(), say::DATA_VALUE.into(), say::DATA_FROM.into()]
}

fn foreign(text: &str) -> Phrase {
    Phrase::foreign(text)
}

fn source(source: Option<&Source>) -> String {
    source.map(|source| format!("{}, {}", source.company, day(source.at))).unwrap_or_default()
}

fn day(secs: u64) -> String {
    Millis(secs.saturating_mul(1000)).date().unwrap_or_else(|| secs.to_string())
}

fn values<'a>(page: Page<'a>, title: Phrase, user: &User, sources: &BTreeMap<String, Source>) -> Page<'a> {
    let mut rows = Vec::new();
    flatten("", &serde_json::to_value(user).unwrap_or_default(), &mut rows);
    let row = |(name, value): (String, String)| {
        // A source is of a value, or of the whole object that it is in.
        let of = std::iter::successors(Some(name.as_str()), |name| name.rsplit_once('.').map(|(outer, _)| outer));
        let source = source(of.into_iter().find_map(|name| sources.get(name)));
        vec![foreign(&name), foreign(&value), foreign(&source)]
    };
    page.heading(title).table(&headings(), &rows.into_iter().map(row).collect::<Vec<_>>())
}

/// The values of a document, each under the names that lead to it. What is empty is left out.
fn flatten(name: &str, value: &Value, rows: &mut Vec<(String, String)>) {
    let under = |inner: &str| if name.is_empty() { inner.to_owned() } else { format!("{name}.{inner}") };
    let last = name.rsplit('.').next().unwrap_or_default();
    match value {
        Value::Null => {}
        Value::Object(members) => members.iter().for_each(|(inner, value)| flatten(&under(inner), value, rows)),
        Value::Array(items) => {
            items.iter().zip(1_usize..).for_each(|(value, n)| flatten(&under(&n.to_string()), value, rows));
        }
        Value::String(text) => rows.push((name.to_owned(), text.clone())),
        Value::Number(number) if TIMES.contains(&last) => {
            rows.push((name.to_owned(), number.as_u64().map_or_else(|| number.to_string(), day)));
        }
        Value::Number(_) | Value::Bool(_) => rows.push((name.to_owned(), value.to_string())),
    }
}

fn credentials<'a>(page: Page<'a>, held: &ExportedCredentials) -> Page<'a> {
    let mut rows = vec![("password", held.password.to_string(), source(held.password_source.as_ref()))];
    for company in &held.legacy_hashes_of {
        rows.push(("legacy_hash", String::new(), company.to_string()));
    }
    let reason = held.status_reason.clone().unwrap_or_default();
    rows.push(("status_reason", reason, source(held.status_source.as_ref())));
    let row = |(name, value, source): (&str, String, String)| vec![foreign(name), foreign(&value), foreign(&source)];
    page.heading(say::DATA_PASSWORD).table(&headings(), &rows.into_iter().map(row).collect::<Vec<_>>())
}

fn sign_on<'a>(page: Page<'a>, held: &ExportedSignOn) -> Page<'a> {
    let mut rows = Vec::new();
    flatten("", &serde_json::to_value(held).unwrap_or_default(), &mut rows);
    let row = |(name, value): (String, String)| vec![foreign(&name), foreign(&value)];
    let headings = [say::DATA_NAME.into(), say::DATA_VALUE.into()];
    page.heading(say::DATA_SIGN_ON).table(&headings, &rows.into_iter().map(row).collect::<Vec<_>>())
}

fn events<'a>(page: Page<'a>, audit: &[AuditEntry], journal: &[JournalEntry]) -> Page<'a> {
    let mut rows: Vec<(u64, String, String, String)> = Vec::new();
    for entry in audit {
        let details = [&entry.linked, &entry.status, &entry.factor, &entry.other].into_iter().flatten();
        let details: Vec<&str> = details.chain(&entry.identifiers).map(String::as_str).collect();
        let by = [&entry.company, &entry.client, &entry.source].into_iter().flatten().map(String::as_str);
        let by = entry.by.as_deref().into_iter().chain(by).collect::<Vec<_>>().join(" ");
        rows.push((entry.at, entry.event.clone(), details.join(", "), format!("{by}, {}", entry.region)));
    }
    for entry in journal {
        let details = entry.identifier.clone().unwrap_or_default();
        rows.push((entry.at, entry.kind.clone(), details, entry.region.to_string()));
    }
    rows.sort();
    let row = |(at, event, details, by): (u64, String, String, String)| {
        vec![foreign(&event), foreign(&details), foreign(&format!("{}, {by}", day(at)))]
    };
    page.heading(say::DATA_EVENTS).table(&headings(), &rows.into_iter().map(row).collect::<Vec<_>>())
}

#[cfg(test)]
mod tests {
    use umoja_schema::api::ExportedFactor;
    use umoja_schema::{AccountStatus, Profile, UserId};

    use super::*;

    fn exported() -> Exported {
        let given_name = "<script>alert('A & B')</script>".to_owned();
        let profile = serde_json::json!({ "given_name": given_name, "custom": { "plan": ["gold", 7] } });
        let user = User {
            id: UserId::v8([1; 16]),
            status: AccountStatus::Active,
            version: "v".into(),
            email: Some("amina@example.com".into()),
            email_verified: Some(true),
            phone_number: None,
            phone_number_verified: None,
            username: None,
            profile: Profile::from_value(profile).unwrap(),
            accounts: BTreeMap::new(),
            created_at: 86_400,
            updated_at: 86_400,
            linked_accounts: Vec::new(),
            filled_from: BTreeMap::new(),
        };
        let source = Source { company: "soko".parse().unwrap(), at: 172_800 };
        Exported {
            user,
            sources: BTreeMap::from([("email".into(), source.clone()), ("profile.custom".into(), source)]),
            credentials: ExportedCredentials {
                password: true,
                password_source: None,
                legacy_hashes_of: Vec::new(),
                status_reason: None,
                status_source: None,
            },
            sign_on: Some(ExportedSignOn {
                sessions: Vec::new(),
                lasting_access: Vec::new(),
                consents: Vec::new(),
                factors: vec![ExportedFactor {
                    kind: "totp".into(),
                    label: Some("<b>phone".into()),
                    created_at: 259_200,
                }],
                logins: Vec::new(),
            }),
            journal: Vec::new(),
            audit: Vec::new(),
            linked_accounts: Vec::new(),
            next: None,
        }
    }

    #[test]
    fn a_file_to_read_has_every_value_with_its_source_and_no_markup_of_others() {
        for language in Language::ALL {
            let html = page(&Look::plain(), language, &exported()).document();
            for has in [
                "amina@example.com",
                "profile.custom.plan.1",
                "gold",
                "soko, 1970-01-03",
                "1970-01-02",
                "&lt;b&gt;phone",
                "1970-01-04",
            ] {
                assert!(html.contains(has), "{has}: {html}");
            }
            assert!(html.contains("&lt;script&gt;alert(&#39;A &amp; B&#39;)"));
            assert!(!html.contains("<script"));
            assert!(html.contains("http-equiv=\"Content-Security-Policy\" content=\"default-src &#39;none&#39;;"));
        }
    }
}
