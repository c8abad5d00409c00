//! Chains of fast digests: plain, salted, peppered, HMAC, and nested.
//!
//! The output of a step goes into the next one as lower-case hex, as PHP's `md5` and `sha1` write it.
//!
//! # Danger
//!
//! All of these are fast: they are stored inside argon2id only.

use zeroize::Zeroizing;

use super::digest::Digest;
use super::keys::{HashKeys, valid_id};

/// The position of a salt or a pepper.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Place {
    /// Before the password.
    First,
    /// After the password.
    Last,
}

/// The key of an HMAC.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum HmacKey {
    /// The secret that the hash names; the message is the password, with the salt if it has a place.
    Secret,
    /// The salt; the message is the password.
    Salt,
    /// The password; the message is the salt.
    Password,
}

/// One digest of a chain.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Step {
    /// The function.
    pub digest: Digest,
    /// The position of the record's salt.
    pub salt: Option<Place>,
    /// The position of the pepper, outside of the salt.
    pub pepper: Option<Place>,
    /// The key, if the step is an HMAC.
    pub hmac: Option<HmacKey>,
}

impl Step {
    /// The plain digest of the input.
    pub fn plain(digest: Digest) -> Self {
        Self { digest, salt: None, pepper: None, hmac: None }
    }

    /// With the salt before or after the password.
    pub fn salted(digest: Digest, place: Place) -> Self {
        Self { salt: Some(place), ..Self::plain(digest) }
    }

    /// With the named secret before or after the password.
    pub fn peppered(digest: Digest, place: Place) -> Self {
        Self { pepper: Some(place), ..Self::plain(digest) }
    }

    /// An HMAC.
    pub fn hmac(digest: Digest, key: HmacKey) -> Self {
        Self { hmac: Some(key), ..Self::plain(digest) }
    }

    fn uses_salt(self) -> bool {
        self.salt.is_some() || matches!(self.hmac, Some(HmacKey::Salt | HmacKey::Password))
    }

    fn uses_key(self) -> bool {
        self.pepper.is_some() || self.hmac == Some(HmacKey::Secret)
    }

    fn run(self, input: &[u8], salt: &[u8], key: &[u8]) -> Zeroizing<Vec<u8>> {
        let mut message = Zeroizing::new(Vec::with_capacity(input.len() + salt.len() + key.len()));
        let mut part = |here: bool, bytes: &[u8]| here.then(|| message.extend_from_slice(bytes));
        part(self.pepper == Some(Place::First), key);
        part(self.salt == Some(Place::First), salt);
        part(true, input);
        part(self.salt == Some(Place::Last), salt);
        part(self.pepper == Some(Place::Last), key);
        match self.hmac {
            None => self.digest.hash(&[&message]),
            Some(HmacKey::Secret) => self.digest.hmac(key, &message),
            Some(HmacKey::Salt) => self.digest.hmac(salt, &message),
            Some(HmacKey::Password) => self.digest.hmac(&message, salt),
        }
    }

    /// `sha1-sp-kp`: salt first (`sp`) or last (`ss`), secret first (`kp`) or last (`ks`), HMAC with secret (`hk`),
    /// salt (`hs`) or password (`hp`) as its key.
    fn name(self) -> String {
        let salt = match self.salt {
            None => "",
            Some(Place::First) => "-sp",
            Some(Place::Last) => "-ss",
        };
        let pepper = match self.pepper {
            None => "",
            Some(Place::First) => "-kp",
            Some(Place::Last) => "-ks",
        };
        let hmac = match self.hmac {
            None => "",
            Some(HmacKey::Secret) => "-hk",
            Some(HmacKey::Salt) => "-hs",
            Some(HmacKey::Password) => "-hp",
        };
        format!("{}{salt}{pepper}{hmac}", self.digest.name())
    }

    fn of(name: &str) -> Option<Self> {
        let mut flags = name.split('-');
        let mut step = Self::plain(Digest::of(flags.next()?)?);
        for flag in flags {
            match flag {
                "sp" => step.salt = Some(Place::First),
                "ss" => step.salt = Some(Place::Last),
                "kp" => step.pepper = Some(Place::First),
                "ks" => step.pepper = Some(Place::Last),
                "hk" => step.hmac = Some(HmacKey::Secret),
                "hs" => step.hmac = Some(HmacKey::Salt),
                "hp" => step.hmac = Some(HmacKey::Password),
                _ => return None,
            }
        }
        Some(step)
    }
}

/// One to four steps, and the id of the secret if one of them needs it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Chain {
    steps: Vec<Step>,
    key: Option<String>,
    /// The result is taken as hex, because the other system put an argon2id around the hex text.
    hex: bool,
}

impl Chain {
    pub(super) fn new(steps: Vec<Step>, key: Option<String>, salted: bool, hex: bool) -> Option<Self> {
        let fits = (1..=4).contains(&steps.len())
            && steps.iter().any(|step| step.uses_key()) == key.is_some()
            && steps.iter().any(|step| step.uses_salt()) == salted
            && key.as_deref().is_none_or(valid_id);
        fits.then_some(Self { steps, key, hex })
    }

    /// The length of the last digest in bytes.
    pub(super) fn len(&self) -> usize {
        self.steps.last().map_or(0, |step| step.digest.len())
    }

    pub(super) fn key(&self) -> Option<&str> {
        self.key.as_deref()
    }

    pub(super) fn params(&self) -> Vec<(&'static str, String)> {
        let steps: Vec<_> = self.steps.iter().map(|step| step.name()).collect();
        let mut params = vec![("d", steps.join("."))];
        params.extend(self.key.clone().map(|key| ("k", key)));
        params.extend(self.hex.then(|| ("o", "hex".to_owned())));
        params
    }

    pub(super) fn read(steps: &str, key: Option<&str>, salted: bool, output: Option<&str>) -> Option<Self> {
        let steps = steps.split('.').map(Step::of).collect::<Option<Vec<_>>>()?;
        let hex = match output {
            None => false,
            Some("hex") => true,
            Some(_) => return None,
        };
        Self::new(steps, key.map(str::to_owned), salted, hex)
    }

    /// `None` if the secret is not among the keys.
    pub(super) fn run(&self, password: &[u8], salt: &[u8], keys: &HashKeys) -> Option<Zeroizing<Vec<u8>>> {
        let key = match &self.key {
            Some(id) => keys.secret(id)?,
            None => &[],
        };
        let mut value = Zeroizing::new(password.to_vec());
        for (index, step) in self.steps.iter().enumerate() {
            let input = if index == 0 { value } else { to_hex(&value) };
            value = step.run(&input, salt, key);
        }
        Some(if self.hex { to_hex(&value) } else { value })
    }
}

fn to_hex(bytes: &[u8]) -> Zeroizing<Vec<u8>> {
    Zeroizing::new(hex::encode(bytes).into_bytes())
}
