//! Factors that a person adds.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use umoja_crypto::totp::TotpSecret;
use umoja_crypto::webauthn;
use umoja_schema::access::{Factor, FactorKind, Passkey};
use umoja_schema::{Actor, Attributes, AuditEvent, UserId};
use zeroize::Zeroizing;

use super::super::{Needed, Standing};
use super::change::{By, Change, Decided};
use super::label::tidy;
use super::recovery::{RecoveryCodes, former};
use crate::{Error, People};

/// The most passkeys of a person.
pub const MAX_PASSKEYS: usize = 20;
/// The most applications of a person. A code is compared with each of them, so more would make a guess more likely.
pub const MAX_APPLICATIONS: usize = 5;
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
    /// The person has as many of this kind as it can have.
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

/// A factor that another system had.
#[derive(Clone)]
pub enum ForeignFactor {
    /// The secret of an application that makes codes of six digits, each for 30 seconds, with SHA-1.
    Totp(TotpSecret),
    /// A key of an authenticator.
    Passkey {
        /// The key, as the authenticator made it.
        key: webauthn::Registered,
        /// How browsers reach the authenticator.
        transports: Vec<String>,
    },
}

impl ForeignFactor {
    /// The name of its kind, as that of a row.
    pub const fn name(&self) -> &'static str {
        match self {
            Self::Totp(_) => "totp",
            Self::Passkey { .. } => "passkey",
        }
    }
}

impl People {
    /// Adds an application that makes codes, if a code shows that it has the secret, and ends everything of the person but the session that is
    /// kept, as [`People::end_other_sessions`] does. Its row has an id that follows from the secret, so that a form that is sent twice adds one
    /// application.
    ///
    /// # Errors
    /// [`Error::NotFound`] if there is no such live user; [`Error::Locked`]; if the store fails.
    pub async fn add_totp(
        &self,
        by: By<'_>,
        secret: &TotpSecret,
        (code, label): (&str, &str),
    ) -> Result<Enrolled, Error> {
        let digits: String = code.chars().filter(|c| !c.is_whitespace()).take(7).collect();
        let Some(step) = secret.step(&digits, self.home.clock.now().secs()) else { return Ok(Enrolled::Wrong) };
        let (id, kind) = self.new_totp(by.user, secret);
        // The same form may have come before.
        let enrolled = self.enrol(by, (id.clone(), kind, label), || Enrolled::Added(None)).await?;
        // The code is no code of a sign-in any more.
        self.is_first_of(by.user, &id, step).await?;
        Ok(enrolled)
    }

    /// Adds a passkey, and ends everything of the person but the session that is kept, as [`People::end_other_sessions`] does. Its row has an
    /// id that follows from the id of the key, so that a key is added once.
    ///
    /// # Errors
    /// [`Error::NotFound`] if there is no such live user; if the store fails.
    pub async fn add_passkey(&self, by: By<'_>, new: NewPasskey) -> Result<Enrolled, Error> {
        let NewPasskey { made, transports, label } = new;
        let (id, kind) = self.new_passkey(made, transports);
        self.enrol(by, (id, kind, &label), || Enrolled::Known).await
    }

    /// Adds a factor that another system had, unless the user has or had it. False if it has as many as it can have, or there is no such live
    /// user. No session ends and no recovery codes are drawn: no one would see them.
    ///
    /// # Errors
    /// If the store fails.
    pub(crate) async fn import_factor(
        &self,
        (user, actor): (UserId, &Actor),
        kind: &ForeignFactor,
        label: Option<&str>,
    ) -> Result<bool, Error> {
        let needed = Needed { factors: true, ..Needed::default() };
        let Some(standing) = Standing::read_needed(self, user, &needed).await? else { return Ok(false) };
        let (id, kind) = match kind {
            ForeignFactor::Totp(secret) => self.new_totp(user, secret),
            ForeignFactor::Passkey { key, transports } => self.new_passkey(key.clone(), transports.clone()),
        };
        if standing.factors().any(|factor| factor.id == id) {
            return Ok(true);
        }
        if !standing.has_room(&kind) {
            return Ok(false);
        }
        let factor = self.new_factor((user, id), kind, label.unwrap_or_default());
        let event = AuditEvent::FactorAdded(factor.kind.name());
        self.add_recorded((actor, &event), |version| factor.to_item(version)).await?;
        Ok(true)
    }

    /// A factor that is added now.
    fn new_factor(&self, (user, id): (UserId, String), kind: FactorKind, label: &str) -> Factor {
        let label =
            tidy(label).map(|label| self.secrets.factors().seal_label((user, &id), &label, &*self.home.entropy));
        Factor { user, id, kind, label, created_at: self.home.clock.now(), unknown: Attributes::new() }
    }

    /// The id of the row of an application, and what it holds.
    pub(super) fn new_totp(&self, user: UserId, secret: &TotpSecret) -> (String, FactorKind) {
        let text = Zeroizing::new(URL_SAFE_NO_PAD.encode(secret.expose()));
        let id = self.row_id("row of an application", &text);
        let secret = self.secrets.factors().seal_secret((user, &id), secret.expose(), &*self.home.entropy);
        (id, FactorKind::Totp { secret })
    }

    /// The id of the row of a passkey, and what it holds.
    pub(super) fn new_passkey(&self, made: webauthn::Registered, transports: Vec<String>) -> (String, FactorKind) {
        let id = self.row_id("row of a passkey", &URL_SAFE_NO_PAD.encode(&made.credential_id));
        let is_name =
            |name: &String| !name.is_empty() && name.len() <= 32 && name.bytes().all(|b| b.is_ascii_graphic());
        let passkey = Passkey {
            credential_id: made.credential_id,
            public_key: made.public_key,
            sign_count: made.sign_count,
            transports: transports.into_iter().filter(is_name).take(MAX_TRANSPORTS).collect(),
        };
        (id, FactorKind::Passkey(passkey))
    }

    fn row_id(&self, of: &str, what: &str) -> String {
        URL_SAFE_NO_PAD.encode(&self.secrets.request_hash(&[of, what])[..16])
    }

    /// Adds a factor, unless the person has one of its id: `has_it` says what is answered then.
    async fn enrol(
        &self,
        by: By<'_>,
        (id, kind, label): (String, FactorKind, &str),
        has_it: impl Fn() -> Enrolled,
    ) -> Result<Enrolled, Error> {
        let factor = self.new_factor((by.user, id), kind, label);
        let decide = |standing: &Standing| {
            if standing.factors().any(|known| known.id == factor.id) {
                return Decided::nothing(has_it());
            }
            if !standing.has_room(&factor.kind) {
                return Decided::nothing(Enrolled::Full);
            }
            let mut changes = vec![Change::Add(factor.clone())];
            let codes = (!standing.has_second_factor()).then(|| {
                let (codes, new) = self.draw_recovery_codes(by.user);
                changes.extend(former(standing).chain([Change::Add(new)]));
                codes
            });
            Decided { changes, done: Enrolled::Added(codes) }
        };
        Ok(self.change_factors(by, decide).await?.unwrap_or(Enrolled::Known))
    }
}
