//! What a person calls a factor.

use umoja_schema::access::Factor;

use crate::People;

/// The most characters of a label.
const MAX_CHARS: usize = 64;

/// A label as it is stored: without control characters and surplus blanks, and not too long. `None` if nothing is left.
pub(super) fn tidy(text: &str) -> Option<String> {
    let plain: String = text.chars().filter(|c| !c.is_control()).collect();
    let label: String = plain.trim().chars().take(MAX_CHARS).collect();
    (!label.is_empty()).then_some(label)
}

impl People {
    /// What the person calls a factor. Personal data.
    pub fn factor_label(&self, factor: &Factor) -> Option<String> {
        self.secrets.factors().open_label((factor.user, &factor.id), factor.label.as_deref()?)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_label_is_one_line_of_limited_length() {
        assert_eq!(tidy(" My\n phone "), Some("My phone".to_owned()));
        assert_eq!(tidy(" \u{7} "), None);
        assert_eq!(tidy(&"é".repeat(100)).map(|label| label.chars().count()), Some(64));
    }
}
