//! Which modules of a crate import which, and the circles among them.
//!
//! A module imports the one that defines what it names: through `use`, or through a path that begins with `crate`,
//! `super`, `self` or a child. Facades are looked through: a `pub use` of what descendants define makes a name and is no
//! import. What only tests are compiled with does not count.

mod graph;
mod imports;
mod source;

pub use graph::{Graph, Imports};
pub use source::{Error, Source};

/// The modules of the crate whose root is this file.
///
/// # Errors
/// If a file cannot be read or is not Rust.
pub fn graph(root: &std::path::Path) -> Result<Graph, Error> {
    Ok(imports::of(&Source::read(root)?))
}
