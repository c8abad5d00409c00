//! One step of a chain: a digest of the input, with salt, secret, HMAC and repetition.

use zeroize::Zeroizing;

use super::digest::Digest;

/// What stands for the password in a salt that surrounds it.
pub(super) const PASSWORD: &[u8] = b"{PASSWORD}";

/// The position of a salt or a pepper.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Place {
    /// Before the password.
    First,
    /// After the password.
    Last,
    /// The salt contains `{PASSWORD}` once, and the input of the step takes its place. For salts only.
    Around,
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

/// What is hashed behind the previous digest when a step is repeated.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Again {
    /// The digest alone: Spring's `StandardPasswordEncoder`.
    #[default]
    Nothing,
    /// The whole first message, with its salt: Symfony's `MessageDigestPasswordEncoder`.
    Message,
    /// The input of the step.
    Input,
    /// The salt.
    Salt,
}

/// The form in which the next step, or the family, takes the output.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Output {
    /// Lower-case hexadecimal digits, as PHP's `md5` and `sha1` write.
    #[default]
    Hex,
    /// Upper-case ones.
    HexUpper,
    /// Base64 with padding.
    Base64,
    /// The bytes of the digest.
    Raw,
}

/// One digest of a chain.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Step {
    /// The function; `None` puts secret, salt and input together and hashes none of it.
    pub digest: Option<Digest>,
    /// The position of the record's salt.
    pub salt: Option<Place>,
    /// The position of the pepper, outside of the salt.
    pub pepper: Option<Place>,
    /// The key, if the step is an HMAC.
    pub hmac: Option<HmacKey>,
    /// How often the digest is computed.
    pub rounds: u32,
    /// What follows the previous digest from the second round on.
    pub again: Again,
    /// The form of the output.
    pub output: Output,
}

impl Step {
    /// The input as it is, for a secret to be put before or after it.
    pub fn join() -> Self {
        Self {
            digest: None,
            salt: None,
            pepper: None,
            hmac: None,
            rounds: 1,
            again: Again::Nothing,
            output: Output::Hex,
        }
    }

