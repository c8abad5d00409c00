//! The declaration of an operation of the API. The steps that all operations share are in [`crate::handler`].

use schemars::{JsonSchema, Schema, SchemaGenerator};
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::value::{RawValue, to_raw_value};
use serde_json::{Map, Value};
use umoja_accounts::{Error, Field, Person, Rule};
use umoja_schema::api::Provisions;
use umoja_schema::{Scope, UserId, Version};

use crate::app::App;
use crate::caller::Caller;
use crate::idempotency::Effect;
use crate::kinds::{IDK_REUSED, INTERNAL, PASSWORDS, ProblemKind, SHARED};
use crate::problem::Problem;

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
    /// True if it makes a change. An answer that is made with [`Answer::of`] is then remembered under the idempotency
    /// key.
    const CHANGES: bool;
    /// True if it always hashes a password. If too many requests wait for a hash already, the request is then rejected
    /// before it costs any other work.
    const HASHES: bool = false;
    /// The statuses of its answers that say that a password was set. Before such an answer is repeated, the rule checks
    /// that the retry has that password, as an attempt.
    const SETS_PASSWORD: &'static [u16] = &[];
    /// The statuses of its answers, each with a description.
    const ANSWERS: &'static [(u16, &'static str)];
    /// Its own problems: without those that every operation can answer, those of an idempotency key, and those of a new password.
    const PROBLEMS: &'static [&'static ProblemKind];
    /// The names that the members of its body have in problems.
    const MEMBERS: Members = Members { prefix: "", whole: "body", password: "password" };
    /// The type of its body.
    type Body: DeserializeOwned + JsonSchema + Send;
    /// The type of its answers.
    type Answered: Serialize + JsonSchema;
    /// The rule that it follows.
    type Rule: Rule;
    /// The values of the request that its answer needs.
    type Asked: Send;

    /// Validates a body and makes the rule from it.
    fn parse(app: &App, caller: &Caller, body: Self::Body) -> Result<(Self::Rule, Self::Asked), Problem>;

    /// The targets that the body names. The answer about a user ([`Answer::about`]) gets their states.
    fn provisions(body: &Self::Body) -> Option<Provisions> {
        let _ = body;
        None
    }

    /// The answer for the result of the rule.
    fn answer(asked: Self::Asked, done: Done<Self>) -> Result<Answer, Problem>;

    /// The answer to a retry of a request that was executed before and answered with this status. Only an answer that
    /// names what it made ([`Answer::of`]) is remembered.
    fn answer_retry(
        app: &App,
        status: u16,
        id: UserId,
        version: Option<String>,
    ) -> impl Future<Output = Result<Answer, Problem>> + Send {
        let _ = (app, status, id, version);
        async { Err(Problem::from(&INTERNAL)) }
    }
}

/// The result of an operation's rule.
pub(crate) type Done<O> = <<O as Operation>::Rule as Rule>::Done;

/// The names that an operation's body has for the fields of a rule's errors.
pub(crate) struct Members {
    /// The prefix of identifiers and of the profile.
    pub(crate) prefix: &'static str,
    /// The body, or its member that contains the identifiers.
    pub(crate) whole: &'static str,
    /// The member with the new password.
    pub(crate) password: &'static str,
}

impl Members {
    /// Converts an error of the domain to the problem that the operation's caller gets.
    pub(crate) fn problem(&self, error: Error) -> Problem {
        match error {
            Error::Invalid { field, rule } => Problem::invalid(&self.name(&field), rule),
            Error::NotFoundAs(field) => Problem::not_found(&self.name(&field)),
            Error::Taken(kind) => Problem::taken(&self.name(&Field::Identifier(kind))),
            Error::PasswordForm(error) => Problem::password(self.password, error),
            Error::Weak(weakness) => Problem::weak(self.password, weakness),
            other => other.into(),
        }
    }

