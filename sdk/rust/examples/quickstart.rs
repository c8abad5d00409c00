//! Registers a person, checks its password, and finds it in every region: `cargo run --example quickstart -- soko.json URL`.

#![allow(clippy::print_stdout, reason = "an example prints what it does")]

use umoja_client::types::{Authenticate, Lookup, Register};
use umoja_client::{Client, Company, Error, ProblemCode};

/// The quickstart: what it found.
pub(crate) async fn run(company_file: &str, url: &str) -> Result<String, Error> {
    let client = Client::connect(Company::read(company_file)?, url).await?;
    let (email, password) = (Some("amina@example.com".to_owned()), "seven boats at anchor".to_owned());

    let new = Register { email: email.clone(), password: Some(password.clone()), ..Register::default() };
    // A key that the registration has for ever: it can be repeated, also in another region, and makes one user.
    let registered = client.idempotent("registration-of-amina").register(&new).await?;
    println!("registered {}", registered.user.id);

    let attempt = Authenticate { email: email.clone(), password, ..Authenticate::default() };
    println!("authenticated: {}", client.authenticate(&attempt).await?.authenticated);

    match client.lookup(&Lookup { username: Some("unknown".into()), ..Lookup::default() }).await {
        Err(error) if error.code() == Some(&ProblemCode::UserNotFound) => println!("{error}"),
        other => println!("{other:?}"),
    }

    let seen = Lookup { email, min_version: Some(registered.user.version.clone()), ..Lookup::default() };
    let found = client.lookup(&seen).await?;
    println!("found {} by {}", found.user.id, found.region());
    Ok(found.user.id.clone())
}

#[tokio::main]
#[allow(dead_code, reason = "a test of the command calls `run`")]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let mut arguments = std::env::args().skip(1);
    let (Some(file), Some(url)) = (arguments.next(), arguments.next()) else {
        return Err("give a company's file and the URL of a region".into());
    };
    run(&file, &url).await?;
    Ok(())
}