    /// The plain digest of the input.
    pub fn plain(digest: Digest) -> Self {
        Self { digest: Some(digest), ..Self::join() }
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

    pub(super) fn uses_salt(self) -> bool {
        self.salt.is_some() || matches!(self.hmac, Some(HmacKey::Salt | HmacKey::Password)) || self.again == Again::Salt
    }

    pub(super) fn uses_key(self) -> bool {
        self.pepper.is_some() || self.hmac == Some(HmacKey::Secret)
    }

    /// Whether its parts can stand together, in the only form in which they are written.
    pub(super) fn fits(self) -> bool {
        let plain = self.hmac.is_none() && self.rounds == 1 && self.output == Output::Hex;
        self.pepper != Some(Place::Around)
            && self.rounds >= 1
            && (self.rounds > 1 || self.again == Again::Nothing)
            && (self.hmac.is_none() || self.rounds == 1)
            && (self.digest.is_some() || plain && self.pepper.is_some())
    }

    /// `None` if the salt does not surround the password.
    pub(super) fn run(self, input: &[u8], salt: &[u8], key: &[u8]) -> Option<Zeroizing<Vec<u8>>> {
        let (before, after) = match self.salt {
            Some(Place::First) => (salt, &[][..]),
            Some(Place::Last) => (&[][..], salt),
            Some(Place::Around) => around(salt)?,
            None => (&[][..], &[][..]),
        };
        let mut message = Zeroizing::new(Vec::with_capacity(input.len() + salt.len() + key.len()));
        let mut part = |here: bool, bytes: &[u8]| here.then(|| message.extend_from_slice(bytes));
        part(self.pepper == Some(Place::First), key);
        part(true, before);
        part(true, input);
        part(true, after);
        part(self.pepper == Some(Place::Last), key);
        let Some(digest) = self.digest else { return Some(message) };
        let mut hash = match self.hmac {
            None => digest.hash(&[&message]),
            Some(HmacKey::Secret) => digest.hmac(key, &message),
            Some(HmacKey::Salt) => digest.hmac(salt, &message),
            Some(HmacKey::Password) => digest.hmac(&message, salt),
        };
        let again: &[u8] = match self.again {
            Again::Nothing => &[],
            Again::Message => &message,
            Again::Input => input,
            Again::Salt => salt,
        };
        for _ in 1..self.rounds {
            hash = digest.hash(&[&hash, again]);
        }
        Some(hash)
    }

    /// The output as the next step takes it.
    pub(super) fn written(self, hash: Zeroizing<Vec<u8>>) -> Zeroizing<Vec<u8>> {
        use base64::Engine;
        let text = match self.output {
            Output::Raw => return hash,
            _ if self.digest.is_none() => return hash,
            Output::Hex => hex::encode(&*hash),
            Output::HexUpper => hex::encode_upper(&*hash),
            Output::Base64 => base64::engine::general_purpose::STANDARD.encode(&*hash),
        };
        Zeroizing::new(text.into_bytes())
    }

    /// `sha1-sp-kp`: no digest (`join`), salt first (`sp`), last (`ss`) or around (`sa`), secret first (`kp`) or last
    /// (`ks`), HMAC with secret (`hk`), salt (`hs`) or password (`hp`) as its key, `i` and the number of rounds with
    /// what is hashed again (`m`essage, `i`nput, `s`alt), output in upper-case hex (`ou`), base64 (`ob`) or bytes
    /// (`or`).
    pub(super) fn name(self) -> String {
        let salt = match self.salt {
            None => "",
            Some(Place::First) => "-sp",
            Some(Place::Last) => "-ss",
            Some(Place::Around) => "-sa",
        };
        let pepper = match self.pepper {
            None => "",
            Some(Place::First) => "-kp",
            Some(Place::Last | Place::Around) => "-ks",
        };
        let hmac = match self.hmac {
            None => "",
            Some(HmacKey::Secret) => "-hk",
            Some(HmacKey::Salt) => "-hs",
            Some(HmacKey::Password) => "-hp",
        };
        let again = match self.again {
            Again::Nothing => "",
            Again::Message => "m",
            Again::Input => "i",
            Again::Salt => "s",
        };
        let rounds = if self.rounds == 1 { String::new() } else { format!("-i{}{again}", self.rounds) };
        let output = match self.output {
            Output::Hex => "",
            Output::HexUpper => "-ou",
            Output::Base64 => "-ob",
            Output::Raw => "-or",
        };
        format!("{}{salt}{pepper}{hmac}{rounds}{output}", self.digest.map_or("join", Digest::name))
    }

    pub(super) fn of(name: &str) -> Option<Self> {
        let mut flags = name.split('-');
        let mut step = match flags.next()? {
            "join" => Self::join(),
            digest => Self::plain(Digest::of(digest)?),
        };
        for flag in flags {
            match flag {
                "sp" => step.salt = Some(Place::First),
                "ss" => step.salt = Some(Place::Last),
                "sa" => step.salt = Some(Place::Around),
                "kp" => step.pepper = Some(Place::First),
                "ks" => step.pepper = Some(Place::Last),
                "hk" => step.hmac = Some(HmacKey::Secret),
                "hs" => step.hmac = Some(HmacKey::Salt),
                "hp" => step.hmac = Some(HmacKey::Password),
                "ou" => step.output = Output::HexUpper,
                "ob" => step.output = Output::Base64,
                "or" => step.output = Output::Raw,
                rounds => {
                    let rounds = rounds.strip_prefix('i')?;
                    let end = rounds.find(|letter: char| !letter.is_ascii_digit()).unwrap_or(rounds.len());
                    step.rounds = rounds[..end].parse().ok()?;
                    step.again = match &rounds[end..] {
                        "" => Again::Nothing,
                        "m" => Again::Message,
                        "i" => Again::Input,
                        "s" => Again::Salt,
                        _ => return None,
                    };
                }
            }
        }
        Some(step)
    }
}

/// The parts of a salt before and after the only `{PASSWORD}`.
pub(super) fn around(salt: &[u8]) -> Option<(&[u8], &[u8])> {
    let mut places = salt.windows(PASSWORD.len()).enumerate().filter(|(_, window)| *window == PASSWORD);
    match (places.next(), places.next()) {
        (Some((at, _)), None) => Some((&salt[..at], &salt[at + PASSWORD.len()..])),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_step_reads_back_from_its_name() {
        for name in
            ["md5", "sha1-sp-kp", "sha512-sa-i5000m", "join-ks", "sha256-ss-i1024-or", "md5-hk-ob", "sha1-i2i-ou"]
        {
            let step = Step::of(name).unwrap();
            assert!(step.fits(), "{name}");
            assert_eq!(step.name(), name);
        }
        for name in ["", "sha3", "join-x", "md5-i", "md5-i2x", "md5-ix", "md5-i99999999999"] {
            assert_eq!(Step::of(name), None, "{name}");
        }
        for name in ["join", "join-ks-or", "join-hk", "md5-i0", "md5-i1m", "md5-hk-i2"] {
            assert!(!Step::of(name).unwrap().fits(), "{name}");
        }
    }

    #[test]
    fn a_salt_surrounds_the_password_once_or_not_at_all() {
        assert_eq!(around(b"--s--{PASSWORD}--"), Some((&b"--s--"[..], &b"--"[..])));
        assert_eq!(around(b"--s--"), None);
        assert_eq!(around(b"{PASSWORD}{PASSWORD}"), None);
    }
}
