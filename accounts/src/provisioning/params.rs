//! What a company says about a user's account at a target, such as the country.

use std::fmt;

use serde_json::Value;
use umoja_schema::api::{self, MAX_PARAM_NAME, MAX_PARAM_VALUE, MAX_PARAMS};

/// Checked parameters. They may be personal data, so they are stored sealed and never printed.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct Params(api::Params);

impl fmt::Debug for Params {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Params(..)")
    }
}

impl Params {
    /// What each parameter has to be.
    pub const RULE: &'static str = "Give at most 16 texts of up to 256 characters, whose names have up to 32 lower-case letters, digits and `_`, a letter first.";

    /// Checks parameters. `None` unless they meet [`Params::RULE`].
    pub fn new(params: api::Params) -> Option<Self> {
        let is_name = |name: &str| {
            let plain = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'_';
            name.len() <= MAX_PARAM_NAME
                && name.bytes().all(plain)
                && name.as_bytes().first().is_some_and(u8::is_ascii_lowercase)
        };
        let are = params.len() <= MAX_PARAMS
            && params.iter().all(|(name, value)| is_name(name) && value.chars().count() <= MAX_PARAM_VALUE);
        are.then_some(Self(params))
    }

    /// True if there are none.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The object that mappings read.
    pub fn value(&self) -> Value {
        self.0.iter().map(|(name, value)| (name.clone(), Value::from(value.clone()))).collect()
    }

    pub(super) fn to_bytes(&self) -> Vec<u8> {
        // A map of texts has a JSON form.
        serde_json::to_vec(&self.0).unwrap_or_default()
    }

    pub(super) fn from_bytes(bytes: &[u8]) -> Option<Self> {
        serde_json::from_slice(bytes).ok().map(Self)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn new(params: &[(&str, &str)]) -> Option<Params> {
        Params::new(params.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect())
    }

    #[test]
    fn parameters_are_few_and_short_and_have_plain_names() {
        let long = "x".repeat(MAX_PARAM_VALUE);
        assert!(new(&[("country", "KE"), ("a_1", &long), ("c", "")]).is_some());
        for name in ["", "Country", "1a", "_a", "a-b", "a/b", "a~b", &"x".repeat(MAX_PARAM_NAME + 1)] {
            assert!(new(&[(name, "x")]).is_none(), "{name}");
        }
        assert!(new(&[("a", &format!("{long}x"))]).is_none());
        let names: Vec<String> = (0..=MAX_PARAMS).map(|n| format!("p{n}")).collect();
        let many: Vec<_> = names.iter().map(|name| (name.as_str(), "x")).collect();
        assert!(new(&many[1..]).is_some() && new(&many).is_none());
    }

    #[test]
    fn parameters_round_trip_and_are_not_printed() {
        let params = new(&[("country", "KE")]).unwrap();
        assert_eq!(Params::from_bytes(&params.to_bytes()), Some(params.clone()));
        assert_eq!(params.value(), serde_json::json!({ "country": "KE" }));
        assert!(!format!("{params:?}").contains("KE"));
    }
}
