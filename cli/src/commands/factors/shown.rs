//! A factor as it is shown.

use serde_json::{Value, json};
use umoja_schema::access::Factor;

use crate::output::time;

/// A factor for programs. What the person calls it is personal data.
pub(super) fn value(factor: &Factor) -> Value {
    json!({
        "id": factor.id,
        "user": factor.user,
        "kind": factor.kind.name(),
        "created_at": time(factor.created_at),
    })
}
