//! Firebase Authentication: `firebase auth:export users.json` or `users.csv`
//! (<https://firebase.google.com/docs/cli/auth>; the columns are those of firebase-tools' `accountExporter.ts`).

use serde_json::{Map, Value};
use umoja_crypto::legacy::{ForeignHash, ImportError, TextEncoding};
use umoja_schema::Profile;

use super::json;
use super::keys::Keys;
use super::members::{Members, field};
use crate::{Rejected, Row};

/// The columns of the CSV, which has no header; a blank one ends each line. Older versions wrote fewer.
pub(super) const COLUMNS: [&str; 29] = [
    "localId",
    "email",
    "emailVerified",
    "passwordHash",
    "salt",
    "displayName",
    "photoUrl",
    "google_id",
    "google_email",
    "google_name",
    "google_photo",
    "facebook_id",
    "facebook_email",
    "facebook_name",
    "facebook_photo",
    "twitter_id",
    "twitter_email",
    "twitter_name",
    "twitter_photo",
    "github_id",
    "github_email",
    "github_name",
    "github_photo",
    "createdAt",
    "lastLoginAt",
    "phoneNumber",
    "disabled",
    "customAttributes",
    "end",
];

/// The least number of columns: all columns that are read here except `disabled`.
pub(super) const FEWEST: usize = 26;

pub(super) fn row(object: Map<String, Value>, keys: &Keys) -> Result<Row, Rejected> {
    let user = Members(object);
    let mut profile =
        Profile { name: user.text("displayName")?, picture: user.text("photoUrl")?, ..Profile::default() };
    if let Some(claims) = user.text("customAttributes")? {
        let claims = json::object(claims.as_bytes()).map_err(|_| field("customAttributes"))?;
        super::claims::put(&mut profile.custom, "customAttributes", Value::Object(claims));
    }
    Ok(Row {
        external_id: user.text("localId")?,
        email: user.text("email")?,
        email_verified: user.switch("emailVerified")?.unwrap_or_default(),
        phone_number: user.text("phoneNumber")?,
        profile,
        created_at: user.millis("createdAt")?,
        status: user.switch("disabled")?.map(|disabled| super::members::status(!disabled)),
        hash: hash(&user, keys)?,
        ..Row::default()
    })
}

fn hash(user: &Members, keys: &Keys) -> Result<Option<ForeignHash>, Rejected> {
    let Some(hash) = user.text("passwordHash")? else { return Ok(None) };
    let salt = user.text("salt")?.ok_or(ImportError::Unsupported)?;
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
