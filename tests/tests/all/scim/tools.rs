//! Conformance as others test it. `.ci/scim` installs their programs.

use std::path::PathBuf;
use std::process::Command;

use super::Server;
use umoja_tests::deployment::Deployment;

/// Runs a program against a server, with `URL` and `TOKEN` in its arguments replaced, and returns whether it succeeded and what it printed.
fn probe(program: &str, arguments: &str) -> (bool, String) {
    let bin = std::env::var_os("UMOJA_TEST_SCIM").map(PathBuf::from).expect("the folder of the programs");
    let program = bin.join(program);
    tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(async {
        let d = Deployment::new(8_631).await;
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let base_url = format!("http://{}", listener.local_addr().unwrap());
        let server = Server::new(&d, 0, &d.shop, &base_url).await;
        let url = format!("{base_url}/scim/v2/shop");
        let mut command = Command::new(program);
        let token = &server.token;
        command.args(arguments.split(' ').map(|word| word.replace("URL", &url).replace("TOKEN", token)));
        command.env("SCIM_CLI_HEADERS", format!("Authorization: Bearer {token}"));
        let output = tokio::task::spawn_blocking(move || command.output().expect("the program starts"));
        let serving = async { axum::serve(listener, server.router).await };
        let output = tokio::select! {
            output = output => output.unwrap(),
            _ = serving => panic!("the server ends last"),
        };
        let printed = [output.stdout, output.stderr].concat();
        (output.status.success(), String::from_utf8_lossy(&printed).into_owned())
    })
}

#[test]
#[ignore = "needs scim2-cli, see .ci/scim"]
fn every_check_of_scim2_tester_succeeds() {
    let (is_ok, printed) = probe("scim2", "--url URL test");
    let checks = printed.lines().filter(|line| line.starts_with("SUCCESS ")).count();
    assert!(is_ok && checks == 112, "{checks} checks succeeded\n{printed}");
}

#[test]
#[ignore = "needs scim-sanity, see .ci/scim"]
fn every_check_of_scim_sanity_with_the_profile_of_entra_succeeds() {
    let words = "probe URL --token TOKEN --profile entra --user-domain example.com --i-accept-side-effects";
    let (is_ok, printed) = probe("scim-sanity", words);
    assert!(is_ok && !printed.contains("[WARN]"), "{printed}");
}
