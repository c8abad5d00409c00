//! The second factors of a row.
//!
//! A factor that cannot be used is left out by its name and loses nothing else. The others come to the user that the import makes, or has made
//! before, under ids that follow from what they are: a second import adds none twice, and none that the person has removed. A user whom another
//! company knows gets none: who signs in as that person is for that company to say too.

use umoja_crypto::webauthn::PublicKey;

use super::error::Failed;
use super::report::Outcome;
use super::row::{Row, RowFactor};
use super::user::NewUser;
use crate::access::{ForeignFactor, MAX_APPLICATIONS, MAX_PASSKEYS};
use crate::{Context, People};

/// The most bytes of the id of a key (Web Authentication level 2, section 4).
const MAX_CREDENTIAL_ID: usize = 1023;

/// The factors of a row that can be used where keys are made for this host, and the names of those that are left out.
pub(super) fn usable(row: &Row, site: Option<&str>) -> (Vec<RowFactor>, Vec<String>) {
    let (mut factors, mut left_out) = (Vec::<RowFactor>::new(), Vec::new());
    for row in &row.factors {
        let most = match &row.factor {
            ForeignFactor::Totp(_) => MAX_APPLICATIONS,
            ForeignFactor::Passkey { .. } => MAX_PASSKEYS,
        };
        let count = factors.iter().filter(|other| other.factor.name() == row.factor.name()).count();
        match unusable(row, site) {
            Some(name) => left_out.push(name.to_owned()),
            None if count >= most => left_out.push(left_out_as(&row.factor)),
            None => factors.push(row.clone()),
        }
    }
    (factors, left_out)
}

/// Why a factor cannot be used: the name of what is not as it has to be.
fn unusable(RowFactor { factor, site: own, .. }: &RowFactor, site: Option<&str>) -> Option<&'static str> {
    let ForeignFactor::Passkey { key, .. } = factor else { return None };
    // An authenticator answers for the host for which it made the key, and for no other.
    if site.is_none() || own.as_deref().is_some_and(|own| Some(own) != site) {
        return Some("factors.passkey.rp_id");
    }
    let is_id = (1..=MAX_CREDENTIAL_ID).contains(&key.credential_id.len());
    (!is_id || PublicKey::read(&key.public_key).is_err()).then_some("factors.passkey")
}

/// The name under which a usable factor is left out.
fn left_out_as(factor: &ForeignFactor) -> String {
    format!("factors.{}", factor.name())
}

/// Adds the factors of a user, unless it is a dry run. Returns the kinds of those that it has then, or would have, and the names of those that
/// it does not get.
pub(super) async fn add(
    people: &People,
    dry_run: bool,
    (context, user): (&Context, &NewUser),
    outcome: Outcome,
) -> Result<(Vec<&'static str>, Vec<String>), Failed> {
    let (mut has, mut left_out) = (Vec::new(), Vec::new());
    for RowFactor { factor, label, .. } in &user.factors {
        let is_there = match outcome {
            Outcome::Matched => false,
            _ if dry_run => true,
            _ => people.import_factor((user.id, &context.actor), factor, label.as_deref()).await?,
        };
        if is_there {
            has.push(factor.name());
        } else {
            left_out.push(left_out_as(factor));
        }
    }
    Ok((has, left_out))
}

#[cfg(test)]
mod tests {
    use umoja_crypto::totp::TotpSecret;
    use umoja_crypto::webauthn::Registered;

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
        let factor = ForeignFactor::Passkey { key, transports: Vec::new() };
        RowFactor { factor, site: site.map(str::to_owned), label: None }
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
        let mut damaged = passkey(1, HOST);
        if let ForeignFactor::Passkey { key, .. } = &mut damaged.factor {
            key.public_key.pop();
        }
        assert_eq!(left_out(vec![damaged], HOST), ["factors.passkey"]);
    }

    #[test]
    fn more_applications_than_a_person_can_have_are_left_out() {
        let secret = |n: usize| TotpSecret::new(&[u8::try_from(n).unwrap(); 20]).unwrap();
        let totp = |n| RowFactor { factor: ForeignFactor::Totp(secret(n)), site: None, label: None };
        assert_eq!(left_out((0..MAX_APPLICATIONS + 2).map(totp).collect(), None), ["factors.totp"; 2]);
    }
}
