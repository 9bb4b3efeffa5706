//! Answers of a token endpoint that have no token.

use bytes::Bytes;
use http::{Request, Response};
use http_body_util::Full;
use tower::service_fn;
use tower_outbound_auth::system::{ClientCredentials, OAuth, OAuthClient, OAuthGrant};
use tower_outbound_auth::testkit::TokioClock;
use tower_outbound_auth::{Credential, TokenSource};

/// What a caller's error says when the endpoint answers so.
pub(crate) async fn said(status: u16, headers: &[(&str, &str)], body: &str) -> String {
    said_of("secret", status, headers, body).await
}

/// The same for a client with this secret.
async fn said_of(secret: &str, status: u16, headers: &[(&str, &str)], body: &str) -> String {
    let mut answer = Response::builder().status(status);
    for (name, value) in headers {
        answer = answer.header(*name, *value);
    }
    let answer = answer.body(Full::new(Bytes::from(body.to_owned()))).unwrap();
    let endpoint = service_fn(move |_: Request<Full<Bytes>>| {
        let answer = answer.clone();
        async { Ok::<_, std::io::Error>(answer) }
    });
    let system = ClientCredentials::new("https://idp.example/token", "billing", secret).unwrap();
    let source = TokenSource::builder_over_http(system, endpoint).clock(TokioClock::new()).build();
    crate::without_the_pause(&source.token().await.unwrap_err())
}

const JSON: (&str, &str) = ("content-type", "application/json");
const HTML: (&str, &str) = ("content-type", "text/html; charset=utf-8");

/// A status, headers, a body, and the text.
type Case<'a> = (u16, &'a [(&'a str, &'a str)], &'a str, &'a str);

