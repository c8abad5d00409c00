//! A page: its pieces, its headers, and the policy of what it may do (CSP). It allows the page's own style and no other's, and forms to the
//! issuer and to where the page leads: browsers apply `form-action` to the redirect after a form too.

use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use sha2::{Digest as _, Sha256};

use crate::form::{ALERT, FIRST, Form};
use crate::html::Html;
use crate::language::Language;
use crate::look::Look;
use crate::text::Phrase;
use crate::texts::sign_on::{LANGUAGE, SKIP};

/// Sends the first form of a page.
const SEND: &str = "document.forms[0].submit()";

/// What a page has as a file: wide tables, whose long values break.
const FILE_STYLE: &str = "main{max-width:60rem}table{border-collapse:collapse;width:100%}\
th,td{text-align:start;vertical-align:top;padding:.3rem .6rem .3rem 0;border-bottom:1px solid;overflow-wrap:anywhere}";

/// How a person changes the language of a page.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Choice<'a> {
    /// It cannot.
    #[default]
    None,
    /// By links to a path, which answers with the same page (`?lang=fr`).
    Links(&'a str),
    /// By the first form of the page, which is sent with `lang` and shows the page again.
    Form,
}

/// A page for a person.
pub struct Page<'a> {
    look: &'a Look,
    language: Language,
    title: Phrase,
    pieces: Html,
    forms: usize,
    status: StatusCode,
    to: Option<String>,
    script: Script,
    choice: Choice<'a>,
    nav: Html,
}

enum Script {
    None,
    Sends,
    Of(&'static str),
}

/// One of several things of a person, with what can be done about it.
pub struct Card {
    title: Phrase,
    lines: Vec<Phrase>,
    form: Option<Form>,
}

impl Card {
    /// A thing and what is said of it.
    pub fn new(title: impl Into<Phrase>, lines: Vec<Phrase>) -> Self {
        Self { title: title.into(), lines, form: None }
    }

    /// What can be done about it.
    #[must_use]
    pub fn form(mut self, form: Form) -> Self {
        self.form = Some(form);
        self
    }
}

impl<'a> Page<'a> {
    /// A page in the look of a company and in a language, with its title, which is its heading too.
    pub fn new(look: &'a Look, language: Language, title: impl Into<Phrase>) -> Self {
        Self {
            look,
            language,
            title: title.into(),
            pieces: Html::default(),
            forms: 0,
            status: StatusCode::OK,
            to: None,
            script: Script::None,
            choice: Choice::None,
            nav: Html::default(),
        }
    }

    fn add(mut self, html: &str) -> Self {
        self.pieces.push(&Html::own(html));
        self
    }

    /// A paragraph.
    #[must_use]
    pub fn text(self, phrase: impl Into<Phrase>) -> Self {
        let html = phrase.into().html(self.language);
        self.add(&format!("<p>{html}</p>"))
    }

    /// What went wrong, if something did. It is read out at once. A page has one alert.
    #[must_use]
    pub fn alert(self, phrase: Option<Phrase>) -> Self {
        let Some(phrase) = phrase else { return self };
        let html = phrase.html(self.language);
        self.add(&format!("<p role=\"alert\" id=\"{ALERT}\">{html}</p>"))
    }

    /// What was done, if something was. It is read out at the next pause.
    #[must_use]
    pub fn done(self, phrase: Option<Phrase>) -> Self {
        let Some(phrase) = phrase else { return self };
        let html = phrase.html(self.language);
        self.add(&format!("<p role=\"status\">{html}</p>"))
    }

    /// A heading below the title.
    #[must_use]
    pub fn heading(self, phrase: impl Into<Phrase>) -> Self {
        let html = phrase.into().html(self.language);
        self.add(&format!("<h2>{html}</h2>"))
    }

    /// A list.
    #[must_use]
    pub fn list(self, items: impl IntoIterator<Item = Phrase>) -> Self {
        let language = self.language;
        let items: Html =
            items.into_iter().map(|item| Html::own(&format!("<li>{}</li>", item.html(language)))).collect();
        self.add(&format!("<ul>{items}</ul>"))
    }

    /// A table, with the headings of its columns.
    #[must_use]
    pub fn table(self, headings: &[Phrase], rows: &[Vec<Phrase>]) -> Self {
        let language = self.language;
        let head: Html =
            headings.iter().map(|one| Html::own(&format!("<th scope=\"col\">{}</th>", one.html(language)))).collect();
        let cell = |one: &Phrase| Html::own(&format!("<td>{}</td>", one.html(language)));
        let row = |row: &Vec<Phrase>| Html::own(&format!("<tr>{}</tr>", row.iter().map(cell).collect::<Html>()));
        let body: Html = rows.iter().map(row).collect();
        self.add(&format!("<table><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>"))
    }

