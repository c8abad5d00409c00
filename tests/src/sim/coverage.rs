//! Counts which operation met which fault.

use std::collections::BTreeMap;

use umoja_store::faulty::Met;

use super::plan::{Call, Job, Service, Sign, Work};

/// All operations of a region.
pub const OPERATIONS: [&str; 35] = [
    "register",
    "lookup",
    "authenticate",
    "update",
    "password",
    "reset start",
    "reset finish",
    "status",
    "export",
    "erase",
    "erasure",
    "merge",
    "unmerge",
    "provision",
    "provisioning",
    "events",
    "why",
    "unlock",
    "rejected",
    "repeat",
    "guess",
    "corrected",
    "replicate",
    "drain",
    "repair",
    "backfill",
    "anti-entropy",
    "reload",
    "index key",
    "signing key",
    "reencrypt",
    "proof key",
    "item",
    "post",
    "ingest",
];

/// The number of times that each operation met each fault.
#[derive(Debug, Clone, Default)]
pub struct Coverage {
    counts: BTreeMap<(&'static str, &'static str), u64>,
    /// The events that providers posted and a region acknowledged.
    pub events: u64,
    /// What happened at single sign-on.
    pub signed: Signed,
}

/// What happened at single sign-on.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Signed {
    /// Families of refresh tokens that began.
    pub families: u64,
    /// Refreshes by their holders that were answered with tokens.
    pub refreshes: u64,
    /// Families that nothing had ended but the end of the run, and that were valid in every region then.
    pub honest: u64,
    /// Families that were seen to have two holders.
    pub stolen: u64,
}

/// The names of the faults that the calls of a service can meet.
const fn faults_of(service: Service) -> [&'static str; 4] {
    match service {
        Service::Tables => ["tables down", "tables: request lost", "tables: answer lost", "tables throttled"],
        Service::Kms => ["KMS down", "KMS: request lost", "KMS: answer lost", "KMS throttled"],
        Service::Requests => ["requests down", "requests: request lost", "requests: answer lost", "requests throttled"],
        Service::Retries => ["retries down", "retries: request lost", "retries: answer lost", "retries throttled"],
        Service::Repairs => ["repairs down", "repairs: request lost", "repairs: answer lost", "repairs throttled"],
        Service::Quarantined => {
            ["quarantining down", "quarantining: request lost", "quarantining: answer lost", "quarantining throttled"]
        }
        Service::Links => ["link cut", "link: request lost", "link: answer lost", "link throttled"],
        Service::Checkpoints => {
            ["checkpoints down", "checkpoints: request lost", "checkpoints: answer lost", "checkpoints throttled"]
        }
        Service::ProofKms => {
            ["proof KMS down", "proof KMS: request lost", "proof KMS: answer lost", "proof KMS throttled"]
        }
        Service::Ingest => ["events down", "events: request lost", "events: answer lost", "events throttled"],
        Service::Due => ["due down", "due: request lost", "due: answer lost", "due throttled"],
        Service::KmsLinks => ["KMS link cut", "KMS link: request lost", "KMS link: answer lost", "KMS link throttled"],
    }
}

/// Faults that do not belong to a service.
const OTHERS: [&str; 7] =
    ["killed", "raced", "clock wrong", "newer version", "delivered again", "reordered", "tampered"];

/// Every fault, in the order of the table.
pub fn faults() -> Vec<&'static str> {
    Service::ALL.into_iter().flat_map(faults_of).chain(OTHERS).collect()
}

/// The name of a job's operation.
pub const fn operation(job: &Job) -> &'static str {
    match job {
        Job::Call { call, .. } => match call {
            Call::Register { .. } => "register",
            Call::Lookup { .. } => "lookup",
            Call::Authenticate { .. } => "authenticate",
            Call::Update { .. } => "update",
            Call::Password { .. } => "password",
            Call::ResetStart { .. } => "reset start",
            Call::ResetFinish { .. } => "reset finish",
            Call::VerifyStart => "verify start",
            Call::VerifyFinish { .. } => "verify finish",
            Call::Status { .. } => "status",
            Call::Export => "export",
            Call::Erase { .. } => "erase",
            Call::Erasure => "erasure",
            Call::Merge { .. } => "merge",
            Call::Unmerge { .. } => "unmerge",
            Call::Provision { .. } => "provision",
            Call::Provisioning => "provisioning",
            Call::Events => "events",
            Call::Why => "why",
            Call::Unlock => "unlock",
            Call::Rejected => "rejected",
            Call::Repeat => "repeat",
            Call::Guess => "guess",
            Call::Corrected => "corrected",
        },
        Job::Replicate { .. } => "replicate",
        Job::Drain { .. } => "drain",
        Job::Repair { .. } => "repair",
        Job::Backfill { .. } => "backfill",
        Job::AntiEntropy { .. } => "anti-entropy",
        Job::Reload { .. } => "reload",
        Job::Operate { work: Work::IndexKey, .. } => "index key",
        Job::Operate { work: Work::SigningKey, .. } => "signing key",
        Job::Operate { work: Work::Reencrypt, .. } => "reencrypt",
        Job::Operate { work: Work::ProofKey, .. } => "proof key",
        Job::Item { .. } => "item",
        Job::Post { .. } => "post",
        Job::Ingest { .. } => "ingest",
        Job::Feed { .. } => "feed",
        Job::List { .. } => "list",
        Job::Ring { .. } => "ring",
        Job::Deliver { .. } => "deliver",
        Job::Hook { .. } => "hook",
        Job::Provision { .. } => "provision",
        Job::Sign { sign, .. } => match sign {
            Sign::In { .. } => "sign in",
            Sign::Redeem { .. } => "redeem",
            Sign::Refresh { .. } => "refresh",
            Sign::Steal { .. } => "steal",
            Sign::Use { .. } => "use",
            Sign::Out { .. } => "sign out",
            Sign::OutEverywhere => "sign out everywhere",
            Sign::Consent { .. } => "consent",
            Sign::Withdraw { .. } => "withdraw",
            Sign::Subject { .. } => "subject",
            Sign::Token | Sign::Keys => "token",
            Sign::Rotate => "oidc key",
            Sign::Inform | Sign::Deaf { .. } => "inform",
        },
    }
}

