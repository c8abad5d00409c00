//! What a delivery does: a pure rule of what a user is, what is known of the account, and what the target rejected.

use serde_json::{Map, Value};
use umoja_schema::{Deprovisioning, RemoteAccount, TargetAccount};

/// What a target is to have for a user.
#[derive(Clone, PartialEq)]
pub enum Wanted {
    /// An account with this content.
    Account {
        /// The content.
        document: Map<String, Value>,
        /// Whether the user may log in at the company.
        is_active: bool,
    },
    /// No account.
    NoAccount(Why),
    /// The mapping gives no account for the user.
    Unmappable,
    /// It is not known: the user has not arrived in this region.
    Unknown,
}

/// Why a target is to have no account for a user.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Why {
    /// The person was erased.
    Erased,
    /// The user was merged into another one, whose account counts.
    Merged,
    /// The user is not linked to the target's company, or does not meet the target's scope.
    OutOfScope,
    /// An operator has removed the target.
    Removed,
}

/// What a delivery does next.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Action {
    /// The target is up to date.
    Nothing,
    /// The target has rejected just this, and would again.
    Stays,
    /// Search an account that may exist, because an answer was lost.
    Search,
    /// Make the account.
    Create,
    /// Replace its content.
    Update,
    /// Set it to inactive.
    Disable,
    /// Delete it.
    Delete,
    /// Note that it no longer follows the user.
    Leave,
}

impl Action {
    /// True if it takes an account away from a user, which the brake counts. An erasure is not held back, and neither is
    /// what an operator wants for all accounts.
    pub fn removes(self, wanted: &Wanted, row: &TargetAccount) -> bool {
        match (self, wanted) {
            (_, Wanted::NoAccount(Why::Erased | Why::Removed)) => false,
            (Self::Disable, _) => row.account != RemoteAccount::Disabled,
            (Self::Delete, _) => true,
            (Self::Update, Wanted::Account { is_active, .. }) => !is_active && row.account == RemoteAccount::Active,
            _ => false,
        }
    }

    /// The name in answers.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Nothing => "nothing",
            Self::Stays => "stays",
            Self::Search => "search",
            Self::Create => "create",
            Self::Update => "update",
            Self::Disable => "disable",
            Self::Delete => "delete",
            Self::Leave => "leave",
        }
    }
}

/// What is compared with a row.
#[derive(Debug, Clone, Copy)]
pub struct Compared<'a> {
    /// The digest of the wanted content.
    pub digest: Option<&'a [u8]>,
    /// The rule of the target.
    pub rule: Deprovisioning,
    /// The epoch of the target: what another epoch wrote is sent again.
    pub epoch: u64,
    /// Send even what is equal, or was rejected.
    pub again: bool,
}

/// What the delivery of a user does, by what is stored of the account.
pub fn action(wanted: &Wanted, row: &TargetAccount, compared: Compared<'_>) -> Action {
    let has_remote = row.remote_id.is_some();
    match (wanted, row.account) {
        (Wanted::Unknown | Wanted::Unmappable, _) | (Wanted::NoAccount(_), RemoteAccount::None) => Action::Nothing,
        // Whatever is to become of an account, first it has to be known which one it is.
        (_, RemoteAccount::Unknown) if !has_remote => Action::Search,
        (Wanted::Account { is_active, .. }, state) => {
            let is_equal = compared.digest.is_some() && row.digest.as_deref() == compared.digest;
            let is_rejected = compared.digest.is_some() && row.tried.as_deref() == compared.digest;
            match state {
                _ if is_rejected && !compared.again => Action::Stays,
                // Who may not log in gets no new account.
                RemoteAccount::None if !is_active => Action::Nothing,
                RemoteAccount::None => Action::Create,
                RemoteAccount::Active | RemoteAccount::Disabled
                    if is_equal && !compared.again && row.epoch == compared.epoch =>
                {
                    Action::Nothing
                }
                _ => Action::Update,
            }
        }
        (Wanted::NoAccount(Why::Erased), _) => Action::Delete,
        (Wanted::NoAccount(why), RemoteAccount::Left)
            if *why != Why::Removed || compared.rule == Deprovisioning::Leave =>
        {
            Action::Nothing
        }
        (Wanted::NoAccount(_), state) => match compared.rule {
            Deprovisioning::Delete => Action::Delete,
            Deprovisioning::Disable if state == RemoteAccount::Disabled && !compared.again => Action::Nothing,
            Deprovisioning::Disable => Action::Disable,
            Deprovisioning::Leave => Action::Leave,
        },
    }
}

#[cfg(test)]
mod tests {
    use umoja_schema::UserId;

    use super::*;

    const SAME: &[u8] = b"same";

    fn row(account: RemoteAccount) -> TargetAccount {
        let remote_id = matches!(account, RemoteAccount::None | RemoteAccount::Unknown).then_some(());
        TargetAccount {
            account,
            remote_id: remote_id.map_or(Some(vec![1]), |()| None),
            digest: Some(SAME.to_vec()),
            ..TargetAccount::new(UserId::v8([1; 16]), "crm".parse().unwrap())
        }
    }

    fn account(is_active: bool) -> Wanted {
        Wanted::Account { document: Map::new(), is_active }
    }

