//! Applies what sources say about their users. A source speaks for its company only.

mod change;

pub use self::change::{Applied, Change, IncomingChange};
