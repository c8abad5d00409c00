//! The shared vectors, and the generated types.

mod generate;
mod vectors;
