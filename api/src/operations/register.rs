//! `register`: a new user, or the one that a trusted company has registered under the same verified identifier.

use std::collections::BTreeMap;

use umoja_crypto::Password;
use umoja_schema::api::{self, RegisterOutcome, Registered};
use umoja_schema::{
    AccountStatus, Attributes, BlindIndex, Credentials, Facts, Identity, PartRecord, ProfileFacts, Scope, UserId,
};
use umoja_store::apply::conflicts;
use umoja_store::ports::{ClaimWrite, Commit, Condition, PartWrite, Parts, Writes};

use super::patch::{Patch, value_of};
use crate::app::{App, until_written};
use crate::caller::Caller;
use crate::handler::{Answer, Operation};
use crate::identifiers::{is_taken, refuse_taken};
use crate::problem::{BEHIND, ERASED, IDK_REUSED, Refusal};
use crate::user::{Stored, is_gone, link, source};

pub(crate) struct Register;

/// What is registered.
pub(crate) struct New {
    id: UserId,
    patch: Patch,
    password: Option<Password>,
    identity: Identity,
    facts: ProfileFacts,
    claims: Vec<ClaimWrite>,
}

impl Operation for Register {
    const PATH: &'static str = "/v1/users/register";
    const SCOPE: Scope = Scope::Register;
    const CHANGES: bool = true;
    type Body = api::Register;
    type Read = New;

    async fn read(app: &App, caller: &Caller, body: &api::Register) -> Result<New, Refusal> {
        let password = body.password.as_ref().map(|raw| Password::new(raw, app.config.min_password_chars));
        let password = password.transpose().map_err(|error| Refusal::password("password", &error))?;
        let id = match &caller.idk {
            Some(idk) => app.secrets.user_id(&caller.company.id, idk),
            None => UserId::v7(caller.now.0, app.home.entropy.array()),
        };
        let patch = Patch::of_register(caller, body)?;
        let blank =
            ProfileFacts { created_at: caller.now, claims: BTreeMap::new(), links: BTreeMap::new(), merged_into: None };
        let (mut identity, mut facts) = patch.apply(app, caller, &Identity::default(), &blank)?;
        link(caller, &mut identity, &mut facts);
        identity.registered_by.clone_from(&caller.request);
        let claims = app.plan(None, id, &facts).await?;
        Ok(New { id, patch, password, identity, facts, claims })
    }

    async fn run(app: &App, caller: &Caller, _: api::Register, mut new: New) -> Result<Answer, Refusal> {
        let mut sealed = None;
        let mut rounds = 0;
        until_written!({
            rounds += 1;
            // Without an idempotency key nobody but an earlier round can have used the id.
            if (caller.idk.is_some() || rounds > 1)
                && let Some(own) = registered_before(app, caller, new.id).await?
            {
                return answer(201, RegisterOutcome::Created, &own).map(Some);
            }
            if rounds > 1 {
                new.claims = app.plan(None, new.id, &new.facts).await?;
            }
            if let Some((owner, by)) = matched(&new) {
                return fill(app, caller, owner, &by, &new).await;
            }
            refuse_taken(&new.claims, new.id, "")?;
            let parts = match &sealed {
                Some(parts) => parts,
                None => sealed.insert(seal(app, caller, &new).await?),
            };
            let created = create(app, &new, parts).await?;
            created.map(|stored| answer(201, RegisterOutcome::Created, &stored)).transpose()
        })
    }

    async fn again(app: &App, status: u16, id: UserId, _: Option<String>) -> Result<Answer, Refusal> {
        let outcome = if status == 201 { RegisterOutcome::Created } else { RegisterOutcome::Matched };
        answer(status, outcome, &app.load(id).await?.ok_or(Refusal::from(&ERASED))?)
    }
}

fn answer(status: u16, outcome: RegisterOutcome, stored: &Stored) -> Result<Answer, Refusal> {
    let version = stored.version().to_string();
    Ok(Answer::new(status, &Registered { outcome, user: stored.view() })?.of(stored.profile.id, Some(version)))
}

/// The user that an earlier request with the same idempotency key made, in this region or another, or an earlier round
/// of this one.
async fn registered_before(app: &App, caller: &Caller, id: UserId) -> Result<Option<Stored>, Refusal> {
    let parts = app.home.own.users.parts(id).await?;
    if parts == Parts::default() {
        return Ok(None);
    }
    if [&parts.profile, &parts.credentials].into_iter().flatten().any(|part| part.version.erased) {
        return Err(Refusal::from(&ERASED));
    }
    // A part of a user that another region registered has not arrived yet.
    let stored = app.open(parts).await?.ok_or(Refusal::from(&BEHIND))?;
    if stored.identity.registered_by == caller.request { Ok(Some(stored)) } else { Err(Refusal::from(&IDK_REUSED)) }
}

