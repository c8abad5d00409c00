//! What verifying a hash will cost.

use crate::password::Params;

/// An estimate for one core with instructions for SHA, right within a factor of about two (three where there are none):
/// to compare, and to warn.
///
/// Ordered by time.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Cost {
    /// Microseconds of one core.
    pub micros: u64,
    /// Memory in KiB while it runs; 0 where it is not worth counting.
    pub memory_kib: u32,
}

impl Cost {
    pub(super) fn of_argon2(params: Params) -> Self {
        // A KiB is filled in half a microsecond by the faster engine.
        Self { micros: (u64::from(params.m_kib) * u64::from(params.t)).div_ceil(2), memory_kib: params.m_kib }
    }
}
