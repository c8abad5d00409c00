//! [`UserPool`] on Amazon Cognito: the users of a pool, as `ListUsers` has them.

use async_trait::async_trait;
use aws_sdk_cognitoidentityprovider::Client;
use aws_sdk_cognitoidentityprovider::types::UserType;
use serde_json::{Map, Value, json};
use umoja_store::ports::{PoolPage, StoreError, UserPool};

use crate::error;

/// The most users of a page that Amazon Cognito gives.
const PAGE: i32 = 60;

/// The user pools of a region.
#[derive(Debug, Clone)]
pub struct UserPools {
    client: Client,
}

impl UserPools {
    pub(crate) const fn new(client: Client) -> Self {
        Self { client }
    }
}

#[async_trait]
impl UserPool for UserPools {
    async fn users(&self, pool: &str, after: Option<&str>) -> Result<PoolPage, StoreError> {
        let request = self.client.list_users().user_pool_id(pool).limit(PAGE);
        let answer = request.set_pagination_token(after.map(str::to_owned)).send().await;
        let answer = answer.map_err(|e| error::store("ListUsers", &e))?;
        let users = answer.users.unwrap_or_default().into_iter().map(listed).collect();
        Ok(PoolPage { users, next: answer.pagination_token })
    }
}

/// A user in the form of the command line and of exports, which an import reads too.
fn listed(user: UserType) -> Map<String, Value> {
    let attributes = user.attributes.unwrap_or_default().into_iter();
    let attributes: Vec<Value> =
        attributes.map(|attribute| json!({ "Name": attribute.name, "Value": attribute.value })).collect();
    let mut listed = Map::from_iter([
        ("Attributes".to_owned(), Value::Array(attributes)),
        ("Enabled".to_owned(), Value::Bool(user.enabled)),
    ]);
    let texts = [("Username", user.username), ("UserStatus", user.user_status.map(|s| s.as_str().to_owned()))];
    listed.extend(texts.into_iter().filter_map(|(name, text)| Some((name.to_owned(), Value::String(text?)))));
    if let Some(created_at) = user.user_create_date {
        listed.insert("UserCreateDate".to_owned(), created_at.secs().into());
    }
    listed
}

#[cfg(test)]
mod tests {
    use aws_sdk_cognitoidentityprovider::types::{AttributeType, UserStatusType};
    use aws_smithy_types::DateTime;

    use super::*;

    #[test]
    fn a_user_has_the_form_of_an_export() {
        let attribute = AttributeType::builder().name("sub").value("1").build().unwrap();
        let user = UserType::builder()
            .username("ann")
            .attributes(attribute)
            .enabled(true)
            .user_status(UserStatusType::Confirmed)
            .user_create_date(DateTime::from_secs(1_764_421_200))
            .build();
        let expected = json!({
            "Username": "ann", "Attributes": [{ "Name": "sub", "Value": "1" }], "Enabled": true,
            "UserStatus": "CONFIRMED", "UserCreateDate": 1_764_421_200,
        });
        assert_eq!(Value::Object(listed(user)), expected);
    }
}
