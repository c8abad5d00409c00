//! The languages of the pages, and which of them a person wants (RFC 9110 section 12.5.4, RFC 4647 section 3.4).

/// A language of the pages.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Language {
    /// English.
    En,
    /// French.
    Fr,
    /// Portuguese.
    Pt,
    /// Arabic.
    Ar,
    /// Swahili.
    Sw,
}

impl Language {
    /// All languages, as a page lists them.
    pub const ALL: [Self; 5] = [Self::En, Self::Fr, Self::Pt, Self::Ar, Self::Sw];

    /// The tag of the language (BCP 47).
    pub const fn tag(self) -> &'static str {
        match self {
            Self::En => "en",
            Self::Fr => "fr",
            Self::Pt => "pt",
            Self::Ar => "ar",
            Self::Sw => "sw",
        }
    }

    /// In which direction it is written.
    pub const fn direction(self) -> &'static str {
        match self {
            Self::Ar => "rtl",
            _ => "ltr",
        }
    }

    /// The language of a tag, whatever its region.
    pub fn of_tag(tag: &str) -> Option<Self> {
        let primary = tag.trim().split('-').next().unwrap_or_default();
        Self::ALL.into_iter().find(|language| language.tag().eq_ignore_ascii_case(primary))
    }

    /// Its own name.
    pub const fn name(self) -> &'static str {
        match self {
            Self::En => "English",
            Self::Fr => "Français",
            Self::Pt => "Português",
            Self::Ar => "العربية",
            Self::Sw => "Kiswahili",
        }
    }
}

/// What is known of the languages that a person wants.
#[derive(Debug, Clone, Copy, Default)]
pub struct Wanted<'a> {
    /// The language that the person has just chosen on the page.
    pub chosen: Option<&'a str>,
    /// The language that the person chose before.
    pub kept: Option<&'a str>,
    /// The languages that the client asks for, best first (`ui_locales`).
    pub asked: &'a [String],
    /// The language of the person's profile.
    pub own: Option<&'a str>,
    /// The header `accept-language`.
    pub accepted: &'a str,
}

impl Wanted<'_> {
    /// The language: the first of these that the pages have, and English without one. A choice of the person comes before what a client
    /// thinks that the person reads.
    pub fn language(&self) -> Language {
        let of = |tag: Option<&str>| tag.and_then(Language::of_tag);
        let asked = || self.asked.iter().find_map(|tag| Language::of_tag(tag));
        let known = of(self.chosen).or_else(|| of(self.kept)).or_else(asked).or_else(|| of(self.own));
        known.or_else(|| accepted(self.accepted)).unwrap_or(Language::En)
    }
}

/// The language of this header with the greatest weight.
fn accepted(header: &str) -> Option<Language> {
    let ranges = header.split(',').filter_map(|range| {
        let (tag, weight) = range.split_once(';').unwrap_or((range, "q=1"));
        let weight: f32 = weight.trim().strip_prefix("q=")?.trim().parse().ok()?;
        let is_wanted = weight > 0.0;
        Language::of_tag(tag).filter(|_| is_wanted).map(|language| (weight, language))
    });
    // Of two with one weight the first counts.
    let best = ranges.reduce(|best, next| if next.0 > best.0 { next } else { best });
    best.map(|(_, language)| language)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_greatest_weight_wins_and_a_choice_wins_over_it() {
        for (chosen, header, wanted) in [
            ("", "", "en"),
            ("", "de-DE,de;q=0.9", "en"),
            ("", "fr-CM,fr;q=0.9,en;q=0.8", "fr"),
            ("", "en;q=0.5, SW-ke;q=0.9", "sw"),
            ("", "ar;q=0, pt;q=0.1", "pt"),
            ("", "pt, fr", "pt"),
            ("", "ar;q=high,*", "en"),
            ("ar", "fr", "ar"),
            ("xx", "fr", "fr"),
        ] {
            let language = Wanted { chosen: Some(chosen), accepted: header, ..Wanted::default() }.language();
            assert_eq!(language.tag(), wanted, "{chosen} {header}");
        }
    }

    #[test]
    fn the_person_comes_before_the_client_and_the_client_before_the_profile() {
        let asked = ["de".to_owned(), "pt-MZ".to_owned()];
        let all = Wanted { chosen: Some("ar"), kept: Some("sw"), asked: &asked, own: Some("fr-CM"), accepted: "en" };
        assert_eq!(all.language(), Language::Ar);
        assert_eq!(Wanted { chosen: None, ..all }.language(), Language::Sw);
        assert_eq!(Wanted { chosen: None, kept: None, ..all }.language(), Language::Pt);
        assert_eq!(Wanted { chosen: None, kept: None, asked: &[], ..all }.language(), Language::Fr);
    }
}
