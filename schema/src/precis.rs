//! The string classes of PRECIS (RFC 8264), which say what a text that people compare may consist of, and the mappings
//! of its profiles (RFC 8265).
//!
//! The classes are derived as RFC 8264 section 8 prescribes, from the properties of the Unicode version of ICU4X. `idna`
//! brings the same tables (docs/decisions/0066).

use icu_properties::props::{
    BidiClass, CanonicalCombiningClass, DefaultIgnorableCodePoint, GeneralCategory, HangulSyllableType, JoiningType,
    NoncharacterCodePoint, Script,
};
use icu_properties::{CodePointMapData, CodePointSetData};
use unicode_normalization::UnicodeNormalization as _;

/// A string class.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Class {
    /// IdentifierClass: letters, digits and ASCII punctuation (RFC 8264 section 4.2).
    Identifier,
    /// FreeformClass: also spaces, symbols, punctuation and compatibility characters (RFC 8264 section 4.3).
    Freeform,
}

/// The derived property of a character (RFC 8264 section 8).
enum Derived {
    Valid,
    FreeformOnly,
    /// The neighbours decide.
    Contextual,
    Disallowed,
}

impl Class {
    /// True if the class has every character of a text. Controls, invisible characters, marks that change the direction
    /// of text and unassigned code points are in neither class.
    pub(crate) fn allows(self, text: &str) -> bool {
        let chars: Vec<char> = text.chars().collect();
        chars.iter().enumerate().all(|(at, c)| match derived(*c) {
            Derived::Valid => true,
            Derived::FreeformOnly => self == Self::Freeform,
            Derived::Contextual => is_in_context(&chars, at),
            Derived::Disallowed => false,
        })
    }
}

fn category(c: char) -> GeneralCategory {
    CodePointMapData::<GeneralCategory>::new().get(c)
}

fn is_ignorable(c: char) -> bool {
    CodePointSetData::new::<DefaultIgnorableCodePoint>().contains(c)
}

/// RFC 8264 section 8, with the exceptions of its section 9.6 (the same as in RFC 5892 section 2.6).
fn derived(c: char) -> Derived {
    use GeneralCategory as Gc;
    match c {
        '\u{df}' | '\u{3c2}' | '\u{6fd}' | '\u{6fe}' | '\u{f0b}' | '\u{3007}' | '\u{21}'..='\u{7e}' => {
            return Derived::Valid;
        }
        '\u{b7}'
        | '\u{375}'
        | '\u{5f3}'
        | '\u{5f4}'
        | '\u{30fb}'
        | '\u{660}'..='\u{669}'
        | '\u{6f0}'..='\u{6f9}'
        | '\u{200c}'
        | '\u{200d}' => return Derived::Contextual,
        '\u{640}' | '\u{7fa}' | '\u{302e}' | '\u{302f}' | '\u{3031}'..='\u{3035}' | '\u{303b}' => {
            return Derived::Disallowed;
        }
        _ => {}
    }
    let category = category(c);
    let jamo = [HangulSyllableType::LeadingJamo, HangulSyllableType::VowelJamo, HangulSyllableType::TrailingJamo];
    if category == Gc::Unassigned
        || category == Gc::Control
        || jamo.contains(&CodePointMapData::<HangulSyllableType>::new().get(c))
        || is_ignorable(c)
        || CodePointSetData::new::<NoncharacterCodePoint>().contains(c)
    {
        return Derived::Disallowed;
    }
    if std::iter::once(c).nfkc().ne(std::iter::once(c)) {
        return Derived::FreeformOnly;
    }
    match category {
        Gc::UppercaseLetter
        | Gc::LowercaseLetter
        | Gc::OtherLetter
        | Gc::ModifierLetter
        | Gc::DecimalNumber
        | Gc::NonspacingMark
        | Gc::SpacingMark => Derived::Valid,
        Gc::TitlecaseLetter
        | Gc::LetterNumber
        | Gc::OtherNumber
        | Gc::EnclosingMark
        | Gc::SpaceSeparator
        | Gc::MathSymbol
        | Gc::CurrencySymbol
        | Gc::ModifierSymbol
        | Gc::OtherSymbol
        | Gc::ConnectorPunctuation
        | Gc::DashPunctuation
        | Gc::OpenPunctuation
        | Gc::ClosePunctuation
        | Gc::InitialPunctuation
        | Gc::FinalPunctuation
        | Gc::OtherPunctuation => Derived::FreeformOnly,
        _ => Derived::Disallowed,
    }
}

