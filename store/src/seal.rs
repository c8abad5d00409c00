//! Sealing and opening parts: the data that is bound to the ciphertext and to the wrapped keys.
//!
//! The additional authenticated data binds everything meaningful that is stored beside the ciphertext. An attacker who
//! can write the table, but not use the KMS keys, cannot change a user's identity, names or permission to log in.

use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::Serialize;
use serde::de::DeserializeOwned;
use umoja_crypto::Aad;
use umoja_crypto::DataKey;
use umoja_crypto::{self as envelope, Envelope};
use umoja_schema::names::{attribute, table};
use umoja_schema::{
    Attribute, Attributes, Body, Credentials, Facts, Identity, Live, Part, PartRecord, Region, SealedData, UserId,
    Version,
};
use zeroize::Zeroizing;

use crate::RegionPorts;
use crate::keyring::{KeyOf, KeyRing};
use crate::ports::{EncryptionContext, Entropy, KeysError};

/// Why a part could not be sealed or opened.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum SealError {
    /// No KMS could make, wrap or unwrap the key.
    #[error(transparent)]
    Keys(#[from] KeysError),
    /// The envelope does not open: the key is wrong, or the envelope was changed. The error reveals no more.
    #[error("the part cannot be opened")]
    Opaque,
    /// The format or suite of the envelope is newer than this version. The part is stored and replicated, and can be
    /// opened once this region runs the newer version. (No MAC covers the number before the envelope is opened. A
    /// change of it in the table makes a part unreadable, like any other change.)
    #[error("the part is of a newer format than this version reads")]
    Newer,
}

/// A plaintext that is sealed in a part.
pub trait Sealed: Serialize + DeserializeOwned {
    /// The part that contains it.
    const PART: Part;
}

impl Sealed for Identity {
    const PART: Part = Part::Profile;
}

impl Sealed for Credentials {
    const PART: Part = Part::Credentials;
}

/// Seals and opens parts with the data keys of a key ring.
pub struct Sealer {
    ring: KeyRing,
    entropy: Arc<dyn Entropy>,
}

impl Sealer {
    /// A sealer for a key ring.
    pub fn new(ring: KeyRing, entropy: Arc<dyn Entropy>) -> Self {
        Self { ring, entropy }
    }

    /// The ring.
    pub fn ring(&self) -> &KeyRing {
        &self.ring
    }

    /// Seals a part under a new data key. `unknown` are the attributes of the stored part that this version does not
    /// know.
    pub async fn seal<T: Sealed>(
        &self,
        id: UserId,
        version: Version,
        facts: Facts,
        plaintext: &T,
        unknown: Attributes,
    ) -> Result<PartRecord, SealError> {
        let bytes = Zeroizing::new(serde_json::to_vec(plaintext).map_err(|_| SealError::Opaque)?);
        self.seal_bytes((id, T::PART), version, facts, &bytes, unknown).await
    }

    async fn seal_bytes(
        &self,
        (id, part): (UserId, Part),
        version: Version,
        facts: Facts,
        bytes: &[u8],
        unknown: Attributes,
    ) -> Result<PartRecord, SealError> {
        let mid: [u8; 32] = self.entropy.array();
        let new = self.ring.generate(&context(id, part, &version, &mid)).await?;
        let aad = aad(id, part, &version, &facts);
        let data = to_map(envelope::seal(&new.key, mid, self.entropy.array(), &aad, bytes));
        let body = Body::Live(Box::new(Live { data, keys: new.wrapped, facts }));
        Ok(PartRecord { id, part, version, body, unknown })
    }

    /// Opens a live part.
    pub async fn open<T: Sealed>(&self, record: &PartRecord) -> Result<T, SealError> {
        if record.part != T::PART {
            return Err(SealError::Opaque);
        }
        serde_json::from_slice(&self.open_bytes(record).await?).map_err(|_| SealError::Opaque)
    }

    async fn open_bytes(&self, record: &PartRecord) -> Result<Zeroizing<Vec<u8>>, SealError> {
        let (live, envelope) = envelope_of(record)?;
        let of = KeyOf { id: record.id, part: record.part, version: record.version.clone(), mid: envelope.mid };
        let bound = |of: &KeyOf| context(of.id, of.part, &of.version, &of.mid);
        let key = self.ring.unwrap_cached(&live.keys, of, bound).await?;
        let aad = aad(record.id, record.part, &record.version, &live.facts);
        envelope::open(&key, &aad, &envelope).map_err(|_| SealError::Opaque)
    }

    /// Seals the plaintext of a live part under a new data key, as another version with these facts. The plaintext is
    /// not parsed, so a part of a newer version of Umoja loses no data.
    pub async fn seal_again(
        &self,
        record: &PartRecord,
        version: Version,
        facts: Facts,
    ) -> Result<PartRecord, SealError> {
        let bytes = self.open_bytes(record).await?;
        self.seal_bytes((record.id, record.part), version, facts, &bytes, record.unknown.clone()).await
    }

    /// True if a region's current KMS key unwraps the region's wrapped key of a live part. False if it rejects the
    /// blob, because another key wrapped it, or if there is no wrapped key. This asks the KMS itself and not the cache
    /// of the key ring.
    ///
    /// # Errors
    /// If the KMS does not answer, or its key is disabled, so that the result is unknown.
    pub async fn is_wrapped_by(&self, record: &PartRecord, region: &RegionPorts) -> Result<bool, SealError> {
        let (live, envelope) = envelope_of(record)?;
        let Some(entry) = live.keys.get(&region.name) else { return Ok(false) };
        let context = context(record.id, record.part, &record.version, &envelope.mid);
        match region.keys.unwrap(entry, &context).await {
            Ok(key) => Ok(envelope::commits(&key, &envelope)),
            Err(KeysError::Rejected) => Ok(false),
            Err(error) => Err(error.into()),
        }
    }

