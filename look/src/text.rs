//! What is said on a page, in all languages.

use std::collections::BTreeMap;
use std::sync::OnceLock;

use crate::html::Html;
use crate::language::Language;

/// The texts of one area in all languages, as their files have them.
pub struct Area {
    files: [&'static str; 5],
    read: OnceLock<[BTreeMap<String, String>; 5]>,
}

impl Area {
    /// The area of these files, in the order of [`Language::ALL`].
    pub(crate) const fn new(files: [&'static str; 5]) -> Self {
        Self { files, read: OnceLock::new() }
    }

    /// Its texts in a language, by their names.
    pub fn texts(&self, language: Language) -> &BTreeMap<String, String> {
        // That every file can be read, a test holds.
        let read = || self.files.map(|json| serde_json::from_str(json).unwrap_or_default());
        let [en, fr, pt, ar, sw] = self.read.get_or_init(read);
        match language {
            Language::En => en,
            Language::Fr => fr,
            Language::Pt => pt,
            Language::Ar => ar,
            Language::Sw => sw,
        }
    }
}

/// A text of the pages.
#[derive(Clone, Copy)]
pub struct Text {
    area: fn() -> &'static Area,
    name: &'static str,
}

impl Text {
    /// The text of a name in an area.
    pub(crate) const fn new(area: fn() -> &'static Area, name: &'static str) -> Self {
        Self { area, name }
    }

    /// Its name in its area.
    pub const fn name(self) -> &'static str {
        self.name
    }

    /// The text with its places filled in.
    pub fn with(self, values: &[(&'static str, &str)]) -> Phrase {
        Phrase::Text(self, values.iter().map(|(name, value)| (*name, (*value).to_owned())).collect())
    }

    /// The text in a language, with its places open.
    fn open(self, language: Language) -> &'static str {
        (self.area)().texts(language).get(self.name).map_or(self.name, String::as_str)
    }
}

/// Something that is said: a text of the pages, or words of others.
#[derive(Clone)]
pub enum Phrase {
    /// A text, with the values of its places.
    Text(Text, Vec<(&'static str, String)>),
    /// Words of others, in whatever language: the name of a client, an address.
    Foreign(String),
}

impl Phrase {
    /// Words of others.
    pub fn foreign(words: &str) -> Self {
        Self::Foreign(words.to_owned())
    }

    /// The phrase within an element. Words of others are isolated, so that they do not turn the direction of what is around them (HTML:
    /// `bdi`).
    pub fn html(&self, language: Language) -> Html {
        match self {
            Self::Foreign(words) => Html::isolated(words),
            Self::Text(text, values) => {
                filled(text.open(language), values, Html::escaped, Html::isolated).into_iter().collect()
            }
        }
    }

    /// The phrase as plain text: a title, an attribute or a mail. Words of others are isolated by characters (Unicode: FSI and PDI) where
    /// the language is written from right to left.
    pub fn plain(&self, language: Language) -> String {
        let isolated = |words: &str| match language.direction() {
            "rtl" => format!("\u{2068}{words}\u{2069}"),
            _ => words.to_owned(),
        };
        match self {
            Self::Foreign(words) => isolated(words),
            Self::Text(text, values) => filled(text.open(language), values, str::to_owned, isolated).concat(),
        }
    }
}

impl From<Text> for Phrase {
    fn from(text: Text) -> Self {
        Self::Text(text, Vec::new())
    }
}

/// The pieces of a text, in order: what is put into one place is not searched for the next.
fn filled<T>(
    text: &str,
    values: &[(&'static str, String)],
    own: impl Fn(&str) -> T,
    foreign: impl Fn(&str) -> T,
) -> Vec<T> {
    let (mut pieces, mut rest) = (Vec::new(), text);
    while let Some((before, after)) = rest.split_once('{') {
        let (name, after) = after.split_once('}').unwrap_or((after, ""));
        pieces.push(own(before));
        let value = values.iter().find(|(other, _)| *other == name);
        pieces.extend(value.map(|(_, value)| foreign(value)));
        rest = after;
    }
    pieces.push(own(rest));
    pieces
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::texts::sign_on::CONTINUE_TO;

    #[test]
    fn words_of_others_are_text_and_isolated() {
        let phrase = CONTINUE_TO.with(&[("client", "<b>{client}")]);
        let html = phrase.html(Language::En).to_string();
        assert!(html.contains("<bdi>&lt;b&gt;{client}</bdi>"), "{html}");
        assert!(phrase.plain(Language::En).contains("<b>{client}"));
        assert!(phrase.plain(Language::Ar).contains("\u{2068}<b>{client}\u{2069}"));
    }
}
