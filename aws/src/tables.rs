//! Creates the tables for tests and emulators; in a deployment Terraform creates them. Both read
//! [`umoja_schema::infrastructure`].

use aws_sdk_dynamodb::error::BuildError;
use aws_sdk_dynamodb::types::{
    AttributeDefinition, BillingMode, KeySchemaElement, KeyType, ScalarAttributeType, StreamSpecification,
    StreamViewType, TimeToLiveSpecification,
};
use serde_json::Value;
use umoja_schema::Replicated;
use umoja_schema::infrastructure::tables;
use umoja_store::ports::StoreError;

use crate::{AwsRegion, error};

/// Creates every table of a region with these replicated tables. Does not wait until they are active, because
/// emulators' tables are active immediately.
///
/// # Errors
/// If a table exists already, or AWS rejects a request.
pub async fn create(region: &AwsRegion, prefix: &str, replicated: &[&Replicated]) -> Result<(), StoreError> {
    for (name, table) in tables(replicated) {
        let full = format!("{prefix}-{name}");
        let what = format!("CreateTable of {name}");
        let mut create = region.dynamodb.create_table().table_name(&full).billing_mode(BillingMode::PayPerRequest);
        for (property, kind) in [("hash_key", KeyType::Hash), ("range_key", KeyType::Range)] {
            if let Some(attribute) = table["keys"][property].as_str() {
                let (definition, element) =
                    key(attribute, kind).map_err(|_| StoreError::Rejected(format!("{what} (incomplete)")))?;
                create = create.attribute_definitions(definition).key_schema(element);
            }
        }
        if table["stream"] == Value::Bool(true) {
            let images = StreamSpecification::builder().stream_enabled(true).stream_view_type(StreamViewType::NewImage);
            let images = images.build().map_err(|_| StoreError::Rejected(format!("{what} (incomplete)")))?;
            create = create.stream_specification(images);
        }
        create.send().await.map_err(|e| error::store(&what, &e))?;
        if let Some(attribute) = table["ttl"].as_str() {
            let what = format!("UpdateTimeToLive of {name}");
            let ttl = TimeToLiveSpecification::builder().attribute_name(attribute).enabled(true).build();
            let ttl = ttl.map_err(|_| StoreError::Rejected(format!("{what} (incomplete)")))?;
            let update = region.dynamodb.update_time_to_live().table_name(&full).time_to_live_specification(ttl);
            update.send().await.map_err(|e| error::store(&what, &e))?;
        }
    }
    Ok(())
}

fn key(attribute: &str, kind: KeyType) -> Result<(AttributeDefinition, KeySchemaElement), BuildError> {
    let definition = AttributeDefinition::builder().attribute_name(attribute).attribute_type(ScalarAttributeType::S);
    let element = KeySchemaElement::builder().attribute_name(attribute).key_type(kind);
    Ok((definition.build()?, element.build()?))
}
