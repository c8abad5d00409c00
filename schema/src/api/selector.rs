//! The member of a request body that selects a user.

use std::fmt;

use crate::{IdentifierKind, UserId};

/// The selected user: exactly one member is present.
#[derive(Clone, PartialEq, Eq)]
pub enum Selector {
    /// By id.
    Id(UserId),
    /// By an identifier of a kind, as the caller wrote it.
    Identifier(IdentifierKind, String),
}

impl fmt::Debug for Selector {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Id(id) => write!(f, "Id({id})"),
            Self::Identifier(kind, _) => write!(f, "Identifier({})", kind.as_str()),
        }
    }
}

macro_rules! selector {
    ($name:ident) => {
        impl $name {
            /// The one selector; `None` if there is none, or more than one.
            pub fn selector(&self) -> Option<$crate::api::Selector> {
                let identifier = |kind, value: &Option<String>| {
                    value.clone().map(|value| $crate::api::Selector::Identifier(kind, value))
                };
                let mut given = [
                    self.id.map($crate::api::Selector::Id),
                    identifier($crate::IdentifierKind::Email, &self.email),
                    identifier($crate::IdentifierKind::PhoneNumber, &self.phone_number),
                    identifier($crate::IdentifierKind::Username, &self.username),
                    identifier($crate::IdentifierKind::ExternalId, &self.external_id),
                ]
                .into_iter()
                .flatten();
                let first = given.next()?;
                given.next().is_none().then_some(first)
            }
        }
    };
}
pub(super) use selector;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::api::Lookup;
    use serde_json::json;

    #[test]
    fn a_selector_is_exactly_one_of_its_members() {
        let lookup = |body| serde_json::from_value::<Lookup>(body).unwrap().selector();
        assert!(matches!(
            lookup(json!({"email": "a@example.com"})),
            Some(Selector::Identifier(IdentifierKind::Email, _))
        ));
        assert_eq!(lookup(json!({})), None);
        assert_eq!(lookup(json!({"email": "a@example.com", "username": "a"})), None);
    }
}
