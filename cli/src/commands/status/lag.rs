//! Which region is behind which, and by how much.

use serde::Serialize;
use umoja_runtime::backlog::{Backlog, LagThresholds};
use umoja_schema::Region;
use umoja_schema::names::queue;

/// What a region has written and another one does not hold yet. Only known for a directory.
#[derive(Serialize)]
pub(super) struct Lag {
    /// The region that is behind.
    region: Region,
    /// The region that wrote the changes.
    behind: Region,
    /// How many changes wait: in the stream, which every peer has still to get, and in the retry queue of this one.
    changes: u64,
    /// How long the oldest change of the stream has waited.
    #[serde(skip_serializing_if = "Option::is_none")]
    oldest_ms: Option<u64>,
    /// Whether that is more than may wait, or for longer.
    exceeds: bool,
}

impl Lag {
    /// How far each of the other regions is behind a region. `waiting` says how many messages a queue of it has.
    pub(super) fn of(
        (written_in, backlog): (&Region, Option<Backlog>),
        waiting: impl Fn(&str) -> u64,
        regions: &[&Region],
        thresholds: &LagThresholds,
    ) -> impl Iterator<Item = Self> {
        let peers = regions.iter().filter(move |peer| **peer != written_in);
        peers.filter_map(move |peer| {
            let Backlog { changes, oldest_ms } = backlog?;
            let retried = waiting(&queue::retry(peer));
            let backlog = Backlog { changes: changes + retried, oldest_ms };
            let (region, behind, changes) = ((*peer).clone(), written_in.clone(), backlog.changes);
            Some(Self { region, behind, changes, oldest_ms, exceeds: backlog.exceeds(thresholds) })
        })
    }

    /// What needs an operator's attention.
    pub(super) fn attention(&self, thresholds: &LagThresholds) -> Option<String> {
        let Self { region, behind, changes, oldest_ms, exceeds } = self;
        let LagThresholds { changes: most, age_ms } = thresholds;
        let oldest = oldest_ms.map(|ms| format!(", the oldest for {}", span(ms))).unwrap_or_default();
        exceeds.then(|| {
            format!(
                "{region} is behind {behind}: {changes} changes wait to be replicated{oldest}; up to {most} may wait, \
                 for up to {}",
                span(*age_ms)
            )
        })
    }
}

/// A span of time for people.
fn span(ms: u64) -> String {
    if ms < 10_000 { format!("{ms} ms") } else { format!("{} s", ms / 1000) }
}

/// Reads a duration: a number with `ms`, `s`, `m` or `h`; a number alone is in seconds. Returns milliseconds.
pub(super) fn duration(text: &str) -> Result<u64, String> {
    let digits = text.trim_end_matches(|c: char| c.is_ascii_lowercase());
    let unit = match &text[digits.len()..] {
        "ms" => 1,
        "" | "s" => 1_000,
        "m" => 60_000,
        "h" => 3_600_000,
        _ => return Err("a duration is a number with ms, s, m or h, such as 2s".into()),
    };
    let number: u64 = digits.parse().map_err(|_| "a duration begins with a whole number, such as 2s".to_owned())?;
    number.checked_mul(unit).ok_or_else(|| "the duration is too long".into())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_have_units() {
        let read = [("2s", 2_000), ("500ms", 500), ("1m", 60_000), ("1h", 3_600_000), ("90", 90_000), ("0", 0)];
        for (text, ms) in read {
            assert_eq!(duration(text), Ok(ms), "{text}");
        }
        for wrong in ["", "s", "-1", "2 s", "2d", "1.5s", "99999999999999999999", "18446744073709551615h"] {
            assert!(duration(wrong).is_err(), "{wrong}");
        }
    }
}
