//! What the pages carry on which a person sets a new password by a code of a mail.

use serde::{Deserialize, Serialize};
use umoja_schema::{ClientId, CompanyId, Millis};
use umoja_store::ports::Entropy;
use umoja_store::secrets::{SealedFor, Secrets};

use crate::sealed::{BoundTo, open, seal};
use crate::steps::OnPage;

/// The most characters of a sealed step.
const MAX: usize = 16 * 1024;

/// Where a person wants to sign in who has forgotten its password.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ResetAt {
    /// At a client.
    Client(ClientId),
    /// At the pages of its account, by those of a company.
    Account(CompanyId),
}

/// A person who sets a new password. The form of the page carries it, bound to the browser: no other site can ask for a mail, or set a
/// password.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ResetStep {
    /// Where the person wanted to sign in.
    pub at: ResetAt,
    /// The challenge of the code; `None` before the person has said who it is. That of a name without a user looks the same.
    pub challenge: Option<String>,
    browser: BoundTo,
    expires_at: Millis,
}

impl ResetStep {
    /// A step of the browser with this value of the cookie. It ends as every page does.
    pub fn new(at: ResetAt, challenge: Option<String>, browser: &str, now: Millis) -> Self {
        Self { at, challenge, browser: BoundTo::new(browser), expires_at: now.plus(OnPage::LIFETIME_MS) }
    }

    /// The value of the form.
    pub fn seal(&self, secrets: &Secrets, entropy: &dyn Entropy) -> String {
        seal(secrets, SealedFor::Reset, self, entropy)
    }

    /// The step of a form, if the page was made for the browser with this value of the cookie and has not ended.
    pub fn open(secrets: &Secrets, text: &str, browser: &str, now: Millis) -> Option<Self> {
        let step: Self = open(secrets, SealedFor::Reset, text, MAX)?;
        (step.browser.is(browser) && now < step.expires_at).then_some(step)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::secrets;

    const NOW: Millis = Millis(1_000_000);

    #[tokio::test]
    async fn a_form_of_another_browser_is_rejected() {
        let (secrets, entropy) = secrets().await;
        let step = ResetStep::new(ResetAt::Client("shop".parse().unwrap()), Some("c".to_owned()), "mine", NOW);
        let text = step.seal(&secrets, &*entropy);
        assert_eq!(ResetStep::open(&secrets, &text, "mine", NOW), Some(step));
        assert_eq!(ResetStep::open(&secrets, &text, "theirs", NOW), None);
        assert_eq!(ResetStep::open(&secrets, &text, "mine", NOW.plus(OnPage::LIFETIME_MS)), None);
        assert!(OnPage::open(&secrets, &text, Some("mine"), NOW).is_none());
    }
}
