//! Where a person is who signs in at a provider: at a client, at its account, or at a device.

use std::sync::Arc;

use axum::response::Response;
use umoja_accounts::access::Standing;

use crate::Provider;
use crate::browser::account::door::Door;
use crate::browser::account::logins;
use crate::browser::asked::Asked;
use crate::browser::device::OnDevice;
use crate::browser::proceed::Going;
use crate::browser::sign_in::Rejection;
use crate::browser::stop::Stop;
use crate::device::DeviceStep;
use crate::provider::Registered;
use crate::request::NoReturn;
use crate::steps::{Passed, SessionCookie, Unconnected};
use crate::upstream::step::{Goal, OfAccount};

/// A place, with the browser that is there.
pub(super) enum Place<'a> {
    Client(Box<Going<'a>>, &'a str),
    Account(Box<Door<'a>>, OfAccount),
    Device(OnDevice<'a>, Box<DeviceStep>),
}

/// The client of a goal, which says which providers there are.
pub(super) async fn registered(provider: &Provider, goal: &Goal) -> Result<Arc<Registered>, Stop> {
    let client = match goal {
        Goal::Client(request) => &request.client,
        Goal::Device(step) => &step.client,
        Goal::Account(OfAccount { company, .. }) => {
            let company = provider.accounts.home.registry.company(company).await?;
            let company = company.filter(|company| company.enabled).ok_or(NoReturn::Page)?;
            return Ok(Arc::new(Registered::account(Arc::new(company))?));
        }
    };
    provider.registered(client.as_str()).await?.ok_or_else(|| Stop::at(NoReturn::Client, client))
}

impl<'a> Place<'a> {
    pub(super) fn of(
        provider: &'a Provider,
        registered: &'a Registered,
        (asked, browser): (&'a Asked, &'a str),
        goal: Goal,
    ) -> Result<Self, Stop> {
        Ok(match goal {
            Goal::Client(request) => {
                Self::Client(Box::new(Going::of(provider, Some(registered), asked, *request)?), browser)
            }
            Goal::Account(of) => {
                let section = crate::browser::account::section(&of.path).ok_or(NoReturn::Page)?;
                Self::Account(Box::new(Door::of(provider, section, registered, (asked, browser))), of)
            }
            Goal::Device(step) => {
                Self::Device(OnDevice { provider, registered, asked, browser: browser.to_owned() }, step)
            }
        })
    }

    /// The classes of authentication that are preferred there.
    pub(super) fn acr_values(&self) -> Vec<String> {
        match self {
            Self::Client(going, _) => going.request.acr_values.clone(),
            Self::Account(..) => Door::acr_values(),
            Self::Device(..) => Vec::new(),
        }
    }

    /// The page on which the person signs in, again.
    pub(super) async fn again(self, rejected: Rejection) -> Result<Response, Stop> {
        match self {
            Self::Client(going, _) => going.again(Some(rejected)).await,
            Self::Account(door, OfAccount { connects: Some(_), .. }) => {
                logins::not_connected(door.provider, &door.at.company.id, rejected.again)
            }
            Self::Account(door, _) => door.again("", Some(rejected)).await,
            Self::Device(on, step) => on.again(*step, Some(rejected)).await,
        }
    }

    /// The page on which a person signs in who connects the login.
    pub(super) async fn unknown(self, login: Unconnected) -> Result<Response, Stop> {
        match self {
            Self::Client(mut going, _) => {
                going.unconnected = Some(login);
                going.again(None).await
            }
            Self::Account(door, _) => Door { unconnected: Some(login), ..*door }.again("", None).await,
            Self::Device(on, mut step) => {
                step.unconnected = Some(login);
                on.again(*step, None).await
            }
        }
    }

    /// The next page of a person whose session has begun.
    pub(super) async fn begun(self, cookie: SessionCookie, standing: Option<Standing>) -> Result<Response, Stop> {
        match self {
            Self::Client(going, browser) => going.begun((cookie, standing), browser.to_owned()).await,
            Self::Account(door, _) => door.begun(&cookie).await,
            Self::Device(on, step) => on.begun(*step, (cookie, standing)).await,
        }
    }

    /// The page on which a person shows a second factor.
    pub(super) fn passed(self, passed: Passed, standing: &Standing) -> Response {
        match self {
            Self::Client(going, _) => going.first_factor_page(passed, standing),
            Self::Account(door, _) => door.first_factor_page(passed, standing),
            Self::Device(on, step) => on.first_factor_page(*step, passed, standing),
        }
    }
}
