//! Generated from schema/generated/openapi-plain.json: `UPDATE=1 cargo test -p umoja-client openapi`.

#![allow(clippy::pedantic, reason = "generated")]

use crate::client::{Answer, Client};
use crate::error::Error;
use crate::generated::types;

/// The operations of the API.
impl Client {
    /// Register a user, or match the one with the same verified identifier. Needs the scope `users:register`.
    ///
    /// # Errors
    /// [`Error`]. The codes of its own: `behind`, `idempotency_key_reused`, `identifier_taken`, `password_breached`, `password_characters`, `password_common`, `password_guessable`, `password_personal`, `password_too_long`, `password_too_short`, `too_many_attempts`, `too_many_merged`, `user_erased`.
    pub async fn register(&self, body: &types::Register) -> Result<Answer<types::Registered>, Error> {
        self.call("/v1/users/register", body).await
    }

    /// Find a user by id or identifier. Needs the scope `users:lookup`.
    ///
    /// # Errors
    /// [`Error`]. The codes of its own: `behind`, `too_many_merged`, `user_not_found`.
    pub async fn lookup(&self, body: &types::Lookup) -> Result<Answer<types::Found>, Error> {
        self.call("/v1/users/lookup", body).await
    }

    /// Check a password. Needs the scope `users:authenticate`.
    ///
    /// # Errors
    /// [`Error`]. The codes of its own: `old_system_unavailable`, `too_many_attempts`, `too_many_merged`.
    pub async fn authenticate(&self, body: &types::Authenticate) -> Result<Answer<types::Authenticated>, Error> {
        self.call("/v1/users/authenticate", body).await
    }

    /// Change the profile and the identifiers of a linked user. Needs the scope `users:update`.
    ///
    /// # Errors
    /// [`Error`]. The codes of its own: `behind`, `idempotency_key_reused`, `identifier_taken`, `not_linked`, `too_many_merged`, `user_erased`, `user_not_found`, `version_conflict`.
    pub async fn update(&self, body: &types::Update) -> Result<Answer<types::Found>, Error> {
        self.call("/v1/users/update", body).await
    }

    /// Disable or activate a user. Needs the scope `users:status`.
    ///
    /// # Errors
    /// [`Error`]. The codes of its own: `idempotency_key_reused`, `too_many_merged`, `user_erased`, `user_not_found`.
    pub async fn set_status(&self, body: &types::SetStatus) -> Result<Answer<types::Found>, Error> {
        self.call("/v1/users/status", body).await
    }

    /// Change a password, given the current one. Needs the scope `users:password`.
    ///
    /// # Errors
    /// [`Error`]. The codes of its own: `idempotency_key_reused`, `old_system_unavailable`, `password_breached`, `password_characters`, `password_common`, `password_guessable`, `password_personal`, `password_too_long`, `password_too_short`, `too_many_attempts`, `too_many_merged`, `user_disabled`, `user_erased`, `user_not_found`.
    pub async fn change_password(&self, body: &types::PasswordChange) -> Result<Answer<types::PasswordChanged>, Error> {
        self.call("/v1/users/password/change", body).await
    }

    /// Issue a password reset token, which the company delivers to the user. Needs the scope `users:reset`.
    ///
    /// # Errors
    /// [`Error`]. The codes of its own: `behind`, `too_many_merged`, `user_disabled`, `user_not_found`.
    pub async fn start_password_reset(&self, body: &types::ResetStart) -> Result<Answer<types::ResetStarted>, Error> {
        self.call("/v1/users/password/reset/start", body).await
    }

    /// Set the password with a token, in any region. Needs the scope `users:reset`.
    ///
    /// # Errors
    /// [`Error`]. The codes of its own: `behind`, `idempotency_key_reused`, `password_breached`, `password_characters`, `password_common`, `password_guessable`, `password_personal`, `password_too_long`, `password_too_short`, `reset_token_invalid`, `too_many_attempts`, `too_many_merged`, `user_disabled`, `user_erased`.
    pub async fn finish_password_reset(&self, body: &types::ResetFinish) -> Result<Answer<types::PasswordReset>, Error> {
        self.call("/v1/users/password/reset/finish", body).await
    }

    /// Send a code to the e-mail address of a linked user. Needs the scope `users:update`.
    ///
    /// # Errors
    /// [`Error`]. The codes of its own: `behind`, `mail_unavailable`, `no_mail`, `not_linked`, `too_many_mails`, `too_many_merged`, `user_not_found`.
    pub async fn start_verification(&self, body: &types::VerifyStart) -> Result<Answer<types::VerifyStarted>, Error> {
        self.call("/v1/users/verify/start", body).await
    }

