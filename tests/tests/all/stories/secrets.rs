//! The secrets in password hashes: peppers, and the secrets of shops whose users were imported with legacy hashes.

use serde_json::json;
use umoja_crypto::legacy::{ForeignHash, HashKey, HashKeys, TextEncoding};
use umoja_schema::UserId;
use umoja_store::ports::Clock as _;
use umoja_store::rotation::PepperStep;
use umoja_tests::deployment::Deployment;

use super::authenticate::{bring_hash, credentials};
use super::{restarted, story};

const PASSWORD: &str = "correct horse";

/// A deployment after the next step of rotating the pepper.
async fn stepped(d: Deployment, expected: PepperStep) -> Deployment {
    let world = d.world;
    let mut secrets = world.secrets().await.unwrap();
    let step = world.shared_secrets().rotate_pepper(&mut secrets, world.clock.now()).await.unwrap();
    assert_eq!(step, expected);
    restarted(world).await
}

/// The pepper that a user's password is hashed with.
async fn pepper_of(d: &Deployment, email: &str) -> Option<&'static str> {
    let id: UserId = d.call(0, "lookup", json!({ "email": email })).await.ok(200).id().parse().unwrap();
    let secret = credentials(d, id).await.secret.unwrap();
    // The version in Base64, as in the PHC format.
    [("keyid=MQ$", "1"), ("keyid=Mg$", "2")].into_iter().find(|(text, _)| secret.contains(text)).map(|(_, id)| id)
}

#[test]
fn a_new_pepper_is_used_once_every_region_has_it() {
    story(710, async |d| {
        d.register(0, "a@example.com", PASSWORD).await.ok(201);
        d.world.settle().await;
        let d = stepped(d, PepperStep::Publish).await;
        d.register(0, "b@example.com", PASSWORD).await.ok(201);
        assert_eq!(pepper_of(&d, "b@example.com").await, None);
        // The instances of one region have read only the first step; those of the other have read both.
        let before = d.endpoints.clone();
        let d = stepped(d, PepperStep::Promote).await;
        d.register(0, "c@example.com", PASSWORD).await.ok(201);
        assert_eq!(pepper_of(&d, "c@example.com").await, Some("1"));
        let login = |email: &str| json!({ "email": email, "password": PASSWORD });
        let accepted = d.shop.call(&before[0], "authenticate", d.now(), login("c@example.com")).await;
        assert_eq!(accepted.body["authenticated"], true);
        assert_eq!(
            pepper_of(&d, "c@example.com").await,
            Some("1"),
            "that instance does not use it yet and leaves the hash unchanged"
        );
        d.world.settle().await;

        let mut d = d;
        for version in ["1", "2"] {
            for email in ["a@example.com", "b@example.com", "c@example.com"] {
                assert!(!d.accepts(1, email, "wrong").await);
                assert!(d.accepts(1, email, PASSWORD).await, "{email}");
                d.world.settle().await;
                assert_eq!(pepper_of(&d, email).await, Some(version), "{email}");
                assert!(d.accepts(0, email, PASSWORD).await);
            }
            if version == "1" {
                d = stepped(stepped(d, PepperStep::Publish).await, PepperStep::Promote).await;
            }
        }
    });
}

#[test]
fn hashes_with_a_foreign_secret_verify_once_it_is_added() {
    story(711, async |d| {
        // hashcat's example hash 11000, PrestaShop: the password is `hashcat`.
        let digest = TextEncoding::Hex.decode("f22cade043e7214200206dbffca49fd9").unwrap();
        let cookie_key = "27167508161455764247627144160038845437138252877014827848";
        let key = || HashKey::Secret(TextEncoding::Utf8.decode(cookie_key).unwrap());
        let stored = ForeignHash::presta_shop("shop", &digest).unwrap().to_stored(d.hasher.passwords(), [3; 16]);
        let id: UserId = d.call(0, "register", json!({ "email": "a@example.com" })).await.id().parse().unwrap();
        bring_hash(&d, id, stored).await;
        d.world.settle().await;
        assert!(!d.accepts(0, "a@example.com", "hashcat").await);

        let keys = HashKeys::default().with("shop", key()).unwrap();
        let other = HashKeys::default().with("shop", HashKey::Secret(vec![1].into())).unwrap();
        let entropy = &*d.world.regions[0].home.entropy;
        let add = async |keys| d.world.shared_secrets().add_hash_keys(keys, entropy).await;
        assert_eq!(add(&keys).await.unwrap(), ["shop"]);
        assert!(add(&keys).await.unwrap().is_empty(), "it exists already");
        assert!(add(&other).await.unwrap_err().to_string().contains("`shop`"));
        let text = serde_json::to_string(&d.world.secrets().await.unwrap()).unwrap();
        assert!(!text.contains(cookie_key));

        let d = restarted(d.world).await;
        assert!(!d.accepts(1, "a@example.com", "wrong").await);
        assert!(d.accepts(1, "a@example.com", "hashcat").await);
        d.world.settle().await;
        assert!(credentials(&d, id).await.legacy_hashes.is_empty());
    });
}
