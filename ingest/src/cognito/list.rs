//! The users of a pool as it lists them, and the list in a file, as `aws cognito-idp list-users` prints it.

use std::fmt;
use std::io::Read;

use serde::Deserializer as _;
use serde::de::{Deserialize, Error as _, IgnoredAny, MapAccess, SeqAccess, Visitor};
use serde_json::{Map, Value};
use umoja_accounts::import::Row;
use umoja_schema::Millis;

use super::migration::UMOJA_ID;
use crate::providers::cognito;

/// A user of the list.
pub(super) struct Listed {
    pub(super) subject: String,
    pub(super) is_enabled: bool,
    /// True if the sign-up is over: the user may log in.
    pub(super) is_confirmed: bool,
    pub(super) umoja_id: Option<String>,
    email: Option<String>,
    phone_number: Option<String>,
    created_at: Option<Millis>,
}

impl Listed {
    /// A user as the list has it, and the row that makes it. `None` if it cannot be read.
    pub(super) fn of(user: Map<String, Value>) -> Option<(Self, Row)> {
        let text = |name: &str| user.get(name).and_then(Value::as_str).map(str::to_owned);
        let status = text("UserStatus").unwrap_or_default();
        let is_enabled = user.get("Enabled").and_then(Value::as_bool).unwrap_or(true);
        let attributes = user.get("Attributes").and_then(Value::as_array)?.iter();
        let umoja_id = attributes.clone().find(|attribute| attribute["Name"] == UMOJA_ID);
        let umoja_id = umoja_id.and_then(|attribute| attribute["Value"].as_str()).map(str::to_owned);
        let row = cognito::row(user).ok()?;
        let listed = Self {
            subject: row.external_id.clone()?,
            is_enabled,
            // Who has only signed up, or has not yet used the password of an administrator, is no user yet.
            is_confirmed: !matches!(status.as_str(), "UNCONFIRMED" | "FORCE_CHANGE_PASSWORD"),
            umoja_id,
            email: row.email.clone(),
            phone_number: row.phone_number.clone(),
            created_at: row.created_at,
        };
        Some((listed, row))
    }

    /// What says which person the user is.
    pub(super) fn evidence(&self) -> Row {
        Row {
            external_id: Some(self.subject.clone()),
            email: self.email.clone(),
            phone_number: self.phone_number.clone(),
            created_at: self.created_at,
            ..Row::default()
        }
    }
}

/// The users of a list, with what says who they are.
#[derive(Default)]
pub struct PoolList {
    pub(super) users: Vec<Listed>,
    /// Users of the list that could not be read.
    pub(super) unreadable: usize,
}

/// Why a file is no list. The text names places and members, and never a value.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum ListError {
    /// The file is not JSON of this form.
    #[error("line {line}, column {column}: it is no list of `aws cognito-idp list-users`")]
    Form {
        /// The line, from 1.
        line: usize,
        /// The column, from 1.
        column: usize,
    },
    /// The file cannot be read.
    #[error("it cannot be read to its end")]
    Unread,
    /// The list has only a part of the users: the others would seem to be gone.
    #[error("it has a part of the users only; make the list without --max-items and --no-paginate")]
    Part,
}

/// What the members of the list say.
#[derive(Default)]
struct Content {
    list: Option<PoolList>,
    is_part: bool,
}

/// A list of users, each of which is read and dropped before the next one.
struct Users(PoolList);

impl PoolList {
    /// Reads a list.
    ///
    /// # Errors
    /// [`ListError`]. A user that cannot be read is no error, and is counted.
    pub fn read(reader: impl Read) -> Result<Self, ListError> {
        let mut json = serde_json::Deserializer::from_reader(reader);
        let read = json.deserialize_map(Content::default()).and_then(|content| json.end().map(|()| content));
        let content = read.map_err(|error| match error.classify() {
            serde_json::error::Category::Io => ListError::Unread,
            // The text of the error may have a value of the file.
            _ => ListError::Form { line: error.line(), column: error.column() },
        })?;
        let list = content.list.ok_or(ListError::Form { line: 1, column: 1 })?;
        if content.is_part { Err(ListError::Part) } else { Ok(list) }
    }

