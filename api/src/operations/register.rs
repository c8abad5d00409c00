//! `register`: a new user, or the one that a trusted company has registered under the same verified identifier.

use std::collections::BTreeMap;

use umoja_crypto::Password;
use umoja_schema::api::{self, RegisterOutcome, Registered};
use umoja_schema::{
    AccountStatus, Attributes, AuditEvent, BlindIndex, Credentials, Facts, Identity, Log, LogRow, Part, PartRecord,
    ProfileFacts, Scope, UserId,
};
use umoja_store::apply::conflicts;
use umoja_store::identifiers::{Known, known};
use umoja_store::ports::{ClaimWrite, Commit, Condition, PartWrite, Parts, Writes};

use super::patch::{Patch, value_of};
use crate::app::{App, until_written};
use crate::caller::Caller;
use crate::group::Group;
use crate::handler::{Answer, Operation};
use crate::identifiers::refuse_taken;
use crate::policy::About;
use crate::problem::{BEHIND, ERASED, IDK_REUSED, Refusal};
use crate::profiles::{Change, Rules};
use crate::user::{Stored, link, source};

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
        let password = password.transpose().map_err(|error| Refusal::password("password", error))?;
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
                return answer(201, RegisterOutcome::Created, &own, new.id).map(Some);
            }
            if rounds > 1 {
                new.claims = app.plan(None, new.id, &new.facts).await?;
            }
            if let Some(known) = known(&new.claims, new.id) {
                match fill(app, caller, &known, &new).await? {
                    Filled::Matched(answer) => return Ok(Some(answer)),
                    Filled::Overtaken => return Ok(None),
                    Filled::SeveralPeople => {}
                }
            }
            refuse_taken(&new.claims, new.id, |_| false, |_| false, "")?;
            let parts = match &sealed {
                Some(parts) => parts,
                None => sealed.insert(seal(app, caller, &new).await?),
            };
            // Nobody can have recorded anything about a new id but an earlier round.
            let events = [(new.id, AuditEvent::Registered)];
            let new_rows = match rounds {
                1 => app.recorder().first_rows(&caller.actor(), &events)?,
                _ => app.recorded(caller, &events).await?,
            };
            let created = create(app, &new, parts, new_rows).await?;
            created.map(|group| answer(201, RegisterOutcome::Created, &group, new.id)).transpose()
        })
    }

    async fn again(app: &App, status: u16, id: UserId, _: Option<String>) -> Result<Answer, Refusal> {
        let outcome = if status == 201 { RegisterOutcome::Created } else { RegisterOutcome::Matched };
        answer(status, outcome, &app.load(id).await?.ok_or(Refusal::from(&ERASED))?, id)
    }
}

/// The answer about a person of whom `id` is the user that was registered or matched.
fn answer(status: u16, outcome: RegisterOutcome, group: &Group, id: UserId) -> Result<Answer, Refusal> {
    let version = group.version().to_string();
    Ok(Answer::new(status, &Registered { outcome, user: group.view() })?.of(id, Some(version)))
}

/// The user that an earlier request with the same idempotency key made, in this region or another, or an earlier round
/// of this one.
async fn registered_before(app: &App, caller: &Caller, id: UserId) -> Result<Option<Group>, Refusal> {
    let parts = app.home.own.users.parts(id).await?;
    if parts == Parts::default() {
        return Ok(None);
    }
    if [&parts.profile, &parts.credentials].into_iter().flatten().any(|part| part.version.erased) {
        return Err(Refusal::from(&ERASED));
    }
    // A part of a user that another region registered has not arrived yet.
    let group = app.load(id).await?.ok_or(Refusal::from(&BEHIND))?;
    let own = group.get(id).is_some_and(|user| user.identity.registered_by == caller.request);
    if own { Ok(Some(group)) } else { Err(Refusal::from(&IDK_REUSED)) }
}

/// What became of a match.
enum Filled {
    /// It was one.
    Matched(Answer),
    /// The user does not have the identifiers any more, or somebody wrote it in between.
    Overtaken,
    /// The identifiers belong to more than one person.
    SeveralPeople,
}

