//! How a source is shown, without its keys.

use serde_json::{Value, json};
use umoja_schema::{Company, IngestSource, SourceKind};

use crate::commands::issued::described;
use crate::deployment::{DeployedRegion, Regions};

/// What a source is called in text, by its kind.
pub(super) const fn system(kind: SourceKind) -> &'static str {
    match kind {
        SourceKind::Auth0 => "Auth0",
        SourceKind::Cognito => "Amazon Cognito",
        SourceKind::Okta => "Okta",
        SourceKind::Keycloak => "Keycloak",
        SourceKind::Scim => "the SCIM client",
        SourceKind::Generic => "the other system",
    }
}

/// The path to which a source posts.
pub(in crate::commands) fn path(source: &IngestSource) -> String {
    match source.kind {
        SourceKind::Scim => format!("/scim/v2/{}", source.company),
        _ => format!("/v1/sources/{}/events", source.id),
    }
}

/// The URL in one region; `None` if the region has not been served yet on a fixed port.
pub(super) fn url(source: &IngestSource, region: &DeployedRegion) -> Option<String> {
    base(source, region).map(|base| format!("{base}{}", path(source)))
}

/// The URL of the region without the path. SCIM clients use that of the API, everything else the gateway of sources, if
/// there is one.
fn base<'a>(source: &IngestSource, region: &'a DeployedRegion) -> Option<&'a String> {
    let own = region.sources_url.as_ref().filter(|_| source.kind != SourceKind::Scim);
    own.or(region.url.as_ref())
}

/// True if a gateway with a key of its own stands before the source.
pub(super) fn has_gateway(source: &IngestSource, region: &DeployedRegion) -> bool {
    region.sources_url.is_some() && source.kind != SourceKind::Scim
}

/// The URL of each region for programs, the home first: events that it accepts need not be handed over.
pub(super) fn urls(source: &IngestSource, deployment: &Regions) -> Vec<Value> {
    ordered(source, deployment)
        .into_iter()
        .map(|region| json!({ "region": region.name(), "url": url(source, region) }))
        .collect()
}

/// The URLs for people. None of a pool, whose triggers call a function.
pub(super) fn url_lines(source: &IngestSource, deployment: &Regions) -> String {
    if source.pool.is_some() {
        return String::new();
    }
    let line = |region: &DeployedRegion| {
        let url =
            url(source, region).unwrap_or_else(|| format!("BASE_URL{} (`umoja serve` shows BASE_URL)", path(source)));
        let home = if *region.name() == source.home { " (home)" } else { "" };
        format!("  {}{home}  {url}\n", region.name())
    };
    ordered(source, deployment).into_iter().map(line).collect()
}

fn ordered<'a>(source: &IngestSource, deployment: &'a Regions) -> Vec<&'a DeployedRegion> {
    let mut regions: Vec<_> = deployment.list.iter().collect();
    regions.sort_by_key(|region| *region.name() != source.home);
    regions
}

/// A source for programs, without secrets.
pub(super) fn settings(source: &IngestSource, now_secs: u64) -> Value {
    let live = source.api_keys.iter().filter(|key| key.expires_at.is_none_or(|at| now_secs < at));
    json!({
        "id": source.id,
        "revision": source.revision,
        "company": source.company,
        "kind": source.kind,
        "home": source.home,
        "enabled": source.enabled,
        "may_disable": source.allowed.disable,
        "may_erase": source.allowed.erase,
        "mapping": source.mapping,
        "pool": source.pool.as_ref().map(|pool| json!({ "id": pool.id, "direction": pool.direction })),
        "legacy_get": source.legacy_get,
        "issuer": source.tokens.as_ref().map(|tokens| &tokens.issuer),
        "audiences": source.tokens.as_ref().map(|tokens| &tokens.audiences),
        "api_keys": live.map(|key| json!({ "id": key.id, "expires_at": key.expires_at })).collect::<Vec<_>>(),
        "keys": source.signing_keys.iter().map(|key| json!({ "kid": key.kid, "alg": key.alg })).collect::<Vec<_>>(),
        "inbox_key_version": source.inbox_key.version,
    })
}

/// The settings of a source for people, without secrets.
pub(super) fn setting_rows(source: &IngestSource, now_secs: u64) -> Vec<Vec<String>> {
    let keys: Vec<String> = source.api_keys.iter().filter_map(|key| described(key, now_secs)).collect();
    let signs: Vec<String> = source.signing_keys.iter().map(|key| format!("{} ({})", key.kid, key.alg)).collect();
    let may = [(source.allowed.disable, "disable users"), (source.allowed.erase, "erase people")];
    let may: Vec<&str> = may.into_iter().filter_map(|(may, what)| may.then_some(what)).collect();
    let mut rows = vec![
        ("API keys", keys.join(" ")),
        (
            "signs with",
            if signs.is_empty() { "nothing: its events are not signed".to_owned() } else { signs.join(" ") },
        ),
        ("may", if may.is_empty() { "speak for its company only".to_owned() } else { may.join(", ") }),
    ];
    rows.extend(source.mapping.as_ref().map(|mapping| ("mapping", mapping.to_string())));
    rows.extend(source.pool.as_ref().map(|pool| ("pool", format!("{} ({})", pool.id, pool.direction.as_str()))));
    rows.extend(
        source
            .tokens
            .as_ref()
            .map(|tokens| ("tokens", format!("of {} for {}", tokens.issuer, tokens.audiences.join(", ")))),
    );
    rows.extend(source.legacy_get.as_ref().map(|topic| ("legacy GET", format!("topic {topic}"))));
    rows.into_iter().map(|(name, value)| vec![name.to_owned(), value]).collect()
}

/// Why the events of a source wait although it is not paused.
pub(super) fn why_waiting(company: Option<&Company>) -> Option<String> {
    let Company { id, .. } = company.filter(|company| !company.enabled)?;
    Some(format!("The company {id} is DISABLED, so events wait until `umoja company set {id} --enabled true`.\n"))
}

/// The state of a source.
pub(super) fn state(source: &IngestSource) -> &'static str {
    if source.enabled { "enabled" } else { "PAUSED" }
}
