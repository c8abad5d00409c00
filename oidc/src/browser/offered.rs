//! What the page for signing in offers besides: other providers, and to make an account.

use umoja_schema::{Client, Company, CompanyId};

use super::stop::Stop;
use crate::Provider;
use crate::answer::with_query;
use crate::upstream::START;
use crate::upstream::step::MAX_STATE;

/// The page from which a person goes to a provider: the parameters by which `/federation/start` knows it again.
#[derive(Debug, Clone, Copy)]
pub(super) enum StartOn<'a> {
    /// The page of a client, with its step.
    Client(&'a str),
    /// A page of an account: its form, and its path.
    Account(&'a str, &'a str),
    /// The page of a device, with its step.
    Device(&'a str),
}

impl<'a> StartOn<'a> {
    /// The step of the page.
    pub(super) const fn step(self) -> &'a str {
        match self {
            Self::Client(step) | Self::Account(step, _) | Self::Device(step) => step,
        }
    }

    /// The path at which a sign-in with a provider begins. `None` if the step is too large for a link.
    pub(super) fn start(self, provider: &str) -> Option<String> {
        let (name, step, page) = match self {
            Self::Client(step) => ("step", step, None),
            Self::Account(step, page) => ("account", step, Some(page)),
            Self::Device(step) => ("device", step, None),
        };
        let page = page.map(|page| ("page", page));
        let parameters = [("provider", provider), (name, step)].into_iter().chain(page);
        (step.len() <= MAX_STATE).then(|| with_query(START, parameters).to_string())
    }
}

/// The path to which the page on which a person signs in sends its form.
pub(super) const SIGN_IN: &str = "/login";
/// The path of that page, for who comes by another page of the same request.
pub(super) const SIGN_IN_PAGE: &str = "/sign-in";
/// The path at which a person makes an account.
pub(super) const REGISTER: &str = "/register";

/// The path at which a person looks after its account.
pub(super) const ACCOUNT: &str = "/account";
/// The path at which a person adds a second factor.
pub(super) const ENROLMENT: &str = "/account/factors";
/// The most characters of the step of a page of a client to which a person goes back. It is sealed once more, in a form.
pub(super) const MAX_BACK: usize = 4 * 1024;

/// The link to the page on which a person signs in, by the step of another page of the same request. `None` for a request that is too large for a
/// link.
pub(super) fn sign_in(step: &str) -> Option<String> {
    (step.len() <= MAX_STATE).then(|| with_query(SIGN_IN_PAGE, [("step", step)].into_iter()).to_string())
}

/// The path of the account of a person, by the pages of a company.
pub(super) fn account(company: &CompanyId) -> String {
    with_query(ACCOUNT, [("company", company.as_str())].into_iter()).to_string()
}

/// The link to the page on which a person adds a second factor, by the pages of a company; with the step of the page of a client to which it goes
/// back, unless that is too large for a link.
pub(super) fn enrolment(company: &CompanyId, back: Option<&str>) -> String {
    let back = back.filter(|step| step.len() <= MAX_BACK).map(|step| ("back", step));
    with_query(ENROLMENT, [("company", company.as_str())].into_iter().chain(back)).to_string()
}

/// Whether persons can make accounts: the company lets them, and mail is sent.
pub(super) fn offers_registration(provider: &Provider, company: &Company) -> bool {
    company.registration && provider.accounts.mailer.is_some()
}

/// The link to the page on which a person makes an account. `None` where none can be made, and for a request that is too large for a link.
pub(super) fn registration(provider: &Provider, company: &Company, step: &str) -> Option<String> {
    let is_offered = offers_registration(provider, company) && step.len() <= MAX_STATE;
    is_offered.then(|| with_query(REGISTER, [("step", step)].into_iter()).to_string())
}

/// The providers that the page of a client offers: their names, and the paths at which a sign-in with them begins.
///
/// # Errors
/// If the region cannot read them.
pub(super) async fn offered(
    provider: &Provider,
    client: &Client,
    on: StartOn<'_>,
) -> Result<Vec<(String, String)>, Stop> {
    let mut offered = Vec::new();
    for id in &client.providers {
        if let Some(upstream) = provider.upstream(id).await? {
            let path = on.start(id.as_str());
            offered.extend(path.map(|path| (upstream.provider.name.clone(), path)));
        }
    }
    Ok(offered)
}
