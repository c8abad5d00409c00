//! The kinds of password hashes in a source.

mod members;
mod parts;

use serde::Deserialize;
use serde_json::{Map, Value};
use umoja_crypto::legacy::{Again, Digest, ForeignHash, HashKeys, ImportError, Place as At, Step};

use self::parts::{DigestName, Encoding, Number, Order, Passwords, SaltRule, StepRule, Typed};
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
    order: Option<Order>,
    steps: Option<Vec<StepRule>>,
    /// Steps between the password and the family.
    before: Option<Vec<StepRule>>,
    key: Option<String>,
    digest: Option<DigestName>,
    iterations: Option<Number>,
    cost: Option<Number>,
    n: Option<Number>,
    r: Option<Number>,
    p: Option<Number>,
    /// Keycloak's `secretData`.
    secret: Option<Place>,
    password_encoding: Option<Passwords>,
    typed: Option<Typed>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Family {
    /// Hashes in a spelling that names their family.
    Parse,
    Werkzeug,
    Bcrypt,
    Chain,
    Symfony,
    Nt,
    PrestaShop,
    OpenCart,
    Pbkdf2,
    Scrypt,
    Firebase,
    Keycloak,
    Auth0,
}

/// The hash of a record by the first rule that applies to it. Texts that are no hash are left out.
pub(super) fn hash(
    rules: &[HashRule],
    record: &Map<String, Value>,
    keys: &Keys,
) -> Result<Option<ForeignHash>, Rejected> {
    let mut unknown = false;
    for rule in rules {
        if rule.from.value(record)?.is_none() || rule.is_elsewhere(record)? {
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
        let numbers = [&self.iterations, &self.cost, &self.n, &self.r, &self.p];
        let numbers = numbers.into_iter().filter_map(|number| number.as_ref()?.place());
        [Some(&self.from), when, salt, self.secret.as_ref()].into_iter().flatten().chain(numbers).collect()
    }

    /// Whether the text of a family that names itself is no hash.
    fn is_elsewhere(&self, record: &Map<String, Value>) -> Result<bool, Rejected> {
        match self.family {
            Family::Parse | Family::Werkzeug | Family::Bcrypt => {
                Ok(self.from.text(record)?.is_some_and(|text| ForeignHash::is_elsewhere(&text)))
            }
            _ => Ok(false),
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
        let hash = match self.before(keys) {
            Some(steps) => hash.with_before(&steps, self.key())?,
            None => hash,
        };
        let hash = match self.typed {
            Some(typed) => hash.with_typed(typed.read()),
            None => hash,
        };
        Ok(match self.password_encoding {
            Some(encoding) => hash.with_encoding(encoding.read()),
            None => hash,
        })
    }

    /// The steps between the password and the family. A key without steps is a pepper behind the password.
    fn before(&self, keys: &Keys) -> Option<Vec<Step>> {
        if let Some(before) = &self.before {
            return Some(before.iter().map(|step| step.read(true)).collect());
        }
        let of_family = matches!(self.family, Family::Chain | Family::PrestaShop | Family::Firebase);
        let pepper = self.key.as_ref().filter(|id| !of_family && !keys.firebase.contains_key(*id));
        pepper.map(|_| vec![Step { pepper: Some(At::Last), ..Step::join() }])
    }

    /// The Firebase project that the mapping names, if it names one: most projects have the same salt separator.
    fn project(&self, keys: &Keys) -> Option<HashKeys> {
        let id = self.key.as_ref().filter(|id| keys.firebase.contains_key(*id))?;
        HashKeys::default().with(id, keys.hash_keys.get(id)?.clone()).ok()
    }

    fn of_texts(&self, record: &Map<String, Value>, keys: &Keys) -> Result<ForeignHash, Rejected> {
        let (text, salt) = self.hash_and_salt(record)?;
        let number = |rule: &Option<Number>| match rule {
            Some(number) => number.read(record),
            None => Err(Rejected::Hash(ImportError::Unsupported)),
        };
        let small = |rule: &Option<Number>| {
            // Every family rejects the greatest number as too costly.
            number(rule).map(|number| u32::try_from(number).unwrap_or(u32::MAX))
        };
        let key = || self.key.as_deref().ok_or(Rejected::Hash(ImportError::MissingKey));
        let bytes = || self.hash_encoding().decode(&text);
        let salt_encoding = self.salt.as_ref().and_then(|salt| salt.encoding);
        let salt_bytes = |default: Encoding| salt_encoding.unwrap_or(default).decode(&salt);
        Ok(match self.family {
            Family::Bcrypt if self.salt.is_some() => {
                ForeignHash::parse(&format!("$2b${:02}${salt}{text}", small(&self.cost)?))?
            }
            Family::Bcrypt if !text.starts_with("$2") => return Err(Rejected::Hash(ImportError::Unsupported)),
            Family::Parse | Family::Bcrypt | Family::Auth0 | Family::Keycloak => match self.project(keys) {
                Some(project) => ForeignHash::parse_with(&text, &project)?,
                None => ForeignHash::parse_with(&text, &keys.hash_keys)?,
            },
            Family::Werkzeug => ForeignHash::werkzeug(&text)?,
            Family::Nt => ForeignHash::nt(&bytes()?)?,
            Family::PrestaShop => ForeignHash::presta_shop(key()?, &bytes()?)?,
            Family::OpenCart => ForeignHash::open_cart(&salt, &bytes()?)?,
            Family::Chain => {
                let salt = self.surrounding(salt_bytes(Encoding::Utf8)?);
                let steps = self.steps.iter().flatten();
                let steps: Vec<_> = steps.map(|step| step.read(salt.is_empty())).collect();
                ForeignHash::chain(&steps, self.key.as_deref(), &salt, &bytes()?)?
            }
            // Symfony's newer hashers name themselves, in the same column.
            Family::Symfony if text.starts_with('$') => ForeignHash::parse(&text)?,
            Family::Symfony => {
                let rounds = self.iterations.as_ref().map_or(Ok(5000), |_| small(&self.iterations))?;
                self.symfony(rounds, &salt, &bytes()?)?
            }
            Family::Pbkdf2 => {
                let digest = self.digest.map(|name| name.0).ok_or(Rejected::Hash(ImportError::Unsupported))?;
                let salt = salt_bytes(Encoding::Base64)?;
                ForeignHash::pbkdf2(digest, small(&self.iterations)?, &salt, &bytes()?)?
            }
            Family::Scrypt => {
                let (n, r, p) = (number(&self.n)?, small(&self.r)?, small(&self.p)?);
                ForeignHash::scrypt(n, r, p, &salt_bytes(Encoding::Base64)?, &bytes()?)?
            }
            Family::Firebase => {
                let id = key()?;
                let cost = keys.firebase.get(id).ok_or(Rejected::Hash(ImportError::MissingKey))?;
                let (salt, hash) = (salt_bytes(Encoding::Base64)?, bytes()?);
                ForeignHash::firebase(id, cost.mem_cost, cost.rounds, &salt, &hash)?
            }
        })
    }

    fn hash_encoding(&self) -> Encoding {
        let default = match self.family {
            Family::Pbkdf2 | Family::Scrypt | Family::Firebase | Family::Symfony => Encoding::Base64,
            _ => Encoding::Hex,
        };
        self.encoding.unwrap_or(default)
    }

    /// The salt among the text of the template, which also has `{PASSWORD}`.
    fn surrounding(&self, salt: Vec<u8>) -> Vec<u8> {
        let Some(template) = self.salt.as_ref().and_then(|salt| salt.template.as_ref()) else { return salt };
        let mut parts = template.split("{SALT}").map(str::as_bytes);
        let first = parts.next().unwrap_or_default().to_vec();
        parts.fold(first, |text, part| [text.as_slice(), &salt, part].concat())
    }

    /// `MessageDigestPasswordEncoder`, which FOSUserBundle used: the salt in braces behind the password, and both again
    /// behind each digest.
    fn symfony(&self, rounds: u32, salt: &str, hash: &[u8]) -> Result<ForeignHash, Rejected> {
        let digest = self.digest.map_or(Digest::Sha512, |name| name.0);
        let again = if rounds > 1 { Again::Message } else { Again::Nothing };
        let step = Step { rounds, again, ..Step::plain(digest) };
        if salt.is_empty() {
            return Ok(ForeignHash::chain(&[step], None, &[], hash)?);
        }
        let step = Step { salt: Some(At::Around), ..step };
        Ok(ForeignHash::chain(&[step], None, format!("{{PASSWORD}}{{{salt}}}").as_bytes(), hash)?)
    }

    fn text(&self, record: &Map<String, Value>) -> Result<String, Rejected> {
        self.from.text(record)?.ok_or_else(|| self.from.rejected())
    }

    /// The salt is empty if there is none.
    fn hash_and_salt(&self, record: &Map<String, Value>) -> Result<(String, String), Rejected> {
        let text = self.text(record)?;
        if let Some(separator) = &self.separator {
            let first = text.split_once(separator.as_str()).unwrap_or((&text, ""));
            let last = text.rsplit_once(separator.as_str()).map_or(first, |(salt, hash)| (hash, salt));
            let (hash, salt) = match self.order {
                Some(Order::HashFirst) => first,
                Some(Order::SaltFirst) => last,
                None => {
                    if self.is_hash(first.0, last.0) {
                        first
                    } else {
                        last
                    }
                }
            };
            return Ok((hash.to_owned(), salt.to_owned()));
        }
        let salt = self.salt.as_ref().and_then(|salt| salt.from.as_ref());
        let salt = salt.map_or(Ok(None), |salt| salt.text(record))?;
        Ok((text, salt.unwrap_or_default()))
    }

    /// Whether the first of two texts is the hash, if the mapping does not say it: by the length of the digest where
    /// that is fixed, and unless the last is at least twice as long elsewhere.
    fn is_hash(&self, first: &str, last: &str) -> bool {
        let digest = match self.family {
            Family::Chain => self.steps.iter().flatten().next_back().and_then(StepRule::digest),
            Family::Symfony => Some(self.digest.map_or(Digest::Sha512, |name| name.0)),
            Family::OpenCart => Some(Digest::Sha1),
            _ => None,
        };
        match digest {
            Some(digest) => {
                let fits = |text| self.hash_encoding().decode(text).is_ok_and(|bytes| bytes.len() == digest.len());
                fits(first) || !fits(last)
            }
            None => last.len() < 2 * first.len(),
        }
    }
}
