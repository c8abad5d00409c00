//! What an export says of single sign-on.

use std::cmp::Reverse;

use umoja_schema::Millis;
use umoja_schema::access::{Family, Session};
use umoja_schema::api::{
    ExportedAccess, ExportedConsent, ExportedFactor, ExportedLogin, ExportedSession, ExportedSignOn,
};

use crate::access::{DeviceLabel, Reuse, Standing};
use crate::{Error, People, Person};

/// The most sessions of an export, the newest first: a program can begin any number.
const MAX_SESSIONS: usize = 1_000;

impl People {
    /// What a person signs in with, where it is signed in, and what applications have. Without the names by which applications know the person
    /// (`sub`): those of one sector are not to be compared with those of another.
    pub(super) async fn sign_on(&self, person: &Person) -> Result<ExportedSignOn, Error> {
        let standing = Standing::of(self, person.parts(), None).await?;
        let mut sessions: Vec<&Session> = standing.sessions().collect();
        sessions.sort_by_key(|session| (Reverse(session.created_at), &session.id));
        sessions.truncate(MAX_SESSIONS);
        let session = |session: &Session| ExportedSession {
            created_at: session.created_at.secs(),
            expires_at: session.expires_at.secs(),
            signed_in_at: (session.auth_time > Millis(0)).then(|| session.auth_time.secs()),
            methods: session.amr.clone(),
            device: self.label(session).as_ref().map(DeviceLabel::products),
            clients: standing.clients_of(&session.id).into_iter().collect(),
        };
        let lasts =
            |family: &&Family| family.session.is_none() && standing.family(&family.id, Reuse::default()).is_some();
        let mut access: Vec<&Family> = standing.families().filter(lasts).collect();
        access.sort_by_key(|family| (&family.client, family.expires_at, &family.id));
        let access = access.into_iter().map(|family| ExportedAccess {
            client: family.client.clone(),
            scopes: family.scopes.iter().cloned().collect(),
            expires_at: family.expires_at.secs(),
        });
        let consents = standing.clients().into_iter().map(|client| ExportedConsent {
            scopes: standing.granted(&client).into_iter().collect(),
            since: standing.granted_since(&client).map(Millis::secs),
            client,
        });
        let mut factors: Vec<_> = standing.factors().collect();
        factors.sort_by_key(|factor| (factor.created_at, &factor.id));
        let factors = factors.into_iter().map(|factor| ExportedFactor {
            kind: factor.kind.name().to_owned(),
            label: self.factor_label(factor),
            created_at: factor.created_at.secs(),
        });
        let mut logins: Vec<_> = self.live_logins(&standing, person).collect();
        logins.sort_by_key(|login| (login.created_at, &login.id));
        let logins = logins.into_iter().map(|login| ExportedLogin {
            provider: login.provider.to_string(),
            account: self.login_name(login),
            created_at: login.created_at.secs(),
        });
        Ok(ExportedSignOn {
            sessions: sessions.into_iter().map(session).collect(),
            lasting_access: access.collect(),
            consents: consents.collect(),
            factors: factors.collect(),
            logins: logins.collect(),
        })
    }
}
