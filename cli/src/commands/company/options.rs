//! What the options of a company mean.

use umoja_schema::Scope;

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
