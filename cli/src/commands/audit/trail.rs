//! The rows of the audit trail: how long they are kept, the key that verifies them, how they are shown, and the time of
//! `--since`.

use serde_json::Value;
use time::format_description::well_known::Rfc3339;
use time::{Date, OffsetDateTime, format_description};
use umoja_schema::api::AuditEntry;
use umoja_schema::audit::field;
use umoja_schema::{LogRow, Millis};
use umoja_store::audit::{AuditKey, Retention};

use crate::CliError;
use crate::deployment::Regions;
use crate::output::time;

/// How long a region's key service may take to wrap, in milliseconds. These commands wrap no key.
const WRAP_BUDGET_MS: u64 = 5_000;

/// How long rows are kept, by the newest copy of a region that answers, and the latest drop of any region.
pub(in crate::commands) async fn retention(regions: &Regions) -> Retention {
    let mut found: Option<Retention> = None;
    for region in &regions.list {
        // A region that does not answer is reported elsewhere.
        if let Ok(retention) = Retention::load(&*region.home.registry).await {
            found = Some(found.map_or(retention, |found| found.merged(&retention)));
        }
    }
    found.unwrap_or_default()
}

/// The key that verifies rows, or the reason why it cannot be loaded.
pub(in crate::commands) async fn key(regions: &Regions) -> Result<AuditKey, CliError> {
    let region = regions.first()?;
    let ring = regions.ring(WRAP_BUDGET_MS)?;
    let key = AuditKey::load(&*region.home.registry, &ring).await;
    key.map_err(|source| CliError::RegionSecrets { region: region.name().clone(), source })
}

/// An event for programs.
pub(in crate::commands) fn json(row: &LogRow) -> Value {
    let mut value = serde_json::to_value(AuditEntry::from(row)).unwrap_or_default();
    value["at"] = time(row.at.millis()).into();
    value["key"] = row.key.clone().into();
    for name in [field::KID, field::COMMAND, field::OPERATOR] {
        if let Some(text) = row.field(name) {
            value[name] = text.into();
        }
    }
    value
}

/// An event for people: time, region, kind, who caused it, and details.
pub(in crate::commands) fn cells(row: &LogRow) -> Vec<String> {
    let entry = AuditEntry::from(row);
    let text = |name| row.field(name).unwrap_or_default().to_owned();
    let by = match entry.by.as_deref() {
        Some("company") => format!("{} ({})", text(field::COMPANY), text(field::KID)),
        Some("client") => format!("client {} ({})", text(field::CLIENT), text(field::COMPANY)),
        Some("operator") => format!("operator {} ({})", text(field::OPERATOR), text(field::COMMAND)),
        other => other.unwrap_or("?").to_owned(),
    };
    let more = [entry.linked, entry.status, entry.other, Some(entry.identifiers.join(", "))];
    let more: Vec<String> = more.into_iter().flatten().collect();
    vec![time(row.at.millis()), row.origin.to_string(), entry.event, by, more.join(" ")]
}

/// Parses a time of the command line: RFC 3339, or a day, which begins at midnight UTC.
pub(in crate::commands) fn since(text: &str) -> Result<Millis, String> {
    let time = OffsetDateTime::parse(text, &Rfc3339).ok().or_else(|| {
        let day = format_description::parse_borrowed::<2>("[year]-[month]-[day]").ok()?;
        Some(Date::parse(text, &day).ok()?.midnight().assume_utc())
    });
    let millis = time.map(|time| time.unix_timestamp_nanos() / 1_000_000).and_then(|ms| u64::try_from(ms).ok());
    millis.map(Millis).ok_or_else(|| "a day such as 2026-01-31, or a time such as 2026-01-31T12:00:00Z".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_day_or_a_time_is_accepted() {
        assert_eq!(since("1970-01-02"), Ok(Millis(86_400_000)));
        assert_eq!(since("1970-01-01T01:00:01+01:00"), Ok(Millis(1000)));
        for text in ["", "yesterday", "1969-12-31", "2026-02-30", "2026-01-31 12:00", "1700000000"] {
            assert!(since(text).is_err(), "{text}");
        }
    }
}
