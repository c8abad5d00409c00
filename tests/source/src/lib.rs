//! The imports among the modules of a crate, and their circles.
//!
//! A module imports the module that defines an item that it names through `use`, or through a path that begins with
//! `crate`, `super`, `self` or a child. Facades are resolved: a `pub use` of a descendant's item creates a name and is
//! no import. Code that is compiled only for tests does not count.

mod graph;
mod imports;
mod logs;
mod source;
mod words;

pub use graph::{Graph, Imports};
pub use logs::{LogMessage, log_messages};
pub use source::{Error, Source};
pub use words::{Found, find_words};

/// The modules of the crate whose root is this file.
///
/// # Errors
/// If a file cannot be read or is not Rust.
pub fn graph(root: &std::path::Path) -> Result<Graph, Error> {
    Ok(imports::of(&Source::read(root)?))
}
