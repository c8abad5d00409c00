//! Auth0: the file of a bulk import (<https://auth0.com/docs/manage-users/user-migration/bulk-user-imports>, schema and
//! examples), the export of the users (NDJSON), and the export of password hashes that support sends (NDJSON with
//! `_id` and `passwordHash`). The extension User Import / Export writes NDJSON or CSV with columns of its own.

use serde_json::{Map, Value};
use umoja_crypto::legacy::{ForeignHash, ImportError};
use umoja_schema::Profile;

use super::keys::Keys;
use super::members::Members;
use crate::{Rejected, Row};

/// The columns that the extension User Import / Export writes unless it is given others
/// (`client/reducers/export.js` of auth0-user-import-export-extension), and their members.
const OF_EXTENSION: [(&str, &str); 10] = [
    ("Id", "user_id"),
    ("Given Name", "given_name"),
    ("Family Name", "family_name"),
    ("Nickname", "nickname"),
    ("Name", "name"),
    ("Email", "email"),
    ("Email Verified", "email_verified"),
    ("Picture", "picture"),
    ("Created At", "created_at"),
    ("Blocked", "blocked"),
];

/// The members of a bulk import, whose schema allows no others. Only its records may have no id.
const OF_BULK_IMPORT: [&str; 17] = [
    "email",
    "email_verified",
    "username",
    "phone_number",
    "phone_verified",
    "given_name",
    "family_name",
    "name",
    "nickname",
    "picture",
    "blocked",
    "app_metadata",
    "user_metadata",
    "password_hash",
    "custom_password_hash",
    "mfa_factors",
    "multifactor",
];

/// The columns of a table, of which the extension can write one: it has to have the id.
pub(super) const NEEDED: [&str; 2] = ["Id", "user_id"];

pub(super) fn row(mut object: Map<String, Value>, keys: &Keys) -> Result<Row, Rejected> {
    for (column, member) in OF_EXTENSION {
        if let Some(value) = object.remove(column) {
            object.entry(member).or_insert(value);
        }
    }
    let has_id = ["user_id", "_id"].iter().any(|name| object.get(*name).is_some_and(|id| !id.is_null()));
    if !has_id && object.keys().any(|name| !OF_BULK_IMPORT.contains(&name.as_str())) {
        return Err(Rejected::Form("it has no `user_id`, and members that Auth0 does not import"));
    }
    let user = Members::new(object);
    let mut custom = Map::new();
    for name in ["user_metadata", "app_metadata"] {
        if let Some(metadata) = user.object(name) {
            user.put(&mut custom, name, Value::Object(metadata.into_map()));
        }
    }
    let profile = Profile {
        name: user.text("name"),
        given_name: user.text("given_name"),
        family_name: user.text("family_name"),
        nickname: user.text("nickname"),
        picture: user.text("picture"),
        locale: user.text("locale"),
        custom,
        ..Profile::default()
    };
    let row = Row {
        external_id: match (user.id("user_id"), user.object("_id")) {
            (None, Some(id)) => id.text("$oid").map(|id| format!("auth0|{id}")),
            (id, _) => id,
        },
        email: user.text("email"),
        email_verified: user.verified("email_verified"),
        phone_number: user.text("phone_number"),
        phone_number_verified: user.verified("phone_verified"),
        username: user.text("username"),
        profile,
        created_at: user.time("created_at"),
        status: user.required(user.disabled("blocked")),
        hash: user.required(hash(&user, keys)),
        ..Row::default()
    };
    Ok(user.finish(row))
}

fn hash(user: &Members, keys: &Keys) -> Result<Option<ForeignHash>, Rejected> {
    if let Some(custom) = user.exact_object("custom_password_hash")? {
        let text = Value::Object(custom.into_map()).to_string();
        return Ok(Some(ForeignHash::auth0(&text, &keys.hash_keys)?));
    }
    for name in ["password_hash", "passwordHash"] {
        if let Some(bcrypt) = user.exact_text(name)? {
            // The documentation names only bcrypt here.
            let known = bcrypt.starts_with("$2");
            return if known { Ok(Some(ForeignHash::parse(&bcrypt)?)) } else { Err(ImportError::Unsupported.into()) };
        }
    }
    Ok(None)
}
