//! The triggers of a user pool of Amazon Cognito: sign-up without ghosts, and Umoja's id in the pool's tokens
//! (<https://docs.aws.amazon.com/cognito/latest/developerguide/cognito-user-pools-working-with-lambda-triggers.html>).
//!
//! Cognito stores a user as confirmed before it calls the trigger of the confirmation, so an error there undoes nothing.
//! Only the trigger before the sign-up rejects. So that neither side has a user whom the other does not have:
//!
//! - **Before the sign-up** a sealed row is written into the inbox, and nothing else: no user, and no claim on an
//!   address. Without a confirmation, the row expires.
//! - **After the confirmation** the verified attributes are stored first and applied then, by the rule of
//!   [`umoja_accounts::incoming`]. What cannot be applied now stays in the inbox, and the worker applies it.
//! - **Before a token** is issued, the user that has the pool's id is looked up. If the sign-up is still open, it is
//!   completed now. Without a user there is no token: the last gate.
//!
//! In the other direction a pool asks whether a password is right when it does not know a user
//! ([`Cognito::handle`], `UserMigration`). A pool has one direction.
//!
//! - [`TriggerEvent`] is what Cognito says: pure parsing.
//! - [`Cognito`] is the rule.
//! - [`TriggerError`] is why Cognito gets an error.

mod answer;
mod compare;
mod error;
mod event;
mod gate;
mod handler;
mod list;
mod migration;
mod reconcile;
mod rows;
mod sign_up;

pub use self::answer::CLAIM;
pub use self::compare::{Compared, Sample, compare};
pub use self::error::TriggerError;
pub use self::event::{Attributes, TokenVersion, Trigger, TriggerEvent};
pub use self::handler::{Cognito, is_note};
pub use self::list::{ListError, PoolList};
pub use self::migration::UMOJA_ID;
pub use self::reconcile::Reconciled;
