//! The format of the frozen files: items as DynamoDB JSON, and a region's database as SQL.

use std::fmt::Write as _;
use std::path::Path;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use rusqlite::Connection;
use serde_json::{Map, Value, json};
use umoja_schema::{Attribute, Attributes};

/// An item as DynamoDB's API writes it.
pub(super) fn to_json(item: &Attributes) -> Value {
    let attribute = |value: &Attribute| match value {
        Attribute::S(text) => json!({ "S": text }),
        Attribute::N(number) => json!({ "N": number }),
        Attribute::B(bytes) => json!({ "B": STANDARD.encode(bytes) }),
        Attribute::Bool(flag) => json!({ "BOOL": flag }),
        Attribute::Null => json!({ "NULL": true }),
        Attribute::M(map) => json!({ "M": to_json(map) }),
        Attribute::L(list) => {
            let one = |value: &Attribute| to_json(&Attributes::from([("x".into(), value.clone())]))["x"].clone();
            json!({ "L": list.iter().map(one).collect::<Vec<_>>() })
        }
        Attribute::Ss(set) => json!({ "SS": set }),
        Attribute::Ns(set) => json!({ "NS": set }),
        Attribute::Bs(set) => json!({ "BS": set.iter().map(|bytes| STANDARD.encode(bytes)).collect::<Vec<_>>() }),
    };
    Value::Object(item.iter().map(|(name, value)| (name.clone(), attribute(value))).collect())
}

/// Parses an item from DynamoDB JSON.
pub(super) fn from_json(item: &Value) -> Attributes {
    item.as_object().unwrap().iter().map(|(name, value)| (name.clone(), attribute(value))).collect()
}

fn attribute(value: &Value) -> Attribute {
    let (kind, value) = value.as_object().unwrap().iter().next().unwrap();
    let text = |value: &Value| value.as_str().unwrap().to_owned();
    let bytes = |value: &Value| STANDARD.decode(value.as_str().unwrap()).unwrap();
    let list = || value.as_array().unwrap().iter();
    match kind.as_str() {
        "S" => Attribute::S(text(value)),
        "N" => Attribute::N(text(value)),
        "B" => Attribute::B(bytes(value)),
        "BOOL" => Attribute::Bool(value.as_bool().unwrap()),
        "NULL" => Attribute::Null,
        "M" => Attribute::M(from_json(value)),
        "L" => Attribute::L(list().map(attribute).collect()),
        "SS" => Attribute::Ss(list().map(text).collect()),
        "NS" => Attribute::Ns(list().map(text).collect()),
        "BS" => Attribute::Bs(list().map(bytes).collect()),
        other => panic!("not a DynamoDB type: {other}"),
    }
}

/// A database as the SQL that creates it.
pub(super) fn to_sql(path: &Path) -> String {
    let database = Connection::open(path).unwrap();
    let texts = |query: &str| -> Vec<String> {
        let mut select = database.prepare(query).unwrap();
        select.query_map([], |row| row.get(0)).unwrap().map(Result::unwrap).collect()
    };
    let layout: i64 = database.pragma_query_value(None, "user_version", |row| row.get(0)).unwrap();
    let mut sql = format!("PRAGMA user_version = {layout};\n");
    let order = "SELECT sql FROM sqlite_master WHERE sql IS NOT NULL ORDER BY type DESC, name";
    for statement in texts(order) {
        writeln!(sql, "{};", statement.split_whitespace().collect::<Vec<_>>().join(" ")).unwrap();
    }
    for table in texts("SELECT name FROM sqlite_master WHERE type = 'table' ORDER BY name") {
        let columns = texts(&format!("SELECT 'quote(' || name || ')' FROM pragma_table_info('{table}')"));
        for row in texts(&format!("SELECT {} FROM {table}", columns.join(" || ',' || "))) {
            writeln!(sql, "INSERT INTO {table} VALUES ({row});").unwrap();
        }
    }
    sql
}

/// Creates a database from that SQL.
pub(super) fn from_sql(sql: &str, path: &Path) {
    Connection::open(path).unwrap().execute_batch(sql).unwrap();
}

/// JSON as it is stored in a file.
pub(super) fn pretty(value: &Value) -> String {
    serde_json::to_string_pretty(value).unwrap() + "\n"
}

/// An object of named values.
pub(super) fn object<T: Into<Value>>(linked_accounts: impl IntoIterator<Item = (String, T)>) -> Value {
    Value::Object(linked_accounts.into_iter().map(|(name, value)| (name, value.into())).collect::<Map<_, _>>())
}
