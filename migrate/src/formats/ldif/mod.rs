//! LDIF (RFC 2849) of people: `inetOrgPerson` (RFC 2798) and what 389 Directory Server, OpenLDAP, Samba and Active
//! Directory add. `slapcat` and `ldapsearch -LLL '(objectClass=person)' '*' '+'` write it.

mod records;

use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Map, Value};
use umoja_crypto::legacy::{ForeignHash, ImportError, TextEncoding};
use umoja_schema::profile::Address;
use umoja_schema::{AccountStatus, Email, Millis, Profile};

pub(super) use self::records::Records;
use super::members::{field, status};
use super::{claims, times};
use crate::{LeftOut, Rejected, Row};

/// The values of one entry by the name of their attribute in lower case, in their order. Attributes with options
/// (`cn;lang-de`), which are translations and certificates, and attributes that are not read have no values here.
pub(super) type Attributes = BTreeMap<String, Vec<Vec<u8>>>;

/// Classes of people.
const PEOPLE: [&str; 8] = [
    "person",
    "organizationalperson",
    "inetorgperson",
    "account",
    "posixaccount",
    "shadowaccount",
    "sambasamaccount",
    "user",
];

/// Attributes that belong to the person and have no claim.
const CUSTOM: [&str; 9] = [
    "telephoneNumber",
    "homePhone",
    "title",
    "o",
    "ou",
    "departmentNumber",
    "employeeNumber",
    "employeeType",
    "description",
];

/// `None` for entries that are not people: domains, organisations, groups, machines.
pub(super) fn row(attributes: Attributes) -> Result<Option<Row>, Rejected> {
    let entry = Entry::new(attributes);
    let classes = entry.texts("objectClass");
    let is = |wanted: &str| classes.iter().any(|class| class.eq_ignore_ascii_case(wanted));
    if !PEOPLE.iter().any(|class| is(class)) || is("computer") {
        return Ok(None);
    }
    // Directories keep what they delete for a while: 389 Directory Server as tombstones, Active Directory and FreeIPA in
    // containers of their own.
    let is_deleted = entry.text("isDeleted").is_some_and(|deleted| deleted.eq_ignore_ascii_case("true"));
    if is("nsTombstone") || is_deleted || entry.is_below_deleted() {
        return Err(Rejected::Deleted);
    }
    let (status, hash) = (entry.status(), entry.hash());
    let mut row = Row {
        external_id: entry.id(),
        email: entry.email(),
        phone_number: entry.text("mobile"),
        username: entry.first(["uid", "sAMAccountName"]),
        profile: entry.profile(),
        created_at: entry.created_at(),
        ..Row::default()
    };
    match status {
        Ok(status) => row.status = status,
        Err(rejected) => row.rejections.push(rejected),
    }
    match hash {
        Ok(hash) => row.hash = hash,
        Err(rejected) => row.rejections.push(rejected),
    }
    row.not_taken = entry.not_taken();
    row.left_out = entry.left_out.into_inner();
    Ok(Some(row))
}

/// Attributes that are read besides those of [`CUSTOM`].
const READ: [&str; 32] = [
    "c",
    "changetype",
    "cn",
    "control",
    "createtimestamp",
    "displayname",
    "dn",
    "entryuuid",
    "givenname",
    "isdeleted",
    "l",
    "labeleduri",
    "mail",
    "mobile",
    "nsaccountlock",
    "nsuniqueid",
    "objectclass",
    "objectguid",
    "postaladdress",
    "postalcode",
    "preferredlanguage",
    "pwdaccountlockedtime",
    "samaccountname",
    "sambantpassword",
    "sn",
    "st",
    "street",
    "uid",
    "useraccountcontrol",
    "userpassword",
    "version",
    "whencreated",
];

/// Whether the attribute with this name, in any case, is read. Others, such as photos, may be of any size.
fn is_read(name: &str) -> bool {
    READ.iter().chain(&CUSTOM).any(|read| read.eq_ignore_ascii_case(name))
}

/// Attributes of the file and not of the person.
const OF_FILE: [&str; 2] = ["dn", "objectclass"];

