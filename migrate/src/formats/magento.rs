//! Magento 2 and Adobe Commerce: the table `customer_entity` as CSV (`Magento_Customer`, `etc/db_schema.xml`).

use serde_json::{Map, Value};
use umoja_crypto::legacy::{Digest, ForeignHash};
use umoja_schema::Profile;

use super::members::{Members, parsed_or_bare, status};
use crate::{Rejected, Row};

/// Columns that identify the table.
pub(super) const NEEDED: [&str; 3] = ["entity_id", "email", "password_hash"];

pub(super) fn row(object: Map<String, Value>) -> Row {
    let user = Members::new(object);
    let mut profile = Profile {
        given_name: user.text("firstname"),
        middle_name: user.text("middlename"),
        family_name: user.text("lastname"),
        // `Magento\Customer\Setup\Patch\Data\DefaultCustomerGroupsAndAttributes`: 3 is "not specified".
        gender: match user.text("gender").as_deref() {
            Some("1") => Some("male".to_owned()),
            Some("2") => Some("female".to_owned()),
            None | Some("0" | "3") => None,
            Some(other) => {
                user.leave_out("gender", other.into());
                None
            }
        },
        birthdate: user.text("dob").map(|dob| dob.split(' ').next().unwrap_or_default().to_owned()),
        ..Profile::default()
    };
    for name in ["prefix", "suffix", "taxvat"] {
        user.put(&mut profile.custom, name, user.text(name).map_or(Value::Null, Value::String));
    }
    let row = Row {
        external_id: user.id("entity_id"),
        email: user.text("email"),
        profile,
        created_at: user.time("created_at"),
        status: user.required(user.switch("is_active")).map(status),
        hash: user.required(hash(&user)),
        ..Row::default()
    };
    user.finish(row)
}

fn hash(user: &Members) -> Result<Option<ForeignHash>, Rejected> {
    match user.exact_text("password_hash")? {
        // MD5 alone: Magento 1 without salt.
        Some(hash) => parsed_or_bare(Digest::Md5, &hash),
        None => Ok(None),
    }
}
