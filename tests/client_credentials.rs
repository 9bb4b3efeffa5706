//! OAuth 2.0 client credentials, row by row of the specifications. The numbers are those of the RFCs'
//! demands: 6749-4 is the fourth of RFC 6749.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, missing_docs)]

use std::sync::{Arc, Mutex};
use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use http::header::{AGE, AUTHORIZATION, CONTENT_TYPE};
use http::{Method, Request, Response};
use http_body_util::{BodyExt, Full};
use tower::{Layer, Service, ServiceExt, service_fn};
use tower_outbound_auth::exchange::{ExchangeErrorKind, ExchangeErrorKind::*};
use tower_outbound_auth::scheme::{BasicEncoding, ClientAuth, ClientCredentials, Endpoint};
use tower_outbound_auth::testkit::TokioClock;
use tower_outbound_auth::{AuthLayer, BoxError, Error, ErrorKind, Origin, Scheme, TokenSource};

type Body = Full<Bytes>;

const ENDPOINT: &str = "https://auth.example/realms/main/token?tenant=7";
const SUCCESS: &str = r#"{"access_token":"abc","token_type":"Bearer","expires_in":3600}"#;

/// A request to the token endpoint, as it came.
#[derive(Clone, Debug)]
struct Asked {
    method: Method,
    uri: String,
    content_type: String,
    authorization: Option<String>,
    body: String,
}

impl Asked {
    fn basic(&self) -> String {
        let encoded = self.authorization.as_ref().unwrap().strip_prefix("Basic ").unwrap();
        String::from_utf8(STANDARD.decode(encoded).unwrap()).unwrap()
    }
}

/// A token endpoint that answers as it is told, and keeps what it was asked.
#[derive(Clone)]
struct Server {
    asked: Arc<Mutex<Vec<Asked>>>,
    answer: Arc<dyn Fn(&Asked) -> Response<Body> + Send + Sync>,
}

impl Server {
    fn new(answer: impl Fn(&Asked) -> Response<Body> + Send + Sync + 'static) -> Server {
        Server { asked: Arc::default(), answer: Arc::new(answer) }
    }

    fn with(status: u16, body: &'static str) -> Server {
        Server::new(move |_| answer(status, body))
    }

    fn source(&self, scheme: ClientCredentials) -> TokenSource<ClientCredentials> {
        let server = self.clone();
        let client = service_fn(move |request: Request<Body>| {
            let server = server.clone();
            async move {
                let (head, body) = request.into_parts();
                let body = body.collect().await?.to_bytes().to_vec();
                let text = |name| head.headers.get(name).map(|it| it.to_str().unwrap().to_owned());
                let asked = Asked {
                    method: head.method.clone(),
                    uri: head.uri.to_string(),
                    content_type: text(CONTENT_TYPE).unwrap_or_default(),
                    authorization: text(AUTHORIZATION),
                    body: String::from_utf8(body)?,
                };
                server.asked.lock().unwrap().push(asked.clone());
                Ok::<_, BoxError>((server.answer)(&asked))
            }
        });
        TokenSource::over_http(scheme, client).with_clock(TokioClock::new())
    }

    fn asked(&self) -> Vec<Asked> {
        self.asked.lock().unwrap().clone()
    }
}

fn answer(status: u16, body: &'static str) -> Response<Body> {
    Response::builder().status(status).body(Body::from(body)).unwrap()
}

fn scheme(id: &str, secret: &str) -> ClientCredentials {
    ClientCredentials::new(ENDPOINT, id, secret).unwrap()
}

fn kind(error: &Error) -> ExchangeErrorKind {
    error.exchange().unwrap().kind()
}

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

