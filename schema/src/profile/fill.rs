//! Blank fields of a profile that are filled from another one, and fields that are removed from it.

use serde_json::{Map, Value};

use super::{MAX_PROFILE_BYTES, Profile, ProfileError, json_len, merge_patch};

impl Profile {
    /// This profile with the fields that it leaves blank taken from `other`.
    ///
    /// # Errors
    /// If the result is too large. Two profiles within the limit of depth fill to one within it.
    pub fn filled_from(&self, other: &Self) -> Result<Self, ProfileError> {
        let mut filled = serde_json::to_value(other).map_err(|_| ProfileError::Form)?;
        merge_patch(&mut filled, &serde_json::to_value(self).map_err(|_| ProfileError::Form)?);
        Self::from_value(filled)
    }

    /// The fields of this profile that are blank in `shown`.
    #[must_use]
    pub fn missing_in(&self, shown: &Self) -> Self {
        let (Ok(mut value), Ok(shown)) = (serde_json::to_value(self), serde_json::to_value(shown)) else {
            return Self::default();
        };
        subtract(&mut value, &shown);
        serde_json::from_value(value).unwrap_or_default()
    }

    /// The profile without the fields that a merge patch removes. Fields that the patch sets stay as they are.
    #[must_use]
    pub fn without(&self, patch: &Value) -> Self {
        if patch.is_null() {
            return Self::default();
        }
        let mut value = serde_json::to_value(self).unwrap_or_default();
        remove(&mut value, patch);
        serde_json::from_value(value).unwrap_or_else(|_| self.clone())
    }
}

/// A profile whose blank fields are filled from other profiles, one after the other, for an answer. It takes
/// [`MAX_PROFILE_BYTES`] as JSON like any other, and so do the names of the filled fields. A field that does not fit
/// stays blank.
pub struct Filled {
    members: Map<String, Value>,
    /// The bytes that the profile may still grow by.
    room: usize,
    /// The bytes that the names of further fields may take.
    room_for_names: usize,
}

/// What a filled field takes in `filled_from` beside its name: the prefix `profile.`, a user id and punctuation.
const NAMED_BYTES: usize = 52;

/// The names from the profile to a field, and the bytes of the names as JSON.
#[derive(Clone, Copy)]
struct Path<'a> {
    outer: Option<(&'a Path<'a>, &'a str)>,
    bytes: usize,
}

impl<'a> Path<'a> {
    fn inner(&'a self, name: &'a str) -> Self {
        Self { outer: Some((self, name)), bytes: self.bytes + json_len(name) }
    }

    fn text(&self) -> String {
        match self.outer {
            None => String::new(),
            Some((Path { outer: None, .. }, name)) => name.to_owned(),
            Some((outer, name)) => format!("{}.{name}", outer.text()),
        }
    }
}

impl Filled {
    /// A profile that is not filled yet.
    pub fn of(profile: &Profile) -> Self {
        let members = match serde_json::to_value(profile) {
            Ok(Value::Object(members)) => members,
            _ => Map::new(),
        };
        let room = MAX_PROFILE_BYTES.saturating_sub(json_len(&members));
        Self { members, room, room_for_names: MAX_PROFILE_BYTES }
    }

    /// Takes the blank fields from `other`, and returns their names: `given_name`, or `address.country` and
    /// `custom.size` within objects that both profiles have.
    pub fn fill(&mut self, other: &Profile) -> Vec<String> {
        let mut names = Vec::new();
        if let Ok(Value::Object(other)) = serde_json::to_value(other) {
            let mut members = std::mem::take(&mut self.members);
            self.fill_object(&mut members, other, Path { outer: None, bytes: 0 }, &mut names);
            self.members = members;
        }
        names
    }

    fn fill_object(
        &mut self,
        own: &mut Map<String, Value>,
        other: Map<String, Value>,
        at: Path<'_>,
        names: &mut Vec<String>,
    ) {
        for (name, value) in other {
            let path = at.inner(&name);
            match (own.get_mut(&name), value) {
                (None, value) => {
                    let bytes = json_len(name.as_str()) + json_len(&value) + 2;
                    let for_name = path.bytes + NAMED_BYTES;
                    if let (Some(room), Some(room_for_names)) =
                        (self.room.checked_sub(bytes), self.room_for_names.checked_sub(for_name))
                    {
                        (self.room, self.room_for_names) = (room, room_for_names);
                        names.push(path.text());
                        own.insert(name, value);
                    }
                }
                (Some(Value::Object(own)), Value::Object(other)) => self.fill_object(own, other, path, names),
                (Some(_), _) => {}
            }
        }
    }

    /// The profile.
    pub fn into_profile(self) -> Profile {
        // The members are those of profiles.
        serde_json::from_value(Value::Object(self.members)).unwrap_or_default()
    }
}

fn subtract(target: &mut Value, shown: &Value) {
    let (Value::Object(target), Value::Object(shown)) = (target, shown) else { return };
    for (name, value) in shown {
        match (target.get_mut(name), value) {
            (Some(own @ Value::Object(_)), Value::Object(_)) => subtract(own, value),
            _ => drop(target.remove(name)),
        }
    }
}

