//! Commands that a message names, to paste into a shell.

/// A text as one word of a POSIX shell.
pub(crate) fn word(text: &str) -> String {
    let is_plain = |c: char| c.is_alphanumeric() || "-_./:=@%+,".contains(c);
    if !text.is_empty() && text.chars().all(is_plain) {
        return text.to_owned();
    }
    format!("'{}'", text.replace('\'', r"'\''"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_word_of_a_shell_is_quoted_if_it_needs_it() {
        let words = ["./umoja", "http://127.0.0.1:7300/v1", "a b", "it's", "", "$HOME", "~"].map(word);
        let quoted = ["./umoja", "http://127.0.0.1:7300/v1", "'a b'", r"'it'\''s'", "''", "'$HOME'", "'~'"];
        assert_eq!(words, quoted);
    }
}
