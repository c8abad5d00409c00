//! The domain of Umoja: users, the order and merge of their versions, and the items that are stored.
//!
//! Pure data and rules: no I/O, no async, no clock, no randomness. Every other crate depends on this one, so a rule
//! that must be the same in the API, the replicator, the reconcilers and the tools is here.

/// `Debug` for types with personal data or passwords: the name of the type, never the content.
macro_rules! never_printed {
    ($($name:ident),* $(,)?) => {$(
        impl std::fmt::Debug for $name {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str(concat!(stringify!($name), "(..)"))
            }
        }
    )*};
}

pub mod access;
pub mod api;
pub mod attributes;
pub mod audit;
pub mod client;
pub mod company;
pub mod convergence;
mod error;
pub mod events;
pub mod foreign_url;
pub mod hlc;
pub mod identifier;
pub mod ids;
pub mod infrastructure;
pub mod ingest;
pub mod item;
pub mod log;
pub mod login_provider;
mod logo;
pub mod message;
pub mod names;
pub mod oidc_key_set;
pub mod old_system;
pub mod ownership;
mod precis;
pub mod profile;
pub mod proof;
pub mod public_address;
pub mod record;
pub mod replica;
pub mod replicated;
mod require_mfa;
mod restriction;
pub mod status_page;
pub mod target;
pub mod target_account;
pub mod target_code;
pub mod target_request;
pub mod version;
pub mod versioned;
pub mod webhook;

pub use attributes::{Attribute, Attributes};
pub use audit::{Actor, AuditEvent};
pub use client::{Client, ClientAuthMethod, ClientKind, GrantType, SubjectType};
pub use company::{ApiKeyHash, Company, CompanyKey, Scope};
pub use convergence::{Resolution, resolve};
pub use error::ItemError;
pub use events::{EventRow, Notice, Noticed, Place};
pub use hlc::{Hlc, HlcError, Millis};
pub use identifier::{Email, ExternalId, IdentifierError, IdentifierKind, PhoneNumber, Username};
pub use ids::{
    BlindIndex, ClientId, CompanyId, IdError, LoginProviderId, Part, Region, ReturnUrlId, SourceId, TargetId, UserId,
    WebhookId,
};
pub use ingest::{InboxEvent, InboxState, IngestSource, Mark, Marked, SourceKind, Standing};
pub use log::{Log, LogRow};
pub use login_provider::LoginProvider;
pub use logo::{Logo, NoLogo};
pub use message::Message;
pub use oidc_key_set::{OidcAlgorithm, OidcKey, OidcKeySet};
pub use old_system::{NoOldSystem, OldSystem};
pub use ownership::{IdentifierItem, Ownership};
pub use profile::Profile;
pub use record::{
    AccountStatus, Body, Credentials, Facts, Feed, Identity, LegacyHash, Link, LinkState, Live, MAX_IDENTIFIERS,
    PartRecord, ProfileFacts, SealedData, Source,
};
pub use replica::{Item, Key};
pub use replicated::Replicated;
pub use require_mfa::RequireMfa;
pub use restriction::RestrictionLevel;
pub use status_page::{Colour, StatusPage};
pub use target::{Deprovisioning, Target, TargetKind};
pub use target_account::{RemoteAccount, TargetAccount};
pub use target_code::TargetCode;
pub use target_request::TargetRequest;
pub use version::{PersonVersion, RecordVersion, Version};
pub use versioned::VersionedItem;
pub use webhook::Webhook;
