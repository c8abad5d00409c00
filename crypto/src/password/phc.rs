//! PHC strings of argon2: reading them, and rejecting hostile costs before they are spent.
//!
//! Format: <https://github.com/P-H-C/phc-string-format>, read by the `argon2` crate.

use std::fmt;

use argon2::PasswordHash;
use base64::Engine;
use base64::engine::general_purpose::STANDARD_NO_PAD;
use zeroize::Zeroizing;

use super::variant::Variant;
use crate::bound::Bound;

/// Longest stored string read, in bytes: the longest one that Umoja writes has about 170.
const MAX_STORED: usize = 512;
const MAX_M_KIB: u32 = 1024 * 1024;
const MAX_T: u32 = 10;
const MAX_P: u32 = 16;
/// argon2 needs as many KiB for each lane.
const MIN_LANE_KIB: u64 = 8;
/// Most memory times passes, in KiB: four gibibytes written once, about two seconds of one core.
const MAX_WORK_KIB: u64 = 4 * 1024 * 1024;

/// The cost of one hash.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Params {
    /// Memory in KiB, at least 8 for each lane.
    pub m_kib: u32,
    /// Passes over the memory.
    pub t: u32,
    /// Lanes.
    pub p: u32,
}

impl Params {
    /// OWASP's first choice for argon2id: 19 MiB, two passes, one lane.
    pub const OWASP: Self = Self { m_kib: 19_456, t: 2, p: 1 };

    /// Checks that argon2 allows these and that they are below the ceilings: 1 GiB, 10 passes, 16 lanes, and 4 GiB of
    /// memory times passes.
    ///
    /// # Errors
    /// [`CostError::BelowMinimum`] or [`CostError::TooCostly`].
    pub fn check(self) -> Result<(), CostError> {
        let (m_kib, t, p) = (u64::from(self.m_kib), u64::from(self.t), u64::from(self.p));
        let bound = |parameter, limit| Bound { family: "argon2", parameter, limit };
        // More lanes than the ceiling are named as such, and not as too little memory for each.
        let lanes = p.clamp(1, MAX_P.into());
        let least = [("passes", 1, t), ("lanes", 1, p), ("KiB of memory for each lane", MIN_LANE_KIB, m_kib / lanes)];
        if let Some((parameter, limit, _)) = least.into_iter().find(|(_, least, given)| given < least) {
            return Err(CostError::BelowMinimum(bound(parameter, limit)));
        }
        let most = [
            ("KiB of memory", MAX_M_KIB.into(), m_kib),
            ("passes", MAX_T.into(), t),
            ("lanes", MAX_P.into(), p),
            ("KiB of memory times passes", MAX_WORK_KIB, m_kib * t),
        ];
        match most.into_iter().find(|(_, most, given)| given > most) {
            Some((parameter, limit, _)) => Err(CostError::TooCostly(bound(parameter, limit))),
            None => Ok(()),
        }
    }
}

/// Why a stored argon2 string or a parameter set is rejected.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum CostError {
    /// Not a PHC string of argon2.
    #[error("not a valid argon2 string")]
    Invalid,
    /// Parameters that argon2 does not have.
    #[error("argon2 with {} below {}", .0.parameter, .0.limit)]
    BelowMinimum(Bound),
    /// Valid, but above a ceiling.
    #[error("argon2 with {} above the ceiling of {}", .0.parameter, .0.limit)]
    TooCostly(Bound),
}

/// Checks that a stored argon2 string would be verified. An import calls this to report the reason if not.
///
/// # Errors
/// [`CostError`], without any of the string.
pub fn check_stored(phc: &str) -> Result<Params, CostError> {
    Stored::parse(phc).map(|stored| stored.params)
}

/// A secret input of every hash besides the password (argon2's parameter K); wiped when dropped.
#[derive(Clone)]
pub struct Pepper {
    id: String,
    secret: Zeroizing<[u8; 32]>,
}

/// The id of a pepper is not 1 to 8 printable ASCII characters.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the id of a pepper must have 1 to 8 printable ASCII characters")]
pub struct PepperError;

impl Pepper {
    /// A pepper under the id that its hashes will carry as `keyid`: 1 to 8 printable ASCII characters.
    ///
    /// # Errors
    /// [`PepperError`].
    pub fn new(id: &str, secret: [u8; 32]) -> Result<Self, PepperError> {
        let secret = Zeroizing::new(secret);
        if !(1..=8).contains(&id.len()) || !id.bytes().all(|b| b.is_ascii_graphic()) {
            return Err(PepperError);
        }
        Ok(Self { id: id.to_owned(), secret })
    }

    /// The id.
    pub fn id(&self) -> &str {
        &self.id
    }

    pub(super) fn secret(&self) -> &[u8] {
        self.secret.as_slice()
    }
}

impl fmt::Debug for Pepper {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Pepper({}, [redacted])", self.id)
    }
}

/// A stored string, read and affordable.
pub(super) struct Stored {
    pub(super) variant: Variant,
    pub(super) params: Params,
    pub(super) keyid: Vec<u8>,
    pub(super) data: Vec<u8>,
    pub(super) salt: Vec<u8>,
    pub(super) digest: Vec<u8>,
}

