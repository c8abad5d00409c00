//! How the status page looks for the people of a company, and where it leads back to.

use std::collections::BTreeMap;
use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::{Logo, ReturnUrlId};

/// The most characters of a name that the page shows.
const MAX_NAME: usize = 60;

/// The settings of a company for its status page.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct StatusPage {
    /// The name that people know; that of the company if absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// The colour of the head and of the button.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub colour: Option<Colour>,
    /// The colour behind the text.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub background: Option<Colour>,
    /// The logo, which the pages of single sign-on show in the place of the name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub logo: Option<Logo>,
    /// Where the page leads back to, by ids: a request names an id, so no caller can choose another place.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub return_urls: BTreeMap<ReturnUrlId, String>,
    /// Members written by a newer version of Umoja.
    #[serde(flatten)]
    pub unknown: Map<String, Value>,
}

/// Whether a text can be the name that the page shows: 1 to 60 characters that can be seen, none that changes the
/// direction of the text around it (UAX 9).
pub fn is_display_name(text: &str) -> bool {
    let is_shown = |c: char| {
        !c.is_control()
            && !matches!(c, '\u{200B}'..='\u{200F}' | '\u{2028}'..='\u{202E}' | '\u{2060}'..='\u{206F}' | '\u{FEFF}')
    };
    !text.trim().is_empty() && text.trim() == text && text.chars().count() <= MAX_NAME && text.chars().all(is_shown)
}

/// A colour of sRGB, as `#rrggbb`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Colour([u8; 3]);

/// The text is no colour.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a colour is `#` and six hexadecimal digits, such as #0b5fff")]
pub struct NoColour;

impl Colour {
    /// Black.
    pub const BLACK: Self = Self([0; 3]);
    /// White.
    pub const WHITE: Self = Self([255; 3]);

    /// The colour of these parts: red, green, blue.
    pub const fn new(parts: [u8; 3]) -> Self {
        Self(parts)
    }

    /// The colour of a text on this one: black or white, whichever has more contrast. Whatever the colour is, that is at
    /// least 4.58 to 1, and WCAG 2.2 (1.4.3) wants 4.5.
    #[must_use]
    pub fn ink(self) -> Self {
        if self.contrast(Self::WHITE) >= self.contrast(Self::BLACK) { Self::WHITE } else { Self::BLACK }
    }

    /// The contrast of two colours: 1 to 21 (WCAG 2.2, "contrast ratio").
    pub fn contrast(self, other: Self) -> f64 {
        let (one, other) = (self.luminance(), other.luminance());
        (one.max(other) + 0.05) / (one.min(other) + 0.05)
    }

    /// WCAG 2.2, "relative luminance".
    fn luminance(self) -> f64 {
        let [red, green, blue] = self.0.map(|part| {
            let part = f64::from(part) / 255.0;
            if part <= 0.04045 { part / 12.92 } else { ((part + 0.055) / 1.055).powf(2.4) }
        });
        0.0722f64.mul_add(blue, 0.2126f64.mul_add(red, 0.7152 * green))
    }
}

impl fmt::Display for Colour {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self([red, green, blue]) = self;
        write!(f, "#{red:02x}{green:02x}{blue:02x}")
    }
}

impl FromStr for Colour {
    type Err = NoColour;

    fn from_str(text: &str) -> Result<Self, NoColour> {
        let digits = text.strip_prefix('#').ok_or(NoColour)?;
        if digits.len() != 6 || !digits.bytes().all(|b| b.is_ascii_hexdigit()) {
            return Err(NoColour);
        }
        let number = u32::from_str_radix(digits, 16).map_err(|_| NoColour)?;
        let [_, red, green, blue] = number.to_be_bytes();
        Ok(Self([red, green, blue]))
    }
}

impl TryFrom<String> for Colour {
    type Error = NoColour;

    fn try_from(text: String) -> Result<Self, NoColour> {
        text.parse()
    }
}

impl From<Colour> for String {
    fn from(colour: Colour) -> Self {
        colour.to_string()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_colour_has_an_ink_with_enough_contrast() {
        let steps = || (0..=255u8).step_by(5);
        for red in steps() {
            for green in steps() {
                for blue in steps() {
                    let colour = Colour::new([red, green, blue]);
                    assert!(colour.contrast(colour.ink()) > 4.5, "{colour}");
                }
            }
        }
    }

    #[test]
    fn contrast_is_that_of_the_guidelines() {
        assert!((Colour::BLACK.contrast(Colour::WHITE) - 21.0).abs() < 1e-9);
        // The grey that is known as the lightest with 4.5 to 1 on white.
        let grey: Colour = "#767676".parse().unwrap();
        assert!((grey.contrast(Colour::WHITE) - 4.54).abs() < 0.01);
    }

    #[test]
    fn only_six_digits_are_a_colour() {
        assert_eq!("#0B5fff".parse::<Colour>().unwrap().to_string(), "#0b5fff");
        for text in ["", "#", "0b5fff", "#fff", "#0b5ff", "#0b5fff0", "#0b5ffg", "#+b5fff", "red", "#0b5fff;"] {
            assert_eq!(text.parse::<Colour>(), Err(NoColour), "{text}");
        }
    }

    #[test]
    fn a_name_that_changes_the_text_around_it_is_none() {
        for name in ["Soko", "Soko & Söhne", "سوق", "S"] {
            assert!(is_display_name(name), "{name}");
        }
        for name in ["", " ", " Soko", "So\nko", "Soko\u{202E}", "\u{2066}Soko", "So\u{200B}ko"] {
            assert!(!is_display_name(name), "{name:?}");
        }
        assert!(!is_display_name(&"x".repeat(61)) && is_display_name(&"x".repeat(60)));
    }

    #[test]
    fn an_empty_page_is_stored_without_members() {
        assert_eq!(serde_json::to_value(StatusPage::default()).unwrap(), serde_json::json!({}));
    }
}
