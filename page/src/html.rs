//! The page itself: one answer with text, style and program, and the policy that allows these and no other.

use umoja_look::page::{Document, hash, languages};
use umoja_look::texts::status;
use umoja_look::{Choice, Language, Look};

const MAIN: &str = include_str!("../assets/main.html");
const STYLE: &str = include_str!("../assets/page.css");
const CODE: &str = include_str!("../assets/page.js");

/// The page in one language. All of its texts are our own, and have no characters of HTML.
pub(crate) fn page(language: Language) -> String {
    let texts = status::area().texts(language);
    let json = serde_json::to_string(texts).unwrap_or_default();
    // The places in order, so that what is put into one is not searched for the next.
    let mut main = String::with_capacity(MAIN.len() * 2);
    let mut rest = MAIN;
    while let Some((before, after)) = rest.split_once('{') {
        let (name, after) = after.split_once('}').unwrap_or((after, ""));
        main.push_str(before);
        main.push_str(texts.get(name).map_or("", String::as_str));
        rest = after;
    }
    main.push_str(rest);
    Document {
        language,
        title: texts.get("title").map_or("", String::as_str),
        style: &style(),
        // The program fills it in, once it knows the company.
        name: "<bdi id=\"company\"></bdi>",
        nav: "",
        main: &main,
        footer: languages(language, Choice::Links("/s")).as_str(),
        end: &format!("<script type=\"application/json\" id=\"texts\">{json}</script><script>{CODE}</script>"),
    }
    .html()
}

/// The style, in the colours of no company. The program sets those of the company.
fn style() -> String {
    Look::plain().style(STYLE)
}

/// What the page may do: run its own program, use its own style, and ask the region that it came from.
pub(crate) fn policy() -> String {
    format!(
        "default-src 'none'; script-src {}; style-src {}; connect-src 'self'; img-src data:; base-uri 'none'; form-action 'none'; \
         frame-ancestors 'none'; require-trusted-types-for 'script'; trusted-types 'none'",
        hash(CODE),
        hash(&style())
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
            let without_code = page.replace(CODE, "").replace(&style(), "");
            let without_texts = without_code.replace(between(&without_code, "id=\"texts\">", "</script>"), "");
            assert!(!without_texts.contains(['{', '}']), "{without_texts}");
            assert!(page.contains(&format!("<html lang=\"{}\" dir=\"{}\">", language.tag(), language.direction())));
        }
        assert!(page(Language::Ar).contains("dir=\"rtl\""));
    }

    #[test]
    fn the_page_has_landmarks_and_a_place_that_is_read_out() {
        let page = page(Language::En);
        for part in
            ["<header>", "<main id=\"main\">", "<h1>", "<nav aria-label=\"Language\">", "role=\"status\"", "<noscript>"]
        {
            assert_eq!(page.matches(part).count(), 1, "{part}");
        }
        assert!(style().contains("prefers-reduced-motion:no-preference") && style().contains(":focus-visible"));
    }
}
