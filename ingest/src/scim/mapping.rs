//! What of a user of a client is what in Umoja.
//!
//! All attributes are kept as the client wrote them, in the profile under `custom` / `scim` / company. What Umoja has a
//! place for is set there too: identifiers, and the claims of OpenID Connect.

use serde_json::{Map, Value, json};
use umoja_accounts::import::Row;
use umoja_schema::api::User;
use umoja_schema::{AccountStatus, CompanyId, ExternalId, Profile};

use super::error::ScimError;
use super::resource::{Resource, put};

/// The member of `custom` that has the attributes of all companies.
const CUSTOM: &str = umoja_accounts::reserved::SCIM;

/// The external id of a user name, by which the user is found: user names are equal in any case.
pub(super) fn external_id(user_name: &str) -> Result<String, ScimError> {
    let parsed = ExternalId::parse(&user_name.to_lowercase());
    parsed
        .map(|id| id.normalised().to_owned())
        .map_err(|_| ScimError::value("`userName` has characters that cannot be seen."))
}

/// The e-mail address that identifies the user: the primary one, that of work, or the first. A user name that is an
/// address stands for the address of a user without one. The flag is true if the client states it as an address.
pub(super) fn email(user: &Resource) -> Option<(&str, bool)> {
    let stated = chosen(user, "emails", "work").and_then(|email| email.get("value")).and_then(Value::as_str);
    let name = || user.text("userName").filter(|name| name.contains('@'));
    stated.map(|email| (email, true)).or_else(|| name().map(|name| (name, false)))
}

/// The phone number that identifies the user: the primary one, the mobile one, or the first.
pub(super) fn phone_number(user: &Resource) -> Option<&str> {
    let number = chosen(user, "phoneNumbers", "mobile")?.get("value")?.as_str()?;
    Some(number.strip_prefix("tel:").unwrap_or(number))
}

/// The primary value of a list, the one of a type, or the first.
fn chosen<'a>(user: &'a Resource, list: &str, kind: &str) -> Option<&'a Value> {
    let values = user.0.get(list)?.as_array()?;
    let primary = values.iter().find(|value| value["primary"] == true);
    let of_kind =
        || values.iter().find(|value| value["type"].as_str().is_some_and(|own| own.eq_ignore_ascii_case(kind)));
    primary.or_else(of_kind).or_else(|| values.first())
}

/// The claims of OpenID Connect that the attributes are.
pub(super) fn claims(user: &Resource) -> Map<String, Value> {
    let mut claims = Map::new();
    let name = |member: &str| user.0.get("name").and_then(|name| name.get(member));
    let address = chosen(user, "addresses", "work");
    let part = |member: &str| address.and_then(|address| address.get(member));
    let pairs = [
        ("name", name("formatted").or_else(|| user.0.get("displayName"))),
        ("given_name", name("givenName")),
        ("middle_name", name("middleName")),
        ("family_name", name("familyName")),
        ("nickname", user.0.get("nickName")),
        ("profile", user.0.get("profileUrl")),
        ("picture", chosen(user, "photos", "photo").and_then(|photo| photo.get("value"))),
        ("locale", user.0.get("locale").or_else(|| user.0.get("preferredLanguage"))),
        ("zoneinfo", user.0.get("timezone")),
    ];
    for (claim, value) in pairs {
        put(&mut claims, claim, value.cloned());
    }
    let mut whole = Map::new();
    for (claim, member) in ADDRESS {
        put(&mut whole, claim, part(member).cloned());
    }
    put(&mut claims, "address", Some(Value::Object(whole)));
    claims
}

const ADDRESS: [(&str, &str); 6] = [
    ("formatted", "formatted"),
    ("street_address", "streetAddress"),
    ("locality", "locality"),
    ("region", "region"),
    ("postal_code", "postalCode"),
    ("country", "country"),
];

/// The attributes that are kept. Of `active`, only whether the user has it: the link to the company has its value.
pub(super) fn kept(user: &Resource) -> Resource {
    let mut kept = user.clone();
    if let Some(active) = kept.0.get_mut("active") {
        *active = true.into();
    }
    kept
}

