//! A user pool of Amazon Cognito as an old system: `AdminInitiateAuth` with `ADMIN_USER_PASSWORD_AUTH`.
//!
//! The one call is signed (`crate::signed`) and sent over the session's connections, without the SDK's client of Cognito. The client that is named needs no secret and has to
//! allow `ALLOW_ADMIN_USER_PASSWORD_AUTH`; the role needs `cognito-idp:AdminInitiateAuth` on the pool.

use std::time::Duration;

use async_trait::async_trait;
use aws_smithy_types::byte_stream::ByteStream;
use serde::Deserialize;
use serde_json::json;
use tokio::sync::OnceCell;
use umoja_schema::{OldSystem, Region};
use umoja_store::ports::{KnownAs, LegacyAnswer, LegacyError, LegacyLogin, Question};
use zeroize::Zeroizing;

use crate::home::endpoint;
use crate::signed::{Call, Unsigned, signed};
use crate::{Options, Session};

/// The longest that a question may take.
const TIMEOUT: Duration = Duration::from_secs(4);

/// The most bytes of an answer. It has tokens, which are not read.
const MAX_ANSWER: usize = 64 * 1024;

const TARGET: &str = "AWSCognitoIdentityProviderService.AdminInitiateAuth";
const CONTENT_TYPE: &str = "application/x-amz-json-1.1";

/// Asks user pools, with the credentials of the environment. A process that never asks one opens no session.
#[derive(Default)]
pub struct CognitoLogin(OnceCell<Session>);

impl CognitoLogin {
    /// Asks with the credentials of a session.
    pub fn new(session: Session) -> Self {
        Self(OnceCell::from(session))
    }

    async fn ask(&self, pool: &str, client: &str, question: &Question<'_>) -> Result<LegacyAnswer, LegacyError> {
        let session = self.0.get_or_init(async || Session::from_environment(&Options::default()).await).await;
        let connections = session.connections.as_ref().ok_or(LegacyError::Rejected("this process has no network"))?;
        let Some(name) = username(question.user) else { return Ok(LegacyAnswer::Wrong) };
        let region = question.system.pool_region().and_then(|region| region.parse::<Region>().ok());
        let region = region.ok_or(LegacyError::Rejected("the id of the pool names no region"))?;
        let body = Zeroizing::new(
            json!({
                "UserPoolId": pool,
                "ClientId": client,
                "AuthFlow": "ADMIN_USER_PASSWORD_AUTH",
                "AuthParameters": { "USERNAME": name, "PASSWORD": question.password.as_typed() },
            })
            .to_string(),
        );
        let url = match endpoint(&region).or_else(|| session.shared.endpoint_url().map(str::to_owned)) {
            Some(endpoint) => format!("{}/", endpoint.trim_end_matches('/')),
            None => format!("https://cognito-idp.{region}.amazonaws.com/"),
        };
        let call = Call {
            service: "cognito-idp",
            region: region.as_str(),
            url: &url,
            headers: &[("content-type", CONTENT_TYPE), ("x-amz-target", TARGET)],
            body: &body,
            at_secs: question.at_secs,
        };
        let request = signed(&session.shared, &call).await.map_err(|why| match why {
            Unsigned::Credentials => LegacyError::Unavailable("there are no credentials"),
            Unsigned::Rejected => LegacyError::Rejected("the request cannot be signed"),
        })?;
        let response = connections.send(request).await.map_err(|_| LegacyError::Unavailable("no connection"))?;
        let status = response.status().as_u16();
        read(status, &bounded(ByteStream::new(response.into_body())).await?)
    }
}

/// The body of an answer. Of one that is too long, no more is read than shows that.
async fn bounded(mut body: ByteStream) -> Result<Zeroizing<Vec<u8>>, LegacyError> {
    // So it grows without a copy, which would not be erased.
    let mut answer = Zeroizing::new(Vec::with_capacity(MAX_ANSWER));
    while let Some(bytes) = body.next().await {
        let bytes = bytes.map_err(|_| LegacyError::Unavailable("the connection broke off"))?;
        if bytes.len() > MAX_ANSWER - answer.len() {
            return Err(LegacyError::Unavailable("its answer is too long"));
        }
        answer.extend_from_slice(&bytes);
    }
    Ok(answer)
}

#[async_trait]
impl LegacyLogin for CognitoLogin {
    async fn verify(&self, question: &Question<'_>) -> Result<LegacyAnswer, LegacyError> {
        let OldSystem::Cognito { pool, client } = question.system else {
            return Err(LegacyError::Rejected("it is no user pool"));
        };
        tokio::time::timeout(TIMEOUT, self.ask(pool, client, question))
            .await
            .unwrap_or(Err(LegacyError::Unavailable("it did not answer in time")))
    }
}

/// The name by which a pool finds a user: the `sub` or user name that an import takes as external id, or else a verified
/// alias. A user name, and an unverified address, may be another person's in the pool, whose password would
/// then open this account.
fn username(user: &KnownAs) -> Option<&str> {
    let KnownAs { external_id, email, email_verified, phone_number, phone_number_verified, username: _ } = user;
    let email = email.as_deref().filter(|_| *email_verified);
    let phone_number = phone_number.as_deref().filter(|_| *phone_number_verified);
    external_id.as_deref().or(email).or(phone_number)
}

#[derive(Deserialize)]
struct Started {
    #[serde(rename = "ChallengeName")]
    challenge: Option<String>,
    #[serde(rename = "AuthenticationResult")]
    result: Option<serde::de::IgnoredAny>,
}

