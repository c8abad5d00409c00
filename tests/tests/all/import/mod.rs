//! Users of another system, imported into one region of two.

mod conflicts;
mod factors;
mod kills;
mod matched;
mod recorded;
mod restore;
mod rows;
mod two_people;
mod usable;

use std::sync::Arc;

use sha2::{Digest as _, Sha256};
use umoja_crypto::legacy::{Digest, ForeignHash, HashKeys, Step};
use umoja_crypto::{EngineChoice, Params, Passwords};
use umoja_migrate::Row;
use umoja_migrate::import::{Done, Failed, Hashing, Importer, Outcome, Streak};
use umoja_schema::{Credentials, Identity, Part, PartRecord, UserId};
use umoja_tests::caller::Caller;
use umoja_tests::deployment::Deployment;
use umoja_tests::world::run;

/// From the test of crypt_blowfish: the password is `U*U`.
pub(crate) const BCRYPT: &str = "$2a$05$CCCCCCCCCCCCCCCCCCCCC.E5YPO9kmyuRGyh0XouQYb4YMJKvyOeW";
pub(crate) const BCRYPT_PASSWORD: &str = "U*U";

/// Runs a story over a deployment of two regions.
fn story(seed: u64, story: impl AsyncFnOnce(Deployment)) {
    run(async { story(Deployment::new(seed).await).await });
}

/// The importer of a company's users into a region.
pub(crate) async fn importer(d: &Deployment, at: usize, company: &Caller) -> Importer {
    let region = &d.world.regions[at];
    let params = Params { m_kib: 8, t: 1, p: 1 };
    let passwords = Passwords::new(params, EngineChoice::Reference, None).unwrap();
    let id = company.id.parse().unwrap();
    Importer {
        people: region.people(),
        hashing: Hashing::Inline(Arc::new(passwords)),
        keys: HashKeys::default(),
        company: Arc::new(region.tables.registry.company(&id).await.unwrap().unwrap()),
        dry_run: false,
        is_strict: false,
        site: None,
        streak: Streak::default(),
    }
}

/// A user of the other system, with an e-mail address that it has verified.
pub(crate) fn row(external_id: &str, email: &str) -> Row {
    let mut row = Row { line: 1, external_id: Some(external_id.into()), ..Row::default() };
    (row.email, row.email_verified) = (Some(email.into()), true);
    row
}

pub(crate) fn with_hash(row: Row, hash: ForeignHash) -> Row {
    Row { hash: Some(hash), ..row }
}

pub(crate) fn bcrypt() -> ForeignHash {
    ForeignHash::parse(BCRYPT).unwrap()
}

/// A fast hash.
pub(crate) fn sha256(password: &str) -> ForeignHash {
    ForeignHash::chain(&[Step::plain(Digest::Sha256)], None, &[], &Sha256::digest(password)).unwrap()
}

pub(crate) fn outcome(done: Result<Done, Failed>) -> Outcome {
    done.unwrap().outcome
}

/// The user with the company's external id, as a region stores it.
pub(crate) async fn found(d: &Deployment, at: usize, company: &Caller, external_id: &str) -> UserId {
    let body = serde_json::json!({ "external_id": external_id });
    d.call_as(company, at, "lookup", body).await.ok(200).id().parse().unwrap()
}

pub(crate) async fn part(d: &Deployment, at: usize, id: UserId, part: Part) -> PartRecord {
    d.world.regions[at].tables.users.part(id, part).await.unwrap().unwrap()
}

pub(crate) async fn credentials(d: &Deployment, at: usize, id: UserId) -> Credentials {
    d.world.regions[at].sealer.open(&part(d, at, id, Part::Credentials).await).await.unwrap()
}

pub(crate) async fn identity(d: &Deployment, at: usize, id: UserId) -> Identity {
    d.world.regions[at].sealer.open(&part(d, at, id, Part::Profile).await).await.unwrap()
}

/// Everything that a region stores about users.
pub(crate) async fn everything(d: &Deployment, at: usize) -> Vec<PartRecord> {
    d.world.regions[at].tables.users.scan(None, 10_000).await.unwrap().whole().unwrap().records
}
