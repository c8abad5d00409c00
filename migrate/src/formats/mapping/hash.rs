//! The kinds of password hashes in a source.

use serde::Deserialize;
use serde_json::{Map, Value};
use umoja_crypto::legacy::{
    Digest, ForeignHash, HmacKey, ImportError, PasswordEncoding, Place as At, Step, TextEncoding,
};

use super::error::MappingError;
use super::place::Place;
use super::rules::Words;
use crate::Rejected;
use crate::formats::keys::Keys;

/// One kind of hash.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct HashRule {
    /// The condition on a record for this rule.
    when: Option<Words>,
    family: Family,
    from: Place,
    encoding: Option<Encoding>,
    salt: Option<SaltRule>,
    /// The separator of hash and salt, if both are in one text.
    separator: Option<String>,
    #[serde(default)]
    steps: Vec<StepRule>,
    key: Option<String>,
    digest: Option<DigestName>,
    iterations: Option<Number>,
    cost: Option<Number>,
    n: Option<Number>,
    r: Option<Number>,
    p: Option<Number>,
    /// Keycloak's `secretData`.
    secret: Option<Place>,
    #[serde(default)]
    password_encoding: Passwords,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Family {
    /// Hashes in a spelling that names their family.
    Parse,
    Bcrypt,
    Chain,
    Nt,
    PrestaShop,
    OpenCart,
    Pbkdf2,
    Scrypt,
    Firebase,
    Keycloak,
    Auth0,
}

#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct SaltRule {
    from: Option<Place>,
    encoding: Option<Encoding>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Encoding {
    Utf8,
    Hex,
    Base64,
}

/// Of [`ForeignHash::chain`].
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct StepRule {
    digest: DigestName,
    salt: Option<Side>,
    pepper: Option<Side>,
    hmac: Option<Hmac>,
}

#[derive(Clone, Copy, Debug, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Side {
    First,
    Last,
}

#[derive(Clone, Copy, Debug, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Hmac {
    Secret,
    Salt,
    Password,
}

#[derive(Clone, Copy, Debug, Deserialize)]
#[serde(try_from = "String")]
struct DigestName(Digest);

impl TryFrom<String> for DigestName {
    type Error = &'static str;

    fn try_from(name: String) -> Result<Self, &'static str> {
        Digest::of(&name).map(Self).ok_or("a digest is md4, md5, sha1, sha224, sha256, sha384 or sha512")
    }
}

/// A number, constant or from a place in each record.
#[derive(Clone, Debug, Deserialize)]
#[serde(untagged, expecting = "a number is a number or a place")]
enum Number {
    Always(u64),
    From(Place),
}

#[derive(Clone, Copy, Debug, Default, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Passwords {
    #[default]
    Utf8,
    Ascii,
    Latin1,
    Utf16le,
}

/// The hash of a record by the first rule that applies to it.
pub(super) fn hash(
    rules: &[HashRule],
    record: &Map<String, Value>,
    keys: &Keys,
) -> Result<Option<ForeignHash>, Rejected> {
    let mut unknown = false;
    for rule in rules {
        if rule.from.value(record)?.is_none() {
            continue;
        }
        let applies = rule.when.as_ref().map_or(Ok(true), |when| when.is_one(record))?;
        if applies {
            return rule.read(record, keys).map(Some);
        }
        unknown = true;
    }
    // The record has a hash, and no rule applies to it.
    if unknown { Err(Rejected::Hash(ImportError::Unsupported)) } else { Ok(None) }
}

impl HashRule {
    pub(super) fn key(&self) -> Option<&str> {
        self.key.as_deref()
    }

    pub(super) fn places(&self) -> Vec<&Place> {
        let when = self.when.as_ref().map(|when| &when.from);
        let salt = self.salt.as_ref().and_then(|salt| salt.from.as_ref());
        let numbers = [&self.iterations, &self.cost, &self.n, &self.r, &self.p].into_iter().flatten();
        let numbers = numbers.filter_map(|number| match number {
            Number::From(place) => Some(place),
            Number::Always(_) => None,
        });
        [Some(&self.from), when, salt, self.secret.as_ref()].into_iter().flatten().chain(numbers).collect()
    }

