//! A token endpoint that redirects.

use crate::answers::said;

/// The text for this `Location`, from the redirect's target on.
async fn said_of(location: &str) -> String {
    let text = said(302, &[("location", location)], "").await;
    let begins = "no token: client_credentials (https://idp.example/token, client \"billing\"): the answer is a redirect ";
    text.strip_prefix(begins).expect(&text).to_owned()
}

const TO_ANOTHER_ORIGIN: &str = ", which is not followed because the request has the credentials: if the token endpoint \
     has moved, use its new address; else something in between (a proxy, a captive portal) answered in the token \
     endpoint's place (status 302)";

const WITHIN_THE_ORIGIN: &str = ", which is not followed because the request has the credentials: check the path of the \
     token endpoint; if it is right, something in between (a proxy, a captive portal) may have answered in its place \
     (status 302)";

const NOWHERE: &str = "without a usable address: check the address of the token endpoint; if it is right, something in \
     between (a proxy, a captive portal) may have answered in its place (status 302)";

#[tokio::test(start_paused = true)]
async fn a_redirect_to_another_origin_says_where_to_and_what_to_do() {
    for (location, target) in [
        ("https://login.example/x?session=1", "https://login.example/x"),
        ("https://login.example", "https://login.example/"),
        ("//login.example:8443/oauth2/token#top", "https://login.example:8443/oauth2/token"),
        ("http://idp.example/token", "http://idp.example/token"),
        ("https://idp.example:8443/token", "https://idp.example:8443/token"),
    ] {
        assert_eq!(said_of(location).await, format!("to {target}{TO_ANOTHER_ORIGIN}"));
    }
}

#[tokio::test(start_paused = true)]
async fn a_redirect_within_the_origin_shows_the_path_and_names_no_proxy_as_a_fact() {
    for (location, path) in [
        ("https://idp.example/oauth2/v1/token", "/oauth2/v1/token"),
        ("HTTPS://IDP.example:443/oauth2", "/oauth2"),
        ("https://idp.example/token/", "/token/"), // a trailing slash
        ("/token/", "/token/"),
        ("/login?next=/token&state=4711", "/login"),
        ("login", "/login"),
        ("?session=1", "/token"),
        ("", "/token"),
    ] {
        assert_eq!(
            said_of(location).await,
            format!("to https://idp.example{path}{WITHIN_THE_ORIGIN}"),
            "{location:?}"
        );
    }
}

#[tokio::test(start_paused = true)]
async fn a_path_that_may_show_something_is_left_out() {
    let (segment, path) = ("a-".repeat(20), "/abc".repeat(25));
    assert_eq!((segment.len(), path.len()), (40, 100));
    let shown = [format!("/{segment}"), path.clone()];
    let left_out = [
        format!("/{segment}a"),
        format!("{path}/"),
        "/a%20b".to_owned(),
        "/a;session=1".to_owned(),
        "/a\\b".to_owned(),
        "/../token".to_owned(),
        "/./token".to_owned(),
        "/secret".to_owned(),                           // the client's secret
        "/c2VjcmV0".to_owned(),                         // the same in base64
        "/YmlsbGluZzpz".to_owned(),                     // a part of `id:secret` in base64
        "/736563726574".to_owned(),                     // in hexadecimal
        "/0f8fad5bd9cb469fa165708677289509".to_owned(), // a session, perhaps
    ];
    let cases =
        shown.iter().map(|path| (path, &**path)).chain(left_out.iter().map(|path| (path, "")));
    for (location, path) in cases {
        let ours = format!("to https://idp.example{path}{WITHIN_THE_ORIGIN}");
        assert_eq!(said_of(location).await, ours);
        let other = format!("to https://login.example{path}{TO_ANOTHER_ORIGIN}");
        assert_eq!(said_of(&format!("https://login.example{location}")).await, other);
    }
}

#[tokio::test(start_paused = true)]
async fn a_redirect_whose_location_cannot_be_used_says_what_to_check() {
    let long = format!("https://{}.example/", "a".repeat(100));
    for location in [
        &*long,
        "https://user@idp.example/token",
        "ftp://idp.example/token",
        "//",
        "https:token",
        "t\u{f6}ken:1",
    ] {
        assert_eq!(said_of(location).await, NOWHERE, "{location:?}");
    }
    let without = said(308, &[], "").await;
    assert!(without.ends_with(&format!("redirect {}", NOWHERE.replace("302", "308"))), "{without}");
}
