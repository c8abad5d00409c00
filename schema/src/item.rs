//! A part as a DynamoDB item, and back. Unknown attributes are kept.

use std::collections::BTreeMap;
use std::str::FromStr;

use crate::names::attribute as name;
use crate::{
    AccountStatus, Attribute, Attributes, Body, Facts, IdentifierItem, IdentifierKind, ItemError, Link, LinkState,
    Live, Millis, Ownership, Part, PartRecord, ProfileFacts, SealedData, UserId,
};

/// Takes attributes out of an item one by one; the remaining ones are unknown.
pub(crate) struct Reader(pub(crate) Attributes);

impl Reader {
    pub(crate) fn text(&mut self, name: &'static str) -> Result<String, ItemError> {
        match self.0.remove(name) {
            Some(Attribute::S(text)) => Ok(text),
            _ => Err(ItemError::new(name)),
        }
    }

    /// A value in its only spelling, so that an item that was read is written as it was.
    pub(crate) fn parse<T: FromStr + ToString>(&mut self, name: &'static str) -> Result<T, ItemError> {
        canonical(&self.text(name)?).ok_or(ItemError::new(name))
    }

    fn optional<T: FromStr + ToString>(&mut self, name: &'static str) -> Result<Option<T>, ItemError> {
        if self.0.contains_key(name) { self.parse(name).map(Some) } else { Ok(None) }
    }

    pub(crate) fn number(&mut self, name: &'static str) -> Result<u64, ItemError> {
        match self.0.remove(name) {
            Some(Attribute::N(number)) => canonical(&number).ok_or(ItemError::new(name)),
            _ => Err(ItemError::new(name)),
        }
    }

    pub(crate) fn flag(&mut self, name: &'static str) -> Result<bool, ItemError> {
        match self.0.remove(name) {
            Some(Attribute::Bool(flag)) => Ok(flag),
            _ => Err(ItemError::new(name)),
        }
    }

    pub(crate) fn map(&mut self, name: &'static str) -> Result<Attributes, ItemError> {
        match self.0.remove(name) {
            Some(Attribute::M(map)) => Ok(map),
            _ => Err(ItemError::new(name)),
        }
    }
}

/// Parses a text that is the only spelling of its value.
fn canonical<T: FromStr + ToString>(text: &str) -> Option<T> {
    text.parse().ok().filter(|value: &T| value.to_string() == text)
}

impl PartRecord {
    /// The item of this part.
    pub fn to_item(&self) -> Attributes {
        let mut item = self.unknown.clone();
        item.extend([
            (name::ID.into(), self.id.to_string().into()),
            (name::PART.into(), self.part.as_str().into()),
            (name::VERSION.into(), self.version.to_string().into()),
            (name::ORIGIN.into(), self.version.origin.to_string().into()),
        ]);
        if let Body::Live(live) = &self.body {
            let keys = live.keys.iter().map(|(region, wrapped)| (region.to_string(), wrapped.clone().into())).collect();
            item.insert(name::DATA.into(), Attribute::M(live.data.0.clone()));
            item.insert(name::KEYS.into(), Attribute::M(keys));
            match &live.facts {
                Facts::Credentials { status } => {
                    item.insert(name::STATUS.into(), status.as_str().into());
                }
                Facts::Profile(facts) => facts.write(&mut item),
            }
        }
        item
    }

    /// Reads an item. The envelope is not read, so that an item of any format can be replicated.
    ///
    /// # Errors
    /// If a field that replication needs (key, version, wrapped keys, ownerships) is absent or malformed.
    pub fn from_item(item: Attributes) -> Result<Self, ItemError> {
        let mut item = Reader(item);
        let id = item.parse(name::ID)?;
        let part: Part = item.parse(name::PART)?;
        let version: crate::Version = item.parse(name::VERSION)?;
        if item.parse::<crate::Region>(name::ORIGIN)? != version.origin {
            return Err(ItemError::new(name::ORIGIN));
        }
        let body = if version.erased {
            Body::Erased
        } else {
            let data = SealedData(item.map(name::DATA)?);
            let mut keys = BTreeMap::new();
            for (region, wrapped) in item.map(name::KEYS)? {
                let Attribute::B(wrapped) = wrapped else { return Err(ItemError::new(name::KEYS)) };
                keys.insert(region.parse().map_err(|_| ItemError::new(name::KEYS))?, wrapped);
            }
            let facts = match part {
                Part::Credentials => {
                    let status = AccountStatus::from_name(&item.text(name::STATUS)?);
                    Facts::Credentials { status: status.ok_or(ItemError::new(name::STATUS))? }
                }
                Part::Profile => Facts::Profile(ProfileFacts::read(&mut item)?),
            };
            Body::Live(Box::new(Live { data, keys, facts }))
        };
        Ok(Self { id, part, version, body, unknown: item.0 })
    }
}

