//! The ends of everything that a region knew when something began.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::item::optional_map;
use crate::item::Reader;
use crate::{Attribute, Attributes, Hlc, ItemError, Region, UserId};

const ENDS: &str = "ends";

/// The ends of everything ([`EndOfAll`](super::EndOfAll)) that a region knew when a session began. Every other end, whenever it arrives,
/// ends the session. So no clocks are compared: an end of a region is compared with an earlier end of that region only.
///
/// It is kept for the users that were one person then, because another region may have ended what one of them had, and not know that they are
/// one person. The owner of what began need not be among them.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct KnownEnds(BTreeMap<UserId, BTreeMap<Region, Hlc>>);

impl KnownEnds {
    /// The most users of which it is kept, so that what carries it stays small. The first ones are those whose passwords decide.
    pub const MAX_USERS: usize = 4;

    /// Nothing is known of the ends of these users, the owner first.
    pub fn of(users: &[UserId]) -> Self {
        Self(users.iter().take(Self::MAX_USERS).map(|user| (*user, BTreeMap::new())).collect())
    }

    /// Notes the end of a region, if its user is one of those.
    pub fn note(&mut self, user: UserId, region: &Region, at: Hlc) {
        if let Some(ends) = self.0.get_mut(&user) {
            ends.insert(region.clone(), at);
        }
    }

    /// The same, with an end that spared what `owner` began.
    #[must_use]
    pub fn spared_by(mut self, owner: UserId, (user, region, at): (UserId, &Region, Hlc)) -> Self {
        if user == owner || self.0.contains_key(&user) {
            self.0.entry(user).or_default().insert(region.clone(), at);
        }
        self
    }

    /// The same, without the owner if no end of it is known, which says as much.
    #[must_use]
    pub fn for_owner(mut self, owner: UserId) -> Self {
        self.0.retain(|user, ends| *user != owner || !ends.is_empty());
        self
    }

    /// True if nothing is to be said.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// True if what `owner` began then is ended by this end of everything of a user: it is about that person, and was not known.
    pub fn is_ended_by(&self, owner: UserId, (user, region, at): (UserId, &Region, Hlc)) -> bool {
        let known = self.0.get(&user);
        let is_about = user == owner || known.is_some();
        is_about && known.and_then(|ends| ends.get(region)).is_none_or(|known| *known < at)
    }

    /// Adds the field of an item.
    pub(super) fn put(&self, fields: &mut Attributes) {
        if self.is_empty() {
            return;
        }
        let of_user = |ends: &BTreeMap<Region, Hlc>| {
            Attribute::M(ends.iter().map(|(region, at)| (region.to_string(), at.to_string().into())).collect())
        };
        let users = self.0.iter().map(|(user, ends)| (user.to_string(), of_user(ends))).collect();
        fields.insert(ENDS.into(), Attribute::M(users));
    }

    /// Reads the field of an item.
    pub(super) fn take(fields: &mut Reader) -> Result<Self, ItemError> {
        let error = || ItemError::new(ENDS);
        let mut known = BTreeMap::new();
        for (user, ends) in optional_map(fields, ENDS)? {
            let Attribute::M(ends) = ends else { return Err(error()) };
            let mut of_user = BTreeMap::new();
            for (region, at) in ends {
                let Attribute::S(at) = at else { return Err(error()) };
                of_user.insert(region.parse().map_err(|_| error())?, at.parse().map_err(|_| error())?);
            }
            known.insert(user.parse().map_err(|_| error())?, of_user);
        }
        Ok(Self(known))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Millis;

    const ADA: [u8; 16] = [1; 16];
    const EVE: [u8; 16] = [2; 16];

    fn at(ms: u64) -> Hlc {
        Hlc::at(Millis(ms))
    }

    #[test]
    fn an_end_that_was_not_known_ends_what_began_whatever_its_time() {
        let (ada, eve) = (UserId::v8(ADA), UserId::v8(EVE));
        let (here, there): (Region, Region) = ("here".parse().unwrap(), "there".parse().unwrap());
        let mut known = KnownEnds::of(&[ada]);
        known.note(ada, &here, at(50));
        assert!(known.is_ended_by(ada, (ada, &there, at(1))), "the clock of another region says nothing");
        assert!(known.is_ended_by(ada, (ada, &here, at(51))));
        assert!(!known.is_ended_by(ada, (ada, &here, at(50))) && !known.is_ended_by(ada, (ada, &here, at(49))));
        assert!(!known.is_ended_by(ada, (eve, &here, at(99))), "another person");
        assert!(KnownEnds::default().is_ended_by(ada, (ada, &here, at(1))));
    }

    #[test]
    fn an_end_of_a_user_that_was_of_the_person_counts_too() {
        let (ada, eve) = (UserId::v8(ADA), UserId::v8(EVE));
        let here: Region = "here".parse().unwrap();
        let known = KnownEnds::of(&[ada, eve]).for_owner(ada);
        assert!(!known.is_empty() && known.is_ended_by(ada, (eve, &here, at(1))));
        assert!(KnownEnds::of(&[ada]).for_owner(ada).is_empty());
    }

    #[test]
    fn what_an_end_has_spared_knows_it_for_what_begins_in_it() {
        let (ada, eve) = (UserId::v8(ADA), UserId::v8(EVE));
        let here: Region = "here".parse().unwrap();
        let known = KnownEnds::default().spared_by(ada, (ada, &here, at(5))).spared_by(ada, (eve, &here, at(5)));
        assert!(!known.is_ended_by(ada, (ada, &here, at(5))) && known.is_ended_by(ada, (ada, &here, at(6))));
        assert_eq!(known, KnownEnds::default().spared_by(ada, (ada, &here, at(5))), "another person's says nothing");
    }

    #[test]
    fn what_carries_it_stays_small() {
        let users: Vec<UserId> = (0..50).map(|n| UserId::v8([n; 16])).collect();
        let mut known = KnownEnds::of(&users);
        for user in &users {
            for region in ["af-south-1", "ap-southeast-1", "eu-central-1"] {
                known.note(*user, &region.parse().unwrap(), at(1));
            }
        }
        let text = serde_json::to_string(&known).unwrap();
        assert!(text.len() < 640, "{}", text.len());
        assert_eq!(serde_json::from_str::<KnownEnds>(&text).unwrap(), known);
    }
}
