//! Which scripts the user names of a company may mix (UTS 39 section 5.2).

use serde::{Deserialize, Serialize};
use unicode_security::{RestrictionLevel as Level, RestrictionLevelDetection as _};

use crate::{IdentifierError, IdentifierKind};

/// A restriction level of user names, by Unicode Technical Standard 39 section 5.2. A stricter level keeps out more names
/// that look like another one. No level separates names that one script alone can confuse, such as `rn` and `m`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RestrictionLevel {
    /// Characters of ASCII only.
    AsciiOnly,
    /// The letters of one name are of one script.
    SingleScript,
    /// As [`RestrictionLevel::SingleScript`], or the scripts that Chinese, Japanese and Korean are written in, with Latin.
    HighlyRestrictive,
}

impl RestrictionLevel {
    /// All levels, the strictest one first.
    pub const ALL: [Self; 3] = [Self::AsciiOnly, Self::SingleScript, Self::HighlyRestrictive];

    /// The name of the level in stored companies and commands.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::AsciiOnly => "ascii_only",
            Self::SingleScript => "single_script",
            Self::HighlyRestrictive => "highly_restrictive",
        }
    }

    /// The level of a name.
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|level| level.as_str() == name)
    }

    /// Checks a new user name in its normalised form ([`Username::normalised`](crate::Username::normalised)).
    ///
    /// # Errors
    /// If it mixes more scripts than the level allows, or has letters that are not in general use (UTS 39 section 3.1).
    pub fn check(self, normalised: &str) -> Result<(), IdentifierError> {
        // Punctuation marks belong to no script, and the profile of user names allows only those of ASCII.
        let letters: String = normalised.chars().filter(|c| !c.is_ascii_punctuation()).collect();
        let (most, rule) = match self {
            Self::AsciiOnly => (Level::ASCIIOnly, "must have letters and digits of ASCII only at this company"),
            Self::SingleScript => (Level::SingleScript, "must have letters of one script only at this company"),
            Self::HighlyRestrictive => {
                (Level::HighlyRestrictive, "must not mix letters of scripts that are not written together")
            }
        };
        if letters.check_restriction_level(most) {
            Ok(())
        } else {
            Err(IdentifierError { kind: IdentifierKind::Username, rule })
        }
    }
}

#[cfg(test)]
mod tests {
    use super::RestrictionLevel::{self, AsciiOnly, HighlyRestrictive, SingleScript};
    use crate::Username;

    fn allowing(name: &str) -> Vec<RestrictionLevel> {
        let name = Username::parse(name).unwrap();
        RestrictionLevel::ALL.into_iter().filter(|level| level.check(name.normalised()).is_ok()).collect()
    }

    #[test]
    fn stricter_levels_keep_out_more_names() {
        assert_eq!(allowing("amina.w+2"), [AsciiOnly, SingleScript, HighlyRestrictive]);
        assert_eq!(allowing("ñandú"), [SingleScript, HighlyRestrictive]);
        assert_eq!(allowing("امينة"), [SingleScript, HighlyRestrictive]);
        assert_eq!(allowing("ねこneko"), [HighlyRestrictive]);
    }

    #[test]
    fn letters_of_another_script_cannot_imitate_a_name() {
        // The first letters are those of Cyrillic.
        for name in ["\u{430}mina", "p\u{430}ypal", "\u{3b1}dmin"] {
            assert_eq!(allowing(name), [], "{name}");
        }
    }

    #[test]
    fn levels_have_names() {
        for level in RestrictionLevel::ALL {
            assert_eq!(RestrictionLevel::from_name(level.as_str()), Some(level));
            assert_eq!(serde_json::to_value(level).unwrap(), level.as_str());
        }
    }
}