impl ProfileFacts {
    fn write(&self, item: &mut Attributes) {
        let ownerships = self
            .ownerships
            .iter()
            .map(|(index, ownership)| (index.to_string(), Attribute::M(ownership.to_map())))
            .collect();
        let links =
            self.links.iter().map(|(company, link)| (company.to_string(), Attribute::M(link.to_map()))).collect();
        item.insert(name::CREATED_AT.into(), self.created_at.0.into());
        item.insert(name::OWNERSHIPS.into(), Attribute::M(ownerships));
        item.insert(name::LINKS.into(), Attribute::M(links));
        if let Some(primary) = self.merged_into {
            item.insert(name::MERGED_INTO.into(), primary.to_string().into());
        }
    }

    fn read(item: &mut Reader) -> Result<Self, ItemError> {
        let created_at = Millis(item.number(name::CREATED_AT)?);
        let mut ownerships = BTreeMap::new();
        for (index, ownership) in item.map(name::OWNERSHIPS)? {
            let Attribute::M(ownership) = ownership else { return Err(ItemError::new(name::OWNERSHIPS)) };
            ownerships
                .insert(index.parse().map_err(|_| ItemError::new(name::OWNERSHIPS))?, Ownership::from_map(ownership)?);
        }
        let mut links = BTreeMap::new();
        for (company, link) in item.map(name::LINKS)? {
            let Attribute::M(link) = link else { return Err(ItemError::new(name::LINKS)) };
            links.insert(company.parse().map_err(|_| ItemError::new(name::LINKS))?, Link::from_map(link)?);
        }
        Ok(Self { created_at, ownerships, links, merged_into: item.optional(name::MERGED_INTO)? })
    }
}

impl Link {
    fn to_map(&self) -> Attributes {
        let mut map = self.unknown.clone();
        map.extend([(name::SINCE.into(), self.since.0.into()), (name::STATE.into(), self.state.as_str().into())]);
        if let Some(day) = self.last_login_day {
            map.insert(name::LAST_LOGIN_DAY.into(), u64::from(day).into());
        }
        map
    }

    fn from_map(map: Attributes) -> Result<Self, ItemError> {
        let mut map = Reader(map);
        let day = map.0.contains_key(name::LAST_LOGIN_DAY).then(|| map.number(name::LAST_LOGIN_DAY)).transpose()?;
        Ok(Self {
            since: Millis(map.number(name::SINCE)?),
            state: LinkState::from_name(&map.text(name::STATE)?).ok_or(ItemError::new(name::STATE))?,
            last_login_day: day.map(u32::try_from).transpose().map_err(|_| ItemError::new(name::LAST_LOGIN_DAY))?,
            unknown: map.0,
        })
    }
}

impl Ownership {
    fn to_map(&self) -> Attributes {
        let mut map = self.unknown.clone();
        map.extend([
            (name::KIND.into(), self.kind.as_str().into()),
            (name::KEY_VERSION.into(), u64::from(self.key_version).into()),
            (name::OWNED_SINCE.into(), self.owned_since.0.into()),
            (name::REGION.into(), self.region.to_string().into()),
            (name::VERIFIED.into(), self.verified.into()),
        ]);
        if let Some(company) = &self.company {
            map.insert(name::COMPANY.into(), company.to_string().into());
        }
        map
    }

    fn from_map(map: Attributes) -> Result<Self, ItemError> {
        let mut map = Reader(map);
        Ok(Self {
            kind: IdentifierKind::from_name(&map.text(name::KIND)?).ok_or(ItemError::new(name::KIND))?,
            key_version: map.number(name::KEY_VERSION)?.try_into().map_err(|_| ItemError::new(name::KEY_VERSION))?,
            owned_since: Millis(map.number(name::OWNED_SINCE)?),
            region: map.parse(name::REGION)?,
            verified: map.flag(name::VERIFIED)?,
            company: map.optional(name::COMPANY)?,
            unknown: map.0,
        })
    }
}

impl IdentifierItem {
    /// The item of this identifier.
    pub fn to_item(&self) -> Attributes {
        let owners =
            self.owners.iter().map(|(id, ownership)| (id.to_string(), Attribute::M(ownership.to_map()))).collect();
        Attributes::from([
            (name::INDEX.into(), self.index.to_string().into()),
            (name::OWNERS.into(), Attribute::M(owners)),
        ])
    }

