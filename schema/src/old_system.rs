//! The old system of a company: where a user's password is verified until Umoja has a hash of its own.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use crate::foreign_url::location;

/// The old system of a company.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum OldSystem {
    /// An endpoint of the company.
    Http {
        /// Its URL: `https`, or `http` for a loopback address, without user, query and fragment.
        url: String,
    },
    /// A user pool of Amazon Cognito.
    Cognito {
        /// The id of the pool, such as `eu-west-1_AbCdEfGhI`. It names the region of the pool.
        pool: String,
        /// The id of an app client without a secret that allows `ALLOW_ADMIN_USER_PASSWORD_AUTH`.
        client: String,
    },
}

/// The text is no old system.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error(
    "an old system is `https://HOST/PATH` (without user, query and fragment; `http` for a loopback address only) or \
     `cognito:POOL_ID/CLIENT_ID`"
)]
pub struct NoOldSystem;

impl OldSystem {
    /// The name of the kind, for people and metrics.
    pub const fn kind(&self) -> &'static str {
        match self {
            Self::Http { .. } => "http",
            Self::Cognito { .. } => "cognito",
        }
    }

    /// True if it is the user pool with this id.
    pub fn is_pool(&self, id: &str) -> bool {
        matches!(self, Self::Cognito { pool, .. } if pool == id)
    }

    /// The region of a pool; `None` if it is no pool.
    pub fn pool_region(&self) -> Option<&str> {
        match self {
            Self::Cognito { pool, .. } => pool.split_once('_').map(|(region, _)| region),
            Self::Http { .. } => None,
        }
    }
}

impl FromStr for OldSystem {
    type Err = NoOldSystem;

    fn from_str(text: &str) -> Result<Self, NoOldSystem> {
        if let Some(ids) = text.strip_prefix("cognito:") {
            let (pool, client) = ids.split_once('/').ok_or(NoOldSystem)?;
            let (region, id) = pool.split_once('_').ok_or(NoOldSystem)?;
            let is_word = |text: &str, also: &str| {
                !text.is_empty()
                    && text.len() <= 128
                    && text.chars().all(|c| c.is_ascii_alphanumeric() || also.contains(c))
            };
            if !is_word(region, "-") || !is_word(id, "") || !is_word(client, "_+") {
                return Err(NoOldSystem);
            }
            return Ok(Self::Cognito { pool: pool.to_owned(), client: client.to_owned() });
        }
        if location(text).is_none() {
            return Err(NoOldSystem);
        }
        Ok(Self::Http { url: text.to_owned() })
    }
}

impl fmt::Display for OldSystem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Http { url } => f.write_str(url),
            Self::Cognito { pool, client } => write!(f, "cognito:{pool}/{client}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_old_system_is_written_as_it_was_read() {
        for text in [
            "https://login.example.com/verify",
            "https://login.example.com:8443/v1/verify",
            "https://[2001:4860::1]/verify",
            "http://127.0.0.1:8080/verify",
            "http://[::1]:8080/verify",
            "http://localhost:8080/verify",
            "cognito:eu-west-1_AbCdEfGhI/1example23456789",
        ] {
            let system: OldSystem = text.parse().unwrap();
            assert_eq!(system.to_string(), text);
            let stored = serde_json::to_value(&system).unwrap();
            assert_eq!(stored["kind"], system.kind());
            assert_eq!(serde_json::from_value::<OldSystem>(stored).unwrap(), system);
        }
        let pool: OldSystem = "cognito:eu-west-1_AbCdEfGhI/1example23456789".parse().unwrap();
        assert_eq!(pool.pool_region(), Some("eu-west-1"));
    }

    #[test]
    fn what_is_not_encrypted_or_says_more_than_a_place_is_none() {
        for text in [
            "",
            "https://",
            "https:///verify",
            "http://login.example.com/verify",
            "http://127.0.0.1.example.com/verify",
            "http://localhost.example.com/verify",
            "http://169.254.169.254/latest",
            "https://user:secret@login.example.com/verify",
            "https://login.example.com/verify?key=secret",
            "https://login.example.com/verify#here",
            "https://login.example.com/ver ify",
            "ftp://login.example.com/verify",
            "cognito:",
            "cognito:eu-west-1_AbC",
            "cognito:eu-west-1/client",
            "cognito:eu-west-1_AbC/cli ent",
            "cognito:evil.example.com/x_AbC/client",
        ] {
            assert_eq!(text.parse::<OldSystem>(), Err(NoOldSystem), "{text}");
        }
    }
}
