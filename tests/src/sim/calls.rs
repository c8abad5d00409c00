//! Companies that call the API, and the checks of their answers.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Value, json};
use umoja_crypto::jws::sign_request;
use umoja_schema::{Part, PersonVersion, RecordVersion, UserId, Version};
use umoja_store::ports::Clock as _;

use super::answered::Answered;
use super::fleet::{Challenge, Fleet, Repeatable};
use super::history::{Attempt, Passwords, Secret};
use super::names::{self, email, phone, username};
use super::plan::{By, Call, Set};
use super::rules::Rule;
use crate::caller::Reply;

/// A request before it is signed.
struct Request {
    company: usize,
    operation: &'static str,
    idk: Option<String>,
    body: Value,
    secret: Option<Secret>,
    right: Option<bool>,
    min_version: Option<PersonVersion>,
    /// The call as which the answer is checked.
    call: Call,
    /// False if an earlier request under the idempotency key may have been done.
    is_unused: bool,
    /// The user that the request is about, if its body does not name the user.
    about: Option<UserId>,
}

impl Fleet {
    /// Makes one call, verifies its answer and records it.
    pub(super) async fn call(&self, at: usize, company: usize, user: usize, call: &Call) {
        let Some(request) = self.request(at, company, user, call) else { return };
        let caller = self.company(request.company);
        let Some(endpoint) = self.instance(at).await else { return };
        let endpoint = &*endpoint;
        // The caller's clock is off like the region's. Otherwise a region with a wrong clock would reject every
        // request.
        let now = || self.region(at).clock.now().secs();
        let claims = caller.claims(endpoint, request.operation, now(), request.idk.as_deref(), request.body.clone());
        let token = sign_request(&caller.key, &claims);
        // A repeated call is about the same user as the first time.
        let id = named(&request.body, "id").or_else(|| named(&request.body, "duplicate"));
        let id = id.or_else(|| request.body["token"].as_str().and_then(read_token).map(|(version, _)| version.id));
        let id = request.about.or(id).unwrap_or_else(|| self.id_of(user));
        let is_named = request.operation == "erase" && named(&request.body, "id").is_none();
        let points = match request.operation {
            "merge" if request.body["preview"] == json!(false) => Some((id, named(&request.body, "survivor"))),
            "unmerge" => Some((id, None)),
            _ => None,
        };
        let (person, reach) = (self.history.borrow().person(at, id), self.history.borrow().reach(at, id));
        let attempt = self.attempts.borrow().len();
        let new = matches!(request.secret, Some(Secret::New(_)));
        let id_known = (!new).then_some(id);
        let (writes, made) = (request.secret.clone(), BTreeMap::new());
        self.attempts.borrow_mut().push(Attempt { at, id: id_known, writes, points, made });
        if is_named {
            self.unnamed.set(self.unnamed.get() + 1);
        } else if request.operation == "erase" {
            self.erasing.borrow_mut().insert(id);
        }
        self.set_open(user, request.idk.as_ref(), true);
        self.guesses.borrow_mut().send(at, request.operation);
        let begun = self.signing.sessions.borrow().len();
        let raw = caller.send(endpoint, &claims.path, &token).await;
        if raw.headers["content-type"] == "application/problem+json" {
            assert_eq!(raw.status, 503, "answer: {} was answered {}", request.operation, raw.problem());
            return;
        }
        let reply = caller.verify(&self.published(endpoint), &claims, &token, &raw, now());
        assert_ne!(reply.status, 500, "answer: {} failed inside: {}", request.operation, reply.body["code"]);
        self.believe(user, id, attempt, &request, &reply);
        if is_named && reply.status < 500 {
            self.unnamed.set(self.unnamed.get() - 1);
            self.believe_named(at, request.idk.as_ref(), &reply);
        }
        if request.call != Call::Guess {
            self.note_done(at, user, (id, request.idk.as_ref()), &reply);
        }
        self.guesses.borrow_mut().answer(at, request.operation);
        // A repeated request may have been done before later sessions began.
        if request.idk.is_none() && reply.status == 200 && request.call.ends_sessions(&reply.body) {
            self.note_end_of_all(id, begun);
        }
        let request_company = request.company;
        let Request { call, idk, is_unused, right, min_version, .. } = request;
        let company = names::company(request_company);
        let answered =
            Answered { at, company, call, user, idk, is_unused, id, person, reach, right, min_version, reply };
        self.answers.borrow_mut().push(answered);
    }

