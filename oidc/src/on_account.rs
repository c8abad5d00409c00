//! A form of the pages of an account, sealed and bound to its browser as the steps of a sign-in are ([`crate::steps`]).

use serde::{Deserialize, Serialize};
use umoja_schema::{CompanyId, Millis};
use umoja_store::ports::Entropy;
use umoja_store::secrets::{SealedFor, Secrets};

use crate::sealed::{BoundTo, open, seal};
use crate::steps::{Passed, Unconnected};

/// The most characters of a sealed form.
const MAX: usize = 8 * 1024;

/// An address that a person wants to have, and has got a code for.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Proving {
    /// The address.
    pub address: String,
    /// The challenge of the code.
    pub challenge: String,
}

/// A form of an account.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct OnAccount {
    /// The company by whose pages the person came.
    pub company: CompanyId,
    /// The session of the person to whom the page was shown; `None` for the page on which it signs in.
    pub session: Option<String>,
    /// Whose password was right, and who shows a second factor now.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub passed: Option<Passed>,
    /// The login at another provider that the person connects.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub unconnected: Option<Unconnected>,
    /// The address that waits for its code.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub proving: Option<Proving>,
    /// The step of the page of a client from which the person came ([`crate::steps::OnPage`]), and to which it goes back.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub back: Option<String>,
    browser: BoundTo,
    expires_at: Millis,
}

impl OnAccount {
    /// How long a person may take on a page, in milliseconds.
    pub const LIFETIME_MS: u64 = 30 * 60_000;

    /// A form of the browser with this value of the cookie.
    pub fn new(company: CompanyId, session: Option<&str>, browser: &str, now: Millis) -> Self {
        let (session, browser) = (session.map(str::to_owned), BoundTo::new(browser));
        let expires_at = now.plus(Self::LIFETIME_MS);
        Self { company, session, passed: None, unconnected: None, proving: None, back: None, browser, expires_at }
    }

    /// The same form, of a person whose password was right.
    #[must_use]
    pub fn passed(self, passed: Passed) -> Self {
        Self { passed: Some(passed), ..self }
    }

    /// The same form, with a login at another provider that the person connects.
    #[must_use]
    pub fn connecting(self, unconnected: Option<Unconnected>) -> Self {
        Self { unconnected, ..self }
    }

    /// The same form, with an address that waits for its code.
    #[must_use]
    pub fn proving(self, proving: Option<Proving>) -> Self {
        Self { proving, ..self }
    }

    /// The same form, from which the person goes back to the page of a client.
    #[must_use]
    pub fn leading_back(self, back: Option<String>) -> Self {
        Self { back, ..self }
    }

    /// The value of the form.
    pub fn seal(&self, secrets: &Secrets, entropy: &dyn Entropy) -> String {
        seal(secrets, SealedFor::Account, self, entropy)
    }

    /// The form, if its page was made for the browser with this value of the cookie and has not ended.
    pub fn open(secrets: &Secrets, text: &str, browser: &str, now: Millis) -> Option<Self> {
        let form: Self = open(secrets, SealedFor::Account, text, MAX)?;
        (form.browser.is(browser) && now < form.expires_at).then_some(form)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::secrets;

    #[tokio::test]
    async fn a_form_of_an_account_is_that_of_its_browser_for_half_an_hour() {
        const NOW: Millis = Millis(1_000_000);
        let (secrets, entropy) = secrets().await;
        let form = OnAccount::new("soko".parse().unwrap(), Some("s1"), "mine", NOW);
        let text = form.seal(&secrets, &*entropy);
        assert_eq!(OnAccount::open(&secrets, &text, "mine", NOW), Some(form));
        assert_eq!(OnAccount::open(&secrets, &text, "theirs", NOW), None);
        assert_eq!(OnAccount::open(&secrets, &text, "mine", NOW.plus(OnAccount::LIFETIME_MS)), None);
    }
}
