//! Events of DynamoDB streams, as Lambda delivers them, and the answer that says where to deliver again.
//!
//! They are parsed without the types of a crate: with those, one record of an unknown form would fail the whole batch
//! forever. Here such a record becomes a change that the replicator quarantines, and the other records are handled.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use umoja_runtime::record::hlc;
use umoja_schema::names::attribute;
use umoja_schema::{Attribute, Attributes, Millis, Region};
use umoja_store::Change;

/// How long after its HLC timestamp a write may have entered the stream to count for the replication lag. A later one
/// was a change without a new HLC timestamp: a wrapped key was added.
const WRITTEN_WITHIN_MS: u64 = 60_000;

/// A batch (AWS Lambda Developer Guide, "Process Amazon DynamoDB records with Lambda").
#[derive(Debug, Clone, Deserialize)]
pub struct StreamEvent {
    #[serde(rename = "Records", default)]
    records: Vec<Record>,
}

#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Record {
    event_name: Option<String>,
    #[serde(rename = "eventSourceARN")]
    source: Option<String>,
    dynamodb: Option<Entry>,
}

#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Entry {
    sequence_number: Option<String>,
    new_image: Option<Value>,
    /// In seconds.
    approximate_creation_date_time: Option<f64>,
}

/// The changes of a batch, in order.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Batch {
    /// The changes.
    pub changes: Vec<Change>,
    /// When each change entered the stream, if known.
    at: Vec<Option<Millis>>,
}

/// A record without a sequence number, so that it cannot be reported as failed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a record of the stream has no sequence number")]
pub struct Nameless;

impl StreamEvent {
    /// The changes in the tables of the deployment `prefix`. Deletions are not changes.
    ///
    /// # Errors
    /// If a record has no sequence number.
    pub fn into_batch(self, prefix: &str) -> Result<Batch, Nameless> {
        let mut batch = Batch::default();
        for record in self.records {
            if record.event_name.as_deref() == Some("REMOVE") {
                continue;
            }
            let Some(Entry { sequence_number: Some(sequence), new_image, approximate_creation_date_time }) =
                record.dynamodb
            else {
                return Err(Nameless);
            };
            let table = record.source.as_deref().map_or("?", |arn| table_of(arn, prefix)).to_owned();
            batch.changes.push(Change { table, sequence, image: image(new_image.as_ref()) });
            #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "saturates, and is a time")]
            batch.at.push(approximate_creation_date_time.map(|secs| Millis((secs * 1000.0) as u64)));
        }
        Ok(batch)
    }
}

impl Batch {
    /// The milliseconds since the HLC timestamps of `own`'s writes among the first changes, up to the one with the
    /// sequence `until`.
    pub fn lags(&self, own: &Region, until: Option<&str>, now: Millis) -> Vec<u64> {
        let handled =
            self.changes.iter().zip(&self.at).take_while(|(change, _)| Some(change.sequence.as_str()) != until);
        let timestamps = handled.filter_map(|(change, at)| {
            let hlc = hlc(change, own)?.millis();
            let is_write = at.is_none_or(|at| at.since(hlc) <= WRITTEN_WITHIN_MS);
            is_write.then(|| now.since(hlc))
        });
        timestamps.collect()
    }
}

/// The table name of a stream's ARN: `users` for
/// `arn:aws:dynamodb:<region>:<account>:table/<prefix>-users/stream/<time>`. Any other text is returned unchanged: the
/// replicator does not know such a table.
fn table_of<'a>(arn: &'a str, prefix: &str) -> &'a str {
    let name = arn.split(":table/").nth(1).and_then(|rest| rest.split('/').next()).unwrap_or("?");
    name.strip_prefix(prefix).and_then(|rest| rest.strip_prefix('-')).unwrap_or(name)
}

/// An image. Of an unreadable image only the key attributes remain, and the replicator quarantines it.
fn image(value: Option<&Value>) -> Attributes {
    let Some(Value::Object(members)) = value else { return Attributes::new() };
    let read: Option<Attributes> = members.iter().map(|(name, value)| Some((name.clone(), read(value)?))).collect();
    read.unwrap_or_else(|| {
        let key = |name: &&str| members.get(*name).and_then(read_text).is_some();
        let keys = [attribute::ID, attribute::PART, attribute::KEY].into_iter().filter(key);
        keys.filter_map(|name| Some((name.to_owned(), Attribute::S(read_text(members.get(name)?)?)))).collect()
    })
}

