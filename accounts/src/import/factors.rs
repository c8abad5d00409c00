//! The second factors of a row.
//!
//! A factor that cannot be used is left out by its name and loses nothing else. The others come to the user that the import makes, or has made
//! before, under ids that follow from what they are: a second import adds none twice, and none that the person has removed. A user whom another
//! company knows gets none: who signs in as that person is for that company to say too.

use umoja_crypto::totp::TotpSecret;
use umoja_crypto::webauthn::{PublicKey, Registered};

use super::error::Failed;
use super::importer::Importer;
use super::report::Outcome;
use super::row::Row;
use super::user::NewUser;
use crate::Context;
use crate::access::{MAX_APPLICATIONS, MAX_PASSKEYS};

/// The most bytes of the id of a key (Web Authentication level 2, section 4).
const MAX_CREDENTIAL_ID: usize = 1023;

/// A second factor of the source.
#[derive(Clone)]
pub struct RowFactor {
    /// What it is.
    pub kind: RowFactorKind,
    /// What the person calls it. Personal data.
    pub label: Option<String>,
}

/// What a factor of the source is.
#[derive(Clone)]
pub enum RowFactorKind {
    /// The secret of an application that makes codes of six digits, each for 30 seconds, with SHA-1.
    Totp(TotpSecret),
    /// A key of an authenticator.
    Passkey {
        /// The key, as the authenticator made it.
        key: Registered,
        /// How browsers reach the authenticator.
        transports: Vec<String>,
        /// The host for which the key was made (relying party id), if the source says it.
        site: Option<String>,
    },
}

impl RowFactorKind {
    /// The name in reports: that of the kind of the row.
    pub(super) const fn name(&self) -> &'static str {
        match self {
            Self::Totp(_) => "totp",
            Self::Passkey { .. } => "passkey",
        }
    }
}

/// The factors of a row that can be used where keys are made for this host, and the names of those that are left out.
pub(super) fn usable(row: &Row, site: Option<&str>) -> (Vec<RowFactor>, Vec<String>) {
    let (mut factors, mut left_out) = (Vec::<RowFactor>::new(), Vec::new());
    for factor in &row.factors {
        let most = match &factor.kind {
            RowFactorKind::Totp(_) => MAX_APPLICATIONS,
            RowFactorKind::Passkey { .. } => MAX_PASSKEYS,
        };
        let count = factors.iter().filter(|other| other.kind.name() == factor.kind.name()).count();
        match unusable(&factor.kind, site) {
            Some(name) => left_out.push(name.to_owned()),
            None if count >= most => left_out.push(format!("factors.{}", factor.kind.name())),
            None => factors.push(factor.clone()),
        }
    }
    (factors, left_out)
}

/// Why a factor cannot be used: the name of what is not as it has to be.
fn unusable(kind: &RowFactorKind, site: Option<&str>) -> Option<&'static str> {
    let RowFactorKind::Passkey { key, site: own, .. } = kind else { return None };
    // An authenticator answers for the host for which it made the key, and for no other.
    if site.is_none() || own.as_deref().is_some_and(|own| Some(own) != site) {
        return Some("factors.passkey.rp_id");
    }
    let is_id = (1..=MAX_CREDENTIAL_ID).contains(&key.credential_id.len());
    (!is_id || PublicKey::read(&key.public_key).is_err()).then_some("factors.passkey")
}

impl Importer {
    /// Adds the factors of a user. Returns the kinds of those that it has now, or would have after an import, and the names of those that it
    /// gets not.
    pub(super) async fn add_factors(
        &self,
        context: &Context,
        user: &NewUser,
        outcome: Outcome,
    ) -> Result<(Vec<&'static str>, Vec<String>), Failed> {
        let (mut has, mut left_out) = (Vec::new(), Vec::new());
        for RowFactor { kind, label } in &user.factors {
            let is_there = match outcome {
                Outcome::Matched => false,
                _ if self.dry_run => true,
                _ => self.people.import_factor((user.id, &context.actor), kind, label.as_deref()).await?,
            };
            if is_there {
                has.push(kind.name());
            } else {
                left_out.push(format!("factors.{}", kind.name()));
            }
        }
        Ok((has, left_out))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn passkey(id: u8, site: Option<&str>) -> RowFactor {
        // The key of RFC 8037 appendix A.2 (COSE).
        let x = b"\xd7\x5a\x98\x01\x82\xb1\x0a\xb7\xd5\x4b\xfe\xd3\xc9\x64\x07\x3a\x0e\xe1\x72\xf3\xda\xa6\x23\x25\xaf\x02\x1a\x68\xf7\x07\x51\x1a";
        let public_key = [&[0xa4, 1, 1, 3, 0x27, 0x20, 6, 0x21, 0x58, 0x20][..], x].concat();
        let key = Registered {
            credential_id: vec![id],
            public_key,
            sign_count: 0,
            user_verified: false,
            backup_eligible: false,
        };
        let kind = RowFactorKind::Passkey { key, transports: Vec::new(), site: site.map(str::to_owned) };
        RowFactor { kind, label: None }
    }

    fn left_out(factors: Vec<RowFactor>, site: Option<&str>) -> Vec<String> {
        usable(&Row { factors, ..Row::default() }, site).1
    }

    #[test]
    fn a_passkey_comes_in_only_for_the_host_for_which_it_was_made() {
        const HOST: Option<&str> = Some("login.example");
        assert_eq!(left_out(vec![passkey(1, HOST), passkey(2, None)], HOST), [""; 0]);
        assert_eq!(left_out(vec![passkey(1, Some("old.example"))], HOST), ["factors.passkey.rp_id"]);
        assert_eq!(left_out(vec![passkey(1, HOST)], None), ["factors.passkey.rp_id"]);
        let RowFactorKind::Passkey { mut key, .. } = passkey(1, HOST).kind else { unreachable!() };
        key.public_key.pop();
        let kind = RowFactorKind::Passkey { key, transports: Vec::new(), site: None };
        assert_eq!(left_out(vec![RowFactor { kind, label: None }], HOST), ["factors.passkey"]);
    }

    #[test]
    fn more_applications_than_a_person_can_have_are_left_out() {
        let secret = |n: usize| TotpSecret::new(&[u8::try_from(n).unwrap(); 20]).unwrap();
        let totp = |n| RowFactor { kind: RowFactorKind::Totp(secret(n)), label: None };
        assert_eq!(left_out((0..MAX_APPLICATIONS + 2).map(totp).collect(), None), ["factors.totp"; 2]);
    }
}
