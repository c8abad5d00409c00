//! The writes and reads of single sign-on without a rule.

use umoja_schema::access::{Grant, Session, Subject, Withdrawal};
use umoja_schema::replicated::ACCESS;
use umoja_schema::{AccountStatus, Attribute, Body, Facts, Hlc, Millis, Part, PartRecord, Region};
use umoja_store::ports::{Condition, Writes};

use super::Rule;

/// The writes of a region to the table `access`.
pub(super) fn bend(rule: Rule, own: &Region, writes: &mut Writes) {
    writes.items.retain(|write| {
        let is_own = *write.item.table == ACCESS && write.item.version.origin == *own;
        let kind = write.item.key.split('#').next().unwrap_or_default();
        let is_left_out = match rule {
            Rule::EarlyEnds => write.item.version.erased && write.condition == Condition::Absent,
            Rule::SessionEnds => write.item.version.erased && kind == Session::KIND,
            Rule::WithdrawalEnds => kind == Withdrawal::KIND,
            _ => false,
        };
        !(is_own && is_left_out)
    });
    for write in
        writes.items.iter_mut().filter(|write| *write.item.table == ACCESS && write.item.version.origin == *own)
    {
        let item = &mut write.item;
        let kind = item.key.split('#').next().unwrap_or_default();
        match rule {
            Rule::EndsFirst => item.version.erased = false,
            Rule::GivenAgain if kind == Grant::KIND && item.fields.get("given") == Some(&Attribute::Bool(false)) => {
                item.version.erased = true;
                item.fields.clear();
            }
            Rule::OneSubject if kind == Subject::KIND => {
                item.fields.insert("sub".into(), format!("{own}-{}", item.version.hlc).into());
            }
            Rule::EarliestSubject if kind == Subject::KIND => {
                let turned = Hlc::at(Millis(4_000_000_000_000 - item.version.hlc.millis().0));
                item.fields.insert("created".into(), turned.to_string().into());
            }
            _ => {}
        }
    }
}

/// A person as one who may sign in, whatever its status.
pub(super) fn activate(record: &mut PartRecord) {
    if record.part == Part::Credentials
        && let Body::Live(live) = &mut record.body
    {
        live.facts = Facts::Credentials { status: AccountStatus::Active };
    }
}