    /// Records whether a request under a user's last idempotency key may have been done.
    pub(super) fn set_open(&self, user: usize, idk: Option<&String>, is_open: bool) {
        if let Some(repeatable) = &mut self.people.borrow_mut()[user].repeatable
            && Some(&repeatable.idk) == idk
        {
            repeatable.is_open = is_open;
        }
    }

    /// Records the content of an answer.
    fn believe(&self, user: usize, asked: UserId, attempt: usize, request: &Request, reply: &Reply) {
        let person = &mut self.people.borrow_mut()[user];
        let answered = reply.body.get("user").filter(|answered| answered.is_object());
        let text = answered.map_or(&reply.body["version"], |answered| &answered["version"]).as_str();
        let version: Option<PersonVersion> = text.map(|text| text.parse().expect("answered versions are valid"));
        let users: BTreeSet<UserId> = version.iter().flat_map(PersonVersion::users).map(|version| version.id).collect();
        if let (Some(answered), Some(version)) = (answered, &version) {
            let primary: UserId = answered["id"].as_str().expect("a user has an id").parse().expect("ids are valid");
            assert_eq!(primary, version.users()[0].id, "answer: a version belongs to another user");
            match request.operation {
                // A match may be a user that is known under another number.
                "register" if person.id.is_none() || reply.status == 201 => {
                    if let Some(idk) = request.idk.as_ref().filter(|_| reply.status == 201) {
                        // If users were merged, any of them may be the registered one, as long as it is always among
                        // them.
                        let mut made = self.made.borrow_mut();
                        let made = made.entry(idk.clone()).or_insert_with(|| users.clone());
                        made.retain(|id| users.contains(id));
                        assert!(!made.is_empty(), "answer: a retry registered another user");
                    }
                    if person.id.is_none_or(|known| !users.contains(&known)) {
                        person.id = Some(primary);
                    }
                }
                "lookup" | "authenticate" | "register" => {}
                operation => assert!(users.contains(&asked), "answer: {operation} is about another user"),
            }
        }
        if let Some(version) = &version {
            self.world().acknowledge_version(version);
        }
        if let Some(token) = reply.body["token"].as_str() {
            person.token = Some((request.company, token.to_owned()));
        }
        if let Some(text) = reply.body["challenge"].as_str() {
            let id = named(&reply.body, "id").expect("a challenge names its user");
            // Another mail may be later, and then no code is right.
            let code = self.deployment.mail.all().last().map(crate::mailbox::Arrived::code).unwrap_or_default();
            let (company, text) = (request.company, text.to_owned());
            person.challenge = Some(Challenge { company, id, text, code });
        }
        if let Some(ticket) = reply.body["provisioning"]["ticket"].as_str() {
            person.ticket = Some((request.company, ticket.to_owned()));
        }
        if request.operation == "erase" && reply.status == 202 {
            let named = named(&reply.body["receipt"], "id").expect("a receipt names its user");
            self.erased.borrow_mut().insert(named);
            self.erasing.borrow_mut().insert(named);
        }
        // A user that is erased immediately after the write is answered as unknown.
        let rejected = (400..500).contains(&reply.status) && reply.status != 404;
        let attempt = &mut self.attempts.borrow_mut()[attempt];
        if rejected {
            attempt.points = None;
        }
        if rejected || version.is_none() && reply.body.get("changed") == Some(&json!(false)) {
            attempt.writes = None;
        }
        let made = version.iter().flat_map(PersonVersion::users);
        attempt.made = made.map(|version| (version.id, version.credentials.clone())).collect();
        if person.id.is_some_and(|id| users.contains(&id)) {
            person.version = text.map(str::to_owned);
        }
    }

