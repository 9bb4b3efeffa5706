use http::Response;

use super::*;

fn discovery(issuer: &str) -> Discovery {
    Discovery::new(issuer).unwrap()
}

fn answer(name: &'static str, status: u16, body: &str) -> ExchangeAnswer {
    let response = Response::builder().status(status).body(Bytes::from(body.to_owned()));
    ExchangeAnswer::new(response.unwrap()).with_request_name(name)
}

fn metadata(issuer: &str, endpoint: &str) -> String {
    format!(r#"{{"issuer":"{issuer}","token_endpoint":"{endpoint}"}}"#)
}

#[test]
fn metadata_is_looked_for_at_the_places_of_the_specifications() {
    // RFC 8414 section 3.1, and OpenID Connect Discovery section 4.1.
    let root = ["oauth-authorization-server", "openid-configuration"]
        .map(|it| format!("https://example.com/.well-known/{it}"));
    for issuer in ["https://example.com", "https://example.com/"] {
        assert_eq!(discovery(issuer).places(), root);
    }
    for path in ["/issuer1", "/realms/shop", "/contoso/v2.0"] {
        let appended = format!("https://example.com{path}/.well-known/openid-configuration");
        let [first, second] = root.each_ref().map(|place| format!("{place}{path}"));
        for slash in ["", "/"] {
            let places = discovery(&format!("https://example.com{path}{slash}")).places();
            assert_eq!(places, [first.clone(), second.clone(), appended.clone()]);
        }
    }
}

#[test]
fn an_issuer_is_an_https_url_without_query_and_fragment() {
    for issuer in [
        "http://example.com",
        "https://example.com?x=1",
        "https://example.com#f",
        "example.com",
        "https://example.com/.well-known/openid-configuration",
        "https://example.com/realms/main/.well-known/openid-configuration",
        "https://user@example.com",
        "https://",
    ] {
        assert!(Discovery::new(issuer).is_err(), "{issuer}");
    }
    assert!(Discovery::new("http://127.0.0.1:8080/realms/main").is_ok());
}

#[test]
fn metadata_of_another_issuer_or_with_an_endpoint_elsewhere_is_refused() {
    let endpoint = "https://example.com/token";
    for (ours, theirs) in [
        ("https://example.com/a", "https://example.com/a/"),
        ("https://example.com", "https://EXAMPLE.com"),
        ("https://example.com", "https://example.com:443"),
        ("https://example.com", ""),
    ] {
        let discovery = discovery(ours);
        let error =
            discovery.read(&answer(DISCOVERY[0], 200, &metadata(theirs, endpoint))).unwrap_err();
        let text = error.to_string();
        assert!(text.contains(&format!("\"{theirs}\"")) && text.contains(ours), "{text}");
        assert!(discovery.last().is_none());
    }
    let issuer = "https://example.com";
    for (endpoint, why) in [
        ("https://evil.example/token", "at https://evil.example, which is another origin"),
        ("http://example.com/token", "plain http"),
        ("nowhere", "`token_endpoint` is not usable"),
    ] {
        let error = discovery(issuer)
            .read(&answer(DISCOVERY[0], 200, &metadata(issuer, endpoint)))
            .unwrap_err();
        assert!(error.to_string().contains(why), "{error}");
    }
    let twice = r#"{"issuer":"https://example.com","issuer":"https://evil.example","token_endpoint":"https://example.com/t"}"#;
    let error = discovery(issuer).read(&answer(DISCOVERY[0], 200, twice)).unwrap_err();
    assert_eq!(error.kind(), ExchangeErrorKind::Malformed);
    let allowed = Discovery {
        allowed: vec![Origin::parse("https://tokens.example").unwrap()],
        ..discovery(issuer)
    };
    let elsewhere = metadata(issuer, "https://tokens.example/t");
    assert_eq!(allowed.read(&answer(DISCOVERY[0], 200, &elsewhere)).unwrap(), Found::Endpoint);
}

#[test]
fn the_next_place_is_asked_after_a_404_or_a_page_and_after_nothing_else() {
    let issuer = "https://example.com/a";
    for (status, body, next) in [
        (404, "", true),
        (200, "<html>", true),
        (500, "", false),
        (302, "", false),
        (403, "{}", false),
    ] {
        let read = discovery(issuer).read(&answer(DISCOVERY[0], status, body));
        assert_eq!(read.ok(), next.then_some(Found::Next(DISCOVERY[1])), "{status} {body}");
    }
    let last = discovery(issuer).read(&answer(DISCOVERY[2], 404, "")).unwrap_err();
    assert_eq!(last.kind(), ExchangeErrorKind::Unavailable);
    assert!(
        last.to_string().contains("no metadata at any of its 3 places: check the issuer's URL"),
        "{last}"
    );
}

#[test]
fn earlier_metadata_is_used_if_the_server_fails_and_an_endpoint_at_another_origin_is_not_taken() {
    let issuer = "https://example.com";
    let discovery = Discovery {
        allowed: vec![Origin::parse("https://tokens.example").unwrap()],
        ..discovery(issuer)
    };
    let first = metadata(issuer, "https://example.com/first");
    discovery.read(&answer(DISCOVERY[0], 200, &first)).unwrap();
    assert_eq!(discovery.read(&answer(DISCOVERY[0], 503, "")).unwrap(), Found::Endpoint);
    let moved = metadata(issuer, "https://tokens.example/t");
    discovery.read(&answer(DISCOVERY[0], 200, &moved)).unwrap();
    assert_eq!(discovery.last().unwrap().uri().path(), "/first");
    let other_path = metadata(issuer, "https://example.com/second");
    discovery.read(&answer(DISCOVERY[0], 200, &other_path)).unwrap();
    assert_eq!(discovery.last().unwrap().uri().path(), "/second");
}

#[test]
fn a_client_with_a_certificate_uses_the_alias_of_the_token_endpoint() {
    let issuer = "https://example.com";
    let metadata = |aliases: &str| {
        let body =
            format!(r#"{{"issuer":"{issuer}","token_endpoint":"https://example.com/t"{aliases}}}"#);
        answer(DISCOVERY[0], 200, &body)
    };
    let alias = r#","mtls_endpoint_aliases":{"token_endpoint":"https://mtls.example.com/t"}"#;
    let allowed = || vec![Origin::parse("https://mtls.example.com").unwrap()];
    for (is_tls, aliases, expected) in [
        (true, alias, "https://mtls.example.com/t"),
        (true, "", "https://example.com/t"),
        (false, alias, "https://example.com/t"),
        (false, r#","mtls_endpoint_aliases":{}"#, "https://example.com/t"),
    ] {
        let discovery = discovery(issuer).allowing(allowed()).for_tls(is_tls);
        discovery.read(&metadata(aliases)).unwrap();
        assert_eq!(discovery.last().unwrap().uri().to_string(), expected);
    }
    for aliases in [
        r#","mtls_endpoint_aliases":{}"#,
        r#","mtls_endpoint_aliases":{"userinfo_endpoint":"https://mtls.example.com/u"}"#,
        r#","mtls_endpoint_aliases":null"#,
    ] {
        let error = discovery(issuer).for_tls(true).read(&metadata(aliases)).unwrap_err();
        assert_eq!(error.kind(), ExchangeErrorKind::Configuration, "{error}");
    }
    let stranger = discovery(issuer).for_tls(true).read(&metadata(alias)).unwrap_err();
    assert!(stranger.to_string().contains("which is another origin"), "{stranger}");
}
