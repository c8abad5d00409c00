//! Request and response bodies of the API: the claim `body` of the signed messages, and the source of the OpenAPI
//! document.

mod answers;
mod constraints;
mod events;
mod login;
mod problem;
mod provisioning;
mod requests;
mod selector;
mod support;

pub use answers::*;
pub use events::*;
pub use login::*;
pub use problem::*;
pub use provisioning::*;
pub use requests::*;
pub use selector::Selector;
pub use support::*;

/// The members of bodies that are passwords. No other member is one, at any depth.
pub const PASSWORDS: [&str; 3] = ["password", "current_password", "new_password"];
