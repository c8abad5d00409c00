//! What a client learns of a person, by scope (OIDC Core 1.0 section 5.4).

use std::collections::BTreeSet;

use serde::Serialize;
use serde_json::{Map, Value};
use umoja_schema::Profile;
use umoja_schema::api::User;

/// The scopes that give claims, with the names of those claims.
pub const SCOPES: [(&str, &[&str]); 4] = [
    (
        "profile",
        &[
            "name",
            "family_name",
            "given_name",
            "middle_name",
            "nickname",
            "preferred_username",
            "profile",
            "picture",
            "website",
            "gender",
            "birthdate",
            "zoneinfo",
            "locale",
            "updated_at",
        ],
    ),
    ("email", &["email", "email_verified"]),
    ("phone", &["phone_number", "phone_number_verified"]),
    ("address", &["address"]),
];

/// The claims about a person that the granted scopes give, without `sub`. A claim without a value is left out. `custom`, the ids of
/// companies and every other member of the user are claims of no scope.
///
/// `user` is the person as callers see it: the primary account, with its blanks filled from the linked accounts.
pub fn of(user: &User, granted: &BTreeSet<String>) -> Map<String, Value> {
    let names = SCOPES.iter().filter(|(scope, _)| granted.contains(*scope)).flat_map(|(_, names)| *names);
    let all = all(user);
    names.filter_map(|name| Some(((*name).to_owned(), all.get(*name)?.clone()))).collect()
}

fn all(user: &User) -> Map<String, Value> {
    /// The members beside the profile.
    #[derive(Serialize)]
    struct Beside<'a> {
        #[serde(flatten)]
        profile: Profile,
        #[serde(skip_serializing_if = "Option::is_none")]
        email: Option<&'a str>,
        #[serde(skip_serializing_if = "Option::is_none")]
        email_verified: Option<bool>,
        #[serde(skip_serializing_if = "Option::is_none")]
        phone_number: Option<&'a str>,
        #[serde(skip_serializing_if = "Option::is_none")]
        phone_number_verified: Option<bool>,
        updated_at: u64,
    }
    let mut profile = Profile { custom: Map::new(), ..user.profile.clone() };
    if profile.preferred_username.is_none() {
        profile.preferred_username.clone_from(&user.username);
    }
    let (email, phone_number) = (user.email.as_deref(), user.phone_number.as_deref());
    let beside = Beside {
        profile,
        email,
        email_verified: email.and(user.email_verified),
        phone_number,
        phone_number_verified: phone_number.and(user.phone_number_verified),
        updated_at: user.updated_at,
    };
    match serde_json::to_value(beside) {
        Ok(Value::Object(all)) => all,
        _ => Map::new(),
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use serde_json::json;
    use umoja_schema::{AccountStatus, UserId};

    use super::*;

    fn user() -> User {
        let profile = json!({
            "name": "Ada Okello", "locale": "sw", "address": { "country": "KE" }, "custom": { "shoe_size": 42 },
        });
        User {
            id: UserId::v8([1; 16]),
            status: AccountStatus::Active,
            version: String::new(),
            email: Some("ada@example.com".to_owned()),
            email_verified: Some(true),
            phone_number: None,
            phone_number_verified: None,
            username: Some("ada".to_owned()),
            profile: Profile::from_value(profile).unwrap(),
            accounts: BTreeMap::new(),
            created_at: 1,
            updated_at: 2,
            linked_accounts: Vec::new(),
            filled_from: BTreeMap::new(),
        }
    }

    fn granted(scopes: &str) -> Value {
        of(&user(), &scopes.split(' ').map(str::to_owned).collect()).into()
    }

    #[test]
    fn a_scope_gives_its_claims_and_no_other() {
        assert_eq!(granted("openid offline_access custom"), json!({}));
        assert_eq!(granted("openid email"), json!({ "email": "ada@example.com", "email_verified": true }));
        assert_eq!(granted("phone"), json!({}));
        assert_eq!(granted("address"), json!({ "address": { "country": "KE" } }));
        let profile = json!({ "name": "Ada Okello", "locale": "sw", "preferred_username": "ada", "updated_at": 2 });
        assert_eq!(granted("profile"), profile);
    }

    #[test]
    fn the_person_s_own_choice_of_a_name_comes_first() {
        let mut user = user();
        user.profile.preferred_username = Some("Countess".to_owned());
        let claims = of(&user, &BTreeSet::from(["profile".to_owned()]));
        assert_eq!(claims["preferred_username"], "Countess");
    }

    #[test]
    fn what_a_company_keeps_is_no_claim() {
        let all = granted("openid profile email phone address custom").to_string();
        assert!(!all.contains("shoe_size") && !all.contains(&user().id.to_string()));
    }
}
