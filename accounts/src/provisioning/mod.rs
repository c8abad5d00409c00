//! Provisioning on time: a request of a company to bring the accounts of a user at targets up to date now, and how far
//! they are.
//!
//! - [`ask`] notes a request for each target, where one is needed, and [`Provisions::ring`] says that it waits.
//! - A delivery notes in the row of the account which request it has read. So [`accounts`] reads rows only, in any region.
//! - A [`Ticket`] names the accounts, and is not stored.
//!
//! No error of a target is an error here: it is the state of an account.

mod ask;
mod params;
mod rows;
mod rules;
mod status;
mod subject;
mod target;
mod ticket;

pub use ask::{Asked, Noted, ask};
pub use params::Params;
pub use rows::{replace, request, requests};
pub use rules::{Follow, Provision};
pub use status::{AccountStatus, NOT_NOTED, accounts, accounts_pending, is_pending, wait};
pub use subject::{Subject, SubjectToken, SubjectTokens};
pub use target::Provisions;
pub use ticket::{Ticket, TicketError, Wanted};