    /// The data key of a part, checked against the envelope's commitment: a wrong key is never wrapped.
    pub async fn committed_key(&self, record: &PartRecord) -> Result<DataKey, SealError> {
        let (live, envelope) = envelope_of(record)?;
        let context = context(record.id, record.part, &record.version, &envelope.mid);
        let key = self.ring.unwrap(&live.keys, &context).await?;
        if envelope::commits(&key, &envelope) { Ok(key) } else { Err(SealError::Opaque) }
    }

    /// Wraps the data key of a part for one region.
    pub async fn wrap_for(&self, record: &PartRecord, key: &DataKey, region: &Region) -> Result<Vec<u8>, SealError> {
        let (_, envelope) = envelope_of(record)?;
        let context = context(record.id, record.part, &record.version, &envelope.mid);
        let keys = self.ring.keys_of(region).ok_or(SealError::Opaque)?;
        Ok(keys.wrap(key, &context).await?)
    }
}

fn envelope_of(record: &PartRecord) -> Result<(&Live, Envelope), SealError> {
    let live = record.live().ok_or(SealError::Opaque)?;
    if is_newer(&live.data) {
        return Err(SealError::Newer);
    }
    Ok((live, from_map(&live.data).ok_or(SealError::Opaque)?))
}

/// The encryption context of a part's wrapped keys.
fn context(id: UserId, part: Part, version: &Version, mid: &[u8; 32]) -> EncryptionContext {
    EncryptionContext::from([
        ("umoja:fmt".into(), envelope::FMT.to_string()),
        ("umoja:id".into(), id.to_string()),
        ("umoja:part".into(), part.to_string()),
        ("umoja:version".into(), version.to_string()),
        ("umoja:mid".into(), URL_SAFE_NO_PAD.encode(mid)),
    ])
}

/// The additional authenticated data of a part's ciphertext, without `fmt`, `suite` and `mid`, which the envelope binds
/// itself.
fn aad(id: UserId, part: Part, version: &Version, facts: &Facts) -> Aad {
    let mut aad = Aad::new()
        .text(table::USERS)
        .bytes(id.as_bytes())
        .text(part.as_str())
        .flag(version.erased)
        .u64(version.hlc.as_u64())
        .text(version.origin.as_str());
    match facts {
        Facts::Credentials { status } => aad = aad.text(status.as_str()),
        Facts::Profile(facts) => {
            aad = aad.u64(facts.created_at.0).count(facts.ownerships.len());
            for (index, ownership) in &facts.ownerships {
                aad = aad
                    .bytes(index.as_bytes())
                    .text(ownership.kind.as_str())
                    .u64(ownership.key_version.into())
                    .u64(ownership.owned_since.0)
                    .text(ownership.region.as_str())
                    .flag(ownership.verified)
                    .optional_text(ownership.company.as_ref().map(umoja_schema::CompanyId::as_str));
            }
            aad = aad.count(facts.links.len());
            for (company, link) in &facts.links {
                aad = aad.text(company.as_str()).u64(link.since.0).text(link.state.as_str());
                aad = aad.flag(link.last_login_day.is_some()).u64(link.last_login_day.unwrap_or_default().into());
            }
            let primary = facts.merged_into.map(|primary| primary.to_string());
            aad = aad.optional_text(primary.as_deref());
        }
    }
    aad
}

fn to_map(envelope: Envelope) -> SealedData {
    SealedData(Attributes::from([
        ("fmt".into(), u64::from(envelope.fmt).into()),
        ("suite".into(), u64::from(envelope.suite).into()),
        (attribute::MID.into(), Attribute::B(envelope.mid.to_vec())),
        ("iv".into(), Attribute::B(envelope.iv.to_vec())),
        ("kc".into(), Attribute::B(envelope.kc.to_vec())),
        ("tag".into(), Attribute::B(envelope.tag.to_vec())),
        ("info".into(), Attribute::B(envelope.info)),
    ]))
}

fn number(data: &SealedData, name: &str) -> Option<u64> {
    match data.0.get(name) {
        Some(Attribute::N(number)) => number.parse().ok(),
        _ => None,
    }
}

/// True if the envelope is of a newer version, even if it is otherwise malformed.
fn is_newer(data: &SealedData) -> bool {
    let above = |name: &str, known: u8| number(data, name).is_some_and(|found| found > u64::from(known));
    above("fmt", envelope::FMT) || above("suite", envelope::SUITE_A256CBC_HS512)
}

fn from_map(data: &SealedData) -> Option<Envelope> {
    fn bytes<const N: usize>(data: &SealedData, name: &str) -> Option<[u8; N]> {
        match data.0.get(name) {
            Some(Attribute::B(bytes)) => bytes.as_slice().try_into().ok(),
            _ => None,
        }
    }
    let number = |name: &str| number(data, name)?.try_into().ok();
    let Some(Attribute::B(info)) = data.0.get("info") else { return None };
    Some(Envelope {
        fmt: number("fmt")?,
        suite: number("suite")?,
        mid: bytes(data, attribute::MID)?,
        iv: bytes(data, "iv")?,
        kc: bytes(data, "kc")?,
        tag: bytes(data, "tag")?,
        info: info.clone(),
    })
}
