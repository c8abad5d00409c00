//! The policy for new passwords (NIST SP 800-63B-4 section 3.1.1.2). It rejects a password that is common, that
//! consists of known words about the person or the service, or that is easy to guess for another reason. It has no rule
//! of composition.
//!
//! A common word stays one when it is repeated or when a year, a few digits and marks surround it (`Summer2026!!`). The
//! score alone does not catch this, because each further piece of a password raises it by a factor of ten thousand.
//!
//! The lists of `zxcvbn` are English. For other scripts there is a short list of our own, and the keys that the password
//! takes on a keyboard are judged too.
//!
//! The blocklist is that of `zxcvbn`: 30,000 common passwords, and the names and words that guessing programs try. The
//! strength estimate contains it already, so no other list is kept. A password that is one entry of it, also in
//! reverse, in capitals or with `0` for `o`, is rejected at any required score. (The estimate reads the year of the
//! machine's clock once, because a recent year in a password weighs less.)

use std::collections::BTreeSet;

use sha1::{Digest as _, Sha1};
use unicode_normalization::UnicodeNormalization as _;
use zeroize::Zeroizing;
use zxcvbn::Match;
use zxcvbn::matching::patterns::{DictionaryPattern, MatchPattern};

use super::{Password, keyboards, words};

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

/// The rank in a list of `zxcvbn` up to which a few more characters do not make a word a password.
const COMMON_RANK: usize = 1_000;

/// What may surround such a word without making it another password: letters, if it is the only one, and digits that are
/// no date or row of digits.
const MAX_OTHER_LETTERS: usize = 2;
const MAX_OTHER_DIGITS: usize = 4;

/// Why a password of the right length is rejected; never contains any of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Weakness {
    /// It is a common password, or a single word or name, possibly repeated or with a year, digits or marks around it.
    #[error("a password must not be a common one or a single word, whatever surrounds it")]
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
        let keys = keyboards::latin_keys(password.expose()).map(Zeroizing::new);
        let readings = std::iter::once(password.expose()).chain(keys.as_ref().map(|keys| keys.as_str()));
        let mut found: Vec<Weakness> = readings.filter_map(|text| self.judge_text(text).err()).collect();
        if self.leaves_little_of(password.expose()) || self.is_own_address(password.expose()) {
            found.push(Weakness::Personal);
        }
        // Of several reasons, the one that says most about what to change.
        let reasons = [Weakness::Personal, Weakness::Common, Weakness::Guessable];
        reasons.into_iter().find(|weakness| found.contains(weakness)).map_or(Ok(()), Err)
    }

    fn judge_text(&self, text: &str) -> Result<(), Weakness> {
        let general: Vec<&str> = words::all().collect();
        let words: Vec<&str> = self.words.iter().map(String::as_str).chain(general).collect();
        let estimate = zxcvbn::zxcvbn(text, &words);
        let mut pieces = Pieces::default();
        estimate.sequence().iter().for_each(|part| pieces.add(self, part));
        let is_one_word = matches!(estimate.sequence(), [only] if is_word(&only.pattern)) || pieces.are_one_word();
        let is_weak = (estimate.score() as u8) < self.min_score;
        if pieces.personal && (is_weak || is_one_word) {
            Err(Weakness::Personal)
        } else if is_one_word {
            Err(Weakness::Common)
        } else if is_weak {
            Err(Weakness::Guessable)
        } else {
            Ok(())
        }
    }

    /// True for an e-mail address that is the person's by what stands before the `@`, at whatever domain: guessing programs put the
    /// names of users before every large one.
    fn is_own_address(&self, text: &str) -> bool {
        let is_own = |before: &str| self.leaves_little_of(before) || self.judge_text(before) == Err(Weakness::Personal);
        before_at(text).is_some_and(is_own)
    }

    /// True if little is left of the password without words about the person. The score alone does not catch this:
    /// every separator raises it, so that a name, a dash and another name would pass.
    fn leaves_little_of(&self, text: &str) -> bool {
        let mut text = Zeroizing::new(text.to_lowercase());
        let whole = text.len();
        let mut words: Vec<&String> = self.words.iter().collect();
        words.sort_by_key(|word| std::cmp::Reverse(word.len()));
        for word in words {
            text = Zeroizing::new(text.replace(word.as_str(), ""));
        }
        let counts = |c: &char| !c.is_ascii_punctuation() && !c.is_whitespace();
        text.len() < whole && text.chars().filter(counts).count() < MIN_LEFT_CHARS
    }
}

