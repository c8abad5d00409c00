//! The deployment's secrets, unwrapped.

use std::cmp::Ordering;
use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use futures_util::future::{try_join_all, try_join4};
use umoja_crypto::hpke::PrivateKey;
use umoja_crypto::jws::SigningKey;
use umoja_crypto::legacy::HashKey;
use umoja_crypto::{Aad, IndexKey, MacKey, PasswordKeys, Pepper, WebhookSecret, WrappingKey};
use umoja_schema::{BlindIndex, CompanyId, IdentifierKind, LogRow, LoginProviderId, TargetId, UserId, WebhookId};
use zeroize::Zeroizing;

use super::derived::wrapping_key;
use super::factors::FactorKeys;
use super::oidc::{OidcSeals, SealedFor};
use super::{INDEX, PEPPER, SIGNING, SecretsDocument, SecretsError, signing_key_id};
use crate::audit::AuditKey;
use crate::keyring::KeyRing;
use crate::ports::{Entropy, Registry};

/// The unwrapped secrets.
pub struct Secrets {
    index: Vec<IndexKey>,
    signing: Vec<SigningKey>,
    user_ids: MacKey,
    requests: MacKey,
    resets: MacKey,
    event_cursors: MacKey,
    tickets: MacKey,
    webhooks: MacKey,
    audit: AuditKey,
    rows: WrappingKey,
    inbox: MacKey,
    hash_keys: WrappingKey,
    targets: WrappingKey,
    sent: MacKey,
    oidc: OidcSeals,
    subjects: MacKey,
    factors: FactorKeys,
    sessions: MacKey,
    passwords: Arc<PasswordKeys>,
}

impl Secrets {
    /// Loads and unwraps the secrets.
    pub async fn load(registry: &dyn Registry, ring: &KeyRing) -> Result<Self, SecretsError> {
        let document = SecretsDocument::stored(registry).await?.ok_or(SecretsError::Absent)?;
        Self::open(&document, ring).await
    }

    /// Unwraps all secrets concurrently, so that a start waits for one answer of a KMS and not for three.
    pub async fn open(document: &SecretsDocument, ring: &KeyRing) -> Result<Self, SecretsError> {
        if document.index.is_empty() || document.signing.is_empty() {
            return Err(SecretsError::Malformed);
        }
        document.verify(ring).await?;
        let index = document.index.iter().map(async |secret| {
            let key = secret.unwrap(ring, INDEX).await?;
            Ok::<_, SecretsError>(IndexKey::new(secret.version, key.expose()))
        });
        let signing = document.signing.iter().map(async |secret| {
            let key = secret.unwrap(ring, SIGNING).await?;
            Ok::<_, SecretsError>(SigningKey::from_seed(&signing_key_id(secret.version), *key.expose()))
        });
        let peppers = document.pepper.iter().map(async |secret| {
            let key = secret.unwrap(ring, PEPPER).await?;
            let pepper = Pepper::new(&secret.version.to_string(), *key.expose());
            Ok::<_, SecretsError>((secret.version, pepper.map_err(|_| SecretsError::Malformed)?))
        });
        let (index, signing, peppers, derivation) = try_join4(
            try_join_all(index),
            try_join_all(signing),
            try_join_all(peppers),
            document.open_derivation(ring),
        )
        .await?;
        let hash_keys = wrapping_key(&derivation, "umoja/1/hash-keys");
        let passwords = Arc::new(password_keys(document, peppers, &hash_keys)?);
        Ok(Self {
            index,
            signing,
            user_ids: MacKey::derive(derivation.expose(), "umoja/1/user-ids"),
            requests: MacKey::derive(derivation.expose(), "umoja/1/requests"),
            resets: MacKey::derive(derivation.expose(), "umoja/1/password-resets"),
            event_cursors: MacKey::derive(derivation.expose(), "umoja/1/event-cursors"),
            tickets: MacKey::derive(derivation.expose(), "umoja/1/provisioning-tickets"),
            webhooks: MacKey::derive(derivation.expose(), "umoja/1/webhooks"),
            audit: AuditKey::derive(derivation.expose()),
            rows: wrapping_key(&derivation, "umoja/1/rows"),
            inbox: MacKey::derive(derivation.expose(), "umoja/1/inbox"),
            hash_keys,
            targets: wrapping_key(&derivation, "umoja/1/targets"),
            sent: MacKey::derive(derivation.expose(), "umoja/1/sent-accounts"),
            oidc: OidcSeals::derive(&derivation),
            subjects: MacKey::derive(derivation.expose(), "umoja/1/subjects"),
            factors: FactorKeys::derive(&derivation),
            sessions: MacKey::derive(derivation.expose(), "umoja/1/sessions"),
            passwords,
        })
    }