    /// How many users the list has.
    pub const fn listed(&self) -> usize {
        self.users.len() + self.unreadable
    }
}

impl<'de> Visitor<'de> for Content {
    type Value = Self;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object with the member Users")
    }

    fn visit_map<A: MapAccess<'de>>(mut self, mut members: A) -> Result<Self, A::Error> {
        while let Some(name) = members.next_key::<String>()? {
            match name.as_str() {
                "Users" if self.list.is_none() => self.list = Some(members.next_value::<Users>()?.0),
                "Users" => return Err(A::Error::custom("there are two lists")),
                "PaginationToken" | "NextToken" => {
                    self.is_part |= members.next_value::<Option<IgnoredAny>>()?.is_some();
                }
                _ => {
                    let IgnoredAny = members.next_value()?;
                }
            }
        }
        Ok(self)
    }
}

impl<'de> Deserialize<'de> for Users {
    fn deserialize<D: serde::Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        struct Each;

        impl<'de> Visitor<'de> for Each {
            type Value = Users;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a list of users")
            }

            fn visit_seq<A: SeqAccess<'de>>(self, mut users: A) -> Result<Users, A::Error> {
                let mut list = PoolList::default();
                while let Some(user) = users.next_element::<Map<String, Value>>()? {
                    match Listed::of(user) {
                        Some((listed, _)) => list.users.push(listed),
                        None => list.unreadable += 1,
                    }
                }
                Ok(Users(list))
            }
        }

        from.deserialize_seq(Each)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Result<(usize, usize), ListError> {
        PoolList::read(text.as_bytes()).map(|list| (list.listed(), list.unreadable))
    }

    #[test]
    fn a_list_is_what_the_command_prints() {
        let user = |sub: &str| {
            format!(
                r#"{{"Username": "ada", "Attributes": [{{"Name": "sub", "Value": "{sub}"}}], "Enabled": true,
                    "UserStatus": "CONFIRMED", "UserCreateDate": "2026-11-29T10:00:00+00:00", "MFAOptions": []}}"#
            )
        };
        let list = format!(r#"{{"Users": [{}, {}, {{"Username": "ada"}}], "Other": {{}}}}"#, user("s-1"), user("s-2"));
        assert_eq!(read(&list), Ok((3, 1)));
        let list = PoolList::read(list.as_bytes()).unwrap();
        assert_eq!(list.users.iter().map(|user| user.subject.as_str()).collect::<Vec<_>>(), ["s-1", "s-2"]);
        assert_eq!(read(r#"{"Users": []}"#), Ok((0, 0)));
        assert_eq!(read(r#"{"Users": [], "PaginationToken": null}"#), Ok((0, 0)));
    }

    #[test]
    fn a_part_of_a_list_is_no_list() {
        for name in ["PaginationToken", "NextToken"] {
            assert_eq!(read(&format!(r#"{{"{name}": "CAIS", "Users": []}}"#)), Err(ListError::Part));
        }
    }

    #[test]
    fn what_is_no_list_is_named_by_its_place_alone() {
        for text in
            ["", "[]", "{}", r#"{"Users": {}}"#, r#"{"Users": ["ada"]}"#, r#"{"Users": []} x"#, r#"{"Users": [{"#]
        {
            let error = read(text).unwrap_err();
            assert!(matches!(error, ListError::Form { .. }), "{text}: {error}");
            assert!(!error.to_string().contains("ada"), "{error}");
        }
        assert!(matches!(read(r#"{"Users": [], "Users": []}"#), Err(ListError::Form { .. })));
        assert!(read(&format!(r#"{{"Users": [{}"#, r#"{"a":["#.repeat(10_000))).is_err());
    }
}
