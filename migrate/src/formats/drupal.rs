//! Drupal 8 and later: the table `users_field_data` as CSV (`core/modules/user/src/Entity/User.php`); Drupal 7: the
//! table `users`, which has the same columns.

use serde_json::{Map, Value};
use umoja_crypto::legacy::{ForeignHash, Typed};
use umoja_schema::Profile;

use super::members::{Members, parsed, status};
use crate::{Rejected, Row};

/// Columns that identify the table.
pub(super) const NEEDED: [&str; 4] = ["uid", "name", "pass", "mail"];

pub(super) fn row(object: Map<String, Value>) -> Result<Row, Rejected> {
    let user = Members::new(object);
    let external_id = user.id("uid");
    if external_id.as_deref() == Some("0") {
        return Err(Rejected::Form("the account of anonymous visitors"));
    }
    if user.required(user.switch("default_langcode")) == Some(false) {
        return Err(Rejected::Form("the translation of another row"));
    }
    let language = user.text("preferred_langcode").or_else(|| user.text("language"));
    let row = Row {
        external_id,
        email: user.text("mail"),
        username: user.text("name"),
        profile: Profile {
            zoneinfo: user.text("timezone"),
            // "Not specified" and "not applicable" of Drupal's `LanguageInterface`.
            locale: language.filter(|code| code != "und" && code != "zxx"),
            ..Profile::default()
        },
        created_at: user.since_epoch("created", 1000),
        status: user.required(user.switch("status")).map(status),
        hash: user.required(hash(&user)),
        ..Row::default()
    };
    Ok(user.finish(row))
}

/// Drupal's forms trim a password when it is set and at every login.
fn hash(user: &Members) -> Result<Option<ForeignHash>, Rejected> {
    match user.exact_text("pass")? {
        Some(hash) => Ok(parsed(&hash)?.map(|hash| hash.with_typed(Typed::Trimmed))),
        None => Ok(None),
    }
}
