//! Every name that more than one program has to agree on: tables, attributes, queues, environment variables.
//! The only place; `names.json` for Terraform is made from it.

/// Tables, without the deployment's prefix.
pub mod table {
    /// Users: two items each, `profile` and `credentials`. Replicated.
    pub const USERS: &str = "users";
    /// Claims on identifiers by blind index. Derived in each region.
    pub const IDENTIFIERS: &str = "identifiers";
    /// Which users are merged into which. Derived in each region.
    pub const MEMBERS: &str = "members";
    /// Companies: API keys' hashes, public keys, scopes, trust.
    pub const COMPANIES: &str = "companies";
    /// Wrapped secrets, peers and their KMS keys.
    pub const SETTINGS: &str = "settings";
    /// Request ids that were seen. TTL.
    pub const REPLAYS: &str = "replays";
    /// Outcomes by idempotency key. TTL.
    pub const IDEMPOTENCY: &str = "idempotency";
    /// Failed logins. TTL.
    pub const ATTEMPTS: &str = "attempts";
    /// Conflicts. Append-only, replicated.
    pub const JOURNAL: &str = "journal";
    /// Erasures. Append-only, replicated.
    pub const RECEIPTS: &str = "receipts";
    /// Security events. Append-only, replicated.
    pub const AUDIT: &str = "audit";
    /// State of the anti-entropy sweep.
    pub const SWEEPS: &str = "sweeps";
}

/// Attributes of items.
pub mod attribute {
    /// Partition key of tables of users.
    pub const ID: &str = "id";
    /// Sort key of `users`.
    pub const PART: &str = "part";
    /// Version of a part, sortable.
    pub const VERSION: &str = "version";
    /// Region that wrote it; event source mappings filter on it.
    pub const ORIGIN: &str = "origin";
    /// Envelope.
    pub const DATA: &str = "data";
    /// Wrapped data keys by region.
    pub const KEYS: &str = "keys";
    /// Message id inside the envelope.
    pub const MID: &str = "mid";
    /// Account status.
    pub const STATUS: &str = "status";
    /// Registration, Unix milliseconds.
    pub const CREATED_AT: &str = "created_at";
    /// Claims by blind index.
    pub const CLAIMS: &str = "claims";
    /// Linked companies.
    pub const LINKS: &str = "links";
    /// Root of a duplicate.
    pub const MERGED_INTO: &str = "merged_into";
    /// Kind of identifier, or of event.
    pub const KIND: &str = "kind";
    /// Version of the blind index key.
    pub const KEY_VERSION: &str = "key_version";
    /// When an identifier was claimed, Unix milliseconds.
    pub const CLAIMED_AT: &str = "claimed_at";
    /// Region in which an identifier was claimed.
    pub const REGION: &str = "region";
    /// Whether a trusted company verified an identifier.
    pub const VERIFIED: &str = "verified";
    /// Company of an external id.
    pub const COMPANY: &str = "company";
    /// Partition key of `identifiers`.
    pub const INDEX: &str = "index";
    /// Claimants by user id.
    pub const CLAIMANTS: &str = "claimants";
    /// Sort key of append-only tables.
    pub const KEY: &str = "key";
    /// Stamp of an append-only row.
    pub const AT: &str = "at";
    /// The rest of an append-only row.
    pub const FIELDS: &str = "fields";
    /// A JSON document (companies, settings, idempotency).
    pub const DOCUMENT: &str = "document";
    /// When DynamoDB may delete the item, Unix seconds.
    pub const EXPIRES_AT: &str = "expires_at";
}

/// Queues, without the deployment's prefix.
pub mod queue {
    /// Copies that a peer has not taken; one queue per peer, `retry-<peer>`.
    pub const RETRY: &str = "retry";
    /// Parts whose data key some region has not wrapped.
    pub const KEYS: &str = "keys";
    /// Stream records that cannot be handled.
    pub const PARKED: &str = "parked";
}

/// Environment variables of the functions.
pub mod environment {
    /// The deployment's prefix of table, queue and role names.
    pub const PREFIX: &str = "UMOJA_PREFIX";
    /// The own region.
    pub const REGION: &str = "UMOJA_REGION";
    /// The peers, comma-separated.
    pub const PEERS: &str = "UMOJA_PEERS";
    /// The region's base URL: the `aud` of requests.
    pub const BASE_URL: &str = "UMOJA_BASE_URL";
    /// An endpoint for a region's AWS services: `UMOJA_ENDPOINT_<REGION>` with hyphens as underscores, upper case.
    pub const ENDPOINT: &str = "UMOJA_ENDPOINT";
}

/// `names.json`: what Terraform needs of these names.
pub fn document() -> serde_json::Value {
    let user_keys = serde_json::json!({ "hash_key": attribute::ID, "range_key": attribute::PART });
    let log_keys = serde_json::json!({ "hash_key": attribute::ID, "range_key": attribute::KEY });
    let id = |name: &str| serde_json::json!({ "hash_key": name });
    serde_json::json!({
        "tables": {
            table::USERS: { "keys": user_keys, "stream": true },
            table::IDENTIFIERS: { "keys": id(attribute::INDEX), "stream": false },
            table::COMPANIES: { "keys": id(attribute::ID), "stream": false },
            table::SETTINGS: { "keys": id(attribute::ID), "stream": false },
            table::REPLAYS: { "keys": id(attribute::ID), "stream": false, "ttl": attribute::EXPIRES_AT },
            table::IDEMPOTENCY: { "keys": id(attribute::ID), "stream": false, "ttl": attribute::EXPIRES_AT },
            table::JOURNAL: { "keys": log_keys, "stream": true },
            table::RECEIPTS: { "keys": log_keys, "stream": true },
            table::AUDIT: { "keys": log_keys, "stream": true },
        },
        "origin": attribute::ORIGIN,
        "queues": { "retry": queue::RETRY, "keys": queue::KEYS, "parked": queue::PARKED },
        "environment": {
            "prefix": environment::PREFIX,
            "region": environment::REGION,
            "peers": environment::PEERS,
            "base_url": environment::BASE_URL,
            "endpoint": environment::ENDPOINT,
        },
    })
}
