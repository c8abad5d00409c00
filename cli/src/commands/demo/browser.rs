//! The browser of a person of the demo: it keeps cookies and fills in the forms of the provider, in whichever region is asked.

use std::cell::RefCell;
use std::collections::BTreeMap;

use bytes::Bytes;
use http::{Method, Request, header};
use http_body_util::Full;

use crate::CliError;
use crate::form::encoded;
use crate::http::{Http, Raw};

/// The media type of forms.
pub(super) const FORM: &str = "application/x-www-form-urlencoded";

/// A browser.
#[derive(Default)]
pub(super) struct Browser {
    cookies: RefCell<BTreeMap<String, String>>,
}

/// Where a browser is after a request.
pub(super) enum Shown {
    /// On a page of the provider.
    Page(String),
    /// Sent to this URL.
    Sent(String),
}

impl Browser {
    /// Opens a path of the region at `base_url`.
    pub(super) async fn open(
        &self,
        base_url: &str,
        path: &str,
        parameters: &[(&str, &str)],
    ) -> Result<Shown, CliError> {
        self.ask(base_url, Method::GET, &format!("{path}?{}", encoded(parameters)), String::new()).await
    }

    /// Sends the first form of a page to the region at `base_url`: its hidden fields, and what the person fills in.
    pub(super) async fn send(&self, base_url: &str, page: &str, filled: &[(&str, &str)]) -> Result<Shown, CliError> {
        self.send_form(base_url, page, "action=", filled).await
    }

    /// The same with the first form that has this in it. What is filled in counts for a hidden field too, as programs fill those in.
    pub(super) async fn send_form(
        &self,
        base_url: &str,
        page: &str,
        has: &str,
        filled: &[(&str, &str)],
    ) -> Result<Shown, CliError> {
        let no_form = || CliError::Failed("the page has no such form".into());
        let mut forms = page.split("<form ").skip(1).filter_map(|form| form.split("</form>").next());
        let form = forms.find(|form| form.contains(has)).ok_or_else(no_form)?;
        let action = value(form, "action").ok_or_else(no_form)?;
        let hidden = form.split("<input ").skip(1).filter(|input| input.contains("type=\"hidden\""));
        let hidden = hidden.filter_map(|input| Some((value(input, "name")?, value(input, "value")?)));
        let hidden: Vec<_> = hidden.filter(|(name, _)| filled.iter().all(|(filled, _)| filled != name)).collect();
        let hidden = hidden.iter().map(|(name, value)| (name.as_str(), value.as_str()));
        let fields: Vec<(&str, &str)> = hidden.chain(filled.iter().copied()).collect();
        self.ask(base_url, Method::POST, &action, encoded(&fields)).await
    }

    async fn ask(&self, base_url: &str, method: Method, path: &str, body: String) -> Result<Shown, CliError> {
        let cookies: Vec<String> =
            self.cookies.borrow().iter().map(|(name, value)| format!("{name}={value}")).collect();
        let request = Request::builder().method(method).uri(format!("{base_url}{path}"));
        let request = request.header(header::CONTENT_TYPE, FORM).header(header::COOKIE, cookies.join("; "));
        let request = request.body(Full::new(Bytes::from(body)));
        let request = request.map_err(|error| CliError::Failed(error.to_string()))?;
        let raw = Http::new(base_url)?.send(request).await?;
        self.keep(&raw);
        if let Some(to) = raw.headers.get(header::LOCATION).and_then(|to| to.to_str().ok()) {
            return Ok(Shown::Sent(to.to_owned()));
        }
        if raw.status != 200 {
            return Err(CliError::Failed(format!("the answer was a page with status {}", raw.status)));
        }
        Ok(Shown::Page(String::from_utf8_lossy(&raw.body).into_owned()))
    }

    /// Keeps the cookies of an answer. Those that it removes have no value.
    fn keep(&self, raw: &Raw) {
        let set = raw.headers.get_all(header::SET_COOKIE).iter().filter_map(|value| value.to_str().ok());
        let pairs = set.filter_map(|cookie| cookie.split(';').next()?.split_once('='));
        let mut cookies = self.cookies.borrow_mut();
        for (name, value) in pairs {
            if value.is_empty() {
                cookies.remove(name);
            } else {
                cookies.insert(name.to_owned(), value.to_owned());
            }
        }
    }
}

/// The value of an attribute of the first tag of a text.
pub(super) fn value(text: &str, name: &str) -> Option<String> {
    let tag = text.split('>').next()?;
    let value = tag.split_once(&format!("{name}=\""))?.1.split('"').next()?;
    let escaped = [("&quot;", "\""), ("&#39;", "'"), ("&lt;", "<"), ("&gt;", ">"), ("&amp;", "&")];
    Some(escaped.iter().fold(value.to_owned(), |value, (escaped, plain)| value.replace(escaped, plain)))
}

/// A parameter of a URL whose values need no escapes.
pub(super) fn parameter<'a>(url: &'a str, name: &str) -> Option<&'a str> {
    let query = url.split_once('?')?.1;
    query.split('&').find_map(|pair| pair.split_once('=').filter(|(given, _)| *given == name).map(|(_, value)| value))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_form_says_is_read_and_sent() {
        let page = "<form method=\"post\" action=\"/login\"><input type=\"hidden\" name=\"step\" value=\"a-b\">";
        assert_eq!(
            (value(page, "action").as_deref(), value("type=\"hidden\" name=\"step\">", "name").as_deref()),
            (Some("/login"), Some("step"))
        );
        assert_eq!(value("value=\"{&quot;a&quot;:&amp;lt;}\"", "value").as_deref(), Some("{\"a\":&lt;}"));
        assert_eq!(parameter("http://a/b?x=1&code=c-_", "code"), Some("c-_"));
    }
}
