//! Keycloak: the export of a realm, with or without its users in separate files
//! (<https://www.keycloak.org/server/importExport>), as `RealmRepresentation` or an array of `UserRepresentation`.
//!
//! The attributes that Keycloak's scopes `profile`, `phone` and `address` map to claims are imported as these claims.

use serde_json::{Map, Value, json};
use umoja_crypto::legacy::{ForeignHash, ImportError};
use umoja_schema::Profile;
use umoja_schema::profile::Address;

use super::claims;
use super::members::{Members, field};
use crate::{Rejected, Row};

/// Attributes that user federation writes for its own use.
const OF_FEDERATION: [&str; 5] =
    ["LDAP_ID", "LDAP_ENTRY_DN", "KERBEROS_PRINCIPAL", "createTimestamp", "modifyTimestamp"];

pub(super) fn row(object: Map<String, Value>) -> Result<Row, Rejected> {
    let user = Members(object);
    if user.has("serviceAccountClientId") {
        return Err(Rejected::Form("the account of a service"));
    }
    if user.has("realm") && user.has("users") {
        return Err(Rejected::Form("the file has several realms: export each realm to its own file"));
    }
    let mut attributes = Attributes(user.object("attributes")?.map(|attributes| attributes.0).unwrap_or_default());
    let phone_number_verified = match attributes.take("phoneNumberVerified")?.as_deref() {
        None | Some("false") => false,
        Some("true") => true,
        Some(_) => return Err(field("phoneNumberVerified")),
    };
    let address = Address {
        formatted: attributes.take("formatted")?,
        street_address: attributes.take("street")?,
        locality: attributes.take("locality")?,
        region: attributes.take("region")?,
        postal_code: attributes.take("postal_code")?,
        country: attributes.take("country")?,
    };
    let mut profile = Profile {
        given_name: user.text("firstName")?,
        family_name: user.text("lastName")?,
        middle_name: attributes.take("middleName")?,
        nickname: attributes.take("nickname")?,
        profile: attributes.take("profile")?,
        picture: attributes.take("picture")?,
        website: attributes.take("website")?,
        gender: attributes.take("gender")?,
        birthdate: attributes.take("birthdate")?,
        zoneinfo: attributes.take("zoneinfo")?,
        locale: attributes.take("locale")?,
        address: Some(address).filter(|address| *address != Address::default()),
        ..Profile::default()
    };
    let phone_number = attributes.take("phoneNumber")?;
    profile.custom = attributes.rest()?;
    Ok(Row {
        external_id: user.text("id")?,
        email: user.text("email")?,
        email_verified: user.flag("emailVerified")?.unwrap_or_default(),
        phone_number,
        phone_number_verified,
        username: user.text("username")?,
        profile,
        created_at: user.millis("createdTimestamp")?,
        status: user.active("enabled")?,
        hash: hash(&user)?,
        ..Row::default()
    })
}

/// Each is a list of texts; before Keycloak 2 it was a text.
struct Attributes(Map<String, Value>);

impl Attributes {
    /// The only value. Attributes with several values are left, and go under `custom`.
    fn take(&mut self, name: &str) -> Result<Option<String>, Rejected> {
        if matches!(self.0.get(name), Some(Value::Array(values)) if values.len() > 1) {
            return Ok(None);
        }
        match self.0.remove(name) {
            None | Some(Value::Null) => Ok(None),
            Some(value) => match single(value) {
                Value::String(text) => Ok(Some(text).filter(|text| !text.is_empty())),
                Value::Null => Ok(None),
                _ => Err(field(name)),
            },
        }
    }

    fn rest(self) -> Result<Map<String, Value>, Rejected> {
        let mut custom = Map::new();
        for (name, value) in self.0 {
            let texts = match &value {
                Value::Array(values) => values.iter().all(Value::is_string),
                value => value.is_string() || value.is_null(),
            };
            if !texts {
                return Err(field("attributes"));
            }
            if !OF_FEDERATION.contains(&name.as_str()) {
                claims::put(&mut custom, &name, single(value));
            }
        }
        Ok(custom)
    }
}

fn single(value: Value) -> Value {
    match value {
        Value::Array(mut values) if values.len() < 2 => values.pop().unwrap_or(Value::Null),
        other => other,
    }
}

fn hash(user: &Members) -> Result<Option<ForeignHash>, Rejected> {
    for credential in user.objects("credentials")? {
        if credential.text("type")?.ok_or_else(|| field("type"))? != "password" {
            continue;
        }
        if let (Some(data), Some(secret)) = (credential.text("credentialData")?, credential.text("secretData")?) {
            return Ok(Some(ForeignHash::keycloak(&data, &secret)?));
        }
        return before_version_8(&credential).map(Some);
    }
    Ok(None)
}

/// `hashedSaltedValue` and `salt`, the form before `secretData` and `credentialData`.
fn before_version_8(credential: &Members) -> Result<ForeignHash, Rejected> {
    let (Some(value), Some(salt)) = (credential.text("hashedSaltedValue")?, credential.text("salt")?) else {
        // A plain password, which Keycloak would hash, or no password.
        return Err(Rejected::Hash(ImportError::Unsupported));
    };
    let algorithm = credential.text("algorithm")?.unwrap_or_else(|| "pbkdf2".to_owned());
    let iterations = credential.0.get("hashIterations").cloned().unwrap_or(Value::Null);
    let data = json!({"algorithm": algorithm, "hashIterations": iterations}).to_string();
    Ok(ForeignHash::keycloak(&data, &json!({"value": value, "salt": salt}).to_string())?)
}
