//! The cost of verifying a hash.

use crate::password::Params;

/// An estimate for one core with SHA instructions, right within a factor of about two (three without these
/// instructions). Use it to compare and to warn.
///
/// Ordered by time.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Cost {
    /// Microseconds of one core.
    pub micros: u64,
    /// Memory in KiB while it runs; 0 if it is negligible.
    pub memory_kib: u32,
}

impl Cost {
    pub(super) fn of_argon2(params: Params) -> Self {
        // The faster engine fills a KiB in half a microsecond.
        Self { micros: (u64::from(params.m_kib) * u64::from(params.t)).div_ceil(2), memory_kib: params.m_kib }
    }
}