    /// The keys for hashing and verifying passwords.
    pub fn password_keys(&self) -> Arc<PasswordKeys> {
        Arc::clone(&self.passwords)
    }

    /// A hash key of another system, sealed for the document under this id; `None` if it is too long.
    pub(crate) fn seal_hash_key(&self, id: &str, key: &HashKey, entropy: &dyn Entropy) -> Option<String> {
        let sealed = self.hash_keys.seal_bytes(entropy.array(), &Aad::new().text(id), &key.to_bytes()?);
        Some(URL_SAFE_NO_PAD.encode(sealed))
    }

    /// The blind indexes of an identifier, one for each live key, with the key's version. Writers write all of them and
    /// readers look under all of them. So during a rotation no user becomes unknown or registers twice.
    pub fn indexes(
        &self,
        kind: IdentifierKind,
        company: Option<&CompanyId>,
        normalised: &str,
    ) -> Vec<(u32, BlindIndex)> {
        self.index.iter().map(|key| (key.version(), blind(key, kind, company, normalised))).collect()
    }

    /// The versions of the live blind index keys.
    pub fn index_key_versions(&self) -> impl Iterator<Item = u32> {
        self.index.iter().map(IndexKey::version)
    }

    /// The key that signs responses.
    pub fn signing_key(&self) -> &SigningKey {
        &self.signing[self.signing.len() - 1]
    }

    /// All published keys.
    pub fn signing_keys(&self) -> &[SigningKey] {
        &self.signing
    }

    /// The id of the user that a company registers with an idempotency key: the same in every region.
    pub fn user_id(&self, company: &CompanyId, idempotency_key: &str) -> UserId {
        let tag = self.user_ids.tag(&[company.as_str().as_bytes(), idempotency_key.as_bytes()]);
        let mut bytes = [0; 16];
        bytes.copy_from_slice(&tag[..16]);
        UserId::v8(bytes)
    }

    /// The record of a request: a keyed hash, so that the table reveals neither ids nor keys of requests.
    pub fn request_hash(&self, parts: &[&str]) -> [u8; 32] {
        self.requests.tag(&parts.iter().map(|part| part.as_bytes()).collect::<Vec<_>>())
    }

    /// The private key that opens the events of sources sealed to this version of its public key.
    pub fn inbox_key(&self, version: u32) -> PrivateKey {
        PrivateKey::derive(&self.inbox.tag(&[&version.to_be_bytes()]))
    }

    /// The tag of a password reset token. It is the same in every region, and no rotation of other secrets changes it.
    pub fn reset_tag(&self, parts: &[&str]) -> [u8; 32] {
        self.resets.tag(&parts.iter().map(|part| part.as_bytes()).collect::<Vec<_>>())
    }

    /// True if `tag` is the tag of these parts, compared in constant time.
    pub fn is_reset_tag(&self, parts: &[&str], tag: &[u8]) -> bool {
        self.resets.verify(&parts.iter().map(|part| part.as_bytes()).collect::<Vec<_>>(), tag)
    }

    /// The tag of a cursor of events. It is the same in every region, and no rotation of other secrets changes it.
    pub fn event_cursor_tag(&self, parts: &[&str]) -> [u8; 32] {
        self.event_cursors.tag(&parts.iter().map(|part| part.as_bytes()).collect::<Vec<_>>())
    }

    /// True if `tag` is the tag of these parts, compared in constant time.
    pub fn is_event_cursor_tag(&self, parts: &[&str], tag: &[u8]) -> bool {
        self.event_cursors.verify(&parts.iter().map(|part| part.as_bytes()).collect::<Vec<_>>(), tag)
    }

    /// The tag of a provisioning ticket. It is the same in every region, and no rotation of other secrets changes it.
    pub fn ticket_tag(&self, content: &[u8]) -> [u8; 32] {
        self.tickets.tag(&[content])
    }

    /// True if `tag` is the tag of this content, compared in constant time.
    pub fn is_ticket_tag(&self, content: &[u8], tag: &[u8]) -> bool {
        self.tickets.verify(&[content], tag)
    }

