//! The log messages of a crate: the calls of `tracing::error!`, `warn!`, `info!` and `debug!`.

use std::path::Path;

use proc_macro2::{TokenStream, TokenTree};
use syn::visit::{self, Visit};

use crate::source::{Error, of_tests};

/// A log message.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct LogMessage {
    /// The text. Values are fields beside it.
    pub text: String,
    /// `ERROR`, `WARN`, `INFO` or `DEBUG`.
    pub level: &'static str,
    /// The name of the metric that counts this message.
    pub event: Option<String>,
    /// The names of the fields.
    pub fields: Vec<String>,
}

/// The log messages of all files in a folder, except those that are compiled only for tests.
///
/// # Errors
/// If a file cannot be read or is not Rust.
pub fn log_messages(folder: &Path) -> Result<Vec<LogMessage>, Error> {
    let mut found = Found(Vec::new());
    visit_folder(folder, &mut found)?;
    found.0.sort();
    found.0.dedup();
    Ok(found.0)
}

fn visit_folder(folder: &Path, found: &mut Found) -> Result<(), Error> {
    let failed = |error| Error::File(folder.to_owned(), error);
    for entry in std::fs::read_dir(folder).map_err(failed)? {
        let path = entry.map_err(failed)?.path();
        let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
        if path.is_dir() && name != "tests" {
            visit_folder(&path, found)?;
        } else if path.extension().is_some_and(|kind| kind == "rs") && !name.ends_with("tests.rs") {
            let text = std::fs::read_to_string(&path).map_err(|error| Error::File(path.clone(), error))?;
            let parsed = syn::parse_file(&text).map_err(|error| Error::Rust(path.clone(), error))?;
            found.visit_file(&parsed);
        }
    }
    Ok(())
}

struct Found(Vec<LogMessage>);

impl<'ast> Visit<'ast> for Found {
    fn visit_item_mod(&mut self, item: &'ast syn::ItemMod) {
        if !of_tests(&item.attrs) {
            visit::visit_item_mod(self, item);
        }
    }

    fn visit_macro(&mut self, call: &'ast syn::Macro) {
        let path: Vec<String> = call.path.segments.iter().map(|segment| segment.ident.to_string()).collect();
        let level = match path.iter().map(String::as_str).collect::<Vec<_>>()[..] {
            ["tracing", "error"] => "ERROR",
            ["tracing", "warn"] => "WARN",
            ["tracing", "info"] => "INFO",
            ["tracing", "debug"] => "DEBUG",
            _ => return self.nested(call.tokens.clone()),
        };
        if let Some((text, arguments)) = message(call.tokens.clone()) {
            self.0.push(LogMessage { level, text, event: event(&arguments), fields: fields(&arguments) });
        }
    }
}

impl Found {
    /// Log messages in the tokens of another macro, such as `tokio::select!`.
    fn nested(&mut self, tokens: TokenStream) {
        let tokens: Vec<TokenTree> = tokens.into_iter().collect();
        for (at, token) in tokens.iter().enumerate() {
            let TokenTree::Group(group) = token else { continue };
            let before: String = tokens[at.saturating_sub(6)..at].iter().map(ToString::to_string).collect();
            let call = before.rfind("tracing::").filter(|_| before.ends_with('!'));
            let parsed = call.map(|start| syn::parse_str(&format!("{}({})", &before[start..], group.stream())));
            match parsed {
                Some(Ok(call)) => self.visit_macro(&call),
                _ => self.nested(group.stream()),
            }
        }
    }
}

/// The text of a message and its arguments.
fn message(tokens: TokenStream) -> Option<(String, Vec<Vec<TokenTree>>)> {
    let mut arguments = vec![Vec::new()];
    for token in tokens {
        match &token {
            TokenTree::Punct(punct) if punct.as_char() == ',' => arguments.push(Vec::new()),
            _ => arguments.last_mut()?.push(token),
        }
    }
    let is_text = |argument: &Vec<TokenTree>| match &argument[..] {
        [TokenTree::Literal(literal)] => syn::parse_str::<syn::LitStr>(&literal.to_string()).ok(),
        _ => None,
    };
    let text = arguments.iter().find_map(is_text)?.value();
    Some((text, arguments))
}

/// The name of the metric in `event = metric::NAME_OF_IT`, as it is logged: `NameOfIt`. If it is a variable: `varies`.
fn event(arguments: &[Vec<TokenTree>]) -> Option<String> {
    let named = arguments.iter().find(|argument| argument.first().is_some_and(|token| token.to_string() == "event"))?;
    let constant = named.last()?.to_string();
    if constant.chars().any(|letter| letter.is_ascii_lowercase()) {
        return Some("varies".to_owned());
    }
    let word = |word: &str| word[..1].to_owned() + &word[1..].to_ascii_lowercase();
    Some(constant.split('_').filter(|part| !part.is_empty()).map(word).collect())
}

/// The names of the fields: `name`, `%name`, `?name`, `name.of.field` and `name = value`.
fn fields(arguments: &[Vec<TokenTree>]) -> Vec<String> {
    let name = |argument: &Vec<TokenTree>| {
        let tokens = argument.iter().skip_while(|token| matches!(token, TokenTree::Punct(_)));
        let name: String = tokens
            .map(ToString::to_string)
            .take_while(|token| token == "." || syn::parse_str::<syn::Ident>(token).is_ok())
            .collect();
        (!name.is_empty() && name != "event" && name != "target").then_some(name)
    };
    arguments.iter().filter_map(name).collect()
}