/// The text before the `@` of what can be an e-mail address.
fn before_at(text: &str) -> Option<&str> {
    let (before, domain) = text.trim().rsplit_once('@')?;
    let is_label = |label: &str| !label.is_empty() && label.chars().all(|c| c.is_alphanumeric() || c == '-');
    let (rest, last) = domain.rsplit_once('.')?;
    let is_domain = last.chars().count() > 1 && last.chars().all(char::is_alphabetic) && rest.split('.').all(is_label);
    is_domain.then_some(before)
}

/// What the pieces of a password are, in the division that takes the fewest guesses.
#[derive(Default)]
struct Pieces {
    /// Whether there is a word about the person or the service.
    personal: bool,
    /// Whether there is a word of the calendar.
    calendar: bool,
    /// The other common words.
    common: BTreeSet<String>,
    /// The letters and digits of everything else, except for dates, rows of characters and rows of keys.
    letters: usize,
    digits: usize,
}

impl Pieces {
    fn add(&mut self, policy: &Policy, part: &Match) {
        match &part.pattern {
            MatchPattern::Repeat(repeat) => repeat.base_matches.iter().for_each(|part| self.add(policy, part)),
            MatchPattern::Dictionary(entry) if policy.words.contains(&entry.matched_word) => self.personal = true,
            // `!!` is in the list as `ii`, and `2026` as if it were letters.
            MatchPattern::Dictionary(entry) if entry.l33t && !has_letters(&part.token) => self.count(&part.token),
            MatchPattern::Dictionary(entry) if words::is_of_calendar(&entry.matched_word) => self.calendar = true,
            MatchPattern::Dictionary(entry) if is_common(entry) => {
                // `password1` is an entry beside `password`.
                self.common.insert(entry.matched_word.chars().filter(|c| c.is_alphabetic()).collect());
            }
            MatchPattern::Dictionary(entry) if !has_letters(&entry.matched_word) => {}
            MatchPattern::Dictionary(_) | MatchPattern::BruteForce => self.count(&part.token),
            MatchPattern::Spatial(_) | MatchPattern::Sequence(_) | MatchPattern::Regex(_) | MatchPattern::Date(_) => {}
        }
    }

    fn count(&mut self, token: &str) {
        self.letters += token.chars().filter(|c| c.is_alphabetic()).count();
        self.digits += token.chars().filter(|c| c.is_numeric()).count();
    }

    /// True for one common word, possibly with words of the calendar or about the person, and next to nothing else.
    fn are_one_word(&self) -> bool {
        let kinds = usize::from(self.personal) + usize::from(self.calendar) + self.common.len();
        let most_letters = if kinds > 1 { 0 } else { MAX_OTHER_LETTERS };
        let is_little = self.letters <= most_letters && self.digits <= MAX_OTHER_DIGITS;
        kinds > 0 && self.common.len() <= 1 && is_little
    }
}

fn has_letters(text: &str) -> bool {
    text.contains(char::is_alphabetic)
}

/// True for a word that guessing programs try first. Numbers do not count, because they surround words.
fn is_common(entry: &DictionaryPattern) -> bool {
    (entry.rank <= COMMON_RANK || words::is_known(&entry.matched_word))
        && entry.matched_word.contains(char::is_alphabetic)
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
mod tests;
