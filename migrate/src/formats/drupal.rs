//! Drupal 8 and later: the table `users_field_data` as CSV (`core/modules/user/src/Entity/User.php`); Drupal 7: the
//! table `users`, which has the same columns.

use serde_json::{Map, Value};
use umoja_crypto::legacy::{ForeignHash, Typed};
use umoja_schema::{Millis, Profile};

use super::members::{Members, field, parsed, status};
use crate::{Rejected, Row};

/// Columns that identify the table.
pub(super) const NEEDED: [&str; 4] = ["uid", "name", "pass", "mail"];

pub(super) fn row(object: Map<String, Value>) -> Result<Row, Rejected> {
    let user = Members(object);
    let external_id = user.id("uid")?;
    if external_id.as_deref() == Some("0") {
        return Err(Rejected::Form("the account of anonymous visitors"));
    }
    if user.switch("default_langcode")? == Some(false) {
        return Err(Rejected::Form("the translation of another row"));
    }
    let created = match user.text("created")? {
        Some(seconds) => {
            Some(seconds.parse::<u64>().ok().and_then(|secs| secs.checked_mul(1000)).ok_or_else(|| field("created"))?)
        }
        None => None,
    };
    let language = match user.text("preferred_langcode")? {
        Some(language) => Some(language),
        None => user.text("language")?,
    };
    Ok(Row {
        external_id,
        email: user.text("mail")?,
        username: user.text("name")?,
        profile: Profile {
            zoneinfo: user.text("timezone")?,
            // "Not specified" and "not applicable" of Drupal's `LanguageInterface`.
            locale: language.filter(|code| code != "und" && code != "zxx"),
            ..Profile::default()
        },
        created_at: created.map(Millis),
        status: user.switch("status")?.map(status),
        hash: hash(&user)?,
        ..Row::default()
    })
}

/// Drupal's forms trim a password when it is set and at every login.
fn hash(user: &Members) -> Result<Option<ForeignHash>, Rejected> {
    match user.text("pass")? {
        Some(hash) => Ok(parsed(&hash)?.map(|hash| hash.with_typed(Typed::Trimmed))),
        None => Ok(None),
    }
}