    /// The page as a file of its own, which does nothing and asks for nothing.
    pub fn document(&self) -> String {
        let style = self.look.style(FILE_STYLE);
        let policy = format!("default-src 'none'; style-src {}; img-src data:", hash(&style));
        let policy =
            format!("<meta http-equiv=\"Content-Security-Policy\" content=\"{}\"><title>", Html::escaped(&policy));
        self.html(&style).replacen("<title>", &policy, 1)
    }

    /// A code that a person compares or copies. It is written from left to right in every language, and stands where text begins.
    #[must_use]
    pub fn code(self, code: &str) -> Self {
        let code = Html::escaped(code);
        self.add(&format!("<p class=\"code\"><bdi dir=\"ltr\">{code}</bdi></p>"))
    }

    /// A picture of the page's own (SVG), with what it shows.
    #[must_use]
    pub fn picture(self, svg: &str, shows: impl Into<Phrase>) -> Self {
        let shows = Html::escaped(&shows.into().plain(self.language));
        let svg = STANDARD.encode(svg);
        self.add(&format!("<p><img src=\"data:image/svg+xml;base64,{svg}\" alt=\"{shows}\"></p>"))
    }

    /// A link to a path of the issuer.
    #[must_use]
    pub fn link(self, href: &str, phrase: impl Into<Phrase>) -> Self {
        let (href, html) = (Html::escaped(href), phrase.into().html(self.language));
        self.add(&format!("<p><a href=\"{href}\">{html}</a></p>"))
    }

    /// A form.
    #[must_use]
    pub fn form(mut self, form: &Form) -> Self {
        let html = form.html(self.language, self.forms, matches!(self.script, Script::Sends));
        self.forms += 1;
        self.pieces.push(&html);
        self
    }

    /// One of several things of a person.
    #[must_use]
    pub fn card(self, card: &Card) -> Self {
        let language = self.language;
        let lines: Html = card.lines.iter().map(|line| Html::own(&format!("<p>{}</p>", line.html(language)))).collect();
        let page = self.add(&format!("<section class=\"card\"><h2>{}</h2>{lines}", card.title.html(language)));
        let page = match &card.form {
            Some(form) => page.form(form),
            None => page,
        };
        page.add("</section>")
    }

    /// The pages beside this one, of which one is this. Where there is little room, a person opens the list.
    #[must_use]
    pub fn nav(mut self, label: impl Into<Phrase>, links: &[(&str, Phrase)], current: &str) -> Self {
        let link = |(href, phrase): &(&str, Phrase)| {
            let mark = if *href == current { " aria-current=\"page\"" } else { "" };
            let (href, html) = (Html::escaped(href), phrase.html(self.language));
            Html::own(&format!("<li><a href=\"{href}\"{mark}>{html}</a></li>"))
        };
        let links: Html = links.iter().map(link).collect();
        let label = Html::escaped(&label.into().plain(self.language));
        self.nav = Html::own(&format!(
            "<nav aria-label=\"{label}\"><details><summary>{label}</summary><ul>{links}</ul></details></nav>"
        ));
        self
    }

    /// The status of the answer.
    #[must_use]
    pub fn status(mut self, status: StatusCode) -> Self {
        self.status = status;
        self
    }

    /// The URI to which the form leads in the end.
    #[must_use]
    pub fn leads_to(mut self, uri: Option<&str>) -> Self {
        self.to = uri.map(str::to_owned);
        self
    }

    /// The first form sends itself where programs run. To be said before the form is added.
    #[must_use]
    pub fn sends_itself(mut self) -> Self {
        self.script = Script::Sends;
        self
    }

    /// The page has a program of the issuer at this path.
    #[must_use]
    pub fn script(mut self, path: &'static str) -> Self {
        self.script = Script::Of(path);
        self
    }

    /// How the person changes the language.
    #[must_use]
    pub fn languages(mut self, choice: Choice<'a>) -> Self {
        self.choice = choice;
        self
    }

    fn policy(&self, style: &str) -> String {
        let script = match self.script {
            Script::None => String::new(),
            Script::Sends => format!("script-src {}; ", hash(SEND)),
            Script::Of(_) => "script-src 'self'; connect-src 'self'; ".to_owned(),
        };
        let to = self.to.as_deref().map(|uri| format!(" {}", source(uri))).unwrap_or_default();
        format!(
            "default-src 'none'; {script}style-src {}; img-src data:; form-action 'self'{to}; frame-ancestors 'none'; \
             base-uri 'none'",
            hash(style)
        )
    }

