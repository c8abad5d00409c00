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

/// The method of a code by mail: it comes by another channel than the browser's (RFC 8176: `mca`). Mail is no factor (NIST SP 800-63B
/// section 3.1.3.1), so the class stays what it was, and neither `otp` nor `mfa` is said.
const MAILED: &str = "mca";

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

/// The methods after a code by mail beside earlier methods.
pub fn with_mail(amr: &[String]) -> Vec<String> {
    with(amr, &[MAILED])
}

/// Whether a code by mail was among the methods.
pub fn is_mailed(amr: &[String]) -> bool {
    amr.iter().any(|method| method == MAILED)
}

fn with(amr: &[String], more: &[&str]) -> Vec<String> {
    let mut all = amr.to_vec();
    all.extend(
        more.iter().filter(|method| !amr.iter().any(|known| known == *method)).map(|method| (*method).to_owned()),
    );
    all
}

/// What the persons of a client have to show beside one factor.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Policy {
    /// When they have to: as the client says, and else as its company does.
    pub require: RequireMfa,
    /// Whether a code by mail is enough for who has no second factor, as the company says.
    pub by_mail: bool,
}

impl Policy {
    /// That of a client.
    pub fn of(client: &Client, company: &Company) -> Self {
        let require = client.require_mfa.or(company.require_mfa).unwrap_or_default();
        Self { require, by_mail: company.mfa_by_mail }
    }
}

/// The class that a sign-in needs. `acr_values` are the classes that the client prefers, best first: they are voluntary (OpenID Connect Core
/// section 3.1.2.1), so that a person without a second factor is not kept out by them.
pub fn needed(policy: Policy, has_second_factor: bool, acr_values: &[String]) -> Class {
    let is_asked = acr_values.iter().find_map(|acr| Class::of(acr)) == Some(Class::Two);
    let is_needed = match policy.require {
        RequireMfa::Never => is_asked && has_second_factor,
        RequireMfa::IfEnrolled => has_second_factor,
        RequireMfa::Always => true,
    };
    if is_needed { Class::Two } else { Class::One }
}

/// What a person lacks beside a sign-in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Lacks {
    /// The second factor that the person has.
    Factor,
    /// A code by mail: the person has no second factor, and the company takes that instead.
    Mail,
    /// A second factor: the person has none yet.
    Enrolment,
}

/// What a person lacks for a client. `None` if the sign-in is enough.
pub fn lacks(policy: Policy, signed_in: &SignedIn, has_second_factor: bool, acr_values: &[String]) -> Option<Lacks> {
    if Class::of_sign_in(signed_in) >= needed(policy, has_second_factor, acr_values) {
        return None;
    }
    match (has_second_factor, policy.by_mail) {
        (true, _) => Some(Lacks::Factor),
        (false, true) => (!is_mailed(&signed_in.amr)).then_some(Lacks::Mail),
        (false, false) => Some(Lacks::Enrolment),
    }
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
            for by_mail in [false, true] {
                let policy = Policy { require: policy, by_mail };
                assert_eq!(needed(policy, has, asked), class, "{policy:?} {has} {asked:?}");
            }
        }
    }

    #[test]
    fn a_code_by_mail_is_enough_for_who_has_no_second_factor_and_no_more_than_one_factor() {
        let signed_in = |amr: Vec<String>| SignedIn { auth_time: 1, acr: Some("1".to_owned()), amr };
        let (once, mailed) = (signed_in(password()), signed_in(with_mail(&password())));
        let policy = |by_mail| Policy { require: RequireMfa::Always, by_mail };
        for (by_mail, has, signed_in, lacking) in [
            (true, false, &once, Some(Lacks::Mail)),
            (true, false, &mailed, None),
            (true, true, &mailed, Some(Lacks::Factor)),
            (false, false, &mailed, Some(Lacks::Enrolment)),
            (false, false, &once, Some(Lacks::Enrolment)),
        ] {
            assert_eq!(lacks(policy(by_mail), signed_in, has, &[]), lacking, "{by_mail} {has} {signed_in:?}");
        }
        assert_eq!((Class::of_sign_in(&mailed), mailed.amr), (Class::One, vec!["pwd".to_owned(), "mca".to_owned()]));
        // A client that asks for two factors of a person who has none gets one, by mail or not.
        let if_enrolled = Policy { require: RequireMfa::IfEnrolled, by_mail: true };
        assert_eq!(lacks(if_enrolled, &once, false, &["2".to_owned()]), None);
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
