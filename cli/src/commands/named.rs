//! A user as a command line names it: by the id, or by an identifier that every company may use.

use std::fmt;
use std::str::FromStr;

use umoja_schema::{BlindIndex, IdentifierItem, IdentifierKind, UserId};
use umoja_store::identifiers::parse;

use crate::CliError;
use crate::deployment::Regions;

/// How long a region's key service may take to wrap, in milliseconds. This wraps no key.
const WRAP_BUDGET_MS: u64 = 5_000;

/// A user's id, e-mail address, phone number in international form, or user name.
#[derive(Clone, PartialEq, Eq)]
pub(super) enum Named {
    /// By id.
    Id(UserId),
    /// By an identifier.
    Identifier(IdentifierKind, String),
}

/// An identifier is personal data.
impl fmt::Debug for Named {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Id(id) => write!(f, "{id}"),
            Self::Identifier(kind, _) => f.write_str(kind.as_str()),
        }
    }
}

impl FromStr for Named {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        if let Ok(id) = text.parse() {
            return Ok(Self::Id(id));
        }
        let kind = if text.contains('@') {
            IdentifierKind::Email
        } else if text.starts_with('+') {
            IdentifierKind::PhoneNumber
        } else {
            IdentifierKind::Username
        };
        let rule = |_| "give an id, an e-mail address, a phone number such as +254712123456, or a user name".to_owned();
        let parsed = parse(kind, text, None).map_err(rule)?;
        Ok(Self::Identifier(kind, parsed.normalised))
    }
}

impl Named {
    /// The id of the user. Of merged users, it is the one that has the identifier.
    pub(super) async fn id(&self, regions: &Regions) -> Result<UserId, CliError> {
        let (kind, normalised) = match self {
            Self::Id(id) => return Ok(*id),
            Self::Identifier(kind, normalised) => (*kind, normalised),
        };
        let region = regions.first()?;
        let own = &region.home.own;
        let failed = |source| region.failed(source);
        let secrets = region.secrets(&regions.ring(WRAP_BUDGET_MS)?).await?;
        let indexes = secrets.indexes(kind, None, normalised);
        let indexes: Vec<BlindIndex> = indexes.into_iter().map(|(_, index)| index).collect();
        let ownerships = own.users.ownerships(&indexes).await.map_err(failed)?;
        let no_such_user = || CliError::Failed(format!("no such user: no user has this {}", kind.as_str()));
        let (id, _) = IdentifierItem::winner_of(&ownerships).ok_or_else(no_such_user)?;
        // No MAC protects the table of identifiers: the user's own part decides.
        let profile = own.users.parts(id).await.map_err(failed)?.profile;
        let owns_it = |index| profile.as_ref().is_some_and(|profile| profile.ownerships().contains_key(index));
        if indexes.iter().any(owns_it) { Ok(id) } else { Err(no_such_user()) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_user_is_named_by_an_id_or_an_identifier() {
        let kind = |text: &str| match text.parse::<Named>() {
            Ok(Named::Identifier(kind, _)) => Some(kind),
            _ => None,
        };
        assert_eq!(kind("Amina@example.com"), Some(IdentifierKind::Email));
        assert_eq!(kind("+254 712 123456"), Some(IdentifierKind::PhoneNumber));
        assert_eq!(kind("amina"), Some(IdentifierKind::Username));
        let id = "0197a5f2-6d1c-7c3e-9b0a-3f6f1c2d4e5f";
        assert_eq!(id.parse(), Ok(Named::Id(id.parse().unwrap())));
        for wrong in ["", "0712 123456", "a b", "@"] {
            assert!(wrong.parse::<Named>().is_err(), "{wrong}");
        }
    }

    #[test]
    fn an_identifier_is_not_in_debug_output() {
        let named: Named = "amina@example.com".parse().unwrap();
        assert!(!format!("{named:?}").contains("amina"));
    }
}
