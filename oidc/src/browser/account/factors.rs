//! `/account/factors`: the person adds and removes what it proves with who it is. Every change ends its other sessions.
//!
//! The secret of a new application follows from the sealed step of the page, as the challenge of a new passkey does: nothing is stored before
//! the person has shown that the application has it.

use std::sync::Arc;

use axum::extract::{Request, State};
use axum::http::StatusCode;
use axum::response::Response;
use umoja_accounts::Error;
use umoja_accounts::access::{By, CodeUsed, Enrolled, NewPasskey, PasskeyUsed, RecoveryCodes, Removal, Standing};
use umoja_crypto::totp::TotpSecret;
use umoja_crypto::webauthn;
use umoja_look::Text;
use umoja_look::texts::factors as say;

use super::enter::{Entered, Inside, Section, called};
use super::logins;
use crate::Provider;
use crate::assurance::{self, Class};
use crate::browser::offered::ENROLMENT;
use crate::browser::second::Shown;
use crate::browser::stop::Stop;
use crate::pages::account::factors::{self as pages, Back, OnFactors};
use crate::passkey::{Sent, Site, challenge};

pub(super) const SECTION: Section = Section { path: ENROLMENT, title: say::FACTORS, needs_recent: true };

/// What came of a form.
#[derive(Default)]
struct Outcome {
    done: Option<Text>,
    fault: Option<Text>,
    codes: Option<RecoveryCodes>,
    /// The step of the form, whose secret the person has put into the application already.
    kept: Option<String>,
    /// By which methods the person has proved who it is, with the factor that it has added.
    shown: Option<Vec<String>>,
}

impl Outcome {
    fn done(text: Text) -> Self {
        Self { done: Some(text), ..Self::default() }
    }

    fn fault(text: Text) -> Self {
        Self { fault: Some(text), ..Self::default() }
    }

    fn of(enrolled: Enrolled, amr: Vec<String>, wrong: Text) -> Self {
        match enrolled {
            Enrolled::Added(codes) => Self { codes, shown: Some(amr), ..Self::done(say::WAS_ADDED) },
            Enrolled::Wrong => Self::fault(wrong),
            Enrolled::Known => Self::fault(say::KNOWN),
            Enrolled::Full => Self::fault(say::FULL),
        }
    }
}

pub(super) async fn factors(State(provider): State<Arc<Provider>>, request: Request) -> Result<Response, Stop> {
    let mut inside = match Box::pin(Inside::enter_counted(provider, SECTION, request)).await? {
        Entered::Inside(inside) => inside,
        Entered::Page(response) => return Ok(response),
    };
    let mut outcome = if inside.asked.is_post { act(&inside).await? } else { Outcome::default() };
    // Who adds a factor has it, so the session is one of two factors from now on. Otherwise the person would have to show it at the next page.
    if let Some(amr) = outcome.shown.take()
        && Class::of_sign_in(&inside.visit.cookie.signed_in) < Class::Two
    {
        inside.raise(Shown { amr, class: Class::Two }).await?;
    }
    let standing = inside.all().await?;
    page(&inside, &standing, outcome).await
}

