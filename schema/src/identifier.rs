//! Identifiers of a person: e-mail address, phone number, user name, external id. Each is normalised once, and only the
//! normalised form is indexed.

use std::fmt;

use rlibphonenumber::enums::Region as Country;
use rlibphonenumber::{PHONE_NUMBER_UTIL, PhoneNumberFormat};
use serde::{Deserialize, Serialize};
use unicode_normalization::UnicodeNormalization as _;

use crate::precis::{Class, is_in_one_direction, narrow, trimmed, with_plain_spaces};

/// The kinds of identifier. Their names are those of the API's fields and of the blind index's fields.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum IdentifierKind {
    /// An e-mail address (OIDC `email`).
    Email,
    /// A phone number (OIDC `phone_number`).
    PhoneNumber,
    /// A user name, unique over all companies.
    Username,
    /// A company's own id of the user, unique in that company.
    ExternalId,
}

impl IdentifierKind {
    /// All kinds.
    pub const ALL: [Self; 4] = [Self::Email, Self::PhoneNumber, Self::Username, Self::ExternalId];

    /// The name of the field.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Email => "email",
            Self::PhoneNumber => "phone_number",
            Self::Username => "username",
            Self::ExternalId => "external_id",
        }
    }

    /// The kind of a field's name.
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.as_str() == name)
    }
}

/// Why a text is not an identifier of its kind. Contains the rule, never the value.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("{rule}")]
pub struct IdentifierError {
    /// The expected kind.
    pub kind: IdentifierKind,
    /// A sentence that says what the caller should send.
    pub rule: &'static str,
}

macro_rules! identifier {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Clone, PartialEq, Eq)]
        pub struct $name { stored: String, normalised: String }

        impl $name {
            /// The form that is stored, shown and sent to.
            pub fn as_stored(&self) -> &str {
                &self.stored
            }

            /// The form that is indexed: two spellings of one identifier are equal here.
            pub fn normalised(&self) -> &str {
                &self.normalised
            }
        }

        /// Personal data: never printed.
        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(concat!(stringify!($name), "(..)"))
            }
        }
    };
}

identifier!(
    /// An e-mail address. It is stored in NFC and without spaces and invisible characters at its ends; inside, every
    /// character is one of FreeformClass (RFC 8264) and no space. For the index, the domain is also in its ASCII form
    /// (UTS 46) and ASCII letters are in lower case. Dots, plus signs and non-ASCII local parts stay as they are: Unicode
    /// case folding would give accounts to look-alikes.
    ///
    /// ```
    /// # fn main() -> Result<(), umoja_schema::IdentifierError> {
    /// let email = umoja_schema::Email::parse(" Ada@Bücher.example ")?;
    /// assert_eq!(email.as_stored(), "Ada@Bücher.example");
    /// assert_eq!(email.normalised(), "ada@xn--bcher-kva.example");
    /// # Ok(())
    /// # }
    /// ```
    Email
);
identifier!(
    /// A phone number in E.164.
    ///
    /// ```
    /// # fn main() -> Result<(), umoja_schema::IdentifierError> {
    /// let national = umoja_schema::PhoneNumber::parse("0712 123456", Some("KE"))?;
    /// assert_eq!(national.normalised(), "+254712123456");
    /// # Ok(())
    /// # }
    /// ```
    PhoneNumber
);
identifier!(
    /// A user name: 1 to 64 letters and digits of any script and ASCII punctuation marks except `@`, by the profile UsernameCaseMapped of
    /// PRECIS (RFC 8265 section 3.3). It is stored as it was typed, in NFC and with ordinary widths, and compared in lower
    /// case.
    ///
    /// ```
    /// # fn main() -> Result<(), umoja_schema::IdentifierError> {
    /// let name = umoja_schema::Username::parse("Ａmina.Ñ")?;
    /// assert_eq!((name.as_stored(), name.normalised()), ("Amina.Ñ", "amina.ñ"));
    /// assert!(umoja_schema::Username::parse("ami\u{202e}na").is_err());
    /// # Ok(())
    /// # }
    /// ```
    Username
);
identifier!(
    /// A company's own id of a user: 1 to 128 characters without controls and invisible characters, by the profile
    /// OpaqueString of PRECIS (RFC 8265 section 4.2): in NFC, with every space as an ASCII space, and compared exactly.
    ExternalId
);

