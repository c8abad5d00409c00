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
    /// Failed logins, remembered devices, and what is counted of requests. TTL; each region has its own.
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
    /// Sort key of `members`: the user that points at the partition key's.
    pub const MEMBER: &str = "member";
    /// In rows about merges: the user that is pointed at.
    pub const SURVIVOR: &str = "survivor";
    /// In rows about merges: the user that points.
    pub const DUPLICATE: &str = "duplicate";
    /// In receipts: the users that were erased together.
    pub const TOGETHER: &str = "together";
    /// In rows about an identifier that two users claim: the other one.
    pub const RIVAL: &str = "rival";
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
    /// The state of a sweep.
    pub const STATE: &str = "state";
    /// A JSON document (companies, settings, idempotency).
    pub const DOCUMENT: &str = "document";
    /// How many attempts were counted.
    pub const COUNT: &str = "count";
    /// Until when no further attempt is let through, Unix milliseconds.
    pub const LOCKED_UNTIL: &str = "locked_until";
    /// When DynamoDB may delete the item, Unix seconds.
    pub const EXPIRES_AT: &str = "expires_at";
}

/// Queues, without the deployment's prefix.
pub mod queue {
    /// Copies that a peer has not taken; one queue per peer, `retry-<peer>`.
    pub const RETRY: &str = "retry";
    /// The name of the queue for one peer.
    pub fn retry(peer: &crate::Region) -> String {
        format!("{RETRY}-{peer}")
    }

    /// Parts whose data key some region has not wrapped.
    pub const KEYS: &str = "keys";
    /// Pairs of users that may be one person.
    pub const MERGES: &str = "merges";
    /// Stream records that cannot be handled.
    pub const PARKED: &str = "parked";
}

/// The queue of a queue's dead letters is named like it, with this after it.
pub const DEAD_LETTERS: &str = "-dead";

/// The documents in the table of settings.
pub mod setting {
    /// The deployment's wrapped secrets; `umoja init` writes it, the same in every region.
    pub const SECRETS: &str = "secrets";
    /// The deployment's regions; `umoja init` and `umoja region` write it, the same in every region.
    pub const REGIONS: &str = "regions";
    /// For how long the audit trail is kept; `umoja audit keep` writes it, the same in every region.
    pub const AUDIT: &str = "audit";
    /// What the infrastructure of this one region is; Terraform writes it, and each region's is its own.
    pub const INFRASTRUCTURE: &str = "infrastructure";
}

/// Functions, without the deployment's prefix.
pub mod function {
    /// The API.
    pub const API: &str = "api";
    /// From the streams to the peers.
    pub const REPLICATOR: &str = "replicator";
    /// Drains the retry queues, by a schedule.
    pub const RECONCILE_WRITES: &str = "reconcile-writes";
    /// Wraps data keys for regions that lack them, by a schedule.
    pub const RECONCILE_KEYS: &str = "reconcile-keys";
    /// Merges users that two trusted companies say are one person, by a schedule.
    pub const RECONCILE_MERGES: &str = "reconcile-merges";
    /// Compares the region with its peers, by a schedule, and mends what differs.
    pub const SWEEP: &str = "sweep";
}

/// Environment variables of the functions. The region is what Lambda itself says (`AWS_REGION`).
pub mod environment {
    /// The deployment's prefix of table, queue and role names.
    pub const PREFIX: &str = "UMOJA_PREFIX";
    /// An endpoint for a region's AWS services: `UMOJA_ENDPOINT_<REGION>` with hyphens as underscores, upper case.
    pub const ENDPOINT: &str = "UMOJA_ENDPOINT";
}

