//! What a password about to be set must not be (NIST SP 800-63B-4 section 3.1.1.2): common, made of what is known about
//! the person or the service, or guessed soon for another reason. Nothing is asked of its composition.
//!
//! The blocklist is that of `zxcvbn`: 30,000 common passwords, and the names and words that guessing programs try. It is
//! there already where strength is estimated, so no other list is kept. A password that is one entry of it, also in
//! reverse, in capitals or with `0` for `o`, is refused whatever score is asked for. (Estimating reads the year of the
//! machine's clock, once: what it takes for a recent year weighs less.)

use sha1::{Digest as _, Sha1};
use unicode_normalization::UnicodeNormalization as _;
use zeroize::Zeroizing;
use zxcvbn::matching::patterns::MatchPattern;

use super::Password;

/// The least score of a new password, if nobody says another: 3, which is 10^8 guesses or more. `zxcvbn`'s authors call
/// anything less too weak.
pub const MIN_SCORE: u8 = 3;

/// The highest score that there is: 4, which is 10^10 guesses or more.
pub const MAX_SCORE: u8 = 4;

/// How many words about a person count, and how many characters of each.
const MAX_WORDS: usize = 64;
const MAX_WORD_CHARS: usize = 64;

/// The fewest characters of a part of a name: shorter ones are in every other word.
const MIN_PART_CHARS: usize = 3;

/// The fewest characters, without spaces and punctuation, that a password has besides words about the person.
const MIN_LEFT_CHARS: usize = 4;

/// Why a password of the right length is refused; never contains any of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Weakness {
    /// It is a common password, or a single word or name.
    #[error("a password is not a common one, nor a single word")]
    Common,
    /// It is made of words about the person or the service.
    #[error("a password is not made of names and addresses of the user or the service")]
    Personal,
    /// Its score is below what is asked for.
    #[error("a password takes many guesses")]
    Guessable,
    /// It is in the list of breached passwords.
    #[error("a password is not one that was found in a breach")]
    Breached,
}

/// What a password is held against.
#[derive(Clone, Default)]
pub struct Policy {
    words: Vec<String>,
    min_score: u8,
}

impl Policy {
    /// The policy for who is known by these names, numbers and addresses, the service's own among them. Each counts as a
    /// whole and in its parts; of an e-mail address what is before the `@`.
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

    /// Judges a password: some ten milliseconds for the first of a process, then a tenth of one, and in bad cases a quarter
    /// of a second, so never on an async worker.
    ///
    /// # Errors
    /// [`Weakness`]; not [`Weakness::Breached`], which only a list can tell.
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

    /// True if little is left without words about the person. The score alone does not see it: any separator counts for
    /// much, and a name, a dash and another name would do.
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

/// True for an entry of a list, and for one that is repeated.
fn is_word(pattern: &MatchPattern) -> bool {
    match pattern {
        MatchPattern::Dictionary(_) => true,
        MatchPattern::Repeat(repeat) => matches!(&repeat.base_matches[..], [only] if is_word(&only.pattern)),
        _ => false,
    }
}

/// Prints nothing of what is known about a person.
impl std::fmt::Debug for Policy {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Policy").field("min_score", &self.min_score).finish_non_exhaustive()
    }
}

impl Password {
    /// What lists of breached passwords know it by: SHA-1 of it as typed, and as we hash it. Never store one.
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
    fn common_passwords_and_single_words_are_refused_whatever_score_is_asked_for() {
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
    fn what_is_known_about_the_person_or_the_service_makes_no_password() {
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
        // In good company a name does no harm.
        assert_eq!(judge(&ada(MIN_SCORE), "lovelace waters seven cacti"), Ok(()));
        assert_ne!(judge(&Policy::new(MIN_SCORE, []), "ecalevol"), Err(Weakness::Personal));
    }

    #[test]
    fn what_is_guessed_soon_is_refused_by_the_score_that_is_asked_for() {
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
    fn no_composition_is_asked_for_and_every_script_is_fine() {
        for fine in ["tungependa kuogelea usiku", "длинная фраза о погоде", "我们明天一起去看海吧", "👩🏾‍🚀🌋🦓🥁🪁🧭🍉🛶"]
        {
            assert_eq!(judge(&Policy::new(MIN_SCORE, []), fine), Ok(()), "{fine}");
        }
    }

    #[test]
    fn a_profile_of_any_size_costs_bounded_work_and_is_not_printed() {
        let long = "a ".repeat(100_000);
        let many: Vec<String> = (0..1_000).map(|n| format!("name{n} part{n}")).collect();
        let policy = Policy::new(MIN_SCORE, many.iter().map(String::as_str).chain([long.as_str()]));
        assert_eq!(policy.words.len(), MAX_WORDS);
        assert!(policy.words.iter().all(|word| word.chars().count() <= MAX_WORD_CHARS));
        assert!(!format!("{policy:?}").contains("name1"));
    }

    #[test]
    fn breaches_know_a_password_by_the_published_hash() {
        // "password" in the Pwned Passwords list, and RFC 3174's "abc" (which is no length for a password).
        let [typed, normalised] = Password::attempt("password").breach_hashes();
        assert_eq!(hex::encode_upper(typed), "5BAA61E4C9B93F3F0682250B6CF8331B7EE68FD8");
        assert_eq!(typed, normalised);
        let [typed, normalised] = Password::attempt("\u{FF41}bc").breach_hashes();
        assert_eq!(hex::encode(normalised), "a9993e364706816aba3e25717850c26c9cd0d89d");
        assert_ne!(typed, normalised);
    }
}
