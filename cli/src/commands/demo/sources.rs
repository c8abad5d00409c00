//! The sources of the demo: what posts to them, and what programs need to post themselves.

use bytes::Bytes;
use http::{Method, Request, header};
use http_body_util::Full;
use serde::Serialize;
use serde_json::{Value, json};
use umoja_schema::ingest::{PoolDirection, UserPool};
use umoja_schema::{CompanyId, IngestSource, Region, SourceId, SourceKind};

use crate::CliError;
use crate::commands::issued::new_api_key;
use crate::commands::source::{new_source, path};
use crate::deployment::Deployment;
use crate::http::Http;

/// A source that posts events, in `demo.json`.
#[derive(Serialize)]
pub(super) struct Posting {
    id: SourceId,
    kind: SourceKind,
    url: String,
    api_key: String,
}

/// A company's SCIM server, in `demo.json`.
#[derive(Serialize)]
pub(super) struct Scim {
    company: CompanyId,
    url: String,
    token: String,
}

/// The sources of the company soko, with new keys.
pub(super) struct Sources {
    auth0: (IngestSource, String),
    crm: (IngestSource, String),
    scim: (IngestSource, String),
    pool: IngestSource,
}

impl Sources {
    /// Adds the sources, or gives new keys to those of an earlier demo.
    pub(super) async fn add(deployment: &Deployment, company: &CompanyId) -> Result<Self, CliError> {
        let mapping = json!({
            "external_id": "id", "email": "mail",
            "events": { "type": "what", "state": ["created", "changed"], "deleted": ["removed"] },
        });
        let home = deployment.regions().first()?.name().clone();
        let pool = UserPool::new(&format!("{home}_Demo"), PoolDirection::FromPool);
        let with = |mapping: Option<Value>, pool: Option<UserPool>| {
            move |source: IngestSource| IngestSource { mapping: mapping.clone(), pool: pool.clone(), ..source }
        };
        Ok(Self {
            auth0: add(deployment, company, SourceKind::Auth0, with(None, None)).await?,
            crm: add(deployment, company, SourceKind::Generic, with(Some(mapping), None)).await?,
            scim: add(deployment, company, SourceKind::Scim, with(None, None)).await?,
            pool: add(deployment, company, SourceKind::Cognito, with(None, pool)).await?.0,
        })
    }

    /// What programs need to post events to the region at `base_url`.
    pub(super) fn posting(&self, base_url: &str) -> Vec<Posting> {
        let of = |(source, key): &(IngestSource, String)| Posting {
            id: source.id.clone(),
            kind: source.kind,
            url: url(base_url, source),
            api_key: key.clone(),
        };
        vec![of(&self.auth0), of(&self.crm)]
    }

    /// What a SCIM client needs to call the region at `base_url`.
    pub(super) fn scim(&self, base_url: &str) -> Vec<Scim> {
        let (source, token) = &self.scim;
        vec![Scim { company: source.company.clone(), url: url(base_url, source), token: token.clone() }]
    }

    /// The user pool whose users come to the store.
    pub(super) const fn pool(&self) -> &IngestSource {
        &self.pool
    }

    /// Posts an event of the Auth0 tenant to the region at `base_url`. Returns the status.
    pub(super) async fn post(&self, base_url: &str, event: &Value) -> Result<u16, CliError> {
        let (source, key) = &self.auth0;
        let request = Request::builder().method(Method::POST).uri(url(base_url, source));
        let request = request.header("x-api-key", key).header(header::CONTENT_TYPE, "application/json");
        let request = request.body(Full::new(Bytes::from(event.to_string())));
        let request = request.map_err(|error| CliError::Failed(error.to_string()))?;
        Ok(Http::new(base_url)?.send(request).await?.status)
    }
}

fn url(base_url: &str, source: &IngestSource) -> String {
    format!("{base_url}{}", path(source))
}

/// A source of a company with its API key.
async fn add(
    deployment: &Deployment,
    company: &CompanyId,
    kind: SourceKind,
    with: impl Fn(IngestSource) -> IngestSource,
) -> Result<(IngestSource, String), CliError> {
    let regions = deployment.regions();
    let id = format!("{company}-{}", kind.as_str());
    let id: SourceId = id.parse().map_err(|error| CliError::Failed(format!("{error}")))?;
    let home: Region = regions.first()?.name().clone();
    let (api_key, hash) = new_api_key(&regions)?;
    let new = new_source(&regions, (&id, kind), company, &home, hash.clone()).await?;
    let changed = regions.change(&id, |stored: Option<IngestSource>| {
        let source = stored.unwrap_or_else(|| new.clone());
        Ok(with(IngestSource { api_keys: vec![hash.clone()], ..source }))
    });
    let changed = changed.await?;
    changed.everywhere?;
    Ok((changed.document, api_key))
}
