//! `docs/errors.md`, and the page `/errors` of a region: a section for each code of a problem.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::path::Path;

use schemars::generate::SchemaSettings;
use serde_json::Value;
use umoja_api::{ProblemKind, Retry};
use umoja_ingest::ProblemKind as OfSources;
use umoja_page::ProblemKind as OfPage;
use umoja_schema::api::ProblemDetails;

use super::check;

/// What is said about one code.
#[derive(Default)]
struct Section {
    api: Option<&'static ProblemKind>,
    /// The operations that answer with it; none if all of them do.
    operations: Vec<String>,
    source: Option<&'static OfSources>,
    page: Option<&'static OfPage>,
}

impl Section {
    fn status(&self) -> u16 {
        let source = || self.source.map(|kind| kind.status.as_u16());
        let page = || self.page.map(|kind| kind.status.as_u16());
        self.api.map(|kind| kind.status).or_else(source).or_else(page).unwrap_or_default()
    }

    fn title(&self) -> &'static str {
        let title = self.api.map(|kind| kind.title).or(self.source.map(|kind| kind.title));
        title.or(self.page.map(|kind| kind.title)).unwrap_or_default()
    }

    /// The lines below the heading, each with its name.
    fn lines(&self) -> Vec<(&'static str, String)> {
        let mut lines = Vec::new();
        if let Some(kind) = self.api {
            lines.push(("What to do", kind.detail.to_owned()));
            let repeat = format!("{}. {}", kind.retry.as_str().replace('_', " "), kind.retry.meaning());
            lines.push(("Repeat it", repeat));
            let operations = match &self.operations[..] {
                [] => "all.".to_owned(),
                some => format!("{}.", some.iter().map(|name| format!("`{name}`")).collect::<Vec<_>>().join(", ")),
            };
            lines.push(("Operations", operations));
        }
        if let Some(kind) = self.source {
            lines.push(("A source that posts events", kind.detail.to_owned()));
        }
        if self.page.is_some() {
            lines.push(("The status page", OfPage::DETAIL.to_owned()));
        }
        lines
    }

    /// A body of the API with this code.
    fn example(&self) -> Option<String> {
        let kind = self.api?;
        let field = match kind.code {
            "invalid_body" | "user_not_found" | "identifier_taken" => Some("email"),
            code if code.starts_with("password_") => Some("new_password"),
            _ => None,
        };
        let details = ProblemDetails {
            type_uri: kind.type_uri(),
            title: kind.title.to_owned(),
            status: kind.status,
            detail: kind.detail.to_owned(),
            code: kind.code.to_owned(),
            field: field.map(str::to_owned),
            version: (kind.code == "version_conflict").then(|| EXAMPLE_VERSION.to_owned()),
            violated_policies: (kind.code == "rate_limited").then(|| vec!["company".to_owned()]),
        };
        Some(serde_json::to_string_pretty(&details).unwrap())
    }
}

/// A version as an answer has it.
const EXAMPLE_VERSION: &str = "0197a5f2-6d1c-7c3e-9b0a-3f6f1c2d4e5f.1785000000000-0000-eu-west-1";

/// The sections by code.
fn sections() -> BTreeMap<&'static str, Section> {
    let mut sections: BTreeMap<&str, Section> = BTreeMap::new();
    for kind in umoja_api::PROBLEMS {
        sections.entry(kind.code).or_default().api = Some(kind);
    }
    for kind in umoja_ingest::PROBLEMS {
        sections.entry(kind.code).or_default().source = Some(kind);
    }
    for kind in umoja_page::PROBLEMS {
        sections.entry(kind.code).or_default().page = Some(kind);
    }
    let generator = || SchemaSettings::draft2020_12().into_generator();
    let operations = umoja_api::described(&mut generator(), &mut generator());
    for operation in &operations {
        let name = operation.path.trim_start_matches("/v1/").trim_start_matches("users/");
        for kind in &operation.problems {
            sections.entry(kind.code).or_default().operations.push(name.to_owned());
        }
    }
    for section in sections.values_mut().filter(|section| section.operations.len() == operations.len()) {
        section.operations.clear();
    }
    sections
}

fn by_status<'a>(sections: &'a BTreeMap<&'static str, Section>) -> Vec<(&'static str, &'a Section)> {
    let mut all: Vec<_> = sections.iter().map(|(code, section)| (*code, section)).collect();
    all.sort_by_key(|(code, section)| (section.status(), *code));
    all
}

const ABOUT: &str = "The API answers an error with a problem (RFC 9457), signed if it knows the caller. `code` is for programs and never changes its \
meaning; a newer version may answer with further codes, so treat an unknown one by its HTTP status. `type` is `/errors#` and the code: a region answers \
`GET /errors` with this page. Only `rate_limited` has the `type` of the draft RateLimit headers. `detail` says what to do, and never repeats what you sent. \
The header `Request-Id` names the request in the log of the operator.";

