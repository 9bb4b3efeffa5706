//! Twelve shapes. Each test looks at what the server got.

use std::time::{Duration, SystemTime};

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use hmac::{Hmac, KeyInit, Mac};
use http::StatusCode;
use serde_json::json;
use sha2::{Digest, Sha256};
use tower_outbound_auth::Recovery;
use tower_outbound_auth::clock::{Clock, SystemClock};

use crate::imitation::{Imitation, Received, api, response};
use crate::{Secrets, get, layer, shape};

/// Calls the API twice, and returns the server. There is one login, and both calls are answered with a 200.
async fn works(
    name: &str,
    values: &[(&str, &str)],
    answer: impl Fn(&Received) -> http::Response<String> + Send + Sync + 'static,
) -> Imitation {
    let (secrets, server) = (Secrets::new(), Imitation::start(answer).await);
    let file = shape(name);
    let lines = file.lines().filter(|line| !line.is_empty() && !line.starts_with('#')).count();
    assert!(lines <= 15, "{lines} lines");
    let layer = layer(&secrets.put_into(&file, values, &server), &server);
    for _ in 0..2 {
        let response = get(&layer, &format!("{}/api", server.root)).await.unwrap();
        assert_eq!(response.status(), 200, "{name}");
    }
    assert_eq!(layer.source().status().counters.exchanges(), 1, "{name}");
    assert_eq!(layer.source().status().state.as_str(), "fresh");
    server
}

fn user_and_password(
    user: &'static str,
    password: &'static str,
) -> [(&'static str, &'static str); 2] {
    [(user, "a user"), (password, "pass & word")]
}

#[tokio::test]
async fn a_session_cookie_is_obtained_by_a_form_and_renewed_if_the_api_redirects_to_the_login() {
    let values = user_and_password("env:INTRANET_USER", "file:/run/secrets/intranet");
    let server = works("session_cookie", &values, |request| match request.path() {
        "/j_security_check" => {
            assert_eq!(request.body, "j_username=a+user&j_password=pass+%26+word");
            response(
                302,
                &[("location", "/home"), ("set-cookie", "JSESSIONID=abc; HttpOnly; Max-Age=900")],
                "",
            )
        }
        _ => api(request, "cookie", "JSESSIONID=abc"),
    })
    .await;
    assert_eq!(server.to("/j_security_check").len(), 1);

    let (secrets, server) = (
        Secrets::new(),
        Imitation::start(|request| match request.path() {
            "/j_security_check" => response(302, &[("set-cookie", "JSESSIONID=abc")], ""),
            _ => response(302, &[("location", "/login?back=/api")], ""),
        })
        .await,
    );
    let layer = layer(&secrets.put_into(&shape("session_cookie"), &values, &server), &server);
    let response = get(&layer, &format!("{}/api", server.root)).await.unwrap();
    assert_eq!(response.status(), StatusCode::FOUND);
    assert_eq!(server.to("/j_security_check").len(), 2, "the session was renewed once");
}

