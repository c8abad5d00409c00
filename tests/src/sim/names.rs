//! The identifiers of a run, by number.

use umoja_schema::CompanyId;

/// The companies.
pub(super) const COMPANIES: [&str; 3] = ["shop", "food", "blog"];

/// The target of the first company.
pub(super) const TARGET: &str = "crm";

/// The id of the company of a number.
pub(super) fn company(number: usize) -> CompanyId {
    COMPANIES[number % COMPANIES.len()].parse().expect("a company")
}

pub(super) fn email(number: u8) -> String {
    format!("person{number}@example.com")
}

pub(super) fn phone(number: u8) -> String {
    format!("+25471234567{number}")
}

pub(super) fn username(number: u8) -> String {
    format!("person{number}")
}

/// The external id of a user at a provider.
pub(super) fn subject(user: u8) -> String {
    format!("user {user}")
}