/// One entry. It knows which attributes were read, so none is dropped in silence.
struct Entry {
    attributes: Attributes,
    left_out: RefCell<Vec<LeftOut>>,
    /// The attributes that were read, in lower case, and of which of them values were not taken.
    read: RefCell<BTreeSet<String>>,
    partly: RefCell<BTreeSet<String>>,
}

impl Entry {
    fn new(attributes: Attributes) -> Self {
        Self { attributes, left_out: RefCell::default(), read: RefCell::default(), partly: RefCell::default() }
    }

    /// The attributes without a place in a user, and those with more values than a user has.
    fn not_taken(&self) -> Vec<String> {
        let (read, partly) = (self.read.borrow(), self.partly.borrow());
        let is_not = |name: &String| !read.contains(name) && !OF_FILE.contains(&name.as_str()) || partly.contains(name);
        self.attributes.keys().filter(|name| is_not(name)).cloned().collect()
    }

    /// Notes that one of several values is taken.
    fn one_of(&self, name: &str, values: &[&str]) {
        if values.iter().filter(|value| !value.is_empty()).nth(1).is_some() {
            self.partly.borrow_mut().insert(name.to_ascii_lowercase());
        }
    }

    fn values(&self, name: &str) -> &[Vec<u8>] {
        let name = name.to_ascii_lowercase();
        self.read.borrow_mut().insert(name.clone());
        self.attributes.get(&name).map_or(&[], Vec::as_slice)
    }

    fn exact_texts(&self, name: &str) -> Result<Vec<&str>, Rejected> {
        self.values(name).iter().map(|value| std::str::from_utf8(value).map_err(|_| field(name))).collect()
    }

    /// The values that are texts. Others are left out.
    fn texts(&self, name: &str) -> Vec<&str> {
        let values = self.values(name);
        let texts: Vec<_> = values.iter().filter_map(|value| std::str::from_utf8(value).ok()).collect();
        if texts.len() < values.len() {
            self.leave_out(name, Value::Null);
        }
        texts
    }

    fn leave_out(&self, name: &str, value: Value) {
        self.left_out.borrow_mut().push(claims::left_out(name, value));
    }

    /// The first value that is not empty.
    fn text(&self, name: &str) -> Option<String> {
        let texts = self.texts(name);
        self.one_of(name, &texts);
        texts.into_iter().find(|text| !text.is_empty()).map(str::to_owned)
    }

    fn exact_text(&self, name: &str) -> Result<Option<String>, Rejected> {
        Ok(self.exact_texts(name)?.into_iter().find(|text| !text.is_empty()).map(str::to_owned))
    }

    fn first(&self, names: [&str; 2]) -> Option<String> {
        self.text(names[0]).or_else(|| self.text(names[1]))
    }

    /// The first address; if no value is one, the first value.
    fn email(&self) -> Option<String> {
        let texts = self.texts("mail");
        self.one_of("mail", &texts);
        let addresses = texts.into_iter().find(|text| Email::parse(text).is_ok()).map(str::to_owned);
        addresses.or_else(|| self.text("mail"))
    }

    /// Whether the entry is in a container of deleted entries.
    fn is_below_deleted(&self) -> bool {
        let dn = self.text("dn").unwrap_or_default().to_ascii_lowercase();
        let mut names = dn.split(',').map(str::trim);
        names.any(|name| matches!(name, "cn=deleted users" | "cn=deleted objects"))
    }

    /// Active Directory's `objectGUID` is bytes. It is written as hexadecimal digits in their order.
    fn id(&self) -> Option<String> {
        for name in ["entryUUID", "nsUniqueId"] {
            // An id that cannot be read must not become another one.
            if self.values(name).iter().any(|value| !value.is_empty()) {
                return self.text(name);
            }
        }
        if let Some(guid) = self.values("objectGUID").first() {
            return Some(guid.iter().fold(String::new(), |id, byte| id + &format!("{byte:02x}")));
        }
        self.first(["uid", "sAMAccountName"])
    }