    /// The password of a person if there is only one that it can be, or else none.
    fn known_password(&self, at: usize, id: UserId) -> Passwords {
        let known = self.history.borrow().passwords_of_person(at, id);
        known.filter(|all| all.len() == 1).unwrap_or_default()
    }

    /// A new password by the token that a user got last: the company, what it sets, whether the token is right, and the body.
    fn reset(
        &self,
        (at, company, user): (usize, usize, usize),
        right: bool,
        new_password: String,
    ) -> (usize, Option<Secret>, Option<bool>, Value) {
        let issued = self.people.borrow()[user].token.clone();
        let (owner, token) = issued.unwrap_or_else(|| (company, "never issued".to_owned()));
        let company = if right { owner } else { owner + 1 };
        let right = if right { self.is_good(at, owner, &token) } else { Some(false) };
        let body = json!({ "token": token, "new_password": new_password });
        // No company can change a user with another company's token.
        let secret = (company == owner).then_some(Secret::Changed(new_password));
        (company, secret, right, body)
    }

    fn request(&self, at: usize, company: usize, user: usize, call: &Call) -> Option<Request> {
        let number = self.calls.replace(self.calls.get() + 1);
        let (id, known) = (self.id_of(user), self.known_password(at, self.id_of(user)));
        let new_password = format!("password number {number}");
        // For a repeated call, its first time determines the operation.
        let operation = call.operation().unwrap_or_default();
        let plain = |body| {
            let (idk, secret, right, min_version, about, call) = (None, None, None, None, None, call.clone());
            Request { company, operation, idk, body, secret, right, min_version, call, is_unused: true, about }
        };
        let given = |right: bool| match known.first() {
            Some(Some(password)) if right => (password.clone(), Some(true)),
            _ if right => ("no longer known".to_owned(), None),
            _ => ("never set by any caller".to_owned(), Some(false)),
        };
        let (mut request, idk) = match call {
            Call::Register { email, phone, name, verified, password, idk } => {
                let mut body = registration((*email, *phone, *name), *verified, user);
                if *password {
                    body["password"] = json!(new_password);
                }
                (Request { secret: Some(Secret::New(password.then_some(new_password))), ..plain(body) }, *idk)
            }
            Call::Lookup { by, min_version } => {
                let version = self.people.borrow()[user].version.clone().filter(|_| *min_version);
                let mut body = selector(*by, id);
                if let Some(version) = version.as_ref().filter(|_| self.without != Some(Rule::MinVersion)) {
                    body["min_version"] = json!(version);
                }
                let min_version = version.and_then(|version| version.parse().ok());
                (Request { min_version, ..plain(body) }, false)
            }
            Call::Authenticate { by, right } => {
                let mut body = selector(*by, id);
                let (password, right) = given(*right);
                body["password"] = json!(password);
                (Request { right, ..plain(body) }, false)
            }
            Call::Update { set, if_version, idk } => {
                let mut body = json!({ "id": id, "set": patch(set, number) });
                if let Some(version) = self.people.borrow()[user].version.as_ref().filter(|_| *if_version) {
                    body["if_version"] = json!(version);
                }
                (plain(body), *idk)
            }
            Call::Password { right, idk } => {
                let (current, right) = given(*right);
                let body = json!({ "id": id, "current_password": current, "new_password": new_password });
                let secret = Some(Secret::Changed(new_password));
                (Request { secret, right, ..plain(body) }, *idk)
            }
            Call::ResetStart { by } => (plain(selector(*by, id)), false),
            Call::ResetFinish { right, idk } => {
                let (company, secret, right, body) = self.reset((at, company, user), *right, new_password);
                (Request { company, secret, right, ..plain(body) }, *idk)
            }
            Call::VerifyFinish { right } => {
                let challenge = self.people.borrow()[user].challenge.clone()?;
                let code = if *right { challenge.code.as_str() } else { "no code" };
                let request = plain(json!({ "challenge": challenge.text, "code": code }));
                (Request { company: challenge.company, about: Some(challenge.id), ..request }, false)
            }
            Call::Status { active, idk } => {
                let status = if *active { "active" } else { "disabled" };
                let request = plain(json!({ "id": id, "status": status, "reason": format!("number {number}") }));
                (Request { secret: Some(Secret::Kept), ..request }, *idk)
            }
            Call::Provision { .. } | Call::Provisioning => (self.on_time(user, plain(json!({ "id": id }))), false),
            Call::Events => (plain(json!({ "limit": 1 + number % 3 })), false),
            Call::Export | Call::Erasure | Call::VerifyStart | Call::Why | Call::Unlock => {
                (plain(json!({ "id": id })), false)
            }
            Call::Rejected => (plain(json!({ "request_id": "none" })), false),
            Call::Erase { by, idk } => {
                let mut body = selector(*by, id);
                body["reason"] = json!("asked");
                let about = (*by != By::Id).then(|| self.named_by(at, *by));
                (Request { about, ..plain(body) }, *idk)
            }
            Call::Merge { other, preview, idk } => {
                let survivor = self.id_of(usize::from(*other) % self.people.borrow().len());
                let body = json!({ "survivor": survivor, "duplicate": id, "preview": preview });
                (plain(body), *idk && !*preview)
            }
            Call::Unmerge { idk } => (plain(json!({ "id": id })), *idk),
            Call::Repeat => return self.repeated(at, user),
            Call::Guess => return self.guessed(at, user, number),
            Call::Corrected => {
                let rejected = self.people.borrow()[user].repeatable.clone().filter(|last| !last.is_open)?;
                let request = self.request(at, rejected.company, user, &rejected.call)?;
                if let Some(last) = &mut self.people.borrow_mut()[user].repeatable {
                    last.idk.clone_from(&rejected.idk);
                }
                return Some(Request { idk: Some(rejected.idk), ..request });
            }
        };
        if idk {
            self.make_repeatable(user, number, &mut request);
        }
        Some(request)
    }

