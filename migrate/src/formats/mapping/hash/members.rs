//! The members that each family uses. Others are rejected: a member that changes nothing is a mistake.

use super::super::error::MappingError;
use super::parts::{Side, StepRule};
use super::{Family, HashRule};

impl Family {
    fn name(self) -> &'static str {
        match self {
            Self::Parse => "parse",
            Self::Werkzeug => "werkzeug",
            Self::Bcrypt => "bcrypt",
            Self::Chain => "chain",
            Self::Symfony => "symfony",
            Self::Nt => "nt",
            Self::PrestaShop => "presta_shop",
            Self::OpenCart => "open_cart",
            Self::Pbkdf2 => "pbkdf2",
            Self::Scrypt => "scrypt",
            Self::Firebase => "firebase",
            Self::Keycloak => "keycloak",
            Self::Auth0 => "auth0",
        }
    }

    /// The members besides `family`, `from`, `when` and `typed`.
    fn members(self) -> &'static [&'static str] {
        match self {
            Self::Parse | Self::Werkzeug => &["before", "key", "password_encoding"],
            Self::Bcrypt => &["before", "key", "password_encoding", "salt", "cost"],
            Self::Chain => &[
                "key",
                "password_encoding",
                "encoding",
                "salt",
                "salt.encoding",
                "salt.template",
                "separator",
                "order",
                "steps",
            ],
            Self::Symfony => &[
                "before",
                "key",
                "password_encoding",
                "encoding",
                "salt",
                "separator",
                "order",
                "digest",
                "iterations",
            ],
            Self::Nt => &["encoding"],
            Self::PrestaShop => &["encoding", "key", "password_encoding"],
            Self::OpenCart => &["encoding", "password_encoding", "salt", "separator", "order"],
            Self::Pbkdf2 => &[
                "before",
                "key",
                "password_encoding",
                "encoding",
                "salt",
                "salt.encoding",
                "separator",
                "order",
                "digest",
                "iterations",
            ],
            Self::Scrypt => &[
                "before",
                "key",
                "password_encoding",
                "encoding",
                "salt",
                "salt.encoding",
                "separator",
                "order",
                "n",
                "r",
                "p",
            ],
            Self::Firebase => &["encoding", "key", "password_encoding", "salt", "salt.encoding", "separator", "order"],
            Self::Keycloak => &["password_encoding", "secret"],
            Self::Auth0 => &[],
        }
    }
}

impl HashRule {
    /// Whether all members that the family needs are present, and no others.
    pub(in super::super) fn check(&self) -> Result<(), MappingError> {
        let salt = self.salt.as_ref();
        let given = [
            ("before", self.before.is_some()),
            ("key", self.key.is_some()),
            ("password_encoding", self.password_encoding.is_some()),
            ("encoding", self.encoding.is_some()),
            ("salt", salt.is_some()),
            ("salt.encoding", salt.is_some_and(|salt| salt.encoding.is_some())),
            ("salt.template", salt.is_some_and(|salt| salt.template.is_some())),
            ("separator", self.separator.is_some()),
            ("order", self.order.is_some()),
            ("steps", self.steps.is_some()),
            ("digest", self.digest.is_some()),
            ("iterations", self.iterations.is_some()),
            ("cost", self.cost.is_some()),
            ("n", self.n.is_some()),
            ("r", self.r.is_some()),
            ("p", self.p.is_some()),
            ("secret", self.secret.is_some()),
        ];
        let used = self.family.members();
        if let Some((member, _)) = given.into_iter().find(|(member, given)| *given && !used.contains(member)) {
            return Err(MappingError::Unused { family: self.family.name(), member });
        }
        let there = |name| given.iter().any(|(member, given)| *member == name && *given);
        let needed: &[_] = match self.family {
            Family::Chain => &["steps"],
            Family::PrestaShop | Family::Firebase => &["key"],
            Family::Pbkdf2 => &["digest", "iterations"],
            Family::Scrypt => &["n", "r", "p"],
            Family::Keycloak => &["secret"],
            // Cost and salt of a bcrypt hash in parts.
            Family::Bcrypt if there("salt") || there("cost") => &["salt", "cost"],
            _ => &[],
        };
        match needed.iter().find(|name| !there(name)) {
            Some(missing) => Err(MappingError::Member(missing)),
            None => self.check_salt_and_steps(),
        }
    }

    fn check_salt_and_steps(&self) -> Result<(), MappingError> {
        let invalid = |bad: bool, name| if bad { Err(MappingError::Member(name)) } else { Ok(()) };
        let salt = self.salt.as_ref();
        let from = salt.is_some_and(|salt| salt.from.is_some());
        let template = salt.and_then(|salt| salt.template.as_deref());
        invalid(self.separator.as_deref() == Some("") || from && self.separator.is_some(), "separator")?;
        invalid(self.order.is_some() && self.separator.is_none(), "order")?;
        invalid(self.family == Family::OpenCart && !from && self.separator.is_none(), "salt")?;
        invalid(self.family == Family::Bcrypt && salt.is_some() && !from, "salt")?;
        let steps = self.steps.as_deref().or(self.before.as_deref()).unwrap_or_default();
        let chain = self.family == Family::Chain;
        let name = if chain { "steps" } else { "before" };
        invalid((self.steps.is_some() || self.before.is_some()) && steps.is_empty(), name)?;
        let last_digests = steps.last().is_some_and(|step| step.digest().is_some());
        invalid(chain && !last_digests || !chain && steps.iter().any(StepRule::uses_salt), name)?;
        let around = steps.iter().any(|step| step.salt == Some(Side::Around));
        let surrounds = template.is_some_and(|template| template.matches("{PASSWORD}").count() == 1);
        invalid(around != template.is_some() || around && !surrounds, "salt")?;
        let uses_key = steps.iter().any(StepRule::uses_key);
        // Without steps a key is a pepper behind the password.
        invalid(!steps.is_empty() && uses_key != self.key.is_some(), "key")
    }
}
