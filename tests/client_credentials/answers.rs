//! What the token endpoint's answers mean (RFC 6749 section 5).

use tower_outbound_auth::exchange::ExchangeErrorKind::*;

use crate::*;

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
