//! The requirements on the infrastructure: `names.json`, made from the names that the programs are compiled with and
//! the list of replicated tables.

use std::collections::BTreeMap;

use serde_json::{Map, Value, json};

use crate::TargetRequest;
use crate::events::READ_BY_FEED;
use crate::names::{
    DEAD_LETTERS, attribute, environment, function, metric, pool_function, queue, setting, table, topic,
};
use crate::replicated::{self, Replicated};

/// The tables of a deployment with these replicated tables: name, keys, whether there is a stream, the rule of
/// replication, the attribute of expiry, and whose writes the feed reads.
pub fn tables(replicated: &[&Replicated]) -> Map<String, Value> {
    let linked_keys = json!({ "hash_key": attribute::ID, "range_key": attribute::LINKED });
    let id = |name: &str| json!({ "hash_key": name });
    let streamed = |table: &&Replicated| {
        let keys = json!({ "hash_key": attribute::ID, "range_key": table.sort_key });
        let mut described = json!({ "keys": keys, "stream": true, "rule": table.rule.name() });
        if let Some(ttl) = table.ttl {
            described["ttl"] = ttl.into();
        }
        if let Some((_, whose)) = READ_BY_FEED.iter().find(|(name, _)| *name == table.name) {
            described["fed"] = (*whose).into();
        }
        (table.name.to_owned(), described)
    };
    let own = [
        (table::IDENTIFIERS, json!({ "keys": id(attribute::INDEX), "stream": false })),
        (table::LINKED_ACCOUNTS, json!({ "keys": linked_keys, "stream": false })),
        (table::COMPANIES, json!({ "keys": id(attribute::ID), "stream": false })),
        (table::SETTINGS, json!({ "keys": id(attribute::ID), "stream": false })),
        (table::REPLAYS, json!({ "keys": id(attribute::ID), "stream": false, "ttl": attribute::EXPIRES_AT })),
        (table::IDEMPOTENCY, json!({ "keys": id(attribute::ID), "stream": false, "ttl": attribute::EXPIRES_AT })),
        (table::INBOX, json!({ "keys": id(attribute::ID), "stream": false, "ttl": attribute::EXPIRES_AT })),
        (table::ATTEMPTS, json!({ "keys": id(attribute::ID), "stream": false, "ttl": attribute::EXPIRES_AT })),
        (table::CHECKPOINTS, json!({ "keys": id(attribute::ID), "stream": false })),
        (table::DUE, json!({ "keys": { "hash_key": attribute::ID, "range_key": attribute::KEY }, "stream": false })),
    ];
    replicated.iter().map(streamed).chain(own.map(|(name, table)| (name.to_owned(), table))).collect()
}

/// The metrics that functions record, with their units.
fn units() -> BTreeMap<&'static str, &'static str> {
    let recorded = metric::ALL.iter().filter(|metric| metric.recorded_by != [metric::Program::Directory]);
    recorded.map(|metric| (metric.name, metric.unit)).collect()
}

/// `names.json`: the names that Terraform needs.
pub fn document() -> Value {
    json!({
        "tables": tables(&replicated::ALL),
        "origin": attribute::ORIGIN,
        "requests": TargetRequest::PREFIX,
        "document": attribute::DOCUMENT,
        "settings": {
            "secrets": setting::SECRETS,
            "regions": setting::REGIONS,
            "infrastructure": setting::INFRASTRUCTURE,
        },
        "queues": {
            "retry": queue::RETRY,
            "keys": queue::KEYS,
            "merges": queue::MERGES,
            "ingest": queue::INGEST,
            "deliver": queue::DELIVER,
            "quarantined": queue::QUARANTINED,
        },
        "dead_letters": DEAD_LETTERS,
        "topics": { "accepted": topic::ACCEPTED },
        "functions": function::ALL.iter().map(|function| function.name).collect::<Vec<_>>(),
        "pool_functions": pool_function::ALL.iter().map(|function| function.name).collect::<Vec<_>>(),
        "environment": {
            "prefix": environment::PREFIX,
            "endpoint": environment::ENDPOINT,
            "topic": environment::TOPIC,
            "outbound_loopback": environment::OUTBOUND_LOOPBACK,
            "issuer": environment::ISSUER,
            "mail_from": environment::MAIL_FROM,
            "source": environment::SOURCE,
            "user_pools": environment::USER_POOLS,
            "peer_wrap_budget_ms": environment::PEER_WRAP_BUDGET_MS,
        },
        "metrics": {
            "namespace": metric::NAMESPACE,
            "dimension": metric::DEPLOYMENT,
            "units": units(),
        },
    })
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    /// The committed document is what this code generates. `UPDATE=1 cargo test -p umoja-schema infrastructure`
    /// regenerates it.
    #[test]
    fn the_committed_names_are_up_to_date() {
        let path = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("generated/names.json");
        let text = serde_json::to_string_pretty(&document()).unwrap() + "\n";
        if std::env::var_os("UPDATE").is_some() {
            std::fs::write(&path, &text).unwrap();
        }
        let stored = std::fs::read_to_string(&path).unwrap_or_default();
        assert!(stored == text, "run UPDATE=1 cargo test -p umoja-schema infrastructure");
    }

    #[test]
    fn the_tables_with_a_stream_are_the_replicated_ones() {
        let document = document();
        let tables = document["tables"].as_object().unwrap();
        let with_stream: BTreeSet<&str> =
            tables.iter().filter(|(_, table)| table["stream"] == true).map(|(name, _)| name.as_str()).collect();
        assert_eq!(with_stream, replicated::ALL.iter().map(|table| table.name).collect());
        for table in replicated::ALL {
            assert_eq!(tables[table.name]["keys"], json!({ "hash_key": "id", "range_key": table.sort_key }));
        }
    }
}
