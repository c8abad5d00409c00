//! The proof that legacy hashes are read correctly, before any user is written: sample logins are tried against the
//! rows of a file, by the same code that a login runs.

use umoja_accounts::import::{Importer, Reason, Row};
use umoja_crypto::Password;
use umoja_crypto::legacy::{self, LegacyOutcome};
use umoja_schema::IdentifierKind;
use umoja_store::identifiers::parse;
use zeroize::Zeroizing;

/// Why a file of sample logins is rejected. Contains line numbers, never a value.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SamplesError {
    /// The file is empty.
    #[error("the file has no sample logins")]
    Empty,
    /// A record that does not have two fields, or is not UTF-8.
    #[error("record {0} is not `identifier,password` in UTF-8")]
    Record(usize),
}

/// The logins of real people; wiped when dropped.
pub struct Samples(Vec<Sample>);

struct Sample {
    identifier: Zeroizing<String>,
    password: Password,
}

/// The outcome of a sample.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Proof {
    /// The password matches the row's hash.
    Verified,
    /// The password does not match.
    Wrong,
    /// The row has no hash.
    NoHash,
    /// The row that begins in this line would not be imported.
    Rejected {
        /// The line.
        line: u64,
        /// Why.
        reason: Reason,
    },
    /// No row has the identifier.
    NotFound,
}

impl Proof {
    /// A sentence for people.
    pub fn text(&self) -> String {
        match self {
            Self::Verified => "verified".into(),
            Self::Wrong => "the password does not match the hash".into(),
            Self::NoHash => "the row has no password hash".into(),
            Self::Rejected { line, reason } => format!("its record (line {line}) was rejected: {reason}"),
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
        // A line end is added, so that every record ends and is read in one call.
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

    /// A proof for each sample, in their order; each is [`Proof::NotFound`] at first.
    pub fn open(&self) -> Vec<Proof> {
        self.0.iter().map(|_| Proof::NotFound).collect()
    }

    /// Tries the samples whose identifier a row has. Of several rows with one identifier, one match is enough.
    pub fn prove(&self, importer: &Importer, row: &Row, proofs: &mut [Proof]) {
        let identifiers = importer.identifiers(row);
        for (sample, proof) in self.0.iter().zip(proofs) {
            if *proof != Proof::Verified && sample.is_of(importer, &identifiers) {
                *proof = sample.try_login(importer, row);
            }
        }
    }
}

impl Sample {
    fn is_of(&self, importer: &Importer, identifiers: &[(IdentifierKind, String)]) -> bool {
        let country = importer.company.phone_country.as_deref();
        identifiers
            .iter()
            .any(|(kind, own)| parse(*kind, &self.identifier, country).is_ok_and(|parsed| parsed.normalised == *own))
    }

    fn try_login(&self, importer: &Importer, row: &Row) -> Proof {
        let user = match importer.read(&importer.context(), row) {
            Ok(user) => user,
            Err(reason) => return Proof::Rejected { line: row.line, reason },
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
    fn samples_may_lack_quotes_and_the_last_line_end() {
        let samples = Samples::parse(b"ada@example.com,correct horse\r\nbob,\"a \"\"b\"\", c\"").unwrap();
        let read: Vec<_> = samples.0.iter().map(|one| (one.identifier.as_str(), one.password.expose())).collect();
        assert_eq!(read, [("ada@example.com", "correct horse"), ("bob", "a \"b\", c")]);
        assert_eq!(samples.open(), [Proof::NotFound, Proof::NotFound]);
    }

    #[test]
    fn an_invalid_sample_is_named_by_its_record() {
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
