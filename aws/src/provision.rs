//! Creates keys and queues for tests and emulators; in a deployment Terraform does it.

use aws_sdk_sqs::types::QueueAttributeName;
use umoja_schema::Region;
use umoja_schema::names::{queue, setting};
use umoja_store::Infrastructure;
use umoja_store::ports::{KeysError, Registry as _, StoreError};

use crate::{AwsRegion, SqsQueue, error, tables};

/// Creates everything in a region of a deployment except the functions, and writes it to the region's settings.
///
/// # Errors
/// If AWS rejects a request or does not answer, or if some of it exists already.
pub async fn create_region(
    aws: &AwsRegion,
    prefix: &str,
    region: &Region,
    peers: &[Region],
    base_url: &str,
) -> Result<Infrastructure, StoreError> {
    tables::create(aws, prefix, &umoja_schema::replicated::ALL).await?;
    let data_key = create_key(aws).await.map_err(|error| StoreError::Unavailable(format!("CreateKey ({error})")))?;
    let proof_key = create_key(aws).await.map_err(|error| StoreError::Unavailable(format!("CreateKey ({error})")))?;
    let retries = peers.iter().map(queue::retry);
    for name in retries
        .chain([queue::KEYS, queue::MERGES, queue::INGEST, queue::DELIVER, queue::QUARANTINED].map(str::to_owned))
    {
        create_queue(aws, &format!("{prefix}-{name}"), 10).await?;
    }
    let url = aws.sqs.get_queue_url().queue_name(format!("{prefix}-{}", queue::KEYS)).send().await;
    let url = url.map_err(|e| error::store("GetQueueUrl", &e))?.queue_url.unwrap_or_default();
    let queues = url.rsplit_once('/').map(|(base, _)| base.to_owned()).unwrap_or_default();
    let infrastructure = Infrastructure {
        region: region.clone(),
        base_url: base_url.to_owned(),
        data_key,
        proof_key,
        queues,
        sources_url: None,
        regions: Vec::new(),
    };
    put_infrastructure(aws, prefix, &infrastructure).await?;
    Ok(infrastructure)
}

/// Writes the infrastructure of a region to its settings, as Terraform does.
///
/// # Errors
/// If AWS rejects the request or does not answer.
pub async fn put_infrastructure(aws: &AwsRegion, prefix: &str, of: &Infrastructure) -> Result<(), StoreError> {
    let document = serde_json::to_value(of).map_err(|_| StoreError::Rejected("a setting that is not JSON".into()))?;
    aws.tables(prefix).put_setting(setting::INFRASTRUCTURE, &document).await
}

/// Creates a KMS key and returns its ARN.
///
/// # Errors
/// If KMS rejects the request or does not answer.
pub async fn create_key(region: &AwsRegion) -> Result<String, KeysError> {
    let made = region.kms.create_key().send().await.map_err(|e| error::keys(&e))?;
    made.key_metadata.and_then(|key| key.arn).ok_or(KeysError::Unavailable)
}

/// Enables or disables a KMS key.
///
/// # Errors
/// If KMS rejects the request or does not answer.
pub async fn set_key_enabled(region: &AwsRegion, key_id: &str, enabled: bool) -> Result<(), KeysError> {
    if enabled {
        region.kms.enable_key().key_id(key_id).send().await.map(|_| ()).map_err(|e| error::keys(&e))
    } else {
        region.kms.disable_key().key_id(key_id).send().await.map(|_| ()).map_err(|e| error::keys(&e))
    }
}

/// Creates a queue and its dead-letter queue, with the redrive policy between them.
///
/// # Errors
/// If SQS rejects a request or does not answer.
pub async fn create_queue(region: &AwsRegion, name: &str, max_receives: u32) -> Result<SqsQueue, StoreError> {
    let absent = || StoreError::Unavailable("CreateQueue".into());
    let dead = region.sqs.create_queue().queue_name(format!("{name}-dead")).send().await;
    let dead = dead.map_err(|e| error::store("CreateQueue", &e))?.queue_url.ok_or_else(absent)?;
    let arn = region.sqs.get_queue_attributes().queue_url(&dead).attribute_names(QueueAttributeName::QueueArn);
    let attributes = arn.send().await.map_err(|e| error::store("GetQueueAttributes", &e))?.attributes;
    let arn = attributes.and_then(|mut all| all.remove(&QueueAttributeName::QueueArn)).ok_or_else(absent)?;
    let policy = serde_json::json!({ "deadLetterTargetArn": arn, "maxReceiveCount": max_receives.to_string() });
    let queue = region.sqs.create_queue().queue_name(name);
    let queue = queue.attributes(QueueAttributeName::RedrivePolicy, policy.to_string()).send().await;
    let url = queue.map_err(|e| error::store("CreateQueue", &e))?.queue_url.ok_or_else(absent)?;
    Ok(region.queue(&url, &dead))
}
