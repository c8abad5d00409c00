//! Halves of characters in a JSON text.
//!
//! JSON escapes a character above U+FFFF as two halves: `\ud83d\ude00`. RFC 8259 section 8.2 allows one half alone, which
//! programs write that cut a text in the middle of an emoji. No text of Unicode can hold it, so parsers reject the whole
//! document without naming the cause.

use std::borrow::Cow;

/// The length of an escape: `\ud83d`.
const ESCAPE: usize = 6;

/// True if no escape of the text is half a character.
pub fn are_paired(json: &[u8]) -> bool {
    next_half(json, 0).is_none()
}

/// The text with U+FFFD in place of each half, as decoders of UTF-16 do it.
pub fn replaced(json: &[u8]) -> Cow<'_, [u8]> {
    let mut text = Cow::Borrowed(json);
    let mut from = 0;
    while let Some(at) = next_half(&text, from) {
        text.to_mut()[at..at + ESCAPE].copy_from_slice(br"\ufffd");
        from = at + ESCAPE;
    }
    text
}

/// The position of the next escape that is half a character.
fn next_half(json: &[u8], mut at: usize) -> Option<usize> {
    loop {
        at += json.get(at..)?.iter().position(|byte| *byte == b'\\')?;
        match (unit(json, at), unit(json, at + ESCAPE)) {
            (Some(0xd800..=0xdbff), Some(0xdc00..=0xdfff)) => at += 2 * ESCAPE,
            (Some(0xd800..=0xdfff), _) => return Some(at),
            (Some(_), _) => at += ESCAPE,
            // Another escape, such as `\\` or `\"`.
            (None, _) => at += 2,
        }
    }
}

/// The UTF-16 code unit that is escaped at a position.
fn unit(json: &[u8], at: usize) -> Option<u16> {
    let digits = json.get(at..at + ESCAPE)?.strip_prefix(br"\u")?;
    let digits = std::str::from_utf8(digits).ok().filter(|text| text.bytes().all(|byte| byte.is_ascii_hexdigit()))?;
    u16::from_str_radix(digits, 16).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn halves_become_the_replacement_character() {
        for (text, whole) in [
            (r#"{"a":"Ada \ud83d"}"#, r#"{"a":"Ada \ufffd"}"#),
            (r#""\uDE00\ud83d""#, r#""\ufffd\ufffd""#),
            (r#""\ud83d\ud83d\ude00""#, r#""\ufffd\ud83d\ude00""#),
            (r#"["\\\ud83dx","\ud83d\n"]"#, r#"["\\\ufffdx","\ufffd\n"]"#),
        ] {
            assert!(!are_paired(text.as_bytes()), "{text}");
            assert_eq!(replaced(text.as_bytes()), whole.as_bytes());
            assert!(serde_json::from_str::<serde_json::Value>(whole).is_ok());
        }
    }

    #[test]
    fn whole_characters_stay() {
        for text in [r#""\ud83d\ude00""#, r#""\\ud83d""#, r#""\u00e9 \\\\ud83d""#, r#""\ud83""#, r#""\"#, r#""é""#, ""]
        {
            assert!(are_paired(text.as_bytes()), "{text}");
            assert_eq!(replaced(text.as_bytes()), text.as_bytes());
        }
    }
}