    /// Whether all members that a family needs are present.
    pub(super) fn check(&self) -> Result<(), MappingError> {
        let needs = |there: bool, name| if there { Ok(()) } else { Err(MappingError::Member(name)) };
        let salt_from = self.salt.as_ref().is_some_and(|salt| salt.from.is_some());
        needs(self.separator.as_deref() != Some("") && !(salt_from && self.separator.is_some()), "separator")?;
        match self.family {
            Family::Parse | Family::Nt | Family::Auth0 | Family::Bcrypt => Ok(()),
            Family::Chain => needs(!self.steps.is_empty(), "steps"),
            Family::PrestaShop | Family::Firebase => needs(self.key.is_some(), "key"),
            Family::OpenCart => needs(salt_from || self.separator.is_some(), "salt"),
            Family::Pbkdf2 => {
                needs(self.digest.is_some(), "digest")?;
                needs(self.iterations.is_some(), "iterations")
            }
            Family::Scrypt => {
                needs(self.n.is_some(), "n")?;
                needs(self.r.is_some(), "r")?;
                needs(self.p.is_some(), "p")
            }
            Family::Keycloak => needs(self.secret.is_some(), "secret"),
        }
    }

    fn read(&self, record: &Map<String, Value>, keys: &Keys) -> Result<ForeignHash, Rejected> {
        let hash = match self.family {
            Family::Auth0 => {
                let object = self.from.value(record)?.ok_or_else(|| self.from.rejected())?;
                let text = object.as_str().map_or_else(|| object.to_string(), str::to_owned);
                ForeignHash::auth0(&text, &keys.hash_keys)?
            }
            Family::Keycloak => {
                let secret = self.secret.as_ref().map_or(Ok(None), |secret| secret.text(record))?;
                let secret = secret.ok_or(Rejected::Hash(ImportError::Unsupported))?;
                ForeignHash::keycloak(&self.text(record)?, &secret)?
            }
            _ => self.of_texts(record, keys)?,
        };
        Ok(match self.password_encoding {
            Passwords::Utf8 => hash,
            Passwords::Ascii => hash.with_encoding(PasswordEncoding::Ascii),
            Passwords::Latin1 => hash.with_encoding(PasswordEncoding::Latin1),
            Passwords::Utf16le => hash.with_encoding(PasswordEncoding::Utf16Le),
        })
    }

