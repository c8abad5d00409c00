//! The policy for a new password: the score that the operator requires, and the known data about the user and the
//! company that sets it.

use umoja_crypto::{Password, Policy, Weakness};
use umoja_schema::Profile;
use umoja_store::ports::{Busy, NewPassword};

use crate::{Accounts, Context};

/// The known data about a user.
pub(crate) struct About<'a> {
    /// E-mail address, phone number and user name.
    pub(crate) identifiers: [Option<&'a String>; 3],
    pub(crate) profile: &'a Profile,
}

impl Accounts {
    /// The hash of a user's new password, or its weakness if the policy rejects it.
    pub(crate) async fn hash(
        &self,
        context: &Context,
        about: &About<'_>,
        password: Password,
    ) -> Result<Result<String, Weakness>, Busy> {
        let (policy, salt, keys) =
            (Some(self.policy(context, about)), self.home.entropy.array(), self.secrets.password_keys());
        let company = context.company.id.clone();
        self.hasher.hash(NewPassword { company, password, policy, salt, keys }).await
    }

    fn policy(&self, context: &Context, about: &About<'_>) -> Policy {
        let About { identifiers, profile } = about;
        let names = [
            &profile.name,
            &profile.given_name,
            &profile.family_name,
            &profile.middle_name,
            &profile.nickname,
            &profile.preferred_username,
            &profile.birthdate,
        ];
        let company = [context.company.id.as_str(), context.company.name.as_str()];
        let words = identifiers.iter().copied().chain(names.map(Option::as_ref)).flatten().map(String::as_str);
        Policy::new(self.passwords.min_score, company.into_iter().chain(words))
    }
}
