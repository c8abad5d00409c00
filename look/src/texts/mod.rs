//! The texts of the pages, by area. Each area has five files beside the code, one for each language.

pub mod account;
pub mod addresses;
pub mod factors;
pub mod federation;
pub mod mail;
pub mod register;
pub mod sign_on;
pub mod status;

/// The texts of an area: `NAME = "name"` for each. The name is that in the files.
macro_rules! area {
    ($area:literal: $($constant:ident = $name:literal),* $(,)?) => {
        /// The texts in all languages.
        pub fn area() -> &'static crate::text::Area {
            static AREA: crate::text::Area = crate::text::Area::new([
                include_str!(concat!("../../texts/", $area, "/en.json")),
                include_str!(concat!("../../texts/", $area, "/fr.json")),
                include_str!(concat!("../../texts/", $area, "/pt.json")),
                include_str!(concat!("../../texts/", $area, "/ar.json")),
                include_str!(concat!("../../texts/", $area, "/sw.json")),
            ]);
            &AREA
        }

        $(
            #[doc = concat!("The text `", $name, "`.")]
            pub const $constant: crate::text::Text = crate::text::Text::new(area, $name);
        )*

        /// The names of all texts.
        #[cfg(test)]
        pub(super) const NAMES: &[&str] = &[$($name),*];
    };
}
use area;

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::{account, addresses, factors, federation, mail, register, sign_on, status};
    use crate::language::Language;
    use crate::text::Area;

    /// Every area. One that is not here is not checked.
    type Named = (fn() -> &'static Area, &'static [&'static str]);

    const AREAS: &[Named] = &[
        (account::area, account::NAMES),
        (addresses::area, addresses::NAMES),
        (factors::area, factors::NAMES),
        (federation::area, federation::NAMES),
        (mail::area, mail::NAMES),
        (register::area, register::NAMES),
        (sign_on::area, sign_on::NAMES),
        (status::area, status::NAMES),
    ];

    fn places(text: &str) -> BTreeSet<&str> {
        text.split('{').skip(1).map(|rest| rest.split('}').next().unwrap()).collect()
    }

    #[test]
    fn every_language_has_every_text_of_the_code_with_the_same_places() {
        for (area, names) in AREAS {
            let english = area().texts(Language::En);
            let named: BTreeSet<_> = names.iter().copied().collect();
            for language in Language::ALL {
                let texts = area().texts(language);
                let known: BTreeSet<_> = texts.keys().map(String::as_str).collect();
                assert_eq!(known, named, "{}", language.tag());
                for (name, text) in texts {
                    assert_eq!(places(text), places(&english[name]), "{} {name}", language.tag());
                    assert!(
                        !text.trim().is_empty() && !text.contains(['<', '>', '&', '"']),
                        "{} {name}",
                        language.tag()
                    );
                }
            }
        }
    }

    #[test]
    fn no_text_was_left_in_english() {
        for (area, names) in AREAS {
            let english = area().texts(Language::En);
            for language in Language::ALL.into_iter().filter(|language| *language != Language::En) {
                let texts = area().texts(language);
                let same: Vec<_> = names.iter().filter(|name| texts[**name] == english[**name]).collect();
                assert!(same.is_empty(), "{} {same:?}", language.tag());
            }
        }
    }
}
