//! The steps of every operation: size limits, signature, rate limit, scope, replay, idempotency, and the signed answer.

use std::sync::Arc;

use axum::body::{Body, Bytes};
use axum::extract::Request;
use axum::http::header;
use axum::response::Response;
use http_body_util::BodyExt as _;
use serde_json::Value;
use umoja_accounts::rates::Requester;
use umoja_accounts::{Rejected, Rule as _};
use umoja_schema::{CompanyId, Millis};

use crate::app::App;
use crate::caller::{Caller, verify};
use crate::form::Form;
use crate::idempotency::{Effect, Remembered, has_password};
use crate::kinds::{BUSY, CONTENT_TYPE, MALFORMED, ProblemKind, RATE_LIMITED, REPLAYED, TOO_LARGE};
use crate::on_time::Asking;
use crate::operation::{Answer, Operation};
use crate::problem::Problem;
use crate::rate;
use crate::request_id::RequestId;
use crate::respond::{Rejection, set_retry_after, signed, unsigned};

/// The maximum size of a body in bytes.
const MAX_BODY: usize = 256 * 1024;

/// The number of further bytes that are read and discarded, so that the caller gets the answer and not a reset
/// connection.
const MAX_DISCARDED: usize = 1024 * 1024;

/// How long after its `exp` a request is still accepted because clocks differ, in milliseconds.
const LEEWAY_MS: u64 = 5_000;

/// Answers a request for the operation `O`, whose bodies have this form.
pub(crate) async fn handle<O: Operation>(app: Arc<App>, form: Arc<Form>, request: Request) -> Response {
    let (parts, body) = request.into_parts();
    let started = app.accounts.home.clock.now();
    let token = match limits(&parts.headers, body).await {
        Ok(token) => token,
        Err(problem) => return unsigned(&problem),
    };
    let (mut caller, body) = match verify(&app, O::PATH, &parts.headers, &token).await {
        Ok(verified) => verified,
        Err(problem) => return unsigned(&problem),
    };
    let company = Arc::clone(&caller.context.company);
    let (clock, who) = (&*app.accounts.home.clock, Requester::Company(company.id.clone()));
    let standing = app.rates.take(clock, &who, company.requests_per_second()).await;
    let mut rejection = None;
    let answer = match rate::problem(&standing) {
        Some(problem) => Err(problem),
        None => match busy::<O>(&app, &caller) {
            Some(problem) => {
                rejection = Rejection::of(&problem);
                Err(problem)
            }
            None => answer::<O>(&app, &form, &mut caller, body).await,
        },
    };
    let mut rejected = None;
    let (status, body, retry_after) = match answer {
        Ok(answer) => (answer.status, answer.body, None),
        Err(problem) => {
            rejected = Some(problem.kind);
            (problem.kind.status, problem.body(), problem.retry_after_secs)
        }
    };
    let now = app.accounts.home.clock.now();
    if let (Some(kind), Some(id)) = (rejected, parts.extensions.get::<RequestId>()) {
        note(&app, id, (O::PATH, kind), company.id.clone(), (started, now)).await;
    }
    tracing::info!(operation = O::PATH, company = %company.id, status, ms = now.since(started), "request");
    let mut response = signed(&app, &caller, now, status, body);
    set_retry_after(&mut response, retry_after);
    rate::set_headers(&standing, &mut response, now, retry_after);
    if let Some(rejection) = rejection {
        response.extensions_mut().insert(rejection);
    }
    response
}

/// The problem of a request for a hash while too many others wait for theirs. It costs the caller nothing else: the request may be
/// sent again.
fn busy<O: Operation>(app: &App, caller: &Caller) -> Option<Problem> {
    if !O::HASHES || caller.permit(O::SCOPE).is_err() {
        return None;
    }
    app.accounts.hasher.rejects(&caller.context.company.id).map(Problem::from)
}

/// Remembers a rejected request, so that the company can ask about it. What is rejected because there are too many requests is
/// not remembered: each would cost a write.
async fn note(
    app: &App,
    id: &RequestId,
    (operation, kind): (&str, &ProblemKind),
    company: CompanyId,
    (at, now): (Millis, Millis),
) {
    if kind == &RATE_LIMITED || kind == &BUSY {
        return;
    }
    let (ms, status, code) = (now.since(at), kind.status, kind.code.to_owned());
    let region = app.accounts.home.own.name.clone();
    let rejected = Rejected { company, operation: operation.to_owned(), at, ms, status, code, region };
    if let Err(error) = app.accounts.note_rejected(id.as_str(), &rejected).await {
        tracing::warn!(%error, "a rejected request is not remembered");
    }
}