async fn assert_said(cases: &[Case<'_>]) {
    for (status, headers, body, text) in cases {
        let text = format!(
            "no token: client_credentials (https://idp.example/token, client \"billing\"): {text}"
        );
        assert_eq!(said(*status, headers, body).await, text);
    }
}

#[tokio::test(start_paused = true)]
async fn a_success_that_has_no_token_says_what_came_instead() {
    assert_said(&[
        (
            200,
            &[HTML],
            "<html>Log in",
            "the token endpoint's answer is no JSON object, as line 1, column 1 shows: text/html, 12 bytes. A page of \
             HTML is a login page, or something in between (a proxy, a captive portal) answered: check the address \
             (status 200)",
        ),
        (200, &[JSON], "", "the token endpoint's answer is empty: application/json, 0 bytes (status 200)"),
        (
            200,
            &[JSON],
            r#"{"id":1}"#,
            "the token endpoint's answer has no token in `access_token` or `token`: application/json, 8 bytes (status 200)",
        ),
        (
            200,
            &[("content-type", "text/plain")],
            "hello",
            "the token endpoint's answer is no JSON object, as line 1, column 1 shows: text/plain, 5 bytes (status 200)",
        ),
        (
            200,
            &[JSON],
            r#"{"access_token":"a b"}"#,
            "the token has a blank, which cannot be in a header: trim it, and leave a prefix to the scheme",
        ),
        (
            200,
            &[JSON],
            r#"{"access_token":"a","token_type":"DPoP"}"#,
            "the token endpoint issued a token that is bound to a key (its type is DPoP): use `OAuth` with \
             `OAuthBuilder::dpop` (in a file, `dpop = true` in the table `oauth`)",
        ),
        (
            200,
            &[JSON],
            r#"{"access_token":"a","token_type":"MAC"}"#,
            "the token endpoint issued a token of a type that is not sent as Bearer: tokens that need a proof or a \
             signature are supported for DPoP only",
        ),
        (
            200,
            &[JSON],
            r#"{"access_token":"a","expires_in":0.5}"#,
            "the token had already expired when it arrived, or has a life of less than a second: compare the clock of \
             this machine with that of the token endpoint",
        ),
        (
            200,
            &[JSON, ("content-encoding", "gzip")],
            "zipped",
            "the token endpoint compressed its answer (gzip), which the request did not ask for (status 200)",
        ),
        (200, &[JSON], &"x".repeat(300_000), "the token endpoint's answer is longer than 256 KiB (status 200)"),
    ])
    .await;
}

#[tokio::test(start_paused = true)]
async fn a_refusal_says_what_is_refused_and_what_to_check() {
    let check = "the token endpoint refuses the credentials: check the client id and the secret";
    for (status, code, text) in [
        (401, "invalid_client", check),
        (401, "unauthorized_client", check), // Keycloak
        (
            400,
            "invalid_grant",
            "the token endpoint refuses the grant: the credentials, or the token that was shown, are wrong or have \
             expired",
        ),
        (
            403,
            "access_denied",
            "the token endpoint denies access: give this client its rights at the provider",
        ),
        (
            400,
            "invalid_authorization_details",
            "the token endpoint refuses the authorization details: ask for what this client may have",
        ),
        (
            400,
            "unauthorized_client",
            "the token endpoint does not allow this client to use this grant: allow it at the provider",
        ),
        (
            400,
            "invalid_scope",
            "the token endpoint refuses the scope: ask for one that this client may have",
        ),
        (
            400,
            "invalid_target",
            "the token endpoint refuses the audience or the resource: ask for one that it knows",
        ),
        (
            400,
            "unsupported_grant_type",
            "the token endpoint does not support this grant: check its address, and the grants of the provider",
        ),
        (
            400,
            "invalid_request",
            "the token endpoint says that the request lacks a parameter or has a wrong one: compare it with the \
             provider's documentation",
        ),
        (
            400,
            "consent_required",
            "the token endpoint wants a person to take part: give this client its rights at the provider",
        ),
    ] {
        let body = format!(r#"{{"error":"{code}"}}"#);
        assert_said(&[(status, &[JSON], &body, &format!("{text} (status {status}, {code})"))])
            .await;
    }
    let unknown = "the token endpoint refuses the request and gives no reason that is known here";
    assert_said(&[
        (
            400,
            &[HTML],
            "<p>",
            &format!("{unknown} (text/html, 3 bytes): check its address and the credentials (status 400)"),
        ),
        (
            401,
            &[],
            "",
            &format!("{unknown} (no content type, 0 bytes): check its address and the credentials (status 401)"),
        ),
        (
            401,
            &[JSON],
            r#"{"error":"Access denied"}"#,
            "the token endpoint refuses the request for a reason that is not known here: check its address, and the \
             credentials (status 401, Access_denied)",
        ),
        (
            401,
            &[JSON],
            r#"{"error":"no such secret: secret"}"#,
            "the token endpoint refuses the request for a reason that is not known here: check its address, and the \
             credentials (status 401, withheld)",
        ),
        (404, &[HTML], "<p>", "there is no token endpoint at this address: check its path (status 404)"),
    ])
    .await;
}

#[tokio::test(start_paused = true)]
async fn a_refusal_of_a_client_without_a_proof_says_nothing_of_a_secret() {
    let said = async |client: OAuthClient, grant: OAuthGrant, code: &str| {
        let body = format!(r#"{{"error":"{code}"}}"#);
        let endpoint = service_fn(move |_: Request<Full<Bytes>>| {
            let answer = Response::builder().status(401).header(JSON.0, JSON.1);
            let answer = answer.body(Full::new(Bytes::from(body.clone())));
            async { answer }
        });
        let system = OAuth::builder("https://idp.example/token").client(client).grant(grant);
        let source = TokenSource::builder_over_http(system.build().unwrap(), endpoint);
        let source = source.clock(TokioClock::new()).build();
        let text = crate::without_the_pause(&source.token().await.unwrap_err());
        text.split_once("\"): ").expect(&text).1.to_owned()
    };
    let public = || OAuthClient::public("billing");
    let assertion = || OAuthGrant::JwtBearer("a.b.c".into());
    for code in ["invalid_client", "unauthorized_client"] {
        let shown = format!(" (status 401, {code})");
        let text = "the token endpoint refuses the client, which shows no proof: the grant `client_credentials` needs a client with \
                    a proof, such as a secret or a key (RFC 6749 section 4.4)";
        let own = said(public(), OAuthGrant::ClientCredentials, code).await;
        assert_eq!(own, format!("{text}{shown}"));
        let text = "the token endpoint refuses the client, which shows no proof: check the client id, and whether the provider wants \
                    a proof, such as a secret or a key";
        assert_eq!(said(public(), assertion(), code).await, format!("{text}{shown}"));
        let text = "the token endpoint refuses the client: check the client id and the certificate";
        let tls = OAuthClient::tls("billing");
        let own = said(tls, OAuthGrant::ClientCredentials, code).await;
        assert_eq!(own, format!("{text}{shown}"));
    }
}

#[tokio::test(start_paused = true)]
async fn an_outage_says_whose_it_is() {
    assert_said(&[
        (429, &[("retry-after", "30")], "", "the token endpoint gets too many requests (status 429)"),
        (500, &[HTML], "<p>", "the token endpoint failed on its own side (status 500)"),
        (503, &[], "", "the token endpoint failed on its own side (status 503)"),
        (
            407,
            &[],
            "",
            "something in between (a proxy, a captive portal) answered in the token endpoint's place (status 407)",
        ),
        (
            400,
            &[JSON],
            r#"{"error":"slow_down"}"#,
            "the token endpoint gave no token, for a reason that may pass (status 400, slow_down)",
        ),
    ])
    .await;
}

#[tokio::test(start_paused = true)]
async fn the_system_is_named_wherever_the_error_is_seen() {
    let endpoint = service_fn(|_: Request<Full<Bytes>>| async {
        Response::builder().status(500).body(Full::<Bytes>::default())
    });
    let place = std::env::temp_dir().join(format!("outbound-auth-id-{}", std::process::id()));
    std::fs::write(&place, "billing").unwrap();
    let from_place = format!("client from file {}", place.display());
    for (id, client) in [
        (Credential::from("billing"), "client \"billing\""),
        (Credential::file(&place), &from_place),
    ] {
        let system =
            ClientCredentials::new("https://idp.example/token?key=1", id, "secret").unwrap();
        let source =
            TokenSource::builder_over_http(system, endpoint).clock(TokioClock::new()).build();
        let named = format!("client_credentials (https://idp.example/token, {client}): ");
        for seen in ["when it happens", "when it is stored"] {
            let error = source.token().await.unwrap_err();
            assert!(
                error.to_string().starts_with(&format!("no token: {named}")),
                "{seen}: {error}"
            );
        }
        let in_status = source.status().last_error.unwrap().to_string();
        assert!(in_status.starts_with(&named), "{in_status}");
    }
    std::fs::remove_file(&place).unwrap();
}

#[tokio::test(start_paused = true)]
async fn numbers_beside_the_code_are_shown_and_nothing_else_of_their_list() {
    for (numbers, shown) in [
        ("[7000215]", ", 7000215"),
        ("[70002, 50012]", ", 70002, 50012"),
        ("[1, 2, 3, 4]", ", 1, 2, 3"),
        (r#"["hunter2", -1, 1.5, 100000000, {"a": 5}, null, 700016]"#, ", 700016"),
        ("[]", ""),
        ("7000215", ""),
        (r#""7000215""#, ""),
    ] {
        for (status, code) in [(401, "invalid_client"), (400, "a_code_of_its_own")] {
            let body = format!(r#"{{"error":"{code}","error_codes":{numbers}}}"#);
            let text = said(status, &[JSON], &body).await;
            assert!(text.ends_with(&format!("(status {status}, {code}{shown})")), "{text}");
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_number_that_quotes_a_credential_is_left_out() {
    let body = r#"{"error":"invalid_client","error_codes":[4711, 7000215]}"#;
    let text = said_of("pin-4711", 401, &[JSON], body).await;
    assert!(text.ends_with("(status 401, invalid_client, 7000215)"), "{text}");
}
