//! The rejected requests of a day, by the id of the request: for support, without personal data.
//!
//! They are remembered where idempotency keys are, in the region that has answered, for a day.

use serde_json::{Value, json};
use umoja_schema::{CompanyId, Millis, Region};
use umoja_store::ports::{Begun, Outcome};

use crate::{Accounts, Context, Error, People, Rule};

/// A rejected request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rejected {
    /// The company that made it.
    pub company: CompanyId,
    /// The path of the operation.
    pub operation: String,
    /// When it arrived.
    pub at: Millis,
    /// How long it took, in milliseconds.
    pub ms: u64,
    /// The HTTP status of the answer.
    pub status: u16,
    /// The code of the problem.
    pub code: String,
    /// The region that answered.
    pub region: Region,
}

/// Asks about a rejected request of the company.
pub struct AskRejected {
    /// The id of the request: the header `request-id` of its answer.
    pub id: String,
}

impl Rule for AskRejected {
    type Read = Option<Rejected>;
    type Done = Rejected;

    async fn read(&self, accounts: &Accounts, _: &Context) -> Result<Self::Read, Error> {
        accounts.rejected(&self.id).await
    }

    async fn act(self, _: &Accounts, context: &Context, found: Self::Read) -> Result<Rejected, Error> {
        found.filter(|found| found.company == context.company.id).ok_or(Error::NoSuchRequest)
    }
}

impl People {
    fn rejected_key(&self, id: &str) -> [u8; 32] {
        self.secrets.request_hash(&["rejected request", id])
    }

    /// Remembers a rejected request for a day.
    ///
    /// # Errors
    /// If the table does not answer.
    pub async fn note_rejected(&self, id: &str, request: &Rejected) -> Result<(), Error> {
        let Rejected { company, operation, at, ms, status, code, .. } = request;
        let members = json!({ "company": company, "operation": operation, "at": at, "ms": ms, "code": code });
        let unknown = match members {
            Value::Object(members) => members,
            _ => serde_json::Map::new(),
        };
        let outcome = Outcome { status: Some(*status), unknown, ..Outcome::default() };
        let expires_at = at.plus(Millis::DAY_MS);
        Ok(self.home.requests.finish(&self.rejected_key(id), &outcome, expires_at).await?)
    }

    /// A rejected request of the last day by its id, as this region remembers it.
    ///
    /// # Errors
    /// If the table does not answer.
    pub async fn rejected(&self, id: &str) -> Result<Option<Rejected>, Error> {
        let now = self.home.clock.now();
        // What is not there is begun as something that has expired already, and so stays absent.
        let begun = self.home.requests.begin(&self.rejected_key(id), Outcome::default(), now, now).await?;
        let Begun::Earlier(Outcome { status: Some(status), unknown, .. }) = begun else { return Ok(None) };
        let text = |name: &str| unknown.get(name).and_then(Value::as_str).map(str::to_owned);
        let number = |name: &str| unknown.get(name).and_then(Value::as_u64);
        let company = text("company").and_then(|company| company.parse().ok());
        let found = || {
            Some(Rejected {
                company: company?,
                operation: text("operation")?,
                at: Millis(number("at")?),
                ms: number("ms")?,
                status,
                code: text("code")?,
                region: self.home.own.name.clone(),
            })
        };
        Ok(found())
    }
}
