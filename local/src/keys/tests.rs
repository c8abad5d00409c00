use std::sync::atomic::{AtomicU64, Ordering};

use umoja_store::ports::Keys as _;

use super::*;
use umoja_host::OsEntropy;

struct SetClock(AtomicU64);

impl Clock for SetClock {
    fn now(&self) -> Millis {
        Millis(self.0.load(Ordering::Relaxed))
    }
}

fn clock() -> Arc<SetClock> {
    Arc::new(SetClock(AtomicU64::new(1_700_000_000_000)))
}

fn open(dir: &Path, region: &str) -> Result<LocalKeys, KeyringError> {
    open_as(dir, region, Missing::Made, None)
}

/// Opens the key ring of a region whose data is bound to the key with this check value.
fn open_as(dir: &Path, region: &str, missing: Missing, bound: Option<&str>) -> Result<LocalKeys, KeyringError> {
    let (region, bound) = (region.parse().unwrap(), bound.map(str::to_owned));
    let file = KeyringFile::open(dir, "keyring.json", &region, &OsEntropy, clock().now(), missing)?;
    file.bind(Box::new(move || Ok(bound.clone())), clock(), Arc::new(OsEntropy), None)
}

fn checks(dir: &Path) -> Vec<String> {
    let file = KeyringFile::open(dir, "keyring.json", &"a".parse().unwrap(), &OsEntropy, clock().now(), Missing::Fails);
    file.unwrap().checks()
}

fn context() -> EncryptionContext {
    EncryptionContext::from([("user".into(), "a".into())])
}

#[tokio::test]
async fn a_key_opens_its_blobs_after_restarts_and_rotations() {
    let dir = tempfile::tempdir().unwrap();
    let keys = open(dir.path(), "eu-west-1").unwrap();
    assert_eq!(keys.key_id().unwrap(), "local:eu-west-1:1");
    let (first, first_wrapped) = keys.generate(&context()).await.unwrap();
    assert_eq!(keys.rotate().unwrap(), "local:eu-west-1:2");
    let (second, second_wrapped) = keys.generate(&context()).await.unwrap();

    let reopened = open(dir.path(), "eu-west-1").unwrap();
    assert_eq!(reopened.key_id().unwrap(), "local:eu-west-1:2");
    assert_eq!(reopened.unwrap(&first_wrapped, &context()).await.unwrap().expose(), first.expose());
    assert_eq!(reopened.unwrap(&second_wrapped, &context()).await.unwrap().expose(), second.expose());
}

#[tokio::test]
async fn a_disabled_key_stays_disabled_after_a_restart() {
    let dir = tempfile::tempdir().unwrap();
    open(dir.path(), "eu-west-1").unwrap().set_enabled(false).unwrap();
    assert_eq!(open(dir.path(), "eu-west-1").unwrap().probe().await, Err(KeysError::Disabled));
}

#[tokio::test]
async fn a_blob_under_another_keys_id_is_rejected() {
    let keys = LocalKeys::in_memory("eu-west-1".parse().unwrap(), clock(), Arc::new(OsEntropy), None);
    let (_, mut wrapped) = keys.generate(&context()).await.unwrap();
    keys.rotate().unwrap();
    let at = wrapped.windows(2).position(|pair| pair == b":1").unwrap();
    wrapped[at + 1] = b'2';
    assert_eq!(keys.unwrap(&wrapped, &context()).await.map(drop), Err(KeysError::Rejected));
}

#[tokio::test]
async fn calls_above_the_rate_are_throttled_until_the_next_second() {
    let time = clock();
    let keys = LocalKeys::in_memory("a".parse().unwrap(), Arc::clone(&time) as _, Arc::new(OsEntropy), Some(2));
    let (_, wrapped) = keys.generate(&context()).await.unwrap();
    assert!(keys.unwrap(&wrapped, &context()).await.is_ok());
    assert_eq!(keys.unwrap(&wrapped, &context()).await.map(drop), Err(KeysError::Throttled));
    assert_eq!(keys.probe().await, Ok(()), "probes do not count towards the rate");
    time.0.fetch_add(1000, Ordering::Relaxed);
    assert!(keys.unwrap(&wrapped, &context()).await.is_ok());
    keys.set_calls_per_sec(None);
    for _ in 0..9 {
        assert!(keys.unwrap(&wrapped, &context()).await.is_ok());
    }
}

#[tokio::test]
async fn an_unreachable_key_service_is_unavailable() {
    let keys = LocalKeys::in_memory("a".parse().unwrap(), clock(), Arc::new(OsEntropy), None);
    keys.set_reachable(false);
    assert_eq!(keys.generate(&context()).await.map(drop), Err(KeysError::Unavailable));
    assert_eq!(keys.probe().await, Err(KeysError::Unavailable));
    keys.set_reachable(true);
    assert_eq!(keys.probe().await, Ok(()));
}

#[tokio::test]
async fn a_lost_key_ring_is_an_outage_until_restored() {
    let dir = tempfile::tempdir().unwrap();
    let keys = open(dir.path(), "a").unwrap();
    let (path, aside) = (dir.path().join("keyring.json"), dir.path().join("aside"));
    std::fs::rename(&path, &aside).unwrap();
    assert_eq!(keys.probe().await, Err(KeysError::Unavailable));
    std::fs::rename(&aside, &path).unwrap();
    assert_eq!(keys.probe().await, Ok(()));
}

