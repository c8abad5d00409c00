//! The cookies of a browser at the issuer. Each is kept from programs. It is bound to the host by its name, where the issuer has `https`
//! (`__Host-`, RFC 6265bis section 4.1.3.2), so that no neighbour below the same domain can set it.

use axum::http::{HeaderMap, HeaderValue, header};

/// A cookie.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Cookie {
    /// The session.
    Session,
    /// What forms are bound to.
    Browser,
    /// The language that the person chose.
    Language,
}

impl Cookie {
    const fn name(self, issuer_is_secure: bool) -> &'static str {
        match (self, issuer_is_secure) {
            (Self::Session, true) => "__Host-umoja_sso",
            (Self::Session, false) => "umoja_sso",
            (Self::Browser, true) => "__Host-umoja_browser",
            (Self::Browser, false) => "umoja_browser",
            (Self::Language, true) => "__Host-umoja_language",
            (Self::Language, false) => "umoja_language",
        }
    }

    /// The header that sets the cookie. Without `secs` the browser drops it when it is closed. `SameSite=Lax`, because the link of a client
    /// leads here and has to find the session, and no form of another site does.
    pub fn set(self, issuer: &str, value: &str, secs: Option<u64>) -> Option<HeaderValue> {
        let is_secure = is_secure(issuer);
        let secure = if is_secure { "; Secure" } else { "" };
        let age = secs.map(|secs| format!("; Max-Age={secs}")).unwrap_or_default();
        let name = self.name(is_secure);
        let is_plain = value.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_".contains(&byte));
        is_plain.then(|| format!("{name}={value}; Path=/{age}; HttpOnly; SameSite=Lax{secure}").parse().ok()).flatten()
    }

    /// The header that removes the cookie.
    pub fn remove(self, issuer: &str) -> Option<HeaderValue> {
        self.set(issuer, "", Some(0))
    }

    /// The value of a request. `None` without one, and if there are two, of which one was set by another site.
    pub fn value(self, issuer: &str, headers: &HeaderMap) -> Option<String> {
        let name = self.name(is_secure(issuer));
        let texts = headers.get_all(header::COOKIE).iter().filter_map(|value| value.to_str().ok());
        let all = texts.flat_map(|text| text.split(';')).filter_map(|cookie| cookie.trim().split_once('='));
        let mut values = all.filter(|(other, value)| *other == name && !value.is_empty()).map(|(_, value)| value);
        let value = values.next()?;
        values.next().is_none().then(|| value.to_owned())
    }
}

fn is_secure(issuer: &str) -> bool {
    issuer.starts_with("https://")
}

#[cfg(test)]
mod tests {
    use super::*;

    const ISSUER: &str = "https://id.example";

    fn sent(text: &'static str) -> HeaderMap {
        HeaderMap::from_iter([(header::COOKIE, HeaderValue::from_static(text))])
    }

    #[test]
    fn a_cookie_is_bound_to_its_host_and_kept_from_programs_and_forms_of_others() {
        let set = Cookie::Session.set(ISSUER, "abc", None).unwrap();
        assert_eq!(set, "__Host-umoja_sso=abc; Path=/; HttpOnly; SameSite=Lax; Secure");
        let set = Cookie::Browser.set("http://localhost:7400", "abc", Some(60)).unwrap();
        assert_eq!(set, "umoja_browser=abc; Path=/; Max-Age=60; HttpOnly; SameSite=Lax");
        assert_eq!(Cookie::Session.remove(ISSUER).unwrap().to_str().unwrap().matches("Max-Age=0").count(), 1);
        assert_eq!(Cookie::Session.set(ISSUER, "a; Domain=example", None), None);
    }

    #[test]
    fn a_cookie_is_found_by_its_own_name_and_only_alone() {
        let value = |text| Cookie::Session.value(ISSUER, &sent(text));
        assert_eq!(value("theme=dark; __Host-umoja_sso=abc").as_deref(), Some("abc"));
        for text in ["umoja_sso=abc", "__Host-umoja_sso=", "__Host-umoja_sso=a; __Host-umoja_sso=b", "x=1"] {
            assert_eq!(value(text), None, "{text}");
        }
    }
}
