//! What of a row a user can have. One bad value does not keep a person out: it is left out, counted by its field, and
//! kept under `custom` where it can be.

use serde_json::{Map, Value};
use umoja_schema::profile::{MAX_PROFILE_BYTES, ProfileError};
use umoja_schema::{IdentifierKind, PhoneNumber, Profile};
use umoja_store::identifiers::Parsed;

use super::error::Reason;
use super::row::{LeftOut, Rejected, Row};
use crate::Context;

/// One identifier of a row.
#[derive(Clone)]
pub(super) struct Given {
    pub(super) kind: IdentifierKind,
    pub(super) parsed: Parsed,
    pub(super) verified: bool,
}

/// The usable values of a row.
pub(super) struct Usable {
    /// At least one.
    pub(super) given: Vec<Given>,
    pub(super) profile: Profile,
    /// The fields that were left out, by name.
    pub(super) left_out: Vec<String>,
}

impl Usable {
    /// Sorts the values of a row.
    ///
    /// # Errors
    /// All reasons if no identifier is usable or, if `is_strict`, any value is not.
    pub(super) fn of(context: &Context, row: &Row, is_strict: bool) -> Result<Self, Vec<Reason>> {
        let mut left_out = row.left_out.clone();
        let country = country(context, row, &mut left_out);
        let fields = [
            (IdentifierKind::Email, &row.email, row.email_verified),
            (IdentifierKind::PhoneNumber, &row.phone_number, row.phone_number_verified),
            (IdentifierKind::Username, &row.username, false),
            (IdentifierKind::ExternalId, &row.external_id, false),
        ];
        let (mut given, mut reasons) = (Vec::new(), Vec::new());
        for (kind, value, verified) in fields {
            let Some(text) = value.as_deref().filter(|text| !text.trim().is_empty()) else { continue };
            match context.parse_new_in(kind, text, country.as_deref()) {
                Ok(parsed) => given.push(Given { kind, parsed, verified }),
                Err(error) => {
                    reasons.push(Reason::from(error));
                    if !is_strict && !stands_for_address(context, kind, text, &mut given) {
                        left_out.push(LeftOut::text(kind.as_str(), text));
                    }
                }
            }
        }
        if given.is_empty() && reasons.is_empty() {
            reasons.push(Reason::NoIdentifier);
        }
        if is_strict {
            reasons.extend(left_out.into_iter().map(|left_out| Rejected::Field(left_out.field).into()));
            let profile = row.profile.checked();
            return match profile {
                Ok(profile) if reasons.is_empty() => Ok(Self { given, profile, left_out: Vec::new() }),
                Ok(_) => Err(reasons),
                Err(error) => {
                    reasons.push(error.into());
                    Err(reasons)
                }
            };
        }
        if given.is_empty() {
            return Err(reasons);
        }
        let mut profile = row.profile.clone();
        let mut names = Vec::new();
        for LeftOut { field, value } in left_out {
            let is_known = given.iter().any(|given| value == given.parsed.stored.as_str());
            let place = field.trim_start_matches('/');
            if !value.is_null() && !is_known && !place.is_empty() {
                profile.custom.entry(place).or_insert(value);
            }
            names.push(field);
        }
        let profile = fitting(&profile, &mut names).map_err(|reason| vec![reason])?;
        Ok(Self { given, profile, left_out: names })
    }
}

/// The country in which national phone numbers of the row are read.
fn country(context: &Context, row: &Row, left_out: &mut Vec<LeftOut>) -> Option<String> {
    let of_company = context.company.phone_country.clone();
    let Some(text) = row.phone_country.as_deref().filter(|text| !text.trim().is_empty()) else { return of_company };
    let code = text.trim().to_ascii_uppercase();
    // A number of any country can be read only together with a country that exists.
    if code.len() == 2 && PhoneNumber::parse("+254712123456", Some(&code)).is_ok() {
        return Some(code);
    }
    left_out.push(LeftOut::text("phone_country", text));
    of_company
}

/// Takes a user name that is an e-mail address as the address of a record without one, because that is what its owner
/// types to log in.
fn stands_for_address(context: &Context, kind: IdentifierKind, text: &str, given: &mut Vec<Given>) -> bool {
    if kind != IdentifierKind::Username || given.iter().any(|given| given.kind == IdentifierKind::Email) {
        return false;
    }
    let Ok(parsed) = context.parse_new(IdentifierKind::Email, text) else { return false };
    given.push(Given { kind: IdentifierKind::Email, parsed, verified: false });
    true
}

/// The profile without members that are too deep, and without the largest ones if it is too large.
fn fitting(profile: &Profile, left_out: &mut Vec<String>) -> Result<Profile, Reason> {
    match profile.checked() {
        Ok(profile) => return Ok(profile),
        Err(ProfileError::Form) => return Err(ProfileError::Form.into()),
        Err(ProfileError::TooDeep | ProfileError::TooLarge) => {}
    }
    let mut profile = profile.clone();
    let before = profile.custom.len();
    profile.custom.retain(|_, value| !is_too_deep(value));
    left_out.extend(std::iter::repeat_n("custom".to_owned(), before - profile.custom.len()));
    let Ok(Value::Object(mut members)) = serde_json::to_value(&profile) else { return Err(ProfileError::Form.into()) };
    let mut custom = match members.remove("custom") {
        Some(Value::Object(custom)) => custom,
        _ => Map::new(),
    };
    // The name, the value, two quotes, a colon and a comma.
    let bytes = |(name, value): (&String, &Value)| name.len() + value.to_string().len() + 4;
    let mut sizes: Vec<(usize, bool, String)> =
        members.iter().map(|member| (bytes(member), false, member.0.clone())).collect();
    sizes.extend(custom.iter().map(|member| (bytes(member), true, member.0.clone())));
    sizes.sort_unstable();
    let mut total: usize = sizes.iter().map(|(bytes, ..)| bytes).sum::<usize>() + r#"{"custom":{}}"#.len();
    while total > MAX_PROFILE_BYTES
        && let Some((bytes, is_custom, name)) = sizes.pop()
    {
        total -= bytes;
        if is_custom {
            custom.remove(&name);
            left_out.push("custom".to_owned());
        } else {
            members.remove(&name);
            left_out.push(name);
        }
    }
    members.insert("custom".to_owned(), Value::Object(custom));
    Ok(Profile::from_value(Value::Object(members))?)
}

fn is_too_deep(value: &Value) -> bool {
    let custom = Map::from_iter([("x".to_owned(), value.clone())]);
    Profile { custom, ..Profile::default() }.checked() == Err(ProfileError::TooDeep)
}
