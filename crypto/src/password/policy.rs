//! The policy for new passwords (NIST SP 800-63B-4 section 3.1.1.2). It rejects a password that is common, that
//! consists of known words about the person or the service, or that is easy to guess for another reason. It has no rule
//! of composition.
//!
//! The blocklist is that of `zxcvbn`: 30,000 common passwords, and the names and words that guessing programs try. The
//! strength estimate contains it already, so no other list is kept. A password that is one entry of it, also in
//! reverse, in capitals or with `0` for `o`, is rejected at any required score. (The estimate reads the year of the
//! machine's clock once, because a recent year in a password weighs less.)

use sha1::{Digest as _, Sha1};
use unicode_normalization::UnicodeNormalization as _;
use zeroize::Zeroizing;
use zxcvbn::matching::patterns::MatchPattern;

use super::Password;

/// The default for the least score of a new password: 3, which is 10^8 guesses or more. `zxcvbn`'s authors call
/// anything less too weak.
pub const MIN_SCORE: u8 = 3;

/// The highest score: 4, which is 10^10 guesses or more.
pub const MAX_SCORE: u8 = 4;

/// The most words about a person that count, and the most characters of each.
const MAX_WORDS: usize = 64;
const MAX_WORD_CHARS: usize = 64;

/// The fewest characters of a part of a name: shorter parts occur in too many words.
const MIN_PART_CHARS: usize = 3;

/// The fewest characters, without spaces and punctuation, that a password must have besides words about the person.
const MIN_LEFT_CHARS: usize = 4;

/// Why a password of the right length is rejected; never contains any of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Weakness {
    /// It is a common password, or a single word or name.
    #[error("a password must not be a common one or a single word")]
    Common,
    /// It is made of words about the person or the service.
    #[error("a password must not consist of names and addresses of the user or the service")]
    Personal,
    /// Its score is below the required one.
    #[error("a password must take many guesses")]
    Guessable,
    /// It is in the list of breached passwords.
    #[error("a password must not be one that was found in a breach")]
    Breached,
}

/// The rules that a password is checked against.
#[derive(Clone, Default)]
pub struct Policy {
    words: Vec<String>,
    min_score: u8,
}

impl Policy {
    /// The policy for a user with these names, numbers and addresses, the service's own included. Each counts as a
    /// whole and in its parts. Of an e-mail address, the text before the `@` counts.
    pub fn new<'a>(min_score: u8, about: impl IntoIterator<Item = &'a str>) -> Self {
        let mut words: Vec<String> = Vec::new();
        for text in about {
            let text: String = text.split('@').next().unwrap_or_default().nfkc().take(MAX_WORD_CHARS).collect();
            let text = text.trim().to_lowercase();
            let joined: String = text.chars().filter(|c| c.is_alphanumeric()).collect();
            let parts = text.split(|c: char| !c.is_alphanumeric()).map(str::to_owned);
            for word in [text.clone(), joined].into_iter().chain(parts) {
                let counts = word.chars().count() >= MIN_PART_CHARS && !words.contains(&word);
                if counts && words.len() < MAX_WORDS {
                    words.push(word);
                }
            }
        }
        Self { words, min_score }
    }

    /// Judges a password. The first call of a process takes about ten milliseconds, later ones a tenth of one, and bad
    /// cases a quarter of a second: never call it on an async worker.
    ///
    /// # Errors
    /// [`Weakness`]; not [`Weakness::Breached`], which needs a list of breached passwords.
    pub fn judge(&self, password: &Password) -> Result<(), Weakness> {
        let words: Vec<&str> = self.words.iter().map(String::as_str).collect();
        let estimate = zxcvbn::zxcvbn(password.expose(), &words);
        let has_personal = estimate.sequence().iter().any(|part| self.is_personal(&part.pattern));
        let is_one_word = matches!(estimate.sequence(), [only] if is_word(&only.pattern));
        let is_weak = (estimate.score() as u8) < self.min_score;
        if has_personal && (is_weak || is_one_word) || self.leaves_little_of(password) {
            Err(Weakness::Personal)
        } else if is_one_word {
            Err(Weakness::Common)
        } else if is_weak {
            Err(Weakness::Guessable)
        } else {
            Ok(())
        }
    }

    /// True if little is left of the password without words about the person. The score alone does not catch this:
    /// every separator raises it, so that a name, a dash and another name would pass.
    fn leaves_little_of(&self, password: &Password) -> bool {
        let mut text = Zeroizing::new(password.expose().to_lowercase());
        let whole = text.len();
        let mut words: Vec<&String> = self.words.iter().collect();
        words.sort_by_key(|word| std::cmp::Reverse(word.len()));
        for word in words {
            text = Zeroizing::new(text.replace(word.as_str(), ""));
        }
        let counts = |c: &char| !c.is_ascii_punctuation() && !c.is_whitespace();
        text.len() < whole && text.chars().filter(counts).count() < MIN_LEFT_CHARS
    }

    fn is_personal(&self, pattern: &MatchPattern) -> bool {
        match pattern {
            MatchPattern::Dictionary(entry) => self.words.contains(&entry.matched_word),
            MatchPattern::Repeat(repeat) => repeat.base_matches.iter().any(|part| self.is_personal(&part.pattern)),
            _ => false,
        }
    }
}

