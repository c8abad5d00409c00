//! Factors: by what a person proves who it is, beside the password.

use super::item::{item, key, live, read_texts, texts};
use crate::target_account::bytes;
use crate::{Attribute, Attributes, ItemError, Millis, UserId, Version, VersionedItem};

const KIND_OF: &str = "kind";
const CREDENTIAL_ID: &str = "credential_id";
const PUBLIC_KEY: &str = "public_key";
const SIGN_COUNT: &str = "sign_count";
const TRANSPORTS: &str = "transports";
const SECRET: &str = "secret";
const CODES: &str = "codes";
const LABEL: &str = "label";
const CREATED_AT: &str = "created_at";
const AT: &str = "at";

const PASSKEY: &str = "passkey";
const TOTP: &str = "totp";
const RECOVERY: &str = "recovery";

/// A factor of a user. A row for each, so that the factors that two regions add both stay. It never expires, and ends by itself or
/// with the user.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Factor {
    /// The user.
    pub user: UserId,
    /// The id: letters, digits, `-` and `_`.
    pub id: String,
    /// What it is.
    pub kind: FactorKind,
    /// What the person calls it, sealed.
    pub label: Option<Vec<u8>>,
    /// When it was added.
    pub created_at: Millis,
    /// Fields written by a newer version of Umoja.
    pub unknown: Attributes,
}

/// What a factor is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum FactorKind {
    /// A key of an authenticator.
    Passkey(Passkey),
    /// A secret that an application shares, which makes a code each 30 seconds (RFC 6238).
    Totp {
        /// The secret, sealed.
        secret: Vec<u8>,
    },
    /// Codes that each work once.
    Recovery {
        /// A keyed MAC of each code.
        codes: Vec<Vec<u8>>,
    },
}

/// A key of an authenticator (Web Authentication level 2).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Passkey {
    /// The id of the key, which the authenticator chose.
    pub credential_id: Vec<u8>,
    /// The public key (COSE).
    pub public_key: Vec<u8>,
    /// The authenticator's counter of signatures when it made the key.
    pub sign_count: u32,
    /// How browsers reach the authenticator.
    pub transports: Vec<String>,
}

impl FactorKind {
    /// The name in the row, in the audit trail and on the command line.
    pub const fn name(&self) -> &'static str {
        match self {
            Self::Passkey(_) => PASSKEY,
            Self::Totp { .. } => TOTP,
            Self::Recovery { .. } => RECOVERY,
        }
    }
}

impl Factor {
    /// The beginning of the sort keys.
    pub const KIND: &'static str = "factor";

    /// The beginning of the sort keys of factors, and of the codes of them that were used.
    pub fn of_all() -> String {
        Self::KIND.to_owned()
    }

    /// The sort key of a factor.
    pub fn key(id: &str) -> String {
        key(Self::KIND, &[id])
    }

    /// The item of this row in a version.
    pub fn to_item(&self, version: Version) -> VersionedItem {
        let mut fields = self.unknown.clone();
        fields.insert(CREATED_AT.into(), self.created_at.0.into());
        fields.extend(self.label.clone().map(|label| (LABEL.into(), Attribute::B(label))));
        fields.extend(match &self.kind {
            FactorKind::Passkey(passkey) => vec![
                (KIND_OF.into(), PASSKEY.to_owned().into()),
                (CREDENTIAL_ID.into(), Attribute::B(passkey.credential_id.clone())),
                (PUBLIC_KEY.into(), Attribute::B(passkey.public_key.clone())),
                (SIGN_COUNT.into(), u64::from(passkey.sign_count).into()),
                (TRANSPORTS.into(), texts(&passkey.transports)),
            ],
            FactorKind::Totp { secret } => {
                vec![(KIND_OF.into(), TOTP.to_owned().into()), (SECRET.into(), Attribute::B(secret.clone()))]
            }
            FactorKind::Recovery { codes } => {
                let codes = codes.iter().cloned().map(Attribute::B).collect();
                vec![(KIND_OF.into(), RECOVERY.to_owned().into()), (CODES.into(), Attribute::L(codes))]
            }
        });
        item(self.user, Self::key(&self.id), version, fields)
    }

    /// Reads an item.
    ///
    /// # Errors
    /// If a field is absent or malformed, or the item is no live factor.
    pub fn from_item(item: &VersionedItem) -> Result<Self, ItemError> {
        let (mut fields, [id]) = live(item, Self::KIND)?;
        let kind = match fields.text(KIND_OF)?.as_str() {
            PASSKEY => FactorKind::Passkey(Passkey {
                credential_id: bytes(&mut fields, CREDENTIAL_ID)?.ok_or(ItemError::new(CREDENTIAL_ID))?,
                public_key: bytes(&mut fields, PUBLIC_KEY)?.ok_or(ItemError::new(PUBLIC_KEY))?,
                sign_count: u32::try_from(fields.number(SIGN_COUNT)?).map_err(|_| ItemError::new(SIGN_COUNT))?,
                transports: read_texts(&mut fields, TRANSPORTS)?,
            }),
            TOTP => FactorKind::Totp { secret: bytes(&mut fields, SECRET)?.ok_or(ItemError::new(SECRET))? },
            RECOVERY => {
                let Some(Attribute::L(codes)) = fields.0.remove(CODES) else { return Err(ItemError::new(CODES)) };
                let code = |code| match code {
                    Attribute::B(code) => Ok(code),
                    _ => Err(ItemError::new(CODES)),
                };
                FactorKind::Recovery { codes: codes.into_iter().map(code).collect::<Result<_, _>>()? }
            }
            _ => return Err(ItemError::new(KIND_OF)),
        };
        Ok(Self {
            user: item.user,
            id,
            kind,
            label: bytes(&mut fields, LABEL)?,
            created_at: Millis(fields.number(CREATED_AT)?),
            unknown: fields.0,
        })
    }
}

/// A recovery code that was used. A row for each, so that the codes that two regions take are both spent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SpentCode {
    /// The user of the factor.
    pub user: UserId,
    /// The id of the factor.
    pub factor: String,
    /// Which of its codes.
    pub number: usize,
    /// When.
    pub at: Millis,
    /// Fields written by a newer version of Umoja.
    pub unknown: Attributes,
}

impl SpentCode {
    /// The beginning of the sort keys.
    pub const KIND: &'static str = "factor-spent";

    /// The sort key of a code of a factor.
    pub fn key(factor: &str, number: usize) -> String {
        key(Self::KIND, &[factor, &number.to_string()])
    }

    /// The item of this row in a version.
    pub fn to_item(&self, version: Version) -> VersionedItem {
        let mut fields = self.unknown.clone();
        fields.insert(AT.into(), self.at.0.into());
        item(self.user, Self::key(&self.factor, self.number), version, fields)
    }

    /// Reads an item.
    ///
    /// # Errors
    /// If a field is absent or malformed, or the item is no live row of a code.
    pub fn from_item(item: &VersionedItem) -> Result<Self, ItemError> {
        let (mut fields, [factor, number]) = live(item, Self::KIND)?;
        let number = number.parse().map_err(|_| ItemError::new(crate::names::attribute::KEY))?;
        let at = Millis(fields.number(AT)?);
        Ok(Self { user: item.user, factor, number, at, unknown: fields.0 })
    }
}
