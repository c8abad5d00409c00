//! Instants in the forms of other systems.

use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;
use umoja_schema::Millis;

/// The text is not a known form of an instant.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct NoTime;

/// The dates that databases and programs write for no date: MySQL's zero date, and the first day of .NET.
const NO_DATE: [&str; 2] = ["0000-00-00", "0001-01-01"];

/// RFC 3339, and the forms of databases and programs: a blank for the `T`, an offset in hours only, without a colon,
/// after a blank, as `UTC` or `GMT`, or missing (UTC); a date alone is its first moment. A date of [`NO_DATE`] is `None`.
pub(super) fn written(text: &str) -> Result<Option<Millis>, NoTime> {
    let text = text.trim();
    let date = text.get(..10).ok_or(NoTime)?;
    if NO_DATE.contains(&date) {
        return Ok(None);
    }
    let (clock, offset) = match text.as_bytes().get(10) {
        None => ("00:00:00", "Z"),
        Some(b' ' | b'T' | b't') => {
            let clock = text.get(11..).ok_or(NoTime)?;
            match clock.find(['Z', 'z', '+', '-', 'U', 'G']) {
                Some(at) => (clock.get(..at).ok_or(NoTime)?.trim_end(), clock.get(at..).ok_or(NoTime)?),
                None => (clock, "Z"),
            }
        }
        Some(_) => return Err(NoTime),
    };
    let clock = if clock.len() == 5 { format!("{clock}:00") } else { clock.to_owned() };
    let offset = match (offset, offset.len()) {
        ("UTC" | "GMT", _) => "Z".to_owned(),
        (_, 3) => format!("{offset}:00"),
        (_, 5) => format!("{}:{}", offset.get(..3).ok_or(NoTime)?, offset.get(3..).ok_or(NoTime)?),
        _ => offset.to_owned(),
    };
    let instant = OffsetDateTime::parse(&format!("{date}T{clock}{offset}"), &Rfc3339).map_err(|_| NoTime)?;
    u64::try_from(instant.unix_timestamp_nanos() / 1_000_000).map(|millis| Some(Millis(millis))).map_err(|_| NoTime)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_forms_of_databases_are_the_same_instant() {
        // `date -u -d 2020-02-29T12:30:05Z +%s`
        let expected = Ok(Some(Millis(1_582_979_405_000)));
        for text in [
            "2020-02-29T12:30:05Z",
            "2020-02-29t12:30:05z",
            "2020-02-29T12:30:05.000Z",
            "2020-02-29 12:30:05",
            "2020-02-29 12:30:05.000000",
            "2020-02-29 12:30:05+00",
            "2020-02-29T13:30:05+01:00",
            "2020-02-29T05:30:05.000-0700",
            " 2020-02-29 12:30:05 ",
            "2020-02-29 12:30:05 UTC",
            "2020-02-29 12:30:05.0000000 +00:00",
            "2020-02-29 13:30:05 +0100",
            "2020-02-29T12:30:05GMT",
        ] {
            assert_eq!(written(text), expected, "{text}");
        }
        assert_eq!(written("2020-02-29T12:30:05.1239Z"), Ok(Some(Millis(1_582_979_405_123))));
        assert_eq!(written("2020-02-29"), Ok(Some(Millis(1_582_934_400_000))));
        assert_eq!(written("2020-02-29 12:30"), Ok(Some(Millis(1_582_979_400_000))));
    }

    #[test]
    fn invalid_instants_are_rejected() {
        for text in [
            "",
            "2020",
            "29.02.2020",
            "2020-02-29 12:30:05 EST",
            "2020-02-30 00:00:00",
            "2020-02-29 25:00:00",
            "1582979405",
            "1969-12-31T23:59:59Z",
            "2020-02-29é12:30:05",
            "2020-02-29 12:30:05+é9",
        ] {
            assert_eq!(written(text), Err(NoTime), "{text}");
        }
        for text in ["0000-00-00 00:00:00", "0001-01-01 00:00:00.0000000", "0001-01-01T00:00:00Z"] {
            assert_eq!(written(text), Ok(None), "{text}");
        }
    }
}
