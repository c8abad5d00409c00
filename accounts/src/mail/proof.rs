//! What a code proves: that a person has an address now.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use umoja_look::Language;
use umoja_schema::IdentifierKind;
use umoja_schema::api::Selector;

use crate::patch::proof_of;
use crate::person::Stored;
use crate::{Accounts, Context, Error, Patch, People, Person, Rule as _, Update};

/// The address of a person as callers see it, and whether it is verified.
pub(super) fn address_of(person: &Person) -> Option<(String, bool)> {
    let shown = person.view();
    Some((shown.email?, shown.email_verified == Some(true)))
}

/// The address of a person by which it was named, as it is stored. `None` if it was named in another way.
pub(super) fn named_by(context: &Context, person: &Person, selector: &Selector) -> Option<String> {
    let Selector::Identifier(IdentifierKind::Email, typed) = selector else { return None };
    let parsed = |text: &str| context.parse(IdentifierKind::Email, text).ok().map(|parsed| parsed.normalised);
    let typed = parsed(typed)?;
    let stored = |user: &Stored| user.identity.email.clone().filter(|email| parsed(email).as_ref() == Some(&typed));
    person.users().find_map(stored)
}

/// The version by which another region sees whether the person has arrived. A person may be of many users, and a challenge has room for one.
pub(super) fn version_of(person: &Person) -> String {
    person.primary.version().to_string()
}

/// The language of a mail: the one that is asked for, or else the person's own.
pub(super) fn language_of(person: &Person, asked: Option<Language>) -> Language {
    let own = || person.view().profile.locale.as_deref().and_then(Language::of_tag);
    asked.or_else(own).unwrap_or(Language::En)
}

/// The text that stands for an address in a challenge.
pub(super) fn of_address(people: &People, context: &Context, address: &str) -> Result<String, Error> {
    let parsed = context.parse(IdentifierKind::Email, address)?;
    Ok(URL_SAFE_NO_PAD.encode(proof_of(people, &parsed.normalised)))
}

/// Whether an address is the one that a text stands for.
pub(super) fn is_of(people: &People, context: &Context, address: &str, proof: &str) -> bool {
    of_address(people, context, address).is_ok_and(|own| own == proof)
}

/// Marks the address as verified, if it is still the person's.
///
/// # Errors
/// [`Error::CodeInvalid`] if it is not, and those of an update.
pub(super) async fn mark(accounts: &Accounts, context: &Context, person: Person, proof: &str) -> Result<Person, Error> {
    let proof = URL_SAFE_NO_PAD.decode(proof).ok().and_then(|bytes| bytes.try_into().ok()).ok_or(Error::CodeInvalid)?;
    let update = Update { id: person.primary.id(), patch: Patch::proved(proof), if_version: None };
    update.act(accounts, context, Some(person)).await
}