    fn html(&self, style: &str) -> String {
        let title = self.title.html(self.language);
        let mut main = Html::own(&format!("<h1>{title}</h1>"));
        main.push(&self.pieces);
        let script = match self.script {
            Script::None => String::new(),
            Script::Sends => format!("<script>{SEND}</script>"),
            Script::Of(path) => format!("<script src=\"{path}\"></script>"),
        };
        Document {
            language: self.language,
            title: Html::escaped(&self.title.plain(self.language)).as_str(),
            style,
            name: self.look.head().as_str(),
            nav: self.nav.as_str(),
            main: main.as_str(),
            footer: languages(self.language, self.choice).as_str(),
            end: &script,
        }
        .html()
    }
}

impl IntoResponse for Page<'_> {
    fn into_response(self) -> Response {
        let style = self.look.style("");
        let mut response = (self.status, self.html(&style)).into_response();
        let headers = response.headers_mut();
        for (name, value) in [
            (header::CONTENT_TYPE, "text/html; charset=utf-8"),
            (header::CONTENT_LANGUAGE, self.language.tag()),
            (header::CACHE_CONTROL, "no-store"),
            (header::REFERRER_POLICY, "no-referrer"),
            (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
            (header::X_FRAME_OPTIONS, "DENY"),
        ] {
            headers.insert(name, HeaderValue::from_static(value));
        }
        // A registered URI has no character that a header cannot have; without a policy that can be sent, the page may do nothing.
        let policy = HeaderValue::try_from(self.policy(&style));
        let nothing = HeaderValue::from_static("default-src 'none'; form-action 'none'; frame-ancestors 'none'");
        headers.insert(header::CONTENT_SECURITY_POLICY, policy.unwrap_or(nothing));
        response
    }
}

/// The pieces of a document, each HTML.
pub struct Document<'a> {
    /// The language.
    pub language: Language,
    /// What the browser calls it.
    pub title: &'a str,
    /// The style.
    pub style: &'a str,
    /// The name of the company, or its logo.
    pub name: &'a str,
    /// The pages beside this one. Empty if there are none.
    pub nav: &'a str,
    /// What it is about.
    pub main: &'a str,
    /// What stands below.
    pub footer: &'a str,
    /// Its programs.
    pub end: &'a str,
}

impl Document<'_> {
    /// The document. A page with others beside it begins with a link that skips them (WCAG 2.4.1).
    pub fn html(&self) -> String {
        let Self { language, title, style, name, nav, main, footer, end } = self;
        let (tag, direction) = (language.tag(), language.direction());
        let skip = if nav.is_empty() {
            String::new()
        } else {
            format!("<a class=\"skip\" href=\"#main\">{}</a>", Phrase::from(SKIP).html(*language))
        };
        format!(
            "<!doctype html><html lang=\"{tag}\" dir=\"{direction}\"><head><meta charset=\"utf-8\">\
             <meta name=\"viewport\" content=\"width=device-width,initial-scale=1\"><meta name=\"robots\" content=\"noindex\">\
             <title>{title}</title><link rel=\"icon\" href=\"data:,\"><style>{style}</style></head>\
             <body>{skip}<header><p>{name}</p>{nav}</header><main id=\"main\">{main}</main><footer>{footer}</footer>{end}</body></html>"
        )
    }
}

/// The languages of a page in which it is in one of them.
pub fn languages(current: Language, choice: Choice<'_>) -> Html {
    let one = |other: Language| {
        let (tag, name) = (other.tag(), other.name());
        let mark = if other == current { " aria-current=\"true\"" } else { "" };
        let chosen = match choice {
            Choice::None => return Html::default(),
            Choice::Links(path) => {
                let separator = if path.contains('?') { "&amp;" } else { "?" };
                let path = Html::escaped(path);
                format!("<a href=\"{path}{separator}lang={tag}\" lang=\"{tag}\" hreflang=\"{tag}\"{mark}>{name}</a>")
            }
            Choice::Form => format!(
                "<button form=\"{FIRST}\" formnovalidate name=\"lang\" value=\"{tag}\" lang=\"{tag}\"{mark}>{name}</button>"
            ),
        };
        Html::own(&format!("<li>{chosen}</li>"))
    };
    if choice == Choice::None {
        return Html::default();
    }
    let label = Html::escaped(&Phrase::from(LANGUAGE).plain(current));
    let all: Html = Language::ALL.into_iter().map(one).collect();
    Html::own(&format!("<nav aria-label=\"{label}\"><ul>{all}</ul></nav>"))
}

/// The hash of a style or a program, as a policy names it.
pub fn hash(text: &str) -> String {
    format!("'sha256-{}'", STANDARD.encode(Sha256::digest(text)))
}

/// The source of a redirect URI (CSP 3 section 2.3.1): its origin; its scheme, if it is that of an application or an address of IPv6, for
/// which a policy has no form.
fn source(uri: &str) -> &str {
    let (scheme, rest) = uri.split_once(':').unwrap_or((uri, ""));
    let host = rest.strip_prefix("//").filter(|host| matches!(scheme, "http" | "https") && !host.starts_with('['));
    let end = match host {
        Some(host) => scheme.len() + 3 + host.find(['/', '?', '#']).unwrap_or(host.len()),
        None => scheme.len() + 1,
    };
    uri.get(..end).unwrap_or_default()
}

#[cfg(test)]
mod tests;