    /// Gives a request an idempotency key, and remembers it as the user's last one.
    fn make_repeatable(&self, user: usize, number: u64, request: &mut Request) {
        let (company, operation, call) = (request.company, request.operation, request.call.clone());
        let (body, secret, idk) = (request.body.clone(), request.secret.clone(), format!("key-{number}"));
        request.idk = Some(idk.clone());
        let repeatable = Repeatable { company, call, is_open: true, operation, idk, body, secret, done: None };
        self.people.borrow_mut()[user].repeatable = Some(repeatable);
    }

    /// A request about accounts at targets: of the user that the body names, or of the user's last ticket.
    fn on_time(&self, user: usize, mut request: Request) -> Request {
        if let Call::Provision { dry_run } = request.call {
            request.body["targets"] = json!([names::TARGET]);
            request.body["dry_run"] = json!(dry_run);
            return request;
        }
        let issued = self.people.borrow()[user].ticket.clone();
        let (company, ticket) = issued.unwrap_or_else(|| (request.company, "never.issued".to_owned()));
        Request { company, body: json!({ "ticket": ticket }), ..request }
    }

    /// The user's last call with an idempotency key again.
    fn repeated(&self, at: usize, user: usize) -> Option<Request> {
        let repeatable = self.people.borrow()[user].repeatable.clone()?;
        let right = self.is_right(at, &repeatable);
        let Repeatable { company, call, is_open, operation, idk, body, secret, .. } = repeatable;
        let about = match &call {
            Call::Erase { by, .. } if *by != By::Id => Some(self.named_by(at, *by)),
            _ => None,
        };
        let call = if is_open { Call::Repeat } else { call };
        let (idk, is_unused, min_version) = (Some(idk), !is_open, None);
        Some(Request { company, operation, idk, body, secret, right, min_version, call, is_unused, about })
    }

