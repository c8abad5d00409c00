//! The answer to an authorization request, as the browser takes it to the client (RFC 6749 section 4.1.2). Each answer names the issuer
//! (RFC 9207), so that a client of several providers cannot be made to send a code to the wrong one.

use std::fmt::Write as _;

use zeroize::Zeroizing;

use crate::request::{Fault, ResponseMode, ReturnTo};

/// What the client gets.
pub struct Answer<'a> {
    to: &'a ReturnTo,
    parameters: Vec<(&'static str, Zeroizing<String>)>,
}

impl<'a> Answer<'a> {
    /// A code.
    pub fn code(to: &'a ReturnTo, issuer: &str, code: &str) -> Self {
        Self::of(to, issuer, [("code", Some(code))])
    }

    /// An error.
    pub fn fault(to: &'a ReturnTo, issuer: &str, fault: Fault) -> Self {
        Self::of(to, issuer, [("error", Some(fault.code())), ("error_description", fault.description())])
    }

    fn of<const N: usize>(to: &'a ReturnTo, issuer: &str, first: [(&'static str, Option<&str>); N]) -> Self {
        let rest = [("state", to.state.as_deref()), ("iss", Some(issuer))];
        let given = first.into_iter().chain(rest).filter_map(|(name, value)| Some((name, value?)));
        Self { to, parameters: given.map(|(name, value)| (name, Zeroizing::new(value.to_owned()))).collect() }
    }

    /// How it travels.
    pub const fn mode(&self) -> ResponseMode {
        self.to.mode
    }

    /// Where a form goes.
    pub fn action(&self) -> &str {
        &self.to.redirect_uri
    }

    /// The parameters of a form, in order.
    pub fn parameters(&self) -> impl Iterator<Item = (&'static str, &str)> {
        self.parameters.iter().map(|(name, value)| (*name, value.as_str()))
    }

    /// The redirect URI with the parameters in its query. A query that the client registered stays (RFC 6749 section 3.1.2).
    pub fn location(&self) -> Zeroizing<String> {
        with_query(&self.to.redirect_uri, self.parameters())
    }
}

/// A URI with more parameters in its query.
pub fn with_query<'a>(uri: &str, parameters: impl Iterator<Item = (&'static str, &'a str)>) -> Zeroizing<String> {
    let mut all = Zeroizing::new(String::with_capacity(uri.len() + 1024));
    all.push_str(uri);
    let mut separator = if uri.contains('?') { '&' } else { '?' };
    for (name, value) in parameters {
        all.push(separator);
        all.push_str(name);
        all.push('=');
        escape(&mut all, value);
        separator = '&';
    }
    all
}

/// The parameters as the body of a form.
pub(crate) fn form_of<'a>(parameters: impl Iterator<Item = (&'static str, &'a str)>) -> Zeroizing<String> {
    let mut all = with_query("", parameters);
    // An empty URI leaves the separator.
    if !all.is_empty() {
        all.remove(0);
    }
    all
}

/// A value as it stands in a form.
pub(crate) fn escaped(value: &str) -> Zeroizing<String> {
    let mut all = Zeroizing::new(String::with_capacity(value.len() * 3));
    escape(&mut all, value);
    all
}

fn escape(all: &mut String, value: &str) {
    for byte in value.bytes() {
        if byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) {
            all.push(byte.into());
        } else {
            // A string takes every text.
            let _ = write!(all, "%{byte:02X}");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn to(redirect_uri: &str, state: Option<&str>) -> ReturnTo {
        let state = state.map(str::to_owned);
        ReturnTo { redirect_uri: redirect_uri.to_owned(), mode: ResponseMode::Query, state }
    }

    #[test]
    fn every_answer_names_the_issuer_and_repeats_the_state() {
        let to = to("https://shop.example/callback", Some("a b&c=\"<\u{e9}\r\n"));
        let location = Answer::code(&to, "https://id.example", "xyz").location();
        let expected =
            "https://shop.example/callback?code=xyz&state=a%20b%26c%3D%22%3C%C3%A9%0D%0A&iss=https%3A%2F%2Fid.example";
        assert_eq!(location.as_str(), expected);
        let location = Answer::fault(&to, "https://id.example", Fault::LoginRequired).location();
        assert!(location.contains("?error=login_required&state=") && location.contains("&iss=https"));
    }

    // oidcc-redirect-uri-query-ok
    #[test]
    fn a_registered_query_stays() {
        let to = to("https://shop.example/callback?from=umoja", None);
        let location = Answer::fault(&to, "https://id.example", Fault::AccessDenied).location();
        let expected = "https://shop.example/callback?from=umoja&error=access_denied&iss=https%3A%2F%2Fid.example";
        assert_eq!(location.as_str(), expected);
    }
}