    fn profile(&self) -> Profile {
        let address = Address {
            // RFC 4517 section 3.3.28: lines are separated by `$`.
            formatted: self.text("postalAddress").map(|lines| lines.replace('$', "\n")),
            street_address: self.text("street"),
            locality: self.text("l"),
            region: self.text("st"),
            postal_code: self.text("postalCode"),
            country: self.text("c"),
        };
        let mut custom = Map::new();
        for name in CUSTOM {
            let mut texts: Vec<_> = self.texts(name).into_iter().map(|text| Value::String(text.to_owned())).collect();
            let value = if texts.len() == 1 { texts.remove(0) } else { Value::Array(texts) };
            // None of these names and texts is a credential.
            let _ = claims::put(&mut custom, name, value);
        }
        Profile {
            name: self.first(["displayName", "cn"]),
            given_name: self.text("givenName"),
            family_name: self.text("sn"),
            website: self.text("labeledURI"),
            locale: self.text("preferredLanguage"),
            address: Some(address).filter(|address| *address != Address::default()),
            custom,
            ..Profile::default()
        }
    }

    fn created_at(&self) -> Option<Millis> {
        for name in ["createTimestamp", "whenCreated"] {
            if let Some(text) = self.text(name) {
                let at = generalized(&text);
                if at.is_none() {
                    self.leave_out(name, Value::String(text));
                }
                return at;
            }
        }
        None
    }

    /// 389 Directory Server's `nsAccountLock`, OpenLDAP's permanent lock (draft-behera-ldap-password-policy), and the
    /// second bit of Active Directory's `userAccountControl`.
    fn status(&self) -> Result<Option<AccountStatus>, Rejected> {
        if let Some(locked) = self.exact_text("nsAccountLock")? {
            return match locked.to_ascii_lowercase().as_str() {
                "true" => Ok(Some(AccountStatus::Disabled)),
                "false" => Ok(Some(AccountStatus::Active)),
                _ => Err(field("nsAccountLock")),
            };
        }
        if self.exact_text("pwdAccountLockedTime")?.as_deref() == Some("000001010000Z") {
            return Ok(Some(AccountStatus::Disabled));
        }
        match self.exact_text("userAccountControl")? {
            None => Ok(None),
            Some(bits) => {
                let bits = bits.parse::<u32>().map_err(|_| field("userAccountControl"))?;
                Ok(Some(status(bits & 2 == 0)))
            }
        }
    }

    /// The first of several passwords that is readable, since any of them logs in; Samba's if there is no other.
    /// Values that name another server are no passwords.
    fn hash(&self) -> Result<Option<ForeignHash>, Rejected> {
        let mut rejected = None;
        let passwords = self.exact_texts("userPassword")?.into_iter();
        for password in passwords.filter(|text| !text.is_empty() && !ForeignHash::is_elsewhere(text)) {
            match ForeignHash::parse(password) {
                Ok(hash) => return Ok(Some(hash)),
                Err(error) => rejected = rejected.or(Some(error)),
            }
        }
        // Samba writes `NO PASSWORDXXX...` for an account without one.
        if let Some(nt) = self.exact_text("sambaNTPassword")?.filter(|nt| !nt.starts_with("NO PASSWORD")) {
            let bytes = TextEncoding::Hex.decode(&nt).ok_or(ImportError::Unsupported)?;
            return Ok(Some(ForeignHash::nt(&bytes)?));
        }
        rejected.map_or(Ok(None), |error| Err(Rejected::Hash(error)))
    }
}

/// Generalized Time (RFC 4517 section 3.3.13), in UTC and to the second: `20200229123005Z`, `20200229123005.0Z`.
fn generalized(text: &str) -> Option<Millis> {
    let digits = text.strip_suffix('Z')?;
    let (whole, fraction) = digits.split_once('.').map_or((digits, None), |(whole, part)| (whole, Some(part)));
    if whole.len() != 14 || !whole.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    let part = |from: usize, to: usize| whole.get(from..to);
    let (date, clock) = (
        format!("{}-{}-{}", part(0, 4)?, part(4, 6)?, part(6, 8)?),
        format!("{}:{}:{}", part(8, 10)?, part(10, 12)?, part(12, 14)?),
    );
    let fraction = fraction.map(|part| format!(".{part}")).unwrap_or_default();
    times::written(&format!("{date}T{clock}{fraction}Z")).ok().flatten()
}
