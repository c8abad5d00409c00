//! Forms of browsers (`application/x-www-form-urlencoded`).

use std::fmt::Write as _;

/// Parameters as a form or a query.
pub fn encoded(parameters: &[(&str, &str)]) -> String {
    let mut text = String::new();
    for (name, value) in parameters {
        let separator = if text.is_empty() { "" } else { "&" };
        // Writing to a string cannot fail.
        let _ = write!(text, "{separator}{name}=");
        for byte in value.bytes() {
            let _ = match byte {
                b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'-' | b'_' | b'.' | b'~' => {
                    write!(text, "{}", char::from(byte))
                }
                _ => write!(text, "%{byte:02X}"),
            };
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_no_letter_or_digit_is_escaped() {
        assert_eq!(encoded(&[("a", "b c@d"), ("e", "é")]), "a=b%20c%40d&e=%C3%A9");
    }
}
