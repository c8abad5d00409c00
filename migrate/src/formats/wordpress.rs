//! WordPress: the table `wp_users` as CSV (<https://developer.wordpress.org/reference/classes/wpdb/> and
//! `wp-admin/includes/schema.php`).

use serde_json::{Map, Value};
use umoja_crypto::legacy::{Digest, ForeignHash, Typed};
use umoja_schema::Profile;

use super::members::{Members, parsed_or_bare, status};
use crate::{Rejected, Row};

/// Columns that identify the table.
pub(super) const NEEDED: [&str; 4] = ["ID", "user_login", "user_pass", "user_email"];

pub(super) fn row(object: Map<String, Value>) -> Result<Row, Rejected> {
    let user = Members::new(object);
    // Only a network of sites has these two columns.
    if user.required(user.switch("deleted")).unwrap_or_default() {
        return Err(Rejected::Deleted);
    }
    let row = Row {
        external_id: user.id("ID"),
        email: user.text("user_email"),
        username: user.text("user_login"),
        profile: Profile {
            name: user.text("display_name").map(|name| shown(&name)),
            website: user.text("user_url"),
            ..Profile::default()
        },
        created_at: user.time("user_registered"),
        status: user.required(user.switch("spam")).map(|spam| status(!spam)),
        hash: user.required(hash(&user)),
        ..Row::default()
    };
    Ok(user.finish(row))
}

/// A name as a page shows it: WordPress stores it in the form that stands in the page (`wp_filter_kses`).
fn shown(name: &str) -> String {
    let replaced = [("&lt;", "<"), ("&gt;", ">"), ("&quot;", "\""), ("&#039;", "'"), ("&amp;", "&")];
    replaced.into_iter().fold(name.to_owned(), |name, (stored, shown)| name.replace(stored, shown))
}

fn hash(user: &Members) -> Result<Option<ForeignHash>, Rejected> {
    match user.exact_text("user_pass")? {
        // MD5 alone: before version 2.5; a login with it still works.
        Some(hash) => Ok(parsed_or_bare(Digest::Md5, &hash)?.map(|hash| hash.with_typed(Typed::Slashed))),
        None => Ok(None),
    }
}
