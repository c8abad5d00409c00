//! The page itself: one answer with text, style and program, and the policy that allows these and no other.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use sha2::{Digest as _, Sha256};

use crate::language::Language;

const HTML: &str = include_str!("../assets/page.html");
const STYLE: &str = include_str!("../assets/page.css");
const CODE: &str = include_str!("../assets/page.js");

/// The page in one language. All of its texts are of this crate, and have no characters of HTML.
pub(crate) fn page(language: Language) -> String {
    let texts = language.texts();
    let json = serde_json::to_string(&texts).unwrap_or_default();
    let languages: String = Language::ALL.into_iter().map(|other| link(other, language)).collect();
    // The places in order, so that what is put into one is not searched for the next.
    let mut page = String::with_capacity(HTML.len() + STYLE.len() + CODE.len() + json.len());
    let mut rest = HTML;
    while let Some((before, after)) = rest.split_once('{') {
        let (name, after) = after.split_once('}').unwrap_or((after, ""));
        page.push_str(before);
        page.push_str(match name {
            "lang" => language.tag(),
            "dir" => language.direction(),
            "style" => STYLE,
            "code" => CODE,
            "texts" => &json,
            "languages" => &languages,
            text => texts.get(text).map_or("", String::as_str),
        });
        rest = after;
    }
    page.push_str(rest);
    page
}

fn link(other: Language, current: Language) -> String {
    let (tag, name) = (other.tag(), other.texts().remove("name").unwrap_or_default());
    let mark = if other == current { " aria-current=\"true\"" } else { "" };
    format!("<li><a href=\"/s?lang={tag}\" lang=\"{tag}\" hreflang=\"{tag}\"{mark}>{name}</a></li>")
}

/// What the page may do: run its own program, use its own style, and ask the region that it came from.
pub(crate) fn policy() -> String {
    let hash = |text: &str| STANDARD.encode(Sha256::digest(text));
    format!(
        "default-src 'none'; script-src 'sha256-{}'; style-src 'sha256-{}'; connect-src 'self'; img-src data:; \
         base-uri 'none'; form-action 'none'; frame-ancestors 'none'; require-trusted-types-for 'script'; \
         trusted-types 'none'",
        hash(CODE),
        hash(STYLE)
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What stands between two texts for the first time.
    fn between<'a>(text: &'a str, start: &str, end: &str) -> &'a str {
        text.split_once(start).and_then(|(_, rest)| rest.split_once(end)).map_or("", |(inner, _)| inner)
    }

    #[test]
    fn the_first_view_is_small() {
        for language in Language::ALL {
            let bytes = page(language).len();
            assert!(bytes < 30 * 1024, "{} has {bytes} bytes", language.tag());
        }
    }

    #[test]
    fn the_policy_allows_the_style_and_the_program_of_the_page() {
        let hash = |text: &str| format!("'sha256-{}'", STANDARD.encode(Sha256::digest(text)));
        for language in Language::ALL {
            let page = page(language);
            assert!(policy().contains(&hash(between(&page, "<style>", "</style>"))));
            assert!(policy().contains(&hash(between(&page, "<script>", "</script>"))));
        }
        assert!(!policy().contains("unsafe"));
    }

    #[test]
    fn the_page_asks_no_one_else_and_has_no_open_place() {
        for language in Language::ALL {
            let page = page(language);
            for start in ["://", "\"//", "'//", "@import", "url("] {
                assert!(!page.contains(start), "{} {start}", language.tag());
            }
            let without_code = page.replace(CODE, "").replace(STYLE, "");
            let without_texts = without_code.replace(between(&without_code, "id=\"texts\">", "</script>"), "");
            assert!(!without_texts.contains(['{', '}']), "{without_texts}");
            assert!(page.contains(&format!("<html lang=\"{}\" dir=\"{}\">", language.tag(), language.direction())));
        }
        assert!(page(Language::Ar).contains("dir=\"rtl\""));
    }

    #[test]
    fn the_page_has_landmarks_and_a_place_that_is_read_out() {
        let page = page(Language::En);
        for part in ["<header>", "<main>", "<h1>", "<nav aria-label=\"Language\">", "role=\"status\"", "<noscript>"] {
            assert_eq!(page.matches(part).count(), 1, "{part}");
        }
        assert!(STYLE.contains("prefers-reduced-motion:no-preference") && STYLE.contains(":focus-visible"));
    }
}
