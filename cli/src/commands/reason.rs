//! The free text by which an operator says why.

/// The most characters of a reason, as in the API.
const MAX_CHARS: usize = 256;

/// Reads a reason.
pub(super) fn reason(text: &str) -> Result<String, String> {
    match text.chars().count() {
        1..=MAX_CHARS => Ok(text.to_owned()),
        _ => Err(format!("1 to {MAX_CHARS} characters")),
    }
}
