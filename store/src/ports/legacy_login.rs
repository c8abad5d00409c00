use async_trait::async_trait;
use umoja_crypto::{Password, SigningKey};
use umoja_schema::OldSystem;

/// Verifies a password against the live old system of a company, in which the person has the password that Umoja does
/// not know yet.
///
/// An adapter asks once and does not repeat: the caller has counted one attempt. It ends within a few seconds, so that
/// a dead system holds no request for long. Neither its errors nor its logs have anything of the question.
#[async_trait]
pub trait LegacyLogin: Send + Sync {
    /// Whether the password is that of the user.
    ///
    /// # Errors
    /// If the old system gave no answer. It may have counted the attempt.
    async fn verify(&self, question: &Question<'_>) -> Result<LegacyAnswer, LegacyError>;
}

/// What an old system is asked.
pub struct Question<'a> {
    /// The old system.
    pub system: &'a OldSystem,
    /// The user, as the company knows it.
    pub user: &'a KnownAs,
    /// The password as it was typed.
    pub password: &'a Password,
    /// The id of the question, for logs of the old system. No two questions have the same.
    pub id: &'a str,
    /// The time, in seconds since 1970.
    pub at_secs: u64,
    /// The key of the region, which signs the question.
    pub key: &'a SigningKey,
}

/// The identifiers by which an old system may know a user.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct KnownAs {
    /// The id at the company.
    pub external_id: Option<String>,
    /// The e-mail address.
    pub email: Option<String>,
    /// True if a company that is trusted to verify has said that the address is the person's.
    pub email_verified: bool,
    /// The phone number.
    pub phone_number: Option<String>,
    /// True if a company that is trusted to verify has said that the number is the person's.
    pub phone_number_verified: bool,
    /// The user name.
    pub username: Option<String>,
}

/// The answer of an old system.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LegacyAnswer {
    /// The password is right. A second factor may be missing; Umoja's callers ask for their own.
    Right,
    /// The password is wrong, the user is unknown, or it may not log in.
    Wrong,
}

/// Why an old system gave no answer. The text names the fault and never a value of the question.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum LegacyError {
    /// It does not answer now.
    #[error("the old system does not answer: {0}")]
    Unavailable(&'static str),
    /// It cannot be asked until an operator has repaired its settings.
    #[error("the old system cannot be asked: {0}")]
    Rejected(&'static str),
}
