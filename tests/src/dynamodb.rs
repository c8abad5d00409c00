//! A region's tables on an embedded DynamoDB engine in this process. The AWS adapter sends its own requests, and an
//! engine that is checked against AWS evaluates their expressions and transactions.
//!
//! Only for small tests: the cost of a write grows with the number of records in the engine's streams.

use std::collections::BTreeMap;
use std::sync::Arc;

use async_trait::async_trait;
use dynoxide::actions::get_records::{GetRecordsRequest, Record};
use dynoxide::actions::get_shard_iterator::GetShardIteratorRequest;
use dynoxide::actions::list_streams::ListStreamsRequest;
use dynoxide::{AttributeValue, Database, DynoxideError, Item, streams};
use serde::Serialize;
use serde::de::DeserializeOwned;
use umoja_aws::in_process::{Answer, Calls, Engine, InProcess};
use umoja_aws::{DynamoDb, Session, tables};
use umoja_schema::names::attribute;
use umoja_schema::{Attribute, Attributes, Region};
use umoja_store::Change;
use umoja_store::contract::{Changes, Streamed, Tables, sample};

const PREFIX: &str = "umoja";

/// One region's tables on an engine in memory.
pub struct DynamoRegion {
    /// The adapter: `Users`, `Logs`, `Registry` and `Requests`.
    pub tables: Arc<DynamoDb>,
    /// The number of calls of each DynamoDB operation since the tables were created.
    pub calls: Arc<Calls>,
    /// The streams of its replicated tables.
    pub stream: Arc<EngineStream>,
}

impl DynamoRegion {
    /// A new region with empty tables.
    ///
    /// # Panics
    /// If the engine does not start or does not create the tables.
    pub async fn new(region: &Region) -> Self {
        let database = Database::memory().expect("an engine in memory");
        let connector = InProcess::new(Dispatch(database.clone()));
        let aws = Session::in_process(&connector).region(region, None);
        tables::create(&aws, PREFIX, &sample::TABLES).await.expect("new tables");
        connector.calls().reset();
        Self {
            tables: Arc::new(aws.tables(PREFIX)),
            calls: Arc::clone(connector.calls()),
            stream: Arc::new(EngineStream(database)),
        }
    }

    /// Stores an item as foreign software might.
    ///
    /// # Panics
    /// If the engine rejects it.
    pub fn put_item(&self, table: &str, item: serde_json::Value) {
        let table = format!("{PREFIX}-{table}");
        let request = serde_json::from_value(serde_json::json!({ "TableName": table, "Item": item }));
        self.stream.0.put_item(request.expect("a request")).expect("the engine accepts an item");
    }

    /// The tables in the form that the contract tests need.
    pub fn for_contract(self) -> Streamed {
        let tables = self.tables;
        let tables = Tables {
            users: Arc::clone(&tables) as _,
            logs: Arc::clone(&tables) as _,
            items: Arc::clone(&tables) as _,
            inbox: Arc::clone(&tables) as _,
            registry: Arc::clone(&tables) as _,
            requests: Arc::clone(&tables) as _,
            attempts: Arc::clone(&tables) as _,
            checkpoints: Arc::clone(&tables) as _,
            due: tables,
            guard: Box::new(()),
        };
        Streamed { tables, changes: self.stream }
    }
}

/// The position of a reader of the streams: the last sequence number that it has seen, by table.
pub type Cursors = BTreeMap<String, String>;

/// The streams of a region's tables.
pub struct EngineStream(Database);

impl EngineStream {
    /// Returns the changes after `cursors`, table by table, and moves the cursors past them. An empty map is the
    /// beginning.
    ///
    /// # Panics
    /// If the engine cannot read its own streams.
    pub fn read(&self, cursors: &mut Cursors) -> Vec<Change> {
        let mut changes = Vec::new();
        for stream in self.0.list_streams(ListStreamsRequest::default()).expect("streams").streams {
            let cursor = cursors.entry(stream.table_name.clone()).or_default();
            let mut latest = BTreeMap::new();
            for record in self.records(&stream.table_name, &stream.stream_arn) {
                let Some(change) = change(&stream.table_name, record) else { continue };
                // DynamoDB writes no stream record for an update without a change (Developer Guide, "Change data
                // capture for DynamoDB Streams"); the engine does.
                let previous = latest.insert(item_key(&change.image), change.image.clone());
                if previous.as_ref() != Some(&change.image) && change.sequence > *cursor {
                    cursor.clone_from(&change.sequence);
                    changes.push(change);
                }
            }
        }
        changes
    }

