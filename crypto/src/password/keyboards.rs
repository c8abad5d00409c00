//! The keys that a text of another script takes on a keyboard with Latin letters beside the others.
//!
//! Lists of common passwords have what people type on both halves of such keyboards: `gfhjkm` is the Russian word for
//! password. So the keys of a text say how common it is where the list does not have its script.

/// The letters of a layout and, at the same place, the characters of the same keys in the layout of the United States.
const LAYOUTS: [(&str, &str); 5] = [
    ("йцукенгшщзхъфывапролджэячсмитьбюё", "qwertyuiop[]asdfghjkl;'zxcvbnm,.`"),
    ("іїєґ", "s]'\\"),
    ("ςερτυθιοπασδφγηξκλζχψωβνμάέήίόύώ", "wertyuiopasdfghjklzxcvbnmaehioyv"),
    ("קראטוןםפשדגכעיחלךףזסבהנמצתץ", "ertyuiopasdfghjkl;zxcvbnm,."),
    ("ضصثقفغعهخحجدشسيبلاتنمكطئءؤرىةوزظ", "qwertyuiop[]asdfghjkl;'zxcvnm,./"),
];

/// The keys of a text. `None` if no letter of it is in a layout.
pub(super) fn latin_keys(text: &str) -> Option<String> {
    let mut is_mapped = false;
    let key = |c: char| {
        let lower = c.to_lowercase().next().unwrap_or(c);
        let key = LAYOUTS.iter().find_map(|(letters, keys)| {
            let at = letters.chars().position(|letter| letter == lower)?;
            keys.chars().nth(at)
        });
        is_mapped |= key.is_some();
        key.unwrap_or(c)
    };
    let keys = text.chars().map(key).collect();
    is_mapped.then_some(keys)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_keys_of_a_text_are_those_of_its_layout() {
        for (text, keys) in [
            ("Йцукен", "qwerty"),
            ("пароль1", "gfhjkm1"),
            ("ґаїв", "\\f]d"),
            ("Καλημέρα", "kalhmera"),
            ("שלום", "akuo"),
            ("ضصثقف", "qwert"),
        ] {
            assert_eq!(latin_keys(text).as_deref(), Some(keys), "{text}");
        }
        for text in ["qwerty", "2026", "我爱你", "አበበ", ""] {
            assert_eq!(latin_keys(text), None, "{text}");
        }
    }

    #[test]
    fn every_letter_of_a_layout_has_a_key() {
        for (letters, keys) in LAYOUTS {
            assert_eq!(letters.chars().count(), keys.chars().count(), "{letters}");
        }
    }
}
