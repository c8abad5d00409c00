//! Finds words in sentences and in names such as `snake_case` and `CamelCase`, regardless of their case.

/// A word or phrase that was found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Found<'a> {
    /// The line, from 1.
    pub line: usize,
    /// The word or phrase, as in the search.
    pub phrase: &'a str,
}

/// The places where a text has one of these phrases, each of one or more lower-case words.
pub fn find_words<'a>(text: &str, phrases: &[&'a str]) -> Vec<Found<'a>> {
    let mut found = Vec::new();
    for (number, line) in text.lines().enumerate() {
        let words = words(line);
        for phrase in phrases {
            let parts: Vec<&str> = phrase.split(' ').collect();
            if words.windows(parts.len()).any(|window| window == parts) {
                found.push(Found { line: number + 1, phrase });
            }
        }
    }
    found
}

fn words(line: &str) -> Vec<String> {
    let mut words: Vec<String> = Vec::new();
    let mut before = ' ';
    for letter in line.chars() {
        if letter.is_alphabetic() {
            let begins = !before.is_alphabetic() || letter.is_uppercase() && before.is_lowercase();
            if begins {
                words.push(String::new());
            }
            if let Some(word) = words.last_mut() {
                word.extend(letter.to_lowercase());
            }
        }
        before = letter;
    }
    words
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_are_found_in_sentences_and_names() {
        let lines = |text: &str| find_words(text, &["nobody", "goes on"]).len();
        assert_eq!(lines("Nobody is here.\n`for_nobody` NOBODY GoesOn it goes on"), 2 + 1);
        assert_eq!(lines("nobodys forgoes on"), 0);
    }
}
