//! A factor as it is shown.

use serde_json::{Value, json};
use umoja_accounts::People;
use umoja_schema::access::Factor;

use crate::output::time;

/// A factor for programs. What the person calls it is personal data: only the answer of a command has it.
pub(super) fn value(people: &People, factor: &Factor) -> Value {
    json!({
        "id": factor.id,
        "user": factor.user,
        "kind": factor.kind.name(),
        "label": people.factor_label(factor),
        "created_at": time(factor.created_at),
    })
}
