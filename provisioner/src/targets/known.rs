//! A target with its mapping and its token, ready for deliveries.

use serde_json::{Map, Value};
use umoja_accounts::Person;
use umoja_accounts::provisioning::Params;
use umoja_migrate::formats::{Condition, MappingError, Template};
use umoja_schema::{AccountStatus, LinkState, Millis, Target, TargetKind, UserId};
use umoja_store::Home;
use umoja_store::ports::{Outbound, StoreError};
use umoja_store::secrets::Secrets;
use zeroize::Zeroizing;

use crate::targets::client::Client;
use crate::targets::plan::{Wanted, Why};
use crate::targets::{plain, scim};

/// The template of an account of a SCIM target whose operator gives none.
const SCIM_DEFAULT: &str = include_str!("../../mappings/scim.json");
/// The template of an account of a target of the kinds `http` and `webhook` whose operator gives none.
const HTTP_DEFAULT: &str = include_str!("../../mappings/http.json");

/// The member of the record for a mapping that holds the user's id at the target's company.
const EXTERNAL_ID: &str = "external_id";
/// The member of the record for a mapping that holds the parameters of the company's requests.
const PARAMS: &str = "params";

/// Why a target cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum TargetError {
    /// Its mapping or its scope is malformed.
    #[error(transparent)]
    Mapping(#[from] MappingError),
    /// Its token does not open under the deployment's secrets.
    #[error("the token of the target cannot be opened")]
    Token,
}

/// A target with its mapping and its token.
pub struct KnownTarget {
    /// The document.
    pub target: Target,
    template: Template,
    scope: Option<Condition>,
    token: Option<Zeroizing<String>>,
}

/// The mapping of a target whose operator gives none.
pub fn default_mapping(kind: TargetKind) -> Value {
    let text = match kind {
        TargetKind::Scim => SCIM_DEFAULT,
        TargetKind::Http | TargetKind::Webhook => HTTP_DEFAULT,
    };
    serde_json::from_str(text).unwrap_or_default()
}

impl KnownTarget {
    /// Reads the mapping, and opens the token.
    ///
    /// # Errors
    /// [`TargetError`].
    pub fn open(target: Target, secrets: &Secrets) -> Result<Self, TargetError> {
        let token = match &target.token {
            Some(sealed) => Some(secrets.open_target_token(&target.id, sealed).ok_or(TargetError::Token)?),
            None => None,
        };
        let (template, scope) = Self::rules(&target.mapping, target.scope.as_ref())?;
        Ok(Self { target, template, scope, token })
    }

    fn rules(mapping: &Value, scope: Option<&Value>) -> Result<(Template, Option<Condition>), MappingError> {
        Ok((Template::parse(mapping)?, scope.map(Condition::parse).transpose()?))
    }

    /// Checks a mapping and a scope.
    ///
    /// # Errors
    /// If one of them is malformed.
    pub fn check(mapping: &Value, scope: Option<&Value>) -> Result<(), MappingError> {
        Self::rules(mapping, scope).map(drop)
    }

    /// The client of the target at this time.
    pub fn client<'a>(&'a self, outbound: &'a dyn Outbound, now: Millis) -> Client<'a> {
        let token = self.token.as_ref().map(|token| token.as_str());
        Client::new(outbound, self.target.kind, &self.target.url, token).at(now)
    }

    /// The account that the target is to have for a user of a person, given what the company has said about it.
    pub fn wanted(&self, user: UserId, person: &Person, params: Option<&Params>) -> Wanted {
        if person.primary.id() != user {
            return Wanted::NoAccount(Why::Merged);
        }
        if self.target.is_ended() {
            return Wanted::NoAccount(Why::Removed);
        }
        let view = person.view();
        let Some(account) = view.accounts.get(&self.target.company) else { return Wanted::NoAccount(Why::OutOfScope) };
        let is_active = view.status == AccountStatus::Active && account.status == LinkState::Active;
        let external_id = account.external_id.clone();
        let Ok(Value::Object(mut record)) = serde_json::to_value(&view) else { return Wanted::Unmappable };
        record.extend(external_id.map(|id| (EXTERNAL_ID.to_owned(), id.into())));
        record.extend(params.map(|params| (PARAMS.to_owned(), params.value())));
        match self.scope.as_ref().map(|scope| scope.holds(&record)) {
            None | Some(Ok(true)) => {}
            Some(Ok(false)) => return Wanted::NoAccount(Why::OutOfScope),
            Some(Err(_)) => return Wanted::Unmappable,
        }
        match self.document(user, &record, is_active) {
            Some(document) => Wanted::Account { document, is_active },
            None => Wanted::Unmappable,
        }
    }

    fn document(&self, user: UserId, record: &Map<String, Value>, is_active: bool) -> Option<Map<String, Value>> {
        let mapped = self.template.document(record).ok()?;
        match self.target.kind {
            // RFC 7643 section 4.1.1: `userName` is required.
            TargetKind::Scim if mapped.get("userName").is_none_or(|name| !name.is_string()) => None,
            TargetKind::Scim => Some(scim::resource(user, mapped, is_active)),
            TargetKind::Http | TargetKind::Webhook => Some(plain::resource(user, mapped, is_active)),
        }
    }

    /// The members of a document, beside those of the protocol.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.template.names()
    }
}

/// The targets whose home a region is, as their settings have them. One that cannot be read is left out.
pub(crate) async fn here(home: &Home) -> Result<Vec<Target>, StoreError> {
    let read = |(name, document): (String, Value)| {
        let id = name.strip_prefix(Target::SETTINGS).unwrap_or_default();
        let target = Target::read(id, document).ok();
        if target.is_none() {
            tracing::error!(target_id = id, "the stored document of a target cannot be read");
        }
        target.filter(|target| target.home == home.own.name)
    };
    Ok(home.registry.settings(Target::SETTINGS).await?.into_iter().filter_map(read).collect())
}

/// JSON in which every object has its members in the order of their names: equal content is equal text.
pub(crate) fn canonical(value: &Value) -> Value {
    match value {
        Value::Object(members) => {
            let sorted: std::collections::BTreeMap<_, _> = members.iter().collect();
            Value::Object(sorted.into_iter().map(|(name, value)| (name.clone(), canonical(value))).collect())
        }
        Value::Array(items) => Value::Array(items.iter().map(canonical).collect()),
        other => other.clone(),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn the_default_mappings_are_mappings() {
        for kind in TargetKind::ALL {
            assert!(KnownTarget::check(&default_mapping(kind), None).is_ok(), "{}", kind.as_str());
        }
    }

    #[test]
    fn equal_content_is_equal_text() {
        let one: Value = serde_json::from_str(r#"{"b":1,"a":{"d":2,"c":[{"f":3,"e":4}]}}"#).unwrap();
        let other: Value = serde_json::from_str(r#"{"a":{"c":[{"e":4,"f":3}],"d":2},"b":1}"#).unwrap();
        assert_eq!(canonical(&one).to_string(), canonical(&other).to_string());
        assert_ne!(canonical(&one).to_string(), canonical(&json!({"b": 1})).to_string());
    }
}