async fn answer<O: Operation>(app: &App, form: &Form, caller: &mut Caller, value: Value) -> Result<Answer, Problem> {
    caller.permit(O::SCOPE)?;
    let problem = |error| O::MEMBERS.problem(error);
    let has_password = has_password(&value);
    let parsed = form.parse(value).and_then(|body| {
        let provisions = O::provisions(&body);
        O::parse(app, caller, body).map(|(rule, asked)| (rule, asked, provisions))
    });
    let (rule, asked, provisions) = match parsed {
        Ok(parsed) => parsed,
        Err(problem) => return Err(if first_use(app, caller).await? { problem } else { Problem::from(&REPLAYED) }),
    };
    let (first, read) = tokio::join!(first_use(app, caller), rule.read(&app.accounts, &caller.context));
    if !first? {
        return Err(Problem::from(&REPLAYED));
    }
    let read = read.map_err(problem)?;
    let asking = match provisions {
        Some(provisions) => Some(Box::pin(Asking::of(app, caller, provisions)).await?),
        None => None,
    };
    let remembered = if O::CHANGES { Remembered::begin(&app.accounts, &caller.context).await? } else { None };
    let earlier = remembered.as_ref().and_then(Remembered::done);
    if let Some(request) = &mut caller.context.request {
        request.mark = remembered.as_ref().and_then(Remembered::mark);
        request.is_done = earlier.is_some();
    }
    if let Some((status, id, version)) = earlier {
        if has_password && O::SETS_PASSWORD.contains(&status) {
            rule.act(&app.accounts, &caller.context, read).await.map_err(problem)?;
        }
        return with_targets(app, caller, asking, O::answer_retry(app, status, id, version).await).await;
    }
    let done = rule.act(&app.accounts, &caller.context, read).await.map_err(problem);
    let answer = done.and_then(|done| O::answer(asked, done));
    if let Some(remembered) = remembered {
        let (status, effect) = match &answer {
            Ok(answer) => (answer.status, answer.effect.clone()),
            Err(problem) if problem.is_definite() => (problem.kind.status, Effect::Nothing),
            Err(problem) => (problem.kind.status, Effect::Unknown),
        };
        remembered.end(&app.accounts, &caller.context, status, effect).await;
    }
    with_targets(app, caller, asking, answer).await
}

/// The answer with the states of the targets that the request names.
async fn with_targets(
    app: &App,
    caller: &Caller,
    asking: Option<Asking>,
    answer: Result<Answer, Problem>,
) -> Result<Answer, Problem> {
    match (asking, answer) {
        (Some(asking), Ok(answer)) => Box::pin(asking.add_to(app, caller, answer)).await,
        (_, answer) => answer,
    }
}

/// True for exactly one of the requests with this `jti`.
async fn first_use(app: &App, caller: &Caller) -> Result<bool, Problem> {
    let (home, secrets) = (&app.accounts.home, &app.accounts.secrets);
    let hash = secrets.request_hash(&["jti", caller.context.company.id.as_str(), &caller.htu, &caller.jti]);
    let expires_at = Millis(caller.exp_secs * 1000).plus(LEEWAY_MS + 1_000);
    Ok(home.requests.first_use(&hash, caller.context.now, expires_at).await?)
}

/// Reads the body, and checks its size and content type.
async fn limits(headers: &axum::http::HeaderMap, mut body: Body) -> Result<Bytes, Problem> {
    let media_type = headers.get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let is_jwt = media_type.split(';').next().unwrap_or_default().trim().eq_ignore_ascii_case("application/jwt");
    let mut token = Vec::new();
    let mut size = 0;
    while let Some(frame) = body.frame().await {
        let frame = frame.map_err(|_| Problem::from(&MALFORMED))?;
        let Ok(data) = frame.into_data() else { continue };
        size += data.len();
        if size > MAX_BODY + MAX_DISCARDED {
            break;
        }
        if size <= MAX_BODY {
            token.extend_from_slice(&data);
        }
    }
    if size > MAX_BODY {
        Err(Problem::from(&TOO_LARGE))
    } else if is_jwt {
        Ok(token.into())
    } else {
        Err(Problem::from(&CONTENT_TYPE))
    }
}
