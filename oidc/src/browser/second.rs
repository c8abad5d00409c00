//! The second factor of a person whose password was right, or who has signed in with one factor; or the code by mail that is enough in place
//! of one.

use axum::response::Response;
use umoja_accounts::Error;
use umoja_accounts::access::{Needed, Standing};
use umoja_schema::UserId;

use super::asked::Asked;
use super::sign_in::{Proved, Rejection, begin};
use super::visit::Visit;
use crate::Provider;
use crate::assurance::{self, Class, Lacks, Policy, with_code, with_mail, with_passkey};
use crate::form::Form;
use crate::pages::{self, Again, View};
use crate::passkey::{Sent, Site, challenge};
use crate::provider::Registered;
use crate::steps::{OnPage, Passed, SessionCookie};
use crate::tokens::SignedIn;

/// Who shows a second factor.
#[derive(Clone, Copy)]
pub(super) struct Who<'a> {
    /// The user who signed in.
    pub(super) user: UserId,
    /// What the region knows of the person.
    pub(super) standing: &'a Standing,
    /// By which methods the person has proved who it is.
    pub(super) amr: &'a [String],
}

impl<'a> Who<'a> {
    /// The person of a session.
    pub(super) fn of(visit: &'a Visit) -> Self {
        Self { user: visit.cookie.user, standing: &visit.standing, amr: &visit.cookie.signed_in.amr }
    }

    /// A person whose password was right.
    pub(super) fn passed(passed: &'a Passed, standing: &'a Standing) -> Self {
        Self { user: passed.user, standing, amr: &passed.amr }
    }

    /// Whether the person may prove more by a code by mail: its company takes that, the person has no second factor, and has shown no such code
    /// before.
    fn may_use_mail(&self, registered: &Registered) -> bool {
        registered.company.mfa_by_mail && !self.standing.has_second_factor() && !assurance::is_mailed(self.amr)
    }
}

/// What the page of second factors offers of codes by mail.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum ByMail {
    /// Nothing.
    No,
    /// To send one.
    Offered,
    /// To type the one of this challenge.
    Sent(String),
}

impl ByMail {
    /// What the page offers to a person, whose form may have the challenge of a code that was sent before.
    pub(super) fn of(registered: &Registered, who: Who<'_>, form: &Form) -> Self {
        match form.get("challenge") {
            _ if !who.may_use_mail(registered) => Self::No,
            Some(challenge) => Self::Sent(challenge.to_owned()),
            None => Self::Offered,
        }
    }
}

/// What a person proves with a factor beside what it has proved before.
pub(super) struct Shown {
    /// All methods.
    pub(super) amr: Vec<String>,
    /// The class.
    pub(super) class: Class,
}

/// What comes of the form of a person whose password was right.
pub(super) enum Outcome {
    /// A session has begun. With it is what the region knows of the person.
    Begun(SessionCookie, Option<Standing>),
    /// The page again.
    Page(Standing, ByMail, Option<Rejection>),
    /// The password has to be entered again: it was replaced, or too long ago, or the person may not sign in any more.
    StartOver(Option<Rejection>),
}

