//! Whether the numbers of a JSON text are kept to the last digit.
//!
//! JSON sets no limit to a number (RFC 8259 section 6), but `serde_json::Value` holds a 64-bit integer or a double. A
//! parser that rounds would store, sign and answer another number than the sender wrote.

use std::borrow::Cow;

use serde::de::IgnoredAny;
use serde_json::Number;

/// The most significant digits that a kept number can have: those of `u64::MAX`. A double needs at most 17.
const MAX_DIGITS: usize = 20;

/// True if every number of a JSON text still has the same value after `serde_json` has read and written it. The
/// spelling may change: `1e2` is written as `100.0`.
///
/// The numbers of a text that is not JSON count as kept, because the parser rejects the text, for the right reason.
pub fn are_kept(json: &[u8]) -> bool {
    // A parse without values reads a number of any size.
    each_is_kept(json) || serde_json::from_slice::<IgnoredAny>(json).is_err()
}

fn each_is_kept(json: &[u8]) -> bool {
    let mut rest = json;
    while let Some((byte, next)) = rest.split_first() {
        rest = match byte {
            b'"' => after_string(next),
            b'-' | b'0'..=b'9' => {
                let end = rest.iter().position(|byte| !is_in_number(*byte)).unwrap_or(rest.len());
                let (number, after) = rest.split_at(end);
                if !is_kept(number) {
                    return false;
                }
                after
            }
            _ => next,
        };
    }
    true
}

/// The text with each number that is not kept as a string of its digits.
pub fn with_others_as_texts(json: &[u8]) -> Cow<'_, [u8]> {
    if are_kept(json) {
        return Cow::Borrowed(json);
    }
    let (mut text, mut rest) = (Vec::with_capacity(json.len() + 16), json);
    while let Some((byte, next)) = rest.split_first() {
        let after = match byte {
            b'"' => after_string(next),
            b'-' | b'0'..=b'9' => &rest[rest.iter().position(|byte| !is_in_number(*byte)).unwrap_or(rest.len())..],
            _ => next,
        };
        let token = &rest[..rest.len() - after.len()];
        let is_lost = is_in_number(*byte) && !is_kept(token);
        let quote: &[u8] = if is_lost { b"\"" } else { b"" };
        text.extend([quote, token, quote].concat());
        rest = after;
    }
    Cow::Owned(text)
}

/// The text after the end of a string, whose opening quote was read.
fn after_string(mut rest: &[u8]) -> &[u8] {
    loop {
        match rest {
            [b'"', after @ ..] => return after,
            [b'\\', _, after @ ..] | [_, after @ ..] => rest = after,
            [] => return rest,
        }
    }
}

fn is_in_number(byte: u8) -> bool {
    byte.is_ascii_digit() || matches!(byte, b'+' | b'-' | b'.' | b'e' | b'E')
}

fn is_kept(text: &[u8]) -> bool {
    let Some(sent) = Decimal::read(text) else { return true };
    if sent.digits.len() > MAX_DIGITS {
        return false;
    }
    let Ok(kept) = serde_json::from_slice::<Number>(text) else { return false };
    Decimal::read(kept.to_string().as_bytes()).is_some_and(|kept| kept == sent)
}

/// The value of a number: `digits` as an integer, times ten to the power of `exponent`. Equal values are equal here,
/// because the digits neither begin nor end with a zero.
#[derive(PartialEq)]
struct Decimal {
    negative: bool,
    digits: Vec<u8>,
    exponent: i64,
}

impl Decimal {
    /// Reads a number of JSON; `None` if it does not have the form of one.
    fn read(text: &[u8]) -> Option<Self> {
        let (negative, text) = text.strip_prefix(b"-").map_or((false, text), |text| (true, text));
        let (text, power) = match text.iter().position(|byte| matches!(byte, b'e' | b'E')) {
            Some(at) => (&text[..at], exponent(&text[at + 1..])?),
            None => (text, 0),
        };
        let (whole, fraction) = match text.iter().position(|byte| *byte == b'.') {
            Some(at) => (&text[..at], &text[at + 1..]),
            None => (text, &[][..]),
        };
        let mut digits = [whole, fraction].concat();
        if whole.is_empty() || !digits.iter().all(u8::is_ascii_digit) {
            return None;
        }
        let mut exponent = power.saturating_sub(i64::try_from(fraction.len()).unwrap_or(i64::MAX));
        let significant = digits.iter().rposition(|digit| *digit != b'0').map_or(0, |last| last + 1);
        exponent = exponent.saturating_add(i64::try_from(digits.len() - significant).unwrap_or(i64::MAX));
        digits.truncate(significant);
        let leading = digits.iter().take_while(|digit| **digit == b'0').count();
        digits.drain(..leading);
        if digits.is_empty() {
            exponent = 0;
        }
        Some(Self { negative, digits, exponent })
    }
}

