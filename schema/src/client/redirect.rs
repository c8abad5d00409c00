//! Redirect URIs: compared character by character, except for the port of a loopback address.

use crate::foreign_url::{Location, location};

/// The most characters of a redirect URI.
const MAX: usize = 512;
/// The addresses of the machine itself, which a native application listens at (RFC 8252 section 7.3).
const LOOPBACK: [&str; 2] = ["http://127.0.0.1", "http://[::1]"];

/// What the answer adds to the query of a redirect URI (RFC 6749 sections 4.1.2 and 4.1.2.1, RFC 9207). A client could take what stands
/// there already for it.
const ANSWER: [&str; 6] = ["code", "state", "iss", "error", "error_description", "error_uri"];

/// Why no code is sent to a URI.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum RedirectFlaw {
    /// A place that is not encrypted and not on the machine itself, or no place.
    #[error(
        "give a redirect URI as https://HOST/PATH, http://127.0.0.1:*/PATH, or with an own scheme such as \
         com.shop.app:/PATH"
    )]
    Place,
    /// It is too long, or has characters that readers take in different ways.
    #[error("a redirect URI has at most 512 characters, of ASCII, and no quotes, spaces, brackets or backslashes")]
    Characters,
    /// A fragment, which no server gets.
    #[error("a redirect URI has no fragment: leave out # and what follows")]
    Fragment,
    /// A semicolon, which some readers take for the end of a parameter.
    #[error("a redirect URI has no semicolon: some readers end a parameter there")]
    Semicolon,
    /// A user, which makes one host look like another.
    #[error("a redirect URI has no user before its host: leave out the part that ends with @")]
    User,
    /// A parameter of the answer.
    #[error(
        "the query of a redirect URI has no code, state, iss, error, error_description or error_uri: the answer adds these"
    )]
    Answer,
}

/// Checks that a code may be sent to a URI: `https` without user and fragment, a loopback address over `http` with a port or
/// `*` for any port, or a scheme of an application that is a reversed domain name (RFC 8252 section 7.1).
///
/// # Errors
/// [`RedirectFlaw`]
pub fn check_redirect_uri(uri: &str) -> Result<(), RedirectFlaw> {
    let fits = |is_flawed: bool, flaw| if is_flawed { Err(flaw) } else { Ok(()) };
    fits(uri.contains('#'), RedirectFlaw::Fragment)?;
    fits(uri.contains(';'), RedirectFlaw::Semicolon)?;
    let is_clean = uri.len() <= MAX && uri.chars().all(|c| c.is_ascii_graphic() && !"\\\"<>`{}|^".contains(c));
    fits(!is_clean, RedirectFlaw::Characters)?;
    let (place, query) = uri.split_once('?').unwrap_or((uri, ""));
    let authority = place.split_once("://").and_then(|(_, rest)| rest.split('/').next());
    fits(authority.is_some_and(|authority| authority.contains('@')), RedirectFlaw::User)?;
    let mut names = query.split('&').map(|pair| pair.split('=').next().unwrap_or_default());
    fits(names.any(|name| ANSWER.contains(&unescaped(name).as_str())), RedirectFlaw::Answer)?;
    fits(!is_place(place), RedirectFlaw::Place)
}

/// A name of a query without its escapes, as readers compare it.
fn unescaped(name: &str) -> String {
    let (mut text, mut rest) = (String::new(), name);
    while let Some((before, after)) = rest.split_once('%') {
        text.push_str(before);
        let byte = after.get(..2).and_then(|digits| u8::from_str_radix(digits, 16).ok()).filter(u8::is_ascii);
        text.push(byte.map_or('%', char::from));
        rest = after.get(if byte.is_some() { 2.. } else { 0.. }).unwrap_or_default();
    }
    text + rest
}

fn is_place(place: &str) -> bool {
    if let Some((_, rest)) = loopback(place) {
        let (port, _) = port_of(rest);
        return port.is_empty() || port == "*" || port.parse::<u16>().is_ok();
    }
    match place.split_once(':') {
        Some(("https" | "http", _)) => {
            !place.contains('*') && matches!(location(place), Some(Location::Public)) || is_localhost(place)
        }
        Some((scheme, _)) => is_own_scheme(scheme),
        None => false,
    }
}

/// True if a request's URI is the registered one: the same characters, or a loopback address that was registered with
/// the port `*` and differs in the port alone.
pub fn redirect_matches(registered: &str, uri: &str) -> bool {
    if !registered.contains(":*") {
        return registered == uri;
    }
    let (Some((host, rest)), Some((asked_host, asked))) = (loopback(registered), loopback(uri)) else { return false };
    let ((any, path), (port, asked_path)) = (port_of(rest), port_of(asked));
    let is_port = port.is_empty() || port.parse::<u16>().is_ok_and(|number| number.to_string() == port);
    any == "*" && host == asked_host && is_port && path == asked_path
}

/// A host without a port, in lower case.
pub(super) fn is_host(text: &str) -> bool {
    let plain = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-' || c == '.';
    text.len() <= 253 && text.chars().all(plain) && location(&format!("https://{text}/")) == Some(Location::Public)
}

