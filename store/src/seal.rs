//! Sealing and opening parts: what is bound to the ciphertext, and to the wrapped keys.
//!
//! Whatever is stored beside the ciphertext and means something is bound by the additional data: somebody who can
//! write the table, but not use the KMS keys, cannot change who a user is, what they are called, or whether they may
//! log in.

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
use crate::keyring::KeyRing;
use crate::ports::{EncryptionContext, Entropy, KeysError};

/// Why a part could not be sealed or opened.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum SealError {
    /// No KMS made, wrapped or unwrapped the key.
    #[error(transparent)]
    Keys(#[from] KeysError),
    /// The envelope does not open: another key, or somebody changed it. Says nothing more.
    #[error("the part cannot be opened")]
    Opaque,
    /// The envelope says that it is of a format or suite of a newer version: it is kept and copied, and can be opened
    /// once this region runs that version. (The number is under no MAC before the envelope is opened: whoever changes it
    /// in the table makes a part as unreadable as by changing anything else.)
    #[error("the part is of a newer format than this version reads")]
    Newer,
}

/// A plaintext that a part seals.
pub trait Sealed: Serialize + DeserializeOwned {
    /// The part that seals it.
    const PART: Part;
}

impl Sealed for Identity {
    const PART: Part = Part::Profile;
}

impl Sealed for Credentials {
    const PART: Part = Part::Credentials;
}

/// Seals and opens parts with the data keys of a ring.
pub struct Sealer {
    ring: KeyRing,
    entropy: Arc<dyn Entropy>,
}

impl Sealer {
    /// A sealer over a ring.
    pub fn new(ring: KeyRing, entropy: Arc<dyn Entropy>) -> Self {
        Self { ring, entropy }
    }

    /// The ring.
    pub fn ring(&self) -> &KeyRing {
        &self.ring
    }

    /// Seals a part under a fresh data key. `unknown` are the attributes of the stored part that this version does
    /// not know.
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
        let context = context(record.id, record.part, &record.version, &envelope.mid);
        let key = self.ring.unwrap_cached(&live.keys, &context).await?;
        let aad = aad(record.id, record.part, &record.version, &live.facts);
        envelope::open(&key, &aad, &envelope).map_err(|_| SealError::Opaque)
    }

    /// Seals what a live part holds under a fresh data key, as another version with these facts. What is sealed is not
    /// looked at, so a part of a newer version of Umoja loses nothing.
    pub async fn seal_again(
        &self,
        record: &PartRecord,
        version: Version,
        facts: Facts,
    ) -> Result<PartRecord, SealError> {
        let bytes = self.open_bytes(record).await?;
        self.seal_bytes((record.id, record.part), version, facts, &bytes, record.unknown.clone()).await
    }

    /// True if a region's KMS key, as it is now, opens the region's entry of a live part; false if it refuses it, as it
    /// does when another key wrapped it, or if there is none. Asks that key itself, whatever the ring knows.
    ///
    /// # Errors
    /// If the KMS does not answer, or its key is disabled: then nobody knows.
    pub async fn is_wrapped_by(&self, record: &PartRecord, region: &RegionPorts) -> Result<bool, SealError> {
        let (live, envelope) = envelope_of(record)?;
        let Some(entry) = live.keys.get(&region.name) else { return Ok(false) };
        let context = context(record.id, record.part, &record.version, &envelope.mid);
        match region.keys.unwrap(entry, &context).await {
            Ok(key) => Ok(envelope::commits(&key, &envelope)),
            Err(KeysError::Refused) => Ok(false),
            Err(error) => Err(error.into()),
        }
    }

    /// The data key of a part, checked against the envelope's commitment: a wrong key is never wrapped again.
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

/// What a part's wrapped keys are bound to.
fn context(id: UserId, part: Part, version: &Version, mid: &[u8; 32]) -> EncryptionContext {
    EncryptionContext::from([
        ("umoja:fmt".into(), envelope::FMT.to_string()),
        ("umoja:id".into(), id.to_string()),
        ("umoja:part".into(), part.to_string()),
        ("umoja:version".into(), version.to_string()),
        ("umoja:mid".into(), URL_SAFE_NO_PAD.encode(mid)),
    ])
}

/// What a part's ciphertext is bound to, beside `fmt`, `suite` and `mid`, which the envelope binds itself.
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
            aad = aad.u64(facts.created_at.0).count(facts.claims.len());
            for (index, claim) in &facts.claims {
                aad = aad
                    .bytes(index.as_bytes())
                    .text(claim.kind.as_str())
                    .u64(claim.key_version.into())
                    .u64(claim.claimed_at.0)
                    .text(claim.region.as_str())
                    .flag(claim.verified)
                    .optional_text(claim.company.as_ref().map(umoja_schema::CompanyId::as_str));
            }
            aad = aad.count(facts.links.len());
            for (company, since) in &facts.links {
                aad = aad.text(company.as_str()).u64(since.0);
            }
            let root = facts.merged_into.map(|root| root.to_string());
            aad = aad.optional_text(root.as_deref());
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

/// True for an envelope of a newer version, whatever else it looks like.
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
