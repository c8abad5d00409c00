//! The code that a person types to let a device in (RFC 8628 section 6.1).

use umoja_store::ports::Entropy;

/// Consonants, so that no code is a word and none has two characters that look alike.
const ALPHABET: &[u8; 20] = b"BCDFGHJKLMNPQRSTVWXZ";
/// The characters of a code: 20 to the power of 8 is 2 to the power of 34.
const LENGTH: usize = 8;
/// The least byte that is not used: the largest multiple of 20 in a byte. With the others every character is as likely.
const UNUSED_FROM: u8 = 240;

/// A new code: eight characters, without the hyphen that people see.
pub fn random(entropy: &dyn Entropy) -> String {
    let mut code = String::with_capacity(LENGTH);
    while code.len() < LENGTH {
        let bytes: [u8; 2 * LENGTH] = entropy.array();
        let usable = bytes.into_iter().filter(|byte| *byte < UNUSED_FROM);
        let characters = usable.map(|byte| char::from(ALPHABET[usize::from(byte) % ALPHABET.len()]));
        code.extend(characters.take(LENGTH - code.len()));
    }
    code
}

/// The code as a person reads it: `WDJB-MJHT`.
pub fn shown(code: &str) -> String {
    code.split_at_checked(LENGTH / 2).map_or_else(String::new, |(first, second)| format!("{first}-{second}"))
}

/// The code that a person typed, in whatever case and with whatever between its characters. `None` if it can be none.
pub fn typed(text: &str) -> Option<String> {
    let code: String = text.chars().filter(char::is_ascii_alphanumeric).map(|c| c.to_ascii_uppercase()).collect();
    let is_code = code.len() == LENGTH && code.bytes().all(|byte| ALPHABET.contains(&byte));
    is_code.then_some(code)
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicU8, Ordering};

    use super::*;

    /// Counts, so that each byte comes equally often.
    struct Counting(AtomicU8);

    impl Entropy for Counting {
        fn fill(&self, bytes: &mut [u8]) {
            bytes.fill_with(|| self.0.fetch_add(1, Ordering::Relaxed));
        }
    }

    #[test]
    fn a_code_is_read_as_people_type_it() {
        let code = random(&Counting(AtomicU8::new(230)));
        assert_eq!(code.len(), LENGTH);
        for text in
            [code.clone(), shown(&code), shown(&code).to_lowercase(), format!(" {} ", shown(&code).replace('-', " "))]
        {
            assert_eq!(typed(&text), Some(code.clone()), "{text}");
        }
        assert_eq!(shown("WDJBMJHT"), "WDJB-MJHT");
    }

    #[test]
    fn what_can_be_no_code_is_none() {
        for text in ["", "WDJB-MJH", "WDJB-MJHTT", "ADJB-MJHT", "WDJB-MJH1", "\u{44f}DJBMJHT"] {
            assert_eq!(typed(text), None, "{text}");
        }
    }

    #[test]
    fn every_character_is_as_likely() {
        let counted = (0..UNUSED_FROM).map(|byte| usize::from(byte) % ALPHABET.len());
        let mut counts = [0; 20];
        counted.for_each(|at| counts[at] += 1);
        assert_eq!(counts, [12; 20]);
    }
}