fn remove(target: &mut Value, patch: &Value) {
    let (Value::Object(target), Value::Object(patch)) = (target, patch) else { return };
    for (name, value) in patch {
        if value.is_null() {
            target.remove(name);
        } else if let Some(linked) = target.get_mut(name) {
            remove(linked, value);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn filled(own: &Profile, other: &Profile) -> (Profile, Vec<String>) {
        let mut filled = Filled::of(own);
        let names = filled.fill(other);
        (filled.into_profile(), names)
    }

    #[test]
    fn filling_changes_only_blank_fields() {
        let own = Profile::from_value(json!({"given_name": "Ada", "address": {"country": "KE"}})).unwrap();
        let other = Profile::from_value(
            json!({"given_name": "Eve", "family_name": "L", "address": {"locality": "Nairobi", "country": "NG"}}),
        )
        .unwrap();
        let filled = serde_json::to_value(own.filled_from(&other).unwrap()).unwrap();
        assert_eq!(
            filled,
            json!({"given_name": "Ada", "family_name": "L", "address": {"locality": "Nairobi", "country": "KE"}})
        );
    }

    #[test]
    fn filled_fields_are_named_precisely() {
        let own = Profile::from_value(json!({"given_name": "Ada", "address": {"country": "KE"}})).unwrap();
        let other = json!({"given_name": "Eve", "address": {"locality": "Nairobi"}, "custom": {"a": 1, "b": {"c": 2}}});
        let other = Profile::from_value(other).unwrap();
        let (both, names) = filled(&own, &other);
        assert_eq!(Ok(&both), own.filled_from(&other).as_ref());
        assert_eq!(names, ["address.locality", "custom"]);
        let third = Profile::from_value(json!({"custom": {"a": 3, "b": {"d": 4}, "e": 5}})).unwrap();
        assert_eq!(filled(&both, &third).1, ["custom.b.d", "custom.e"]);
    }

    #[test]
    fn a_filled_profile_stays_within_the_limit_of_size() {
        let custom =
            |name: &str, bytes: usize| Profile::from_value(json!({"custom": {name: "x".repeat(bytes)}})).unwrap();
        let (own, other) = (custom("a", MAX_PROFILE_BYTES / 2), custom("b", MAX_PROFILE_BYTES / 2));
        assert_eq!(own.filled_from(&other), Err(ProfileError::TooLarge));
        let mut both = Filled::of(&own);
        assert!(both.fill(&other).is_empty());
        let small = json!({"nickname": "A", "custom": {"c": 1, "d": "x".repeat(MAX_PROFILE_BYTES / 2)}});
        assert_eq!(both.fill(&Profile::from_value(small).unwrap()), ["nickname", "custom.c"]);
        let both = both.into_profile();
        assert_eq!(both.checked(), Ok(both.clone()));
        // Exactly as much as fits.
        let room = MAX_PROFILE_BYTES - json_len(&own) - r#""b":"","#.len();
        let most = filled(&own, &custom("b", room)).0;
        assert_eq!(json_len(&most), MAX_PROFILE_BYTES);
        assert_eq!(filled(&own, &custom("b", room + 1)).1, Vec::<String>::new());
    }

    #[test]
    fn the_names_of_filled_fields_stay_within_the_limit_of_size() {
        // Each of the fields has the long name of its object in `filled_from`.
        let long = "k".repeat(MAX_PROFILE_BYTES / 4);
        let many: Map<_, _> = (0..1_000).map(|n| (format!("field{n}"), json!(n))).collect();
        let own = Profile::from_value(json!({"custom": {&long: {}}})).unwrap();
        let other = Profile::from_value(json!({"custom": {&long: many}})).unwrap();
        let names = filled(&own, &other).1;
        assert_eq!(names.len(), 3);
        assert!(names.iter().map(|name| json_len(name.as_str()) + NAMED_BYTES).sum::<usize>() <= MAX_PROFILE_BYTES);
    }

    #[test]
    fn a_field_in_another_profile_is_not_missing() {
        let own = json!({"given_name": "Ada", "nickname": "A", "address": {"country": "KE", "locality": "N"}, "custom": {"a": 1, "b": {}}});
        let shown = json!({"given_name": "Eve", "address": {"country": "NG"}, "custom": {"a": {"x": 1}, "b": 2}});
        let (own, shown) = (Profile::from_value(own).unwrap(), Profile::from_value(shown).unwrap());
        let missing = serde_json::to_value(own.missing_in(&shown)).unwrap();
        assert_eq!(missing, json!({"nickname": "A", "address": {"locality": "N"}}));
        assert_eq!(shown.filled_from(&own.missing_in(&shown)), shown.filled_from(&own));
        assert!(own.missing_in(&Profile::default()) == own);
    }

    #[test]
    fn only_the_removals_of_a_patch_are_applied() {
        let profile =
            json!({"nickname": "A", "address": {"country": "KE", "locality": "N"}, "custom": {"a": 1, "b": 2}});
        let profile = Profile::from_value(profile).unwrap();
        let patch = json!({"nickname": null, "name": "X", "address": {"country": null, "region": "Y"}, "custom": {"a": {"z": null}}});
        let left = serde_json::to_value(profile.without(&patch)).unwrap();
        assert_eq!(left, json!({"address": {"locality": "N"}, "custom": {"a": 1, "b": 2}}));
        assert_eq!(profile.without(&Value::Null), Profile::default());
    }
}
