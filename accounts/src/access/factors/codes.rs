//! Codes that a person types: those of an application, and recovery codes.

use umoja_crypto::totp::{STEP_SECS, TotpSecret};
use umoja_schema::access::{Factor, FactorKind};
use umoja_schema::{Actor, Millis, UserId};

use super::super::Standing;
use super::recovery::typed;
use crate::lockout::CodeAttempt;
use crate::{Error, People};

/// Which code a person typed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CodeUsed {
    /// One of an application.
    Totp,
    /// A recovery code.
    Recovery,
}

impl People {
    /// Uses a code of a person. `None` if it is none, or was used before. That a recovery code was used, and by whom, is in the audit trail.
    /// The attempt is counted before, for the person in this region, so that
    /// guesses side by side get no more answers than one after the other.
    ///
    /// # Errors
    /// [`Error::Locked`] after too many wrong codes; if the store fails: then the code was not compared, also if only the attempts cannot be
    /// counted, because codes are short.
    pub async fn use_code(
        &self,
        standing: &Standing,
        (text, actor): (&str, &Actor),
    ) -> Result<Option<CodeUsed>, Error> {
        let person = standing.users().first().copied().ok_or(Error::NotFound)?;
        let attempt = CodeAttempt::begin(self, person, self.home.clock.now()).await?;
        let used = self.compare(standing, (text, actor)).await;
        attempt.end(self, &used).await;
        used
    }

    async fn compare(&self, standing: &Standing, (text, actor): (&str, &Actor)) -> Result<Option<CodeUsed>, Error> {
        let digits: String = text.chars().filter(|c| !c.is_whitespace()).take(7).collect();
        for factor in standing.factors() {
            let FactorKind::Totp { secret } = &factor.kind else { continue };
            let Some(secret) = self.totp_secret(factor, secret) else { continue };
            if let Some(step) = secret.step(&digits, self.home.clock.now().secs()) {
                return Ok(self.is_first_of(factor.user, &factor.id, step).await?.then_some(CodeUsed::Totp));
            }
        }
        let Some(code) = typed(text) else { return Ok(None) };
        Ok(self.use_recovery_code(standing, (&code, actor)).await?.then_some(CodeUsed::Recovery))
    }

    fn totp_secret(&self, factor: &Factor, sealed: &[u8]) -> Option<TotpSecret> {
        let opened = self.secrets.factors().open_secret((factor.user, &factor.id), sealed);
        let secret = opened.and_then(|bytes| TotpSecret::new(&bytes));
        if secret.is_none() {
            tracing::error!(user = %factor.user, "the secret of a factor cannot be opened");
        }
        secret
    }

    /// Takes a step of an application in this region. False if it was taken.
    pub(super) async fn is_first_of(&self, user: UserId, factor: &str, step: u64) -> Result<bool, Error> {
        let hash = self.secrets.request_hash(&["step of a factor", &user.to_string(), factor, &step.to_string()]);
        // The code is valid for three steps, and a clock may be set back a little.
        let until = Millis((step + 6) * STEP_SECS * 1000);
        let now = self.home.clock.now();
        Ok(self.home.own.requests.first_use(&hash, now, until.max(now)).await?)
    }
}
