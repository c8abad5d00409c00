//! The operations, one file each. The table below is complete: the router, the OpenAPI document, the simulation's calls
//! and the fuzzer's bodies are made from it, or a test compares them with it.

mod answers;
mod authenticate;
mod erase;
mod erasure;
mod explain;
mod export;
mod list_events;
mod lookup;
mod members;
mod merge;
mod password_change;
mod provision;
mod provisioning;
mod register;
mod rejected;
mod reset_finish;
mod reset_start;
mod status;
mod unlock;
mod unmerge;
mod update;
mod verify_finish;
mod verify_start;

use schemars::SchemaGenerator;
use serde_json::Value;

use crate::form::Form;
use crate::operation::{Described, Operation};

/// A visitor that is called for each operation.
pub(crate) trait Visitor {
    fn operation<O: Operation>(&mut self);
}

macro_rules! operations {
    ($($module:ident :: $name:ident),* $(,)?) => {
        /// Calls a visitor for every operation, in the order of the document.
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
    verify_start::VerifyStart,
    verify_finish::VerifyFinish,
    erase::Erase,
    erasure::Erasure,
    export::Export,
    merge::Merge,
    unmerge::Unmerge,
    provision::Provision,
    provisioning::ProvisioningStatus,
    list_events::ListEvents,
    explain::Explain,
    unlock::Unlock,
    rejected::GetRejected,
}

/// Every operation as data. The schemas of bodies and of answers refer to definitions of their generators.
pub fn described(bodies: &mut SchemaGenerator, answers: &mut SchemaGenerator) -> Vec<Described> {
    struct All<'a>(&'a mut SchemaGenerator, &'a mut SchemaGenerator, Vec<Described>);
    impl Visitor for All<'_> {
        fn operation<O: Operation>(&mut self) {
            self.2.push(Described::of::<O>(self.0, self.1));
        }
    }
    let mut all = All(bodies, answers, Vec::new());
    visit(&mut all);
    all.2
}

/// Reads a value as the body of every operation, and returns the paths of the operations that accept it. The fuzzer
/// uses it.
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