/// Whether an operation can meet a fault: it calls the service, or the service delivers to it, possibly twice.
pub fn possible(operation: &str, fault: &str) -> bool {
    let service = Service::ALL.into_iter().find(|service| faults_of(*service).contains(&fault));
    let Some(service) = service else {
        return match fault {
            "killed" | "raced" | "clock wrong" | "newer version" => true,
            "tampered" => matches!(operation, "anti-entropy" | "repeat"),
            _ => operation == "replicate",
        };
    };
    match operation {
        "replicate" => {
            matches!(
                service,
                Service::Tables | Service::Links | Service::Retries | Service::Repairs | Service::Quarantined
            )
        }
        "drain" => matches!(service, Service::Tables | Service::Links | Service::Retries | Service::Quarantined),
        "repair" => {
            matches!(service, Service::Tables | Service::Links | Service::Kms | Service::KmsLinks | Service::Repairs)
        }
        "backfill" => matches!(service, Service::Tables | Service::Links | Service::Repairs),
        "anti-entropy" => matches!(service, Service::Tables | Service::Links | Service::Repairs | Service::Checkpoints),
        "reload" | "signing key" => matches!(service, Service::Tables | Service::Kms | Service::KmsLinks),
        "index key" => matches!(service, Service::Tables | Service::Links | Service::Kms | Service::KmsLinks),
        "reencrypt" => {
            matches!(service, Service::Tables | Service::Links | Service::Kms | Service::KmsLinks | Service::Repairs)
        }
        "proof key" => matches!(service, Service::Tables | Service::Kms | Service::KmsLinks | Service::ProofKms),
        "item" => matches!(service, Service::Tables),
        "post" => matches!(service, Service::Tables | Service::Ingest),
        "ingest" => {
            matches!(service, Service::Tables | Service::Links | Service::Kms | Service::KmsLinks | Service::Ingest)
        }
        // These operations do not encrypt or decrypt.
        "erasure" | "events" | "list" => matches!(service, Service::Tables | Service::Requests),
        "feed" => matches!(service, Service::Tables | Service::Checkpoints),
        _ => matches!(service, Service::Tables | Service::Requests | Service::Kms | Service::KmsLinks),
    }
}

impl Coverage {
    /// Records that an operation met a fault.
    pub fn note(&mut self, operation: &'static str, fault: &'static str) {
        *self.counts.entry((operation, fault)).or_default() += 1;
    }

    /// Records the faults that an operation's calls of a service met.
    pub fn note_met(&mut self, operation: &'static str, service: Service, before: Met, after: Met) {
        let counts = |met: Met| [met.down, met.requests_lost, met.answers_lost, met.throttled];
        for ((fault, before), after) in faults_of(service).into_iter().zip(counts(before)).zip(counts(after)) {
            if after > before {
                self.note(operation, fault);
            }
        }
    }

    /// Adds the counts of another run.
    pub fn add(&mut self, other: &Self) {
        for (pair, count) in &other.counts {
            *self.counts.entry(*pair).or_default() += count;
        }
        self.events += other.events;
        self.signed.families += other.signed.families;
        self.signed.refreshes += other.signed.refreshes;
        self.signed.honest += other.signed.honest;
        self.signed.stolen += other.signed.stolen;
    }

    /// The number of times that an operation met a fault.
    pub fn count(&self, operation: &'static str, fault: &'static str) -> u64 {
        self.counts.get(&(operation, fault)).copied().unwrap_or_default()
    }

    /// The total of all counts.
    pub fn total(&self) -> u64 {
        self.counts.values().sum()
    }

    /// The possible pairs that did not happen.
    pub fn missing(&self) -> Vec<(&'static str, &'static str)> {
        let pairs =
            OPERATIONS.into_iter().flat_map(|operation| faults().into_iter().map(move |fault| (operation, fault)));
        pairs.filter(|(operation, fault)| possible(operation, fault) && self.count(operation, fault) == 0).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_fault_of_every_service_has_a_unique_name() {
        let mut names = faults();
        assert_eq!(names.len(), Service::ALL.len() * 4 + OTHERS.len());
        names.sort_unstable();
        names.dedup();
        assert_eq!(names.len(), Service::ALL.len() * 4 + OTHERS.len());
    }

    #[test]
    fn only_possible_pairs_are_reported_as_missing() {
        let mut coverage = Coverage::default();
        let all = coverage.missing().len();
        assert!(!coverage.missing().contains(&("lookup", "retries down")));
        coverage.note("lookup", "tables down");
        assert_eq!(coverage.missing().len(), all - 1);
    }
}
