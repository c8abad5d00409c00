//! What passes between the regions: codes, and ends.

use super::flow::{Browser, member};
use super::umoja::Deployed;
use crate::clock::Watch;
use crate::error::BenchError;
use crate::figure::{Limit, Report, count, percentile};
use crate::load::unexpected;

/// The most codes of one region that another one does not redeem.
const LOST: Limit = Limit::AtMost(0.0);
/// The most milliseconds from a revocation in one region until another one says that the token is not live.
const REVOKED: Limit = Limit::AtMost(10.0);

/// Codes of the first region are redeemed in the second one at once. Then their tokens are revoked in the first region, and the second one
/// is asked until it knows.
pub(super) async fn measure(report: &mut Report, deployed: &Deployed, many: usize) -> Result<(), BenchError> {
    let known = deployed.known().await?;
    let client = known.client(None)?.clone();
    let urls = deployed.urls();
    let (mut first, mut second) = (Browser::open(&urls[0], &known).await?, Browser::open(&urls[1], &known).await?);
    let (mut lost, mut took_ms) = (0, Vec::new());
    for _ in 0..many {
        let code = first.code(None).await?;
        let Ok(answer) = second.redeem(None, &code).await else {
            lost += 1;
            continue;
        };
        let token = member(&answer, "access_token")?;
        let raw = first.post("/oauth2/revoke", &client, &[("token", &member(&answer, "refresh_token")?)]).await?;
        if raw.status != 200 {
            return Err(unexpected(&raw));
        }
        let watch = Watch::start();
        while is_live(&mut second, &client, &token).await? {}
        took_ms.push(watch.secs() * 1000.0);
    }
    report.judge("umoja: codes of a region that another one did not redeem", count(lost), "", LOST);
    report.add("umoja: codes redeemed in another region", count(many - lost), "");
    report.add("umoja: from a revocation until another region rejects: p50", percentile(&took_ms, 0.50), "ms");
    report.judge(
        "umoja: from a revocation until another region rejects: p99",
        percentile(&took_ms, 0.99),
        "ms",
        REVOKED,
    );
    Ok(())
}

async fn is_live(browser: &mut Browser<'_>, client: &(String, String), token: &str) -> Result<bool, BenchError> {
    let raw = browser.post("/oauth2/introspect", client, &[("token", token)]).await?;
    let answer: serde_json::Value = serde_json::from_slice(&raw.body).map_err(|_| unexpected(&raw))?;
    answer.get("active").and_then(serde_json::Value::as_bool).ok_or_else(|| unexpected(&raw))
}
