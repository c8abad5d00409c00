//! The shared vectors, the generated types, and what follows an attempt without a result.

mod attempts;
mod generate;
mod vectors;
