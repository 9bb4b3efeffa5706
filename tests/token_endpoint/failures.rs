//! Answers without a token: whether they are refusals or outages, and their codes.

use tower_outbound_auth::exchange::ExchangeErrorKind::{Malformed, Refused, Unavailable};

use crate::*;

/// A code that only a person can correct is a refusal with each of these statuses.
const REFUSED: [&str; 14] = [
    "invalid_client",
    "unauthorized_client",
    "unsupported_grant_type",
    "invalid_scope",
    "invalid_target",
    "invalid_grant",
    "invalid_request",
    "access_denied",
    "consent_required",
    "interaction_required",
    "invalid_authorization_details",
    "unmet_authentication_requirements",
    "incorrect_client_credentials",
    "bad_refresh_token",
];

/// The places where servers put the code.
fn forms(code: &str) -> [String; 7] {
    [
        format!(r#"{{"error":"{code}","error_description":"hunter2"}}"#),
        format!(r#"{{"ok":false,"error":"{code}"}}"#),
        format!(r#"{{"error":{{"code":"{code}","message":"hunter2"}}}}"#),
        format!(r#"{{"errors":[{{"code":"{code}","message":"hunter2"}}]}}"#),
        format!(r#"{{"errorCode":"{code}","errorSummary":"hunter2","errorCauses":[]}}"#),
        format!(r#"{{"error":"","errorCode":"{code}"}}"#),
        format!(r#"{{"access_token":null,"error":"{code}"}}"#),
    ]
}

#[tokio::test(start_paused = true)]
async fn a_refusal_code_is_found_in_every_place_and_with_every_possible_status() {
    for code in REFUSED {
        for body in forms(code) {
            for status in [200, 201, 400, 401, 403] {
                let error = value_of(scheme(), &answer(status, body.clone())).await.unwrap_err();
                assert_eq!(kind(&error), Refused, "{status} {body}");
                assert_eq!(error.code(), Some(code), "{status} {body}");
                assert_eq!(error.status().unwrap(), status, "{body}");
                assert!(!format!("{error:?}").contains("hunter2"), "{body}");
            }
        }
    }
}

#[tokio::test(start_paused = true)]
async fn atlas_and_rotating_read_the_code_in_the_same_places() {
    for body in forms("BAD_CREDENTIALS") {
        for status in [200, 400, 401] {
            let error = value_of(atlas(), &answer(status, body.clone())).await.unwrap_err();
            assert_eq!(kind(&error), Refused, "{status} {body}");
            assert_eq!(error.code(), Some("BAD_CREDENTIALS"), "{status} {body}");
            #[cfg(feature = "rotating")]
            {
                let error = value_of(rotating(), &answer(status, body.clone())).await.unwrap_err();
                assert_eq!(kind(&error), Refused, "{status} {body}");
                assert_eq!(error.code(), Some("BAD_CREDENTIALS"), "{status} {body}");
            }
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_temporary_code_is_an_outage() {
    for code in [
        "temporarily_unavailable",
        "server_error",
        "internal_failure",
        "slow_down",
        "invalid_client_id",
    ] {
        for body in forms(code) {
            for status in [200, 400, 401, 403] {
                let error = value_of(scheme(), &answer(status, body.clone())).await.unwrap_err();
                assert_eq!(kind(&error), Unavailable, "{status} {body}");
                assert_eq!(error.code(), Some(code), "{status} {body}");
            }
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_failure_without_a_code_in_a_2xx_is_an_outage_and_not_malformed() {
    for body in [
        r#"{"ok":false}"#,
        r#"{"error":{"message":"no"}}"#,
        r#"{"error":true}"#,
        r#"{"errors":[{"message":"no"}]}"#,
        r#"{"errors":["no"]}"#,
        r#"{"ok":false,"access_token":"abc"}"#,
    ] {
        let error = value_of(scheme(), &ok(body)).await.unwrap_err();
        assert_eq!((kind(&error), error.code()), (Unavailable, None), "{body}");
    }
}

#[tokio::test(start_paused = true)]
async fn an_error_that_is_null_or_empty_is_ignored() {
    for rest in [
        r#""error":null,"error_description":null"#,
        r#""ok":true,"error":"""#,
        r#""error":false"#,
        r#""error":0"#,
        r#""error":{}"#,
        r#""errors":[]"#,
        r#""errors":null"#,
        r#""errorCode":null"#,
        r#""errorCode":0"#,
        r#""errorCode":"0""#,
        r#""error":"none""#,
    ] {
        let body = format!(r#"{{"access_token":"abc","expires_in":3600,{rest}}}"#);
        assert_eq!(value_of(scheme(), &ok(body.clone())).await.unwrap(), "Bearer abc", "{body}");
        assert_eq!(value_of(atlas(), &ok(body.clone())).await.unwrap(), "abc", "{body}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_known_code_beside_a_token_is_a_refusal() {
    let body = r#"{"access_token":"abc","error":"invalid_client"}"#;
    assert_eq!(kind(&value_of(scheme(), &ok(body)).await.unwrap_err()), Refused);
}

#[tokio::test(start_paused = true)]
async fn a_code_in_an_overload_or_an_outage_is_ignored() {
    for body in forms("invalid_client") {
        for status in [408, 425, 429, 500, 502, 503, 504] {
            for error in [
                value_of(scheme(), &answer(status, body.clone())).await.unwrap_err(),
                value_of(atlas(), &answer(status, body.clone())).await.unwrap_err(),
            ] {
                assert_eq!(kind(&error), Unavailable, "{status} {body}");
                assert_eq!(error.code(), None, "{status} {body}");
            }
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_code_that_quotes_the_secret_is_withheld() {
    for body in forms("s3cret is wrong") {
        for status in [200, 401] {
            let error = value_of(scheme(), &answer(status, body.clone())).await.unwrap_err();
            assert_eq!(error.code(), Some("withheld"), "{body}");
            let error = value_of(atlas(), &answer(status, body.clone())).await.unwrap_err();
            assert_eq!(error.code(), Some("withheld"), "{body}");
        }
    }
}

#[tokio::test(start_paused = true)]
async fn an_answer_of_a_proxy_is_an_outage_and_the_error_names_the_redirect_s_origin() {
    for status in [301, 302, 303, 307, 308] {
        let answer = answer(status, "<html>hunter2</html>")
            .with("location", "https://login.example:8443/portal?hunter2#hunter2");
        for error in [
            value_of(scheme(), &answer).await.unwrap_err(),
            value_of(atlas(), &answer).await.unwrap_err(),
        ] {
            assert_eq!(kind(&error), Unavailable, "{status}");
            let text = error.to_string();
            assert!(text.contains("something in between"), "{status}: {text}");
            assert!(text.contains("https://login.example:8443"), "{status}: {text}");
            assert!(!format!("{error:?}").contains("hunter2"), "{status}: {error:?}");
        }
    }
    for location in ["/login?hunter2", "", "https://user:hunter2@login.example/", "hunter2:x"] {
        let answer = answer(302, "").with("location", location);
        let error = value_of(scheme(), &answer).await.unwrap_err();
        assert!(error.to_string().contains("something in between"), "{location}: {error}");
        assert!(!format!("{error:?}").contains("hunter2"), "{location}: {error:?}");
    }
    for status in [407, 511] {
        let error = value_of(scheme(), &answer(status, "")).await.unwrap_err();
        assert_eq!(kind(&error), Unavailable, "{status}");
        assert!(error.to_string().contains("something in between"), "{status}: {error}");
    }
}

#[tokio::test(start_paused = true)]
async fn the_error_says_that_there_is_no_token_endpoint_at_the_address() {
    for status in [404, 405, 410] {
        for error in [
            value_of(scheme(), &answer(status, r#"{"error":"invalid_client"}"#)).await.unwrap_err(),
            value_of(atlas(), &answer(status, "")).await.unwrap_err(),
        ] {
            assert_eq!(kind(&error), Unavailable, "{status}");
            assert!(error.to_string().contains("no token endpoint"), "{status}: {error}");
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_success_without_token_or_code_is_malformed_and_the_error_describes_the_body() {
    for (answer, what) in [
        (
            ok("<html>hunter2</html>").with("content-type", "text/html; charset=utf-8"),
            "text/html, 20 bytes",
        ),
        (ok("").json(), "application/json, 0 bytes"),
        (ok(r#"{"mfa_token":"hunter2"}"#).json(), "application/json, 23 bytes"),
        (ok(r#"{"access_token":7}"#), "no content type, 18 bytes"),
        (ok("x").with("content-type", "text/hunter2"), "another content type, 1 byte"),
        (ok(r#"["hunter2"]"#).json(), "application/json, 11 bytes"),
    ] {
        for error in [
            value_of(scheme(), &answer).await.unwrap_err(),
            value_of(atlas(), &answer).await.unwrap_err(),
        ] {
            assert_eq!(kind(&error), Malformed, "{answer:?}");
            assert!(error.to_string().contains(what), "{answer:?}: {error}");
            assert!(!format!("{error:?}").contains("hunter2"), "{error:?}");
        }
    }
}

/// What servers quote: the whole header, the secret in some encoding, the first characters of a key.
#[tokio::test(start_paused = true)]
async fn a_code_that_quotes_a_part_of_a_credential_in_any_encoding_is_withheld() {
    use base64::Engine;
    use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};

    let secret = "hun/ter+2";
    let quotes = |id: &str| {
        let pair = format!("{id}:{secret}");
        vec![
            secret.to_owned(),
            "bad hun/te...".to_owned(),
            "bad /ter+2".to_owned(),
            "HUN/TER+2".to_owned(),
            "hun%2Fter%2B2".to_owned(),
            r"hun\/ter+2".to_owned(),
            STANDARD.encode(secret),
            STANDARD.encode(&pair),
            URL_SAFE_NO_PAD.encode(&pair),
            STANDARD.encode(&pair)[..7].to_owned(),
            STANDARD.encode(format!("{id}:hun%2Fter%2B2")),
            format!("got {}", &STANDARD.encode(&pair)[4..12]),
        ]
    };
    for quote in quotes("ab") {
        let code = serde_json::to_string(&format!("no such client: {quote}")).unwrap();
        let answer = answer(401, format!(r#"{{"error":{code}}}"#));
        let client_credentials = ClientCredentials::new(ENDPOINT, "ab", secret).unwrap();
        let error = value_of(client_credentials, &answer).await.unwrap_err();
        assert_eq!(error.code(), Some("withheld"), "{quote}");
        let error =
            value_of(Atlas::new(ENDPOINT, "ab", secret).unwrap(), &answer).await.unwrap_err();
        assert_eq!(error.code(), Some("withheld"), "Atlas, {quote}");
    }
    // The key of this system is not a public id: it is as secret as the secret.
    #[cfg(feature = "rotating")]
    for quote in ["key-4711", "unknown key: ey-471", "S0VZ", "a2V5LTQ3MTE="] {
        let answer = answer(401, format!(r#"{{"error":"unknown {quote}"}}"#));
        let rotating = tower_outbound_auth::system::Rotating::new(
            "https://auth.example",
            "key-4711",
            "s3cret",
        );
        let error = value_of(rotating.unwrap(), &answer).await.unwrap_err();
        let shown = if quote == "S0VZ" { "unknown_S0VZ" } else { "withheld" };
        assert_eq!(error.code(), Some(shown), "{quote}");
    }
    // A code without a part of it is shown.
    let answer = answer(400, r#"{"error":"Missing Client-Id or Client-Secret"}"#);
    let error = value_of(Atlas::new(ENDPOINT, "ab", secret).unwrap(), &answer).await.unwrap_err();
    assert_eq!(error.code(), Some("Missing_Client-Id_or_Client-Secret"));
}
