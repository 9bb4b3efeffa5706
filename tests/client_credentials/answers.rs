//! The meaning of a token endpoint's answers (RFC 6749 section 5).

use tower_outbound_auth::exchange::ExchangeErrorKind::*;

use crate::*;

#[tokio::test(start_paused = true)]
async fn rfc6749_7_a_token_type_is_compared_without_case_and_other_types_are_errors() {
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
async fn rfc6749_6_and_9_unknown_members_and_refresh_tokens_are_ignored() {
    for body in [
        r#"{"access_token":"abc","token_type":"Bearer","refresh_token":null,"issued_token_type":null}"#,
        r#"{"id_token":"x","iat":1,"access_token":"abc","token_type":"Bearer","refresh_token":"r"}"#,
        r#"{"access_token":"abc","token_type":"Bearer","scope":"less than was asked for"}"#,
    ] {
        let token = Server::with(200, body).source(scheme("id", "secret")).token().await;
        assert_eq!(token.expect(body).expose(), "abc");
    }
}

#[tokio::test(start_paused = true)]
async fn rfc6749_11_a_known_error_code_is_a_refusal_and_everything_else_is_an_outage() {
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
        (400, r#"["invalid_client"]"#, Unavailable),
        (200, r#"["abc","Bearer",3600,null,null]"#, Malformed),
        (429, r#"{"detail":"slow down"}"#, Unavailable),
        (502, r#"{"error":"invalid_grant"}"#, Unavailable),
        (503, r#"{"error":"invalid_client"}"#, Unavailable),
        (302, "", Unavailable),
        (200, r#"{"error":"invalid_client"}"#, Refused),
        (200, "", Malformed),
        (204, "", Malformed),
    ] {
        let server = Server::with(status, body);
        let source = server.source(scheme("id", "secret"));
        let error = source.token().await.unwrap_err();
        assert_eq!(kind(&error), expected, "{status} {body}");
        assert_eq!(server.asked().len(), 1);
        source.token().await.unwrap_err();
        assert_eq!(server.asked().len(), 1, "there is no immediate retry: {status} {body}");
    }
}

#[tokio::test(start_paused = true)]
async fn rfc6750_2_a_token_that_cannot_be_in_a_header_is_an_error() {
    for (body, usable) in [
        (r#"{"access_token":"aZ09-._~+/=="}"#, true),
        (r#"{"access_token":"a b"}"#, false),
        (r#"{"access_token":"a\r\nx: y"}"#, false),
        (r#"{"access_token":"a=b"}"#, true),
        (r#"{"access_token":"=="}"#, true),
        (r#"{"access_token":"\"quoted\""}"#, true),
        (r#"{"access_token":"é"}"#, false),
        (r#"{"access_token":""}"#, false),
    ] {
        let token = Server::with(200, body).source(scheme("id", "secret")).token().await;
        assert_eq!(token.is_ok(), usable, "{body}");
    }
}

#[tokio::test(start_paused = true)]
async fn rfc6749_9_a_token_of_64_kib_works_and_a_longer_one_is_a_clear_error() {
    let source = |length| {
        let token = "x".repeat(length);
        let server = Server::with(200, format!(r#"{{"access_token":"{token}"}}"#));
        server.source(scheme("id", "secret"))
    };
    let api = Api::new(|_| answer(200, ""));
    api.call(&source(64 * 1024), get("/")).await.unwrap();
    assert_eq!(api.tokens()[0].len(), 64 * 1024);
    let error = api.call(&source(64 * 1024 + 1), get("/")).await.unwrap_err();
    let error = Error::find(&*error).unwrap();
    assert_eq!(kind(error), Malformed);
    assert!(error.to_string().contains("64 KiB"), "{error}");
    assert_eq!(api.seen().len(), 1);
}

#[tokio::test(start_paused = true)]
async fn rfc6749_9_unknown_members_duplicate_keys_and_deep_nesting_do_not_crash() {
    let with = |rest: &str| format!(r#"{{"access_token":"abc"{rest}}}"#);
    let nested = |depth| format!(r#","x":{}{}"#, "[".repeat(depth), "]".repeat(depth));
    for (body, usable) in [
        (with(r#","iat":1,"id_token":"x","":null,"Access_Token":7"#), true),
        (with(r#","x":1,"x":2"#), true),
        (with(&nested(100)), true),
        (with(&format!(r#","x":"{}""#, "y".repeat(200_000))), true),
        (with(&nested(100_000)), true),
        (with(&nested(100_000).replace("\"x\"", "\"refresh_token\"")), true),
        (with(r#","access_token":"def""#), false),
        (with(r#","expires_in":1,"expires_in":2"#), false),
        (with("") + "trailing", false),
        (format!("[{}]", with("")), false),
        ("[".repeat(100_000), false),
    ] {
        let token = Server::with(200, body.clone()).source(scheme("id", "secret")).token().await;
        let start = &body[..body.len().min(60)];
        match token {
            Ok(token) => assert!(usable && token.expose() == "abc", "{start}"),
            Err(error) => assert!(!usable && kind(&error) == Malformed, "{start}: {error}"),
        }
    }
}

#[tokio::test(start_paused = true)]
async fn rfc6749_11_after_an_error_that_a_person_must_correct_exchanges_are_rare() {
    let asked_in_an_hour = async |status, body: &'static str| {
        let server = Server::with(status, body);
        let source = server.source(scheme("id", "secret"));
        for _ in 0..3_600 {
            source.token().await.unwrap_err();
            tokio::time::sleep(secs(1)).await;
        }
        server.asked().len()
    };
    for body in [
        r#"{"error":"invalid_client"}"#,
        r#"{"error":"unauthorized_client"}"#,
        r#"{"error":"unsupported_grant_type"}"#,
        r#"{"error":"invalid_scope"}"#,
    ] {
        let asked = asked_in_an_hour(400, body).await;
        assert!((10..25).contains(&asked), "{asked} times: {body}");
    }
    let asked = asked_in_an_hour(503, "").await;
    assert!((100..200).contains(&asked), "{asked} times, in an outage");
}

/// Real servers' answers to mistakes with this grant. No two are the same.
#[tokio::test(start_paused = true)]
async fn rfc6749_11_the_errors_of_real_servers_get_the_right_kind() {
    let client = r#"{"error":"invalid_client","error_description":"client authentication failed"}"#;
    let grant =
        r#"{"error":"unsupported_grant_type","error_description":"unsupported grant_type"}"#;
    for (server, status, challenge, body, expected, code) in [
        (
            "oidc-provider, wrong secret",
            401,
            r#"Basic realm="https://op""#,
            client,
            Refused,
            "invalid_client",
        ),
        (
            "Authlib, wrong secret",
            401,
            r#"Basic error="invalid_client""#,
            client,
            Refused,
            "invalid_client",
        ),
        (
            "DOT, wrong secret",
            401,
            r#"Bearer error="invalid_client""#,
            client,
            Refused,
            "invalid_client",
        ),
        (
            "authgent, wrong secret",
            401,
            r#"Bearer realm="authgent", authorization_uri="x""#,
            client,
            Refused,
            "invalid_client",
        ),
        ("all but glewlwyd, wrong secret in the body", 401, "", client, Refused, "invalid_client"),
        ("Authlib, wrong secret, as for an assertion", 400, "", client, Refused, "invalid_client"),
        ("glewlwyd, wrong secret", 403, "", "", Unavailable, ""),
        ("most, bad grant", 400, "", grant, Refused, "unsupported_grant_type"),
        ("glewlwyd, bad grant", 400, "", "", Unavailable, ""),
        ("DOT, bad scope", 400, "", r#"{"error":"invalid_scope"}"#, Refused, "invalid_scope"),
        (
            "glewlwyd, bad scope",
            400,
            "",
            r#"{"error":"scope_invalid"}"#,
            Unavailable,
            "scope_invalid",
        ),
        (
            "oidc-provider, unknown resource",
            400,
            "",
            r#"{"error":"invalid_target"}"#,
            Refused,
            "invalid_target",
        ),
        (
            "authgent, unknown resource",
            400,
            "",
            r#"{"error":"invalid_request"}"#,
            Refused,
            "invalid_request",
        ),
        ("authgent, rate limit", 429, "", r#"{"detail":"Rate limit exceeded"}"#, Unavailable, ""),
        (
            "oidc-provider, a proof is missing",
            400,
            "",
            r#"{"error":"invalid_grant"}"#,
            Refused,
            "invalid_grant",
        ),
        (
            "authgent, a proof is missing",
            400,
            "",
            r#"{"error":"invalid_request"}"#,
            Refused,
            "invalid_request",
        ),
    ] {
        let answers = Server::new(move |_| {
            let mut response = answer(status, body);
            response.headers_mut().insert(WWW_AUTHENTICATE, HeaderValue::from_static(challenge));
            response
        });
        let error = answers.source(scheme("id", "secret")).token().await.unwrap_err();
        let exchange = error.exchange().unwrap();
        assert_eq!(exchange.kind(), expected, "{server}");
        assert_eq!(exchange.code().unwrap_or_default(), code, "{server}");
        assert_eq!(exchange.status().unwrap(), status, "{server}");
        assert_eq!(error.is_transient(), expected == Unavailable, "{server}");
        assert_eq!(answers.asked().len(), 1, "{server}");
    }
}

#[tokio::test(start_paused = true)]
async fn rfc6749_6_7_9_and_10_the_successes_of_real_servers_are_read() {
    for (server, body, usable) in [
        ("most", SUCCESS, true),
        (
            "glewlwyd",
            r#"{"access_token":"abc","token_type":"bearer","expires_in":3600,"iat":1,"scope":"x"}"#,
            true,
        ),
        (
            "authgent",
            r#"{"access_token":"abc","token_type":"Bearer","expires_in":900,"scope":"","refresh_token":null,"issued_token_type":null}"#,
            true,
        ),
        (
            "oidc-provider, scope ignored",
            r#"{"access_token":"abc","expires_in":600,"token_type":"Bearer"}"#,
            true,
        ),
        (
            "with OpenID Connect",
            r#"{"access_token":"abc","token_type":"Bearer","id_token":"a.b.c"}"#,
            true,
        ),
        (
            "with a proof that we did not send",
            r#"{"access_token":"abc","token_type":"DPoP"}"#,
            false,
        ),
    ] {
        let scheme = scheme("id", "secret").with_scope("read");
        let token = Server::with(200, body).source(scheme).token().await;
        match token {
            Ok(token) => assert!(usable && token.header_value() == "Bearer abc", "{server}"),
            Err(error) => assert!(!usable && kind(&error) == Malformed, "{server}: {error}"),
        }
    }
}
