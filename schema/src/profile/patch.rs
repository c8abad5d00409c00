//! The schema of a profile in a request: a merge patch, in which null removes a member at every level.

use std::borrow::Cow;

use schemars::{JsonSchema, Schema, SchemaGenerator};

use super::{Address, Profile};

/// The changes of a profile (RFC 7396). Requests are read as a [`serde_json::Value`]; this is only its description.
pub(crate) struct ProfilePatch;

/// The changes of an address.
struct AddressPatch;

impl JsonSchema for ProfilePatch {
    fn schema_name() -> Cow<'static, str> {
        "ProfilePatch".into()
    }

    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        let mut schema = Profile::json_schema(generator);
        let members = schema.get_mut("properties").and_then(|members| members.as_object_mut());
        if let Some(members) = members {
            members.insert("address".into(), generator.subschema_for::<Option<AddressPatch>>().into());
            let custom = generator.subschema_for::<Option<serde_json::Map<String, serde_json::Value>>>();
            members.insert("custom".into(), custom.into());
        }
        let text = "OIDC standard claims, and `custom` for anything else, as a merge patch: null removes a member.";
        schema.insert("description".into(), text.into());
        schema
    }
}

impl JsonSchema for AddressPatch {
    fn schema_name() -> Cow<'static, str> {
        "AddressPatch".into()
    }

    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        Address::json_schema(generator)
    }
}
