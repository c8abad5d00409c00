//! When a second factor is needed.

use serde::{Deserialize, Serialize};

/// When a person has to show a second factor, or a passkey that verifies the person.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RequireMfa {
    /// Only when a client asks for it and the person has one.
    Never,
    /// When the person has one.
    #[default]
    IfEnrolled,
    /// Always: a person without one gets no code.
    Always,
}

impl RequireMfa {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::Never, Self::IfEnrolled, Self::Always];

    /// The name in documents and on the command line.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Never => "never",
            Self::IfEnrolled => "if_enrolled",
            Self::Always => "always",
        }
    }

    /// The one of a name.
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|one| one.as_str() == name)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_name_is_the_same_in_documents_and_on_the_command_line() {
        for one in RequireMfa::ALL {
            assert_eq!(serde_json::to_value(one).unwrap(), one.as_str());
            assert_eq!(RequireMfa::from_name(one.as_str()), Some(one));
        }
    }
}
