//! What verifying a hash will cost.

use super::ImportError;
use super::hash::{Check, Form};
use super::spelling::read;
use crate::password::{Params, check_stored};

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
    fn of_argon2(params: Params) -> Self {
        // A KiB is filled in half a microsecond by the faster engine.
        Self { micros: (u64::from(params.m_kib) * u64::from(params.t)).div_ceil(2), memory_kib: params.m_kib }
    }
}

/// What verifying a stored string will cost: an import asks, to name the most expensive one.
///
/// # Errors
/// [`ImportError`] if the string would not be verified.
pub fn cost(stored: &str) -> Result<Cost, ImportError> {
    let argon2 = |phc: &str| check_stored(phc).map(Cost::of_argon2).map_err(ImportError::from);
    match read(stored)?.form() {
        Form::Argon2(phc) => argon2(phc),
        Form::Recipe(recipe, Check::Bare(expected)) => Ok(recipe.cost(expected.len())),
        Form::Recipe(recipe, Check::Wrapped { length, phc }) => {
            let (inner, outer) = (recipe.cost(*length), argon2(phc)?);
            Ok(Cost { micros: inner.micros + outer.micros, memory_kib: inner.memory_kib.max(outer.memory_kib) })
        }
    }
}
