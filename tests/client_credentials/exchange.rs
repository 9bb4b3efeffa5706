//! What the token endpoint gets (RFC 6749 sections 2.3, 3.2 and 4.4).

use http::Method;
use http::header::LOCATION;
#[cfg(feature = "client")]
use tower_outbound_auth::AuthLayer;
use tower_outbound_auth::ErrorKind;
use tower_outbound_auth::endpoint::{Grant, TokenEndpoint};
use tower_outbound_auth::exchange::ExchangeErrorKind::Refused;
use tower_outbound_auth::system::{BasicEncoding, ClientAuth};

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
        "each parameter occurs once and is not empty"
    );
    assert_eq!(asked.basic(), "id:secret");
}

#[tokio::test(start_paused = true)]
async fn rfc6749_2_and_3_and_oauth21_4_the_credentials_travel_in_one_place_and_never_in_the_uri() {
    for (auth, in_body) in [(ClientAuth::Post, true), (ClientAuth::default(), false)] {
        let server = Server::with(200, SUCCESS);
        server.source(scheme("i d", "s&c=1").with_auth(auth)).token().await.unwrap();
        let [asked] = &server.asked()[..] else { panic!("one request") };
        assert_eq!(asked.authorization.is_none(), in_body);
        assert_eq!(asked.body.contains("client_id=i+d&client_secret=s%26c%3D1"), in_body);
        for name in ["client_id", "client_secret"] {
            assert_eq!(asked.body.matches(name).count(), usize::from(in_body), "{name}");
        }
        assert_eq!(asked.uri, ENDPOINT);
    }
}

/// The decoding of real servers.
fn decoder(decodes: bool, status: u16, body: &'static str) -> Server {
    Server::new(move |asked| {
        let percent = "app%3Aone%20two:p%40ss%2Bw%25rd";
        let raw = "app:one two:p@ss+w%rd";
        let expected = if decodes { percent } else { raw };
        if asked.basic() == expected { answer(200, SUCCESS) } else { answer(status, body) }
    })
}

