//! A code and its challenge.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::{Deserialize, Serialize};
use subtle::ConstantTimeEq as _;
use umoja_schema::{CompanyId, Millis, PersonVersion, UserId};
use umoja_store::ports::{Counted, Limit};
use umoja_store::secrets::{SealedFor, Secrets};

use crate::{Context, Error, People};

/// How long a code is valid, in seconds.
pub const LIFETIME_SECS: u64 = 10 * 60;

const LIFETIME_MS: u64 = LIFETIME_SECS * 1000;

/// The attempts at one challenge, of 100 million codes. The last of them ends it.
const TRIES: Limit = Limit {
    at_once: 5,
    shortest_ms: LIFETIME_MS,
    longest_ms: LIFETIME_MS,
    window_ms: LIFETIME_MS + 60_000,
    slides: false,
};

/// The bytes of a challenge before it is sealed. Each is filled up to them, so that its length says nothing.
const SIZE: usize = 1536;

/// The most characters of a sealed challenge.
const MAX_CHARS: usize = 4096;

/// What a code is for. It is good for nothing else.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Purpose {
    /// An address becomes verified.
    Address,
    /// A password is set.
    Password,
    /// A second factor of a sign-in.
    SignIn,
    /// An account is made.
    Registration,
    /// A person has a new address.
    NewAddress,
}

impl Purpose {
    /// Its name in what is counted: each purpose has counts of its own.
    pub(super) const fn as_str(self) -> &'static str {
        match self {
            Self::Address => "address",
            Self::Password => "password",
            Self::SignIn => "sign_in",
            Self::Registration => "registration",
            Self::NewAddress => "new_address",
        }
    }
}

/// What a challenge is about.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct About {
    /// The user; `None` if no one got the code.
    pub(super) user: Option<UserId>,
    /// The version of the person who got it.
    pub(super) version: Option<String>,
    /// The keyed hash of the address that got it.
    pub(super) address: String,
    /// The token that sets a password.
    pub(super) token: Option<String>,
}

impl About {
    /// The version of the person who got the code.
    pub(super) fn version(&self) -> Option<PersonVersion> {
        self.version.as_ref()?.parse().ok()
    }
}

/// A code, and what it is for.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Challenge {
    purpose: Purpose,
    company: CompanyId,
    pub(super) about: About,
    code: String,
    jti: String,
    /// When it ends.
    pub(super) expires_at: Millis,
    #[serde(default)]
    fill: String,
}

impl Challenge {
    /// A challenge with a new code.
    pub(super) fn new(people: &People, context: &Context, purpose: Purpose, about: About) -> Self {
        let entropy = &*people.home.entropy;
        let code = u64::from_be_bytes(entropy.array()) % 100_000_000;
        Self {
            purpose,
            company: context.company.id.clone(),
            about,
            code: format!("{code:08}"),
            jti: URL_SAFE_NO_PAD.encode(entropy.array::<16>()),
            expires_at: context.now.plus(LIFETIME_MS),
            fill: String::new(),
        }
    }

    /// Its id, by which its tries and its use are counted.
    pub(super) fn id(&self) -> &str {
        &self.jti
    }

    /// The code, which only the mail has.
    pub(super) fn code(&self) -> &str {
        &self.code
    }

    /// The text that who waits for the code carries.
    pub(super) fn seal(mut self, people: &People) -> String {
        let json = |challenge: &Self| serde_json::to_vec(challenge).unwrap_or_default();
        self.fill = " ".repeat(SIZE.saturating_sub(json(&self).len()));
        people.secrets.seal_oidc(SealedFor::MailCode, &*people.home.entropy, &json(&self))
    }

    /// The challenge of a text, if it is a company's, for this purpose, and has not ended.
    fn open(secrets: &Secrets, context: &Context, purpose: Purpose, text: &str) -> Option<Self> {
        let text = Some(text).filter(|text| text.len() <= MAX_CHARS)?;
        let challenge: Self = serde_json::from_slice(&secrets.open_oidc(SealedFor::MailCode, text)?).ok()?;
        let is_it = challenge.purpose == purpose && challenge.company == context.company.id;
        (is_it && context.now < challenge.expires_at).then_some(challenge)
    }

    /// [`Challenge::open`].
    ///
    /// # Errors
    /// [`Error::CodeInvalid`].
    pub(super) fn read(people: &People, context: &Context, purpose: Purpose, text: &str) -> Result<Self, Error> {
        Self::open(&people.secrets, context, purpose, text).ok_or(Error::CodeInvalid)
    }

    /// Checks a code that a person has typed. It is counted before it is compared, so that attempts side by side get no more answers than
    /// one after the other. Without the counts no code is checked.
    ///
    /// # Errors
    /// [`Error::CodeInvalid`] if it is wrong, or too many were.
    pub(super) async fn check(&self, people: &People, context: &Context, typed: &str) -> Result<(), Error> {
        let (attempts, key) = (&people.home.attempts, people.secrets.request_hash(&["code of a mail", &self.jti]));
        let Counted::Let(tally) = attempts.count(&key, &TRIES, context.now).await? else {
            return Err(Error::CodeInvalid);
        };
        if !bool::from(self.code.as_bytes().ct_eq(digits(typed).as_bytes())) {
            return Err(Error::CodeInvalid);
        }
        // The right code may come again: with a password that is not too weak.
        Ok(attempts.give_back(&key, &tally).await?)
    }

    /// Spends the challenge. It works once in each region.
    ///
    /// # Errors
    /// [`Error::CodeInvalid`] if it was spent.
    pub(super) async fn spend(&self, people: &People, context: &Context) -> Result<(), Error> {
        let hash = people.secrets.request_hash(&["spent code of a mail", &self.jti]);
        let until = self.expires_at.plus(60_000);
        let is_first = people.home.requests.first_use(&hash, context.now, until).await?;
        if is_first { Ok(()) } else { Err(Error::CodeInvalid) }
    }
}

/// The digits of a code as a person types or copies them: of any script of the pages, and without what stands between or around them.
fn digits(typed: &str) -> String {
    let is_between =
        |c: &char| c.is_whitespace() || matches!(c, '-' | '\u{200e}' | '\u{200f}' | '\u{2066}'..='\u{2069}');
    let ascii = |c: char| match c {
        '\u{660}'..='\u{669}' => char::from_digit(u32::from(c) - 0x660, 10).unwrap_or(c),
        '\u{6f0}'..='\u{6f9}' => char::from_digit(u32::from(c) - 0x6f0, 10).unwrap_or(c),
        c => c,
    };
    typed.chars().filter(|c| !is_between(c)).map(ascii).take(64).collect()
}

#[cfg(test)]
mod tests {
    use super::digits;

    #[test]
    fn a_code_may_be_typed_in_groups_and_in_the_digits_of_any_page() {
        for typed in ["12345670", " 1234 5670\n", "1234-5670", "\u{2068}12345670\u{2069}", "١٢٣٤٥٦٧٠", "۱۲۳۴۵۶۷۰"]
        {
            assert_eq!(digits(typed), "12345670", "{typed}");
        }
        assert_ne!(digits("1234567O"), "12345670");
    }
}
