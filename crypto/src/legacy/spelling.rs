//! Umoja's spelling of legacy hashes.
//!
//! `$umoja-old$<family>$<params>$<salt>$<hash>` is for slow ones.
//! `$umoja-wrapped$<family>$<params>,l=<length>$<salt>$argon2id$...` is for fast ones; its end is an ordinary PHC
//! string over the `length` bytes that the family computes. Parameters are `name=value` with commas between, salt and
//! hash are base64 without padding. Each hash has one spelling, and any other string is rejected.

use base64::Engine;
use base64::engine::general_purpose::STANDARD_NO_PAD;

use super::bcrypt::Bcrypt;
use super::before::{Before, Typed};
use super::chain::Chain;
use super::codec::PasswordEncoding;
use super::digest::Digest;
use super::error::ImportError;
use super::hash::{Check, ForeignHash, Form};
use super::pbkdf2::Pbkdf2;
use super::phpass::{Kind, Stretched};
use super::recipe::{Family, Recipe};
use super::scrypt::Scrypt;
use super::unix::Crypt;
use crate::password::Passwords;

const BARE: &str = "$umoja-old$";
const WRAPPED: &str = "$umoja-wrapped$";
const LONGEST: usize = 2048;

impl ForeignHash {
    /// The string to store, in Umoja's spelling. Fast hashes are put inside an argon2id of today's parameters with
    /// `salt`, which is 16 fresh random bytes.
    pub fn to_stored(&self, passwords: &Passwords, salt: [u8; 16]) -> String {
        match self.form() {
            Form::Recipe(recipe, Check::Bare(expected)) if recipe.is_fast(expected.len()) => {
                let phc = passwords.hash_bytes(expected, salt);
                let check = Check::Wrapped { length: expected.len(), phc };
                write(&Form::Recipe(recipe.clone(), check))
            }
            form => write(form),
        }
    }
}

fn write(form: &Form) -> String {
    let (recipe, check) = match form {
        Form::Argon2(phc) => return phc.clone(),
        Form::Recipe(recipe, check) => (recipe, check),
    };
    let mut params = recipe.params();
    if let Check::Wrapped { length, .. } = check {
        params.push(("l", length.to_string()));
    }
    let params: Vec<_> = params.into_iter().map(|(name, value)| format!("{name}={value}")).collect();
    let (family, params, salt) = (recipe.name(), params.join(","), STANDARD_NO_PAD.encode(&recipe.salt));
    match check {
        Check::Bare(hash) => format!("{BARE}{family}${params}${salt}${}", STANDARD_NO_PAD.encode(hash.as_slice())),
        Check::Wrapped { phc, .. } => format!("{WRAPPED}{family}${params}${salt}{phc}"),
    }
}

/// Reads the strings of [`write`], and slow hashes in their original spelling. Rejects raw fast ones.
pub(super) fn read(stored: &str) -> Result<ForeignHash, ImportError> {
    if stored.len() > LONGEST {
        return Err(ImportError::Unsupported);
    }
    let hash = if let Some(rest) = stored.strip_prefix(BARE) {
        read_ours(rest, false)?
    } else if let Some(rest) = stored.strip_prefix(WRAPPED) {
        read_ours(rest, true)?
    } else {
        let hash = ForeignHash::parse(stored)?;
        return if hash.is_raw_fast() { Err(ImportError::Unsupported) } else { Ok(hash) };
    };
    if hash.is_raw_fast() || write(hash.form()) != stored {
        return Err(ImportError::Unsupported);
    }
    Ok(hash)
}

fn read_ours(rest: &str, wrapped: bool) -> Result<ForeignHash, ImportError> {
    let mut fields = rest.splitn(4, '$');
    let (Some(family), Some(params), Some(salt), Some(end)) =
        (fields.next(), fields.next(), fields.next(), fields.next())
    else {
        return Err(ImportError::Unsupported);
    };
    let params = Params::read(params)?;
    let salt = STANDARD_NO_PAD.decode(salt).map_err(|_| ImportError::Unsupported)?;
    if wrapped {
        let length = params.number("l")?;
        let recipe = recipe(family, &params, salt, length)?;
        return ForeignHash::wrapped(recipe, length, format!("${end}"));
    }
    let hash = STANDARD_NO_PAD.decode(end).map_err(|_| ImportError::Unsupported)?;
    ForeignHash::bare(recipe(family, &params, salt, hash.len())?, hash)
}

fn recipe(family: &str, params: &Params<'_>, salt: Vec<u8>, length: usize) -> Result<Recipe, ImportError> {
    let family = match family {
        "argon2" => Family::Argon2,
        "chain" => Family::Chain(Chain::read(params.text("d")?, params.get("k"), &salt, params.get("o"))?),
        "md5-crypt" | "apr1" | "sha256-crypt" | "sha512-crypt" => {
            let rounds = params.get("r").map(|_| params.number("r")).transpose()?;
            Family::Crypt(Crypt::new(family, rounds)?)
        }
        "phpass" => Family::Stretched(Stretched::new(Kind::Phpass, params.number("c")?)?),
        "drupal7" => Family::Stretched(Stretched::new(Kind::Drupal7, params.number("c")?)?),
        "bcrypt" => Family::Bcrypt(Bcrypt::new(params.text("v")?, params.text("c")?)?),
        "pbkdf2" => {
            let digest = Digest::of(params.text("d")?).ok_or(ImportError::Unsupported)?;
            Family::Pbkdf2(Pbkdf2::new(digest, params.number("i")?, length)?)
        }
        "scrypt" => Family::Scrypt(scrypt(params)?),
        "firebase" => Family::Firebase(scrypt(params)?, params.text("k")?.to_owned()),
        _ => return Err(ImportError::Unsupported),
    };
    let mut recipe = Recipe::new(family, salt);
    recipe.before = match params.get("b") {
        None => Before::Unchanged,
        Some("wp") => Before::WordPress,
        Some(steps) => Before::Chain(Chain::read(steps, params.get("bk"), &[], None)?),
    };
    if let Some(typed) = params.get("t") {
        recipe.typed = Typed::of(typed).ok_or(ImportError::Unsupported)?;
    }
    if let Some(encoding) = params.get("e") {
        recipe.encoding = PasswordEncoding::of(encoding).ok_or(ImportError::Unsupported)?;
    }
    Ok(recipe)
}

fn scrypt(params: &Params<'_>) -> Result<Scrypt, ImportError> {
    Scrypt::new(params.number("ln")?, params.number("r")?, params.number("p")?)
}

/// `name=value,name=value`, or empty.
struct Params<'a>(Vec<(&'a str, &'a str)>);

impl<'a> Params<'a> {
    fn read(text: &'a str) -> Result<Self, ImportError> {
        let params = text.split(',').filter(|param| !param.is_empty()).map(|param| param.split_once('='));
        params.collect::<Option<_>>().map(Self).ok_or(ImportError::Unsupported)
    }

    fn get(&self, name: &str) -> Option<&'a str> {
        self.0.iter().find(|(known, _)| *known == name).map(|(_, value)| *value)
    }

    fn text(&self, name: &str) -> Result<&'a str, ImportError> {
        self.get(name).ok_or(ImportError::Unsupported)
    }

    fn number<T: std::str::FromStr>(&self, name: &str) -> Result<T, ImportError> {
        self.text(name)?.parse().map_err(|_| ImportError::Unsupported)
    }
}