#[tokio::test(start_paused = true)]
async fn rfc6749_7_a_token_type_is_compared_without_case_and_another_one_is_not_used() {
    for (body, usable) in [
        (r#"{"access_token":"abc","token_type":"bearer"}"#, true),
        (r#"{"access_token":"abc","token_type":"BEARER"}"#, true),
        (r#"{"access_token":"abc"}"#, true),
        (r#"{"access_token":"abc","token_type":null}"#, true),
        (r#"{"access_token":"abc","token_type":"DPoP"}"#, false),
        (r#"{"access_token":"abc","token_type":"mac"}"#, false),
        (r#"{"access_token":"abc","token_type":"N_A"}"#, false),
    ] {
        let token = Server::with(200, body).source(scheme("id", "secret")).token().await;
        match token {
            Ok(token) => assert!(usable && token.header_value() == "Bearer abc", "{body}"),
            Err(error) => assert!(!usable && kind(&error) == Malformed, "{body}: {error}"),
        }
    }
}

#[tokio::test(start_paused = true)]
async fn rfc6749_6_and_9_unknown_members_and_refresh_tokens_are_no_hindrance() {
    for body in [
        r#"{"access_token":"abc","token_type":"Bearer","refresh_token":null,"issued_token_type":null}"#,
        r#"{"id_token":"x","iat":1,"access_token":"abc","token_type":"Bearer","refresh_token":"r"}"#,
        r#"{"access_token":"abc","token_type":"Bearer","scope":"less than was asked for"}"#,
    ] {
        Server::with(200, body).source(scheme("id", "secret")).token().await.expect(body);
    }
}

#[tokio::test(start_paused = true)]
async fn rfc6749_11_a_readable_verdict_is_refused_and_everything_else_is_an_outage() {
    for (status, body, expected) in [
        (401, r#"{"error":"invalid_client"}"#, Refused),
        (400, r#"{"error":"invalid_client"}"#, Refused),
        (400, r#"{"error":"unauthorized_client"}"#, Refused),
        (400, r#"{"error":"unsupported_grant_type"}"#, Refused),
        (400, r#"{"error":"invalid_scope"}"#, Refused),
        (400, r#"{"error":"invalid_target"}"#, Refused),
        (400, r#"{"error":"temporarily_unavailable"}"#, Unavailable),
        (400, r#"{"error":"scope_invalid"}"#, Unavailable),
        (400, "", Unavailable),
        (403, "", Unavailable),
        (401, "<html>blocked</html>", Unavailable),
        (404, r#"{"error":"invalid_client"}"#, Unavailable),
        (429, r#"{"detail":"slow down"}"#, Unavailable),
        (502, r#"{"error":"invalid_grant"}"#, Unavailable),
        (503, r#"{"error":"invalid_client"}"#, Unavailable),
        (302, "", Unavailable),
        (200, r#"{"error":"invalid_client"}"#, Malformed),
        (200, "", Malformed),
        (204, "", Malformed),
    ] {
        let server = Server::with(status, body);
        let source = server.source(scheme("id", "secret"));
        let error = source.token().await.unwrap_err();
        assert_eq!(kind(&error), expected, "{status} {body}");
        assert_eq!(server.asked().len(), 1);
        source.token().await.unwrap_err();
        assert_eq!(server.asked().len(), 1, "no hot retry: {status} {body}");
    }
}

#[tokio::test(start_paused = true)]
async fn rfc6750_2_a_token_that_is_no_b64token_is_refused_before_use() {
    for (body, usable) in [
        (r#"{"access_token":"aZ09-._~+/=="}"#, true),
        (r#"{"access_token":"a b"}"#, false),
        (r#"{"access_token":"a\r\nx: y"}"#, false),
        (r#"{"access_token":"a=b"}"#, false),
        (r#"{"access_token":"=="}"#, false),
        (r#"{"access_token":"\"quoted\""}"#, false),
        (r#"{"access_token":"é"}"#, false),
        (r#"{"access_token":""}"#, false),
    ] {
        let token = Server::with(200, body).source(scheme("id", "secret")).token().await;
        assert_eq!(token.is_ok(), usable, "{body}");
    }
}

#[tokio::test(start_paused = true)]
async fn rfc9111_1_an_age_shortens_the_life() {
    for (age, left) in [("600", 3_000), ("0", 3_600), ("soon", 3_600)] {
        let server = Server::new(move |_| {
            let mut response = answer(200, SUCCESS);
            response.headers_mut().insert(AGE, age.parse().unwrap());
            response
        });
        let source = server.source(scheme("id", "secret"));
        source.token().await.unwrap();
        assert_eq!(source.status().expires_in, Some(Duration::from_secs(left)), "{age}");
    }
}

#[tokio::test(start_paused = true)]
async fn rfc9068_1_an_opaque_token_is_fine_and_travels_as_bearer() {
    let server = Server::with(200, SUCCESS);
    let source = server.source(scheme("id", "secret"));
    let layer = AuthLayer::new(source).with_origin(Origin::parse("https://api.example").unwrap());
    let mut api = layer.layer(service_fn(|request: Request<Body>| async move {
        assert_eq!(request.headers()[AUTHORIZATION], "Bearer abc");
        Ok::<_, BoxError>(Response::new(Body::default()))
    }));
    let request = Request::get("https://api.example/v1").body(Body::default()).unwrap();
    api.ready().await.unwrap().call(request).await.unwrap();
    let elsewhere = Request::get(ENDPOINT).body(Body::default()).unwrap();
    assert!(
        api.ready().await.unwrap().call(elsewhere).await.is_err(),
        "another host: no credential"
    );
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

/// An endpoint that hands out refresh tokens; `refresh` answers to those.
fn refreshing(refresh: impl Fn() -> Response<Body> + Send + Sync + 'static) -> Server {
    Server::new(move |asked| {
        if asked.body.starts_with("grant_type=refresh_token") {
            return refresh();
        }
        answer(200, r#"{"access_token":"abc","expires_in":60,"refresh_token":"r 1"}"#)
    })
}

/// The bodies of three exchanges, a minute apart.
async fn bodies_of_three(server: Server, scheme: ClientCredentials) -> Vec<String> {
    let source = server.source(scheme);
    for _ in 0..3 {
        source.token().await.unwrap();
        tokio::time::sleep(Duration::from_secs(60)).await;
    }
    server.asked().into_iter().map(|asked| asked.body).collect()
}

const CREDENTIALS: &str = "grant_type=client_credentials&scope=a+b&resource=urn%3Ax";
const FIRST_REFRESH: &str = "grant_type=refresh_token&refresh_token=r+1&resource=urn%3Ax";
const SECOND_REFRESH: &str = "grant_type=refresh_token&refresh_token=r2&resource=urn%3Ax";

fn scheme_with_refresh() -> ClientCredentials {
    scheme("id", "secret").with_scope("a b").with_resource("urn:x").with_refresh_tokens()
}

#[tokio::test(start_paused = true)]
async fn rfc6749_6_a_refresh_token_that_was_not_asked_for_is_left_alone() {
    let server = refreshing(|| panic!("nobody asked"));
    assert_eq!(bodies_of_three(server, scheme("id", "secret")).await.len(), 3);
}

#[tokio::test(start_paused = true)]
async fn rfc6749_12_a_refresh_authenticates_the_client_and_asks_for_no_scope() {
    let server = refreshing(|| answer(200, r#"{"access_token":"def","expires_in":60}"#));
    bodies_of_three(server.clone(), scheme_with_refresh()).await;
    for asked in server.asked() {
        assert_eq!(asked.basic(), "id:secret");
        assert_eq!(asked.uri, ENDPOINT);
        assert_eq!(asked.body.contains("scope"), asked.body.contains("client_credentials"));
    }
}

#[tokio::test(start_paused = true)]
async fn rfc6749_12_a_new_refresh_token_replaces_the_old_one_and_none_keeps_it() {
    let new = r#"{"access_token":"def","expires_in":60,"refresh_token":"r2"}"#;
    let none = r#"{"access_token":"def","expires_in":60,"refresh_token":null}"#;
    for (body, third) in [(new, SECOND_REFRESH), (none, FIRST_REFRESH)] {
        let bodies = bodies_of_three(refreshing(move || answer(200, body)), scheme_with_refresh());
        assert_eq!(bodies.await, [CREDENTIALS, FIRST_REFRESH, third]);
    }
}

#[tokio::test(start_paused = true)]
async fn rfc6749_11_a_refresh_token_that_is_not_taken_is_dropped_for_the_credentials_at_once() {
    for (status, body) in [
        (400, r#"{"error":"invalid_grant"}"#),
        (400, ""),
        (401, r#"{"error":"invalid_client"}"#),
        (403, ""),
    ] {
        let bodies =
            bodies_of_three(refreshing(move || answer(status, body)), scheme_with_refresh());
        let expected = [CREDENTIALS, FIRST_REFRESH, CREDENTIALS, FIRST_REFRESH, CREDENTIALS];
        assert_eq!(bodies.await, expected, "{status} {body}");
    }
}

#[tokio::test(start_paused = true)]
async fn rfc6749_11_an_endpoint_that_knows_no_refresh_tokens_is_asked_once() {
    for (status, body) in [
        (400, r#"{"error":"unsupported_grant_type"}"#),
        (400, r#"{"error":"unauthorized_client"}"#),
        (404, ""),
        (405, ""),
        (501, ""),
    ] {
        let bodies =
            bodies_of_three(refreshing(move || answer(status, body)), scheme_with_refresh());
        let expected = [CREDENTIALS, FIRST_REFRESH, CREDENTIALS, CREDENTIALS];
        assert_eq!(bodies.await, expected, "{status} {body}");
    }
}

#[tokio::test(start_paused = true)]
async fn rfc6749_11_an_outage_says_nothing_of_a_refresh_token_and_it_is_not_sent_again() {
    for status in [500, 502, 503, 429, 408, 302] {
        let server = refreshing(move || answer(status, r#"{"error":"invalid_grant"}"#));
        let source = server.source(scheme_with_refresh());
        source.token().await.unwrap();
        tokio::time::sleep(Duration::from_secs(60)).await;
        assert_eq!(kind(&source.token().await.unwrap_err()), Unavailable, "{status}");
        assert_eq!(server.asked().len(), 2, "one request in a slot");
        tokio::time::sleep(Duration::from_secs(1)).await;
        source.token().await.unwrap();
        assert_eq!(server.asked()[2].body, CREDENTIALS, "{status}");
    }
}

#[tokio::test(start_paused = true)]
async fn rfc6749_9_an_odd_refresh_token_is_no_hindrance() {
    for odd in ["7", "true", "[]", "\"\""] {
        let body = format!(r#"{{"access_token":"abc","expires_in":60,"refresh_token":{odd}}}"#);
        let server = Server::new(move |_| {
            Response::builder().status(200).body(Body::from(body.clone())).unwrap()
        });
        let bodies = bodies_of_three(server, scheme_with_refresh()).await;
        assert_eq!(bodies, [CREDENTIALS; 3], "{odd}");
    }
}

#[tokio::test(start_paused = true)]
async fn rfc9110_4_retry_after_is_seconds_or_a_date_by_the_server_s_own_clock() {
    use http::header::{DATE, RETRY_AFTER};
    let noon = "Sun, 06 Nov 1994 12:00:00 GMT";
    for (retry_after, date, secs) in [
        ("44", None, Some(44)),
        ("Sun, 06 Nov 1994 12:01:30 GMT", Some(noon), Some(90)),
        ("Sunday, 06-Nov-94 12:01:30 GMT", Some(noon), Some(90)),
        ("Sun Nov  6 12:01:30 1994", Some(noon), Some(90)),
        ("Sun, 06 Nov 1994 11:00:00 GMT", Some(noon), Some(0)),
        ("Sun, 06 Nov 1994 12:01:30 GMT", None, None),
        ("Sun, 06 Nov 1994 12:01:30 GMT", Some("yesterday"), None),
        ("soon", Some(noon), None),
        ("-1", Some(noon), None),
        ("1e9", Some(noon), None),
    ] {
        let server = Server::new(move |_| {
            let mut response = answer(429, "");
            response.headers_mut().insert(RETRY_AFTER, retry_after.parse().unwrap());
            if let Some(date) = date {
                response.headers_mut().insert(DATE, date.parse().unwrap());
            }
            response
        });
        let error = server.source(scheme("id", "secret")).token().await.unwrap_err();
        let asked = error.exchange().unwrap().retry_after();
        assert_eq!(asked, secs.map(Duration::from_secs), "{retry_after}");
    }
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
