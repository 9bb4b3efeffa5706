//! What the token endpoint gets (RFC 6749 sections 2.3, 3.2 and 4.4).

use http::Method;
#[cfg(feature = "client")]
use tower_outbound_auth::AuthLayer;
use tower_outbound_auth::exchange::ExchangeErrorKind::Refused;
use tower_outbound_auth::scheme::{BasicEncoding, ClientAuth, Endpoint};
use tower_outbound_auth::{ErrorKind, Scheme};

use crate::*;

#[tokio::test(start_paused = true)]
async fn rfc6749_4_and_5_the_exchange_is_a_form_post_that_keeps_the_endpoint_s_query() {
    let server = Server::with(200, SUCCESS);
    let scheme = scheme("id", "secret")
        .with_scope("a b")
        .with_scope("read write")
        .with_audience("https://api.example")
        .with_resource("");
    server.source(scheme).token().await.unwrap();
    let [asked] = &server.asked()[..] else { panic!("one request") };
    assert_eq!(asked.method, Method::POST);
    assert_eq!(asked.uri, ENDPOINT);
    assert_eq!(asked.content_type, "application/x-www-form-urlencoded");
    assert_eq!(
        asked.body,
        "grant_type=client_credentials&scope=read+write&audience=https%3A%2F%2Fapi.example",
        "no parameter twice, and no empty one"
    );
    assert_eq!(asked.basic(), "id:secret");
}

#[tokio::test(start_paused = true)]
async fn rfc6749_2_and_3_the_credentials_travel_in_one_place_and_never_in_the_uri() {
    for (auth, in_body) in [(ClientAuth::Post, true), (ClientAuth::default(), false)] {
        let server = Server::with(200, SUCCESS);
        server.source(scheme("i d", "s&c=1").with_auth(auth)).token().await.unwrap();
        let [asked] = &server.asked()[..] else { panic!("one request") };
        assert_eq!(asked.authorization.is_none(), in_body);
        assert_eq!(asked.body.contains("client_id=i+d&client_secret=s%26c%3D1"), in_body);
        assert!(!asked.uri.contains("client"));
    }
}

/// The decoders that were observed at real servers.
fn decoder(decodes: bool, status: u16, body: &'static str) -> Server {
    Server::new(move |asked| {
        let percent = "app%3Aone%20two:p%40ss%2Bw%25rd";
        let raw = "app:one two:p@ss+w%rd";
        let expected = if decodes { percent } else { raw };
        if asked.basic() == expected { answer(200, SUCCESS) } else { answer(status, body) }
    })
}

