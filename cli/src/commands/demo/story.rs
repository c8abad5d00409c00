//! The story: demonstrates the guarantees of the system over HTTP, one step at a time.

use serde_json::{Value, json};
use umoja_schema::{CompanyId, UserId};

use super::applications::{Applications, Login};
use super::narrator::{Narrator, Outcome, expect};
use super::sources::Sources;
use super::stage::{Stage, Who};
use super::targets::Targets;
use super::{factors, fed, on_time, pool, sign_on};
use crate::CliError;

/// The region where people register, and another region that serves them too.
const HERE: usize = 0;
const THERE: usize = 1;

/// A person of the story. Each run makes new ones, so that a directory can be used again.
struct Person {
    email: String,
    phone_number: String,
    password: String,
    given_name: &'static str,
}

impl Person {
    fn new(stage: &Stage, given_name: &'static str) -> Self {
        let random: [u8; 8] = stage.entropy.array();
        let tag = hex::encode(random);
        let digits = u64::from_be_bytes(random) % 10_000_000;
        Self {
            email: format!("{}.{tag}@example.com", given_name.to_lowercase()),
            phone_number: format!("+25471{digits:07}"),
            password: format!("{given_name} likes {tag}"),
            given_name,
        }
    }

    fn registration(&self) -> Value {
        json!({
            "email": self.email,
            "email_verified": true,
            "phone_number": self.phone_number,
            "password": self.password,
            "profile": { "given_name": self.given_name, "locale": "en-KE" },
        })
    }

    fn sign_on(&self) -> sign_on::Login<'_> {
        sign_on::Login { email: &self.email, password: &self.password, given_name: self.given_name }
    }

    fn login(&self) -> Value {
        json!({ "email": self.email, "password": self.password })
    }
}

/// A registered person.
struct User {
    person: Person,
    id: UserId,
    version: String,
}

/// What the story plays with, beside the regions.
pub(super) struct Cast<'a> {
    /// The company whose clients people sign in to.
    pub(super) company: &'a CompanyId,
    pub(super) sources: &'a Sources,
    pub(super) targets: &'a Targets,
    pub(super) applications: &'a Applications,
}

/// Plays all chapters. Returns the URL of a status page with a live ticket, and who can sign in.
pub(super) async fn play(
    stage: &Stage,
    cast: &Cast<'_>,
    narrator: &Narrator,
) -> Result<(String, Vec<Login>), CliError> {
    let Cast { company, sources, targets, applications } = cast;
    let amina = everywhere(stage, narrator).await?;
    let baraka = outage(stage, narrator, &amina).await?;
    key_service_out(stage, narrator).await?;
    two_companies(stage, narrator, &baraka).await?;
    disabled(stage, narrator, &baraka).await?;
    sign_on::play(stage, applications, &baraka.person.sign_on(), narrator, (HERE, THERE)).await?;
    passkey(stage, (company, applications), narrator).await?;
    fed::play(stage, sources, narrator, (HERE, THERE)).await?;
    pool::fed(stage, sources.pool(), narrator, (HERE, THERE)).await?;
    on_time::watched(stage, targets, narrator, (HERE, THERE)).await?;
    erased(stage, narrator, &amina).await?;
    let page = on_time::page(stage, targets, HERE).await?;
    the_end(stage, narrator).await?;
    let Person { email, password, .. } = baraka.person;
    Ok((page, vec![Login { email, password }]))
}

async fn passkey(
    stage: &Stage,
    (company, applications): (&CompanyId, &Applications),
    narrator: &Narrator,
) -> Result<(), CliError> {
    let eshe = Person::new(stage, "Eshe");
    stage.call(HERE, Who::Soko, "register", eshe.registration(), 201).await?;
    factors::play(stage, applications, (&eshe.sign_on(), company.as_str()), narrator, (HERE, THERE)).await
}

async fn register(stage: &Stage, region: usize, who: Who, person: Person) -> Result<(User, String), CliError> {
    let answer = stage.call(region, who, "register", person.registration(), 201).await?;
    let user = &answer.body["user"];
    let id = text(user, "id")?.parse().map_err(|_| CliError::Failed("the id is not a user id".into()))?;
    let user = User { person, id, version: text(user, "version")? };
    Ok((user, "201 created".into()))
}

fn text(value: &Value, member: &str) -> Result<String, CliError> {
    let found = value.get(member).and_then(Value::as_str).map(str::to_owned);
    found.ok_or_else(|| CliError::Failed(format!("the answer has no `{member}`")))
}

/// Waits until a region has caught up with a version.
async fn readable(stage: &Stage, region: usize, who: Who, id: UserId, version: &str) -> Outcome {
    let body = json!({ "id": id, "min_version": version });
    stage
        .until("the user in the other region", async || {
            let answer = stage.ask(region, who, "lookup", body.clone()).await?;
            Ok((answer.status == 200).then_some(()))
        })
        .await?;
    Ok("200, as new as written".into())
}

