//! Codes by mail: they show that a person has an address. With one, an address becomes verified, a person gets another one, a password is set,
//! an account is made, or a sign-in has a second factor.
//!
//! Nothing is stored when a code is sent. Who waits for it carries a *challenge*: the code and what it is for, sealed, so that every
//! region reads it and no one else does. A wrong code is counted under the id of the challenge. The mail has nothing but the code, and
//! no link: what it is for stays with who asked.

mod addresses;
mod code;
mod counts;
mod factor;
mod letter;
mod proof;
mod registration;
mod reset;
mod verify;

pub use addresses::{AddressCode, Replaced};
pub use code::LIFETIME_SECS;
pub use factor::SignInCode;
pub use letter::{Letter, Pages};
pub use registration::{Asking, Made, MailedRegistration, NewAccount};
pub use reset::MailedReset;
pub use verify::{CodeSent, VerifyFinish, VerifyStart};
