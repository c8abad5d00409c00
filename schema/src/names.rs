//! Every name that several programs share: tables, attributes, queues, environment variables. The names are defined
//! only here; `names.json` for Terraform is made from this list.

/// A name and its description.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Described {
    /// The name.
    pub name: &'static str,
    /// The description, one sentence.
    pub meaning: &'static str,
}

/// Constants with their documentation, and a list of both for the reference.
macro_rules! described {
    ($($(#[doc = $meaning:literal])+ $constant:ident = $name:literal;)+) => {
        $($(#[doc = $meaning])+ pub const $constant: &str = $name;)+

        /// All of them.
        pub const ALL: &[super::Described] =
            &[$(super::Described { name: $name, meaning: concat!($($meaning),+).trim_ascii_start() }),+];
    };
}

/// Tables, without the deployment's prefix.
pub mod table {
    described! {
        /// Users: two items each, `profile` and `credentials`. Replicated.
        USERS = "users";
        /// Ownerships of identifiers by blind index. Derived in each region.
        IDENTIFIERS = "identifiers";
        /// The users that are merged into each user. Derived in each region.
        LINKED_ACCOUNTS = "linked_accounts";
        /// Companies: API keys' hashes, public keys, scopes, trust.
        COMPANIES = "companies";
        /// Wrapped secrets, peers and their KMS keys.
        SETTINGS = "settings";
        /// Request ids that were seen. TTL.
        REPLAYS = "replays";
        /// Outcomes by idempotency key. TTL.
        IDEMPOTENCY = "idempotency";
        /// Events of sources with sealed payloads, and marks of users whom sources deleted. TTL; each region has its own.
        INBOX = "inbox";
        /// Failed logins, remembered devices, and counts of requests. TTL; each region has its own.
        ATTEMPTS = "attempts";
        /// Conflicts, merges and unmerges. Append-only, replicated.
        JOURNAL = "journal";
        /// Erasures. Append-only, replicated.
        RECEIPTS = "receipts";
        /// Security events. Append-only, replicated.
        AUDIT = "audit";
        /// Events for companies: what changed about their users, by names. Append-only, replicated, TTL.
        EVENTS = "events";
        /// The accounts that targets have for users: what was sent, and what went wrong. Replicated.
        TARGET_ACCOUNTS = "target_accounts";
        /// Sessions, consents, subjects and families of refresh tokens, by user. Replicated, TTL.
        ACCESS = "access";
        /// Checkpoints of anti-entropy passes and of jobs.
        CHECKPOINTS = "checkpoints";
        /// What waits to be sent to foreign systems, by target and user. Each region has its own.
        DUE = "due";
    }
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
    /// Proof that the deployment wrote the item.
    pub const PROOF: &str = "proof";
    /// Message id inside the envelope.
    pub const MID: &str = "mid";
    /// Account status.
    pub const STATUS: &str = "status";
    /// Registration, Unix milliseconds.
    pub const CREATED_AT: &str = "created_at";
    /// Ownerships by blind index.
    pub const OWNERSHIPS: &str = "ownerships";
    /// Linked companies.
    pub const LINKS: &str = "links";
    /// In a link: when it began, Unix milliseconds.
    pub const SINCE: &str = "since";
    /// In a link: day of the last login, days since 1970-01-01.
    pub const LAST_LOGIN_DAY: &str = "last_login_day";
    /// What the write of a part changed, by names, for the feed.
    pub const NOTICED: &str = "noticed";
    /// In the receipt of an erasure: the companies that the user was linked to, for the feed.
    pub const COMPANIES: &str = "companies";
    /// In the receipt of an erasure: the targets that had an account of the user, or may have had one.
    pub const TARGETS: &str = "targets";
    /// Primary account of a duplicate.
    pub const MERGED_INTO: &str = "merged_into";
    /// Sort key of `linked_accounts`: the user whose pointer names the partition key's user.
    pub const LINKED: &str = "linked";
    /// In rows about merges: the user that the pointer names.
    pub const SURVIVOR: &str = "survivor";
    /// In rows about merges: the user with the pointer.
    pub const DUPLICATE: &str = "duplicate";
    /// In receipts: the users that were erased together.
    pub const TOGETHER: &str = "together";
    /// In rows about an identifier that two users own: the other one.
    pub const RIVAL: &str = "rival";
    /// Kind of identifier, or of event.
    pub const KIND: &str = "kind";
    /// Version of the blind index key.
    pub const KEY_VERSION: &str = "key_version";
    /// When the user first owned an identifier, Unix milliseconds.
    pub const OWNED_SINCE: &str = "owned_since";
    /// Region in which the user first owned an identifier.
    pub const REGION: &str = "region";
    /// Whether a trusted company verified an identifier.
    pub const VERIFIED: &str = "verified";
    /// Company of an external id.
    pub const COMPANY: &str = "company";
    /// Partition key of `identifiers`.
    pub const INDEX: &str = "index";
    /// Owners by user id.
    pub const OWNERS: &str = "owners";
    /// Sort key of append-only tables.
    pub const KEY: &str = "key";
    /// HLC timestamp of an append-only row.
    pub const AT: &str = "at";
    /// The rest of an append-only row.
    pub const FIELDS: &str = "fields";
    /// The content of a checkpoint; in a link, whether the company serves the user.
    pub const STATE: &str = "state";
    /// A JSON document (companies, settings, idempotency, inbox, due).
    pub const DOCUMENT: &str = "document";
    /// The number of counted attempts.
    pub const COUNT: &str = "count";
    /// When the next attempt is accepted, Unix milliseconds.
    pub const LOCKED_UNTIL: &str = "locked_until";
    /// Sort key of `target_accounts`: the target.
    pub const TARGET: &str = "target";
    /// In `due`: when a row is due, Unix milliseconds.
    pub const DUE_AT: &str = "due_at";
    /// When DynamoDB may delete the item, Unix seconds.
    pub const EXPIRES_AT: &str = "expires_at";
}

/// Queues, without the deployment's prefix.
pub mod queue {
    described! {
        /// Changes that a peer has not accepted; one queue per peer, `retry-<peer>`.
        RETRY = "retry";
        /// Parts whose data key some region has not wrapped.
        KEYS = "keys";
        /// Pairs of users that may be one person.
        MERGES = "merges";
        /// Events of sources that wait in the table `inbox`.
        INGEST = "ingest";
        /// Foreign systems for which something is due, by their settings.
        DELIVER = "deliver";
        /// Stream records and messages that no function can process.
        QUARANTINED = "quarantined";
    }

    /// The name of the queue for one peer.
    pub fn retry(peer: &crate::Region) -> String {
        format!("{RETRY}-{peer}")
    }
}

/// Topics, without the deployment's prefix.
pub mod topic {
    described! {
        /// The keys of events that the region accepted: rings the queue `ingest`, and what an operator subscribes.
        ACCEPTED = "accepted-events";
    }
}

/// The suffix of the name of a dead-letter queue, after the name of its queue.
pub const DEAD_LETTERS: &str = "-dead";

/// The documents in the table of settings.
pub mod setting {
    described! {
        /// The deployment's wrapped secrets; `umoja init` writes it, the same in every region.
        SECRETS = "secrets";
        /// The deployment's regions; `umoja init` and `umoja region` write it, the same in every region.
        REGIONS = "regions";
        /// The retention of the audit trail; `umoja audit keep` writes it, the same in every region.
        AUDIT = "audit";
        /// The public keys that have signed answers and sign none any more; `umoja rotate signing-key` writes it, the same in
        /// every region.
        RETIRED_KEYS = "retired-keys";
        /// The retention of events; `umoja events keep` writes it, the same in every region.
        EVENTS = "events";
        /// A source, one document for each, `source/<id>`; `umoja source` writes it, the same in every region.
        SOURCE = "source";
        /// A target, one document for each, `target/<id>`; `umoja target` writes it, the same in every region.
        TARGET = "target";
        /// A webhook, one document for each, `webhook/<id>`; `umoja webhook` writes it, the same in every region.
        WEBHOOK = "webhook";
        /// A client, one document for each, `client/<id>`; `umoja client` writes it, the same in every region.
        CLIENT = "client";
        /// A provider at which persons sign in, one document for each, `provider/<id>`; `umoja provider` writes it, the same in every region.
        PROVIDER = "provider";
        /// The keys that sign the tokens of single sign-on, one document for each algorithm, `oidc-keys/<alg>`; `umoja init` and
        /// `umoja rotate oidc-key` write it, the same in every region.
        OIDC_KEYS = "oidc-keys";
        /// The infrastructure of this region; Terraform writes it, and it differs in each region.
        INFRASTRUCTURE = "infrastructure";
    }
}

/// Functions, without the deployment's prefix.
pub mod function {
    described! {
        /// The API.
        API = "api";
        /// Replicates from the streams to the peers.
        REPLICATOR = "replicator";
        /// Makes events for companies from the streams, and rings for webhooks and targets.
        FEED = "feed";
        /// Posts events to webhooks, and brings the accounts of targets up to date.
        DELIVER = "deliver";
        /// Rings again for webhooks and targets at which something is due, by a schedule.
        RECONCILE_TARGETS = "reconcile-targets";
        /// Drains the retry queues, by a schedule.
        RECONCILE_WRITES = "reconcile-writes";
        /// Wraps data keys for regions that lack them, by a schedule.
        RECONCILE_KEYS = "reconcile-keys";
        /// Merges users that two trusted companies verified as one person, by a schedule.
        RECONCILE_MERGES = "reconcile-merges";
        /// Compares the region with its peers, by a schedule, and repairs the differences.
        ANTI_ENTROPY = "anti-entropy";
        /// Accepts the events of sources.
        INGEST = "ingest";
        /// Applies the events of sources, and rings again for those that wait, by a schedule.
        INGEST_WORKER = "ingest-worker";
        /// The SCIM server.
        SCIM = "scim";
        /// Single sign-on: what browsers and clients call.
        OIDC = "oidc";
    }
}

/// Functions of a user pool of Amazon Cognito, in the region of the pool.
pub mod pool_function {
    described! {
        /// Answers the triggers of the pool.
        COGNITO = "cognito";
        /// Compares the pool with the store, by a schedule, and repairs what only one of them has.
        RECONCILE_SOURCES = "reconcile-sources";
    }
}

/// Environment variables of the functions. Lambda itself sets the region (`AWS_REGION`).
pub mod environment {
    described! {
        /// The deployment's prefix of table, queue and role names.
        PREFIX = "UMOJA_PREFIX";
        /// An endpoint for a region's AWS services: `UMOJA_ENDPOINT_<REGION>` with hyphens as underscores, upper case.
        ENDPOINT = "UMOJA_ENDPOINT";
        /// The source of the user pool whose triggers the function answers.
        SOURCE = "UMOJA_SOURCE";
        /// An endpoint for Amazon Cognito's user pools, where it is another than that of the region's services.
        USER_POOLS = "UMOJA_USER_POOLS";
        /// How long a write waits for the keys of peers to wrap its data keys, in milliseconds. 0 in a network that
        /// reaches only its own region.
        PEER_WRAP_BUDGET_MS = "UMOJA_PEER_WRAP_BUDGET_MS";
        /// The ARN of the topic through which the function `ingest` rings the queue of events.
        TOPIC = "UMOJA_TOPIC";
        /// `true` lets the function `deliver` call webhooks and targets on its own machine, without TLS too: for
        /// an emulator of AWS, and never by default.
        OUTBOUND_LOOPBACK = "UMOJA_OUTBOUND_LOOPBACK";
        /// The issuer of single sign-on, a URL without a trailing slash that leads to all regions. Without it the function
        /// `oidc` serves nothing.
        ISSUER = "UMOJA_ISSUER";
        /// The address from which the functions `api` and `oidc` send mail by SES. Without it they send none.
        MAIL_FROM = "UMOJA_MAIL_FROM";
    }
}

/// Metrics, by their names in CloudWatch, where all have the dimension [`metric::DEPLOYMENT`]. Other collectors get the
/// names as `umoja_runtime::exporter` writes them.
pub mod metric {
    /// The namespace.
    pub const NAMESPACE: &str = "Umoja";
    /// The dimension: the deployment's prefix.
    pub const DEPLOYMENT: &str = "Deployment";
    /// The kind of a metric.
    #[derive(Debug, Clone, Copy, PartialEq, Eq)]
    pub enum Kind {
        /// A number that only grows.
        Counter,
        /// The current value of a number.
        Gauge,
        /// The distribution of values.
        Histogram,
    }

    /// The description of a metric for collectors.
    #[derive(Debug, Clone, Copy, PartialEq, Eq)]
    pub struct Metric {
        /// The name in CloudWatch.
        pub name: &'static str,
        /// The kind.
        pub kind: Kind,
        /// The CloudWatch unit: `Count` or `Milliseconds`.
        pub unit: &'static str,
        /// A description of the value.
        pub help: &'static str,
        /// The programs that record it.
        pub recorded_by: &'static [Program],
    }

    /// A program that records metrics.
    #[derive(Debug, Clone, Copy, PartialEq, Eq)]
    pub enum Program {
        /// The API, as a function and in `umoja serve`.
        Api,
        /// Replicator, feed, reconcilers and anti-entropy, as functions and in `umoja serve --dir`.
        Background,
        /// `umoja serve --dir` alone: in AWS, CloudWatch has these metrics from SQS.
        Directory,
        /// Functions alone: a directory has no user pool.
        Function,
    }

    /// The metrics that at least one of these programs records.
    pub fn recorded_by(programs: &[Program]) -> Vec<Metric> {
        let is_recorded = |metric: &&Metric| metric.recorded_by.iter().any(|program| programs.contains(program));
        ALL.iter().filter(is_recorded).copied().collect()
    }

    macro_rules! metrics {
        ($($(#[doc = $help:literal])+ $constant:ident = $name:literal, $kind:ident, $unit:literal, [$($by:ident),+];)+) => {
            $($(#[doc = $help])+ pub const $constant: &str = $name;)+

            /// All of them.
            pub const ALL: &[Metric] = &[$(Metric {
                name: $name,
                kind: Kind::$kind,
                unit: $unit,
                help: concat!($($help),+).trim_ascii_start(),
                recorded_by: &[$(Program::$by),+],
            }),+];
        };
    }

    metrics! {
        /// Requests that were rejected because their company or source had made too many.
        RATE_LIMITED_REQUESTS = "RateLimitedRequests", Counter, "Count", [Api];
        /// Reservations of requests that the table of attempts did not answer.
        UNCOUNTED_REQUESTS = "UncountedRequests", Counter, "Count", [Api];
        /// Password reset tokens that Umoja did not make.
        FORGED_RESET_TOKENS = "ForgedResetTokens", Counter, "Count", [Api];
        /// Outcomes under idempotency keys that could not be read or verified.
        UNVERIFIED_OUTCOMES = "UnverifiedOutcomes", Counter, "Count", [Api];
        /// Attempts at a password that failed.
        LOGIN_FAILURES = "LoginFailures", Counter, "Count", [Api];
        /// Attempts that were rejected because of others with the same identifier.
        LOCKED_IDENTIFIERS = "LockedIdentifiers", Counter, "Count", [Api];
        /// Attempts that were rejected because of others at the same person.
        LOCKED_PERSONS = "LockedPersons", Counter, "Count", [Api];
        /// Attempts that were rejected because of others from the same client.
        LOCKED_CLIENTS = "LockedClients", Counter, "Count", [Api];
        /// Clients from which attempts with many identifiers failed.
        STUFFING_CLIENTS = "StuffingClients", Counter, "Count", [Api];
        /// Attempts at a password that could not be counted.
        UNCOUNTED_LOGINS = "UncountedLogins", Counter, "Count", [Api];
        /// Questions to old systems of companies.
        OLD_SYSTEM_QUESTIONS = "OldSystemQuestions", Counter, "Count", [Api];
        /// Questions to which an old system gave no answer.
        OLD_SYSTEM_FAILURES = "OldSystemFailures", Counter, "Count", [Api];
        /// Questions that were not asked, because the old system is out.
        OLD_SYSTEM_SKIPPED = "OldSystemSkipped", Counter, "Count", [Api];
        /// Passwords that an old system verified, and that Umoja has kept.
        PASSWORDS_LEARNT = "PasswordsLearnt", Counter, "Count", [Api];
        /// Time from the HLC timestamp of a write to its arrival at the peers.
        REPLICATION_LAG = "ReplicationLag", Histogram, "Milliseconds", [Background];
        /// Items that a peer accepted.
        REPLICATIONS_SENT = "ReplicationsSent", Counter, "Count", [Background];
        /// Items that went into a retry queue.
        REPLICATIONS_QUEUED = "ReplicationsQueued", Counter, "Count", [Background];
        /// Records and messages that were quarantined for an operator.
        QUARANTINED = "Quarantined", Counter, "Count", [Background];
        /// Parts that lack a wrapped key, as the last anti-entropy pass found them.
        MISSING_WRAPPED_KEYS = "MissingWrappedKeys", Gauge, "Count", [Background];
        /// Parts, rows and ownerships that anti-entropy passes repaired.
        ANTI_ENTROPY_REPAIRS = "AntiEntropyRepairs", Counter, "Count", [Background];
        /// Items that anti-entropy passes could not compare or repair.
        ANTI_ENTROPY_UNREPAIRED = "AntiEntropyUnrepaired", Counter, "Count", [Background];
        /// Age of the oldest of a region's last anti-entropy passes that came to their end.
        ANTI_ENTROPY_AGE = "AntiEntropyAge", Gauge, "Milliseconds", [Background];
        /// States of erased users that sources sent, and that were ignored.
        ERASED_KEPT_OUT = "ErasedKeptOut", Counter, "Count", [Background];
        /// Events of sources that cannot be applied and are parked for an operator.
        PARKED_EVENTS = "ParkedEvents", Counter, "Count", [Background];
        /// Age of the oldest event of a source that a region accepted and has not applied; 0 if none waits.
        OLDEST_WAITING_EVENT = "OldestWaitingEvent", Gauge, "Milliseconds", [Background];
        /// Events that webhooks have accepted.
        WEBHOOK_DELIVERIES = "WebhookDeliveries", Counter, "Count", [Background];
        /// Calls of webhooks that failed and are repeated.
        WEBHOOK_FAILURES = "WebhookFailures", Counter, "Count", [Background];
        /// Events that webhooks did not accept within three days, and that wait for an operator.
        FAILED_WEBHOOK_EVENTS = "FailedWebhookEvents", Counter, "Count", [Background];
        /// Time since the oldest event was to be posted that a webhook of a region has not accepted; 0 if none waits.
        OLDEST_WEBHOOK_EVENT = "OldestWebhookEvent", Gauge, "Milliseconds", [Background];
        /// Accounts of targets that deliveries found or brought up to date.
        TARGET_DELIVERIES = "TargetDeliveries", Counter, "Count", [Background];
        /// Deliveries to targets that failed.
        TARGET_FAILURES = "TargetFailures", Counter, "Count", [Background];
        /// Removals of accounts that wait for an operator, because there were too many in an hour.
        HELD_REMOVALS = "HeldRemovals", Counter, "Count", [Background];
        /// Deliveries at which a target had an account with the same values that is not the user's.
        TARGET_CONFLICTS = "TargetConflicts", Counter, "Count", [Background];
        /// Time since the oldest account was due at a target of a region that is not paused; 0 if none is.
        OLDEST_DUE = "OldestDue", Gauge, "Milliseconds", [Background];
        /// Notices of logouts that clients have accepted.
        LOGOUT_NOTICES = "LogoutNotices", Counter, "Count", [Background];
        /// Notices of logouts that clients did not accept and that are sent again.
        LOGOUT_NOTICE_FAILURES = "LogoutNoticeFailures", Counter, "Count", [Background];
        /// Notices of logouts that clients rejected, or did not accept within three days: they are not informed.
        GIVEN_UP_LOGOUT_NOTICES = "GivenUpLogoutNotices", Counter, "Count", [Background];
        /// Time since the oldest session ended of which a region still has to inform a client; 0 if there is none.
        OLDEST_LOGOUT_NOTICE = "OldestLogoutNotice", Gauge, "Milliseconds", [Background];
        /// Events that sources posted in the query string of a GET, which ends with their old system.
        LEGACY_EVENTS = "LegacyEvents", Counter, "Count", [Background];
        /// Events that the feed made for companies.
        EVENTS_MADE = "EventsMade", Counter, "Count", [Background];
        /// Calls to a KMS that failed, of any region.
        KMS_ERRORS = "KmsErrors", Counter, "Count", [Api, Background];
        /// Users of a user pool whom the store did not have, as the last comparison found them.
        ONLY_IN_POOL = "OnlyInPool", Gauge, "Count", [Function];
        /// Users of the store whom their user pool did not have any more, as the last comparison found them.
        ONLY_IN_STORE = "OnlyInStore", Gauge, "Count", [Function];
        /// Messages in a region's queues, by queue and state.
        QUEUED_MESSAGES = "QueuedMessages", Gauge, "Count", [Directory];
        /// Changes of a region that its stream has not replicated yet.
        WAITING_CHANGES = "WaitingChanges", Gauge, "Count", [Directory];
        /// Age of the oldest of a region's changes that its stream has not replicated yet; 0 if none waits.
        OLDEST_WAITING_CHANGE = "OldestWaitingChange", Gauge, "Milliseconds", [Directory];
    }
}