    fn name(&self, field: &Field) -> String {
        let Self { prefix, .. } = self;
        match field {
            Field::Whole => self.whole.to_owned(),
            Field::Identifier(kind) => format!("{prefix}{}", kind.as_str()),
            Field::Verified(kind) => format!("{prefix}{}_verified", kind.as_str()),
            Field::SubjectIssuer => "subject_issuer".to_owned(),
            Field::Profile => format!("{prefix}profile"),
            Field::After => "after".to_owned(),
            Field::Survivor => "survivor".to_owned(),
            Field::Duplicate => "duplicate".to_owned(),
        }
    }
}

/// The user of an answer, whom targets are to have.
#[derive(Debug, Clone)]
pub(crate) struct About {
    pub(crate) id: UserId,
    /// The version of the person, as callers know it.
    pub(crate) version: String,
    /// The later version of the two parts of the user.
    pub(crate) latest: Version,
}

impl About {
    /// The person's primary account, whose account counts at targets.
    pub(crate) fn of(person: &Person) -> Self {
        let latest = person.primary.version().latest().clone();
        Self { id: person.primary.id(), version: person.version().to_string(), latest }
    }
}

/// What an operation answers.
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) body: Box<RawValue>,
    /// What a retry under the same idempotency key has to know.
    pub(crate) effect: Effect,
    /// The user that targets are to have, if the request names some.
    pub(crate) about: Option<About>,
}

impl Answer {
    /// An answer that is not remembered.
    pub(crate) fn new(status: u16, body: &impl Serialize) -> Result<Self, Problem> {
        let body = to_raw_value(body).map_err(|_| Problem::from(&INTERNAL))?;
        Ok(Self { status, body, effect: Effect::Unknown, about: None })
    }

    /// Adds a member.
    pub(crate) fn with(mut self, name: &str, value: &impl Serialize) -> Result<Self, Problem> {
        let added = || -> serde_json::Result<_> {
            let mut members: Map<String, Value> = serde_json::from_str(self.body.get())?;
            members.insert(name.to_owned(), serde_json::to_value(value)?);
            to_raw_value(&members)
        };
        self.body = added().map_err(|_| Problem::from(&INTERNAL))?;
        Ok(self)
    }

    /// Marks the answer to be remembered, with the user and the version that the operation made.
    pub(crate) fn of(mut self, id: UserId, version: Option<String>) -> Self {
        self.effect = Effect::Made(id, version);
        self
    }

    /// Names the user of the answer, whom the targets of the request are to have.
    pub(crate) fn about(mut self, about: About) -> Self {
        self.about = Some(about);
        self
    }

    /// Marks an answer that says that nothing was done. A retry is then evaluated from the start.
    pub(crate) fn without_effect(mut self) -> Self {
        self.effect = Effect::Nothing;
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
    /// The statuses of its answers, each with a description.
    pub answers: &'static [(u16, &'static str)],
    /// The problems that it can answer once the caller is known, in the order of their statuses and codes.
    pub problems: Vec<&'static ProblemKind>,
    /// The JSON Schema of its body.
    pub body: Schema,
    /// The JSON Schema of its answers.
    pub answered: Schema,
}

impl Described {
    pub(crate) fn of<O: Operation>(bodies: &mut SchemaGenerator, answers: &mut SchemaGenerator) -> Self {
        Self {
            path: O::PATH,
            id: O::ID,
            summary: O::SUMMARY,
            scope: O::SCOPE,
            answers: O::ANSWERS,
            problems: problems::<O>(),
            body: bodies.subschema_for::<O::Body>(),
            answered: answers.subschema_for::<O::Answered>(),
        }
    }
}

fn problems<O: Operation>() -> Vec<&'static ProblemKind> {
    let of_key = [&IDK_REUSED].into_iter().filter(|_| O::CHANGES);
    let of_password = PASSWORDS.iter().copied().filter(|_| !O::SETS_PASSWORD.is_empty());
    let mut all: Vec<_> = SHARED.iter().chain(O::PROBLEMS).copied().chain(of_key).chain(of_password).collect();
    all.sort_by_key(|kind| (kind.status, kind.code));
    all
}