/// Links an existing user to the calling company and fills what it leaves blank. The password is ignored. The claims
/// were read before the user, and are under no MAC: what they say has to be in the user's own part.
async fn fill(app: &App, caller: &Caller, known: &Known, new: &New) -> Result<Filled, Refusal> {
    let Some((owner, _)) = known.by.first() else { return Ok(Filled::SeveralPeople) };
    let Some(parts) = app.group(*owner).await? else {
        // It may have the identifiers, and its other part or what became of it has not arrived yet.
        let profile = app.home.own.users.part(*owner, Part::Profile).await?;
        let is_partial = profile.is_some_and(|profile| profile.live().is_some());
        return if is_partial { Err(Refusal::from(&BEHIND)) } else { Ok(Filled::Overtaken) };
    };
    if known.by.iter().map(|(id, _)| id).chain(&known.others).any(|id| parts.get(*id).is_none()) {
        return Ok(Filled::SeveralPeople);
    }
    let Some(group) = app.open(parts).await? else { return Ok(Filled::Overtaken) };
    let has = |(id, index): &(UserId, BlindIndex)| {
        group.get(*id).and_then(|user| user.facts.claims.get(index)).is_some_and(|claim| claim.verified)
    };
    if !known.by.iter().all(has) {
        return Ok(Filled::Overtaken);
    }
    let (root, shown) = (&group.root, group.view());
    let mut patch = new.patch.clone();
    patch.retain_identifiers(|kind| group.users().all(|user| value_of(&user.identity, caller, kind).is_none()));
    patch.profile = None;
    let (mut identity, mut facts) = patch.apply(app, caller, &root.identity, &root.facts)?;
    identity.profile = root.identity.profile.filled_from(&new.identity.profile.missing_in(&shown.profile));
    for name in identity.profile.changed_fields(&root.identity.profile) {
        identity.sources.insert(format!("profile.{name}"), source(caller));
    }
    // An external id goes with a link of the same user: that of a member is not enough then.
    let company = &caller.company.id;
    if !group.is_linked_to(company) || identity.external_ids.contains_key(company) {
        link(caller, &mut identity, &mut facts);
    }
    if facts == root.facts && identity == root.identity {
        return answer(200, RegisterOutcome::Matched, &group, *owner).map(Filled::Matched);
    }
    let change = Change { id: root.id(), identity, facts };
    let rules = Rules { refuse_taken: Some(""), ..Rules::of(caller) };
    match app.write_profiles(&group, &[change], &rules, |_| Vec::new()).await? {
        Some(group) => answer(200, RegisterOutcome::Matched, &group, *owner).map(Filled::Matched),
        None => Ok(Filled::Overtaken),
    }
}

/// Both parts, profile first.
async fn seal(app: &App, caller: &Caller, new: &New) -> Result<[PartRecord; 2], Refusal> {
    let secret = match &new.password {
        Some(password) => Some(hash(app, caller, new, password.clone()).await?),
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

/// The hash of the new user's password, if it is one to set.
async fn hash(app: &App, caller: &Caller, new: &New, password: Password) -> Result<String, Refusal> {
    let Identity { email, phone_number, username, profile, .. } = &new.identity;
    let identifiers = [email.as_ref(), phone_number.as_ref(), username.as_ref()];
    let hashed = app.hash(caller, &About { identifiers, profile }, password).await?;
    hashed.map_err(|weakness| Refusal::weak("password", weakness))
}

/// Both parts and all claims in one transaction. Nothing if somebody got in between.
async fn create(
    app: &App,
    new: &New,
    parts: &[PartRecord; 2],
    new_rows: Vec<(Log, LogRow)>,
) -> Result<Option<Group>, Refusal> {
    let [profile, credentials] = parts;
    let writes = Writes {
        parts: parts.iter().map(|record| PartWrite { record: record.clone(), condition: Condition::Absent }).collect(),
        claims: new.claims.clone(),
        new_rows,
        rows: conflicts(new.id, &profile.version, &new.claims, &app.home.own.name, |_| false),
        ..Writes::default()
    };
    match app.commit(&writes).await? {
        Commit::Done => Ok(Stored::new(profile.clone(), credentials.clone(), new.identity.clone()).map(Group::of)),
        Commit::Conflict { .. } => Ok(None),
    }
}
