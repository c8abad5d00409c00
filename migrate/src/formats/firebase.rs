//! Firebase Authentication: `firebase auth:export users.json` or `users.csv`
//! (<https://firebase.google.com/docs/cli/auth>).

use serde_json::{Map, Value};
use umoja_crypto::legacy::{ForeignHash, ImportError, TextEncoding};
use umoja_schema::Profile;

use super::json;
use super::keys::Keys;
use super::members::Members;
use crate::{Rejected, Row};

pub(super) fn row(object: Map<String, Value>, keys: &Keys) -> Result<Row, Rejected> {
    let user = Members::new(object);
    if !user.has("localId") {
        return Err(Rejected::Form("it has no `localId`"));
    }
    let mut profile = Profile { name: user.text("displayName"), picture: user.text("photoUrl"), ..Profile::default() };
    if let Some(claims) = user.text("customAttributes") {
        match json::object(claims.as_bytes()) {
            Ok(claims) => user.put(&mut profile.custom, "customAttributes", Value::Object(claims)),
            // A text of unknown content may hold a secret, so it is not kept.
            Err(_) => user.leave_out("customAttributes", Value::Null),
        }
    }
    let row = Row {
        external_id: user.text("localId"),
        email: user.text("email"),
        email_verified: user.verified("emailVerified"),
        phone_number: user.text("phoneNumber"),
        profile,
        created_at: user.since_epoch("createdAt", 1),
        status: user.required(user.switch("disabled")).map(|disabled| super::members::status(!disabled)),
        hash: user.required(hash(&user, keys)),
        ..Row::default()
    };
    Ok(user.finish(row))
}

fn hash(user: &Members, keys: &Keys) -> Result<Option<ForeignHash>, Rejected> {
    let Some(hash) = user.exact_text("passwordHash")? else { return Ok(None) };
    let salt = user.exact_text("salt")?.ok_or(ImportError::Unsupported)?;
    let (hash, salt) = (decode(&hash)?, decode(&salt)?);
    let mut projects = keys.firebase.iter();
    let (Some((id, cost)), None) = (projects.next(), projects.next()) else {
        return Err(Rejected::Hash(ImportError::MissingKey));
    };
    Ok(Some(ForeignHash::firebase(id, cost.mem_cost, cost.rounds, &salt, &hash)?))
}

/// Base64 of either alphabet: the tools write one and the API the other.
fn decode(text: &str) -> Result<Vec<u8>, ImportError> {
    let text = text.replace('-', "+").replace('_', "/");
    TextEncoding::Base64.decode(&text).map(|bytes| bytes.to_vec()).ok_or(ImportError::Unsupported)
}