    /// The token of a target, sealed for its document.
    pub fn seal_target_token(&self, id: &TargetId, token: &str, entropy: &dyn Entropy) -> String {
        let sealed = self.targets.seal_bytes(entropy.array(), &token_aad(id), token.as_bytes());
        URL_SAFE_NO_PAD.encode(sealed)
    }

    /// Opens a token that [`Secrets::seal_target_token`] sealed for this target.
    pub fn open_target_token(&self, id: &TargetId, sealed: &str) -> Option<Zeroizing<String>> {
        let sealed = URL_SAFE_NO_PAD.decode(sealed).ok()?;
        text_of(&self.targets.open_bytes(&token_aad(id), &sealed).ok()?)
    }

    /// The secret by which Umoja proves to a provider who it is, sealed for the provider's document.
    pub fn seal_provider_secret(&self, id: &LoginProviderId, secret: &str, entropy: &dyn Entropy) -> String {
        let content = Zeroizing::new(format!("{id} {secret}"));
        self.oidc.seal(SealedFor::ProviderSecret, entropy, content.as_bytes())
    }

    /// Opens a secret that [`Secrets::seal_provider_secret`] sealed for this provider.
    pub fn open_provider_secret(&self, id: &LoginProviderId, sealed: &str) -> Option<Zeroizing<String>> {
        let content = text_of(&self.oidc.open(SealedFor::ProviderSecret, sealed)?)?;
        let (named, secret) = content.split_once(' ')?;
        (named == id.as_str()).then(|| Zeroizing::new(secret.to_owned()))
    }

    /// The id that a target has given a user's account, sealed for the row of the two. Some systems take an address as the
    /// id.
    pub fn seal_remote_id(&self, (user, target): (UserId, &TargetId), id: &str, entropy: &dyn Entropy) -> Vec<u8> {
        self.targets.seal_bytes(entropy.array(), &remote_id_aad(user, target), id.as_bytes())
    }

    /// Opens an id that [`Secrets::seal_remote_id`] sealed for this user and target.
    pub fn open_remote_id(&self, (user, target): (UserId, &TargetId), sealed: &[u8]) -> Option<String> {
        text_of(&self.targets.open_bytes(&remote_id_aad(user, target), sealed).ok()?).map(|text| text.to_string())
    }

    /// What a company has said about a user's account at a target, sealed for the request about the two.
    pub fn seal_params(&self, (user, target): (UserId, &TargetId), params: &[u8], entropy: &dyn Entropy) -> Vec<u8> {
        self.targets.seal_bytes(entropy.array(), &params_aad(user, target), params)
    }

    /// Opens what [`Secrets::seal_params`] sealed for this user and target.
    pub fn open_params(&self, (user, target): (UserId, &TargetId), sealed: &[u8]) -> Option<Zeroizing<Vec<u8>>> {
        self.targets.open_bytes(&params_aad(user, target), sealed).ok()
    }

    /// The tag of the content of a user's account at a target: equal content has an equal tag, and no row shows the content.
    pub fn sent_tag(&self, (user, target): (UserId, &TargetId), content: &[u8]) -> [u8; 32] {
        self.sent.tag(&[user.as_bytes(), target.as_str().as_bytes(), content])
    }

    /// A secret of a webhook, made of the salt that its document has. It is the same in every region, is stored nowhere, and no
    /// rotation of other secrets changes it.
    pub fn webhook_secret(&self, webhook: &WebhookId, salt: &str) -> WebhookSecret {
        WebhookSecret::new(self.webhooks.tag(&[webhook.as_str().as_bytes(), salt.as_bytes()]))
    }

    /// Seals a value of single sign-on, unpadded base64url. Every region opens it, and no rotation of other secrets
    /// changes that.
    pub fn seal_oidc(&self, purpose: SealedFor, entropy: &dyn Entropy, content: &[u8]) -> String {
        self.oidc.seal(purpose, entropy, content)
    }

    /// Seals a value so that equal content is the same text in every region. The IV is a MAC of the content, so that
    /// the text reveals only whether contents are equal.
    pub fn seal_oidc_derived(&self, purpose: SealedFor, content: &[u8]) -> String {
        self.oidc.seal_derived(purpose, content)
    }

