//! Companies and settings that are proved.
//!
//! Two settings carry no proof of this kind: the infrastructure of a region, which Terraform writes and only operators'
//! commands read, and the secrets, which contain the secret of proofs and are authenticated when they are opened.

use async_trait::async_trait;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::{Map, Value};
use umoja_schema::names::attribute::PROOF;
use umoja_schema::names::{setting, table};
use umoja_schema::{Company, CompanyId, ItemError, proof};

use super::{Proved, members};
use crate::ports::{CompanyRow, Registry, SettingRow, StoreError};
use crate::proof_keys::{ProofKeys, unproved};

/// Documents: JSON objects with a member for the proof.
impl ProofKeys {
    pub(super) fn document(&self, table: &str, id: &str, members: &mut Map<String, Value>) -> Result<(), ItemError> {
        members.remove(PROOF);
        let covered = covered(table, id, members)?;
        if let Some(proof) = self.prove(&covered) {
            members.insert(PROOF.to_owned(), URL_SAFE_NO_PAD.encode(proof).into());
        }
        Ok(())
    }

    pub(super) fn verified_document(
        &self,
        table: &str,
        id: &str,
        members: &mut Map<String, Value>,
    ) -> Result<(), ItemError> {
        let proof = read(members.remove(PROOF).as_ref()).ok_or(unproved())?;
        if self.verifies(&covered(table, id, members)?, &proof) { Ok(()) } else { Err(unproved()) }
    }
}

/// Members are sorted, so equal documents have equal texts.
fn covered(table: &str, id: &str, members: &Map<String, Value>) -> Result<Vec<u8>, ItemError> {
    let text = serde_json::to_string(members).map_err(|_| unproved())?;
    Ok(proof::document(table, id, &text))
}

fn read(proof: Option<&Value>) -> Option<Vec<u8>> {
    URL_SAFE_NO_PAD.decode(proof?.as_str()?).ok()
}

pub(super) fn version_of(proof: Option<&Value>) -> Option<u32> {
    read(proof)?.first_chunk::<4>().map(|version| u32::from_be_bytes(*version))
}

fn is_proved(name: &str) -> bool {
    name != setting::SECRETS && name != setting::INFRASTRUCTURE
}

impl Proved<dyn Registry> {
    async fn verified(&self, table: &str, id: &str, document: Value) -> Result<Value, StoreError> {
        let Value::Object(mut members) = document else { return Err(unproved().into()) };
        let keys = self.proofs.keys_for([version_of(members.get(PROOF))]).await?;
        let verified = keys.verified_document(table, id, &mut members);
        if verified.is_err() {
            tracing::error!(table, id, "the proof of a document does not verify");
        }
        verified?;
        Ok(members.into())
    }

    async fn proved(&self, table: &str, id: &str, document: &Value) -> Result<Value, StoreError> {
        let mut members = members(document)?;
        self.proofs.keys().await?.document(table, id, &mut members)?;
        Ok(members.into())
    }

    async fn verified_company(&self, stored: Company) -> Result<Company, StoreError> {
        let id = stored.id.clone();
        let document = serde_json::to_value(stored).map_err(|_| unproved())?;
        let verified = self.verified(table::COMPANIES, id.as_str(), document).await?;
        Ok(serde_json::from_value(verified).map_err(|_| unproved())?)
    }

    async fn proved_company(&self, company: &Company) -> Result<Company, StoreError> {
        let document = serde_json::to_value(company).map_err(|_| unproved())?;
        let proved = self.proved(table::COMPANIES, company.id.as_str(), &document).await?;
        Ok(serde_json::from_value(proved).map_err(|_| unproved())?)
    }
}

#[async_trait]
impl Registry for Proved<dyn Registry> {
    async fn company(&self, id: &CompanyId) -> Result<Option<Company>, StoreError> {
        match self.inner.company(id).await? {
            // A document that was moved under another id is that of another company.
            Some(company) if company.id != *id => Err(unproved().into()),
            Some(company) => self.verified_company(company).await.map(Some),
            None => Ok(None),
        }
    }

    async fn company_rows(&self) -> Result<Vec<CompanyRow>, StoreError> {
        let mut rows = self.inner.company_rows().await?;
        for row in &mut rows {
            let Some(stored) = row.company.take() else { continue };
            row.company = match self.verified_company(stored).await {
                Ok(company) => Some(company),
                Err(StoreError::Unreadable(_)) => None,
                Err(error) => return Err(error),
            };
        }
        Ok(rows)
    }

    async fn replace_company_row(&self, row: &CompanyRow, company: Option<&Company>) -> Result<bool, StoreError> {
        let proved = match company {
            Some(company) => Some(self.proved_company(company).await?),
            None => None,
        };
        self.inner.replace_company_row(row, proved.as_ref()).await
    }

    async fn put_company(&self, company: &Company) -> Result<(), StoreError> {
        self.inner.put_company(&self.proved_company(company).await?).await
    }

    async fn replace_company(&self, expected: Option<&Company>, company: &Company) -> Result<bool, StoreError> {
        let stored = self.inner.company(&company.id).await?;
        let verified = match &stored {
            Some(stored) => Some(self.verified_company(stored.clone()).await?),
            None => None,
        };
        if verified.as_ref() != expected {
            return Ok(false);
        }
        self.inner.replace_company(stored.as_ref(), &self.proved_company(company).await?).await
    }

    async fn setting(&self, name: &str) -> Result<Option<Value>, StoreError> {
        match self.inner.setting(name).await? {
            Some(value) if is_proved(name) => self.verified(table::SETTINGS, name, value).await.map(Some),
            value => Ok(value),
        }
    }

    async fn put_setting(&self, name: &str, value: &Value) -> Result<(), StoreError> {
        if !is_proved(name) {
            return self.inner.put_setting(name, value).await;
        }
        self.inner.put_setting(name, &self.proved(table::SETTINGS, name, value).await?).await
    }

    async fn replace_setting(&self, name: &str, expected: Option<&Value>, value: &Value) -> Result<bool, StoreError> {
        if !is_proved(name) {
            return self.inner.replace_setting(name, expected, value).await;
        }
        // The stored proof may be under another version of the secret than a new one.
        let stored = self.inner.setting(name).await?;
        let verified = match &stored {
            Some(stored) => Some(self.verified(table::SETTINGS, name, stored.clone()).await?),
            None => None,
        };
        if verified.as_ref() != expected {
            return Ok(false);
        }
        let proved = self.proved(table::SETTINGS, name, value).await?;
        self.inner.replace_setting(name, stored.as_ref(), &proved).await
    }

    async fn setting_rows(&self, prefix: &str) -> Result<Vec<SettingRow>, StoreError> {
        let mut rows = self.inner.setting_rows(prefix).await?;
        for row in rows.iter_mut().filter(|row| is_proved(&row.name)) {
            let Some(stored) = row.value.take() else { continue };
            row.value = match self.verified(table::SETTINGS, &row.name, stored).await {
                Ok(value) => Some(value),
                Err(StoreError::Unreadable(_)) => None,
                Err(error) => return Err(error),
            };
        }
        Ok(rows)
    }

    async fn remove_setting(&self, row: &SettingRow) -> Result<bool, StoreError> {
        self.inner.remove_setting(row).await
    }
}