impl Email {
    /// Parses an address.
    ///
    /// # Errors
    /// If there is not exactly one usable local part and domain.
    pub fn parse(text: &str) -> Result<Self, IdentifierError> {
        let error = IdentifierError {
            kind: IdentifierKind::Email,
            rule: "must be one e-mail address such as name@example.com",
        };
        if text.len() > MAX_RAW_EMAIL {
            return Err(error);
        }
        let stored: String = trimmed(text).nfc().collect();
        let (local, domain) = stored.rsplit_once('@').ok_or(error)?;
        let bad = |c: char| c.is_whitespace() || c.is_control() || "<>(),;:\\\"[]@".contains(c);
        let is_visible = Class::Freeform.allows(&stored);
        if !is_visible || local.is_empty() || local.len() > 64 || local.contains(bad) || domain.contains(bad) {
            return Err(error);
        }
        let domain = idna::domain_to_ascii_strict(domain).map_err(|_| error)?;
        if !domain.contains('.')
            || domain.len() > 253
            || domain.split('.').any(|label| label.is_empty() || label.len() > 63)
        {
            return Err(error);
        }
        let normalised = format!("{}@{domain}", local.to_ascii_lowercase());
        Ok(Self { stored, normalised })
    }
}

impl PhoneNumber {
    /// Parses a number in international form, or in the national form of `country` (ISO 3166-1 alpha-2).
    ///
    /// # Errors
    /// If the number is not a valid one, contains letters, or is national without a country to read it in.
    pub fn parse(text: &str, country: Option<&str>) -> Result<Self, IdentifierError> {
        let error = IdentifierError {
            kind: IdentifierKind::PhoneNumber,
            rule: "must be a valid phone number in E.164 form such as +254712123456",
        };
        if text.len() > MAX_RAW_PHONE {
            return Err(error);
        }
        let text = trimmed(text);
        // Letters would be read as a keypad's digits; ';' and '=' would start RFC 3966 parameters.
        let plain = |c: char| !c.is_alphabetic() && !";=,#*".contains(c);
        if text.len() > 64 || !text.chars().all(plain) || !Class::Freeform.allows(text) {
            return Err(error);
        }
        let country = match country {
            Some(code) => Some(code.parse::<Country>().map_err(|_| error)?),
            None => None,
        };
        let number = PHONE_NUMBER_UTIL.parse(text, country).map_err(|_| error)?;
        if !number.is_valid() {
            return Err(error);
        }
        let e164 = number.format_as(PhoneNumberFormat::E164).to_string();
        Ok(Self { stored: e164.clone(), normalised: e164 })
    }
}

impl Username {
    /// Parses a user name.
    ///
    /// # Errors
    /// If it is empty, over 64 characters, has an `@` or a character that IdentifierClass (RFC 8264) does not have, or
    /// mixes directions of writing.
    pub fn parse(text: &str) -> Result<Self, IdentifierError> {
        let error = IdentifierError {
            kind: IdentifierKind::Username,
            rule: "must be 1 to 64 letters and digits of any script and punctuation marks of ASCII except @, without \
                   spaces and invisible characters, and in one direction of writing",
        };
        let visible = visible(text, MAX_USERNAME).map(|text| narrow(&text).nfc().collect::<String>()).ok_or(error)?;
        let stored = Some(visible).filter(|text| Class::Identifier.allows(text) && !text.contains('@'));
        let stored = stored.ok_or(error)?;
        let normalised: String = stored.to_lowercase().nfc().collect();
        if stored.chars().count().max(normalised.chars().count()) > MAX_USERNAME || !is_in_one_direction(&normalised) {
            return Err(error);
        }
        Ok(Self { stored, normalised })
    }
}

impl ExternalId {
    /// Parses a company's id of a user.
    ///
    /// # Errors
    /// If it is empty, over 128 characters, or has a character that FreeformClass (RFC 8264) does not have.
    pub fn parse(text: &str) -> Result<Self, IdentifierError> {
        let stored = visible(text, MAX_EXTERNAL_ID).map(|text| with_plain_spaces(&text));
        let stored = stored.filter(|text| Class::Freeform.allows(text)).ok_or(IdentifierError {
            kind: IdentifierKind::ExternalId,
            rule: "must be 1 to 128 characters without control characters or invisible ones",
        })?;
        Ok(Self { normalised: stored.clone(), stored })
    }
}

/// The most bytes of a text that is read as an e-mail address (RFC 5321 section 4.5.3.1: 64 octets, @, 255 octets) or as
/// a phone number. The length is checked before any work on the text.
pub(crate) const MAX_RAW_EMAIL: usize = 512;
pub(crate) const MAX_RAW_PHONE: usize = 128;

/// The most characters of a user name, and of an external id.
pub(crate) const MAX_USERNAME: usize = 64;
pub(crate) const MAX_EXTERNAL_ID: usize = 128;

/// The most bytes of a text before its ends are trimmed, for each character that it may have: four for the character
/// itself, and as many for what is removed or composed. The length is checked before any work on the text.
pub(crate) const MAX_RAW_BYTES: usize = 8;

/// A text in NFC without spaces and invisible characters at its ends. `None` if it is empty or too long.
fn visible(text: &str, max_chars: usize) -> Option<String> {
    if text.len() > max_chars * MAX_RAW_BYTES {
        return None;
    }
    let text: String = trimmed(text).nfc().collect();
    (1..=max_chars).contains(&text.chars().count()).then_some(text)
}

#[cfg(test)]
mod tests;