    /// Opens what [`Secrets::seal_oidc`] or [`Secrets::seal_oidc_derived`] sealed for this purpose. `None` for anything
    /// else.
    pub fn open_oidc(&self, purpose: SealedFor, sealed: &str) -> Option<Zeroizing<Vec<u8>>> {
        self.oidc.open(purpose, sealed)
    }

    /// What a user is called at the clients that share a row of subjects: the same in every region, so that two regions that
    /// make the row at the same time make the same one. It reveals neither of the two.
    pub fn subject(&self, user: UserId, row: &str) -> String {
        let tag = self.subjects.tag(&[user.to_string().as_bytes(), row.as_bytes()]);
        URL_SAFE_NO_PAD.encode(&tag[..16])
    }

    /// The keys of the factors of persons.
    pub const fn factors(&self) -> &FactorKeys {
        &self.factors
    }

    /// What a session is called at a client (claim `sid`): the same in every region, and no two clients can tell by it that
    /// they have one session. It reveals neither of the two.
    pub fn session_name(&self, session: &str, client: &str) -> String {
        let tag = self.sessions.tag(&[session.as_bytes(), client.as_bytes()]);
        URL_SAFE_NO_PAD.encode(&tag[..16])
    }

    /// The key that makes and checks rows of the audit trail.
    pub const fn audit_key(&self) -> &AuditKey {
        &self.audit
    }

    /// Seals a free text into a row, bound to the row. Rows are kept for ever and read by operators, and a caller's
    /// text may contain personal data.
    pub fn seal_text(&self, row: &LogRow, text: &str, entropy: &dyn Entropy) -> Vec<u8> {
        self.rows.seal_bytes(entropy.array(), &row_aad(row), text.as_bytes())
    }

    /// Opens a text that [`Secrets::seal_text`] sealed into this row.
    pub fn open_text(&self, row: &LogRow, sealed: &[u8]) -> Option<String> {
        let bytes = self.rows.open_bytes(&row_aad(row), sealed).ok()?;
        String::from_utf8(bytes.to_vec()).ok()
    }
}

fn blind(key: &IndexKey, kind: IdentifierKind, company: Option<&CompanyId>, normalised: &str) -> BlindIndex {
    let domain = company.map_or_else(|| "umoja".to_owned(), |company| format!("umoja:{company}"));
    BlindIndex::new(key.index(&domain, kind.as_str(), normalised))
}

fn password_keys(
    document: &SecretsDocument,
    peppers: Vec<(u32, Pepper)>,
    sealed_by: &WrappingKey,
) -> Result<PasswordKeys, SecretsError> {
    let mut keys = PasswordKeys::default();
    for (version, pepper) in peppers {
        match document.pepper_in_use.unwrap_or_default().cmp(&version) {
            Ordering::Less => keys.next_pepper = Some(pepper),
            Ordering::Equal => keys.pepper = Some(pepper),
            Ordering::Greater => keys.former_peppers.push(pepper),
        }
    }
    if keys.pepper.is_none() && document.pepper_in_use.is_some() {
        return Err(SecretsError::Malformed);
    }
    for (id, sealed) in &document.hash_keys {
        let opened = URL_SAFE_NO_PAD.decode(sealed).ok();
        let opened = opened.and_then(|blob| sealed_by.open_bytes(&Aad::new().text(id), &blob).ok());
        let key = opened.and_then(|bytes| HashKey::from_bytes(&bytes)).ok_or(SecretsError::Malformed)?;
        keys.hash_keys = keys.hash_keys.with(id, key).map_err(|_| SecretsError::Malformed)?;
    }
    Ok(keys)
}

fn token_aad(id: &TargetId) -> Aad {
    Aad::new().text("token").text(id.as_str())
}

fn remote_id_aad(user: UserId, target: &TargetId) -> Aad {
    Aad::new().text("remote-id").bytes(user.as_bytes()).text(target.as_str())
}

fn params_aad(user: UserId, target: &TargetId) -> Aad {
    Aad::new().text("params").bytes(user.as_bytes()).text(target.as_str())
}

fn text_of(bytes: &[u8]) -> Option<Zeroizing<String>> {
    std::str::from_utf8(bytes).ok().map(|text| Zeroizing::new(text.to_owned()))
}

fn row_aad(row: &LogRow) -> Aad {
    Aad::new().bytes(row.user.as_bytes()).text(&row.key).text(&row.kind)
}
