//! How many mails with codes are sent.

use std::net::IpAddr;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use umoja_schema::api::Selector;
use umoja_schema::{IdentifierKind, Millis, UserId};

use super::code::Purpose;
use crate::lockout::{Target, network};
use crate::{Context, Error, People};

const HOUR_MS: u64 = 60 * 60 * 1000;

/// The mails to one address by each way to ask for one, or of one person, in an hour, in each region.
const OF_ADDRESS: u64 = 5;

/// The mails for which one network may ask in an hour, in each region: as many as the logins that may fail from it, because many people may
/// share an address.
const OF_NETWORK: u64 = 100;

/// A company may have this many seconds of its requests as mails of one purpose in an hour, in each region.
const OF_COMPANY_SECS: u64 = 10;

/// Counts a mail that is asked for by a name. Who asks again and again would fill the mailbox of another person. It is another count than
/// that of the address, which would say by whose name it can be used up.
///
/// # Errors
/// [`Error::TooManyMails`]; a store error if the region cannot count, because then it sends none.
pub(super) async fn count_name(people: &People, context: &Context, name: &Selector) -> Result<(), Error> {
    count_as(people, context, "mails by a name", name).await
}

/// Counts a mail to an address. What strangers may ask for is one count. Another one has the codes of who has shown a first factor, and
/// another one those for which a company asks: otherwise a stranger could use them up, and keep a person from signing in. Errors as of
/// [`count_name`].
pub(super) async fn count_address(
    people: &People,
    context: &Context,
    purpose: Purpose,
    address: &str,
) -> Result<(), Error> {
    let what = match purpose {
        Purpose::Password | Purpose::Registration | Purpose::NewAddress => "mails to",
        Purpose::SignIn => "codes of sign-ins to",
        Purpose::Address => "verifications of",
    };
    let name = Selector::Identifier(IdentifierKind::Email, address.to_owned());
    count_as(people, context, what, &name).await
}

async fn count_as(people: &People, context: &Context, what: &str, name: &Selector) -> Result<(), Error> {
    let key = URL_SAFE_NO_PAD.encode(Target::of(people, context, name)?.identifier());
    count(people, context, &[what, &key], OF_ADDRESS).await
}

/// Counts an address for which an account is asked. It is another count than that of the mails to the address, which would say by whose
/// name it was used up. Errors as of [`count_name`].
pub(super) async fn count_registration(people: &People, context: &Context, address: &str) -> Result<(), Error> {
    let name = Selector::Identifier(IdentifierKind::Email, address.to_owned());
    count_as(people, context, "registrations of", &name).await
}

/// Counts a new address that a person asks for. Errors as of [`count_name`].
pub(super) async fn count_person(people: &People, context: &Context, person: UserId) -> Result<(), Error> {
    count(people, context, &["new addresses of", &person.to_string()], OF_ADDRESS).await
}

/// Counts what a browser asks for, for the network that it comes from, if the server knows that. Errors as of [`count_name`].
pub(super) async fn count_network(
    people: &People,
    context: &Context,
    purpose: Purpose,
    address: Option<IpAddr>,
) -> Result<(), Error> {
    let Some(address) = address else { return Ok(()) };
    let network = network(address).to_string();
    count(people, context, &["mails by a network", purpose.as_str(), &network], OF_NETWORK).await
}

/// Counts a mail of a company. What strangers ask for uses up nothing of what the company itself may ask for. Errors as of [`count_name`].
pub(super) async fn count_company(people: &People, context: &Context, purpose: Purpose) -> Result<(), Error> {
    let company = &context.company;
    let most = u64::from(company.requests_per_second().get()).saturating_mul(OF_COMPANY_SECS);
    count(people, context, &["mails of a company", purpose.as_str(), company.id.as_str()], most).await
}

async fn count(people: &People, context: &Context, what: &[&str], most: u64) -> Result<(), Error> {
    let hour = context.now.0 / HOUR_MS;
    let ends = Millis((hour + 1) * HOUR_MS);
    let hour = hour.to_string();
    let key = people.secrets.request_hash(&[what, &[hour.as_str()]].concat());
    if people.home.attempts.add(&key, 1, ends.plus(HOUR_MS)).await? <= most {
        return Ok(());
    }
    let secs = ends.since(context.now).div_ceil(1000).max(1);
    Err(Error::TooManyMails { retry_after_secs: u32::try_from(secs).unwrap_or(u32::MAX) })
}
