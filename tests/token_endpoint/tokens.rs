//! Answers with a token: its form, its place, and the encoding of the body.

use tower_outbound_auth::exchange::ExchangeErrorKind::Malformed;

use crate::*;

fn token(text: &str) -> Answer {
    ok(format!(r#"{{"access_token":"{text}","token_type":"Bearer","expires_in":3600}}"#))
}

fn of_type(json: &str) -> Answer {
    ok(format!(r#"{{"access_token":"abc","token_type":{json},"expires_in":3600}}"#))
}

#[tokio::test(start_paused = true)]
async fn a_token_may_have_every_visible_ascii_character() {
    let all: String = ('!'..='~').collect();
    for text in [
        "Atza|IwEBIKexampleexample-0",
        "perm:cmVwb3J0cw==.OTItMTE=.exampleExampleExample0",
        "00D000000000062!AR0AQJexample.example_example",
        "AAAA%2Bexample%3Dexample",
        "v^1.1#i^1#p^1#r^0#example",
        "a=b",
        "==",
        &all,
    ] {
        let json = serde_json::to_string(text).unwrap();
        let answer = ok(format!(r#"{{"access_token":{json},"expires_in":3600}}"#));
        let value = value_of(scheme(), &answer).await;
        assert_eq!(value.unwrap(), format!("Bearer {text}"));
        let value = value_of(atlas(), &answer).await;
        assert_eq!(value.unwrap(), text, "Atlas");
    }
}

#[tokio::test(start_paused = true)]
async fn a_token_that_cannot_be_in_a_header_is_malformed_and_the_error_says_why() {
    for (text, why) in [
        ("hunter2 x", "a blank"),
        ("hunter2 ", "a blank"),
        (" hunter2", "a blank"),
        (r"hunter2\n", "a line break"),
        (r"hunter2\r\nx: y", "a line break"),
        (r"hunter2\u0000", "a control character"),
        (r"hunter2\t", "a control character"),
        (r"hunter2\u007f", "a control character"),
        ("hunter2é", "not ASCII"),
        ("hunter2\u{2013}", "not ASCII"),
    ] {
        for error in [
            value_of(scheme(), &token(text)).await.unwrap_err(),
            value_of(atlas(), &token(text)).await.unwrap_err(),
        ] {
            assert_eq!(kind(&error), Malformed, "{text}");
            assert!(error.to_string().contains(why), "{text}: {error}");
            assert!(!format!("{error} {error:?}").contains("hunter2"), "{text}: {error:?}");
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_token_type_that_needs_no_proof_is_used_as_bearer() {
    for json in [
        r#""bearer""#,
        r#""BEARER""#,
        r#""BearerToken""#,
        r#""bearer_token""#,
        r#""""#,
        r#"" ""#,
        r#""Bearer ""#,
        r#"" bearer""#,
        r#""Application Access Token""#,
        r#""jwt""#,
        "null",
        "7",
        "[]",
    ] {
        let value = value_of(scheme(), &of_type(json)).await;
        assert_eq!(value.unwrap(), "Bearer abc", "{json}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_token_type_that_needs_a_proof_or_is_no_access_token_is_malformed() {
    for json in [
        r#""DPoP""#,
        r#""dpop""#,
        r#"" DPOP ""#,
        r#""mac""#,
        r#""MAC""#,
        r#""pop""#,
        r#"" PoP""#,
        r#""PoP token""#,
        r#""N_A""#,
        r#""n_a ""#,
    ] {
        let error = value_of(scheme(), &of_type(json)).await.unwrap_err();
        assert_eq!(kind(&error), Malformed, "{json}");
    }
}

#[tokio::test(start_paused = true)]
async fn an_uncompressed_body_is_read_with_any_unregistered_content_encoding() {
    for encoding in
        ["Identity", "", "none", "utf-8", "UTF-8", "identity, identity", " identity ", "8bit"]
    {
        let with = |answer: Answer| answer.with("content-encoding", encoding);
        assert_eq!(value_of(scheme(), &with(ok(TOKEN))).await.unwrap(), "Bearer abc", "{encoding}");
        let refusal = with(answer(401, r#"{"error":"invalid_client"}"#));
        let error = value_of(scheme(), &refusal).await.unwrap_err();
        assert_eq!(error.code(), Some("invalid_client"), "{encoding}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_compressed_answer_is_malformed_and_the_error_names_the_compression() {
    for (encoding, name) in
        [("gzip", "gzip"), ("GZIP", "gzip"), ("identity, br", "br"), ("zstd", "zstd")]
    {
        let answer = ok("\u{1f}\u{8b}").with("content-encoding", encoding);
        let error = value_of(scheme(), &answer).await.unwrap_err();
        assert_eq!(kind(&error), Malformed, "{encoding}");
        assert!(error.to_string().contains(name), "{encoding}: {error}");
    }
    let twice = ok("x").with("content-encoding", "identity").with("content-encoding", "deflate");
    assert!(value_of(scheme(), &twice).await.unwrap_err().to_string().contains("deflate"));
}

#[tokio::test(start_paused = true)]
async fn a_byte_order_mark_before_the_json_is_skipped() {
    let marked = |status, body: &str| answer(status, format!("\u{feff}{body}")).json();
    assert_eq!(value_of(scheme(), &marked(200, TOKEN)).await.unwrap(), "Bearer abc");
    assert_eq!(value_of(atlas(), &marked(200, TOKEN)).await.unwrap(), "abc");
    let refusal = marked(400, r#"{"error":"invalid_grant"}"#);
    assert_eq!(value_of(scheme(), &refusal).await.unwrap_err().code(), Some("invalid_grant"));
    assert_eq!(value_of(atlas(), &refusal).await.unwrap_err().code(), Some("invalid_grant"));
}

#[tokio::test(start_paused = true)]
async fn every_success_status_brings_a_token() {
    for status in [200, 201, 202, 203, 206, 226, 299] {
        let answer = answer(status, TOKEN);
        assert_eq!(value_of(scheme(), &answer).await.unwrap(), "Bearer abc", "{status}");
        assert_eq!(value_of(atlas(), &answer).await.unwrap(), "abc", "{status}");
    }
    for scheme in
        [value_of(scheme(), &answer(204, "")).await, value_of(atlas(), &answer(204, "")).await]
    {
        assert_eq!(kind(&scheme.unwrap_err()), Malformed, "the body is empty");
    }
}

#[tokio::test(start_paused = true)]
async fn a_scope_may_be_a_list_of_words() {
    for (json, granted) in [
        (r#"["reports:read"]"#, Some("reports:read")),
        (r#"["reports:write","reports:read"]"#, None),
        (r#"[]"#, None),
        (r#"["reports:read","users:read"]"#, Some("reports:read users:read")),
        (r#""reports:write,reports:read""#, None),
        (r#""reports:read""#, Some("reports:read")),
        (r#"[7]"#, None),
        (r#"{}"#, None),
    ] {
        let body = format!(r#"{{"access_token":"abc","expires_in":3600,"scope":{json}}}"#);
        let scheme = scheme().with_scope("reports:read reports:write");
        let source = Endpoint::always(ok(body)).source(scheme);
        source.token().await.expect(json);
        assert_eq!(source.status().granted_scope.as_deref(), granted, "{json}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_form_is_read_if_the_content_type_says_so() {
    let form = |status, body: &'static str| {
        answer(status, body)
            .with("content-type", "application/x-www-form-urlencoded; charset=utf-8")
    };
    let body = "access_token=a%2Bb%7Cc&token_type=bearer&expires_in=120&scope=a+b";
    assert_eq!(value_of(scheme(), &form(200, body)).await.unwrap(), "Bearer a+b|c");
    let source = Endpoint::always(form(200, body)).source(scheme().with_scope("a"));
    source.token().await.unwrap();
    assert_eq!(source.status().expires_in, Some(secs(120)));
    assert_eq!(source.status().granted_scope.as_deref(), Some("a b"));
    let refused = form(200, "error=invalid_client&error_description=no+such+client");
    assert_eq!(value_of(scheme(), &refused).await.unwrap_err().code(), Some("invalid_client"));
    let refused = form(400, "error=invalid_grant");
    assert_eq!(value_of(scheme(), &refused).await.unwrap_err().code(), Some("invalid_grant"));
    // A page of HTML is no form, even with a form's content type.
    let page = form(200, "<html>token=1</html>");
    assert_eq!(kind(&value_of(scheme(), &page).await.unwrap_err()), Malformed);
    // Without a form's content type, the body is not read as a form.
    let error = value_of(scheme(), &ok(body)).await.unwrap_err();
    assert_eq!(kind(&error), Malformed);
    // JSON with a form's content type is JSON.
    assert_eq!(value_of(scheme(), &form(200, TOKEN)).await.unwrap(), "Bearer abc");
}

#[tokio::test(start_paused = true)]
async fn a_leading_bearer_in_the_value_is_removed() {
    for text in ["Bearer abc", "bearer abc", "BEARER  abc"] {
        assert_eq!(value_of(scheme(), &token(text)).await.unwrap(), "Bearer abc", "{text}");
        assert_eq!(value_of(atlas(), &token(text)).await.unwrap(), "abc", "{text}");
    }
    let named_bearer = value_of(scheme(), &token("Bearer")).await.unwrap();
    assert_eq!(named_bearer, "Bearer Bearer", "a token may have this text");
    assert_eq!(kind(&value_of(scheme(), &token("Basic abc")).await.unwrap_err()), Malformed);
}

#[tokio::test(start_paused = true)]
async fn the_token_may_be_in_the_member_token() {
    let answer = ok(r#"{"token":"abc","expires_in":60}"#);
    assert_eq!(value_of(scheme(), &answer).await.unwrap(), "Bearer abc");
    assert_eq!(value_of(atlas(), &answer).await.unwrap(), "abc");
    let both = ok(r#"{"token":"xyz","access_token":"abc"}"#);
    assert_eq!(value_of(scheme(), &both).await.unwrap(), "Bearer abc");
    let empty = ok(r#"{"token":"abc","access_token":""}"#);
    assert_eq!(value_of(scheme(), &empty).await.unwrap(), "Bearer abc");
    let null = ok(r#"{"token":"abc","access_token":null}"#);
    assert_eq!(value_of(scheme(), &null).await.unwrap(), "Bearer abc");
}

#[tokio::test(start_paused = true)]
async fn a_member_that_is_given_twice_counts_if_its_values_agree() {
    for (body, usable) in [
        (r#"{"access_token":"abc","access_token":"abc"}"#, true),
        (r#"{"access_token":"abc","access_token":"def"}"#, false),
        (r#"{"access_token":"abc","expires_in":60,"expires_in":60}"#, true),
        (r#"{"access_token":"abc","expires_in":60,"expires_in":"60"}"#, true),
        (r#"{"access_token":"abc","expires_in":60,"expires_in":61}"#, false),
        (r#"{"access_token":"abc","token_type":"Bearer","token_type":"bearer"}"#, true),
        (r#"{"access_token":"abc","token_type":"Bearer","token_type":"DPoP"}"#, false),
        (r#"{"access_token":"abc","other":1,"other":2}"#, true),
    ] {
        let value = value_of(scheme(), &ok(body)).await;
        match value {
            Ok(value) => assert!(usable && value == "Bearer abc", "{body}"),
            Err(error) => {
                assert!(!usable && kind(&error) == Malformed, "{body}: {error}");
                assert!(error.to_string().contains("twice"), "{body}: {error}");
            }
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_strict_scheme_accepts_only_bearer() {
    let strict = || scheme().with_strict_token_type();
    for json in [r#""bearer""#, r#""BEARER""#, "null"] {
        assert_eq!(value_of(strict(), &of_type(json)).await.unwrap(), "Bearer abc", "{json}");
    }
    for json in
        [r#""BearerToken""#, r#""Bearer ""#, r#""""#, r#""Application Access Token""#, r#""DPoP""#]
    {
        let error = value_of(strict(), &of_type(json)).await.unwrap_err();
        assert_eq!(kind(&error), Malformed, "{json}");
    }
    let without_type = ok(r#"{"access_token":"abc"}"#);
    assert_eq!(value_of(strict(), &without_type).await.unwrap(), "Bearer abc");
}

#[tokio::test(start_paused = true)]
async fn the_token_is_read_from_the_member_that_the_user_names() {
    let body = r#"{
        "expires_in": 60, "token": "other", "scope": "a b",
        "data": {"a/b": {"~": ["no", {"jwt": "abc", "expires_in": 120}]}, "empty": ""}
    }"#;
    for (member, token, life) in [
        ("/data/a~1b/~0/1/jwt", Some("Bearer abc"), 120),
        ("/data/a~1b/~0/0", Some("Bearer no"), 60),
        ("token", Some("Bearer other"), 60),
        ("/token", Some("Bearer other"), 60),
        ("/data/empty", None, 0),
        ("/data/none", None, 0),
        ("/data/none/deeper", None, 0),
        ("/data/a~1b/~0/2", None, 0),
        ("access_token", None, 0),
        ("/", None, 0),
        ("", None, 0),
    ] {
        let source = Endpoint::always(ok(body)).source(scheme().with_token_member(member));
        match (source.token().await, token) {
            (Ok(token), Some(expected)) => {
                assert_eq!(token.header_value(), expected, "{member}");
                assert_eq!(source.status().expires_in, Some(secs(life)), "{member}");
            }
            (Err(error), None) => assert_eq!(kind(&failure(&error)), Malformed, "{member}"),
            (other, _) => panic!("{member}: {other:?}"),
        }
    }
}

#[tokio::test(start_paused = true)]
async fn an_unused_member_may_have_any_depth_and_size() {
    let deep = format!("{}{}", "[".repeat(100_000), "]".repeat(100_000));
    for name in ["other", "refresh_token", "scope", "expires_in", "token_type"] {
        let answer = ok(format!(r#"{{"access_token":"abc","{name}":{deep}}}"#));
        assert_eq!(value_of(scheme(), &answer).await.unwrap(), "Bearer abc", "{name}");
    }
    let deep = ok(format!(r#"{{"access_token":{deep}}}"#));
    assert_eq!(kind(&value_of(scheme(), &deep).await.unwrap_err()), Malformed);
}
