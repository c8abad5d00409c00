//! Proving that old hashes are read rightly, before anything is written: sample logins are tried against the rows of a
//! file, by the same code that a login runs.

use umoja_accounts::import::{Importer, Reason, Row};
use umoja_crypto::Password;
use umoja_crypto::legacy::{self, LegacyOutcome};
use umoja_schema::IdentifierKind;
use umoja_store::identifiers::parse;
use zeroize::Zeroizing;

/// A file of sample logins is not of its form. Names lines, never a value.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SamplesError {
    /// There is nothing to prove.
    #[error("there are no sample logins in it")]
    Empty,
    /// A record that has not two fields, or is no UTF-8.
    #[error("record {0} is not `identifier,password` in UTF-8")]
    Record(usize),
}

/// People who lent their logins: wiped when dropped.
pub struct Samples(Vec<Sample>);

struct Sample {
    identifier: Zeroizing<String>,
    password: Password,
}

/// What came of a sample.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Proof {
    /// The password fits the row's hash.
    Verified,
    /// It does not.
    Wrong,
    /// The row has no hash.
    NoHash,
    /// The row would not be imported.
    Refused(Reason),
    /// No row has the identifier.
    NotFound,
}

impl Proof {
    /// For people.
    pub fn text(&self) -> String {
        match self {
            Self::Verified => "verified".into(),
            Self::Wrong => "the password does not fit the hash".into(),
            Self::NoHash => "the row has no password hash".into(),
            Self::Refused(reason) => format!("the row is refused: {reason}"),
            Self::NotFound => "no row has this identifier".into(),
        }
    }
}

impl Samples {
    /// Reads CSV (RFC 4180) of `identifier,password`, without a header.
    ///
    /// # Errors
    /// [`SamplesError`].
    pub fn parse(csv: &[u8]) -> Result<Self, SamplesError> {
        // So that no record ends without one: each is read in one go.
        let csv = Zeroizing::new([csv, b"\n"].concat());
        let mut reader = csv_core::Reader::new();
        let (mut fields, mut ends) = (Zeroizing::new(vec![0; csv.len() + 1]), [0; 4]);
        let (mut samples, mut rest) = (Vec::new(), csv.as_slice());
        loop {
            let (result, read, _, ended) = reader.read_record(rest, &mut fields, &mut ends);
            rest = &rest[read..];
            match result {
                csv_core::ReadRecordResult::End => break,
                csv_core::ReadRecordResult::InputEmpty if ended == 0 => {}
                csv_core::ReadRecordResult::Record if ended == 2 => {
                    let text = |range: &[u8]| std::str::from_utf8(range).ok().map(str::to_owned).map(Zeroizing::new);
                    let both = text(&fields[..ends[0]]).zip(text(&fields[ends[0]..ends[1]]));
                    let (identifier, password) = both.ok_or(SamplesError::Record(samples.len() + 1))?;
                    samples.push(Sample { identifier, password: Password::attempt(&password) });
                }
                _ => return Err(SamplesError::Record(samples.len() + 1)),
            }
        }
        if samples.is_empty() { Err(SamplesError::Empty) } else { Ok(Self(samples)) }
    }

    /// Nothing found yet: a proof for each sample, in their order.
    pub fn open(&self) -> Vec<Proof> {
        self.0.iter().map(|_| Proof::NotFound).collect()
    }

    /// Tries the samples whose identifier a row has. Of several rows with one identifier, one that fits is enough.
    pub fn prove(&self, importer: &Importer, row: &Row, proofs: &mut [Proof]) {
        for (sample, proof) in self.0.iter().zip(proofs) {
            if *proof != Proof::Verified && sample.is_of(importer, row) {
                *proof = sample.try_login(importer, row);
            }
        }
    }
}

impl Sample {
    fn is_of(&self, importer: &Importer, row: &Row) -> bool {
        let country = importer.company.phone_country.as_deref();
        let fields = [
            (IdentifierKind::Email, &row.email),
            (IdentifierKind::PhoneNumber, &row.phone_number),
            (IdentifierKind::Username, &row.username),
            (IdentifierKind::ExternalId, &row.external_id),
        ];
        fields.into_iter().any(|(kind, value)| {
            let normalised = |text: &str| parse(kind, text, country).ok().map(|parsed| parsed.normalised);
            value.as_deref().and_then(normalised).is_some_and(|own| normalised(&self.identifier) == Some(own))
        })
    }

    fn try_login(&self, importer: &Importer, row: &Row) -> Proof {
        let user = match importer.read(&importer.context(), row) {
            Ok(user) => user,
            Err(reason) => return Proof::Refused(reason),
        };
        let Some(hash) = user.hash else { return Proof::NoHash };
        let passwords = importer.hashing.passwords();
        let stored = hash.to_stored(passwords, importer.people.home.entropy.array());
        match legacy::verify(passwords, &self.password, &stored) {
            LegacyOutcome::Verified => Proof::Verified,
            LegacyOutcome::Wrong | LegacyOutcome::Unsupported | LegacyOutcome::MissingKey => Proof::Wrong,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn samples_are_csv_with_or_without_quotes_and_an_end_of_the_last_line() {
        let samples = Samples::parse(b"ada@example.com,correct horse\r\nbob,\"a \"\"b\"\", c\"").unwrap();
        let read: Vec<_> = samples.0.iter().map(|one| (one.identifier.as_str(), one.password.expose())).collect();
        assert_eq!(read, [("ada@example.com", "correct horse"), ("bob", "a \"b\", c")]);
        assert_eq!(samples.open(), [Proof::NotFound, Proof::NotFound]);
    }

    #[test]
    fn what_is_no_sample_is_named_by_its_place() {
        for (csv, error) in [
            (&b""[..], SamplesError::Empty),
            (b"ada", SamplesError::Record(1)),
            (b"ada,x\nbob,y,z", SamplesError::Record(2)),
            (b"a,b,c,d,e,f", SamplesError::Record(1)),
            (b"ada,\xff", SamplesError::Record(1)),
        ] {
            assert_eq!(Samples::parse(csv).err(), Some(error));
        }
    }
}
