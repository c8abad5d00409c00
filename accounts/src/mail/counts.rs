//! How many mails with codes are sent.

use std::net::IpAddr;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use umoja_schema::api::Selector;
use umoja_schema::{IdentifierKind, Millis};

use crate::lockout::{Target, network};
use crate::{Context, Error, People};

const HOUR_MS: u64 = 60 * 60 * 1000;

/// The mails to one address in an hour, in each region.
const OF_ADDRESS: u64 = 5;

/// The mails that are asked for from one network in an hour, in each region. Many people may share it.
const OF_NETWORK: u64 = 100;

/// A company may have this many seconds of its requests as mails in an hour, in each region.
const OF_COMPANY_SECS: u64 = 10;

/// Counts a mail that is asked for by a name. Who asks again and again would fill the mailbox of another person. It is another count than
/// that of the address, which would say by whose name it can be used up.
///
/// # Errors
/// [`Error::TooManyMails`]; a store error if the region cannot count, because then it sends none.
pub(super) async fn count_name(people: &People, context: &Context, name: &Selector) -> Result<(), Error> {
    count_as(people, context, "mails by a name", name).await
}

/// Counts a mail to an address. Errors as of [`count_name`].
pub(super) async fn count_address(people: &People, context: &Context, address: &str) -> Result<(), Error> {
    let name = Selector::Identifier(IdentifierKind::Email, address.to_owned());
    count_as(people, context, "mails to", &name).await
}

async fn count_as(people: &People, context: &Context, what: &str, name: &Selector) -> Result<(), Error> {
    let key = URL_SAFE_NO_PAD.encode(Target::of(people, context, name)?.identifier());
    count(people, context, &[what, &key], OF_ADDRESS).await
}

/// Counts a mail that is asked for from an address of the internet, with its network. Errors as of [`count_name`].
pub(super) async fn count_network(people: &People, context: &Context, ip: IpAddr) -> Result<(), Error> {
    count(people, context, &["mails from a network", &network(ip).to_string()], OF_NETWORK).await
}

/// Counts a mail of a company. Errors as of [`count_name`].
pub(super) async fn count_company(people: &People, context: &Context) -> Result<(), Error> {
    let company = &context.company;
    let most = u64::from(company.requests_per_second().get()).saturating_mul(OF_COMPANY_SECS);
    count(people, context, &["mails of a company", company.id.as_str()], most).await
}

async fn count(people: &People, context: &Context, what: &[&str; 2], most: u64) -> Result<(), Error> {
    let hour = context.now.0 / HOUR_MS;
    let ends = Millis((hour + 1) * HOUR_MS);
    let key = people.secrets.request_hash(&[what[0], what[1], &hour.to_string()]);
    if people.home.attempts.add(&key, 1, ends.plus(HOUR_MS)).await? <= most {
        return Ok(());
    }
    let secs = ends.since(context.now).div_ceil(1000).max(1);
    Err(Error::TooManyMails { retry_after_secs: u32::try_from(secs).unwrap_or(u32::MAX) })
}