/// The row that makes the user.
pub(super) fn row(user: &Resource, company: &CompanyId) -> Row {
    let mut profile = claims(user);
    profile.insert("custom".to_owned(), json!({ CUSTOM: { company.as_str(): kept(user).0 } }));
    let (email, stated) = email(user).unzip();
    Row {
        email: email.map(str::to_owned),
        // The operator who trusts a company to verify addresses trusts the directory that issues them.
        email_verified: stated.unwrap_or(false),
        phone_number: phone_number(user).map(str::to_owned),
        profile: serde_json::from_value(Value::Object(profile)).unwrap_or_default(),
        status: Some(if user.is_active() { AccountStatus::Active } else { AccountStatus::Disabled }),
        ..Row::default()
    }
}

/// The attributes as the client has written them. `None` for a user that it never wrote.
pub(super) fn written(profile: &Profile, company: &CompanyId) -> Option<Resource> {
    let own = profile.custom.get(CUSTOM)?.get(company.as_str())?;
    own.as_object().map(Resource::stored)
}

/// The attributes of a user that the client never wrote: what Umoja knows.
pub(super) fn derived(user: &User, company: &CompanyId) -> Resource {
    let mut own = Map::new();
    let external_id = user.accounts.get(company).and_then(|account| account.external_id.clone());
    let id = user.id.to_string();
    let name = user.email.as_ref().or(user.username.as_ref()).or(external_id.as_ref()).unwrap_or(&id);
    put(&mut own, "userName", Some(name.clone().into()));
    put(&mut own, "externalId", external_id.map(Value::from));
    let profile = &user.profile;
    let mut name = Map::new();
    let parts = [
        ("formatted", &profile.name),
        ("givenName", &profile.given_name),
        ("middleName", &profile.middle_name),
        ("familyName", &profile.family_name),
    ];
    for (member, value) in parts {
        put(&mut name, member, value.clone().map(Value::from));
    }
    put(&mut own, "name", Some(Value::Object(name)));
    let texts = [
        ("displayName", &profile.name),
        ("nickName", &profile.nickname),
        ("profileUrl", &profile.profile),
        ("locale", &profile.locale),
        ("timezone", &profile.zoneinfo),
    ];
    for (member, value) in texts {
        put(&mut own, member, value.clone().map(Value::from));
    }
    let lists = [("emails", &user.email), ("phoneNumbers", &user.phone_number), ("photos", &profile.picture)];
    for (list, value) in lists {
        put(&mut own, list, value.as_ref().map(|value| json!([{ "value": value, "primary": true }])));
    }
    let address = serde_json::to_value(&profile.address).unwrap_or_default();
    let mut whole = Map::new();
    for (claim, member) in ADDRESS {
        put(&mut whole, member, address.get(claim).cloned());
    }
    put(&mut own, "addresses", if whole.is_empty() { None } else { Some(json!([whole])) });
    Resource(own)
}

/// The merge patch (RFC 7396) of a profile that replaces the written attributes.
pub(super) fn rewritten(before: Option<&Resource>, after: &Resource, company: &CompanyId) -> Value {
    let before = before.map(|before| Value::Object(before.0.clone())).unwrap_or_default();
    let changes = difference(&before, &Value::Object(after.0.clone()));
    json!({ "custom": { CUSTOM: { company.as_str(): changes } } })
}

/// The merge patch that turns one value into another. Neither has a null.
fn difference(before: &Value, after: &Value) -> Value {
    let (Value::Object(before), Value::Object(after)) = (before, after) else { return after.clone() };
    let removed = before.keys().filter(|name| !after.contains_key(*name)).map(|name| (name.clone(), Value::Null));
    let changed = after.iter().filter_map(|(name, value)| match before.get(name) {
        Some(own) if own == value => None,
        Some(own) => Some((name.clone(), difference(own, value))),
        None => Some((name.clone(), value.clone())),
    });
    Value::Object(removed.chain(changed).collect())
}

#[cfg(test)]
mod tests {
    use super::super::schema::{ENTERPRISE, USER};
    use super::*;

