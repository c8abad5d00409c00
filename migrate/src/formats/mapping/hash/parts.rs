//! The parts of a kind of hash: salt, steps, numbers, encodings.

use serde::Deserialize;
use serde_json::{Map, Value};
use umoja_crypto::legacy::{
    Again as Repeated, Digest, HmacKey, ImportError, Output as Form, PasswordEncoding, Place as At, Step, TextEncoding,
    Typed as Text,
};

use super::super::place::Place;
use crate::Rejected;

#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct SaltRule {
    pub(super) from: Option<Place>,
    pub(super) encoding: Option<Encoding>,
    /// What is hashed, with `{SALT}` and `{PASSWORD}` in it, for steps with the salt `around`.
    pub(super) template: Option<String>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Encoding {
    Utf8,
    Hex,
    Base64,
}

impl Encoding {
    /// Base64 in either alphabet.
    pub(super) fn decode(self, text: &str) -> Result<Vec<u8>, Rejected> {
        let bytes = match self {
            Self::Utf8 => TextEncoding::Utf8.decode(text),
            Self::Hex => TextEncoding::Hex.decode(text),
            Self::Base64 => TextEncoding::Base64.decode(&text.replace('-', "+").replace('_', "/")),
        };
        bytes.map(|bytes| bytes.to_vec()).ok_or(Rejected::Hash(ImportError::Unsupported))
    }
}

/// Which of hash and salt is before the separator.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Order {
    HashFirst,
    SaltFirst,
}

/// Of a chain, or before another family.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct StepRule {
    digest: Option<DigestName>,
    pub(super) salt: Option<Side>,
    pepper: Option<Side>,
    hmac: Option<Hmac>,
    rounds: Option<u32>,
    #[serde(default)]
    again: Again,
    #[serde(default)]
    output: Output,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Side {
    First,
    Last,
    Around,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Hmac {
    Secret,
    Salt,
    Password,
}

#[derive(Clone, Copy, Debug, Default, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Again {
    #[default]
    Nothing,
    Message,
    Input,
    Salt,
}

#[derive(Clone, Copy, Debug, Default, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Output {
    #[default]
    Hex,
    HexUpper,
    Base64,
    Raw,
}

impl StepRule {
    pub(super) fn uses_key(&self) -> bool {
        self.pepper.is_some() || self.hmac == Some(Hmac::Secret)
    }

    pub(super) fn uses_salt(&self) -> bool {
        self.salt.is_some() || matches!(self.hmac, Some(Hmac::Salt | Hmac::Password))
    }

    pub(super) fn digest(&self) -> Option<Digest> {
        self.digest.map(|name| name.0)
    }

    /// With an empty salt, a salted step is a plain one.
    pub(super) fn read(&self, no_salt: bool) -> Step {
        let at = |side: Side| match side {
            Side::First => At::First,
            Side::Last => At::Last,
            Side::Around => At::Around,
        };
        Step {
            digest: self.digest(),
            salt: self.salt.filter(|_| !no_salt).map(at),
            pepper: self.pepper.map(at),
            hmac: self.hmac.map(|hmac| match hmac {
                Hmac::Secret => HmacKey::Secret,
                Hmac::Salt => HmacKey::Salt,
                Hmac::Password => HmacKey::Password,
            }),
            rounds: self.rounds.unwrap_or(1),
            again: match self.again {
                Again::Nothing => Repeated::Nothing,
                Again::Message => Repeated::Message,
                Again::Input => Repeated::Input,
                Again::Salt => Repeated::Salt,
            },
            output: match self.output {
                Output::Hex => Form::Hex,
                Output::HexUpper => Form::HexUpper,
                Output::Base64 => Form::Base64,
                Output::Raw => Form::Raw,
            },
        }
    }
}

#[derive(Clone, Copy, Debug, Deserialize)]
#[serde(try_from = "String")]
pub(super) struct DigestName(pub(super) Digest);

impl TryFrom<String> for DigestName {
    type Error = &'static str;

    fn try_from(name: String) -> Result<Self, &'static str> {
        Digest::of(&name).map(Self).ok_or("a digest is md4, md5, sha1, sha224, sha256, sha384 or sha512")
    }
}

/// A number, constant or from a place in each record.
#[derive(Clone, Debug, Deserialize)]
#[serde(untagged, expecting = "a number is a number or a place")]
pub(super) enum Number {
    Always(u64),
    From(Place),
}

impl Number {
    pub(super) fn place(&self) -> Option<&Place> {
        match self {
            Self::From(place) => Some(place),
            Self::Always(_) => None,
        }
    }

    pub(super) fn read(&self, record: &Map<String, Value>) -> Result<u64, Rejected> {
        match self {
            Self::Always(number) => Ok(*number),
            Self::From(place) => {
                let text = place.text(record)?;
                text.and_then(|text| text.parse().ok()).ok_or_else(|| place.rejected())
            }
        }
    }
}

#[derive(Clone, Copy, Debug, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Passwords {
    Utf8,
    Ascii,
    Latin1,
    Utf16le,
}

impl Passwords {
    pub(super) fn read(self) -> PasswordEncoding {
        match self {
            Self::Utf8 => PasswordEncoding::Utf8,
            Self::Ascii => PasswordEncoding::Ascii,
            Self::Latin1 => PasswordEncoding::Latin1,
            Self::Utf16le => PasswordEncoding::Utf16Le,
        }
    }
}

/// What the other system did with a typed password.
#[derive(Clone, Copy, Debug, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Typed {
    Exact,
    Trimmed,
    Slashed,
    Nfkc,
}

impl Typed {
    pub(super) fn read(self) -> Text {
        match self {
            Self::Exact => Text::Exact,
            Self::Trimmed => Text::Trimmed,
            Self::Slashed => Text::Slashed,
            Self::Nfkc => Text::Nfkc,
        }
    }
}