/// The rules of RFC 5892 appendix A.
fn is_in_context(chars: &[char], at: usize) -> bool {
    let before = at.checked_sub(1).map(|before| chars[before]);
    let after = chars.get(at + 1).copied();
    let script = |c: char| CodePointMapData::<Script>::new().get(c);
    let has = |range: std::ops::RangeInclusive<char>| chars.iter().any(|c| range.contains(c));
    match chars[at] {
        '\u{200c}' => follows_virama(before) || is_between_joining(chars, at),
        '\u{200d}' => follows_virama(before),
        '\u{b7}' => before == Some('l') && after == Some('l'),
        '\u{375}' => after.is_some_and(|c| script(c) == Script::Greek),
        '\u{5f3}' | '\u{5f4}' => before.is_some_and(|c| script(c) == Script::Hebrew),
        '\u{30fb}' => chars.iter().any(|c| [Script::Hiragana, Script::Katakana, Script::Han].contains(&script(*c))),
        '\u{660}'..='\u{669}' => !has('\u{6f0}'..='\u{6f9}'),
        _ => !has('\u{660}'..='\u{669}'),
    }
}

fn follows_virama(before: Option<char>) -> bool {
    let class = |c| CodePointMapData::<CanonicalCombiningClass>::new().get(c);
    before.is_some_and(|c| class(c) == CanonicalCombiningClass::Virama)
}

/// The regular expression of RFC 5892 appendix A.1.
fn is_between_joining(chars: &[char], at: usize) -> bool {
    let joining = |c: &char| CodePointMapData::<JoiningType>::new().get(*c);
    let is_solid = |joining: &JoiningType| *joining != JoiningType::Transparent;
    let before = chars[..at].iter().rev().map(joining).find(is_solid);
    let after = chars[at + 1..].iter().map(joining).find(is_solid);
    before.is_some_and(|joining| [JoiningType::LeftJoining, JoiningType::DualJoining].contains(&joining))
        && after.is_some_and(|joining| [JoiningType::RightJoining, JoiningType::DualJoining].contains(&joining))
}

/// A text without spaces, controls and invisible characters at its ends, which copying from documents and chats adds.
pub(crate) fn trimmed(text: &str) -> &str {
    text.trim_matches(|c: char| c.is_whitespace() || c.is_control() || is_ignorable(c))
}

/// The width mapping rule (RFC 8264 section 5.2.1): fullwidth and halfwidth characters become ordinary ones. All of
/// them are in one block, except for the ideographic space.
pub(crate) fn narrow(text: &str) -> String {
    let mapped = |c: char| match c {
        '\u{ff01}'..='\u{ffef}' => std::iter::once(c).nfkc().collect(),
        '\u{3000}' => " ".to_owned(),
        c => c.to_string(),
    };
    text.chars().map(mapped).collect()
}

/// The additional mapping rule of OpaqueString (RFC 8265 section 4.2.2): every space becomes an ASCII space.
pub(crate) fn with_plain_spaces(text: &str) -> String {
    text.chars().map(|c| if category(c) == GeneralCategory::SpaceSeparator { ' ' } else { c }).collect()
}