    fn user() -> Resource {
        let body = json!({
            "schemas": [USER], "userName": "Ada@Example.com", "externalId": "00u1", "active": false, "title": "Countess",
            "displayName": "Ada L.", "name": { "givenName": "Ada", "familyName": "Lovelace", "honorificPrefix": "Lady" },
            "emails": [{ "value": "a@home.example" }, { "value": "a@work.example", "type": "Work" }],
            "phoneNumbers": [{ "value": "tel:+254712123456", "type": "work" }],
            "addresses": [{ "locality": "Nairobi", "country": "KE", "type": "work" }],
            "photos": [{ "value": "https://a.example/p" }], ENTERPRISE: { "department": "R&D" },
        });
        Resource::read(&body).unwrap()
    }

    #[test]
    fn a_row_has_the_identifiers_the_claims_and_all_attributes() {
        let acme = "acme".parse().unwrap();
        let row = row(&user(), &acme);
        assert_eq!((row.email.as_deref(), row.email_verified), (Some("a@work.example"), true));
        assert_eq!(row.phone_number.as_deref(), Some("+254712123456"));
        assert_eq!((row.username, row.status), (None, Some(AccountStatus::Disabled)));
        let claims = json!({
            "name": "Ada L.", "given_name": "Ada", "family_name": "Lovelace", "picture": "https://a.example/p",
            "address": { "locality": "Nairobi", "country": "KE" }, "custom": { "scim": { "acme": kept(&user()).0 } },
        });
        assert_eq!(serde_json::to_value(&row.profile).unwrap(), claims);
        assert_eq!(written(&row.profile, &acme), Some(kept(&user())));
        assert_eq!(written(&row.profile, &"other".parse().unwrap()), None);
    }

    #[test]
    fn a_user_name_with_an_at_sign_stands_for_the_address_but_is_not_stated_as_one() {
        let of = |name: &str| Resource(Map::from_iter([("userName".to_owned(), name.into())]));
        assert_eq!(email(&of("ada@example.com")), Some(("ada@example.com", false)));
        assert_eq!(email(&of("ada")), None);
        assert_eq!(external_id(" ADA@Example.com ").as_deref(), Ok("ada@example.com"));
        assert!(external_id("a\u{7}b").is_err());
    }

    #[test]
    fn a_user_that_the_client_never_wrote_has_what_umoja_knows() {
        let view = json!({ "name": "Ada", "given_name": "A", "address": { "street_address": "1 Road" } });
        let user = User {
            id: umoja_schema::UserId::v8([1; 16]),
            status: AccountStatus::Active,
            version: String::new(),
            email: Some("ada@example.com".to_owned()),
            email_verified: None,
            phone_number: None,
            phone_number_verified: None,
            username: Some("ada".to_owned()),
            profile: Profile::from_value(view).unwrap(),
            accounts: std::collections::BTreeMap::new(),
            created_at: 0,
            updated_at: 0,
            linked_accounts: Vec::new(),
            filled_from: std::collections::BTreeMap::new(),
        };
        let expected = json!({
            "userName": "ada@example.com", "displayName": "Ada", "name": { "formatted": "Ada", "givenName": "A" },
            "emails": [{ "value": "ada@example.com", "primary": true }], "addresses": [{ "streetAddress": "1 Road" }],
        });
        assert_eq!(Value::Object(derived(&user, &"acme".parse().unwrap()).0), expected);
    }

    #[test]
    fn the_patch_of_a_profile_replaces_the_attributes() {
        let acme: CompanyId = "acme".parse().unwrap();
        let before = kept(&user());
        let mut after = before.clone();
        after.0.remove("title");
        after.0.insert("name".to_owned(), json!({ "givenName": "Augusta" }));
        let profile = row(&user(), &acme).profile;
        let profile = profile.patched(&rewritten(Some(&before), &after, &acme)).unwrap();
        assert_eq!(written(&profile, &acme), Some(after.clone()));
        let profile = Profile::default().patched(&rewritten(None, &after, &acme)).unwrap();
        assert_eq!(written(&profile, &acme), Some(after));
    }
}
