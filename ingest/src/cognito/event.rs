//! What a trigger says. Nothing here reads a store.

use std::fmt;

use serde_json::{Map, Value};
use umoja_accounts::import::Row;

use crate::providers::{Malformed, cognito};

/// An event with which a pool calls its trigger.
#[derive(Debug)]
pub struct TriggerEvent {
    /// The id of the pool.
    pub pool: String,
    /// The name of the user in the pool, which may be an address. It is in no log.
    pub user_name: UserName,
    /// What has happened.
    pub trigger: Trigger,
}

/// What has happened.
#[derive(Debug)]
pub enum Trigger {
    /// A person wants to sign up, or an administrator makes a user.
    SignUp {
        /// The attributes that were given, none of them verified.
        attributes: Attributes,
        /// True if an administrator makes the user, who is never confirmed.
        by_admin: bool,
    },
    /// A person has confirmed a sign-up.
    Confirmed(Attributes),
    /// A person has set another password with a code.
    PasswordReset(Attributes),
    /// A person has logged in.
    LoggedIn(Attributes),
    /// A token is about to be issued.
    Token {
        /// The attributes of the user.
        attributes: Attributes,
        /// The version of the event, which says what the answer may change.
        version: TokenVersion,
    },
    /// A person whom the pool does not know logs in, or wants to set another password.
    Migration {
        /// The password. `None` if the person has forgotten it.
        password: Option<Password>,
    },
    /// Anything that concerns no user of Umoja, such as the token of a machine.
    Other,
}

/// The version of the event before a token.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TokenVersion {
    /// Version 1: the answer changes ID tokens.
    IdTokens,
    /// Version 2 or later, which needs Cognito's plan Essentials: the answer changes access tokens too.
    AccessTokens,
}

/// The attributes of a user of a pool: texts by name.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct Attributes(Map<String, Value>);

/// The name of a user in a pool.
#[derive(Clone, PartialEq, Eq)]
pub struct UserName(String);

/// A password that a person has typed.
#[derive(Clone)]
pub struct Password(String);

/// Personal data and secrets are never printed.
macro_rules! hidden {
    ($($name:ident),*) => {$(
        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(concat!(stringify!($name), "(..)"))
            }
        }
    )*};
}

hidden!(Attributes, UserName, Password);

impl UserName {
    /// The text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl Password {
    /// The text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl Attributes {
    /// An attribute that is not empty.
    pub fn get(&self, name: &str) -> Option<&str> {
        self.0.get(name).and_then(Value::as_str).filter(|text| !text.is_empty())
    }

    /// The id of the user in the pool, which never changes.
    ///
    /// # Errors
    /// If there is none.
    pub fn subject(&self) -> Result<&str, Malformed> {
        self.get("sub").ok_or(Malformed::Member("sub"))
    }

    /// The user as an import of the pool's list reads it. `subject` stands for the id that a user does not have before
    /// the sign-up.
    ///
    /// # Errors
    /// If an attribute cannot be read.
    pub fn row(&self, subject: &str) -> Result<Row, Malformed> {
        let mut attributes = self.0.clone();
        attributes.insert("sub".to_owned(), subject.into());
        cognito::of_attributes(attributes).map_err(|_| Malformed::Member("userAttributes"))
    }

    /// The attributes as JSON.
    pub(super) fn to_value(&self) -> Value {
        Value::Object(self.0.clone())
    }

    fn of(request: &Map<String, Value>) -> Result<Self, Malformed> {
        let Some(Value::Object(attributes)) = request.get("userAttributes") else {
            return Err(Malformed::Member("userAttributes"));
        };
        let texts = attributes.iter().map(|(name, value)| {
            let text = match value {
                Value::String(text) => text.clone(),
                Value::Bool(flag) => flag.to_string(),
                Value::Number(number) => number.to_string(),
                Value::Null => String::new(),
                Value::Array(_) | Value::Object(_) => return Err(Malformed::Member("userAttributes")),
            };
            Ok((name.clone(), Value::String(text)))
        });
        texts.collect::<Result<_, _>>().map(Self)
    }
}

impl TriggerEvent {
    /// Reads an event.
    ///
    /// # Errors
    /// If a member that the trigger needs is absent or of another type.
    pub fn parse(event: &Value) -> Result<Self, Malformed> {
        let event = event.as_object().ok_or(Malformed::Json)?;
        let text = |name: &'static str| match event.get(name) {
            Some(Value::String(text)) if !text.is_empty() => Ok(text.as_str()),
            _ => Err(Malformed::Member(name)),
        };
        let pool = text("userPoolId")?.to_owned();
        let none = Map::new();
        let request = match event.get("request") {
            Some(Value::Object(request)) => request,
            None | Some(Value::Null) => &none,
            Some(_) => return Err(Malformed::Member("request")),
        };
        let (trigger, cause) = text("triggerSource")?.split_once('_').ok_or(Malformed::Member("triggerSource"))?;
        let trigger = match (trigger, cause) {
            // Machines have no user name and no attributes.
            ("TokenGeneration", "ClientCredentials") => {
                return Ok(Self { pool, user_name: UserName(String::new()), trigger: Trigger::Other });
            }
            ("PreSignUp", cause) => {
                Trigger::SignUp { attributes: Attributes::of(request)?, by_admin: cause == "AdminCreateUser" }
            }
            ("PostConfirmation", "ConfirmSignUp") => Trigger::Confirmed(Attributes::of(request)?),
            ("PostConfirmation", "ConfirmForgotPassword") => Trigger::PasswordReset(Attributes::of(request)?),
            ("PostAuthentication", _) => Trigger::LoggedIn(Attributes::of(request)?),
            ("TokenGeneration", _) => {
                let version = event.get("version").and_then(Value::as_str).and_then(|text| text.parse::<u32>().ok());
                let version = match version {
                    Some(2..) => TokenVersion::AccessTokens,
                    _ => TokenVersion::IdTokens,
                };
                Trigger::Token { attributes: Attributes::of(request)?, version }
            }
            ("UserMigration", "Authentication") => match request.get("password") {
                Some(Value::String(password)) => Trigger::Migration { password: Some(Password(password.clone())) },
                _ => return Err(Malformed::Member("password")),
            },
            ("UserMigration", "ForgotPassword") => Trigger::Migration { password: None },
            _ => Trigger::Other,
        };
        Ok(Self { pool, user_name: UserName(text("userName")?.to_owned()), trigger })
    }
}

#[cfg(test)]
mod tests;