/// Takes the form of a person whose password was right: a second factor, with which its session begins, or the wish for a code by mail.
pub(super) async fn after_password(
    provider: &Provider,
    registered: &Registered,
    passed: &Passed,
    asked: &Asked,
) -> Outcome {
    let session = provider.accounts.new_session_id();
    let standing = match known(provider, registered, passed, &session).await {
        Ok(Some(standing)) => standing,
        Ok(None) => return Outcome::StartOver(None),
        Err(rejected) => return Outcome::StartOver(Some(rejected)),
    };
    let who = Who::passed(passed, &standing);
    let mail = ByMail::of(registered, who, &asked.form);
    if mail == ByMail::No && !standing.has_second_factor() {
        return Outcome::StartOver(None);
    }
    if asked.chosen().is_some() {
        return Outcome::Page(standing, mail, None);
    }
    if wants_mail(asked) {
        return match send(provider, registered, who, asked).await {
            Ok(Some(mail)) => Outcome::Page(standing, mail, None),
            Ok(None) => Outcome::StartOver(None),
            Err(rejected) => Outcome::Page(standing, mail, Some(rejected)),
        };
    }
    let Shown { amr, class } = match shown(provider, registered, who, &asked.form).await {
        Ok(shown) => shown,
        Err(rejected) => return Outcome::Page(standing, mail, Some(rejected)),
    };
    let proved = Proved { session, at: passed.auth_time, amr, class, ends: passed.ends.clone(), agent: asked.agent() };
    match begin(provider, registered, (passed.user, standing), proved).await {
        Ok((cookie, standing)) => Outcome::Begun(cookie, Some(standing)),
        Err(rejected) => match known(provider, registered, passed, "").await {
            Ok(Some(standing)) => Outcome::Page(standing, mail, Some(rejected)),
            _ => Outcome::StartOver(Some(rejected)),
        },
    }
}

/// What the region knows of a person whose password was right, with the rows of the session that may begin. `None` if the password has to be
/// entered again.
async fn known(
    provider: &Provider,
    registered: &Registered,
    passed: &Passed,
    session: &str,
) -> Result<Option<Standing>, Rejection> {
    let needed = Needed { session: Some(session), factors: true, ..Needed::default() };
    let read = Standing::read_needed(&provider.accounts.people, passed.user, &needed).await;
    let standing = read.map_err(|error| Rejection::of(&registered.client, error))?;
    Ok(standing.filter(|standing| {
        let is_replaced = standing.is_ended_by_all(passed.user, None, &passed.ends);
        passed.is_live(provider.now()) && !is_replaced && standing.may_sign_in(&registered.company.id)
    }))
}

/// What a person with a session lacks for a client. `None` if nothing.
///
/// # Errors
/// If the region cannot read the person.
pub(super) async fn lacks(
    provider: &Provider,
    registered: &Registered,
    visit: &Visit,
    acr_values: &[String],
) -> Result<Option<Lacks>, Error> {
    let (Registered { client, company }, signed_in) = (registered, &visit.cookie.signed_in);
    // The factors of who has shown two are not read.
    let has = Class::of_sign_in(signed_in) < Class::Two && visit.standing.has_second_factor();
    let lacks = assurance::lacks(Policy::of(client, company), signed_in, has, acr_values);
    if lacks == Some(Lacks::Mail) {
        let person = visit.standing.person(&provider.accounts).await?;
        if !person.is_some_and(|person| provider.accounts.can_mail_code(&person)) {
            return Ok(Some(Lacks::Enrolment));
        }
    }
    Ok(lacks)
}

/// Whether a person asks for a code by mail.
pub(super) fn wants_mail(asked: &Asked) -> bool {
    asked.form.get("send").is_some()
}

/// Sends a code by mail to who may use one. `None` if the person may not, or has no address for it any more.
///
/// # Errors
/// [`Rejection`].
pub(super) async fn send(
    provider: &Provider,
    registered: &Registered,
    who: Who<'_>,
    asked: &Asked,
) -> Result<Option<ByMail>, Rejection> {
    let (client, accounts) = (&registered.client, &provider.accounts);
    if !who.may_use_mail(registered) {
        return Ok(None);
    }
    let unavailable = |error| Rejection::of(client, error);
    let language = asked.view(&provider.issuer, umoja_look::Look::plain(), &[], None).language;
    let code =
        accounts.mailed_code(&registered.context(provider.now()), (who.user, asked.address), Some(language)).await;
    let Some(code) = code.map_err(unavailable)? else { return Ok(None) };
    code.letter.send().await.map_err(unavailable)?;
    Ok(Some(ByMail::Sent(code.challenge)))
}

/// What a person proves with the factor that the form has: a code, or the answer of a passkey. The step of the form is what the answer is for.
///
/// # Errors
/// [`Rejection`].
pub(super) async fn shown(
    provider: &Provider,
    registered: &Registered,
    who: Who<'_>,
    form: &Form,
) -> Result<Shown, Rejection> {
    let shown = compared(provider, registered, who, form).await;
    shown.inspect_err(|rejected| rejected.log(&registered.client))
}

