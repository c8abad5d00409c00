//! SCIM 2.0 (RFC 7643, RFC 7644): the account is a User whose `externalId` is the id of Umoja's user.

use serde_json::{Map, Value, json};
use umoja_schema::UserId;
use umoja_store::ports::{Answered, Method};

use crate::targets::client::{Account, Changed, Client, Created, kept, object, segment};
use crate::targets::failure::{Code, Failure};

const MEDIA_TYPE: &str = "application/scim+json";
const USER: &str = "urn:ietf:params:scim:schemas:core:2.0:User";
const SEARCH: &str = "urn:ietf:params:scim:api:messages:2.0:SearchRequest";
const PATCH: &str = "urn:ietf:params:scim:api:messages:2.0:PatchOp";
const ACTIVE: &str = "active";
const EXTERNAL_ID: &str = "externalId";

/// The mapped document as a User of the target.
pub(crate) fn resource(user: UserId, mut document: Map<String, Value>, is_active: bool) -> Map<String, Value> {
    if !document.contains_key("schemas") {
        let extensions = document.keys().filter(|name| name.starts_with("urn:")).cloned().map(Value::String);
        let schemas: Vec<_> = std::iter::once(Value::String(USER.to_owned())).chain(extensions).collect();
        document.insert("schemas".to_owned(), schemas.into());
    }
    let is_mapped_active = document.get(ACTIVE).and_then(Value::as_bool).unwrap_or(true);
    document.insert(ACTIVE.to_owned(), (is_active && is_mapped_active).into());
    document.insert(EXTERNAL_ID.to_owned(), user.to_string().into());
    document
}

/// Searches by the id of the user. Of what comes back only what has this id counts, because some servers ignore a filter
/// that they do not know and answer with every user.
pub(crate) async fn find(client: &Client<'_>, user: UserId) -> Result<Option<Account>, Failure> {
    let filter = format!("externalId eq \"{user}\"");
    let path = format!("/Users?filter=externalId%20eq%20%22{user}%22");
    let mut answer = client.call(Method::Get, &path, None, None).await?;
    if matches!(answer.status, 400 | 403 | 404 | 405 | 501) {
        let search = json!({ "schemas": [SEARCH], "filter": filter });
        answer = client.call(Method::Post, "/Users/.search", None, Some((MEDIA_TYPE, &search))).await?;
    }
    if !answer.is_success() {
        return Err(Failure::of(&answer));
    }
    let listed = object(&answer)?;
    let none = Vec::new();
    let resources = match listed.get("Resources") {
        Some(Value::Array(resources)) => resources,
        None if listed.get("totalResults").and_then(Value::as_u64) == Some(0) => &none,
        _ => return Err(Failure::from(Code::UnreadableAnswer)),
    };
    let id = user.to_string();
    let ours = |resource: &&Value| resource.get(EXTERNAL_ID).and_then(Value::as_str) == Some(id.as_str());
    let found = resources.iter().filter(ours).filter_map(|resource| of_resource(resource.as_object()?, None));
    Ok(found.min_by(|one, other| one.id.cmp(&other.id)))
}

pub(crate) async fn create(
    client: &Client<'_>,
    user: UserId,
    document: &Map<String, Value>,
) -> Result<Created, Failure> {
    let body = Value::Object(document.clone());
    let answer = client.call(Method::Post, "/Users", None, Some((MEDIA_TYPE, &body))).await?;
    if answer.status == 409 {
        let found = find(client, user).await?;
        return found.map(Created::Found).ok_or(Failure::from(Code::Conflict));
    }
    if !answer.is_success() {
        return Err(Failure::of(&answer));
    }
    // An answer without the id says that there is an account now, and not which.
    match account(&answer) {
        Some(account) => Ok(Created::Made(account)),
        None => find(client, user).await?.map(Created::Found).ok_or(Failure::from(Code::UnreadableAnswer)),
    }
}

/// Replaces the account. If it was changed at the target since, its entity tag is read and it is replaced all the same:
/// what the store says counts.
pub(crate) async fn update(
    client: &Client<'_>,
    account: &Account,
    document: &Map<String, Value>,
) -> Result<Changed, Failure> {
    let mut body = document.clone();
    body.insert("id".to_owned(), account.id.clone().into());
    let body = Value::Object(body);
    let path = path(account);
    let mut answer = client.call(Method::Put, &path, account.etag.as_deref(), Some((MEDIA_TYPE, &body))).await?;
    if answer.status == 412 {
        let Some((_, now)) = read(client, account).await? else { return Ok(Changed::Gone) };
        answer = client.call(Method::Put, &path, now.etag.as_deref(), Some((MEDIA_TYPE, &body))).await?;
    }
    changed(account, &answer)
}

/// Sets `active` alone. A target that takes no PATCH gets its own resource back with this member changed.
pub(crate) async fn disable(client: &Client<'_>, account: &Account) -> Result<Changed, Failure> {
    let patch = json!({
        "schemas": [PATCH],
        "Operations": [{ "op": "replace", "path": ACTIVE, "value": false }],
    });
    let answer = client.call(Method::Patch, &path(account), None, Some((MEDIA_TYPE, &patch))).await?;
    if !matches!(answer.status, 400 | 405 | 501) {
        return changed(account, &answer);
    }
    let Some((mut document, now)) = read(client, account).await? else { return Ok(Changed::Gone) };
    document.insert(ACTIVE.to_owned(), false.into());
    let body = Value::Object(document);
    let answer = client.call(Method::Put, &path(account), now.etag.as_deref(), Some((MEDIA_TYPE, &body))).await?;
    changed(account, &answer)
}

pub(crate) async fn delete(client: &Client<'_>, account: &Account) -> Result<(), Failure> {
    let answer = client.call(Method::Delete, &path(account), None, None).await?;
    if answer.is_success() || matches!(answer.status, 404 | 410) { Ok(()) } else { Err(Failure::of(&answer)) }
}

pub(crate) async fn read(
    client: &Client<'_>,
    account: &Account,
) -> Result<Option<(Map<String, Value>, Account)>, Failure> {
    let answer = client.call(Method::Get, &path(account), None, None).await?;
    if matches!(answer.status, 404 | 410) {
        return Ok(None);
    }
    if !answer.is_success() {
        return Err(Failure::of(&answer));
    }
    let document = object(&answer)?;
    let now = of_resource(&document, answer.header("etag")).ok_or(Failure::from(Code::UnreadableAnswer))?;
    Ok(Some((document, now)))
}

fn path(account: &Account) -> String {
    format!("/Users/{}", segment(&account.id))
}

/// The state after a change. Some targets answer without a body.
fn changed(before: &Account, answer: &Answered) -> Result<Changed, Failure> {
    match answer.status {
        200..=299 => {
            let etag = account(answer).map_or_else(|| answer.header("etag").and_then(kept), |account| account.etag);
            Ok(Changed::Done(Account { id: before.id.clone(), etag }))
        }
        404 | 410 => Ok(Changed::Gone),
        412 => Err(Failure::from(Code::TargetError)),
        _ => Err(Failure::of(answer)),
    }
}

fn account(answer: &Answered) -> Option<Account> {
    of_resource(&object(answer).ok()?, answer.header("etag"))
}

fn of_resource(resource: &Map<String, Value>, header: Option<&str>) -> Option<Account> {
    let id = resource.get("id").and_then(Value::as_str).and_then(kept)?;
    let in_body = || resource.get("meta")?.get("version")?.as_str();
    Some(Account { id, etag: header.or_else(in_body).and_then(kept) })
}

#[cfg(test)]
#[path = "scim/tests.rs"]
mod tests;
