//! Devices that a person lets in with another device's browser (RFC 8628): what the device and the browser carry, sealed.
//!
//! What the device asks for is a row that every region gets ([`umoja_accounts::access::NewDevice`]). The device and the person need not meet
//! the same region.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};
use umoja_schema::{ClientId, Millis, Region};
use umoja_store::ports::Entropy;
use umoja_store::secrets::{SealedFor, Secrets};

use crate::Once;
use crate::code::Code;
use crate::once::AHEAD_SECS;
use crate::sealed::{BoundTo, open, seal};
use crate::steps::{Passed, Unconnected};

/// The path at which a device begins.
pub const AUTHORIZATION: &str = "/oauth2/device";
/// The path of the page on which a person types the code.
pub const PAGE: &str = "/device";
/// How many seconds a device waits between two requests.
pub const INTERVAL_SECS: u64 = 5;
/// How long a person may take, in milliseconds.
pub const LIFETIME_MS: u64 = 10 * 60_000;
/// The most characters of a sealed text.
const MAX_SEALED: usize = 16 * 1024;

/// What is sealed. Each has its name, so that none is another one.
#[derive(Serialize, Deserialize)]
enum Sealed {
    Code(DeviceCode),
    Step(Box<DeviceStep>),
    Answer(Box<DeviceAnswer>),
}

impl Sealed {
    fn seal(&self, secrets: &Secrets, entropy: &dyn Entropy) -> String {
        seal(secrets, SealedFor::Device, self, entropy)
    }

    fn open(secrets: &Secrets, text: &str) -> Option<Self> {
        open(secrets, SealedFor::Device, text, MAX_SEALED)
    }
}

/// The code of the device (`device_code`).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct DeviceCode {
    /// The id of the request, drawn.
    pub jti: String,
    /// The region that issued it, which counts its use.
    pub region: Region,
    /// The client.
    pub client: ClientId,
    /// The code that the person types.
    pub user_code: String,
    /// When it ends.
    pub expires_at: Millis,
}

impl DeviceCode {
    /// The text of the code.
    pub fn seal(self, secrets: &Secrets, entropy: &dyn Entropy) -> String {
        Sealed::Code(self).seal(secrets, entropy)
    }

    /// The code of a text, if a region of this deployment issued it to this client. It may have ended.
    pub fn open(secrets: &Secrets, text: &str, client: &ClientId) -> Option<Self> {
        match Sealed::open(secrets, text)? {
            Sealed::Code(code) if code.client == *client => Some(code),
            _ => None,
        }
    }

    /// The use of the code, which [`DeviceCode::region`] has to remember for as long as a device can send it.
    pub fn once(&self) -> Option<Once> {
        Once::new("device", self.client.as_str(), &self.jti, self.expires_at.secs() + 1 + AHEAD_SECS)
    }
}

/// A request of a device on a page: the form of the page carries it, bound to the browser.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct DeviceStep {
    /// The code that the person typed.
    pub user_code: String,
    /// The id of the request.
    pub jti: String,
    /// The client.
    pub client: ClientId,
    /// What the client asks for.
    pub scopes: BTreeSet<String>,
    /// When the code ends.
    pub expires_at: Millis,
    /// The session of the person to whom the page was shown; `None` before the person signed in.
    pub shown_to: Option<String>,
    /// Whose password was right; `None` before that, and once a session has begun.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub passed: Option<Passed>,
    /// The login at another provider that the person connects by signing in.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub unconnected: Option<Unconnected>,
    browser: BoundTo,
}

impl DeviceStep {
    /// A step of the browser with this value of the cookie.
    pub fn new(
        user_code: &str,
        (jti, client): (String, ClientId),
        scopes: BTreeSet<String>,
        expires_at: Millis,
        browser: &str,
    ) -> Self {
        let browser = BoundTo::new(browser);
        let (user_code, shown_to, passed, unconnected) = (user_code.to_owned(), None, None, None);
        Self { user_code, jti, client, scopes, expires_at, shown_to, passed, unconnected, browser }
    }

    /// The same step, shown to the person of a session, or to no one who has signed in.
    #[must_use]
    pub fn shown_to(self, session: Option<&str>) -> Self {
        Self { shown_to: session.map(str::to_owned), passed: None, ..self }
    }