impl Stored {
    pub(super) fn parse(phc: &str) -> Result<Self, CostError> {
        if phc.len() > MAX_STORED {
            return Err(CostError::Invalid);
        }
        let read = PasswordHash::new(phc).map_err(|_| CostError::Invalid)?;
        let variant = Variant::of(read.algorithm.as_str(), read.version).ok_or(CostError::Invalid)?;
        // Before the crate reads them: its error does not say which one is out of its range.
        let given = |name| read.params.get_decimal(name);
        if let (Some(m_kib), Some(t), Some(p)) = (given("m"), given("t"), given("p")) {
            Params { m_kib, t, p }.check()?;
        }
        let costs = argon2::Params::try_from(&read).map_err(|_| CostError::Invalid)?;
        let params = Params { m_kib: costs.m_cost(), t: costs.t_cost(), p: costs.p_cost() };
        params.check()?;
        let (Some(salt), Some(digest)) = (read.salt, read.hash) else { return Err(CostError::Invalid) };
        Ok(Self {
            variant,
            params,
            keyid: costs.keyid().to_vec(),
            data: costs.data().to_vec(),
            salt: salt.as_ref().to_vec(),
            digest: digest.as_bytes().to_vec(),
        })
    }
}

/// Writes what [`Stored::parse`] reads: argon2id, version 19.
pub(super) fn write(params: Params, pepper: Option<&Pepper>, salt: &[u8], digest: &[u8]) -> String {
    let Params { m_kib, t, p } = params;
    let keyid = pepper.map(|p| format!(",keyid={}", STANDARD_NO_PAD.encode(p.id()))).unwrap_or_default();
    let (salt, digest) = (STANDARD_NO_PAD.encode(salt), STANDARD_NO_PAD.encode(digest));
    format!("$argon2id$v=19$m={m_kib},t={t},p={p}{keyid}${salt}${digest}")
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn string(costs: &str) -> String {
        format!("$argon2id$v=19${costs}$c29tZXNhbHRzb21lc2FsdA$CTFhFdXPJO1aFaMaO6Mm5c8y7cJHAph8ArZWb2GRPPc")
    }

    #[test]
    fn hostile_costs_are_rejected_before_they_are_spent() {
        for (costs, parameter, limit) in [
            ("m=1048577,t=1,p=1", "KiB of memory", 1_048_576),
            ("m=4294967295,t=1,p=1", "KiB of memory", 1_048_576),
            ("m=65536,t=11,p=1", "passes", 10),
            ("m=65536,t=4294967295,p=1", "passes", 10),
            ("m=65536,t=1,p=17", "lanes", 16),
            ("m=65536,t=1,p=4294967295", "lanes", 16),
            ("m=1048576,t=5,p=1", "KiB of memory times passes", 4_194_304),
        ] {
            let bound = Bound { family: "argon2", parameter, limit };
            assert_eq!(check_stored(&string(costs)), Err(CostError::TooCostly(bound)), "{costs}");
        }
        assert_eq!(check_stored(&string("m=1048576,t=4,p=16")), Ok(Params { m_kib: 1 << 20, t: 4, p: 16 }));
    }

    #[test]
    fn parameters_that_argon2_does_not_have_are_named() {
        for (costs, parameter, limit) in [
            ("m=7,t=1,p=1", "KiB of memory for each lane", 8),
            ("m=64,t=1,p=9", "KiB of memory for each lane", 8),
            ("m=64,t=0,p=1", "passes", 1),
            ("m=64,t=1,p=0", "lanes", 1),
        ] {
            let bound = Bound { family: "argon2", parameter, limit };
            assert_eq!(check_stored(&string(costs)), Err(CostError::BelowMinimum(bound)), "{costs}");
        }
    }

    #[test]
    fn strings_that_are_not_argon2_are_invalid() {
        let long = format!("{}{}", string("m=64,t=1,p=1"), "A".repeat(600));
        for stored in [
            "",
            "$",
            "$argon2id",
            "$argon2id$v=19$m=64,t=1,p=1$c29tZXNhbHRzb21lc2FsdA",
            "$argon2x$v=19$m=64,t=1,p=1$c29tZXNhbHRzb21lc2FsdA$CTFhFdXPJO1aFaMaO6Mm5c8y7cJHAph8ArZWb2GRPPc",
            "$argon2id$v=20$m=64,t=1,p=1$c29tZXNhbHRzb21lc2FsdA$CTFhFdXPJO1aFaMaO6Mm5c8y7cJHAph8ArZWb2GRPPc",
            &string("m=64,t=1,p=1,x=1"),
            &string("m=99999999999,t=1,p=1"),
            &long,
        ] {
            assert_eq!(check_stored(stored), Err(CostError::Invalid), "{stored}");
        }
    }

    #[test]
    fn written_strings_read_back() {
        let pepper = Pepper::new("k1", [1; 32]).unwrap();
        let written = write(Params::OWASP, Some(&pepper), &[2; 16], &[3; 32]);
        assert!(written.starts_with("$argon2id$v=19$m=19456,t=2,p=1,keyid=azE$"));
        let stored = Stored::parse(&written).unwrap();
        assert_eq!((stored.params, stored.keyid.as_slice()), (Params::OWASP, b"k1".as_slice()));
        assert_eq!((stored.salt, stored.digest), (vec![2; 16], vec![3; 32]));
    }

    #[test]
    fn a_pepper_without_a_usable_id_is_rejected() {
        for id in ["", "123456789", "a b", "ä"] {
            assert_eq!(Pepper::new(id, [0; 32]).unwrap_err(), PepperError);
        }
    }

    proptest! {
        #[test]
        fn reading_never_panics(text in "\\PC{0,80}", tail in "[$,=a-z0-9+/]{0,80}") {
            let _ = check_stored(&text);
            let _ = check_stored(&format!("$argon2id$v=19$m=64{tail}"));
        }
    }
}
