//! By what an operator says why, and for whom.

/// The most characters of a reason, as in the API.
const MAX_CHARS: usize = 256;

/// Reads the name of a role or an account.
pub(super) fn role(text: &str) -> Result<String, String> {
    let fits = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'.' | b'-' | b'_');
    let fits = (1..=64).contains(&text.len()) && text.bytes().all(fits);
    if fits { Ok(text.to_owned()) } else { Err("1 to 64 letters, digits, dots, hyphens and underscores".into()) }
}

/// Reads a reason.
pub(super) fn reason(text: &str) -> Result<String, String> {
    match text.chars().count() {
        1..=MAX_CHARS => Ok(text.to_owned()),
        _ => Err(format!("1 to {MAX_CHARS} characters")),
    }
}
