//! Why a deployment in AWS cannot be worked with.

use umoja_schema::Region;
use umoja_schema::names::setting;
use umoja_store::ports::StoreError;

/// Why a deployment in AWS cannot be worked with.
#[derive(Debug, thiserror::Error)]
pub enum CloudError {
    /// This `umoja` cannot reach AWS.
    #[error(
        "this umoja was built without AWS; `cargo install --path cli --features aws` makes one that works with \
         deployments in AWS"
    )]
    NotBuilt,
    /// There are no tables.
    #[error(
        "{region} has no tables of the deployment `{prefix}`; if that is the prefix, run `terraform apply` for \
         {region} first"
    )]
    NotApplied {
        /// Which region.
        region: Region,
        /// The deployment's prefix.
        prefix: String,
    },
    /// There are tables, but the setting that Terraform writes last is missing.
    #[error(
        "Terraform has not written the setting `{INFRASTRUCTURE}` in {region} yet; run \
         `terraform apply` for {region} to its end"
    )]
    Unfinished {
        /// Which region.
        region: Region,
    },
    /// The setting that Terraform wrote is of another region.
    #[error("the setting `{INFRASTRUCTURE}` in {region} is that of {other}; run `terraform apply` for {region} again")]
    Mixed {
        /// Which region.
        region: Region,
        /// What is written there.
        other: Region,
    },
    /// A region has no secrets that verify.
    #[error(
        "{region}: the secret of proofs ({why}); run `umoja init` with another region as --region, which brings its secrets here"
    )]
    Secrets {
        /// Which region.
        region: Region,
        /// Why they do not verify.
        why: String,
    },
    /// A call of AWS failed.
    #[error("{region}: {source}; {}", advice(.source))]
    Failed {
        /// Which region.
        region: Region,
        /// What happened.
        source: StoreError,
    },
    /// A retry queue is missing: the region was applied before its peer was on the list.
    #[error(
        "{region} has no retry queue for {peer}; put {peer} on Terraform's list of regions and run \
         `terraform apply` for {region}"
    )]
    NoRetryQueue {
        /// Which region.
        region: Region,
        /// The peer whose queue is missing.
        peer: Region,
    },
    /// `umoja init` has not been run.
    #[error(
        "the deployment `{prefix}` has no list of regions in {region} yet; run \
         `umoja init --prefix {prefix} --regions {region},...`"
    )]
    NotInitialised {
        /// Which region was asked.
        region: Region,
        /// The deployment's prefix.
        prefix: String,
    },
}

const INFRASTRUCTURE: &str = setting::INFRASTRUCTURE;

fn advice(error: &StoreError) -> &'static str {
    match error {
        StoreError::Rejected(_) => "the credentials have to belong to the deployment's account and allow this",
        StoreError::Unreadable(_) => {
            "another program wrote it; run `umoja doctor --repair` with another region as --region, which has it whole"
        }
        _ => "check the network, and that there are AWS credentials (AWS_PROFILE, or AWS_ACCESS_KEY_ID and so on)",
    }
}