/// True for an entry of a list, and for a repeated one.
fn is_word(pattern: &MatchPattern) -> bool {
    match pattern {
        MatchPattern::Dictionary(_) => true,
        MatchPattern::Repeat(repeat) => matches!(&repeat.base_matches[..], [only] if is_word(&only.pattern)),
        _ => false,
    }
}

/// Prints none of the words about the person.
impl std::fmt::Debug for Policy {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Policy").field("min_score", &self.min_score).finish_non_exhaustive()
    }
}

impl Password {
    /// The hashes by which lists of breached passwords find it: SHA-1 of the password as typed, and as Umoja hashes it.
    /// Never store one.
    pub fn breach_hashes(&self) -> [[u8; 20]; 2] {
        [self.typed().as_bytes(), self.normalised()].map(|text| Sha1::digest(text).into())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn judge(policy: &Policy, password: &str) -> Result<(), Weakness> {
        policy.judge(&Password::new(password, 8).unwrap())
    }

    fn ada(min_score: u8) -> Policy {
        Policy::new(
            min_score,
            ["ada.lovelace@example.com", "Ada King", "O’Byron", "Soko Ltd", "+254712123456", "", "x"],
        )
    }

    #[test]
    fn common_passwords_are_rejected_at_any_required_score() {
        for min_score in [0, MIN_SCORE, MAX_SCORE] {
            for common in [
                "password",
                "12345678",
                "Passw0rd",
                "drowssap",
                "letmein1",
                "elizabeth",
                "SUNSHINE",
                "strawberry",
                "monkeymonkey",
            ] {
                assert_eq!(judge(&ada(min_score), common), Err(Weakness::Common), "{common}");
            }
        }
    }

    #[test]
    fn known_words_about_the_person_are_rejected() {
        for (min_score, password) in [
            (0, "ada.lovelace"),
            (0, "AdaLovelace"),
            (0, "ecalevol"),
            (0, "lovelacelovelace"),
            (0, "ada-king-soko"),
            (0, "lovelace 99!"),
            (0, "L0velace"),
            (0, "254712123456"),
            (3, "lovelace2026"),
            (3, "soko-ltd1"),
            (3, "adaking99"),
            (3, "byronbyron1"),
        ] {
            assert_eq!(judge(&ada(min_score), password), Err(Weakness::Personal), "{password}");
        }
        // A name among other words is accepted.
        assert_eq!(judge(&ada(MIN_SCORE), "lovelace waters seven cacti"), Ok(()));
        assert_ne!(judge(&Policy::new(MIN_SCORE, []), "ecalevol"), Err(Weakness::Personal));
    }

    #[test]
    fn guessable_passwords_are_rejected_by_the_required_score() {
        for guessable in ["aaaaaaaa", "abcabcabc", "qwertzui1", "19840521", "abcdefghijk", "lighthouse1984"] {
            assert_eq!(judge(&Policy::new(MIN_SCORE, []), guessable), Err(Weakness::Guessable), "{guessable}");
            assert_eq!(judge(&Policy::new(0, []), guessable), Ok(()), "{guessable}");
        }
        assert_eq!(judge(&Policy::new(3, []), "correct horse"), Ok(()));
        assert_eq!(judge(&Policy::new(4, []), "correct horse"), Err(Weakness::Guessable));
        assert_eq!(judge(&Policy::new(4, []), "correct horse battery staple"), Ok(()));
        assert_eq!(judge(&Policy::new(4, []), "vX3$k9!mQz7w"), Ok(()));
    }

    #[test]
    fn no_composition_is_required_and_every_script_is_accepted() {
        for fine in ["tungependa kuogelea usiku", "длинная фраза о погоде", "我们明天一起去看海吧", "👩🏾‍🚀🌋🦓🥁🪁🧭🍉🛶"]
        {
            assert_eq!(judge(&Policy::new(MIN_SCORE, []), fine), Ok(()), "{fine}");
        }
    }

    #[test]
    fn a_large_profile_is_bounded_and_not_printed() {
        let long = "a ".repeat(100_000);
        let many: Vec<String> = (0..1_000).map(|n| format!("name{n} part{n}")).collect();
        let policy = Policy::new(MIN_SCORE, many.iter().map(String::as_str).chain([long.as_str()]));
        assert_eq!(policy.words.len(), MAX_WORDS);
        assert!(policy.words.iter().all(|word| word.chars().count() <= MAX_WORD_CHARS));
        assert!(!format!("{policy:?}").contains("name1"));
    }

    #[test]
    fn breach_hashes_match_the_published_ones() {
        // "password" in the Pwned Passwords list, and RFC 3174's "abc" (which is too short for a password).
        let [typed, normalised] = Password::attempt("password").breach_hashes();
        assert_eq!(hex::encode_upper(typed), "5BAA61E4C9B93F3F0682250B6CF8331B7EE68FD8");
        assert_eq!(typed, normalised);
        let [typed, normalised] = Password::attempt("\u{FF41}bc").breach_hashes();
        assert_eq!(hex::encode(normalised), "a9993e364706816aba3e25717850c26c9cd0d89d");
        assert_ne!(typed, normalised);
    }
}