async fn compared(provider: &Provider, registered: &Registered, who: Who<'_>, form: &Form) -> Result<Shown, Rejection> {
    let wrong = |again| Rejection { again, retry_after_secs: None };
    let unavailable = |error: Error| Rejection::of(&registered.client, error);
    let (accounts, Who { user, standing, amr }) = (&provider.accounts, who);
    let two = |amr| Shown { amr, class: Class::Two };
    if let Some(answer) = form.get("answer") {
        let sent = Sent::read(answer).ok_or(wrong(Again::WrongPasskey))?;
        let answer = sent.answer().ok_or(wrong(Again::WrongPasskey))?;
        let (site, challenge) = (Site::of(&provider.issuer), challenge(form.get("step").unwrap_or_default()));
        let expected = (&site.expects(&challenge, false), provider.now().plus(OnPage::LIFETIME_MS));
        let used = accounts.use_passkey(standing, answer, expected).await.map_err(unavailable)?;
        return used.map(|used| two(with_passkey(amr, &used))).ok_or(wrong(Again::WrongPasskey));
    }
    let code = form.get("code").ok_or(wrong(Again::WrongCode))?;
    if let ByMail::Sent(challenge) = ByMail::of(registered, who, form) {
        let is_it = accounts.is_mailed_code(&registered.context(provider.now()), user, &challenge, code).await;
        let mailed = || Shown { amr: with_mail(amr), class: Class::One };
        return is_it.map_err(unavailable)?.then(mailed).ok_or(wrong(Again::WrongMailedCode));
    }
    let actor = registered.context(provider.now()).actor;
    let used = accounts.use_code(standing, (code, &actor)).await.map_err(unavailable)?;
    used.map(|used| two(with_code(amr, used))).ok_or(wrong(Again::WrongCode))
}

/// Where the page of second factors is.
pub(super) struct OnFactor<'a> {
    /// The name of what the person signs in to.
    pub(super) client: &'a str,
    /// The path to which the forms go.
    pub(super) action: &'a str,
    /// The URI to which the forms lead in the end.
    pub(super) leads_to: Option<&'a str>,
    /// The value that the forms send back.
    pub(super) step: &'a str,
}

/// The page on which a person shows a second factor, in a view and for an issuer. Its status the caller sets.
pub(super) fn page(
    (view, issuer): (&View, &str),
    OnFactor { client, action, leads_to, step }: OnFactor<'_>,
    standing: &Standing,
    (mail, rejected): (&ByMail, Option<Rejection>),
) -> Response {
    let passkey = standing.passkeys().next().map(|_| Site::of(issuer).second(step, standing));
    let on = pages::Factor {
        client,
        action,
        leads_to,
        step,
        codes: standing.has_totp() || standing.recovery_codes_left() > 0,
        passkey: passkey.as_deref(),
        mail: match mail {
            ByMail::No => pages::ByMail::No,
            ByMail::Offered => pages::ByMail::Offered,
            ByMail::Sent(challenge) => pages::ByMail::Sent(challenge),
        },
        again: rejected.map(|rejected| rejected.again),
    };
    pages::factor(view, &on)
}

/// Notes what the person of a session has shown beside its sign-in. The session stays the same, and so its cookie of before says less. The value
/// of the new cookie.
///
/// # Errors
/// If the region cannot store it.
pub(super) async fn raise(
    provider: &Provider,
    cookie: &mut SessionCookie,
    Shown { amr, class }: Shown,
) -> Result<String, Error> {
    let accounts = &provider.accounts;
    accounts.raise_session(cookie.user, &cookie.session, (&amr, class.as_str())).await?;
    cookie.signed_in = SignedIn { acr: Some(class.as_str().to_owned()), amr, ..cookie.signed_in.clone() };
    Ok(cookie.seal(&accounts.secrets, &*accounts.home.entropy))
}