    /// The same with another password, if it has set one.
    fn guessed(&self, at: usize, user: usize, number: u64) -> Option<Request> {
        let (Repeatable { company, operation, idk, mut body, .. }, done) = self.done(at, user)?;
        for name in ["password", "new_password"] {
            if body[name].is_string() {
                body[name] = json!(format!("another number {number}"));
            }
        }
        let (idk, about, secret, right, min_version) = (Some(idk), Some(done.id), None, None, None);
        let (call, is_unused) = (Call::Guess, false);
        Some(Request { company, operation, idk, body, secret, right, min_version, call, is_unused, about })
    }

    /// Whether the password or the token of an earlier call is right now, if that is known.
    fn is_right(&self, at: usize, earlier: &Repeatable) -> Option<bool> {
        match &earlier.call {
            Call::Password { .. } => {
                let id = named(&earlier.body, "id")?;
                let known = self.history.borrow().passwords_of_person(at, id).filter(|all| all.len() == 1)?;
                let current = known.into_iter().next()??;
                Some(earlier.body["current_password"] == json!(current))
            }
            Call::ResetFinish { right: true, .. } => self.is_good(at, earlier.company, earlier.body["token"].as_str()?),
            Call::ResetFinish { right: false, .. } => Some(false),
            _ => None,
        }
    }

    /// Whether a token sets a password in a region now. `None` if another user of the person may decide.
    fn is_good(&self, at: usize, company: usize, text: &str) -> Option<bool> {
        let Some((version, expires_at)) = read_token(text) else { return Some(false) };
        let (id, history) = (version.id, self.history.borrow());
        let stored = history.stored(at, id, Part::Credentials).map(|record| &record.version);
        let active = history.may_log_in(at, id, &names::company(company));
        let is_live = self.region(at).clock.now().secs() < expires_at;
        let good = is_live && active && stored == Some(&version.credentials);
        (!good || history.person(at, id) == [id]).then_some(good)
    }

    /// The parts of a user that a region stores now.
    pub(super) fn version_at(&self, at: usize, id: UserId) -> [Option<Version>; 2] {
        let history = self.history.borrow();
        Part::ALL.map(|part| history.stored(at, id, part).map(|record| record.version.clone()))
    }
}

/// The user that a member of a body names.
fn named(body: &Value, linked: &str) -> Option<UserId> {
    body[linked].as_str().and_then(|id| id.parse().ok())
}

/// The version that a token is valid for, and its expiry.
fn read_token(text: &str) -> Option<(RecordVersion, u64)> {
    let (version, rest) = text.split_once('.')?;
    Some((version.parse().ok()?, rest.split_once('.')?.0.parse().ok()?))
}

fn registration(
    (email_no, phone_no, name): (Option<u8>, Option<u8>, Option<u8>),
    verified: bool,
    user: usize,
) -> Value {
    let mut body = json!({
        "email_verified": email_no.is_some() && verified,
        "phone_number_verified": phone_no.is_some() && verified,
    });
    if let Some(number) = email_no {
        body["email"] = json!(email(number));
    }
    if let Some(number) = phone_no {
        body["phone_number"] = json!(phone(number));
    }
    if let Some(number) = name {
        body["username"] = json!(username(number));
    }
    if email_no.or(phone_no).or(name).is_none() {
        body["external_id"] = json!(format!("user {user}"));
    }
    body
}

fn selector(by: By, id: UserId) -> Value {
    match by {
        By::Id => json!({ "id": id }),
        By::Email(number) => json!({ "email": email(number) }),
        By::Phone(number) => json!({ "phone_number": phone(number) }),
        By::Name(number) => json!({ "username": username(number) }),
    }
}

fn patch(set: &Set, number: u64) -> Value {
    match set {
        Set::Nickname => json!({ "profile": { "nickname": format!("number {number}") } }),
        Set::Email { email: None, .. } => json!({ "email": null }),
        Set::Email { email: Some(to), verified } => json!({ "email": email(*to), "email_verified": verified }),
        Set::Phone { phone: None, .. } => json!({ "phone_number": null }),
        Set::Phone { phone: Some(to), verified } => {
            json!({ "phone_number": phone(*to), "phone_number_verified": verified })
        }
        Set::ExternalId(to) => json!({ "external_id": format!("number {to}") }),
    }
}
