//! Factors: by what a person proves who it is, beside the password. The factors of all users of a person count.
//!
//! - A factor is a row of its own, so that two regions' additions both stay, and that of one region works in every region once it has arrived.
//! - A code of an application and a recovery code are counted before they are compared, as passwords are, and each works once in a region. A
//!   recovery code that was used is a row, so it is spent in every region once the row has arrived.
//! - A change of the factors ends everything of the person but the session in which it is made (ASVS 7.4.3), and is in the audit trail, in one
//!   transaction. That the person has just signed in, the caller sees to.
//! - A recovery code is used in one transaction with its row in the audit trail.

mod change;
mod codes;
mod enrol;
mod label;
mod passkeys;
mod recovery;
mod remove;
mod standing;

pub use change::By;
pub use codes::CodeUsed;
pub use enrol::{Enrolled, ForeignFactor, MAX_APPLICATIONS, MAX_PASSKEYS, NewPasskey};
pub use passkeys::{PasskeyAnswer, PasskeyUsed};
pub use recovery::RecoveryCodes;
pub use remove::Removal;
