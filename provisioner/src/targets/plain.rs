//! Targets of the kind `http`: one address for each user, under the id of Umoja's user. `PUT` makes or replaces the
//! account and `DELETE` deletes it, so that a request that is repeated changes nothing, and no search is needed.

use serde_json::{Map, Value};
use umoja_schema::UserId;
use umoja_store::ports::Method;

use crate::targets::client::{Account, Changed, Client, kept, object};
use crate::targets::failure::Failure;

const MEDIA_TYPE: &str = "application/json";

/// The mapped document with what says whether the user may log in.
pub(crate) fn resource(user: UserId, mut document: Map<String, Value>, is_active: bool) -> Map<String, Value> {
    let is_mapped_active = document.get("active").and_then(Value::as_bool).unwrap_or(true);
    document.insert("active".to_owned(), (is_active && is_mapped_active).into());
    document.entry("id").or_insert_with(|| user.to_string().into());
    document
}

pub(crate) async fn find(client: &Client<'_>, user: UserId) -> Result<Option<Account>, Failure> {
    Ok(read(client, user).await?.map(|_| Account { id: user.to_string(), etag: None }))
}

pub(crate) async fn put(client: &Client<'_>, user: UserId, document: &Map<String, Value>) -> Result<Account, Failure> {
    let body = Value::Object(document.clone());
    let answer = client.call(Method::Put, &path(user), None, Some((MEDIA_TYPE, &body))).await?;
    if !answer.is_success() {
        return Err(Failure::of(&answer));
    }
    // The target may say by which id people find the account there.
    let given = object(&answer).ok().and_then(|answer| kept(answer.get("id")?.as_str()?));
    Ok(Account { id: given.unwrap_or_else(|| user.to_string()), etag: None })
}

pub(crate) async fn disable(client: &Client<'_>, user: UserId, account: &Account) -> Result<Changed, Failure> {
    let Some(mut document) = read(client, user).await? else { return Ok(Changed::Gone) };
    document.insert("active".to_owned(), false.into());
    put(client, user, &document).await?;
    Ok(Changed::Done(account.clone()))
}

pub(crate) async fn delete(client: &Client<'_>, user: UserId) -> Result<(), Failure> {
    let answer = client.call(Method::Delete, &path(user), None, None).await?;
    if answer.is_success() || matches!(answer.status, 404 | 410) { Ok(()) } else { Err(Failure::of(&answer)) }
}

pub(crate) async fn read(client: &Client<'_>, user: UserId) -> Result<Option<Map<String, Value>>, Failure> {
    let answer = client.call(Method::Get, &path(user), None, None).await?;
    if matches!(answer.status, 404 | 410) {
        return Ok(None);
    }
    if answer.is_success() { object(&answer).map(Some) } else { Err(Failure::of(&answer)) }
}

fn path(user: UserId) -> String {
    format!("/{user}")
}