#[test]
fn an_invalid_key_ring_is_rejected_without_revealing_its_content() {
    let dir = tempfile::tempdir().unwrap();
    open(dir.path(), "a").unwrap();
    assert!(matches!(open(dir.path(), "b"), Err(KeyringError::OtherRegion { .. })));
    for wrong in [
        "",
        "{}",
        r#"{"v":1,"region":"a","enabled":true,"keys":[]}"#,
        r#"{"v":2,"region":"a","enabled":true,"keys":[{"id":"x","created_at":1,"secret":"hush"}]}"#,
    ] {
        std::fs::write(dir.path().join("keyring.json"), wrong).unwrap();
        let error = open(dir.path(), "a").err().unwrap();
        assert!(matches!(error, KeyringError::Malformed(_)));
        assert!(!format!("{error} {error:?}").contains("hush"));
    }
}

#[cfg(unix)]
#[test]
fn only_the_owner_can_read_the_key_ring() {
    use std::os::unix::fs::PermissionsExt;
    let parent = tempfile::tempdir().unwrap();
    let dir = parent.path();
    let mode = |path: &Path| path.metadata().unwrap().permissions().mode() & 0o777;
    open(dir, "a").unwrap().rotate().unwrap();
    assert_eq!(mode(&dir.join("keyring.json")), 0o600);
    std::fs::set_permissions(dir.join("keyring.json"), PermissionsExt::from_mode(0o644)).unwrap();
    open(dir, "a").unwrap();
    assert_eq!(mode(&dir.join("keyring.json")), 0o600);
}

#[test]
fn debug_output_hides_key_material() {
    let dir = tempfile::tempdir().unwrap();
    let keys = open(dir.path(), "a").unwrap();
    let text = std::fs::read_to_string(dir.path().join("keyring.json")).unwrap();
    let stored: serde_json::Value = serde_json::from_str(&text).unwrap();
    let secret = stored["keys"][0]["secret"].as_str().unwrap();
    let shown = format!("{keys:?}");
    assert!(shown.contains("local:a:1"));
    assert!(!shown.contains(&secret[..8]));
}

#[tokio::test]
async fn a_replacement_key_opens_no_blob_of_the_old_key() {
    let dir = tempfile::tempdir().unwrap();
    let keys = open(dir.path(), "eu-west-1").unwrap();
    keys.rotate().unwrap();
    let (_, wrapped) = keys.generate(&context()).await.unwrap();
    assert_eq!(keys.replace().unwrap(), "local:eu-west-1:3");
    for keys in [keys, open(dir.path(), "eu-west-1").unwrap()] {
        assert_eq!(keys.unwrap(&wrapped, &context()).await.map(drop), Err(KeysError::Rejected));
        let (new, wrapped) = keys.generate(&context()).await.unwrap();
        assert_eq!(keys.unwrap(&wrapped, &context()).await.unwrap().expose(), new.expose());
    }
}

#[test]
fn a_lost_key_ring_is_made_only_on_request() {
    let dir = tempfile::tempdir().unwrap();
    let lost = open_as(dir.path(), "a", Missing::Fails, None);
    assert!(matches!(lost, Err(KeyringError::Absent(_))));
    assert!(!dir.path().join("keyring.json").exists());
    open_as(dir.path(), "a", Missing::Made, None).unwrap();
    open_as(dir.path(), "a", Missing::Fails, None).unwrap();
}

#[test]
fn a_rotated_ring_keeps_its_data_and_another_ring_does_not_get_it() {
    let (dir, other) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    open(dir.path(), "a").unwrap();
    open(other.path(), "a").unwrap();
    let first = checks(dir.path()).pop().unwrap();
    open(dir.path(), "a").unwrap().rotate().unwrap();
    let newest = checks(dir.path()).pop().unwrap();
    assert_ne!(first, newest);
    for check in [&first, &newest] {
        open_as(dir.path(), "a", Missing::Fails, Some(check)).unwrap();
        for missing in [Missing::Fails, Missing::Made, Missing::Replaced] {
            let replaced = open_as(other.path(), "a", missing, Some(check));
            assert!(matches!(replaced, Err(KeyringError::Replaced(_))));
        }
    }
}

#[tokio::test]
async fn a_key_ring_that_is_replaced_meanwhile_is_an_outage() {
    let (dir, other) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    open(dir.path(), "a").unwrap();
    open(other.path(), "a").unwrap();
    let check = checks(dir.path()).pop().unwrap();
    let keys = open_as(dir.path(), "a", Missing::Fails, Some(&check)).unwrap();
    std::fs::copy(other.path().join("keyring.json"), dir.path().join("keyring.json")).unwrap();
    assert_eq!(keys.probe().await, Err(KeysError::Unavailable));
    assert!(matches!(keys.rotate(), Err(KeyringError::Replaced(_))));
}

#[test]
fn a_damaged_key_ring_is_replaced_only_on_request_and_kept() {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("keyring.json");
    for n in 1..=2 {
        std::fs::write(&file, "{").unwrap();
        for missing in [Missing::Fails, Missing::Made] {
            assert!(matches!(open_as(dir.path(), "a", missing, None), Err(KeyringError::Malformed(_))));
        }
        open_as(dir.path(), "a", Missing::Replaced, None).unwrap();
        assert_eq!(std::fs::read(dir.path().join(format!("keyring.json.replaced-{n}"))).unwrap(), b"{");
        open_as(dir.path(), "a", Missing::Fails, None).unwrap();
    }
}
