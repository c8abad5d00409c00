//! Auth0: the file of a bulk import (<https://auth0.com/docs/manage-users/user-migration/bulk-user-imports>, schema and
//! examples), the export of the users (NDJSON), and the export of password hashes that support sends (NDJSON with
//! `_id` and `passwordHash`).

use serde_json::{Map, Value};
use umoja_crypto::legacy::{ForeignHash, ImportError};
use umoja_schema::Profile;

use super::claims;
use super::keys::Keys;
use super::members::Members;
use crate::{Rejected, Row};

pub(super) fn row(object: Map<String, Value>, keys: &Keys) -> Result<Row, Rejected> {
    let user = Members(object);
    let mut custom = Map::new();
    for name in ["user_metadata", "app_metadata"] {
        if let Some(metadata) = user.object(name)? {
            claims::put(&mut custom, name, Value::Object(metadata.0));
        }
    }
    let profile = Profile {
        name: user.text("name")?,
        given_name: user.text("given_name")?,
        family_name: user.text("family_name")?,
        nickname: user.text("nickname")?,
        picture: user.text("picture")?,
        locale: user.text("locale")?,
        custom,
        ..Profile::default()
    };
    Ok(Row {
        external_id: match (user.id("user_id")?, user.object("_id")?) {
            (None, Some(id)) => id.text("$oid")?.map(|id| format!("auth0|{id}")),
            (id, _) => id,
        },
        email: user.text("email")?,
        email_verified: user.flag("email_verified")?.unwrap_or_default(),
        phone_number: user.text("phone_number")?,
        phone_number_verified: user.flag("phone_verified")?.unwrap_or_default(),
        username: user.text("username")?,
        profile,
        created_at: user.time("created_at")?,
        status: user.disabled("blocked")?,
        hash: hash(&user, keys)?,
        ..Row::default()
    })
}

fn hash(user: &Members, keys: &Keys) -> Result<Option<ForeignHash>, Rejected> {
    if let Some(custom) = user.object("custom_password_hash")? {
        let text = Value::Object(custom.0).to_string();
        return Ok(Some(ForeignHash::auth0(&text, &keys.hash_keys)?));
    }
    for name in ["password_hash", "passwordHash"] {
        if let Some(bcrypt) = user.text(name)? {
            // The documentation names only bcrypt here.
            let known = bcrypt.starts_with("$2");
            return if known { Ok(Some(ForeignHash::parse(&bcrypt)?)) } else { Err(ImportError::Unsupported.into()) };
        }
    }
    Ok(None)
}