/// An exponent; one of more than 64 bits counts as the largest, which no kept number has.
fn exponent(text: &[u8]) -> Option<i64> {
    let digits = text.strip_prefix(b"+").or_else(|| text.strip_prefix(b"-")).unwrap_or(text);
    if digits.is_empty() || !digits.iter().all(u8::is_ascii_digit) {
        return None;
    }
    Some(std::str::from_utf8(text).ok()?.parse().unwrap_or(i64::MAX))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::Value;

    use super::*;

    #[test]
    fn numbers_that_would_change_become_texts() {
        let json = br#"{"1e400": [1, -1e400,0.10000000000000001 ], "a": "1e400"}"#;
        let texts = br#"{"1e400": [1, "-1e400","0.10000000000000001" ], "a": "1e400"}"#;
        assert_eq!(&*with_others_as_texts(json), texts);
        assert_eq!(&*with_others_as_texts(texts), texts);
        assert_eq!(&*with_others_as_texts(b"[1e400"), b"[1e400", "what is not JSON stays as it is");
    }

    #[test]
    fn numbers_that_are_read_and_written_without_loss_are_kept() {
        for text in [
            "0",
            "-0",
            "0.0",
            "-0.0",
            "1",
            "1.0",
            "1.50",
            "100e-2",
            "1E2",
            "1e+2",
            "0e99999999999999999999",
            "0.1",
            "-2.5e-7",
            "18446744073709551615",
            "-9223372036854775808",
            "9007199254740993",
            "1.7976931348623157e308",
            "5e-324",
            "2.2250738585072014e-308",
            "123456789012345680000",
            "0.30000000000000004",
        ] {
            assert!(are_kept(text.as_bytes()), "{text}");
            let read: Number = serde_json::from_str(text).unwrap();
            let again: Number = serde_json::from_str(&read.to_string()).unwrap();
            assert_eq!(again.to_string(), read.to_string(), "{text}");
        }
    }

    #[test]
    fn numbers_that_would_be_rounded_are_not_kept() {
        for text in [
            "1e400",
            "-1e400",
            "1e-400",
            "18446744073709551616",
            "-9223372036854775809",
            "123456789012345678901234567890",
            "0.1000000000000000055511151231257827",
            "0.10000000000000001",
            "9007199254740993.0",
            "1e99999999999999999999",
            "1e-99999999999999999999",
            "3.14159265358979323846",
        ] {
            assert!(!are_kept(text.as_bytes()), "{text}");
            assert!(!are_kept(format!(r#"{{"a":[0.5,{text}]}}"#).as_bytes()), "{text}");
        }
    }

    #[test]
    fn digits_in_strings_are_no_numbers() {
        assert!(are_kept(br#"{"1e400":"1e400","a\"1e400":"\\","b":"\\\"1e400"}"#));
        assert!(!are_kept(br#"{"a":"\\",  "b":1e400}"#));
    }

    #[test]
    fn what_is_no_number_is_left_to_the_parser() {
        for text in
            ["1.e5e", "--1", "-", "1e", ".5", "1-2", "\"", "\"\\", "01", "-01", "00", "1.", "[1e400", "{\"a\":1e400}}"]
        {
            assert!(are_kept(text.as_bytes()), "{text}");
            assert!(serde_json::from_str::<Value>(text).is_err(), "{text}");
        }
    }

    proptest! {
        #[test]
        fn what_the_parser_wrote_is_kept(integer: i64, large: u64, double: f64) {
            for value in [Value::from(integer), Value::from(large), Value::from(double)] {
                let text = value.to_string();
                prop_assert!(are_kept(text.as_bytes()), "{}", text);
                prop_assert_eq!(serde_json::from_str::<Value>(&text).unwrap().to_string(), text);
            }
        }

        #[test]
        fn a_kept_number_has_its_value_after_any_number_of_rounds(
            text in "-?(0|[1-9][0-9]{0,24})(\\.[0-9]{1,24})?([eE][-+]?[0-9]{1,3})?",
        ) {
            if are_kept(text.as_bytes()) {
                let mut spelled = text.clone();
                for _ in 0..3 {
                    spelled = serde_json::from_str::<Value>(&spelled).unwrap().to_string();
                    prop_assert!(Decimal::read(spelled.as_bytes()) == Decimal::read(text.as_bytes()));
                }
            }
        }
    }
}
