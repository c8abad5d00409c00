//! What a person sees of its logins at other providers.

use umoja_schema::access::{AccessRow, ConnectedLogin, ended};
use umoja_schema::{Attributes, CompanyId, LoginProviderId, UserId, Version};
use umoja_store::ports::ItemWrite;

use super::Standing;
use super::write::random_id;
use crate::items::over;
use crate::{Error, People, Person};

/// A login at another provider that a user gets.
#[derive(Debug, Clone, Copy)]
pub(crate) struct NewLogin<'a> {
    /// The provider.
    pub(crate) provider: &'a LoginProviderId,
    /// Its company.
    pub(crate) company: &'a CompanyId,
    /// What the provider calls the person, as it is stored.
    pub(crate) external_id: &'a str,
    /// What the person sees of the account there. Personal data.
    pub(crate) name: Option<&'a str>,
}

impl Standing {
    /// The logins that the person's users got by signing in elsewhere. One counts only beside its external id ([`People::live_logins`]).
    pub fn logins(&self) -> impl Iterator<Item = &ConnectedLogin> {
        self.login_rows().map(|(_, login)| login)
    }

    fn login_rows(&self) -> impl Iterator<Item = (&Version, &ConnectedLogin)> {
        debug_assert!(self.has_read(&ConnectedLogin::of_all()), "the logins were not read");
        self.rows.iter().filter_map(|row| match &row.row {
            AccessRow::Login(login) => Some((&row.version, login)),
            _ => None,
        })
    }
}

impl People {
    /// The logins that a person got by signing in elsewhere, as far as a user of it still has the external id.
    pub fn live_logins<'a>(
        &self,
        standing: &'a Standing,
        person: &'a Person,
    ) -> impl Iterator<Item = &'a ConnectedLogin> {
        standing.logins().filter(|login| {
            let mut ids = person.users().filter_map(|user| user.identity.external_ids.get(&login.company));
            ids.any(|external_id| self.is_of_login(login, external_id))
        })
    }

    /// Whether an external id of the login's company is this login.
    pub(crate) fn is_of_login(&self, login: &ConnectedLogin, external_id: &str) -> bool {
        self.subject_hash(&login.company, external_id) == *login.subject
    }

    /// What the person sees of the account at the provider. Personal data.
    pub fn login_name(&self, login: &ConnectedLogin) -> Option<String> {
        self.secrets.factors().open_label((login.user, &login.id), login.label.as_deref()?)
    }

    /// The row that notes a login which a user gets, for one transaction with its external id. None without a login.
    ///
    /// # Errors
    /// If the clock of the region gives no time.
    pub(crate) fn row_of_login(&self, user: UserId, login: Option<&NewLogin<'_>>) -> Result<Vec<ItemWrite>, Error> {
        let Some(NewLogin { provider, company, external_id, name }) = login.copied() else { return Ok(Vec::new()) };
        let id = random_id(&self.home);
        let label = name.map(|name| self.secrets.factors().seal_label((user, &id), name, &*self.home.entropy));
        let login = ConnectedLogin {
            user,
            id,
            provider: provider.clone(),
            company: company.clone(),
            subject: self.subject_hash(company, external_id).to_vec(),
            label,
            created_at: self.home.clock.now(),
            unknown: Attributes::new(),
        };
        Ok(vec![over(None, login.to_item(self.next_version(false, None)?))])
    }

    /// The ends of what is noted of some logins of a person, for one transaction with what becomes of their external ids.
    ///
    /// # Errors
    /// If the clock of the region gives no time.
    pub(crate) fn ends_of_logins(
        &self,
        standing: &Standing,
        which: impl Fn(&ConnectedLogin) -> bool,
    ) -> Result<Vec<ItemWrite>, Error> {
        let end = |(version, login): (&Version, &ConnectedLogin)| {
            let (key, next) = (ConnectedLogin::key(&login.id), self.next_version(true, Some(version))?);
            Ok(over(Some(version), ended(login.user, key, next, None)))
        };
        standing.login_rows().filter(|(_, login)| which(login)).map(end).collect()
    }

    fn subject_hash(&self, company: &CompanyId, external_id: &str) -> [u8; 32] {
        self.secrets.request_hash(&["login elsewhere", company.as_str(), external_id])
    }
}
