//! Django: `manage.py dumpdata auth.user`, or of a custom model that inherits from `AbstractBaseUser`
//! (<https://docs.djangoproject.com/en/stable/topics/serialization/>).

use serde_json::{Map, Value};
use umoja_crypto::legacy::{Digest, ForeignHash};
use umoja_schema::Profile;

use super::members::{Members, field, parsed_or_bare};
use crate::{Rejected, Row};

/// `None` for objects of other models. A user is of `auth.user`, or has the fields of every user model, `password` and
/// `last_login`.
pub(super) fn row(object: Map<String, Value>) -> Result<Option<Row>, Rejected> {
    let record = Members(object);
    let Some(model) = record.text("model")? else { return Err(field("model")) };
    let Some(user) = record.object("fields")? else { return Err(field("fields")) };
    let is_user = user.0.contains_key("password") && user.0.contains_key("last_login");
    if !model.eq_ignore_ascii_case("auth.user") && !is_user {
        return Ok(None);
    }
    let profile = Profile {
        given_name: user.text("first_name")?,
        family_name: user.text("last_name")?,
        name: first_text(&user, ["full_name", "name"])?,
        ..Profile::default()
    };
    Ok(Some(Row {
        // Without a primary key (`--natural-primary`) there is no id.
        external_id: record.id("pk")?,
        email: user.text("email")?,
        phone_number: first_text(&user, ["phone_number", "phone"])?,
        username: user.text("username")?,
        profile,
        created_at: user.time("date_joined")?,
        status: user.active("is_active")?,
        hash: hash(&user)?,
        ..Row::default()
    }))
}

fn first_text(user: &Members, names: [&str; 2]) -> Result<Option<String>, Rejected> {
    Ok(user.text(names[0])?.or(user.text(names[1])?))
}

/// A password that begins with an exclamation mark is unusable (`set_unusable_password`). MD5 alone is what
/// `UnsaltedMD5PasswordHasher` wrote.
fn hash(user: &Members) -> Result<Option<ForeignHash>, Rejected> {
    match user.text("password")? {
        Some(password) if !password.starts_with('!') => parsed_or_bare(Digest::Md5, &password),
        _ => Ok(None),
    }
}