    fn by(rule: Deprovisioning, digest: &'static [u8]) -> Compared<'static> {
        Compared { digest: Some(digest), rule, epoch: 0, again: false }
    }

    fn planned(wanted: &Wanted, state: RemoteAccount, digest: &'static [u8]) -> Action {
        action(wanted, &row(state), by(Deprovisioning::Disable, digest))
    }

    #[test]
    fn an_unchanged_account_costs_no_call() {
        for state in [RemoteAccount::Active, RemoteAccount::Disabled] {
            assert_eq!(planned(&account(true), state, SAME), Action::Nothing);
            assert_eq!(planned(&account(true), state, b"other"), Action::Update);
        }
        let again = Compared { again: true, ..by(Deprovisioning::Disable, SAME) };
        assert_eq!(action(&account(true), &row(RemoteAccount::Active), again), Action::Update);
    }

    #[test]
    fn who_may_not_log_in_gets_no_new_account() {
        assert_eq!(planned(&account(true), RemoteAccount::None, b"other"), Action::Create);
        assert_eq!(planned(&account(false), RemoteAccount::None, b"other"), Action::Nothing);
    }

    #[test]
    fn an_account_whose_making_had_no_answer_is_searched_before_anything_else() {
        for wanted in [account(true), Wanted::NoAccount(Why::Erased), Wanted::NoAccount(Why::Merged)] {
            assert_eq!(planned(&wanted, RemoteAccount::Unknown, b"other"), Action::Search);
        }
    }

    #[test]
    fn what_the_target_rejected_is_not_sent_again_unchanged() {
        let rejected = TargetAccount { tried: Some(b"bad".to_vec()), ..row(RemoteAccount::None) };
        let compared = by(Deprovisioning::Disable, b"bad");
        assert_eq!(action(&account(true), &rejected, compared), Action::Stays);
        assert_eq!(action(&account(true), &rejected, by(Deprovisioning::Disable, b"new")), Action::Create);
        assert_eq!(action(&account(true), &rejected, Compared { again: true, ..compared }), Action::Create);
    }

    #[test]
    fn the_rule_of_the_target_decides_about_who_left_and_who_was_merged() {
        for why in [Why::Merged, Why::OutOfScope] {
            let gone = Wanted::NoAccount(why);
            let by_rule = |rule, state| action(&gone, &row(state), by(rule, SAME));
            assert_eq!(by_rule(Deprovisioning::Disable, RemoteAccount::Active), Action::Disable);
            assert_eq!(by_rule(Deprovisioning::Disable, RemoteAccount::Disabled), Action::Nothing);
            assert_eq!(by_rule(Deprovisioning::Delete, RemoteAccount::Disabled), Action::Delete);
            assert_eq!(by_rule(Deprovisioning::Leave, RemoteAccount::Active), Action::Leave);
            for rule in Deprovisioning::ALL {
                assert_eq!(by_rule(rule, RemoteAccount::None), Action::Nothing);
                assert_eq!(by_rule(rule, RemoteAccount::Left), Action::Nothing);
            }
        }
    }

    #[test]
    fn who_removes_a_target_decides_about_all_accounts_and_is_not_held_back() {
        let removed = Wanted::NoAccount(Why::Removed);
        for (rule, expected) in [
            (Deprovisioning::Delete, [Action::Delete, Action::Delete, Action::Delete]),
            (Deprovisioning::Disable, [Action::Disable, Action::Nothing, Action::Disable]),
            (Deprovisioning::Leave, [Action::Leave, Action::Leave, Action::Nothing]),
        ] {
            let states = [RemoteAccount::Active, RemoteAccount::Disabled, RemoteAccount::Left];
            for (state, expected) in states.into_iter().zip(expected) {
                let planned = action(&removed, &row(state), by(rule, SAME));
                assert_eq!((planned, planned.removes(&removed, &row(state))), (expected, false));
            }
        }
    }

    #[test]
    fn an_erasure_deletes_whatever_the_rule_says_and_is_not_held_back() {
        let erased = Wanted::NoAccount(Why::Erased);
        for rule in Deprovisioning::ALL {
            for state in [RemoteAccount::Active, RemoteAccount::Disabled, RemoteAccount::Left] {
                let planned = action(&erased, &row(state), by(rule, SAME));
                assert_eq!(planned, Action::Delete);
                assert!(!planned.removes(&erased, &row(state)));
            }
        }
    }

    #[test]
    fn who_comes_back_into_the_scope_is_sent_again() {
        assert_eq!(planned(&account(true), RemoteAccount::Left, SAME), Action::Update);
    }

    #[test]
    fn what_another_epoch_wrote_is_sent_again() {
        let compared = Compared { epoch: 1, ..by(Deprovisioning::Disable, SAME) };
        assert_eq!(action(&account(true), &row(RemoteAccount::Active), compared), Action::Update);
    }

    #[test]
    fn a_user_who_is_disabled_counts_as_a_removal_once() {
        let disabled = account(false);
        assert!(Action::Update.removes(&disabled, &row(RemoteAccount::Active)));
        assert!(!Action::Update.removes(&disabled, &row(RemoteAccount::Disabled)));
        assert!(!Action::Update.removes(&account(true), &row(RemoteAccount::Active)));
        assert!(Action::Delete.removes(&Wanted::NoAccount(Why::OutOfScope), &row(RemoteAccount::Active)));
    }

    #[test]
    fn a_user_who_has_not_arrived_is_left_alone() {
        for state in RemoteAccount::ALL {
            assert_eq!(planned(&Wanted::Unknown, state, SAME), Action::Nothing);
        }
    }
}
