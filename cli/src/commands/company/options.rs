//! What the options of a company mean.

use serde_json::{Value, json};
use umoja_schema::foreign_url::location;
use umoja_schema::status_page::is_display_name;
use umoja_schema::{Colour, Company, Logo, OldSystem, RequireMfa, RestrictionLevel, ReturnUrlId, Scope};

/// A word of `--scopes`.
#[derive(Debug, Clone, Copy)]
pub(super) enum Scopes {
    All,
    One(Scope),
}

pub(super) fn scopes(text: &str) -> Result<Scopes, String> {
    if text == "all" {
        return Ok(Scopes::All);
    }
    let names = || Scope::ALL.map(Scope::as_str).join(", ");
    Scope::from_name(text).map(Scopes::One).ok_or_else(|| format!("a scope is `all` or one of {}", names()))
}

/// The scopes that the words name, each once.
pub(super) fn chosen(scopes: &[Scopes]) -> Vec<Scope> {
    let mut chosen: Vec<Scope> = scopes
        .iter()
        .flat_map(|scopes| match scopes {
            Scopes::All => Scope::ALL.to_vec(),
            Scopes::One(scope) => vec![*scope],
        })
        .collect();
    chosen.sort();
    chosen.dedup();
    chosen
}

pub(super) fn country(text: &str) -> Result<String, String> {
    let fits = text.len() == 2 && text.bytes().all(|b| b.is_ascii_uppercase());
    if fits { Ok(text.to_owned()) } else { Err("give two capital letters (ISO 3166-1), such as KE".into()) }
}

pub(super) fn require_mfa(text: &str) -> Result<RequireMfa, String> {
    RequireMfa::from_name(text).ok_or_else(|| "choose one of never, if_enrolled, always".to_owned())
}

pub(super) fn restriction(text: &str) -> Result<RestrictionLevel, String> {
    let names = || RestrictionLevel::ALL.map(RestrictionLevel::as_str).join(", ");
    RestrictionLevel::from_name(text).ok_or_else(|| format!("choose one of {}, none", names()))
}

pub(super) fn old_system(text: &str) -> Result<OldSystem, String> {
    text.parse().map_err(|error: umoja_schema::NoOldSystem| error.to_string())
}

pub(super) fn colour(text: &str) -> Result<Colour, String> {
    text.parse().map_err(|error: umoja_schema::status_page::NoColour| error.to_string())
}

/// The logo of a file.
pub(super) fn logo(path: &str) -> Result<Logo, String> {
    let file = std::fs::read(path).map_err(|error| error.to_string())?;
    Logo::new(file).map_err(|error| error.to_string())
}

pub(super) fn display_name(text: &str) -> Result<String, String> {
    let rule = "give 1 to 60 characters, none of them invisible or changing the direction of a text";
    if is_display_name(text) { Ok(text.to_owned()) } else { Err(rule.into()) }
}

/// A return URL with its id.
pub(super) fn return_url(text: &str) -> Result<(ReturnUrlId, String), String> {
    let rule = "give ID=URL; the URL has https (http for a loopback address only), and no user, query and fragment";
    let (id, url) = text.split_once('=').ok_or(rule)?;
    let id = id.parse().map_err(|error: umoja_schema::IdError| error.to_string())?;
    if location(url).is_some() { Ok((id, url.to_owned())) } else { Err(rule.into()) }
}

/// A value that an option can take away.
#[derive(Debug, Clone, Copy)]
pub(super) struct OrNone<T>(pub(super) Option<T>);

/// Reads a value, or `none`.
pub(super) fn or_none<T>(text: &str, read: impl Fn(&str) -> Result<T, String>) -> Result<OrNone<T>, String> {
    if text == "none" { Ok(OrNone(None)) } else { read(text).map(|value| OrNone(Some(value))) }
}

/// A company's settings for programs, without its keys and its logo, of which only the size is there.
pub(super) fn settings(company: &Company) -> Value {
    let mut page = json!(company.status_page);
    if let Some(logo) = company.status_page.as_ref().and_then(|page| page.logo.as_ref()) {
        let (width, height) = logo.size();
        page["logo"] = json!({ "bytes": logo.png().len(), "width": width, "height": height });
    }
    json!({
        "id": company.id,
        "revision": company.revision,
        "name": company.name,
        "enabled": company.enabled,
        "trusted": company.trusted,
        "scopes": company.scopes,
        "phone_country": company.phone_country,
        "username_restriction": company.username_restriction,
        "rate_limit": company.requests_per_second(),
        "old_system": company.old_system.as_ref().map(ToString::to_string),
        "require_mfa": company.require_mfa.unwrap_or(RequireMfa::IfEnrolled).as_str(),
        "providers": company.providers,
        "registration": company.registration,
        "mfa_by_mail": company.mfa_by_mail,
        "status_page": page,
    })
}
