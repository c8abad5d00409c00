//! The operations: one file each. What is not in the table below does not exist: the router, the OpenAPI document, the
//! simulation's calls and the fuzzer's bodies are made from it, or are held against it by a test.

mod authenticate;
mod erase;
mod erasure;
mod export;
mod lookup;
mod merge;
mod password_change;
mod register;
mod reset_finish;
mod reset_start;
mod status;
mod unmerge;
mod update;

use std::collections::BTreeSet;

use schemars::SchemaGenerator;
use serde_json::Value;
use umoja_accounts::{Person, Reason};
use umoja_schema::api::{Found, Selector};
use umoja_schema::{PersonVersion, UserId};
use umoja_store::group::MAX_USERS;

use crate::app::App;
use crate::form::Form;
use crate::operation::{Answer, Described, Operation};
use crate::problem::{INTERNAL, NOT_FOUND, Refusal};

/// Looks at one operation after the other.
pub(crate) trait Visitor {
    fn operation<O: Operation>(&mut self);
}

macro_rules! operations {
    ($($module:ident :: $name:ident),* $(,)?) => {
        /// Shows every operation to a visitor, in the order of the document.
        pub(crate) fn visit(visitor: &mut impl Visitor) {
            $(visitor.operation::<$module::$name>();)*
        }
    };
}

operations! {
    register::Register,
    lookup::Lookup,
    authenticate::Authenticate,
    update::Update,
    status::Status,
    password_change::PasswordChange,
    reset_start::ResetStart,
    reset_finish::ResetFinish,
    erase::Erase,
    erasure::Erasure,
    export::Export,
    merge::Merge,
    unmerge::Unmerge,
}

/// Every operation as data; the schemas refer to definitions of the generator.
pub fn described(generator: &mut SchemaGenerator) -> Vec<Described> {
    struct All<'a>(&'a mut SchemaGenerator, Vec<Described>);
    impl Visitor for All<'_> {
        fn operation<O: Operation>(&mut self) {
            self.1.push(Described::of::<O>(self.0));
        }
    }
    let mut all = All(generator, Vec::new());
    visit(&mut all);
    all.1
}

/// Reads a value as the body of every operation: the paths of those that take it. For the fuzzer.
pub fn parses(value: &Value) -> Vec<&'static str> {
    struct All<'a>(&'a Value, Vec<&'static str>);
    impl Visitor for All<'_> {
        fn operation<O: Operation>(&mut self) {
            if Form::of::<O::Body>().parse::<O::Body>(self.0.clone()).is_ok() {
                self.1.push(O::PATH);
            }
        }
    }
    let mut all = All(value, Vec::new());
    visit(&mut all);
    all.1
}

/// The answer `{user}` to a request about a user: who that is merged with may be another one when it is repeated.
fn found(status: u16, person: &Person, id: UserId) -> Result<Answer, Refusal> {
    let version = person.version().to_string();
    Ok(Answer::new(status, &Found { user: person.view() })?.of(id, Some(version)))
}

/// The answer `{user}` to a request that was done before.
async fn found_again(app: &App, status: u16, id: UserId) -> Result<Answer, Refusal> {
    let person = app.accounts.reader().load(id).await?.ok_or(Refusal::from(&NOT_FOUND))?;
    found(status, &person, id)
}

/// The answer to a repeated request whose outcome is not remembered: there is none.
fn never() -> Result<Answer, Refusal> {
    Err(Refusal::from(&INTERNAL))
}

fn reason(text: Option<String>) -> Result<Option<Reason>, Refusal> {
    let too_long = || Refusal::invalid("reason", format!("A reason has at most {} characters.", Reason::MAX_CHARS));
    text.map(|text| Reason::new(text).ok_or_else(too_long)).transpose()
}

/// 422 unless exactly one of the members that name a user is given.
fn one(selector: Option<Selector>) -> Result<Selector, Refusal> {
    let rule = "Give exactly one of `id`, `email`, `phone_number`, `username`, `external_id`.";
    selector.ok_or_else(|| Refusal::invalid("body", rule))
}

/// Reads a version that the caller sends back.
fn version(field: &str, text: Option<&String>) -> Result<Option<PersonVersion>, Refusal> {
    let Some(text) = text else { return Ok(None) };
    // A caller can make one up: each user of it costs a read.
    let is_plausible = |version: &PersonVersion| {
        let users: BTreeSet<_> = version.users().iter().map(|user| user.id).collect();
        users.len() == version.users().len() && users.len() <= MAX_USERS
    };
    let version = text.parse().ok().filter(is_plausible);
    version.map(Some).ok_or_else(|| Refusal::invalid(field, "Send back a `version` as it was given."))
}
