//! The operations of the document.

use schemars::SchemaGenerator;
use serde_json::Value;

use crate::{Scope, api};

/// One operation.
pub(super) struct Operation {
    pub(super) path: &'static str,
    pub(super) id: &'static str,
    pub(super) summary: &'static str,
    pub(super) scope: Scope,
    pub(super) body: Value,
    pub(super) answers: Vec<(u16, &'static str, Value)>,
    pub(super) refusals: &'static [u16],
}

/// All of them.
pub(super) fn operations(generator: &mut SchemaGenerator) -> Vec<Operation> {
    let mut operations = operations_on_accounts(generator);
    operations.extend(operations_on_passwords(generator));
    operations.extend(operations_on_people(generator));
    operations
}

macro_rules! schema {
    ($generator:ident, $type:ty) => {
        $generator.subschema_for::<$type>().to_value()
    };
}

fn operations_on_accounts(generator: &mut SchemaGenerator) -> Vec<Operation> {
    vec![
        Operation {
            path: "/v1/users/register",
            id: "register",
            summary: "Register a user, or match the one with the same verified identifier.",
            scope: Scope::Register,
            body: schema!(generator, api::Register),
            answers: vec![
                (201, "A new user.", schema!(generator, api::Registered)),
                (
                    200,
                    "The identifier is known, and both claims are verified by trusted companies: the existing user, now linked.",
                    schema!(generator, api::Registered),
                ),
            ],
            refusals: &[409, 422, 503],
        },
        Operation {
            path: "/v1/users/lookup",
            id: "lookup",
            summary: "Find a user by id or identifier.",
            scope: Scope::Lookup,
            body: schema!(generator, api::Lookup),
            answers: vec![(200, "The user.", schema!(generator, api::Found))],
            refusals: &[404, 409, 422, 503],
        },
        Operation {
            path: "/v1/users/authenticate",
            id: "authenticate",
            summary: "Check a password.",
            scope: Scope::Authenticate,
            body: schema!(generator, api::Authenticate),
            answers: vec![(
                200,
                "Whether it is right; the same answer for unknown, wrong and disabled.",
                schema!(generator, api::Authenticated),
            )],
            refusals: &[409, 422, 503],
        },
        Operation {
            path: "/v1/users/update",
            id: "update",
            summary: "Change profile and identifiers of a linked user.",
            scope: Scope::Update,
            body: schema!(generator, api::Update),
            answers: vec![(200, "The user as it is now.", schema!(generator, api::Found))],
            refusals: &[404, 409, 422, 503],
        },
        Operation {
            path: "/v1/users/status",
            id: "setStatus",
            summary: "Disable or activate a user.",
            scope: Scope::Status,
            body: schema!(generator, api::SetStatus),
            answers: vec![(200, "The user as it is now.", schema!(generator, api::Found))],
            refusals: &[404, 409, 422, 503],
        },
    ]
}

/// On passwords.
fn operations_on_passwords(generator: &mut SchemaGenerator) -> Vec<Operation> {
    vec![
        Operation {
            path: "/v1/users/password/change",
            id: "changePassword",
            summary: "Change a password, given the current one.",
            scope: Scope::Password,
            body: schema!(generator, api::PasswordChange),
            answers: vec![(200, "Whether it was changed.", schema!(generator, api::PasswordChanged))],
            refusals: &[404, 409, 422, 503],
        },
        Operation {
            path: "/v1/users/password/reset/start",
            id: "startPasswordReset",
            summary: "A token for who forgot the password, for the company to deliver.",
            scope: Scope::Reset,
            body: schema!(generator, api::ResetStart),
            answers: vec![(200, "The token, and where to send it.", schema!(generator, api::ResetStarted))],
            refusals: &[404, 409, 422, 503],
        },
        Operation {
            path: "/v1/users/password/reset/finish",
            id: "finishPasswordReset",
            summary: "Set the password with a token, in any region.",
            scope: Scope::Reset,
            body: schema!(generator, api::ResetFinish),
            answers: vec![(200, "The password is set.", schema!(generator, api::PasswordReset))],
            refusals: &[409, 422, 503],
        },
    ]
}

/// On all that is held on a person.
fn operations_on_people(generator: &mut SchemaGenerator) -> Vec<Operation> {
    vec![
        Operation {
            path: "/v1/users/erase",
            id: "erase",
            summary: "Erase a person for all companies, for ever.",
            scope: Scope::Erase,
            body: schema!(generator, api::Erase),
            answers: vec![(202, "The receipt; regions confirm one by one.", schema!(generator, api::Erased))],
            refusals: &[404, 409, 422, 503],
        },
        Operation {
            path: "/v1/users/erasure",
            id: "erasure",
            summary: "The receipt of an erasure.",
            scope: Scope::Erase,
            body: schema!(generator, api::Erasure),
            answers: vec![(200, "The receipt with each region's confirmation.", schema!(generator, api::Erased))],
            refusals: &[404, 409, 422, 503],
        },
        Operation {
            path: "/v1/users/export",
            id: "export",
            summary: "All that is held on a person, with where it came from.",
            scope: Scope::Export,
            body: schema!(generator, api::Export),
            answers: vec![(200, "Everything but password hashes.", schema!(generator, api::Exported))],
            refusals: &[404, 409, 422, 503],
        },
        Operation {
            path: "/v1/users/merge",
            id: "merge",
            summary: "Make two users one: nothing is lost, every id and identifier goes on to find the person.",
            scope: Scope::Merge,
            body: schema!(generator, api::Merge),
            answers: vec![(
                200,
                "The merged user; or, with `preview`, what it would be.",
                schema!(generator, api::Found),
            )],
            refusals: &[404, 409, 422, 503],
        },
        Operation {
            path: "/v1/users/unmerge",
            id: "unmerge",
            summary: "Undo a merge: the duplicate is a user of its own again.",
            scope: Scope::Merge,
            body: schema!(generator, api::Unmerge),
            answers: vec![(200, "The user of its own, also if it was not merged.", schema!(generator, api::Found))],
            refusals: &[404, 409, 422, 503],
        },
    ]
}