/// The one user that all of the new user's verified identifiers belong to, where theirs are verified too, and by which
/// of them. Anything less is no match: an unverified account must not wait for its victim.
fn matched(new: &New) -> Option<(UserId, Vec<BlindIndex>)> {
    let mut owners: BTreeMap<UserId, Vec<BlindIndex>> = BTreeMap::new();
    for write in &new.claims {
        let own = write.after.claimants.get(&new.id)?;
        if let Some((owner, held)) = write.before.winner()
            && own.verified
            && held.verified
        {
            owners.entry(owner).or_default().push(write.before.index);
        }
    }
    let (owner, by) = owners.pop_first().filter(|_| owners.is_empty())?;
    // Whatever else is taken has to be this user's too.
    let others = new.claims.iter().filter(|write| is_taken(write, new.id));
    let mut winners = others.filter_map(|write| write.before.winner());
    winners.all(|(winner, _)| winner == owner).then_some((owner, by))
}

/// Links an existing user to the calling company and fills what it leaves blank. The password is ignored. Nothing if
/// the user does not have the identifiers any more that it was matched by: the claims were read before the user, and
/// are under no MAC.
async fn fill(app: &App, caller: &Caller, id: UserId, by: &[BlindIndex], new: &New) -> Result<Option<Answer>, Refusal> {
    let parts = app.home.own.users.parts(id).await?;
    if is_gone(&parts) {
        // It has the identifiers, and its other part or what became of it has not arrived yet.
        let is_partial = parts.profile.is_some_and(|profile| profile.live().is_some());
        return if is_partial { Err(Refusal::from(&BEHIND)) } else { Ok(None) };
    }
    let Some(stored) = app.open(parts).await? else { return Ok(None) };
    if !by.iter().all(|index| stored.facts.claims.get(index).is_some_and(|claim| claim.verified)) {
        return Ok(None);
    }
    let mut patch = new.patch.clone();
    patch.retain_identifiers(|kind| value_of(&stored.identity, caller, kind).is_none());
    patch.profile = None;
    let (mut identity, mut facts) = patch.apply(app, caller, &stored.identity, &stored.facts)?;
    identity.profile = stored.identity.profile.filled_from(&new.identity.profile);
    for name in identity.profile.changed_fields(&stored.identity.profile) {
        identity.sources.insert(format!("profile.{name}"), source(caller));
    }
    link(caller, &mut identity, &mut facts);
    if facts == stored.facts && identity == stored.identity {
        return answer(200, RegisterOutcome::Matched, &stored).map(Some);
    }
    let claims = app.plan(Some(&stored.profile), id, &facts).await?;
    refuse_taken(&claims, id, "")?;
    let written = app.write_profile(&stored.profile, &identity, facts, claims).await?;
    let stored = written.and_then(|profile| stored.with_profile(profile, identity));
    stored.map(|stored| answer(200, RegisterOutcome::Matched, &stored)).transpose()
}

/// Both parts, profile first.
async fn seal(app: &App, caller: &Caller, new: &New) -> Result<[PartRecord; 2], Refusal> {
    let secret = match &new.password {
        Some(password) => Some(app.hasher.hash(password.clone(), app.home.entropy.array()).await?),
        None => None,
    };
    let password_source = secret.is_some().then(|| source(caller));
    let credentials = Credentials { secret, password_source, ..Credentials::default() };
    let status = Facts::Credentials { status: AccountStatus::Active };
    let version = app.next_version(false, None)?;
    let (profile, credentials) = tokio::join!(
        app.sealer.seal(new.id, version.clone(), Facts::Profile(new.facts.clone()), &new.identity, Attributes::new()),
        app.sealer.seal(new.id, version.clone(), status, &credentials, Attributes::new()),
    );
    Ok([profile?, credentials?])
}

/// Both parts and all claims in one transaction. Nothing if somebody got in between.
async fn create(app: &App, new: &New, parts: &[PartRecord; 2]) -> Result<Option<Stored>, Refusal> {
    let [profile, credentials] = parts;
    let writes = Writes {
        parts: parts.iter().map(|record| PartWrite { record: record.clone(), condition: Condition::Absent }).collect(),
        claims: new.claims.clone(),
        rows: conflicts(new.id, &profile.version, &new.claims, &app.home.own.name),
    };
    match app.commit(&writes).await? {
        Commit::Done => Ok(Stored::new(profile.clone(), credentials.clone(), new.identity.clone())),
        Commit::Conflict { .. } => Ok(None),
    }
}
