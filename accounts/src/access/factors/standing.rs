//! What a person has.

use umoja_schema::access::{AccessRow, Factor, FactorKind, Passkey};

use super::super::Standing;
use super::enrol::{MAX_APPLICATIONS, MAX_PASSKEYS};

impl Standing {
    /// The factors of the person's users.
    pub fn factors(&self) -> impl Iterator<Item = &Factor> {
        debug_assert!(self.has_read(&Factor::of_all()), "the factors were not read");
        self.rows.iter().filter_map(|row| match &row.row {
            AccessRow::Factor(factor) => Some(factor),
            _ => None,
        })
    }

    /// The passkeys of the person's users.
    pub fn passkeys(&self) -> impl Iterator<Item = (&Factor, &Passkey)> {
        self.factors().filter_map(|factor| match &factor.kind {
            FactorKind::Passkey(passkey) => Some((factor, passkey)),
            _ => None,
        })
    }

    /// True if the person has an application that makes codes.
    pub fn has_totp(&self) -> bool {
        self.factors().any(|factor| matches!(factor.kind, FactorKind::Totp { .. }))
    }

    /// True if the person has a second factor. Recovery codes are none by themselves.
    pub fn has_second_factor(&self) -> bool {
        self.factors().any(|factor| !matches!(factor.kind, FactorKind::Recovery { .. }))
    }

    /// Whether the person can have one more factor of this kind.
    pub(super) fn has_room(&self, kind: &FactorKind) -> bool {
        let most = match kind {
            FactorKind::Passkey(_) => MAX_PASSKEYS,
            FactorKind::Totp { .. } => MAX_APPLICATIONS,
            FactorKind::Recovery { .. } => return true,
        };
        self.factors().filter(|factor| factor.kind.name() == kind.name()).count() < most
    }

    /// How many recovery codes the person has left.
    pub fn recovery_codes_left(&self) -> usize {
        let left = self.factors().map(|factor| match &factor.kind {
            FactorKind::Recovery { codes } => {
                (0..codes.len()).filter(|at| !self.is_spent_code(&factor.id, *at)).count()
            }
            _ => 0,
        });
        left.sum()
    }

    pub(super) fn is_spent_code(&self, factor: &str, number: usize) -> bool {
        self.rows.iter().any(|row| match &row.row {
            AccessRow::Spent(spent) => spent.factor == factor && spent.number == number,
            _ => false,
        })
    }
}
