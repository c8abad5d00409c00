//! Keycloak: the export of a realm, with or without its users in separate files
//! (<https://www.keycloak.org/server/importExport>), as `RealmRepresentation` or an array of `UserRepresentation`.
//!
//! The attributes that Keycloak's scopes `profile`, `phone` and `address` map to claims are imported as these claims.

use serde_json::{Map, Value, json};
use umoja_crypto::legacy::{ForeignHash, ImportError};
use umoja_schema::Profile;
use umoja_schema::profile::Address;
use zeroize::Zeroizing;

use super::members::{Members, field};
use crate::{Rejected, Row, RowFactor};

/// Attributes that user federation writes for its own use.
const OF_FEDERATION: [&str; 5] =
    ["LDAP_ID", "LDAP_ENTRY_DN", "KERBEROS_PRINCIPAL", "createTimestamp", "modifyTimestamp"];

pub(super) fn row(object: Map<String, Value>) -> Result<Row, Rejected> {
    let user = Members::new(object);
    if user.has("serviceAccountClientId") {
        return Err(Rejected::Form("the account of a service"));
    }
    if user.has("realm") && user.has("users") {
        return Err(Rejected::Form("the file has several realms: export each realm to its own file"));
    }
    if !user.has("username") {
        return Err(Rejected::Form("it has no `username`"));
    }
    let mut attributes = Attributes(user.object("attributes").map(Members::into_map).unwrap_or_default());
    let mut take = |name: &str| attributes.take(&user, name);
    let phone_number_verified = match take("phoneNumberVerified").as_deref() {
        None | Some("false") => false,
        Some("true") => true,
        Some(other) => {
            user.leave_out("phoneNumberVerified", other.into());
            false
        }
    };
    let address = Address {
        formatted: take("formatted"),
        street_address: take("street"),
        locality: take("locality"),
        region: take("region"),
        postal_code: take("postal_code"),
        country: take("country"),
    };
    let mut profile = Profile {
        given_name: user.text("firstName"),
        family_name: user.text("lastName"),
        middle_name: take("middleName"),
        nickname: take("nickname"),
        profile: take("profile"),
        picture: take("picture"),
        website: take("website"),
        gender: take("gender"),
        birthdate: take("birthdate"),
        zoneinfo: take("zoneinfo"),
        locale: take("locale"),
        address: Some(address).filter(|address| *address != Address::default()),
        ..Profile::default()
    };
    let phone_number = take("phoneNumber");
    profile.custom = attributes.rest(&user);
    let mut factors = Vec::new();
    let row = Row {
        external_id: user.text("id"),
        email: user.text("email"),
        email_verified: user.verified("emailVerified"),
        phone_number,
        phone_number_verified,
        username: user.text("username"),
        profile,
        created_at: user.since_epoch("createdTimestamp", 1),
        status: user.required(user.active("enabled")),
        hash: user.required(credentials(&user, &mut factors)),
        factors,
        ..Row::default()
    };
    Ok(user.finish(row))
}

/// Each is a list of texts; before Keycloak 2 it was a text.
struct Attributes(Map<String, Value>);

impl Attributes {
    /// The only value. Attributes with several values are left, and go under `custom`.
    fn take(&mut self, user: &Members, name: &str) -> Option<String> {
        if matches!(self.0.get(name), Some(Value::Array(values)) if values.len() > 1) {
            return None;
        }
        match single(self.0.remove(name)?) {
            Value::String(text) => Some(text).filter(|text| !text.is_empty()),
            Value::Null => None,
            other => {
                user.leave_out(name, other);
                None
            }
        }
    }

    fn rest(self, user: &Members) -> Map<String, Value> {
        let mut custom = Map::new();
        for (name, value) in self.0 {
            if OF_FEDERATION.contains(&name.as_str()) {
                user.not_taken(name);
            } else {
                user.put(&mut custom, &name, single(value));
            }
        }
        custom
    }
}

fn single(value: Value) -> Value {
    match value {
        Value::Array(mut values) if values.len() < 2 => values.pop().unwrap_or(Value::Null),
        other => other,
    }
}

/// The password, and the second factors.
fn credentials(user: &Members, factors: &mut Vec<RowFactor>) -> Result<Option<ForeignHash>, Rejected> {
    let mut hash = None;
    for credential in user.objects("credentials")? {
        let kind = match credential.exact_text("type") {
            // The password is found, so nothing depends on the others.
            kind if hash.is_some() => kind.ok().flatten().unwrap_or_default(),
            kind => kind?.ok_or_else(|| field("type"))?,
        };
        if kind == "password" && hash.is_none() {
            hash = Some(password(&credential)?);
        } else if FACTORS.contains(&kind.as_str()) {
            match factor(&kind, &credential) {
                Some(factor) => factors.push(factor),
                None => user.leave_out(&format!("credentials of type {kind}"), Value::Null),
            }
        } else {
            let known = OTHER_CREDENTIALS.iter().find(|known| **known == kind);
            user.not_taken(known.map_or("credentials".to_owned(), |known| format!("credentials of type {known}")));
        }
    }
    Ok(hash)
}

/// The types of Keycloak's credentials that are second factors.
const FACTORS: [&str; 3] = ["otp", "webauthn", "webauthn-passwordless"];

/// The types of Keycloak's credentials that Umoja has no place for.
const OTHER_CREDENTIALS: [&str; 1] = ["recovery-authn-codes"];

fn factor(kind: &str, credential: &Members) -> Option<RowFactor> {
    let text = |name: &str| credential.exact_text(name).ok().flatten();
    let secret = Zeroizing::new(text("secretData").unwrap_or_default());
    super::factors::keycloak(kind, &text("credentialData")?, &secret, text("userLabel"))
}

fn password(credential: &Members) -> Result<ForeignHash, Rejected> {
    if let (Some(data), Some(secret)) = (credential.exact_text("credentialData")?, credential.exact_text("secretData")?)
    {
        return Ok(ForeignHash::keycloak(&data, &secret)?);
    }
    before_version_8(credential)
}

/// `hashedSaltedValue` and `salt`, the form before `secretData` and `credentialData`.
fn before_version_8(credential: &Members) -> Result<ForeignHash, Rejected> {
    let (Some(value), Some(salt)) = (credential.exact_text("hashedSaltedValue")?, credential.exact_text("salt")?)
    else {
        // A plain password, which Keycloak would hash, or no password.
        return Err(Rejected::Hash(ImportError::Unsupported));
    };
    let algorithm = credential.exact_text("algorithm")?.unwrap_or_else(|| "pbkdf2".to_owned());
    let iterations = credential.value("hashIterations");
    let data = json!({"algorithm": algorithm, "hashIterations": iterations}).to_string();
    Ok(ForeignHash::keycloak(&data, &json!({"value": value, "salt": salt}).to_string())?)
}
