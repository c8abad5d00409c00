//! What an operation of the API says of itself. Everything that is the same for all of them is in [`crate::handler`].

use schemars::{JsonSchema, Schema, SchemaGenerator};
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::Value;
use umoja_accounts::{Error, Field, Rule};
use umoja_schema::{Scope, UserId};

use crate::app::App;
use crate::caller::Caller;
use crate::problem::{INTERNAL, Refusal};

/// One operation: where it is, what it takes and answers, and the rule behind it.
pub(crate) trait Operation: 'static {
    /// Its path.
    const PATH: &'static str;
    /// Its `operationId`.
    const ID: &'static str;
    /// What it does, in a sentence.
    const SUMMARY: &'static str;
    /// The scope that it needs.
    const SCOPE: Scope;
    /// True if it changes something: an answer that is made with [`Answer::of`] is remembered under the idempotency key.
    const CHANGES: bool;
    /// True if it always computes the hash of a password: it is refused before anything else is spent on it where too many
    /// wait for theirs.
    const HASHES: bool = false;
    /// The statuses of its answers, and what each says.
    const ANSWERS: &'static [(u16, &'static str)];
    /// The statuses of its own problems; those that every operation has are not among them.
    const PROBLEMS: &'static [u16] = &[404, 409, 422, 503];
    /// What the members of its body are called.
    const MEMBERS: Members = Members { prefix: "", whole: "body", password: "password" };
    /// The form of its body.
    type Body: DeserializeOwned + JsonSchema + Send;
    /// The form of its answers.
    type Answered: Serialize + JsonSchema;
    /// What it does.
    type Rule: Rule;
    /// What of the request its answer needs.
    type Asked: Send;

    /// What a body asks for, if it is valid.
    fn parse(app: &App, caller: &Caller, body: Self::Body) -> Result<(Self::Rule, Self::Asked), Refusal>;

    /// The answer to what was done.
    fn answer(asked: Self::Asked, done: Done<Self>) -> Result<Answer, Refusal>;

    /// The answer to a repeated request that was done before with this status. Only an answer that says what it made
    /// ([`Answer::of`]) is remembered.
    fn again(
        app: &App,
        status: u16,
        id: UserId,
        version: Option<String>,
    ) -> impl Future<Output = Result<Answer, Refusal>> + Send {
        let _ = (app, status, id, version);
        async { Err(Refusal::from(&INTERNAL)) }
    }
}

/// What the rule of an operation ends with.
pub(crate) type Done<O> = <<O as Operation>::Rule as Rule>::Done;

/// What an operation calls what a rule names.
pub(crate) struct Members {
    /// Before identifiers and the profile.
    pub(crate) prefix: &'static str,
    /// The body, or what of it holds the identifiers.
    pub(crate) whole: &'static str,
    /// The new password.
    pub(crate) password: &'static str,
}

impl Members {
    /// The problem that an error of the domain is to the operation's caller.
    pub(crate) fn refusal(&self, error: Error) -> Refusal {
        match error {
            Error::Invalid { field, rule } => Refusal::invalid(&self.name(&field), rule),
            Error::NotFoundAs(field) => Refusal::not_found(&self.name(&field)),
            Error::Taken(kind) => Refusal::taken(&self.name(&Field::Identifier(kind))),
            Error::PasswordLength(error) => Refusal::password(self.password, error),
            Error::Weak(weakness) => Refusal::weak(self.password, weakness),
            other => other.into(),
        }
    }

    fn name(&self, field: &Field) -> String {
        let Self { prefix, .. } = self;
        match field {
            Field::Whole => self.whole.to_owned(),
            Field::Identifier(kind) => format!("{prefix}{}", kind.as_str()),
            Field::Verified(kind) => format!("{prefix}{}_verified", kind.as_str()),
            Field::Profile => format!("{prefix}profile"),
            Field::Survivor => "survivor".to_owned(),
            Field::Duplicate => "duplicate".to_owned(),
        }
    }
}

/// What an operation answers.
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) body: Value,
    /// The user and the version that it made, to be remembered.
    pub(crate) made: Option<(UserId, Option<String>)>,
}

impl Answer {
    /// An answer that is not remembered.
    pub(crate) fn new(status: u16, body: &impl Serialize) -> Result<Self, Refusal> {
        let body = serde_json::to_value(body).map_err(|_| Refusal::from(&INTERNAL))?;
        Ok(Self { status, body, made: None })
    }

    /// The same, to be remembered with the user that it is about.
    pub(crate) fn of(mut self, id: UserId, version: Option<String>) -> Self {
        self.made = Some((id, version));
        self
    }
}

/// An operation as data.
#[derive(Debug, Clone)]
pub struct Described {
    /// Its path.
    pub path: &'static str,
    /// Its `operationId`.
    pub id: &'static str,
    /// What it does, in a sentence.
    pub summary: &'static str,
    /// The scope that it needs.
    pub scope: Scope,
    /// The statuses of its answers, and what each says.
    pub answers: &'static [(u16, &'static str)],
    /// The statuses of its own problems.
    pub problems: &'static [u16],
    /// The JSON Schema of its body.
    pub body: Schema,
    /// The JSON Schema of its answers.
    pub answered: Schema,
}

impl Described {
    pub(crate) fn of<O: Operation>(generator: &mut SchemaGenerator) -> Self {
        Self {
            path: O::PATH,
            id: O::ID,
            summary: O::SUMMARY,
            scope: O::SCOPE,
            answers: O::ANSWERS,
            problems: O::PROBLEMS,
            body: generator.subschema_for::<O::Body>(),
            answered: generator.subschema_for::<O::Answered>(),
        }
    }
}
