//! The languages of the page, and which of them a browser wants (RFC 9110 section 12.5.4, RFC 4647 section 3.4).

use std::collections::BTreeMap;

/// A language of the page.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Language {
    En,
    Fr,
    Pt,
    Ar,
    Sw,
}

impl Language {
    pub(crate) const ALL: [Self; 5] = [Self::En, Self::Fr, Self::Pt, Self::Ar, Self::Sw];

    /// The tag of the language (BCP 47).
    pub(crate) const fn tag(self) -> &'static str {
        match self {
            Self::En => "en",
            Self::Fr => "fr",
            Self::Pt => "pt",
            Self::Ar => "ar",
            Self::Sw => "sw",
        }
    }

    /// In which direction it is written.
    pub(crate) const fn direction(self) -> &'static str {
        match self {
            Self::Ar => "rtl",
            _ => "ltr",
        }
    }

    /// Its texts, by their names.
    pub(crate) fn texts(self) -> BTreeMap<String, String> {
        let json = match self {
            Self::En => include_str!("../texts/en.json"),
            Self::Fr => include_str!("../texts/fr.json"),
            Self::Pt => include_str!("../texts/pt.json"),
            Self::Ar => include_str!("../texts/ar.json"),
            Self::Sw => include_str!("../texts/sw.json"),
        };
        serde_json::from_str(json).unwrap_or_default()
    }

    fn of_tag(tag: &str) -> Option<Self> {
        let primary = tag.trim().split('-').next().unwrap_or_default();
        Self::ALL.into_iter().find(|language| language.tag().eq_ignore_ascii_case(primary))
    }

    /// The language that was chosen on the page, or else the one of this header with the greatest weight. English without
    /// either.
    pub(crate) fn wanted(query: &str, accept_language: &str) -> Self {
        let chosen = query.split('&').find_map(|pair| pair.strip_prefix("lang=")).and_then(Self::of_tag);
        let ranges = accept_language.split(',').filter_map(|range| {
            let (tag, weight) = range.split_once(';').unwrap_or((range, "q=1"));
            let weight: f32 = weight.trim().strip_prefix("q=")?.trim().parse().ok()?;
            let is_wanted = weight > 0.0;
            Self::of_tag(tag).filter(|_| is_wanted).map(|language| (weight, language))
        });
        // Of two with one weight the first counts.
        let best = ranges.reduce(|best, next| if next.0 > best.0 { next } else { best });
        chosen.or(best.map(|(_, language)| language)).unwrap_or(Self::En)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_greatest_weight_wins_and_a_choice_wins_over_it() {
        for (query, header, wanted) in [
            ("", "", "en"),
            ("", "de-DE,de;q=0.9", "en"),
            ("", "fr-CM,fr;q=0.9,en;q=0.8", "fr"),
            ("", "en;q=0.5, SW-ke;q=0.9", "sw"),
            ("", "ar;q=0, pt;q=0.1", "pt"),
            ("", "pt, fr", "pt"),
            ("", "ar;q=high,*", "en"),
            ("lang=ar", "fr", "ar"),
            ("x=1&lang=sw", "fr", "sw"),
            ("lang=xx", "fr", "fr"),
        ] {
            assert_eq!(Language::wanted(query, header).tag(), wanted, "{query} {header}");
        }
    }

    #[test]
    fn every_language_has_every_text_with_the_same_places() {
        let places = |text: &str| {
            let mut places: Vec<_> =
                text.split('{').skip(1).map(|rest| rest.split('}').next().unwrap().to_owned()).collect();
            places.sort();
            places
        };
        let shape = |language: Language| -> Vec<_> {
            language.texts().into_iter().map(|(name, text)| (name, places(&text))).collect()
        };
        let english = shape(Language::En);
        assert!(english.len() > 10);
        for language in Language::ALL {
            assert_eq!(shape(language), english, "{}", language.tag());
            assert!(language.texts().values().all(|text| !text.contains(['<', '>', '&', '"'])), "{}", language.tag());
        }
    }
}
