//! Subjects: what a person is called at clients.

use umoja_schema::UserId;
use umoja_schema::access::{Sector, Subject};

use super::Standing;
use crate::accounts::until_written;
use crate::{Error, People};

impl Standing {
    /// The subject of the person in a sector: of several the earliest, and of two of one time that of the lesser user.
    pub fn subject(&self, sector: &Sector) -> Option<&str> {
        let subjects = self.subjects().filter(|subject| subject.is_of(sector));
        Some(&subjects.min_by_key(|subject| (subject.created, subject.user))?.sub)
    }

    /// The other subjects of the person in a sector, which clients may know from before a merge.
    pub fn aliases(&self, sector: &Sector) -> Vec<&str> {
        let counts = self.subject(sector);
        let subjects = self.subjects().filter(|subject| subject.is_of(sector));
        subjects.map(|subject| subject.sub.as_str()).filter(|sub| Some(*sub) != counts).collect()
    }
}

impl People {
    /// The subject of a person in a sector, which is made if there is none. It stays the same when the person is merged with
    /// another who has none or a later one, and when consents are withdrawn. After an unmerge each user has its own. Two
    /// regions that make it at the same time make the same one.
    ///
    /// # Errors
    /// [`Error::NotFound`] if there is no such live user; if the store fails.
    pub async fn subject(&self, user: UserId, sector: &Sector) -> Result<String, Error> {
        until_written!({
            let standing = Standing::read(self, user).await?.ok_or(Error::NotFound)?;
            if let Some(sub) = standing.subject(sector) {
                return Ok(Some(sub.to_owned()));
            }
            let primary = standing.users().first().copied().ok_or(Error::NotFound)?;
            let sub = self.secrets.subject(primary, &Subject::key(sector));
            let new = self.add(|version| Subject::new(primary, sector, sub.clone(), version.hlc).to_item(version));
            Ok(new.await?.then_some(sub))
        })
    }
}