#[tokio::test]
async fn a_digest_of_the_time_and_a_key_is_sent_in_place_of_the_key() {
    let server =
        works("digest_of_time_and_key", &[("file:/run/secrets/feed", "the key")], |request| {
            match request.path() {
                "/session" => response(200, &[], r#"{"session":"s1","minutes":10}"#),
                _ => api(request, "x-session", "s1"),
            }
        })
        .await;
    let login = &server.to("/session")[0];
    let (time, nonce) = (login.header("x-time"), login.header("x-nonce"));
    let digest = Sha256::digest(format!("{time}{nonce}the key"));
    let hex: String = digest.iter().map(|byte| format!("{byte:02x}")).collect();
    assert_eq!(login.header("x-digest"), hex);
    assert!(time.parse::<u64>().unwrap() > 1_700_000_000 && nonce.len() == 32, "{time} {nonce}");
}

#[tokio::test]
async fn the_token_service_of_a_registry_is_asked_by_get_and_basic() {
    let values = user_and_password("env:REGISTRY_USER", "file:/run/secrets/registry");
    let server = works("container_registry", &values, |request| match request.path() {
        "/token" => response(200, &[], r#"{"token":"t1","access_token":"t1","expires_in":300}"#),
        _ => api(request, "authorization", "Bearer t1"),
    })
    .await;
    let login = &server.to("/token")[0];
    assert_eq!(login.head.method, "GET");
    assert_eq!(login.query(), "service=registry.example&scope=repository%3Ateam%2Fapp%3Apull");
    assert_eq!(
        login.header("authorization"),
        format!("Basic {}", STANDARD.encode("a user:pass & word"))
    );
}

#[tokio::test]
async fn vault_gives_a_token_to_a_role_with_a_token_of_kubernetes() {
    let place = "file:/var/run/secrets/kubernetes.io/serviceaccount/token";
    let server =
        works("vault_login_by_role", &[(place, "a.b.c")], |request| match request.path() {
            "/v1/auth/kubernetes/login" => response(
                200,
                &[],
                r#"{"auth":{"client_token":"hvs.1","lease_duration":2764800,"renewable":true}}"#,
            ),
            _ => api(request, "x-vault-token", "hvs.1"),
        })
        .await;
    let login = &server.to("/v1/auth/kubernetes/login")[0];
    assert_eq!(login.json(), json!({"role": "billing", "jwt": "a.b.c"}));
    assert_eq!(login.header("content-type"), "application/json");
}

#[tokio::test]
async fn a_code_of_the_first_answer_is_sent_in_the_second_request() {
    let values = [("env:BANK_ID", "id 1"), ("file:/run/secrets/bank", "0815")];
    let server = works("two_step_code", &values, |request| match request.path() {
        "/authorize" => response(200, &[], r#"{"data":{"code":"c&1"}}"#),
        "/token" => response(200, &[], r#"{"access_token":"t1","expires_in":"600"}"#),
        _ => api(request, "authorization", "Bearer t1"),
    })
    .await;
    assert_eq!(server.to("/authorize")[0].json(), json!({"id": "id 1", "pin": "0815"}));
    assert_eq!(server.to("/token")[0].body, "code=c%261&client=id+1");
}

#[tokio::test]
async fn a_token_ends_at_a_moment_in_the_time_zone_of_its_server() {
    let values = user_and_password("env:TOKYO_USER", "file:/run/secrets/tokyo");
    let (secrets, server) = (
        Secrets::new(),
        Imitation::start(|request| match request.path() {
            "/login" => {
                let now = SystemTime::UNIX_EPOCH + SystemClock::new().now().since_epoch();
                let end = now + Duration::from_secs(1_800 + 9 * 3_600);
                let text = httpdate_as_local(end);
                response(200, &[], &format!(r#"{{"result":{{"token":"t1","limit":"{text}"}}}}"#))
            }
            _ => api(request, "x-auth", "t1"),
        })
        .await,
    );
    let layer =
        layer(&secrets.put_into(&shape("moment_in_another_time_zone"), &values, &server), &server);
    assert_eq!(get(&layer, &format!("{}/api", server.root)).await.unwrap().status(), 200);
    let left = layer.source().status().expires_in.unwrap().as_secs();
    assert!((1_780..=1_800).contains(&left), "{left}");
}

/// `2026-01-01 09:00:00`
fn httpdate_as_local(time: SystemTime) -> String {
    const MONTHS: [&str; 12] =
        ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];
    let date = httpdate::fmt_http_date(time);
    let month = MONTHS.iter().position(|it| *it == &date[8..11]).unwrap() + 1;
    format!("{}-{month:02}-{} {}", &date[12..16], &date[5..7], &date[17..25])
}

#[tokio::test]
async fn a_success_with_a_code_is_a_refusal_of_the_credentials() {
    let values = [("env:SUITE_ID", "id"), ("file:/run/secrets/suite", "hunter2")];
    works("success_that_says_no", &values, |request| match request.path() {
        "/api" => api(request, "authorization", "Bearer t1"),
        _ => response(200, &[], r#"{"code":0,"tenant_access_token":"t1","expire":7200}"#),
    })
    .await;

    let (secrets, server) = (
        Secrets::new(),
        Imitation::start(|_| response(200, &[], r#"{"code":10014,"msg":"hunter2 is wrong"}"#))
            .await,
    );
    let layer = layer(&secrets.put_into(&shape("success_that_says_no"), &values, &server), &server);
    let error = get(&layer, &format!("{}/api", server.root)).await.unwrap_err().to_string();
    let path = "/auth/v3/tenant_access_token/internal";
    let expected = format!(
        "no token: suite ({}{path}): the token endpoint refuses the credentials: check them (status 200, 10014)",
        server.root
    );
    assert!(error.starts_with(&expected), "{error}");
}

#[tokio::test]
async fn a_body_is_signed_and_each_login_has_another_nonce() {
    let values = [("env:EXCHANGE_KEY", "key 1"), ("file:/run/secrets/exchange", "the secret")];
    let server = works("signed_body", &values, |request| match request.path() {
        "/v2/session" => response(200, &[], r#"{"token":"t1","ttl_ms":60000}"#),
        _ => api(request, "x-token", "t1"),
    })
    .await;
    let login = &server.to("/v2/session")[0];
    let mut mac = Hmac::<Sha256>::new_from_slice(b"the secret").unwrap();
    mac.update(login.body.as_bytes());
    assert_eq!(login.header("x-signature"), STANDARD.encode(mac.finalize().into_bytes()));
    assert_eq!(login.json()["key"], "key 1");
}

#[tokio::test]
async fn a_cookie_and_a_header_of_a_page_are_sent_with_the_login() {
    let values = user_and_password("env:PORTAL_USER", "file:/run/secrets/portal");
    let server = works("csrf_token", &values, |request| {
        match (request.path(), request.head.method.as_str()) {
            ("/login", "GET") => {
                response(200, &[("x-csrf-token", "c1"), ("set-cookie", "pre=p1; Path=/")], "<html>")
            }
            ("/login", _) => response(200, &[("set-cookie", "session=s1; Path=/")], ""),
            _ => api(request, "cookie", "session=s1"),
        }
    })
    .await;
    let login = &server.to("/login")[1];
    assert_eq!((login.header("x-csrf-token"), login.header("cookie")), ("c1", "pre=p1"));
}

#[tokio::test]
async fn a_token_in_a_header_has_its_end_in_the_body() {
    let values = user_and_password("env:OS_USERNAME", "file:/run/secrets/openstack");
    let server = works("token_in_a_header", &values, |request| match request.path() {
        "/v3/auth/tokens" => response(
            201,
            &[("x-subject-token", "gAAA")],
            r#"{"token":{"expires_at":"2100-01-01T00:00:00.000000Z"}}"#,
        ),
        _ => api(request, "x-auth-token", "gAAA"),
    })
    .await;
    let user = json!({"name": "a user", "domain": {"id": "default"}, "password": "pass & word"});
    let body = json!({"auth": {"identity": {"methods": ["password"], "password": {"user": user}}}});
    assert_eq!(server.to("/v3/auth/tokens")[0].json(), body);
}

#[tokio::test]
async fn a_refresh_token_brings_the_next_token_without_the_password() {
    let values = user_and_password("env:PAIR_USER", "file:/run/secrets/pair");
    let (secrets, server) = (
        Secrets::new(),
        Imitation::start(|request| match request.path() {
            "/api/token/" => response(200, &[], r#"{"access":"a1","refresh":"r1"}"#),
            "/api/token/refresh/" if request.json()["refresh"] == "r1" => {
                response(200, &[], r#"{"access":"a2"}"#)
            }
            _ if request.path() == "/api" => api(request, "authorization", "Bearer a2"),
            _ => response(401, &[], "{}"),
        })
        .await,
    );
    let layer = layer(&secrets.put_into(&shape("pair_of_tokens"), &values, &server), &server);
    let response = get(&layer, &format!("{}/api", server.root)).await.unwrap();
    assert_eq!(response.status(), 200);
    assert_eq!(response.extensions().get(), Some(&Recovery::Replayed));
    let paths: Vec<_> = server.received().iter().map(|it| it.path().to_owned()).collect();
    assert_eq!(paths, ["/api/token/", "/api", "/api/token/refresh/", "/api"]);
}

#[tokio::test]
async fn a_tenant_in_the_path_is_encoded_and_the_answer_is_the_bare_token() {
    let values = [("env:TENANT", "a/b c"), ("file:/run/secrets/tenants", "k1")];
    let server = works("tenant_in_the_path", &values, |request| match request.path() {
        "/a%2Fb%20c/session" if request.head.method == "PUT" => response(200, &[], "t1\n"),
        _ => api(request, "authorization", "Bearer t1"),
    })
    .await;
    assert_eq!(server.received()[0].header("x-api-key"), "k1");
    assert_eq!(server.received()[0].header("content-length"), "0");
}
