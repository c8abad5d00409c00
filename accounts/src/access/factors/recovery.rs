//! Recovery codes: ten that each work once.

use umoja_schema::access::{Factor, FactorKind, SpentCode};
use umoja_schema::{Actor, Attributes, AuditEvent, UserId};
use umoja_store::ports::Entropy;
use zeroize::Zeroizing;

use super::super::Standing;
use super::super::write::random_id;
use super::change::{By, Change, Decided};
use crate::{Error, People};

/// How many codes there are.
const CODES: usize = 10;
/// The characters of a code: 50 bits.
const CHARS: usize = 10;
/// The characters, of which no two look alike.
const ALPHABET: &[u8; 32] = b"23456789ABCDEFGHJKLMNPQRSTUVWXYZ";

/// Codes that are shown once. They are wiped on drop and never printed.
pub struct RecoveryCodes(Vec<Zeroizing<String>>);

impl RecoveryCodes {
    fn draw(entropy: &dyn Entropy) -> Self {
        let code = |_| {
            let bytes = Zeroizing::new(entropy.array::<CHARS>());
            Zeroizing::new(bytes.iter().map(|byte| char::from(ALPHABET[usize::from(byte & 31)])).collect())
        };
        Self((0..CODES).map(code).collect())
    }

    /// The codes as a person writes them down.
    pub fn shown(&self) -> impl Iterator<Item = Zeroizing<String>> {
        self.0.iter().map(|code| Zeroizing::new(format!("{}-{}", &code[..CHARS / 2], &code[CHARS / 2..])))
    }
}

impl std::fmt::Debug for RecoveryCodes {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("RecoveryCodes([redacted])")
    }
}

/// A code as it was drawn, from what a person typed. `None` if it can be none.
pub(super) fn typed(text: &str) -> Option<Zeroizing<String>> {
    let chars = text.chars().filter(|c| !c.is_whitespace() && *c != '-').map(|c| c.to_ascii_uppercase());
    let code: Zeroizing<String> = Zeroizing::new(chars.take(CHARS + 1).collect());
    (code.len() == CHARS && code.bytes().all(|byte| ALPHABET.contains(&byte))).then_some(code)
}

/// The ends of the recovery codes that a person has.
pub(super) fn former(standing: &Standing) -> impl Iterator<Item = Change> {
    standing.factors().filter(|factor| matches!(factor.kind, FactorKind::Recovery { .. })).cloned().map(Change::End)
}

impl People {
    /// Gives a user new recovery codes, and ends those that the person has, and everything but the session that is kept. They are shown once,
    /// because only a keyed MAC of each is stored.
    ///
    /// # Errors
    /// [`Error::NotFound`] if there is no such live user; if the store fails.
    pub async fn new_recovery_codes(&self, by: By<'_>) -> Result<RecoveryCodes, Error> {
        let decide = |standing: &Standing| {
            let (done, new) = self.draw_recovery_codes(by.user);
            Decided { changes: former(standing).chain([Change::Add(new)]).collect(), done }
        };
        self.change_factors(by, decide).await?.ok_or(Error::Broken("a random id is new"))
    }

    /// New recovery codes of a user, and the row that stands for them.
    pub(super) fn draw_recovery_codes(&self, user: UserId) -> (RecoveryCodes, Factor) {
        let drawn = RecoveryCodes::draw(&*self.home.entropy);
        let (id, keys) = (random_id(&self.home), self.secrets.factors());
        let codes = drawn.0.iter().map(|code| keys.code_tag((user, &id), code).to_vec()).collect();
        let (kind, created_at) = (FactorKind::Recovery { codes }, self.home.clock.now());
        (drawn, Factor { user, id, kind, label: None, created_at, unknown: Attributes::new() })
    }

    /// Uses a code. False if it is none of the person's, or it was used in this region or in one whose row has arrived.
    pub(super) async fn use_recovery_code(
        &self,
        standing: &Standing,
        (code, actor): (&str, &Actor),
    ) -> Result<bool, Error> {
        let keys = self.secrets.factors();
        for factor in standing.factors() {
            let FactorKind::Recovery { codes } = &factor.kind else { continue };
            let is_it = |tag: &Vec<u8>| keys.is_code_tag((factor.user, &factor.id), code, tag);
            let Some(number) = codes.iter().position(is_it) else { continue };
            if standing.is_spent_code(&factor.id, number) {
                return Ok(false);
            }
            let (user, factor, at) = (factor.user, factor.id.clone(), self.home.clock.now());
            let spent = SpentCode { user, factor, number, at, unknown: Attributes::new() };
            // Of two at once, one adds the row.
            return self.add_recorded((actor, &AuditEvent::RecoveryCodeUsed), |version| spent.to_item(version)).await;
        }
        Ok(false)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    struct Sevens;

    impl Entropy for Sevens {
        fn fill(&self, bytes: &mut [u8]) {
            bytes.fill(7);
        }
    }

    #[test]
    fn a_code_is_typed_as_it_is_shown_or_carelessly() {
        let drawn = RecoveryCodes::draw(&Sevens);
        let shown = drawn.shown().next().unwrap();
        assert_eq!((shown.len(), drawn.0.len()), (CHARS + 1, CODES));
        for text in [shown.to_string(), shown.to_lowercase(), format!(" {} ", shown.replace('-', " "))] {
            assert_eq!(typed(&text), Some(drawn.0[0].clone()), "{text}");
        }
        for text in ["", "123456", "23456-7890O", "23456-7892345", "23456-789éé"] {
            assert_eq!(typed(text), None, "{text}");
        }
    }
}
