//! The rules about people: which users are one person, and what may be done to an account. Each rule is here once,
//! without transport. The API, imports, the reconcilers and the tests call it with a [`Context`] and get an [`Error`]
//! of the domain.
//!
//! - [`person`] reads which users are one person, which of them is the primary account, and what callers see of them.
//! - [`transaction`] is the only module that builds a transaction on people.
//! - [`rates`] counts the requests of companies and sources.
//! - Every other module is one rule, named after what it does.
//!
//! A rule that a request starts is a [`Rule`]. It reads first and then acts, so that its caller can do other work
//! during the first read.

pub mod access;
mod accounts;
mod audit;
mod authenticate;
pub mod automatic_merge;
pub mod breaker;
pub mod conflicts;
mod context;
mod deciding_credentials;
mod ends_all;
mod erase;
mod error;
pub mod events;
pub mod evidence;
mod export;
mod fed;
mod find;
mod first_login;
mod hold;
pub mod identifiers;
pub mod import;
pub mod incoming;
mod items;
mod kept_out;
mod links;
mod lockout;
mod logins;
mod lookup;
pub mod mail;
mod matching;
mod merge;
mod named;
mod noticed;
mod old_systems;
mod password_change;
mod patch;
pub mod person;
mod policy;
mod profiles;
pub mod provisioning;
pub mod rates;
mod receipt;
mod register;
mod rejected;
mod relied;
mod repeat;
pub mod reserved;
pub mod reset;
mod rule;
mod status;
pub mod transaction;
mod unlink;
mod unlock;
mod unmerge;
mod update;
mod why;

pub use accounts::{Accounts, PasswordRules, People};
pub use authenticate::Authenticate;
pub use context::{Context, Request};
pub use erase::Erase;
pub use error::{Error, Field};
pub use events::ListEvents;
pub use export::{Export, Position, PositionError};
pub use hold::{Held, Word};
pub use lockout::{FailedAttempts, Origin, network};
pub use logins::{Login, Recognised, ToConnect};
pub use lookup::Lookup;
pub use merge::Merge;
pub use old_systems::OldSystems;
pub use password_change::{Changed, PasswordChange};
pub use patch::{Patch, Said};
pub use person::Person;
pub use receipt::{CONFIRM_TARGET, Erasure, confirm_by_operator, not_confirmed, operator_confirms};
pub use register::{Register, Registered};
pub use rejected::{AskRejected, Rejected};
pub use relied::may_move;
pub use rule::{Reason, Rule};
pub use status::SetStatus;
pub use unlink::Unlinked;
pub use unlock::Unlock;
pub use unmerge::Unmerge;
pub use update::Update;
pub use why::{CompanyHolds, PasswordKind, Why, WhyAt};
