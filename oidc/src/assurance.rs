//! How well a person has proved who it is: the class (`acr`) and the methods (`amr`, RFC 8176) of a sign-in.

use serde::{Deserialize, Serialize};
use umoja_accounts::access::{CodeUsed, PasskeyUsed};
use umoja_schema::{Client, Company, RequireMfa};

use crate::tokens::SignedIn;

/// The values of `acr_values_supported`.
pub const CLASSES: [&str; 2] = ["1", "2"];

/// The class of a sign-in.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub enum Class {
    /// One factor: `1`.
    #[default]
    One,
    /// Two factors, or a passkey whose authenticator verified the person: `2`.
    Two,
}

impl Class {
    /// The value of `acr`.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::One => CLASSES[0],
            Self::Two => CLASSES[1],
        }
    }

    /// The class of a value. `None` for every value that is not supported.
    pub fn of(acr: &str) -> Option<Self> {
        [Self::One, Self::Two].into_iter().find(|class| class.as_str() == acr)
    }

    /// The class of a sign-in. One of an earlier version of Umoja has none, and one factor.
    pub fn of_sign_in(signed_in: &SignedIn) -> Self {
        signed_in.acr.as_deref().and_then(Self::of).unwrap_or_default()
    }
}

/// The methods of a sign-in by a password.
pub fn password() -> Vec<String> {
    vec!["pwd".to_owned()]
}

/// The methods of a sign-in by a passkey alone, whose authenticator verified the person.
pub fn passkey(used: &PasskeyUsed) -> Vec<String> {
    [key(used), "user", "mfa"].map(str::to_owned).to_vec()
}

/// The methods after a code beside earlier methods.
pub fn with_code(amr: &[String], _: CodeUsed) -> Vec<String> {
    // A recovery code is a one-time password too.
    with(amr, &["otp", "mfa"])
}

/// The methods after a passkey beside earlier methods.
pub fn with_passkey(amr: &[String], used: &PasskeyUsed) -> Vec<String> {
    with(amr, &[key(used), "user", "mfa"])
}

/// A key that can be on several devices is in no hardware of its own.
const fn key(used: &PasskeyUsed) -> &'static str {
    if used.backup_eligible { "swk" } else { "hwk" }
}

fn with(amr: &[String], more: &[&str]) -> Vec<String> {
    let mut all = amr.to_vec();
    all.extend(
        more.iter().filter(|method| !amr.iter().any(|known| known == *method)).map(|method| (*method).to_owned()),
    );
    all
}

/// When the persons of a client have to show a second factor: as the client says, and else as its company does.
pub fn policy(client: &Client, company: &Company) -> RequireMfa {
    client.require_mfa.or(company.require_mfa).unwrap_or_default()
}

/// The class that a sign-in needs. `acr_values` are the classes that the client prefers, best first: they are voluntary (OpenID Connect Core
/// section 3.1.2.1), so that a person without a second factor is not kept out by them.
pub fn needed(policy: RequireMfa, has_second_factor: bool, acr_values: &[String]) -> Class {
    let is_asked = acr_values.iter().find_map(|acr| Class::of(acr)) == Some(Class::Two);
    let is_needed = match policy {
        RequireMfa::Never => is_asked && has_second_factor,
        RequireMfa::IfEnrolled => has_second_factor,
        RequireMfa::Always => true,
    };
    if is_needed { Class::Two } else { Class::One }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_second_factor_is_needed_as_the_policy_says() {
        let two = [Class::Two.as_str().to_owned()];
        let first_of = ["urn:other", "2", "1"].map(str::to_owned);
        let rather_one = ["1", "2"].map(str::to_owned);
        for (policy, has, asked, class) in [
            (RequireMfa::Never, true, &[][..], Class::One),
            (RequireMfa::Never, true, &two, Class::Two),
            (RequireMfa::Never, true, &first_of, Class::Two),
            (RequireMfa::Never, true, &rather_one, Class::One),
            (RequireMfa::Never, false, &two, Class::One),
            (RequireMfa::IfEnrolled, true, &[], Class::Two),
            (RequireMfa::IfEnrolled, true, &rather_one, Class::Two),
            (RequireMfa::IfEnrolled, false, &two, Class::One),
            (RequireMfa::Always, false, &[], Class::Two),
        ] {
            assert_eq!(needed(policy, has, asked), class, "{policy:?} {has} {asked:?}");
        }
    }

    #[test]
    fn the_methods_name_each_way_once() {
        let used = PasskeyUsed { user: umoja_schema::UserId::v8([1; 16]), user_verified: true, backup_eligible: false };
        assert_eq!(passkey(&used), ["hwk", "user", "mfa"]);
        let both =
            with_passkey(&with_code(&password(), CodeUsed::Totp), &PasskeyUsed { backup_eligible: true, ..used });
        assert_eq!(both, ["pwd", "otp", "mfa", "swk", "user"]);
    }

    #[test]
    fn a_sign_in_of_an_earlier_version_has_one_factor() {
        let old = SignedIn { auth_time: 1, acr: None, amr: password() };
        assert_eq!(Class::of_sign_in(&old), Class::One);
        assert_eq!(Class::of_sign_in(&SignedIn { acr: Some("2".to_owned()), ..old.clone() }), Class::Two);
        assert_eq!(Class::of_sign_in(&SignedIn { acr: Some("3".to_owned()), ..old }), Class::One);
    }
}
