//! Django: `manage.py dumpdata auth.user`, or of a custom model that inherits from `AbstractBaseUser`
//! (<https://docs.djangoproject.com/en/stable/topics/serialization/>).

use serde_json::{Map, Value};
use umoja_crypto::legacy::{Digest, ForeignHash};
use umoja_schema::Profile;

use super::members::{Members, field, parsed_or_bare};
use super::times;
use crate::{Rejected, Row};

/// `None` for objects of other models. A user is of `auth.user`, or has the fields of every user model, `password` and
/// `last_login`.
pub(super) fn row(object: Map<String, Value>) -> Result<Option<Row>, Rejected> {
    let record = Members::new(object);
    let Some(model) = record.exact_text("model")? else { return Err(field("model")) };
    let Some(user) = record.exact_object("fields")? else { return Err(field("fields")) };
    let is_user = user.is_a_member("password") && user.is_a_member("last_login");
    if !model.eq_ignore_ascii_case("auth.user") && !is_user {
        return Ok(None);
    }
    // Packages that only mark rows as deleted, such as django-safedelete, add one of these fields.
    if user.required(user.switch("is_deleted")) == Some(true)
        || ["deleted_at", "deleted"].iter().any(|name| has_time(&user, name))
    {
        return Err(Rejected::Deleted);
    }
    let profile = Profile {
        given_name: user.text("first_name"),
        family_name: user.text("last_name"),
        name: user.text("full_name").or_else(|| user.text("name")),
        ..Profile::default()
    };
    let row = Row {
        // Without a primary key (`--natural-primary`) there is no id.
        external_id: record.id("pk"),
        email: user.text("email"),
        phone_number: user.text("phone_number").or_else(|| user.text("phone")),
        username: user.text("username"),
        profile,
        created_at: user.time("date_joined"),
        status: user.required(user.active("is_active")),
        hash: user.required(hash(&user)),
        ..Row::default()
    };
    // What was left out of the object around the fields.
    let mut row = user.finish(row);
    let around = record.finish(Row::default());
    row.left_out.extend(around.left_out);
    row.rejections.extend(around.rejections);
    row.not_taken.extend(around.not_taken);
    Ok(Some(row))
}

/// Whether the field is a flag that is on, or a time.
fn has_time(user: &Members, name: &str) -> bool {
    match user.value(name) {
        Value::Bool(flag) => flag,
        Value::String(text) => times::written(&text).is_ok(),
        _ => false,
    }
}

/// A password that begins with an exclamation mark is unusable (`set_unusable_password`). MD5 alone is what
/// `UnsaltedMD5PasswordHasher` wrote.
fn hash(user: &Members) -> Result<Option<ForeignHash>, Rejected> {
    match user.exact_text("password")? {
        Some(password) if !password.starts_with('!') => parsed_or_bare(Digest::Md5, &password),
        _ => Ok(None),
    }
}
