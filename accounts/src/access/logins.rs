//! What a person sees of its logins at other providers.

use umoja_schema::access::{AccessRow, ConnectedLogin};
use umoja_schema::{Attributes, CompanyId, LoginProviderId, UserId};

use super::Standing;
use super::write::random_id;
use crate::{Error, People};

impl Standing {
    /// The logins that the person's users got by signing in elsewhere. One counts only beside its external id ([`People::is_of_login`]).
    pub fn logins(&self) -> impl Iterator<Item = &ConnectedLogin> {
        debug_assert!(self.has_read(&ConnectedLogin::of_all()), "the logins were not read");
        self.rows.iter().filter_map(|row| match &row.row {
            AccessRow::Login(login) => Some(login),
            _ => None,
        })
    }
}

impl People {
    /// Whether an external id of the login's company is this login.
    pub fn is_of_login(&self, login: &ConnectedLogin, external_id: &str) -> bool {
        self.subject_hash(&login.company, external_id) == *login.subject
    }

    /// What the person sees of the account at the provider. Personal data.
    pub fn login_name(&self, login: &ConnectedLogin) -> Option<String> {
        self.secrets.factors().open_label((login.user, &login.id), login.label.as_deref()?)
    }

    /// Notes a login that a user has got: what it is called at the provider and its company, and what the person sees of it.
    ///
    /// # Errors
    /// If the store fails, or the user is erased.
    pub(crate) async fn note_login(
        &self,
        user: UserId,
        (provider, company): (&LoginProviderId, &CompanyId),
        (external_id, name): (&str, Option<&str>),
    ) -> Result<(), Error> {
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
        self.add(|version| login.to_item(version)).await.map(drop)
    }

    /// Ends what is noted of logins.
    ///
    /// # Errors
    /// If the store fails.
    pub(crate) async fn end_logins(&self, logins: impl Iterator<Item = &ConnectedLogin>) -> Result<(), Error> {
        for login in logins {
            self.end(login.user, &ConnectedLogin::key(&login.id), None).await?;
        }
        Ok(())
    }

    fn subject_hash(&self, company: &CompanyId, external_id: &str) -> [u8; 32] {
        self.secrets.request_hash(&["login elsewhere", company.as_str(), external_id])
    }
}