/// Metrics, by their names in CloudWatch, where all have the dimension [`metric::DEPLOYMENT`]. Other collectors get the
/// names as `umoja_runtime::exporter` writes them.
pub mod metric {
    /// The namespace.
    pub const NAMESPACE: &str = "Umoja";
    /// The dimension: the deployment's prefix.
    pub const DEPLOYMENT: &str = "Deployment";
    /// From the stamp of a write to its copies at the peers, milliseconds.
    pub const REPLICATION_LAG: &str = "ReplicationLag";
    /// Copies that a peer took.
    pub const COPIES_SENT: &str = "CopiesSent";
    /// Copies that went into a retry queue.
    pub const COPIES_QUEUED: &str = "CopiesQueued";
    /// Records and messages that nobody can handle.
    pub const PARKED: &str = "Parked";
    /// Parts that lack a wrapped key, as the last sweep found them.
    pub const MISSING_WRAPPED_KEYS: &str = "MissingWrappedKeys";
    /// What sweeps mended: parts, rows and claims that streams and queues have lost.
    pub const SWEEP_MENDED: &str = "SweepMended";
    /// Items that passes could not compare or mend.
    pub const SWEEP_UNHANDLED: &str = "SweepUnhandled";
    /// How long ago the oldest of a region's last sweeps began that came to their end, milliseconds.
    pub const SWEEP_AGE: &str = "SweepAge";
    /// Calls to a KMS that failed, of any region.
    pub const KEY_ERRORS: &str = "KeyErrors";
    /// Attempts at a password that failed.
    pub const LOGIN_FAILURES: &str = "LoginFailures";
    /// Attempts that were refused because of others with the same identifier.
    pub const LOCKED_IDENTIFIERS: &str = "LockedIdentifiers";
    /// Attempts that were refused because of others at the same person.
    pub const LOCKED_PERSONS: &str = "LockedPersons";
    /// Attempts that were refused because of others from the same client.
    pub const LOCKED_CLIENTS: &str = "LockedClients";
    /// Clients from which attempts with many identifiers failed.
    pub const STUFFING_CLIENTS: &str = "StuffingClients";
    /// Attempts that could not be counted.
    pub const UNCOUNTED_LOGINS: &str = "UncountedLogins";
    /// Requests that were refused because their company had made too many.
    pub const RATE_LIMITED_REQUESTS: &str = "RateLimitedRequests";
    /// Reservations of requests that the table of attempts did not answer: an instance counted for itself alone.
    pub const UNCOUNTED_REQUESTS: &str = "UncountedRequests";
    /// Password reset tokens that nobody made.
    pub const FORGED_TOKENS: &str = "ForgedResetTokens";
    /// Messages in a region's queues, dead letters too. Only `umoja serve --dir` records it: CloudWatch has SQS's own.
    pub const QUEUED_MESSAGES: &str = "QueuedMessages";

    /// What a metric is.
    #[derive(Debug, Clone, Copy, PartialEq, Eq)]
    pub enum Kind {
        /// A number that only grows.
        Counter,
        /// A number as it is now.
        Gauge,
        /// How often which values came.
        Histogram,
    }

    /// A metric as it is described to whoever collects it.
    #[derive(Debug, Clone, Copy, PartialEq, Eq)]
    pub struct Metric {
        /// The name in CloudWatch.
        pub name: &'static str,
        /// What it is.
        pub kind: Kind,
        /// The CloudWatch unit: `Count` or `Milliseconds`.
        pub unit: &'static str,
        /// What it counts or measures.
        pub help: &'static str,
    }

    const fn counter(name: &'static str, help: &'static str) -> Metric {
        Metric { name, kind: Kind::Counter, unit: "Count", help }
    }

    const fn gauge(name: &'static str, unit: &'static str, help: &'static str) -> Metric {
        Metric { name, kind: Kind::Gauge, unit, help }
    }

    /// All of them.
    pub const ALL: [Metric; 19] = [
        counter(RATE_LIMITED_REQUESTS, "Requests that were refused because their company had made too many."),
        counter(UNCOUNTED_REQUESTS, "Reservations of requests that the table of attempts did not answer."),
        counter(FORGED_TOKENS, "Password reset tokens that Umoja did not make."),
        counter(LOGIN_FAILURES, "Attempts at a password that failed."),
        counter(LOCKED_IDENTIFIERS, "Attempts that were refused because of others with the same identifier."),
        counter(LOCKED_PERSONS, "Attempts that were refused because of others at the same person."),
        counter(LOCKED_CLIENTS, "Attempts that were refused because of others from the same client."),
        counter(STUFFING_CLIENTS, "Clients from which attempts with many identifiers failed."),
        counter(UNCOUNTED_LOGINS, "Attempts at a password that could not be counted."),
        Metric {
            name: REPLICATION_LAG,
            kind: Kind::Histogram,
            unit: "Milliseconds",
            help: "Time from the stamp of a write to its copies at the peers.",
        },
        counter(COPIES_SENT, "Copies that a peer took."),
        counter(COPIES_QUEUED, "Copies that went into a retry queue."),
        counter(PARKED, "Records and messages that were parked for an operator."),
        gauge(MISSING_WRAPPED_KEYS, "Count", "Parts that lack a wrapped key, as the last sweep found them."),
        counter(SWEEP_MENDED, "Parts, rows and claims that sweeps mended."),
        counter(SWEEP_UNHANDLED, "Items that sweeps could not compare or mend."),
        gauge(SWEEP_AGE, "Milliseconds", "Age of the oldest of a region's last sweeps that came to their end."),
        counter(KEY_ERRORS, "Calls to a KMS that failed, of any region."),
        gauge(QUEUED_MESSAGES, "Count", "Messages in a region's queues, by queue and state."),
    ];
}