async fn authenticates(stage: &Stage, region: usize, who: Who, login: Value) -> Result<bool, CliError> {
    let answer = stage.call(region, who, "authenticate", login, 200).await?;
    Ok(answer.body["authenticated"] == json!(true))
}

async fn everywhere(stage: &Stage, narrator: &Narrator) -> Result<User, CliError> {
    let (here, there) = (stage.name(HERE), stage.name(THERE));
    narrator.chapter("One account everywhere");
    let person = Person::new(stage, "Amina");
    let amina =
        narrator.step(&format!("soko registers Amina in {here}"), register(stage, HERE, Who::Soko, person)).await?;
    narrator
        .check(&format!("{there} knows her"), readable(stage, THERE, Who::Safari, amina.id, &amina.version))
        .await?;
    narrator
        .check(&format!("safari authenticates her in {there} with her password"), async {
            expect(authenticates(stage, THERE, Who::Safari, amina.person.login()).await?, "authenticated")
        })
        .await?;
    narrator
        .check(&format!("a wrong password is rejected in {there}"), async {
            let wrong = json!({ "email": amina.person.email, "password": "not her password" });
            expect(!authenticates(stage, THERE, Who::Safari, wrong).await?, "not authenticated")
        })
        .await?;
    Ok(amina)
}

async fn outage(stage: &Stage, narrator: &Narrator, amina: &User) -> Result<User, CliError> {
    let (here, there) = (stage.name(HERE), stage.name(THERE));
    narrator.chapter(&format!("{there} is cut off from the world"));
    stage.cut_off(THERE, true);
    let baraka = Person::new(stage, "Baraka");
    let baraka = narrator
        .step(&format!("soko registers Baraka in {here} all the same"), register(stage, HERE, Who::Soko, baraka))
        .await?;
    let version = narrator
        .step(&format!("soko changes Amina's profile in {here}"), async {
            let body = json!({ "id": amina.id, "set": { "profile": { "nickname": "Mina" } } });
            let answer = stage.call(HERE, Who::Soko, "update", body, 200).await?;
            Ok((text(&answer.body["user"], "version")?, "200".into()))
        })
        .await?;
    narrator
        .check(&format!("{there} says that it is behind, not that she is unknown"), async {
            let body = json!({ "id": amina.id, "min_version": version });
            let answer = stage.call(THERE, Who::Safari, "lookup", body, 503).await?;
            expect(answer.code() == Some("behind"), "503 behind")
        })
        .await?;
    let chausiku = Person::new(stage, "Chausiku");
    let chausiku = narrator
        .step(&format!("safari registers Chausiku in {there}"), register(stage, THERE, Who::Safari, chausiku))
        .await?;
    narrator
        .check(&format!("changes that {there} lacks wait in {here}"), async {
            let waiting = stage
                .until("a queue", async || Ok(Some(stage.waiting_for(HERE, THERE).await?).filter(|n| *n > 0)))
                .await?;
            Ok(format!("{waiting} changes queued"))
        })
        .await?;
    stage.cut_off(THERE, false);
    narrator.check(&format!("{there} is back: all regions hold the same"), agreed(stage)).await?;
    narrator
        .check(&format!("{there} has Amina's change"), readable(stage, THERE, Who::Safari, amina.id, &version))
        .await?;
    narrator
        .check(&format!("{here} has Chausiku"), readable(stage, HERE, Who::Soko, chausiku.id, &chausiku.version))
        .await?;
    Ok(baraka)
}

async fn agreed(stage: &Stage) -> Outcome {
    let digest = stage.agreed().await?;
    Ok(format!("digest {}, {} parts", &digest.to_string()[..12], digest.parts))
}

async fn key_service_out(stage: &Stage, narrator: &Narrator) -> Result<(), CliError> {
    let here = stage.name(HERE);
    narrator.chapter(&format!("The key service of {here} is out"));
    stage.key_service(HERE, false);
    let dalila = Person::new(stage, "Dalila");
    let step = format!("soko registers Dalila in {here}: another region makes her keys");
    let dalila = narrator.step(&step, register(stage, HERE, Who::Soko, dalila)).await?;
    narrator
        .check(
            &format!("she is read in {here} with another region's key"),
            readable(stage, HERE, Who::Soko, dalila.id, &dalila.version),
        )
        .await?;
    narrator
        .check("two wrapped keys are missing", async {
            let missing = stage.digest(HERE).await?.missing_keys;
            expect(missing == 2, &format!("{missing} parts lack a key"))
        })
        .await?;
    stage.key_service(HERE, true);
    narrator.check("it is back: the repair adds missing wrapped keys in all regions", agreed(stage)).await?;
    narrator
        .check("every region reads her with its own key alone", async {
            for region in 0..stage.urls().len() {
                stage.opens_alone(region, dalila.id).await?;
            }
            Ok(format!("{} regions", stage.urls().len()))
        })
        .await
}

