//! How many exchanges an hour costs if the token endpoint fails and a caller asks each second.

use crate::*;

/// Every refusal, and every 4xx that cannot be read.
#[tokio::test(start_paused = true)]
async fn a_refusal_or_an_unreadable_4xx_costs_at_most_40_exchanges_an_hour() {
    let html = |status| answer(status, "<html>denied</html>").with("content-type", "text/html");
    for refusal in [
        answer(400, r#"{"error":"invalid_grant"}"#),
        answer(401, r#"{"error":"invalid_client"}"#),
        answer(403, r#"{"errors":[{"code":"access_denied"}]}"#),
        ok(r#"{"error":"invalid_client"}"#),
        ok(r#"{"ok":false,"error":"invalid_grant"}"#),
        ok(r#"{"ok":false}"#),
        answer(400, ""),
        answer(401, ""),
        answer(401, "{}"),
        answer(403, ""),
        html(400),
        html(401),
        html(403),
        html(404),
        html(405),
        html(406),
        html(410),
        html(418),
        html(451),
        answer(404, r#"{"error":"not_found"}"#),
        answer(403, "x".repeat(300_000)),
        answer(403, "\u{1f}\u{8b}").with("content-encoding", "gzip"),
    ] {
        let asked = asked_in_an_hour(&Endpoint::always(refusal.clone()), scheme()).await;
        assert!((5..=40).contains(&asked), "{asked} exchanges: {refusal:?}");
        let asked = asked_in_an_hour(&Endpoint::always(refusal.clone()), atlas()).await;
        assert!((5..=40).contains(&asked), "Atlas, {asked} exchanges: {refusal:?}");
        #[cfg(feature = "rotating")]
        {
            let asked = asked_in_an_hour(&Endpoint::always(refusal.clone()), rotating()).await;
            assert!((5..=40).contains(&asked), "Rotating, {asked} exchanges: {refusal:?}");
        }
    }
}

#[tokio::test(start_paused = true)]
async fn every_other_failing_answer_costs_at_most_140_exchanges_an_hour() {
    for failure in [
        answer(301, "").with("location", "https://login.example/"),
        answer(302, ""),
        answer(407, ""),
        answer(408, ""),
        answer(425, ""),
        answer(429, ""),
        answer(429, r#"{"error":"invalid_client"}"#),
        answer(500, ""),
        answer(502, "<html>bad gateway</html>"),
        answer(503, r#"{"error":"invalid_client"}"#),
        answer(504, ""),
        answer(511, ""),
        answer(400, r#"{"error":"temporarily_unavailable"}"#),
        answer(400, r#"{"error":"server_error"}"#),
        answer(400, r#"{"error":"slow_down"}"#),
        ok(r#"{"ok":false,"error":"invalid_client_id"}"#),
        ok(""),
        ok("<html>please log in</html>"),
        ok(r#"{"mfa_token":"x"}"#),
        ok(r#"{"access_token":"a b"}"#),
        ok(r#"{"access_token":"abc","token_type":"DPoP"}"#),
        ok(TOKEN).with("content-encoding", "gzip"),
        ok(TOKEN).with("age", "3600"),
    ] {
        let asked = asked_in_an_hour(&Endpoint::always(failure.clone()), scheme()).await;
        assert!((100..=140).contains(&asked), "{asked} exchanges: {failure:?}");
    }
}

/// A gateway's answer between two refusals does not shorten the pause.
#[tokio::test(start_paused = true)]
async fn an_unreadable_4xx_among_refusals_costs_no_more_than_a_refusal() {
    let endpoint = Endpoint::new(|n, _| match n % 2 {
        0 => answer(401, ""),
        _ => answer(401, r#"{"error":"invalid_client"}"#),
    });
    let asked = asked_in_an_hour(&endpoint, scheme()).await;
    assert!(asked <= 40, "{asked} exchanges");
}
