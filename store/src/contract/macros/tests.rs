#[test]
fn every_case_is_in_its_macro() {
    let macros = include_str!("../macros.rs");
    for (module, source) in [
        ("users", include_str!("../users.rs")),
        ("conditions", include_str!("../conditions.rs")),
        ("ownerships", include_str!("../ownerships.rs")),
        ("derived", include_str!("../derived.rs")),
        ("linked_accounts", include_str!("../linked_accounts.rs")),
        ("wrapped", include_str!("../wrapped.rs")),
        ("replaced", include_str!("../replaced.rs")),
        ("races", include_str!("../races.rs")),
        ("logs", include_str!("../logs.rs")),
        ("items", include_str!("../items.rs")),
        ("registry", include_str!("../registry.rs")),
        ("requests", include_str!("../requests.rs")),
        ("inbox", include_str!("../inbox.rs")),
        ("attempts", include_str!("../attempts.rs")),
        ("checkpoints", include_str!("../checkpoints.rs")),
        ("due", include_str!("../due.rs")),
        ("mailer", include_str!("../mailer.rs")),
        ("outbound", include_str!("../outbound.rs")),
        ("streams", include_str!("../streams.rs")),
        ("keys", include_str!("../keys.rs")),
        ("queue", include_str!("../queue.rs")),
        ("legacy_login", include_str!("../legacy_login.rs")),
    ] {
        let listed = macros.split_once(&format!("$make, {module}:\n")).unwrap().1.split_once('}').unwrap().0;
        let listed: Vec<_> = listed.split(',').map(str::trim).filter(|name| !name.is_empty()).collect();
        let cases: Vec<_> =
            source.split("\npub async fn ").skip(1).map(|rest| rest.split_once('(').unwrap().0).collect();
        assert_eq!(listed, cases, "{module}");
    }
}
