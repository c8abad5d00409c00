//! Amazon Cognito: the events with which a user pool calls its triggers
//! (<https://docs.aws.amazon.com/cognito/latest/developerguide/cognito-user-pools-working-with-lambda-triggers.html>).
//!
//! They have neither an id nor a time: the function that a pool calls adds `id` and `time`. Without them, two equal
//! events are one, and the time is that of the receipt.

use std::collections::BTreeMap;

use serde_json::{Map, Value, json};
use umoja_accounts::import::Row;
use umoja_accounts::incoming::{Change, IncomingChange};
use umoja_migrate::Rejected;
use umoja_migrate::formats::{self, Format, Mapping, Options};

use super::event::{Malformed, Read, Reading};
use super::members::{optional_time, required, take, text};

/// What the names of a pool's own attributes begin with.
const CUSTOM: &str = "custom:";

/// The most attributes of its own that a pool has, which is the limit of Amazon Cognito
/// (<https://docs.aws.amazon.com/cognito/latest/developerguide/quotas.html>).
const MAX_CUSTOM: usize = 50;

pub(super) fn id(event: &Map<String, Value>) -> Option<String> {
    text(event, "id").map(str::to_owned)
}

pub(super) fn read(mut event: Map<String, Value>, reading: &Reading<'_>) -> Result<Read, Malformed> {
    let at = reading.at(optional_time(&event, "time")?);
    let source = required(&event, "triggerSource")?;
    let is_password = source == "PostConfirmation_ConfirmForgotPassword";
    let is_login = source == "PostAuthentication_Authentication";
    let is_state = source == "PostConfirmation_ConfirmSignUp" || source.starts_with("TokenGeneration_");
    // Before a sign-up there is no user yet.
    if !is_password && !is_login && !is_state {
        return Ok(Read::Unknown);
    }
    let attributes = take(&mut take(&mut event, "request")?, "userAttributes")?;
    let subject = required(&attributes, "sub")?;
    let change = if is_password {
        IncomingChange { subject, at, change: Change::PasswordChanged }
    } else {
        let row = Box::new(of_attributes(attributes).map_err(|_| Malformed::Member("userAttributes"))?);
        let subject = row.external_id.clone().ok_or(Malformed::Member("sub"))?;
        // Who signed up or was imported is known. The login of an erased user must not make another one.
        let change = if is_login { Change::LoggedIn { row } } else { Change::State { row, logged_in: false } };
        IncomingChange { subject, at, change }
    };
    Ok(Read::Changes(vec![change]))
}

/// A user as the attributes of a trigger describe it.
pub(crate) fn of_attributes(attributes: Map<String, Value>) -> Result<Row, Rejected> {
    let attributes = attributes.into_iter().map(|(name, value)| json!({"Name": name, "Value": value}));
    row(Map::from_iter([("Attributes".to_owned(), attributes.collect())]))
}

/// A user as `ListUsers` describes it: by the mapping with which an import reads the same list, and
/// with each of the pool's own attributes under `custom`.
///
/// # Errors
/// [`Rejected`], as for a record of a file, and if there are more of the pool's own attributes than a pool can have.
pub fn row(user: Map<String, Value>) -> Result<Row, Rejected> {
    let broken = Rejected::Form("it has no usable `Attributes`");
    let mut mapping: Value = serde_json::from_str(formats::COGNITO).map_err(|_| broken.clone())?;
    let attributes = user.get("Attributes").and_then(Value::as_array).ok_or(broken.clone())?;
    let mut custom = BTreeMap::new();
    for (place, attribute) in attributes.iter().enumerate() {
        let name = attribute.get("Name").and_then(Value::as_str).and_then(|name| name.strip_prefix(CUSTOM));
        if let Some(name) = name.filter(|name| !name.is_empty()) {
            custom.entry(name).or_insert(place);
        }
        if custom.len() > MAX_CUSTOM {
            return Err(Rejected::Form("it has more than 50 custom attributes"));
        }
    }
    // Each is read at its place: to look for each by its name would read all of them each time.
    let custom =
        custom.into_iter().map(|(name, place)| (name.to_owned(), Value::from(format!("/Attributes/{place}/Value"))));
    mapping["profile"]["custom"] = Value::Object(custom.collect());
    let mapping = Mapping::parse(mapping.to_string().as_bytes()).map_err(|_| broken.clone())?;
    let options = Options { mapping: Some(mapping), ..Options::default() };
    formats::record(Format::Ndjson, user, &options)?.ok_or(broken)?.sound()
}