#[tokio::test(start_paused = true)]
async fn rfc6749_1_basic_tries_the_raw_encoding_once_if_it_differs_and_remembers_what_worked() {
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
        source.reject(&token).await.unwrap_err(); // the same token again: only the request matters
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
async fn rfc6749_1_if_the_encodings_agree_or_one_was_chosen_there_is_one_try() {
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
fn rfc7617_and_6749_13_the_error_for_an_unusable_credential_does_not_show_it() {
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
fn rfc9700_3_the_identity_of_a_token_has_its_client_scope_and_resource_server() {
    let base = || scheme("a", "secret").with_scope("read").with_resource("urn:x");
    let elsewhere = |endpoint: &str| {
        let scheme = ClientCredentials::new(endpoint, "a", "secret").unwrap();
        scheme.with_scope("read").with_resource("urn:x")
    };
    let identity = base().identity();
    assert_eq!(identity, base().identity());
    for other in [
        scheme("b", "secret").with_scope("read").with_resource("urn:x"),
        base().with_scope("write"),
        base().with_scope(""),
        base().with_resource("urn:y"),
        base().with_audience("urn:x"),
        scheme("a", "secret").with_scope("read").with_audience("urn:x"), // the same text in another part
        scheme("a", "secret").with_scope("read urn:x"),                  // both texts in one part
        elsewhere("https://auth.example/realms/other/token?tenant=7"),
        elsewhere("https://auth.example/realms/main/token?tenant=8"),
    ] {
        assert_ne!(other.identity(), identity, "{other:?}");
    }
}

#[cfg(feature = "client")]
#[test]
fn the_preset_needs_a_safe_endpoint_and_a_safe_origin() {
    let preset = |endpoint: &str, api: &str| {
        AuthLayer::client_credentials(endpoint, "id", "secret", api).map(drop)
    };
    preset("http://127.0.0.1:8080/token", "https://api.example").unwrap();
    for (endpoint, api, says) in [
        ("http://auth.example/token", "https://api.example", "http://auth.example would get"),
        ("http://127.0.0.1:8080/token", "http://api.example", "api.example"),
        ("http://127.0.0.1:8080/token", "https://api.example/path", "a scheme, a host and"),
    ] {
        let error = preset(endpoint, api).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Configuration, "{error}");
        assert!(error.to_string().contains(says), "{error}");
    }
}

#[test]
fn a_realm_is_one_segment_of_the_path() {
    let path =
        |base, realm| TokenEndpoint::keycloak(base, realm).map(|it| it.uri().path().to_owned());
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

#[tokio::test(start_paused = true)]
async fn rfc6749_1_after_an_error_that_is_not_about_the_client_no_other_encoding_is_tried() {
    for code in ["invalid_scope", "invalid_target", "unsupported_grant_type"] {
        let server = Server::new(move |asked| {
            let understood = asked.basic() == "app%3Aone%20two:p%40ss";
            let code = if understood { code } else { "invalid_client" };
            answer(400, format!(r#"{{"error":"{code}"}}"#))
        });
        let error = server.source(scheme("app:one two", "p@ss")).token().await.unwrap_err();
        assert_eq!(
            error.exchange().unwrap().code(),
            Some(code),
            "the error has the endpoint's code"
        );
        assert_eq!(server.asked().len(), 1, "{code}");
    }
}

#[tokio::test(start_paused = true)]
async fn rfc6749_1_two_sources_of_one_scheme_learn_the_same_encoding_at_once() {
    let scheme = Arc::new(scheme("app:one two", "p@ss+w%rd"));
    let server = decoder(false, 401, r#"{"error":"invalid_client"}"#).with_latency(secs(1));
    let (one, two) = (server.source(scheme.clone()), server.source(scheme.clone()));
    let (first, second) = tokio::join!(one.token(), two.token());
    assert_eq!((first.is_ok(), second.is_ok()), (true, true));
    assert_eq!(server.asked().len(), 4);
    server.source(scheme).token().await.unwrap();
    assert_eq!(server.asked().len(), 5, "the encoding is remembered");
}

#[tokio::test(start_paused = true)]
async fn rfc6749_1_an_encoding_that_another_source_has_just_learned_is_still_tried() {
    let scheme = Arc::new(scheme("app:one two", "p@ss+w%rd"));
    let server = decoder(false, 401, r#"{"error":"invalid_client"}"#).with_latency(secs(2));
    let (one, two) = (server.source(scheme.clone()), server.source(scheme));
    let late = async {
        tokio::time::sleep(secs(3)).await; // the first source has sent its second request
        two.token().await // it learns the encoding before this source is refused
    };
    let (first, second) = tokio::join!(one.token(), late);
    assert_eq!((first.is_ok(), second.is_ok()), (true, true));
}

#[test]
fn rfc6749_4_an_endpoint_with_a_fragment_is_an_error() {
    let error = TokenEndpoint::parse("https://auth.example/token#top").unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Configuration);
    TokenEndpoint::parse("https://auth.example/token?a=1&b=%23").unwrap();
}

#[tokio::test(start_paused = true)]
async fn rfc6749_5_and_7617_credentials_that_are_not_ascii_are_sent_as_utf_8() {
    let sent = async |auth| {
        let server = Server::with(200, SUCCESS);
        let scheme = scheme("é:£", "€ 1").with_scope("größe").with_auth(auth);
        server.source(scheme).token().await.unwrap();
        server.asked().remove(0)
    };
    let percent = sent(ClientAuth::default()).await;
    assert_eq!(percent.basic(), "%C3%A9%3A%C2%A3:%E2%82%AC%201", "the colon of the id is encoded");
    assert_eq!(percent.body, "grant_type=client_credentials&scope=gr%C3%B6%C3%9Fe");
    assert_eq!(sent(ClientAuth::Basic(BasicEncoding::Raw)).await.basic(), "é:£:€ 1");
    let post = sent(ClientAuth::Post).await.body;
    assert!(post.ends_with("&client_id=%C3%A9%3A%C2%A3&client_secret=%E2%82%AC+1"), "{post}");
}

#[tokio::test(start_paused = true)]
async fn oauth21_5_the_credentials_can_be_sent_in_the_body() {
    let server = Server::new(|asked| {
        let shown = asked.body.contains("client_id=id&client_secret=secret");
        let taken = shown && asked.authorization.is_none();
        if taken { answer(200, SUCCESS) } else { answer(401, r#"{"error":"invalid_client"}"#) }
    });
    server.source(scheme("id", "secret").with_auth(ClientAuth::Post)).token().await.unwrap();
    let basic = server.source(scheme("id", "secret")).token().await.unwrap_err();
    assert_eq!(kind(&basic), Refused, "the refusal is reported, and no other way is tried");
    assert_eq!(server.asked().len(), 2);
}

#[tokio::test(start_paused = true)]
async fn rfc9110_3_a_redirect_of_the_token_endpoint_is_not_followed() {
    for status in [301, 302, 303, 307, 308] {
        let server = Server::new(move |_| {
            let mut redirect = answer(status, SUCCESS);
            let elsewhere = "https://evil.test/token".parse().unwrap();
            redirect.headers_mut().insert(LOCATION, elsewhere);
            redirect
        });
        let error = server.source(scheme("id", "secret")).token().await.unwrap_err();
        assert_eq!(error.exchange().unwrap().status().map(|it| it.as_u16()), Some(status));
        let uris: Vec<_> = server.asked().into_iter().map(|asked| asked.uri).collect();
        assert_eq!(uris, [ENDPOINT]);
    }
}
