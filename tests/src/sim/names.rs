//! The identifiers of a run, by number.

pub(super) fn email(number: u8) -> String {
    format!("person{number}@example.com")
}

pub(super) fn phone(number: u8) -> String {
    format!("+25471234567{number}")
}

pub(super) fn username(number: u8) -> String {
    format!("person{number}")
}
