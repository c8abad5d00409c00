//! Where a scan continues: behind a row, whatever the types of the columns of its key.
//!
//! A scan that could name only genuine keys would have to stop at the first key that is none.

use umoja_store::ports::StoreError;

use crate::cell::Cell;

/// What a position of a key that is not genuine begins with. No id and no identifier begins with it.
const MARK: char = '*';

/// The position behind a row that has no genuine key.
pub(super) fn odd(cells: &[Cell]) -> String {
    let cells: Vec<String> = cells.iter().map(Cell::encode).collect();
    format!("{MARK}{}", cells.join("/"))
}

/// Reads a position of [`odd`]; `None` if the text is another position.
///
/// # Errors
/// If it is a position of no scan.
pub(super) fn from_odd<const N: usize>(text: &str) -> Result<Option<[Cell; N]>, StoreError> {
    let Some(cells) = text.strip_prefix(MARK) else { return Ok(None) };
    let cells = cells.split('/').map(Cell::decode).collect::<Option<Vec<_>>>();
    let cells = cells.and_then(|cells| cells.try_into().ok());
    cells.map(Some).ok_or_else(unknown)
}

/// A position that no scan has given.
pub(super) fn unknown() -> StoreError {
    StoreError::Rejected("a scan from an unknown position".into())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_position_of_every_type_is_read_back() {
        let cells = [
            Cell::Null,
            Cell::Integer(i64::MIN),
            Cell::Real(-0.5),
            Cell::Text(b"a/b\xff".to_vec()),
            Cell::Blob(vec![0, 255]),
        ];
        assert_eq!(from_odd(&odd(&cells)), Ok(Some(cells)));
    }

    #[test]
    fn other_texts_are_no_position_of_an_odd_key() {
        assert_eq!(from_odd::<2>("018f/key"), Ok(None));
        for wrong in ["*", "*b", "*x/b", "*iAA/b", "*b/b/b", "*b!/b"] {
            assert!(matches!(from_odd::<2>(wrong), Err(StoreError::Rejected(_))), "{wrong}");
        }
    }
}