async fn two_companies(stage: &Stage, narrator: &Narrator, baraka: &User) -> Result<(), CliError> {
    let (here, there) = (stage.name(HERE), stage.name(THERE));
    narrator.chapter("One person, two companies");
    let body = |verified: bool| {
        json!({
            "email": baraka.person.email, "email_verified": verified, "external_id": format!("traveller-{}", baraka.id),
            "profile": { "family_name": "Otieno" },
        })
    };
    narrator
        .check("safari registers his address without having verified it", async {
            let answer = stage.call(THERE, Who::Safari, "register", body(false), 409).await?;
            expect(answer.code() == Some("identifier_taken"), "409 identifier taken")
        })
        .await?;
    let version = narrator
        .step("safari registers his address, verified", async {
            let answer = stage.call(THERE, Who::Safari, "register", body(true), 200).await?;
            let same = answer.body["outcome"] == json!("matched") && answer.body["user"]["id"] == json!(baraka.id);
            Ok((text(&answer.body["user"], "version")?, expect(same, "200 matched: the same user")?))
        })
        .await?;
    narrator
        .check(&format!("soko sees in {here} that both know him"), async {
            let body = json!({ "id": baraka.id, "min_version": version });
            let accounts = stage
                .until("both accounts", async || {
                    let answer = stage.ask(HERE, Who::Soko, "lookup", body.clone()).await?;
                    Ok(answer.body["user"]["accounts"]
                        .as_object()
                        .map(|accounts| accounts.keys().cloned().collect::<Vec<_>>()))
                })
                .await?;
            expect(accounts.len() == 2, &format!("accounts: {}", accounts.join(", ")))
        })
        .await?;
    narrator
        .check(&format!("safari still cannot log him in in {there} without his password"), async {
            let guess = json!({ "email": baraka.person.email, "password": "safari's own idea" });
            expect(!authenticates(stage, THERE, Who::Safari, guess).await?, "not authenticated")
        })
        .await
}

async fn disabled(stage: &Stage, narrator: &Narrator, baraka: &User) -> Result<(), CliError> {
    let (here, there) = (stage.name(HERE), stage.name(THERE));
    narrator.chapter("A disabled user");
    for (status, may) in [("disabled", false), ("active", true)] {
        let version = narrator
            .step(&format!("soko sets Baraka's status to {status} in {here}"), async {
                let body = json!({ "id": baraka.id, "status": status, "reason": "the demo" });
                let answer = stage.call(HERE, Who::Soko, "status", body, 200).await?;
                let is_set = answer.body["user"]["status"] == json!(status);
                Ok((text(&answer.body["user"], "version")?, expect(is_set, status)?))
            })
            .await?;
        let does = if may { "lets him in again" } else { "does not let him in, with the right password" };
        narrator
            .check(&format!("{there} {does}"), async {
                // Look-ups wait for the status, because logins that fail are counted.
                readable(stage, THERE, Who::Safari, baraka.id, &version).await?;
                let is_in = authenticates(stage, THERE, Who::Safari, baraka.person.login()).await?;
                expect(is_in == may, if may { "authenticated" } else { "not authenticated" })
            })
            .await?;
    }
    Ok(())
}

async fn erased(stage: &Stage, narrator: &Narrator, amina: &User) -> Result<(), CliError> {
    let (here, there) = (stage.name(HERE), stage.name(THERE));
    narrator.chapter("Erasure, with receipts");
    narrator
        .check(&format!("soko erases Amina in {here}, for all companies"), async {
            stage.call(HERE, Who::Soko, "erase", json!({ "id": amina.id, "reason": "she asked" }), 202).await?;
            Ok("202 with a receipt".into())
        })
        .await?;
    narrator
        .check(&format!("the receipt in {there}: every region has confirmed"), async {
            let confirmed = stage
                .until("every region's confirmation", async || {
                    let answer = stage.ask(THERE, Who::Soko, "erasure", json!({ "id": amina.id })).await?;
                    let receipt = &answer.body["receipt"];
                    let complete = receipt["complete"] == json!(true);
                    Ok(receipt["regions"]
                        .as_object()
                        .filter(|_| complete)
                        .map(|regions| regions.keys().cloned().collect::<Vec<_>>()))
                })
                .await?;
            Ok(format!("confirmed by {}", confirmed.join(", ")))
        })
        .await?;
    narrator
        .check("no region finds her, by id or by address", async {
            for region in 0..stage.urls().len() {
                for body in [json!({ "id": amina.id }), json!({ "email": amina.person.email })] {
                    stage.call(region, Who::Safari, "lookup", body, 404).await?;
                }
            }
            Ok("404 everywhere".into())
        })
        .await
}

async fn the_end(stage: &Stage, narrator: &Narrator) -> Result<(), CliError> {
    narrator.chapter("In the end");
    narrator.check("all regions hold the same, every key is wrapped by every region", agreed(stage)).await?;
    narrator
        .check("no message became a dead letter", async {
            let dead = stage.dead_letters().await?;
            expect(dead == 0, &format!("{dead} dead letters"))
        })
        .await
}
