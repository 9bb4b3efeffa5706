//! What a scheme has learned about a server is forgotten after a day, or after a refusal.

use tower_outbound_auth::system::{ClientCredentials, RefreshTokenIn};

use crate::*;

/// A client whose secret has characters that the two encodings of Basic write in two ways.
pub(crate) fn ambiguous() -> ClientCredentials {
    ClientCredentials::new(ENDPOINT, "reports", "s3cret/+").unwrap()
}

pub(crate) fn is_raw(asked: &Asked) -> bool {
    use base64::Engine;
    let basic = asked.headers["authorization"].to_str().unwrap().strip_prefix("Basic ").unwrap();
    let pair = base64::engine::general_purpose::STANDARD.decode(basic).unwrap();
    pair == b"reports:s3cret/+"
}

/// It accepts Basic only in this encoding. From request `from` on, it accepts only the other one.
fn decoding(raw_until: usize) -> Endpoint {
    Endpoint::new(move |n, asked| match is_raw(asked) == (n <= raw_until) {
        true => ok(TOKEN),
        false => answer(401, r#"{"error":"invalid_client"}"#),
    })
}

#[tokio::test(start_paused = true)]
async fn the_encoding_that_worked_is_remembered_for_a_day() {
    let endpoint = decoding(usize::MAX);
    let source = endpoint.source(ambiguous());
    let raw = |from: usize| endpoint.asked()[from..].iter().map(is_raw).collect::<Vec<_>>();
    source.token().await.unwrap();
    assert_eq!(raw(0), [false, true], "the scheme tries both encodings");
    for _ in 0..23 {
        tokio::time::sleep(secs(3_600)).await;
        source.token().await.unwrap();
    }
    assert_eq!(raw(2), [true; 23], "remembered");
    tokio::time::sleep(secs(3_600)).await;
    source.token().await.unwrap();
    assert_eq!(raw(25), [false, true], "both encodings are tried again after a day");
}

#[tokio::test(start_paused = true)]
async fn a_refusal_in_both_encodings_ends_the_hint() {
    let endpoint = Endpoint::new(|n, asked| match n {
        1 | 2 if is_raw(asked) => ok(TOKEN),
        1..=4 => answer(401, r#"{"error":"invalid_client"}"#),
        _ => ok(TOKEN),
    });
    let source = endpoint.source(ambiguous());
    source.token().await.unwrap();
    tokio::time::sleep(secs(3_600)).await;
    source.token().await.unwrap_err();
    seconds_until_a_token(&source).await;
    let raw: Vec<_> = endpoint.asked().iter().map(is_raw).collect();
    assert_eq!(raw, [false, true, true, false, false]);
}

/// It issues refresh tokens, and accepts them only if `takes` returns true.
fn refreshing(takes: impl Fn(usize) -> bool + Send + Sync + 'static, refusal: Answer) -> Endpoint {
    Endpoint::new(move |n, asked| {
        if is_refresh(asked) && !takes(n) {
            return refusal.clone();
        }
        ok(r#"{"access_token":"abc","token_type":"Bearer","expires_in":3600,"refresh_token":"r"}"#)
    })
}

fn is_refresh(asked: &Asked) -> bool {
    asked.path == "/refresh" || asked.body.contains("grant_type=refresh_token")
}

/// Which of the hourly requests used a refresh token.
async fn refreshes<S: Scheme>(endpoint: &Endpoint, scheme: S, hours: u64) -> Vec<usize> {
    let source = endpoint.source(scheme);
    for _ in 0..=hours {
        source.token().await.unwrap();
        tokio::time::sleep(secs(3_600)).await;
    }
    let asked = endpoint.asked();
    let refreshes = asked.iter().enumerate().filter(|(_, asked)| is_refresh(asked));
    refreshes.map(|(n, _)| n + 1).collect()
}

#[tokio::test(start_paused = true)]
async fn after_a_day_refresh_tokens_are_tried_again() {
    let unsupported = answer(400, r#"{"error":"unsupported_grant_type"}"#);
    let endpoint = refreshing(|n| n > 3, unsupported);
    let scheme = scheme().with_refresh_tokens();
    // Request 1 has the credentials; 2 is refused, 3 has the credentials; then a day of
    // credentials; then every request has a refresh token.
    let spent = refreshes(&endpoint, scheme, 30).await;
    assert_eq!(spent[0], 2);
    assert_eq!(spent[1], 27, "24 hours later: {spent:?}");
    assert_eq!(
        spent[2..],
        [28, 29, 30, 31, 32][..spent.len() - 2],
        "from then on refresh tokens are used"
    );
}

#[tokio::test(start_paused = true)]
async fn after_a_day_a_missing_refresh_endpoint_is_tried_again() {
    let endpoint = refreshing(|n| n > 3, answer(404, ""));
    let refresh = "https://auth.example/refresh".try_into().unwrap();
    let scheme = atlas().with_refresh(refresh, RefreshTokenIn::default());
    let spent = refreshes(&endpoint, scheme, 30).await;
    assert_eq!(spent[..2], [2, 27], "{spent:?}");
    assert_eq!(spent.len(), 7, "{spent:?}");
}

#[tokio::test(start_paused = true)]
async fn a_refusal_of_the_credentials_ends_the_hint_about_refresh_tokens() {
    let unsupported = answer(400, r#"{"error":"unsupported_grant_type"}"#);
    let refuse = |n| n == 4;
    let inner = refreshing(|n| n > 3, unsupported);
    let answers = inner.answer.clone();
    let endpoint = Endpoint::new(move |n, asked| match refuse(n) {
        true => answer(401, r#"{"error":"invalid_client"}"#),
        false => answers(n, asked),
    });
    let source = endpoint.source(scheme().with_refresh_tokens());
    source.token().await.unwrap(); // 1
    tokio::time::sleep(secs(3_600)).await;
    source.token().await.unwrap(); // 2 the refresh token, 3 the credentials
    tokio::time::sleep(secs(3_600)).await;
    source.token().await.unwrap_err(); // 4 refused
    seconds_until_a_token(&source).await; // 5
    tokio::time::sleep(secs(3_600)).await;
    source.token().await.unwrap(); // 6 the refresh token
    let refreshes: Vec<_> = endpoint.asked().iter().map(is_refresh).collect();
    assert_eq!(refreshes, [false, true, false, false, false, true]);
}
