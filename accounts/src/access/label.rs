//! What a person sees of the device on which it signed in.

use serde::{Deserialize, Serialize};
use umoja_schema::access::Session;
use umoja_store::secrets::SealedFor;

use crate::People;

/// Browsers by what their `User-Agent` contains, the more special ones first: most name others too.
const BROWSERS: [(&str, &str); 10] = [
    ("Edg", "Edge"),
    ("OPR/", "Opera"),
    ("SamsungBrowser/", "Samsung Internet"),
    ("Vivaldi/", "Vivaldi"),
    ("FxiOS/", "Firefox"),
    ("Firefox/", "Firefox"),
    ("CriOS/", "Chrome"),
    ("Chromium/", "Chromium"),
    ("Chrome/", "Chrome"),
    ("Safari/", "Safari"),
];
/// Systems by what their browsers say, the more special ones first.
const SYSTEMS: [(&str, &str); 8] = [
    ("Android", "Android"),
    ("iPhone", "iOS"),
    ("iPad", "iPadOS"),
    ("Windows", "Windows"),
    ("CrOS", "ChromeOS"),
    ("Mac OS X", "macOS"),
    ("Linux", "Linux"),
    ("BSD", "BSD"),
];

/// What is known of a device: names of products, and no versions. So a person knows its own devices again, and the row of a session helps no
/// one to recognize a browser.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct DeviceLabel {
    /// The browser, if it is one of those that many people have.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub browser: Option<String>,
    /// The system.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub system: Option<String>,
}

impl DeviceLabel {
    /// The names of the products, such as `Firefox, Linux`.
    pub fn products(&self) -> String {
        let names = [self.browser.as_deref(), self.system.as_deref()];
        names.into_iter().flatten().collect::<Vec<_>>().join(", ")
    }

    /// What a header `User-Agent` says. `None` if that is nothing that is known.
    pub fn of_user_agent(header: &str) -> Option<Self> {
        let find = |names: &[(&str, &str)]| {
            names.iter().find(|(part, _)| header.contains(part)).map(|(_, name)| (*name).to_owned())
        };
        let (browser, system) = (find(&BROWSERS), find(&SYSTEMS));
        (browser.is_some() || system.is_some()).then_some(Self { browser, system })
    }
}

impl People {
    /// The label of a session, sealed.
    pub fn seal_label(&self, label: &DeviceLabel) -> Vec<u8> {
        // A struct of texts has a JSON form.
        let content = serde_json::to_vec(label).unwrap_or_default();
        self.secrets.seal_oidc(SealedFor::Label, &*self.home.entropy, &content).into_bytes()
    }

    /// What the person sees of the device of a session. `None` if nothing is known of it.
    pub fn label(&self, session: &Session) -> Option<DeviceLabel> {
        let sealed = std::str::from_utf8(session.label.as_deref()?).ok()?;
        serde_json::from_slice(&self.secrets.open_oidc(SealedFor::Label, sealed)?).ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_label_names_products_and_nothing_else() {
        let label = |header: &str| {
            DeviceLabel::of_user_agent(header)
                .map(|label| (label.browser.unwrap_or_default(), label.system.unwrap_or_default()))
        };
        for (header, browser, system) in [
            ("Mozilla/5.0 (X11; Linux x86_64; rv:131.0) Gecko/20100101 Firefox/131.0", "Firefox", "Linux"),
            (
                "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/129.0 Safari/537.36 Edg/129.0",
                "Edge",
                "Windows",
            ),
            (
                "Mozilla/5.0 (Linux; Android 14; Pixel 8) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/129.0 Mobile Safari/537.36",
                "Chrome",
                "Android",
            ),
            (
                "Mozilla/5.0 (iPhone; CPU iPhone OS 18_0 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/18.0 Mobile/15E148 Safari/604.1",
                "Safari",
                "iOS",
            ),
            (
                "Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/18.0 Safari/605.1.15",
                "Safari",
                "macOS",
            ),
            ("curl on Linux", "", "Linux"),
        ] {
            assert_eq!(label(header), Some((browser.to_owned(), system.to_owned())), "{header}");
        }
        assert_eq!(label("<script>alert(1)</script>"), None);
        assert_eq!(label(""), None);
    }
}