    fn records(&self, table: &str, arn: &str) -> Vec<Record> {
        let request = GetShardIteratorRequest {
            stream_arn: arn.to_owned(),
            shard_id: streams::shard_id(table),
            shard_iterator_type: "TRIM_HORIZON".into(),
            sequence_number: None,
        };
        let mut iterator = self.0.get_shard_iterator(request).expect("a shard iterator").shard_iterator;
        let mut records = Vec::new();
        while let Some(shard_iterator) = iterator {
            let page = self.0.get_records(GetRecordsRequest { shard_iterator, limit: None }).expect("stream records");
            iterator = page.next_shard_iterator.filter(|_| !page.records.is_empty());
            records.extend(page.records);
        }
        records
    }
}

/// The key of an item of any replicated table.
fn item_key(image: &Attributes) -> Vec<String> {
    let text = |name| match image.get(name) {
        Some(Attribute::S(text)) => text.clone(),
        _ => String::new(),
    };
    [attribute::ID, attribute::PART, attribute::KEY].map(text).to_vec()
}

#[async_trait]
impl Changes for EngineStream {
    async fn all(&self) -> Vec<Change> {
        self.read(&mut Cursors::new())
    }
}

/// A record without a new image is a deletion, which is not returned as a change.
fn change(table: &str, record: Record) -> Option<Change> {
    let table = table.strip_prefix(PREFIX)?.strip_prefix('-')?.to_owned();
    let image = attributes(record.dynamodb.new_image?);
    Some(Change { table, sequence: record.dynamodb.sequence_number, image })
}

fn attributes(item: Item) -> Attributes {
    item.into_iter().map(|(name, value)| (name, domain(value))).collect()
}

fn domain(value: AttributeValue) -> Attribute {
    match value {
        AttributeValue::S(text) => Attribute::S(text),
        AttributeValue::N(number) => Attribute::N(number),
        AttributeValue::B(bytes) => Attribute::B(bytes),
        AttributeValue::BOOL(flag) => Attribute::Bool(flag),
        AttributeValue::NULL(_) => Attribute::Null,
        AttributeValue::SS(texts) => Attribute::Ss(texts),
        AttributeValue::NS(numbers) => Attribute::Ns(numbers),
        AttributeValue::BS(blobs) => Attribute::Bs(blobs),
        AttributeValue::L(list) => Attribute::L(list.into_iter().map(domain).collect()),
        AttributeValue::M(map) => Attribute::M(attributes(map)),
    }
}

struct Dispatch(Database);

impl Engine for Dispatch {
    fn answer(&self, operation: &str, body: &[u8]) -> Answer {
        let database = &self.0;
        match operation {
            "BatchGetItem" => run(body, |request| database.batch_get_item(request)),
            "CreateTable" => run(body, |request| database.create_table(request)),
            "DeleteItem" => run(body, |request| database.delete_item(request)),
            "GetItem" => run(body, |request| database.get_item(request)),
            "PutItem" => run(body, |request| database.put_item(request)),
            "Query" => run(body, |request| database.query(request)),
            "Scan" => run(body, |request| database.scan(request)),
            "TransactWriteItems" => run(body, |request| database.transact_write_items(request)),
            "UpdateItem" => run(body, |request| database.update_item(request)),
            "UpdateTimeToLive" => run(body, |request| database.update_time_to_live(request)),
            other => rejection(&DynoxideError::ValidationException(format!("no engine for {other}"))),
        }
    }
}

fn run<Q: DeserializeOwned, A: Serialize>(body: &[u8], call: impl FnOnce(Q) -> dynoxide::Result<A>) -> Answer {
    let request = serde_json::from_slice(body).map_err(|e| DynoxideError::SerializationException(e.to_string()));
    match request.and_then(call) {
        Ok(answer) => Answer { status: 200, body: serde_json::to_vec(&answer).expect("an answer is JSON") },
        Err(error) => rejection(&error),
    }
}

fn rejection(error: &DynoxideError) -> Answer {
    Answer { status: error.status_code(), body: error.to_json().into_bytes() }
}