    /// Reads an item.
    ///
    /// # Errors
    /// If an attribute is absent or malformed.
    pub fn from_item(item: Attributes) -> Result<Self, ItemError> {
        let mut item = Reader(item);
        let mut owners = BTreeMap::new();
        for (id, ownership) in item.map(name::OWNERS)? {
            let Attribute::M(ownership) = ownership else { return Err(ItemError::new(name::OWNERS)) };
            let id: UserId = canonical(&id).ok_or(ItemError::new(name::OWNERS))?;
            owners.insert(id, Ownership::from_map(ownership)?);
        }
        Ok(Self { index: item.parse(name::INDEX)?, owners })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{BlindIndex, Hlc, Version};
    use proptest::prelude::*;

    fn version(erased: bool) -> Version {
        Version { erased, hlc: Hlc::at(Millis(7)), origin: "eu-west-1".parse().unwrap() }
    }

    fn profile() -> PartRecord {
        let ownership = |company: Option<&str>| Ownership {
            kind: IdentifierKind::ExternalId,
            key_version: 1,
            owned_since: Millis(3),
            region: "eu-west-1".parse().unwrap(),
            verified: true,
            company: company.map(|c| c.parse().unwrap()),
            unknown: Attributes::new(),
        };
        let link = Link {
            state: LinkState::Suspended,
            last_login_day: Some(20_000),
            unknown: Attributes::from([("novelty".into(), Attribute::Null)]),
            ..Link::since(Millis(4))
        };
        let facts = ProfileFacts {
            created_at: Millis(3),
            ownerships: BTreeMap::from([
                (BlindIndex::new([1; 32]), ownership(None)),
                (BlindIndex::new([2; 32]), ownership(Some("acme"))),
            ]),
            links: BTreeMap::from([("acme".parse().unwrap(), link)]),
            merged_into: Some(UserId::v8([9; 16])),
        };
        let data = SealedData(Attributes::from([("fmt".into(), 99u64.into()), ("novel".into(), true.into())]));
        let keys = BTreeMap::from([("eu-west-1".parse().unwrap(), vec![1, 2, 3])]);
        PartRecord {
            id: UserId::v8([8; 16]),
            part: Part::Profile,
            version: version(false),
            body: Body::Live(Box::new(Live { data, keys, facts: Facts::Profile(facts) })),
            unknown: Attributes::new(),
        }
    }

    #[test]
    fn a_part_round_trips_in_any_envelope_format() {
        assert_eq!(PartRecord::from_item(profile().to_item()), Ok(profile()));
    }

    #[test]
    fn attributes_of_a_newer_version_survive() {
        let mut item = profile().to_item();
        item.insert("novelty".into(), Attribute::Ss(vec!["a".into()]));
        let record = PartRecord::from_item(item.clone()).unwrap();
        assert_eq!(record.unknown.len(), 1);
        assert_eq!(record.to_item(), item);
    }

    #[test]
    fn newer_attributes_survive_inside_an_ownership() {
        let mut item = profile().to_item();
        let Some(Attribute::M(ownerships)) = item.get_mut(name::OWNERSHIPS) else { panic!("no ownerships") };
        for ownership in ownerships.values_mut() {
            let Attribute::M(ownership) = ownership else { panic!("not an ownership") };
            ownership.insert("novelty".into(), Attribute::Ss(vec!["a".into()]));
        }
        let record = PartRecord::from_item(item.clone()).unwrap();
        assert_eq!(record.to_item(), item);
        // From the part they get into the item of the identifier.
        let (index, ownership) = record.ownerships().first_key_value().unwrap();
        let owned = IdentifierItem::unowned(*index).with(record.id, Some(ownership)).unwrap();
        assert_eq!(owned.owners[&record.id].unknown.len(), 1);
        assert_eq!(IdentifierItem::from_item(owned.to_item()), Ok(owned));
    }

    #[test]
    fn a_tombstone_holds_only_its_key_and_version() {
        let item = PartRecord::tombstone(UserId::v8([8; 16]), Part::Profile, version(true)).to_item();
        assert_eq!(item.keys().collect::<Vec<_>>(), ["id", "origin", "part", "version"]);
        assert_eq!(PartRecord::from_item(item.clone()).unwrap().to_item(), item);
    }

    #[test]
    fn identifier_items_round_trip() {
        let ownerships = profile().profile_facts().unwrap().ownerships.clone();
        let owners =
            ownerships.into_values().zip(1u8..).map(|(ownership, n)| (UserId::v8([n; 16]), ownership)).collect();
        let item = IdentifierItem { index: BlindIndex::new([1; 32]), owners };
        assert_eq!(IdentifierItem::from_item(item.to_item()), Ok(item));
    }

    proptest! {
        #[test]
        fn a_damaged_item_never_panics(nth in 0usize..12, replace: bool) {
            let mut item = profile().to_item();
            let name = item.keys().nth(nth % item.len()).unwrap().clone();
            if replace { item.insert(name, Attribute::Null); } else { item.remove(&name); }
            prop_assert!(PartRecord::from_item(item).map_or(true, |record| record != profile()));
        }
    }
}