fn read_text(value: &Value) -> Option<String> {
    value.get("S")?.as_str().map(str::to_owned)
}

/// An attribute value (Amazon DynamoDB API Reference, `AttributeValue`).
fn read(value: &Value) -> Option<Attribute> {
    let members = value.as_object()?;
    let (kind, value) = members.iter().next().filter(|_| members.len() == 1)?;
    let text = |value: &Value| value.as_str().map(str::to_owned);
    let bytes = |value: &Value| STANDARD.decode(value.as_str()?).ok();
    Some(match kind.as_str() {
        "S" => Attribute::S(text(value)?),
        "N" => Attribute::N(text(value)?),
        "B" => Attribute::B(bytes(value)?),
        "BOOL" => Attribute::Bool(value.as_bool()?),
        "NULL" => Attribute::Null,
        "M" => {
            let entries = value.as_object()?.iter().map(|(name, value)| Some((name.clone(), read(value)?)));
            Attribute::M(entries.collect::<Option<_>>()?)
        }
        "L" => Attribute::L(value.as_array()?.iter().map(read).collect::<Option<_>>()?),
        "SS" => Attribute::Ss(value.as_array()?.iter().map(text).collect::<Option<_>>()?),
        "NS" => Attribute::Ns(value.as_array()?.iter().map(text).collect::<Option<_>>()?),
        "BS" => Attribute::Bs(value.as_array()?.iter().map(bytes).collect::<Option<_>>()?),
        _ => return None,
    })
}

/// The answer to a batch: the sequence from which the stream delivers again; empty if the whole batch was handled.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct BatchAnswer {
    batch_item_failures: Vec<Failure>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
struct Failure {
    item_identifier: String,
}