#[derive(Deserialize)]
struct Failed {
    #[serde(rename = "__type", alias = "code")]
    kind: String,
}

/// The challenges that Cognito sends only after it has verified the password.
const AFTER_PASSWORD: [&str; 7] = [
    "SMS_MFA",
    "SOFTWARE_TOKEN_MFA",
    "EMAIL_OTP",
    "SELECT_MFA_TYPE",
    "MFA_SETUP",
    "NEW_PASSWORD_REQUIRED",
    "DEVICE_SRP_AUTH",
];

fn read(status: u16, body: &[u8]) -> Result<LegacyAnswer, LegacyError> {
    if status == 200 {
        const OTHER: LegacyError = LegacyError::Rejected("its answer is not known");
        return match serde_json::from_slice(body).map_err(|_| OTHER)? {
            Started { challenge: Some(challenge), .. } if AFTER_PASSWORD.contains(&challenge.as_str()) => {
                Ok(LegacyAnswer::Right)
            }
            Started { challenge: None, result: Some(_) } => Ok(LegacyAnswer::Right),
            Started { .. } => Err(OTHER),
        };
    }
    let failed: Option<Failed> = serde_json::from_slice(body).ok();
    // Some servers put the namespace before the name.
    let kind = failed.as_ref().map(|failed| failed.kind.rsplit('#').next().unwrap_or_default());
    match kind {
        Some(
            "NotAuthorizedException"
            | "UserNotFoundException"
            | "UserNotConfirmedException"
            | "PasswordResetRequiredException",
        ) => Ok(LegacyAnswer::Wrong),
        Some("TooManyRequestsException" | "LimitExceededException") => {
            Err(LegacyError::Unavailable("it has too many requests"))
        }
        _ if status == 429 || status >= 500 => Err(LegacyError::Unavailable("it has an error")),
        _ => Err(LegacyError::Rejected("it rejects the request; check the pool, the client and the permission")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn answer(status: u16, body: serde_json::Value) -> Result<LegacyAnswer, LegacyError> {
        read(status, body.to_string().as_bytes())
    }

    #[test]
    fn a_challenge_after_the_password_means_that_it_was_right() {
        assert_eq!(answer(200, json!({ "AuthenticationResult": { "IdToken": "x" } })), Ok(LegacyAnswer::Right));
        for challenge in AFTER_PASSWORD {
            let body = json!({ "ChallengeName": challenge, "Session": "x", "ChallengeParameters": {} });
            assert_eq!(answer(200, body), Ok(LegacyAnswer::Right), "{challenge}");
        }
        for challenge in
            ["PASSWORD_VERIFIER", "CUSTOM_CHALLENGE", "PASSWORD", "SELECT_CHALLENGE", "ADMIN_NO_SRP_AUTH", ""]
        {
            assert!(answer(200, json!({ "ChallengeName": challenge })).is_err(), "{challenge}");
        }
        assert!(answer(200, json!({})).is_err());
        assert!(read(200, b"nonsense").is_err());
    }

    #[test]
    fn only_what_cognito_says_about_the_user_is_a_wrong_password() {
        for kind in ["NotAuthorizedException", "UserNotFoundException", "com.amazonaws#PasswordResetRequiredException"]
        {
            assert_eq!(answer(400, json!({ "__type": kind, "message": "x" })), Ok(LegacyAnswer::Wrong), "{kind}");
        }
        for (status, kind) in [(400, "TooManyRequestsException"), (500, "InternalErrorException"), (503, "")] {
            assert!(matches!(answer(status, json!({ "__type": kind })), Err(LegacyError::Unavailable(_))), "{kind}");
        }
        for kind in ["ResourceNotFoundException", "InvalidParameterException", "AccessDeniedException", ""] {
            assert!(matches!(answer(400, json!({ "__type": kind })), Err(LegacyError::Rejected(_))), "{kind}");
        }
    }

    #[test]
    fn a_user_is_asked_for_by_the_id_of_the_pool_first() {
        let all = KnownAs {
            external_id: Some("sub".to_owned()),
            email: Some("a@example.com".to_owned()),
            email_verified: true,
            phone_number: Some("+254722000001".to_owned()),
            phone_number_verified: true,
            username: Some("ada".to_owned()),
        };
        assert_eq!(username(&all), Some("sub"));
        let all = KnownAs { external_id: None, ..all };
        assert_eq!(username(&all), Some("a@example.com"));
        assert_eq!(username(&KnownAs { email_verified: false, ..all }), Some("+254722000001"));
    }

    #[test]
    fn a_user_is_asked_for_by_nothing_that_another_person_of_the_pool_may_have() {
        let unproved = KnownAs {
            external_id: None,
            email: Some("a@example.com".to_owned()),
            email_verified: false,
            phone_number: Some("+254722000001".to_owned()),
            phone_number_verified: false,
            username: Some("ada".to_owned()),
        };
        assert_eq!(username(&unproved), None);
        assert_eq!(username(&KnownAs::default()), None);
    }

    #[tokio::test]
    async fn an_answer_that_is_too_long_is_not_kept() {
        let said = |length: usize| bounded(ByteStream::from(vec![b' '; length]));
        assert_eq!(said(MAX_ANSWER).await.map(|answer| answer.len()), Ok(MAX_ANSWER));
        let too_long = Err(LegacyError::Unavailable("its answer is too long"));
        assert_eq!(said(MAX_ANSWER + 1).await.map(|answer| answer.len()), too_long);
    }
}
