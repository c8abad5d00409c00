//! Factors that a person adds.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use umoja_crypto::totp::TotpSecret;
use umoja_crypto::webauthn;
use umoja_schema::access::{Factor, FactorKind, Passkey};
use umoja_schema::{Attributes, UserId};

use super::super::write::random_id;
use super::super::{DescribedSession, Standing};
use super::change::Change;
use super::label::tidy;
use super::recovery::{RecoveryCodes, former};
use crate::{Error, People};

/// The most factors of a person, beside recovery codes.
pub const MAX_FACTORS: usize = 20;
/// The most ways in which browsers reach an authenticator, and the most characters of one.
const MAX_TRANSPORTS: usize = 8;

/// What came of an addition.
#[derive(Debug)]
pub enum Enrolled {
    /// The factor is added. With the first one come recovery codes.
    Added(Option<RecoveryCodes>),
    /// The code is not that of the application, or was used before.
    Wrong,
    /// The person has this factor already, or had it and removed it.
    Known,
    /// The person has too many factors.
    Full,
}

/// A passkey that a browser has made for the user of a session.
#[derive(Debug, Clone)]
pub struct NewPasskey {
    /// What the authenticator says.
    pub made: webauthn::Registered,
    /// How browsers reach the authenticator.
    pub transports: Vec<String>,
    /// What the person calls it. Personal data.
    pub label: String,
}

impl People {
    /// Adds an application that makes codes, if a code shows that it has the secret, and ends everything of the person but the session that is
    /// kept, as [`People::end_other_sessions`] does.
    ///
    /// # Errors
    /// [`Error::NotFound`] if there is no such live user; [`Error::Locked`]; if the store fails.
    pub async fn add_totp(
        &self,
        (user, kept): (UserId, Option<DescribedSession<'_>>),
        secret: &TotpSecret,
        (code, label): (&str, &str),
    ) -> Result<Enrolled, Error> {
        let standing = Standing::read(self, user).await?.ok_or(Error::NotFound)?;
        let digits: String = code.chars().filter(|c| !c.is_whitespace()).take(7).collect();
        let Some(step) = secret.step(&digits, self.home.clock.now().secs()) else { return Ok(Enrolled::Wrong) };
        let id = random_id(&self.home);
        if !self.is_first_of(user, &id, step).await? {
            return Ok(Enrolled::Wrong);
        }
        let sealed = self.secrets.factors().seal_secret((user, &id), secret.expose(), &*self.home.entropy);
        self.enrol((user, kept), &standing, id, (FactorKind::Totp { secret: sealed }, label)).await
    }

    /// Adds a passkey, and ends everything of the person but the session that is kept, as [`People::end_other_sessions`] does. Its row has an
    /// id that follows from the id of the key, so that a key is added once.
    ///
    /// # Errors
    /// [`Error::NotFound`] if there is no such live user; if the store fails.
    pub async fn add_passkey(
        &self,
        (user, kept): (UserId, Option<DescribedSession<'_>>),
        new: NewPasskey,
    ) -> Result<Enrolled, Error> {
        let standing = Standing::read(self, user).await?.ok_or(Error::NotFound)?;
        let NewPasskey { made, transports, label } = new;
        if standing.passkeys().any(|(_, passkey)| passkey.credential_id == made.credential_id) {
            return Ok(Enrolled::Known);
        }
        let hash = self.secrets.request_hash(&["row of a passkey", &URL_SAFE_NO_PAD.encode(&made.credential_id)]);
        let id = URL_SAFE_NO_PAD.encode(&hash[..16]);
        let is_name =
            |name: &String| !name.is_empty() && name.len() <= 32 && name.bytes().all(|b| b.is_ascii_graphic());
        let passkey = Passkey {
            credential_id: made.credential_id,
            public_key: made.public_key,
            sign_count: made.sign_count,
            transports: transports.into_iter().filter(is_name).take(MAX_TRANSPORTS).collect(),
        };
        self.enrol((user, kept), &standing, id, (FactorKind::Passkey(passkey), &label)).await
    }

    async fn enrol(
        &self,
        (user, kept): (UserId, Option<DescribedSession<'_>>),
        standing: &Standing,
        id: String,
        (kind, label): (FactorKind, &str),
    ) -> Result<Enrolled, Error> {
        let is_counted = |factor: &&Factor| !matches!(factor.kind, FactorKind::Recovery { .. });
        if standing.factors().filter(is_counted).count() >= MAX_FACTORS {
            return Ok(Enrolled::Full);
        }
        let label =
            tidy(label).map(|label| self.secrets.factors().seal_label((user, &id), &label, &*self.home.entropy));
        let created_at = self.home.clock.now();
        let factor = Factor { user, id, kind, label, created_at, unknown: Attributes::new() };
        let drawn = (!standing.has_second_factor()).then(|| self.draw_recovery_codes(user));
        let mut changes = vec![Change::Add(&factor)];
        if let Some((_, codes)) = &drawn {
            changes.extend(former(standing).chain([Change::Add(codes)]));
        }
        if !self.change_factors(standing, (user, kept), &changes).await? {
            return Ok(Enrolled::Known);
        }
        tracing::info!(%user, "a factor was added");
        Ok(Enrolled::Added(drawn.map(|(codes, _)| codes)))
    }
}
