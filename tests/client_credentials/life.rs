//! How long a token lives (RFC 6749 section 5.1, RFC 7519 section 4.1).

use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use http::header::{AGE, DATE, HeaderName};
use tower_outbound_auth::exchange::ExchangeErrorKind::{Expired, Unavailable};

use crate::*;

/// Where the wall clock of these tests begins.
const NEW_YEAR: u64 = 1_735_689_600;
const HUNDRED_YEARS: u64 = 3_155_760_000;
const DEFAULT: u64 = 300;

fn jwt(claims: &str) -> String {
    let part = |text: &str| URL_SAFE_NO_PAD.encode(text);
    format!("{}.{}.c2ln", part(r#"{"alg":"RS256","typ":"at+jwt"}"#), part(claims))
}

/// An answer with this token and with `member` about its life.
fn issued(token: &str, member: &str) -> String {
    format!(r#"{{"access_token":"{token}"{member}}}"#)
}

/// How many seconds the token in this answer lives. None if it had already expired.
async fn life(body: String) -> Option<u64> {
    let source = Server::with(200, body).source(scheme("id", "secret"));
    match source.token().await {
        Ok(_) => source.status().expires_in.map(|left| left.as_secs()),
        Err(error) => {
            assert_eq!(kind(&error), Expired);
            None
        }
    }
}

#[tokio::test(start_paused = true)]
async fn rfc6749_8_a_life_begins_when_the_request_is_sent() {
    let server = Server::with(200, issued("abc", r#","expires_in":60"#)).with_latency(secs(5));
    let source = server.source(scheme("id", "secret"));
    source.token().await.unwrap();
    assert_eq!(source.status().expires_in, Some(secs(55)));
}

#[tokio::test(start_paused = true)]
async fn rfc6749_8_without_expires_in_the_token_s_exp_counts_else_the_default() {
    let dated = jwt(&format!(r#"{{"exp":{}}}"#, NEW_YEAR + 120));
    let meant = jwt(r#"{"iat":1000,"exp":1090}"#);
    for (token, member, expected) in [
        (&*dated, "", 120),
        (&meant, "", 90),
        (&jwt("{}"), "", DEFAULT),
        ("opaque", "", DEFAULT),
        ("opaque", r#","expires_in":null"#, DEFAULT),
        ("opaque", r#","expires_in":{}"#, DEFAULT),
        (&dated, r#","expires_in":60"#, 60),
    ] {
        assert_eq!(life(issued(token, member)).await, Some(expected), "{token} {member}");
    }
}

#[tokio::test(start_paused = true)]
async fn rfc6749_8_the_user_sets_the_default_life_and_it_is_limited() {
    let server = Server::with(200, issued("opaque", ""));
    let source = server.source(scheme("id", "secret"));
    let source = source.to_builder().default_lifetime(secs(20)).build();
    source.token().await.unwrap();
    assert_eq!(source.status().expires_in, Some(secs(20)));
    tokio::time::sleep(secs(20)).await;
    source.token().await.unwrap();
    assert_eq!(server.asked().len(), 2, "a token without a stated life is renewed too");
}

#[tokio::test(start_paused = true)]
async fn oauth21_7_a_life_may_be_a_number_or_a_text_with_a_number() {
    for (expires_in, expected) in [
        ("3600", Some(3_600)),
        (r#""3600""#, Some(3_600)),
        (r#"" 3600 ""#, Some(3_600)),
        ("3600.9", Some(3_600)),
        ("1e308", Some(HUNDRED_YEARS)),
        (r#""an hour""#, Some(DEFAULT)),
        ("0", Some(DEFAULT)),
        ("-1", Some(DEFAULT)),
        (r#""-1""#, Some(DEFAULT)),
        ("0.5", None),
    ] {
        let body = issued("abc", &format!(r#","expires_in":{expires_in}"#));
        assert_eq!(life(body).await, expected, "{expires_in}");
    }
}

#[tokio::test(start_paused = true)]
async fn rfc9068_1_and_oauth21_3_the_form_of_a_token_makes_no_difference() {
    let past = jwt(r#"{"exp":1}"#);
    let bad_json = format!("e30.{}.c2ln", URL_SAFE_NO_PAD.encode("{no json"));
    for token in
        ["opaque", "a.b.c", "a.b.c.d.e", "..", "a.", &jwt("[]"), &jwt("7"), &bad_json, &past]
    {
        let server = Server::with(200, issued(token, r#","expires_in":3600"#));
        let (source, api) = (server.source(scheme("id", "secret")), Api::new(|_| answer(200, "")));
        api.call(&source, get("/")).await.unwrap();
        assert_eq!(api.tokens(), [token]);
        assert_eq!(source.status().expires_in, Some(secs(3_600)), "{token}");
    }
}

#[tokio::test(start_paused = true)]
async fn rfc7519_1_every_value_of_a_numeric_date_has_a_defined_meaning() {
    let soon = (NEW_YEAR + 120).to_string();
    for (exp, expected) in [
        (format!("{soon}.9"), Some(120)),
        (format!("{soon}.0e0"), Some(120)),
        (format!("\"{soon}\""), Some(120)),
        ("1e308".into(), Some(HUNDRED_YEARS)),
        ("18446744073709551616".into(), Some(HUNDRED_YEARS)),
        // Not a date.
        ("-1".into(), Some(DEFAULT)),
        ("-1e308".into(), Some(DEFAULT)),
        ("\"123\"".into(), Some(DEFAULT)),
        ((NEW_YEAR - 1).to_string(), None),
        ("\"tomorrow\"".into(), Some(DEFAULT)),
        ("null".into(), Some(DEFAULT)),
        ("[]".into(), Some(DEFAULT)),
    ] {
        let token = jwt(&format!(r#"{{"exp":{exp}}}"#));
        assert_eq!(life(issued(&token, "")).await, expected, "{exp}");
    }
}

#[tokio::test(start_paused = true)]
async fn rfc7519_2_a_token_expires_at_its_exp_and_not_before() {
    let body = issued(&jwt(&format!(r#"{{"exp":{}}}"#, NEW_YEAR + 60)), "");
    let asked = AtomicUsize::new(0);
    let server = Server::new(move |_| match asked.fetch_add(1, Ordering::Relaxed) {
        0 => answer(200, body.clone()),
        _ => answer(503, ""),
    });
    let source = server.source(scheme("id", "secret"));
    source.token().await.unwrap();
    tokio::time::sleep(Duration::from_millis(59_999)).await;
    source.token().await.expect("a millisecond before");
    tokio::time::sleep(Duration::from_millis(1)).await;
    assert_eq!(kind(&source.token().await.unwrap_err()), Unavailable);
}

/// The API decides by its own clock whether a token is already valid, because our clock may be
/// slow.
#[tokio::test(start_paused = true)]
async fn rfc7519_3_the_api_decides_about_a_token_that_is_not_valid_yet() {
    for (nbf, valid) in [(NEW_YEAR + 30, true), (NEW_YEAR + 3_600, false)] {
        let server = Server::new({
            let issued_so_far = AtomicUsize::new(0);
            move |_| {
                let n = issued_so_far.fetch_add(1, Ordering::Relaxed);
                let token = jwt(&format!(r#"{{"jti":{n},"nbf":{nbf},"exp":{}}}"#, nbf + 60));
                answer(200, issued(&token, ""))
            }
        });
        let api = Api::new(move |_| answer(if valid { 200 } else { 401 }, "not yet"));
        let source = server.source(scheme("id", "secret"));
        let response = api.call(&source, get("/")).await.unwrap();
        assert_eq!(response.status().is_success(), valid);
        assert_eq!(text(response).await, "not yet");
        let sent = if valid { 1 } else { 2 };
        assert_eq!((server.asked().len(), api.seen().len()), (sent, sent), "there is no loop");
    }
}

/// The life of a token whose answer has this header.
async fn life_with(name: HeaderName, value: &'static str) -> Option<Duration> {
    let server = Server::new(move |_| {
        let mut response = answer(200, SUCCESS);
        response.headers_mut().insert(name.clone(), value.parse().unwrap());
        response
    });
    let source = server.source(scheme("id", "secret"));
    source.token().await.unwrap();
    source.status().expires_in
}

#[tokio::test(start_paused = true)]
async fn rfc9111_1_an_age_shortens_the_life() {
    for (age, left) in [("600", 3_000), ("0", 3_600), ("soon", 3_600), ("-600", 3_600)] {
        assert_eq!(life_with(AGE, age).await, Some(secs(left)), "{age}");
    }
}

#[tokio::test(start_paused = true)]
async fn rfc9110_5_a_wrong_date_does_not_change_the_expiry_of_a_token_with_only_an_exp() {
    for date in [
        "Thu, 01 Jan 1970 00:00:00 GMT",
        "Tue, 31 Dec 2024 23:59:52 GMT",
        "Wed, 01 Jan 2025 00:00:08 GMT",
        "Fri, 31 Dec 9999 23:59:59 GMT",
    ] {
        let body = issued(&jwt(&format!(r#"{{"exp":{}}}"#, NEW_YEAR + 120)), "");
        let server = Server::new(move |_| {
            let mut response = answer(200, body.clone());
            response.headers_mut().insert(DATE, date.parse().unwrap());
            response
        });
        let source = server.source(scheme("id", "secret"));
        source.token().await.unwrap();
        assert_eq!(source.status().expires_in, Some(secs(120)), "{date}");
    }
}

#[tokio::test(start_paused = true)]
async fn rfc9110_5_a_wrong_date_changes_nothing() {
    for date in [
        "Thu, 01 Jan 1970 00:00:00 GMT",
        "Wed, 01 Jan 2025 00:00:08 GMT",
        "Fri, 31 Dec 9999 23:59:59 GMT",
        "yesterday",
    ] {
        assert_eq!(life_with(DATE, date).await, Some(secs(3_600)), "{date}");
    }
}