    /// The same step, of a person whose password was right.
    #[must_use]
    pub fn passed(self, passed: Passed) -> Self {
        Self { shown_to: None, passed: Some(passed), ..self }
    }

    /// The value of the form.
    pub fn seal(self, secrets: &Secrets, entropy: &dyn Entropy) -> String {
        Sealed::Step(Box::new(self)).seal(secrets, entropy)
    }

    /// The step of a form, if the page was made for the browser with this value of the cookie and the code has not ended.
    pub fn open(secrets: &Secrets, text: &str, browser: &str, now: Millis) -> Option<Self> {
        let Sealed::Step(step) = Sealed::open(secrets, text)? else { return None };
        (step.browser.is(browser) && now < step.expires_at).then_some(*step)
    }
}

/// What the person has answered, as the row of the request has it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct DeviceAnswer {
    /// The id of the request that is answered.
    pub jti: String,
    /// What the device gets; `None` if the person has rejected.
    pub allowed: Option<Code>,
}

impl DeviceAnswer {
    /// The text of the answer.
    pub fn seal(self, secrets: &Secrets, entropy: &dyn Entropy) -> String {
        Sealed::Answer(Box::new(self)).seal(secrets, entropy)
    }

    /// The answer of a text, if it is to this code.
    pub fn open(secrets: &Secrets, text: &str, code: &DeviceCode) -> Option<Self> {
        let Sealed::Answer(answer) = Sealed::open(secrets, text)? else { return None };
        let is_of_it = |allowed: &Code| allowed.client == code.client && allowed.jti == code.jti;
        (answer.jti == code.jti && answer.allowed.as_ref().is_none_or(is_of_it)).then_some(*answer)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::secrets;

    const NOW: Millis = Millis(1_000_000);

    fn code() -> DeviceCode {
        DeviceCode {
            jti: "j".to_owned(),
            region: "eu-west-1".parse().unwrap(),
            client: "tv".parse().unwrap(),
            user_code: "WDJBMJHT".to_owned(),
            expires_at: NOW.plus(LIFETIME_MS),
        }
    }

    fn step() -> DeviceStep {
        let ids = ("j".to_owned(), "tv".parse().unwrap());
        DeviceStep::new("WDJBMJHT", ids, BTreeSet::new(), NOW.plus(LIFETIME_MS), "mine")
    }

    #[tokio::test]
    async fn a_code_is_its_clients_and_shows_nothing() {
        let (secrets, entropy) = secrets().await;
        let text = code().seal(&secrets, &*entropy);
        assert_eq!(DeviceCode::open(&secrets, &text, &"tv".parse().unwrap()), Some(code()));
        assert_eq!(DeviceCode::open(&secrets, &text, &"other".parse().unwrap()), None);
        assert!(!text.contains("WDJB"));
    }

    #[tokio::test]
    async fn a_form_of_another_browser_is_rejected() {
        let (secrets, entropy) = secrets().await;
        let text = step().seal(&secrets, &*entropy);
        assert_eq!(DeviceStep::open(&secrets, &text, "mine", NOW), Some(step()));
        assert_eq!(DeviceStep::open(&secrets, &text, "theirs", NOW), None);
        assert_eq!(DeviceStep::open(&secrets, &text, "mine", NOW.plus(LIFETIME_MS)), None);
    }

    #[tokio::test]
    async fn a_code_a_form_and_an_answer_are_never_one_another() {
        let (secrets, entropy) = secrets().await;
        let client = "tv".parse().unwrap();
        let answer = DeviceAnswer { jti: "j".to_owned(), allowed: None };
        let texts = [
            code().seal(&secrets, &*entropy),
            step().seal(&secrets, &*entropy),
            answer.clone().seal(&secrets, &*entropy),
        ];
        for (at, text) in texts.iter().enumerate() {
            assert_eq!(DeviceCode::open(&secrets, text, &client).is_some(), at == 0);
            assert_eq!(DeviceStep::open(&secrets, text, "mine", NOW).is_some(), at == 1);
            assert_eq!(DeviceAnswer::open(&secrets, text, &code()).is_some(), at == 2);
        }
        let other = DeviceCode { jti: "k".to_owned(), ..code() };
        assert_eq!(DeviceAnswer::open(&secrets, &texts[2], &other), None);
    }
}