impl BatchAnswer {
    /// Reports that everything from this sequence on was not handled. Only the lowest sequence matters: Lambda takes it
    /// as the checkpoint, whatever else is in the list.
    pub fn failed_from(sequence: Option<String>) -> Self {
        let failures = sequence.into_iter().map(|item_identifier| Failure { item_identifier });
        Self { batch_item_failures: failures.collect() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;
    use umoja_schema::names::table;
    use umoja_schema::{Hlc, Version};

    fn batch(records: Value) -> Result<Batch, Nameless> {
        serde_json::from_value::<StreamEvent>(json!({ "Records": records })).unwrap().into_batch("umoja")
    }

    fn record(image: Value) -> Value {
        json!({
            "eventID": "c4ca4238a0b923820dcc509a6f75849b",
            "eventName": "MODIFY",
            "eventVersion": "1.1",
            "eventSource": "aws:dynamodb",
            "awsRegion": "eu-west-1",
            "dynamodb": {
                "ApproximateCreationDateTime": 1_479_499_740,
                "Keys": { "id": { "S": "x" } },
                "NewImage": image,
                "SequenceNumber": "4421584500000000017450439091",
                "SizeBytes": 26,
                "StreamViewType": "NEW_IMAGE",
            },
            "eventSourceARN": "arn:aws:dynamodb:eu-west-1:123456789012:table/umoja-users/stream/2024-06-10T19:26:16.525",
        })
    }

    #[test]
    fn the_documented_event_is_parsed() {
        let image = json!({ "Message": { "S": "New item!" }, "Id": { "N": "101" } });
        let batch = batch(json!([record(image)])).unwrap();
        let image = [("Message", Attribute::S("New item!".into())), ("Id", Attribute::N("101".into()))];
        let image = image.map(|(name, value)| (name.to_owned(), value)).into_iter().collect();
        let sequence = "4421584500000000017450439091".to_owned();
        assert_eq!(batch.changes, [Change { table: "users".into(), sequence, image }]);
        assert_eq!(batch.at, [Some(Millis(1_479_499_740_000))]);
    }

    #[test]
    fn every_attribute_type_is_parsed() {
        let all = json!({ "M": {
            "s": { "S": "x" }, "n": { "N": "1.5" }, "b": { "B": "AQI=" }, "t": { "BOOL": true },
            "u": { "NULL": true }, "l": { "L": [{ "S": "x" }] },
            "ss": { "SS": ["x"] }, "ns": { "NS": ["1"] }, "bs": { "BS": ["AQI="] },
        }});
        let expected = [
            ("s", Attribute::S("x".into())),
            ("n", Attribute::N("1.5".into())),
            ("b", Attribute::B(vec![1, 2])),
            ("t", Attribute::Bool(true)),
            ("u", Attribute::Null),
            ("l", Attribute::L(vec![Attribute::S("x".into())])),
            ("ss", Attribute::Ss(vec!["x".into()])),
            ("ns", Attribute::Ns(vec!["1".into()])),
            ("bs", Attribute::Bs(vec![vec![1, 2]])),
        ];
        let expected = expected.map(|(name, value)| (name.to_owned(), value)).into_iter().collect();
        assert_eq!(read(&all), Some(Attribute::M(expected)));
    }

    #[test]
    fn deletions_are_not_changes() {
        let mut deletion = record(Value::Null);
        deletion["eventName"] = json!("REMOVE");
        assert_eq!(batch(json!([deletion])).unwrap().changes, []);
        assert_eq!(serde_json::from_value::<StreamEvent>(json!({})).unwrap().into_batch("umoja"), Ok(Batch::default()));
    }

    #[test]
    fn an_unreadable_image_keeps_its_key() {
        let image =
            json!({ "id": { "S": "x" }, "part": { "S": "profile" }, "origin": { "S": "eu" }, "new": { "ZZ": 1 } });
        let batch = batch(json!([record(image), record(Value::Null)])).unwrap();
        assert_eq!(batch.changes[0].image.keys().collect::<Vec<_>>(), ["id", "part"]);
        assert_eq!(batch.changes[1].image, Attributes::new());
    }

    #[test]
    fn unknown_tables_keep_their_name_and_records_need_a_sequence() {
        let mut other = record(json!({}));
        other["eventSourceARN"] = json!("arn:aws:dynamodb:eu-west-1:1:table/orders/stream/1");
        assert_eq!(batch(json!([other])).unwrap().changes[0].table, "orders");
        let mut nameless = record(json!({}));
        nameless["dynamodb"].as_object_mut().unwrap().remove("SequenceNumber");
        assert_eq!(batch(json!([nameless])), Err(Nameless));
    }

    #[test]
    fn lag_counts_handled_own_writes_but_not_added_keys() {
        let own: Region = "eu".parse().unwrap();
        let change = |sequence: &str, origin: &str, hlc: Millis| {
            let origin: Region = origin.parse().unwrap();
            let version = Version { erased: false, hlc: Hlc::at(hlc), origin: origin.clone() };
            let image = [(attribute::ORIGIN, origin.to_string()), (attribute::VERSION, version.to_string())];
            let image = image.map(|(name, text)| (name.to_owned(), text.into())).into_iter().collect();
            Change { table: table::USERS.into(), sequence: sequence.into(), image }
        };
        let row = Change {
            table: table::RECEIPTS.into(),
            sequence: "4".into(),
            image: [(attribute::ORIGIN, "eu".to_owned()), (attribute::AT, Hlc::at(Millis(100_500)).to_string())]
                .map(|(name, text)| (name.to_owned(), text.into()))
                .into_iter()
                .collect(),
        };
        let batch = Batch {
            changes: vec![
                change("1", "eu", Millis(100_000)),
                change("2", "us", Millis(100_000)),
                change("3", "eu", Millis(10_000)),
                row,
                change("5", "eu", Millis(100_900)),
            ],
            at: vec![Some(Millis(100_000)), Some(Millis(100_000)), Some(Millis(100_000)), None, None],
        };
        assert_eq!(batch.lags(&own, Some("5"), Millis(101_000)), [1_000, 500]);
        assert_eq!(batch.lags(&own, None, Millis(101_000)), [1_000, 500, 100]);
    }

    /// Failure: stream partial batch
    #[test]
    fn only_the_lowest_failed_sequence_is_reported() {
        let text = |answer| serde_json::to_string(&answer).unwrap();
        assert_eq!(text(BatchAnswer::failed_from(None)), r#"{"batchItemFailures":[]}"#);
        let failed = text(BatchAnswer::failed_from(Some("42".into())));
        assert_eq!(failed, r#"{"batchItemFailures":[{"itemIdentifier":"42"}]}"#);
    }
}