fn loopback(uri: &str) -> Option<(&'static str, &str)> {
    LOOPBACK.into_iter().find_map(|host| {
        let rest = uri.strip_prefix(host)?;
        (rest.is_empty() || rest.starts_with([':', '/', '?'])).then_some((host, rest))
    })
}

/// The port and what is after it.
fn port_of(rest: &str) -> (&str, &str) {
    let Some(rest) = rest.strip_prefix(':') else { return ("", rest) };
    rest.split_at(rest.find(['/', '?']).unwrap_or(rest.len()))
}

/// `http://localhost` and `https` on this machine, with a fixed port: a developer's.
fn is_localhost(place: &str) -> bool {
    !place.contains('*') && location(place) == Some(Location::ThisMachine)
}

fn is_own_scheme(scheme: &str) -> bool {
    let plain = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || "+-.".contains(c);
    scheme.contains('.') && scheme.starts_with(|c: char| c.is_ascii_lowercase()) && scheme.chars().all(plain)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_code_is_sent_to_encrypted_places_and_to_the_machine_itself() {
        for uri in [
            "https://shop.example/callback",
            "https://shop.example:8443/callback?from=umoja",
            "http://127.0.0.1:*/callback",
            "http://127.0.0.1:5000/callback",
            "http://[::1]:*/callback",
            "http://localhost:3000/callback",
            "https://shop.example/callback?codex=1&x=code&states=%zz&%",
            "com.shop.app:/callback",
            "com.shop.app:/callback@home",
        ] {
            assert_eq!(check_redirect_uri(uri), Ok(()), "{uri}");
        }
        for uri in [
            "http://shop.example/callback",
            "https://shop.example/callback#x",
            "https://user@shop.example/",
            "https://*.shop.example/callback",
            "https://shop.example/*",
            "https://10.0.0.1/callback",
            "http://127.0.0.1:99999/callback",
            "http://127.0.0.1.evil.example/callback",
            "http://127.0.0.1@evil.example/",
            "http://127.0.0.1:80@evil.example/",
            "javascript:alert(1)",
            "data:text/html,x",
            "//shop.example",
            "/callback",
            "https://shop.example\\@evil.example/",
            "",
        ] {
            assert!(check_redirect_uri(uri).is_err(), "{uri}");
        }
    }

    #[test]
    fn what_readers_could_take_for_something_else_has_its_own_sentence() {
        for (uri, flaw) in [
            ("https://shop.example/callback#x", RedirectFlaw::Fragment),
            ("com.shop.app:/callback#x", RedirectFlaw::Fragment),
            ("https://shop.example/callback;x=1", RedirectFlaw::Semicolon),
            ("https://shop.example/callback?a=1;code=2", RedirectFlaw::Semicolon),
            ("https://user@shop.example/", RedirectFlaw::User),
            ("http://127.0.0.1:80@evil.example/", RedirectFlaw::User),
            ("com.shop.app://user@host/callback", RedirectFlaw::User),
            ("https://shop.example/callback?code=x", RedirectFlaw::Answer),
            ("https://shop.example/callback?a=1&state", RedirectFlaw::Answer),
            ("https://shop.example/callback?%69ss=x", RedirectFlaw::Answer),
            ("http://127.0.0.1:*/cb?error=x", RedirectFlaw::Answer),
            ("com.shop.app:/cb?er%72or_uri=x", RedirectFlaw::Answer),
            ("https://shop.example/\u{e9}", RedirectFlaw::Characters),
            ("http://shop.example/callback", RedirectFlaw::Place),
        ] {
            assert_eq!(check_redirect_uri(uri), Err(flaw), "{uri}");
        }
    }

    #[test]
    fn only_the_same_characters_match() {
        let registered = "https://shop.example/callback";
        assert!(redirect_matches(registered, registered));
        for uri in [
            "https://shop.example/callback/",
            "https://shop.example/callback?x=1",
            "https://SHOP.example/callback",
            "https://shop.example:443/callback",
            "https://shop.example/%63allback",
            "https://shop.example/x/../callback",
            "https://shop.example.evil.example/callback",
            "http://shop.example/callback",
        ] {
            assert!(!redirect_matches(registered, uri), "{uri}");
        }
    }

    #[test]
    fn the_port_of_a_loopback_address_is_free_where_that_is_registered() {
        let registered = "http://127.0.0.1:*/callback";
        for uri in ["http://127.0.0.1:51000/callback", "http://127.0.0.1/callback"] {
            assert!(redirect_matches(registered, uri), "{uri}");
        }
        for uri in [
            "http://127.0.0.1:51000/other",
            "http://127.0.0.1:051000/callback",
            "http://127.0.0.1:99999/callback",
            "http://127.0.0.1:*/callback",
            "http://127.0.0.1:80@evil.example/callback",
            "http://127.0.0.1.evil.example/callback",
            "http://[::1]:51000/callback",
            "https://127.0.0.1:51000/callback",
            "http://localhost:51000/callback",
        ] {
            assert!(!redirect_matches(registered, uri), "{uri}");
        }
        assert!(redirect_matches("http://[::1]:*/cb?a=1", "http://[::1]:9/cb?a=1"));
        assert!(!redirect_matches("http://127.0.0.1:5000/cb", "http://127.0.0.1:5001/cb"));
        assert!(!redirect_matches("https://shop.example:*/cb", "https://shop.example:1/cb"));
    }
}