#[test]
fn the_page_of_errors_is_up_to_date() {
    let sections = sections();
    let mut text = format!(
        "# Errors\n\nGenerated from the code. {ABOUT} [requests.md](requests.md) says how an answer is checked, and [The errors of \
         SCIM](#the-errors-of-scim) are at the end.\n\n| status | code | what happened | repeat it? |\n|---|---|---|---|\n",
    );
    for (code, section) in by_status(&sections) {
        let retry = section.api.map_or("no", |kind| kind.retry.as_str()).replace('_', " ");
        writeln!(text, "| {} | [`{code}`](#{code}) | {} | {retry} |", section.status(), section.title()).unwrap();
    }
    text += "\n";
    for retry in Retry::ALL {
        writeln!(text, "- *{}*: {}", retry.as_str().replace('_', " "), retry.meaning()).unwrap();
    }
    for (code, section) in by_status(&sections) {
        write!(text, "\n## `{code}`\n\n{}: {}.\n\n", section.status(), section.title()).unwrap();
        for (name, line) in section.lines() {
            writeln!(text, "- **{name}**: {line}").unwrap();
        }
        if let Some(example) = section.example() {
            write!(text, "\n```json\n{example}\n```\n").unwrap();
        }
    }
    text += "\n## The errors of SCIM\n\nA SCIM client gets these (RFC 7644 section 3.12), unsigned: the keyword is in `scimType`, and `detail` says \
             what to do.\n\n| status | keyword | meaning |\n|---|---|---|\n";
    for error in &umoja_ingest::scim::SCIM_ERRORS {
        let keyword = error.kind.map(|kind| format!("`{kind}`")).unwrap_or_default();
        writeln!(text, "| {} | {keyword} | {} |", error.status, error.meaning).unwrap();
    }
    check("docs/errors.md", &text);
}

/// A sentence in HTML, with the words in backticks as code.
fn html(sentence: &str) -> String {
    let escaped = sentence.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;");
    let part = |(at, part): (usize, &str)| if at % 2 == 0 { part.to_owned() } else { format!("<code>{part}</code>") };
    escaped.split('`').enumerate().map(part).collect()
}

#[test]
fn the_page_of_a_region_about_errors_is_up_to_date_with_the_reference() {
    let mut text = format!(
        "<!doctype html>\n<html lang=\"en\">\n<meta charset=\"utf-8\">\n<meta name=\"viewport\" content=\"width=device-width\">\n\
         <meta name=\"color-scheme\" content=\"light dark\">\n<title>Errors of Umoja</title>\n<h1>Errors of Umoja</h1>\n<p>{}</p>\n",
        html(ABOUT)
    );
    for (code, section) in by_status(&sections()) {
        let (status, title) = (section.status(), html(section.title()));
        writeln!(text, "<h2 id=\"{code}\"><a href=\"#{code}\">{code}</a></h2>\n<p>{status}: {title}.</p>\n<dl>")
            .unwrap();
        for (name, line) in section.lines() {
            writeln!(text, "<dt>{name}</dt><dd>{}</dd>", html(&line)).unwrap();
        }
        text += "</dl>\n";
        if let Some(example) = section.example() {
            writeln!(text, "<pre>{}</pre>", html(&example).replace("<code>", "`").replace("</code>", "`")).unwrap();
        }
    }
    check("schema/generated/errors.html", &text);
}

/// A file of the repository.
fn committed(file: &str) -> String {
    std::fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("..").join(file)).unwrap()
}

/// The codes that the description of the API and the tables of sources and of the status page have.
fn codes() -> BTreeSet<String> {
    let document: Value = serde_json::from_str(&committed("schema/generated/openapi.json")).unwrap();
    let described = document["components"]["schemas"]["ProblemCode"]["enum"].as_array().unwrap();
    let described = described.iter().map(|code| code.as_str().unwrap());
    let of_sources = umoja_ingest::PROBLEMS.iter().map(|kind| kind.code);
    let of_page = umoja_page::PROBLEMS.iter().map(|kind| kind.code);
    described.chain(of_sources).chain(of_page).map(str::to_owned).collect()
}

#[test]
fn every_code_has_a_section_on_the_page_of_errors_and_on_that_of_a_region() {
    let page = committed("docs/errors.md");
    let of_region = committed("schema/generated/errors.html");
    let codes = codes();
    assert!(codes.len() > 50, "{codes:?}");
    for code in codes {
        assert!(page.contains(&format!("\n## `{code}`\n")), "docs/errors.md has no section {code}");
        assert!(of_region.contains(&format!("<h2 id=\"{code}\">")), "/errors has no section {code}");
    }
}

fn named<'a>(value: &'a Value, found: &mut BTreeSet<&'a str>) {
    match value {
        Value::Object(members) => {
            found.extend(
                members
                    .get("x-problem-codes")
                    .and_then(Value::as_array)
                    .into_iter()
                    .flatten()
                    .filter_map(Value::as_str),
            );
            members.values().for_each(|member| named(member, found));
        }
        Value::Array(all) => all.iter().for_each(|one| named(one, found)),
        _ => {}
    }
}

#[test]
fn every_problem_of_the_table_is_described_for_an_operation_or_for_none() {
    let document: Value = serde_json::from_str(&committed("schema/generated/openapi-plain.json")).unwrap();
    let mut found = BTreeSet::new();
    named(&document, &mut found);
    let all: BTreeSet<&str> = umoja_api::PROBLEMS.iter().map(|kind| kind.code).collect();
    assert_eq!(found, all);
}
