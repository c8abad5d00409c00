//! Request and response bodies of the API: the claim `body` of the signed messages, and the source of the OpenAPI
//! document.

mod answers;
mod constraints;
mod requests;

pub use answers::*;
pub use requests::*;
