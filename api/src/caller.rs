//! Authentication of the caller. The checks of a signed request run cheapest first, and all of them run before the
//! first paid call, except for one cached look-up of the company.

use axum::http::HeaderMap;
use serde_json::Value;
use umoja_accounts::{Context, Request};
use umoja_crypto::akh;
use umoja_crypto::jws::{Expected, SignedRequest, parse_request};
use umoja_schema::{Actor, CompanyId, Scope};

use crate::app::App;
use crate::idempotency::fingerprint;
use crate::kinds::COMPANY_DISABLED;
use crate::problem::Problem;

/// A company with a verified request.
pub(crate) struct Caller {
    /// The company and the time of the request.
    pub(crate) context: Context,
    pub(crate) jti: String,
    pub(crate) htu: String,
    pub(crate) rqh: String,
    pub(crate) exp_secs: u64,
}

/// Verifies a request. The problem that it returns reveals no reason to a client that is not a known caller, unless the
/// deployment is one to try things out with; the log has the reason.
pub(crate) async fn verify(
    app: &App,
    path: &str,
    headers: &HeaderMap,
    token: &[u8],
) -> Result<(Caller, Value), Problem> {
    let mut issuer = None;
    let verified = check(app, path, headers, token, &mut issuer).await;
    verified.map_err(|problem| {
        let (code, issuer) = (problem.kind.code, issuer.as_ref().map(CompanyId::as_str));
        tracing::info!(operation = path, code, cause = problem.cause, issuer, "a request was not accepted");
        if app.config.explains { problem.explained() } else { problem }
    })
}

/// The checks. `issuer` is the company that the request names, if there is one: it is not known to be the caller.
async fn check(
    app: &App,
    path: &str,
    headers: &HeaderMap,
    token: &[u8],
    issuer: &mut Option<CompanyId>,
) -> Result<(Caller, Value), Problem> {
    let home = &app.accounts.home;
    let now = home.clock.now();
    let request = parse_request(token)?;
    let request = request.check_times(now.secs())?;
    let akh = headers.get("x-api-key").map(|key| akh(key.as_bytes()));
    let akh = akh.ok_or(Problem::unauthorized("There is no header `x-api-key`."))?;
    let known = app.companies.get(&*home.registry, request.issuer(), now).await?;
    let known = known.ok_or(Problem::unauthorized("There is no company with the id in the claim `iss`."))?;
    let company = &known.1.company;
    *issuer = Some(company.id.clone());
    let no_key = Problem::unauthorized("The company has no signing key with the id in the header member `kid`.");
    let key = known.1.key(request.kid()).ok_or(no_key)?;
    let kid = request.kid().to_owned();
    let request = request.verify(key, &Expected { aud: &app.config.base_url, path, akh: &akh })?;
    if !company.has_api_key(&akh, now.secs()) {
        return Err(Problem::unauthorized("The company does not have this API key, or the key has ended."));
    }
    app.companies.remember(&known);
    let SignedRequest { jti, htu, idk, body, rqh, exp, .. } = request;
    let request = idk.map(|key| {
        let fingerprint = fingerprint(&app.accounts.secrets, path, &body);
        Request { key, fingerprint, mark: None, is_done: false }
    });
    let actor = Actor::Company { id: company.id.clone(), kid };
    let context = Context { actor, company: company.clone(), now, request };
    Ok((Caller { context, jti, htu, rqh, exp_secs: exp }, body))
}

impl Caller {
    /// Rejects the request if the company is disabled or lacks the scope.
    pub(crate) fn permit(&self, scope: Scope) -> Result<(), Problem> {
        if !self.context.company.enabled {
            Err(Problem::from(&COMPANY_DISABLED))
        } else if self.context.company.may(scope) {
            Ok(())
        } else {
            Err(Problem::scope_missing(scope))
        }
    }
}
