//! A token endpoint that is hostile or broken, and a clock that is set while requests are on their way.

use std::time::{Duration, UNIX_EPOCH};

use tower_outbound_auth::TokenSource;
use tower_outbound_auth::exchange::{ExchangeErrorKind, from_fn};
use tower_outbound_auth::system::{HeaderScheme, JwtKey, OAuthClient, OAuthGrant, TokenExchange};
use tower_outbound_auth::testkit::ScriptedExchange;

use crate::assertions::{P256, read};
use crate::{Endpoint, OAuthBuilder, builder, source};

fn public() -> OAuthBuilder {
    builder().client(OAuthClient::public("a"))
}

/// A source whose endpoint always gives this answer.
fn answered(status: u16, body: &str) -> (TokenSource, Endpoint) {
    let body = body.to_owned();
    let endpoint = Endpoint::new(move |_| (status, body.clone()));
    let client = OAuthClient::with_secret("a", "canary-of-a-client-0123456789");
    let (source, _) = source(builder().client(client), &endpoint);
    (source, endpoint)
}

#[tokio::test]
async fn a_token_that_cannot_be_in_a_header_is_an_error_that_does_not_quote_it() {
    for token in [
        r"canary\r\nX-Admin: 1",
        r"canary\n",
        r"canary\u0000",
        r"canary\u001b[2J",
        "canaryé",
        r"canary\ud83d\ude00",
        "Bearer canary x",
        "canary canary",
    ] {
        let (source, endpoint) =
            answered(200, &format!(r#"{{"access_token":"{token}","token_type":"Bearer"}}"#));
        let error = source.token().await.unwrap_err();
        assert_eq!(error.exchange().unwrap().kind(), ExchangeErrorKind::Malformed, "{error}");
        assert!(!format!("{error} {error:?}").contains("canary"), "{error:?}");
        assert_eq!(endpoint.sent().len(), 1);
    }
}

#[tokio::test]
async fn a_type_of_a_token_that_is_not_sent_as_bearer_is_refused_in_any_spelling() {
    for token_type in ["N_A", "n_a", "N/A", "n-a", " N_A ", "DPoP", "dpop", "MAC", "PoP", "d_p_o_p"]
    {
        let body = format!(r#"{{"access_token":"t","token_type":"{token_type}","expires_in":9}}"#);
        let error = answered(200, &body).0.token().await.unwrap_err();
        assert_eq!(error.exchange().unwrap().kind(), ExchangeErrorKind::Malformed, "{token_type}");
    }
}

#[tokio::test]
async fn an_issued_type_that_is_odd_is_accepted_unless_it_is_of_another_token() {
    for (issued, usable) in [
        (r#""urn:ietf:params:oauth:token-type:access_token""#, true),
        (r#""URN:IETF:PARAMS:OAUTH:TOKEN-TYPE:ID_TOKEN""#, false),
        (r#""urn:ietf:params:oauth:token-type:saml1""#, false),
        (r#""urn:ietf:params:oauth:token-type:txn_token""#, true),
        (r#""id_token""#, true),
        ("1", true),
        ("null", true),
        (r#"["urn:ietf:params:oauth:token-type:id_token"]"#, true),
        (r#""a","issued_token_type":"b""#, false),
    ] {
        let grant = OAuthGrant::TokenExchange(TokenExchange::of("subject"));
        let body = format!(
            r#"{{"access_token":"t","token_type":"Bearer","issued_token_type":{issued},"expires_in":300}}"#
        );
        let endpoint = Endpoint::new(move |_| (200, body.clone()));
        let (source, _) = source(builder().grant(grant), &endpoint);
        let got = source.token().await;
        assert_eq!(got.is_ok(), usable, "{issued}: {got:?}");
    }
}

#[tokio::test]
async fn what_an_endpoint_says_cannot_forge_a_line_or_fill_a_log() {
    let (source, _) = answered(
        200,
        &format!(
            r#"{{"access_token":"t","token_type":"Bearer \u001b[2J{0}","scope":"a\r\nINFO all is well{0}","expires_in":300,"refresh_token":"r"}}"#,
            "y".repeat(100_000)
        ),
    );
    source.token().await.unwrap();
    let probe = source.probe().await.unwrap();
    assert!(!probe.is_refreshable, "nobody wants the refresh token");
    let text = format!("{probe} {:?} {:?}", probe, source.status());
    assert!(text.len() < 4_000 && !text.contains(char::is_control), "{text}");
    for code in [r"a\r\nINFO all is well", r"\u001b[2J", r"\u202e", &"z".repeat(100_000)] {
        for (status, body) in [
            (400, format!(r#"{{"error":"{code}"}}"#)),
            (401, format!(r#"{{"error":{{"code":"{code}"}}}}"#)),
            (200, format!(r#"{{"error":"{code}"}}"#)),
            (200, format!(r#"{{"errorCode":"{code}","error_description":"canary"}}"#)),
        ] {
            let error = answered(status, &body).0.token().await.unwrap_err();
            let text = format!("{error} {error:?}");
            assert!(!text.contains(char::is_control) && !text.contains('\u{202e}'), "{text}");
            assert!(text.len() < 3_000 && !text.contains("canary"), "{text}");
        }
    }
}

#[tokio::test]
async fn a_granted_scope_is_withheld_if_it_has_the_token_or_a_secret() {
    for (token, scope, seen) in [
        ("canary-0123456789", "read canary-0123456789", "withheld"),
        ("canary-0123456789", "read hunter2-a-canary", "withheld"),
        ("canary-0123456789", "read canary billing", "read canary billing"),
        ("r", "read canary", "read canary"),
    ] {
        let endpoint = Endpoint::new(move |_| {
            let answer =
                format!(r#"{{"access_token":"{token}","scope":"{scope}","expires_in":300}}"#);
            (200, answer)
        });
        let client = OAuthClient::with_secret("billing", "hunter2-a-canary");
        let (source, _) = source(builder().client(client).scope("read"), &endpoint);
        source.token().await.unwrap();
        assert_eq!(source.status().granted_scope.as_deref(), Some(seen), "{token} {scope}");
    }
}

#[tokio::test]
async fn a_subject_that_is_refused_again_is_an_error_after_two_requests() {
    let login = ScriptedExchange::new();
    let subject = TokenSource::new(HeaderScheme::bearer(), login.clone());
    let grant = OAuthGrant::TokenExchange(TokenExchange::of(subject));
    let endpoint = Endpoint::new(|_| (400, r#"{"error":"invalid_request"}"#.to_owned()));
    let (source, clock) = source(public().grant(grant), &endpoint);
    for _ in 0..10 {
        let error = source.token().await.unwrap_err();
        assert_eq!(error.exchange().unwrap().kind(), ExchangeErrorKind::Refused);
    }
    assert_eq!(endpoint.sent().len(), 2, "the pause of a refusal");
    assert_eq!(login.exchanges(), 2, "the subject was renewed once");
    for _ in 0..3_600 {
        clock.advance(Duration::from_secs(1));
        let _ = source.token().await;
    }
    let (sent, renewed) = (endpoint.sent().len(), login.exchanges());
    assert!(sent <= 2 * 40 && renewed <= 40, "{sent} requests, and {renewed} subjects in an hour");
}

#[tokio::test]
async fn if_the_source_of_a_subject_fails_nothing_is_sent_and_both_systems_are_named() {
    let login = from_fn(|| async {
        let kind = ExchangeErrorKind::Refused;
        Err(tower_outbound_auth::exchange::ExchangeError::new(kind, "the login is closed"))
    });
    let subject = TokenSource::new(HeaderScheme::bearer(), login);
    let endpoint = Endpoint::willing();
    let grant = OAuthGrant::TokenExchange(TokenExchange::of(subject));
    let (source, _) = source(public().grant(grant), &endpoint);
    let all = futures::future::join_all((0..100).map(|_| source.token())).await;
    for error in all {
        let error = error.unwrap_err().to_string();
        assert!(error.contains("oauth (https://idp.example/token"), "{error}");
        assert!(error.contains("the login is closed"), "{error}");
    }
    assert!(endpoint.sent().is_empty());
}

/// An hour with a caller each second.
#[tokio::test]
async fn an_endpoint_that_refuses_every_assertion_gets_few_of_them_and_each_is_new() {
    let endpoint = Endpoint::new(|_| (401, r#"{"error":"invalid_client"}"#.to_owned()));
    let client = OAuthClient::with_key("billing", JwtKey::new(P256));
    let (source, clock) = source(builder().client(client), &endpoint);
    for _ in 0..3_600 {
        let _ = source.token().await;
        clock.advance(Duration::from_secs(1));
    }
    let sent = endpoint.sent();
    assert!((5..=40).contains(&sent.len()), "{}", sent.len());
    let mut ids: Vec<_> =
        sent.iter().map(|it| read(&it.param("client_assertion")).1["jti"].to_string()).collect();
    ids.sort();
    ids.dedup();
    assert_eq!(ids.len(), sent.len());
}

#[tokio::test]
async fn an_assertion_has_the_time_of_its_own_request_however_the_clock_is_set() {
    let endpoint = Endpoint::willing();
    let client = OAuthClient::with_key("billing", JwtKey::new(P256));
    let (source, clock) = source(builder().client(client), &endpoint);
    let walls = [1_767_225_600_u64, 1_767_229_200, 1_767_222_000, 1_735_689_600, 4_000_000_000];
    for wall in walls {
        clock.set_wall(UNIX_EPOCH + Duration::from_secs(wall));
        clock.advance(Duration::from_secs(301));
        source.token().await.unwrap();
        let assertion = endpoint.sent().last().unwrap().param("client_assertion");
        let claims = read(&assertion).1;
        assert_eq!((&claims["iat"], &claims["exp"]), (&(wall + 301).into(), &(wall + 361).into()));
    }
    assert_eq!(endpoint.sent().len(), walls.len());
}