/// The directionality rule: a text with characters of right-to-left scripts follows the Bidi Rule (RFC 5893 section 2),
/// so that it is shown in one direction and in the order in which it was typed.
pub(crate) fn is_in_one_direction(text: &str) -> bool {
    use BidiClass as B;
    let classes: Vec<BidiClass> = text.chars().map(|c| CodePointMapData::<BidiClass>::new().get(c)).collect();
    let rtl = [B::RightToLeft, B::ArabicLetter, B::ArabicNumber];
    if !classes.iter().any(|class| rtl.contains(class)) {
        return true;
    }
    // A text that begins from left to right must not have any of these characters at all (conditions 1 and 5).
    let begins = classes.first().is_some_and(|class| [B::RightToLeft, B::ArabicLetter].contains(class));
    let neutral = [
        B::EuropeanNumber,
        B::EuropeanSeparator,
        B::CommonSeparator,
        B::EuropeanTerminator,
        B::OtherNeutral,
        B::BoundaryNeutral,
        B::NonspacingMark,
    ];
    let last = classes.iter().rev().find(|class| **class != B::NonspacingMark);
    let ends = last.is_some_and(|class| rtl.contains(class) || *class == B::EuropeanNumber);
    begins
        && ends
        && classes.iter().all(|class| rtl.contains(class) || neutral.contains(class))
        && !(classes.contains(&B::EuropeanNumber) && classes.contains(&B::ArabicNumber))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_classes_agree_with_the_examples_of_rfc_8264_and_rfc_8265() {
        for (text, identifier, freeform) in [
            ("juliet", true, true),
            ("fussball", true, true),
            ("fu\u{df}ball", true, true),
            ("\u{3c0}", true, true),
            ("\u{3a3}", true, true),
            ("\u{3c2}", true, true),
            ("foo bar", false, true),
            ("henry\u{2163}", false, true),
            ("\u{265a}", false, true),
            ("\u{2122}", false, true),
            ("my cat is a \u{9}by", false, false),
        ] {
            assert_eq!(
                (Class::Identifier.allows(text), Class::Freeform.allows(text)),
                (identifier, freeform),
                "{text}"
            );
        }
    }

    #[test]
    fn invisible_characters_are_in_neither_class() {
        for c in [
            '\0',
            '\t',
            '\u{7f}',
            '\u{85}',
            '\u{ad}',
            '\u{34f}',
            '\u{61c}',
            '\u{115f}',
            '\u{17b4}',
            '\u{180e}',
            '\u{200b}',
            '\u{200c}',
            '\u{200d}',
            '\u{200e}',
            '\u{202a}',
            '\u{202e}',
            '\u{2028}',
            '\u{2060}',
            '\u{2066}',
            '\u{2069}',
            '\u{3164}',
            '\u{fe0f}',
            '\u{feff}',
            '\u{ffa0}',
            '\u{fff9}',
            '\u{fffe}',
            '\u{e000}',
            '\u{e0041}',
            '\u{e0100}',
            '\u{378}',
            '\u{10ffff}',
        ] {
            for text in [format!("a{c}b"), format!("{c}ab"), format!("ab{c}")] {
                assert!(!Class::Freeform.allows(&text) && !Class::Identifier.allows(&text), "{c:?}");
            }
        }
    }

    #[test]
    fn letters_of_every_living_script_are_in_both_classes() {
        for name in [
            "Amina",
            "Дмитро",
            "Ελένη",
            "አበበ",
            "नेहा",
            "বিজয়",
            "ดวงใจ",
            "王芳",
            "たろう",
            "지민",
            "𞤀𞤣𞤢𞤥",
            "ⵎⴰⵙⵉⵏ",
            "ნინო",
        ] {
            assert!(Class::Identifier.allows(name), "{name}");
        }
    }

    #[test]
    fn contextual_characters_need_their_neighbours() {
        for (text, allowed) in [
            // Persian, where the character breaks a ligature, and Devanagari after a virama.
            ("\u{645}\u{6cc}\u{200c}\u{62e}", true),
            ("\u{915}\u{94d}\u{200c}\u{937}", true),
            ("\u{915}\u{94d}\u{200d}\u{937}", true),
            ("a\u{200c}b", false),
            ("\u{645}\u{200d}\u{6cc}", false),
            ("col\u{b7}lega", true),
            ("co\u{b7}lega", false),
            ("\u{375}\u{3b1}", true),
            ("\u{375}a", false),
            ("\u{5d0}\u{5f3}", true),
            ("a\u{5f3}", false),
            ("\u{30a2}\u{30fb}\u{30a4}", true),
            ("a\u{30fb}b", false),
            ("\u{627}\u{661}", true),
            ("\u{627}\u{661}\u{6f1}", false),
        ] {
            assert_eq!(Class::Identifier.allows(text), allowed, "{}", text.escape_unicode());
        }
    }

    #[test]
    fn a_text_of_a_right_to_left_script_has_one_direction() {
        for (text, follows) in [
            ("ada1", true),
            ("1ada", true),
            ("\u{5d0}\u{5d1}", true),
            ("\u{627}\u{644}1", true),
            ("\u{627}\u{644}_\u{627}", true),
            ("\u{627}a", false),
            ("a\u{627}", false),
            ("1\u{627}", false),
            ("\u{627}-", false),
            ("\u{627}1\u{661}", false),
        ] {
            assert_eq!(is_in_one_direction(text), follows, "{}", text.escape_unicode());
        }
    }

    #[test]
    fn only_the_ends_are_trimmed() {
        assert_eq!(trimmed("\u{feff} \u{202a}\t+254 712\u{202c}\u{a0}\n"), "+254 712");
        assert_eq!(trimmed("a\u{202e}b"), "a\u{202e}b");
        assert_eq!(trimmed("\u{200b}\u{ad}"), "");
    }

    #[test]
    fn widths_are_mapped_and_other_compatibility_characters_are_not() {
        assert_eq!(narrow("\u{ff21}\u{ff44}\u{ff41}\u{3000}\u{ff76}\u{ffe5}"), "Ada \u{30ab}\u{a5}");
        assert_eq!(narrow("\u{2168}\u{fb01}"), "\u{2168}\u{fb01}");
        assert_eq!(with_plain_spaces("a\u{a0}b\u{2003}c\u{1680}d"), "a b c d");
    }
}
