//! Where the next page of an export begins.

use std::fmt;
use std::str::FromStr;

use umoja_schema::{Hlc, Log, LogRow, UserId};

/// The position after the last row of a page, or before a user of whom no page has shown anything. Its text is the
/// `next` of an answer, and names only ids and times of the exported person.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Position {
    /// The user with whom the next page begins.
    pub(super) user: UserId,
    /// The row of the user that was shown last.
    pub(super) row: Option<RowPosition>,
}

/// Rows in the order of an export: the journal first, each table in the order of time.
pub(super) type RowPosition = (Log, Hlc, String);

/// The position of a row.
pub(super) fn of(log: Log, row: &LogRow) -> RowPosition {
    (log, row.at, row.key.clone())
}

/// A text that is not the `next` of an answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not a position of an export")]
pub struct PositionError;

impl fmt::Display for Position {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.row {
            None => write!(f, "{}", self.user),
            Some((log, at, key)) => write!(f, "{}~{}~{at}~{key}", self.user, log.table()),
        }
    }
}

impl FromStr for Position {
    type Err = PositionError;

    fn from_str(text: &str) -> Result<Self, PositionError> {
        let mut parts = text.splitn(4, '~');
        let user = parts.next().and_then(|user| user.parse().ok()).ok_or(PositionError)?;
        let row = match (parts.next(), parts.next(), parts.next()) {
            (None, ..) => None,
            (Some(log), Some(at), Some(key)) => {
                let (log, at) = (log.parse().map_err(|_| PositionError)?, at.parse().map_err(|_| PositionError)?);
                Some((log, at, key.to_owned()))
            }
            _ => return Err(PositionError),
        };
        Ok(Self { user, row })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use umoja_schema::Millis;

    #[test]
    fn a_position_round_trips_through_its_text() {
        let user = UserId::v8([3; 16]);
        let row = (Log::Audit, Hlc::at(Millis(1_800_000_000_000)), "eu-west-1#7~x".to_owned());
        for position in [Position { user, row: None }, Position { user, row: Some(row) }] {
            assert_eq!(position.to_string().parse(), Ok(position));
        }
    }

    #[test]
    fn another_text_is_no_position() {
        let user = UserId::v8([3; 16]);
        for text in ["", "x", &format!("{user}~"), &format!("{user}~audit~1"), &format!("{user}~users~1~k")] {
            assert_eq!(text.parse::<Position>(), Err(PositionError), "{text}");
        }
    }
}
