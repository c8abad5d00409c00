//! The API instances of the regions in a run.

use std::cell::{Cell, RefCell};
use std::rc::{Rc, Weak};
use std::sync::Arc;

use umoja_schema::{BlindIndex, CompanyId, Email, ExternalId, IdentifierKind, PhoneNumber, Username};
use umoja_store::secrets::Secrets;

use super::names::{COMPANIES, email, phone, subject, username};
use super::plan::{By, IDENTIFIERS, USERS};
use crate::caller::Endpoint;
use crate::deployment::Deployment;

/// The API instance of a region.
#[derive(Default)]
pub(super) struct Slot {
    /// `None` while the instance is closed. Each holder of a reference has a request in progress.
    pub(super) endpoint: Option<Rc<Endpoint>>,
    /// The secrets that the instance has read.
    pub(super) secrets: Option<Arc<Secrets>>,
    /// The number of the reading of the settings that the instance has, or lacked when it was closed.
    pub(super) reading: u64,
}

/// The API instances of all regions.
pub(super) struct Instances {
    pub(super) slots: Vec<RefCell<Slot>>,
    /// Counts the readings of settings.
    pub(super) readings: Cell<u64>,
    /// All instances that were ever used, each with its reading of the settings.
    pub(super) used: RefCell<Vec<(u64, Weak<Endpoint>)>>,
    /// The name of every identifier of a run.
    pub(super) names: Vec<BlindIndex>,
}

impl Instances {
    /// The instances of a new deployment.
    pub(super) fn new(deployment: &Deployment) -> Self {
        let endpoints = deployment.endpoints.iter().map(|endpoint| Rc::new(endpoint.clone()));
        let endpoints: Vec<Rc<Endpoint>> = endpoints.collect();
        let used = RefCell::new(endpoints.iter().map(|endpoint| (0, Rc::downgrade(endpoint))).collect());
        let secrets = deployment.world.regions[0].secrets();
        let slot =
            |endpoint| RefCell::new(Slot { endpoint: Some(endpoint), secrets: Some(Arc::clone(secrets)), reading: 0 });
        let names = identifiers(secrets).into_iter().map(|indexes| indexes[0]).collect();
        Self { slots: endpoints.into_iter().map(slot).collect(), readings: Cell::default(), used, names }
    }
}

impl Instances {
    /// The name of an identifier in a run, whatever the index keys: its index under the first key.
    pub(super) fn name(&self, by: By) -> Option<BlindIndex> {
        let (number, kind) = match by {
            By::Id => return None,
            By::Email(number) => (number, 0),
            By::Phone(number) => (number, 1),
            By::Name(number) => (number, 2),
        };
        self.names.get(usize::from(number) * 3 + kind).copied()
    }

    /// The name of the external id that a company's provider has for a user.
    pub(super) fn subject(&self, user: u8, company: usize) -> BlindIndex {
        self.names[usize::from(IDENTIFIERS) * 3 + usize::from(user) * COMPANIES.len() + company]
    }
}

/// Every identifier of a run, by its indexes under each live key.
pub(super) fn identifiers(secrets: &Secrets) -> Vec<Vec<BlindIndex>> {
    let mut all = Vec::new();
    let mut add = |kind, company: Option<&CompanyId>, normalised: &str| {
        all.push(secrets.indexes(kind, company, normalised).into_iter().map(|(_, index)| index).collect());
    };
    for number in 0..IDENTIFIERS {
        let parsed = Email::parse(&email(number)).expect("an e-mail address");
        add(IdentifierKind::Email, None, parsed.normalised());
        let parsed = PhoneNumber::parse(&phone(number), None).expect("a phone number");
        add(IdentifierKind::PhoneNumber, None, parsed.normalised());
        let parsed = Username::parse(&username(number)).expect("a user name");
        add(IdentifierKind::Username, None, parsed.normalised());
    }
    let own = (0..USERS).map(subject).chain((0..IDENTIFIERS).map(|to| format!("number {to}")));
    for text in own {
        let parsed = ExternalId::parse(&text).expect("an external id");
        for company in COMPANIES {
            let company: CompanyId = company.parse().expect("a company");
            add(IdentifierKind::ExternalId, Some(&company), parsed.normalised());
        }
    }
    all
}
