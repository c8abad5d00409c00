//! The bounds of what a password hash may cost.

/// A bound of a family that the parameters of a hash break. It holds nothing of the hash.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Bound {
    /// The family, as in [`FAMILIES`](crate::legacy::FAMILIES).
    pub family: &'static str,
    /// What is counted: a parameter of the family, or a product of some.
    pub parameter: &'static str,
    /// The last value that is allowed.
    pub limit: u64,
}