async fn act(inside: &Inside) -> Result<Outcome, Stop> {
    let form = &inside.asked.form;
    let (step, label) = (form.get("step").unwrap_or_default(), form.get("label").unwrap_or_default());
    let people = &inside.provider.accounts.people;
    let actor = inside.context().actor;
    let of = By { user: inside.user(), kept: Some(inside.visit.cookie.described()), actor: &actor };
    let amr = &inside.visit.cookie.signed_in.amr;
    if let Some(code) = form.get("code") {
        let Some(secret) = secret(inside, step) else { return Ok(Outcome::fault(say::WRONG_CODE)) };
        let outcome = match people.add_totp(of, &secret, (code, label)).await {
            Ok(enrolled) => Outcome::of(enrolled, assurance::with_code(amr, CodeUsed::Totp), say::WRONG_CODE),
            Err(Error::Locked { .. }) => Outcome::fault(say::WRONG_CODE),
            Err(error) => return Err(error.into()),
        };
        let kept = outcome.fault.is_some().then(|| step.to_owned());
        return Ok(Outcome { kept, ..outcome });
    }
    if let Some(answer) = form.get("answer") {
        let Some(new) = made(inside, (step, answer, label)) else { return Ok(Outcome::fault(say::NO_PASSKEY)) };
        let used = PasskeyUsed {
            user: inside.user(),
            user_verified: new.made.user_verified,
            backup_eligible: new.made.backup_eligible,
        };
        let amr = assurance::with_passkey(amr, &used);
        return Ok(Outcome::of(people.add_passkey(of, new).await?, amr, say::NO_PASSKEY));
    }
    if let Some(id) = form.get("remove") {
        let logins = logins::ways(inside).await?;
        return Ok(match people.remove_factor_but_last_way(of, id, &logins).await? {
            Removal::Removed => Outcome::done(say::WAS_REMOVED),
            Removal::Last => Outcome::fault(say::LAST_WAY),
            Removal::Absent => Outcome::default(),
        });
    }
    if form.get("codes").is_some() && inside.all().await?.has_second_factor() {
        let codes = Some(people.new_recovery_codes(of).await?);
        return Ok(Outcome { codes, ..Outcome::default() });
    }
    Ok(Outcome::fault(say::NO_PASSKEY))
}

/// The secret of a new application on the page with this step.
fn secret(inside: &Inside, step: &str) -> Option<TotpSecret> {
    let hash = inside.provider.accounts.secrets.request_hash(&["secret of an application", step]);
    TotpSecret::new(&hash[..TotpSecret::BYTES])
}

/// The passkey that a browser has made for the page with this step.
fn made(inside: &Inside, (step, answer, label): (&str, &str, &str)) -> Option<NewPasskey> {
    let sent = Sent::read(answer)?;
    let (site, challenge) = (Site::of(&inside.provider.issuer), challenge(step));
    let (client_data, attestation) = sent.made();
    let made = webauthn::registered(&site.expects(&challenge, false), client_data, attestation);
    let made = made.inspect_err(|error| tracing::info!(user = %inside.user(), %error, "a passkey was not added"));
    Some(NewPasskey { made: made.ok()?, transports: sent.transports().to_vec(), label: label.to_owned() })
}

async fn page(inside: &Inside, standing: &Standing, outcome: Outcome) -> Result<Response, Stop> {
    let people = &inside.provider.accounts.people;
    let step = outcome.kept.unwrap_or_else(|| inside.step());
    let name = called(&inside.person);
    let passkey = Site::of(&inside.provider.issuer).create(&step, inside.user(), &name, standing);
    let secret = secret(inside, &step);
    let back = if standing.has_second_factor() { inside.back() } else { None };
    let back = match back {
        Some((step, request)) => {
            let registered = inside.provider.registered(request.client.as_str()).await?;
            registered.map(|registered| Back {
                client: registered.client.name.clone(),
                step,
                leads_to: request.return_to.redirect_uri,
            })
        }
        None => None,
    };
    let label = |factor: &_| people.factor_label(factor);
    let on = OnFactors {
        path: SECTION.path,
        step: &step,
        issuer: inside.view().look.name(),
        name: &name,
        factors: standing.factors().map(|factor| (factor, label(factor))).collect(),
        codes_left: standing.recovery_codes_left(),
        codes: outcome.codes.as_ref(),
        secret: secret.as_ref(),
        passkey: &passkey,
        back: back.as_ref(),
    };
    let is_faulty = outcome.fault.is_some();
    let mut response = inside.answer(|page| {
        let page = page.alert(outcome.fault.map(Into::into)).done(outcome.done.map(Into::into));
        pages::factors(page, &on, is_faulty)
    });
    if is_faulty {
        *response.status_mut() = StatusCode::UNPROCESSABLE_ENTITY;
    }
    Ok(response)
}