    /// Bring a code back, which verifies the e-mail address, in any region. Needs the scope `users:update`.
    ///
    /// # Errors
    /// [`Error`]. The codes of its own: `behind`, `code_invalid`, `idempotency_key_reused`, `identifier_taken`, `too_many_merged`, `user_erased`, `user_not_found`.
    pub async fn finish_verification(&self, body: &types::VerifyFinish) -> Result<Answer<types::Found>, Error> {
        self.call("/v1/users/verify/finish", body).await
    }

    /// Erase a person permanently for all companies. Needs the scope `users:erase`.
    ///
    /// # Errors
    /// [`Error`]. The codes of its own: `behind`, `idempotency_key_reused`, `user_held`, `user_not_found`.
    pub async fn erase(&self, body: &types::Erase) -> Result<Answer<types::Erased>, Error> {
        self.call("/v1/users/erase", body).await
    }

    /// Get the receipt of an erasure. Needs the scope `users:erase`.
    ///
    /// # Errors
    /// [`Error`]. The codes of its own: `behind`, `user_not_found`.
    pub async fn erasure(&self, body: &types::Erasure) -> Result<Answer<types::Erased>, Error> {
        self.call("/v1/users/erasure", body).await
    }

    /// Export all data that is held on a person, with its sources. Needs the scope `users:export`.
    ///
    /// # Errors
    /// [`Error`]. The codes of its own: `behind`, `too_many_merged`, `user_not_found`.
    pub async fn export(&self, body: &types::Export) -> Result<Answer<types::Exported>, Error> {
        self.call("/v1/users/export", body).await
    }

    /// Merge two users into one person. No data is lost, and every id and identifier still finds the person. Needs the scope `users:merge`.
    ///
    /// # Errors
    /// [`Error`]. The codes of its own: `already_merged`, `behind`, `idempotency_key_reused`, `merged_otherwise`, `no_identifier_left`, `too_many_merged`, `user_erased`, `user_not_found`.
    pub async fn merge(&self, body: &types::Merge) -> Result<Answer<types::Found>, Error> {
        self.call("/v1/users/merge", body).await
    }

    /// Undo a merge: the duplicate becomes a separate user again. Needs the scope `users:merge`.
    ///
    /// # Errors
    /// [`Error`]. The codes of its own: `behind`, `idempotency_key_reused`, `no_identifier_left`, `too_many_merged`, `user_erased`, `user_not_found`.
    pub async fn unmerge(&self, body: &types::Unmerge) -> Result<Answer<types::Found>, Error> {
        self.call("/v1/users/unmerge", body).await
    }

    /// Have targets of the company bring a linked user's accounts up to date now. Needs the scope `users:provision`.
    ///
    /// # Errors
    /// [`Error`]. The codes of its own: `behind`, `issuer_unavailable`, `not_linked`, `subject_token_expired`, `subject_token_invalid`, `too_many_merged`, `user_not_found`.
    pub async fn provision(&self, body: &types::Provision) -> Result<Answer<types::Provisioned>, Error> {
        self.call("/v1/users/provision", body).await
    }

    /// Get how far the targets of a ticket are. Needs the scope `users:provision`.
    ///
    /// # Errors
    /// [`Error`]. The codes of its own: `ticket_expired`.
    pub async fn provisioning_status(&self, body: &types::ProvisioningStatus) -> Result<Answer<types::Provisioning>, Error> {
        self.call("/v1/users/provisioning", body).await
    }

    /// List what changed about the company's users, in order and without a gap. Needs the scope `events:list`.
    ///
    /// # Errors
    /// [`Error`]. The codes of its own: `cursor_expired`.
    pub async fn list_events(&self, body: &types::ListEvents) -> Result<Answer<types::Events>, Error> {
        self.call("/v1/events/list", body).await
    }

    /// Get why a linked user can or cannot log in. Needs the scope `users:support`.
    ///
    /// # Errors
    /// [`Error`]. The codes of its own: `not_linked`, `too_many_merged`, `user_not_found`.
    pub async fn why(&self, body: &types::AskWhy) -> Result<Answer<types::Why>, Error> {
        self.call("/v1/users/why", body).await
    }

    /// Take the lock-out of a linked user away, in this region. Needs the scope `users:support`.
    ///
    /// # Errors
    /// [`Error`]. The codes of its own: `not_linked`, `too_many_attempts`, `too_many_merged`, `user_not_found`.
    pub async fn unlock(&self, body: &types::Unlock) -> Result<Answer<types::Unlocked>, Error> {
        self.call("/v1/users/unlock", body).await
    }

    /// Get what became of a rejected request of the last day. Needs the scope `users:support`.
    ///
    /// # Errors
    /// [`Error`]. The codes of its own: `request_not_found`.
    pub async fn get_request(&self, body: &types::GetRequest) -> Result<Answer<types::RejectedRequest>, Error> {
        self.call("/v1/requests/get", body).await
    }
}