#[tokio::test(start_paused = true)]
async fn rfc6749_1_basic_tries_the_raw_encoding_once_where_it_differs_and_remembers_what_worked() {
    for (decodes, status, body, sent) in [
        (true, 401, "", 1),
        (false, 401, r#"{"error":"invalid_client"}"#, 2),
        (false, 400, r#"{"error":"invalid_request"}"#, 2),
        (false, 403, "", 2),
    ] {
        let server = decoder(decodes, status, body);
        let source = server.source(scheme("app:one two", "p@ss+w%rd"));
        let token = source.token().await.unwrap();
        assert_eq!(server.asked().len(), sent, "{status}");
        source.reject(&token).await.unwrap_err(); // the same token again: what counts is the request
        assert_eq!(server.asked().len(), sent + 1, "{status}: it remembers");
    }
}

#[tokio::test(start_paused = true)]
async fn rfc6749_1_credentials_that_are_wrong_in_both_encodings_are_refused_and_nothing_is_learned()
{
    let server = Server::with(401, r#"{"error":"invalid_client"}"#);
    let source = server.source(scheme("app:one two", "wrong one"));
    for attempt in 1..=2 {
        assert_eq!(kind(&source.token().await.unwrap_err()), Refused);
        assert_eq!(server.asked().len(), 2 * attempt);
        assert_eq!(server.asked()[2 * attempt - 2].basic(), "app%3Aone%20two:wrong%20one");
        source.retry_now();
    }
}

#[tokio::test(start_paused = true)]
async fn rfc6749_1_where_the_encodings_agree_or_one_was_chosen_there_is_one_try() {
    let chosen = [BasicEncoding::Percent, BasicEncoding::Raw, BasicEncoding::Form];
    let chosen = chosen.map(|it| scheme("a b", "c d").with_auth(ClientAuth::Basic(it)));
    let plain = scheme("plain-id", "plain.secret~1");
    for (scheme, sent) in chosen.into_iter().zip(["a%20b:c%20d", "a b:c d", "a+b:c+d"]) {
        let server = Server::with(401, r#"{"error":"invalid_client"}"#);
        server.source(scheme).token().await.unwrap_err();
        let asked: Vec<_> = server.asked().iter().map(Asked::basic).collect();
        assert_eq!(asked, [sent]);
    }
    let server = Server::with(401, "");
    server.source(plain).token().await.unwrap_err();
    assert_eq!(server.asked().len(), 1);
}

#[test]
fn what_cannot_be_a_credential_is_said_without_being_shown() {
    for (id, secret, said) in [
        ("", "canary", "the client id is empty"),
        ("id", "", "the client secret is empty"),
        ("id", "canary\n", "ends in a line break"),
        ("id", "can\u{0}ary", "has a control character"),
    ] {
        let error = ClientCredentials::new(ENDPOINT, id, secret).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Configuration);
        assert!(error.to_string().contains(said) && !format!("{error:?}").contains("canary"));
    }
    let shown = format!("{:?}", scheme("canary-id", "canary-secret").with_scope("read"));
    assert!(!shown.contains("canary") && shown.contains("read"), "{shown}");
}

#[test]
fn tokens_of_another_scope_or_client_belong_to_somebody_else() {
    let of = |id, scope: &str| scheme(id, "secret").with_scope(scope).identity();
    assert_eq!(of("a", "read"), of("a", "read"));
    assert_ne!(of("a", "read"), of("a", "write"));
    assert_ne!(of("a", "read"), of("b", "read"));
}

#[cfg(feature = "client")]
#[test]
fn the_preset_wants_a_safe_endpoint_and_a_safe_origin() {
    let preset = |endpoint: &str, api: &str| {
        AuthLayer::client_credentials(endpoint, "id", "secret", api).map(drop)
    };
    preset("http://127.0.0.1:8080/token", "https://api.example").unwrap();
    preset("http://auth.example/token", "https://api.example").unwrap_err();
    preset("http://127.0.0.1:8080/token", "http://api.example").unwrap_err();
    preset("http://127.0.0.1:8080/token", "https://api.example/path").unwrap_err();
}

#[test]
fn a_realm_is_one_segment_of_the_path() {
    let path = |base, realm| Endpoint::keycloak(base, realm).map(|it| it.uri().path().to_owned());
    let token = "protocol/openid-connect/token";
    for (base, realm, expected) in [
        ("https://kc.example", "main", "/realms/main"),
        ("https://kc.example/", "main", "/realms/main"),
        ("https://kc.example/auth", "a b", "/auth/realms/a%20b"),
        ("https://kc.example/auth/", "../../x?y#z", "/auth/realms/..%2F..%2Fx%3Fy%23z"),
        ("https://kc.example", "é", "/realms/%C3%A9"),
    ] {
        assert_eq!(path(base, realm).unwrap(), format!("{expected}/{token}"));
    }
    for (base, realm) in [
        ("https://kc.example", ""),
        ("https://kc.example", ".."),
        ("https://kc.example", "."),
        ("https://kc.example/?x=1", "main"),
        ("http://kc.example", "main"),
        ("kc.example", "main"),
    ] {
        assert_eq!(
            path(base, realm).unwrap_err().kind(),
            ErrorKind::Configuration,
            "{base} {realm}"
        );
    }
}