    fn of_texts(&self, record: &Map<String, Value>, keys: &Keys) -> Result<ForeignHash, Rejected> {
        let (text, salt) = self.hash_and_salt(record)?;
        let number = |rule: &Option<Number>| number(rule.as_ref(), record);
        let small = |rule: &Option<Number>| {
            number(rule).and_then(|number| u32::try_from(number).map_err(|_| Rejected::Hash(ImportError::TooCostly)))
        };
        let key = || self.key.as_deref().ok_or(Rejected::Hash(ImportError::MissingKey));
        let bytes = |default| decode(self.encoding.unwrap_or(default), &text);
        let salt_encoding = self.salt.as_ref().and_then(|salt| salt.encoding);
        let salt_bytes = |default| decode(salt_encoding.unwrap_or(default), &salt);
        Ok(match self.family {
            Family::Bcrypt if self.salt.is_some() => {
                ForeignHash::parse(&format!("$2b${:02}${salt}{text}", small(&self.cost)?))?
            }
            Family::Bcrypt if !text.starts_with("$2") => return Err(Rejected::Hash(ImportError::Unsupported)),
            Family::Parse | Family::Bcrypt | Family::Auth0 | Family::Keycloak => ForeignHash::parse(&text)?,
            Family::Nt => ForeignHash::nt(&bytes(Encoding::Hex)?)?,
            Family::PrestaShop => ForeignHash::presta_shop(key()?, &bytes(Encoding::Hex)?)?,
            Family::OpenCart => ForeignHash::open_cart(&salt, &bytes(Encoding::Hex)?)?,
            Family::Chain => {
                let salt = salt_bytes(Encoding::Utf8)?;
                let steps: Vec<_> = self.steps.iter().map(|step| step.read(salt.is_empty())).collect();
                ForeignHash::chain(&steps, self.key.as_deref(), &salt, &bytes(Encoding::Hex)?)?
            }
            Family::Pbkdf2 => {
                let digest = self.digest.map(|name| name.0).ok_or(Rejected::Hash(ImportError::Unsupported))?;
                let salt = salt_bytes(Encoding::Base64)?;
                ForeignHash::pbkdf2(digest, small(&self.iterations)?, &salt, &bytes(Encoding::Base64)?)?
            }
            Family::Scrypt => {
                let (n, r, p) = (number(&self.n)?, small(&self.r)?, small(&self.p)?);
                ForeignHash::scrypt(n, r, p, &salt_bytes(Encoding::Base64)?, &bytes(Encoding::Base64)?)?
            }
            Family::Firebase => {
                let id = key()?;
                let cost = keys.firebase.get(id).ok_or(Rejected::Hash(ImportError::MissingKey))?;
                let (salt, hash) = (salt_bytes(Encoding::Base64)?, bytes(Encoding::Base64)?);
                ForeignHash::firebase(id, cost.mem_cost, cost.rounds, &salt, &hash)?
            }
        })
    }

    fn text(&self, record: &Map<String, Value>) -> Result<String, Rejected> {
        self.from.text(record)?.ok_or_else(|| self.from.rejected())
    }

    /// The salt is empty if there is none.
    fn hash_and_salt(&self, record: &Map<String, Value>) -> Result<(String, String), Rejected> {
        let text = self.text(record)?;
        if let Some(separator) = &self.separator {
            let (hash, salt) = text.split_once(separator.as_str()).unwrap_or((&text, ""));
            return Ok((hash.to_owned(), salt.to_owned()));
        }
        let salt = self.salt.as_ref().and_then(|salt| salt.from.as_ref());
        let salt = salt.map_or(Ok(None), |salt| salt.text(record))?;
        Ok((text, salt.unwrap_or_default()))
    }
}

impl StepRule {
    /// With an empty salt, a salted step is a plain one.
    fn read(&self, no_salt: bool) -> Step {
        let at = |side: Side| match side {
            Side::First => At::First,
            Side::Last => At::Last,
        };
        Step {
            digest: self.digest.0,
            salt: self.salt.filter(|_| !no_salt).map(at),
            pepper: self.pepper.map(at),
            hmac: self.hmac.map(|hmac| match hmac {
                Hmac::Secret => HmacKey::Secret,
                Hmac::Salt => HmacKey::Salt,
                Hmac::Password => HmacKey::Password,
            }),
        }
    }
}

fn number(rule: Option<&Number>, record: &Map<String, Value>) -> Result<u64, Rejected> {
    match rule {
        Some(Number::Always(number)) => Ok(*number),
        Some(Number::From(place)) => {
            let text = place.text(record)?;
            text.and_then(|text| text.parse().ok()).ok_or_else(|| place.rejected())
        }
        None => Err(Rejected::Hash(ImportError::Unsupported)),
    }
}

/// Base64 in either alphabet.
fn decode(encoding: Encoding, text: &str) -> Result<Vec<u8>, Rejected> {
    let bytes = match encoding {
        Encoding::Utf8 => TextEncoding::Utf8.decode(text),
        Encoding::Hex => TextEncoding::Hex.decode(text),
        Encoding::Base64 => TextEncoding::Base64.decode(&text.replace('-', "+").replace('_', "/")),
    };
    bytes.map(|bytes| bytes.to_vec()).ok_or(Rejected::Hash(ImportError::Unsupported))
}
