//! Factors: by what a person proves who it is, beside the password. The factors of all users of a person count.
//!
//! - A factor is a row of its own, so that two regions' additions both stay, and that of one region works in every region once it has arrived.
//! - A code of an application and a recovery code are counted before they are compared, as passwords are, and each works once in a region. A
//!   recovery code that was used is a row, so it is spent in every region once the row has arrived.
//! - A factor is added and removed, and a recovery code used, in one transaction with a row in the audit trail.
//! - Who adds or removes a factor ends the other sessions of the person (ASVS 7.4.3). That the person has just signed in, the caller sees
//!   to.

mod codes;
mod enrol;
mod label;
mod passkeys;
mod recovery;
mod remove;
mod standing;

use umoja_schema::{Actor, UserId};

pub use codes::CodeUsed;
pub use enrol::{Enrolled, ForeignFactor, MAX_APPLICATIONS, MAX_PASSKEYS, NewPasskey};
pub use passkeys::{PasskeyAnswer, PasskeyUsed};
pub use recovery::RecoveryCodes;

/// Who changes the factors of a person.
#[derive(Debug, Clone, Copy)]
pub struct Change<'a> {
    /// The user.
    pub user: UserId,
    /// The session in which the person does it, which stays. Every other one ends; `None` ends all.
    pub session: Option<&'a str>,
    /// Who does it, for the audit trail.
    pub actor: &'a Actor,
}
