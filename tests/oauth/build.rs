//! What cannot work together, and what is wrong by itself, is an error of `build` that names it.

use tower_outbound_auth::ErrorKind;
use tower_outbound_auth::endpoint::Grant;
use tower_outbound_auth::system::{ClientAuth, OAuth, OAuthClient, OAuthGrant, TokenExchange};

use crate::builder;

#[test]
fn a_wrong_part_is_an_error_that_names_it() {
    let public = || builder().client(OAuthClient::public("a"));
    for (system, text) in [
        (
            builder(),
            "the grant `client_credentials` and no client do not fit together: call `client`",
        ),
        (
            builder().grant(OAuthGrant::Named("x".into())),
            "the grant `x` and no client do not fit together",
        ),
        (OAuth::builder("http://idp.example/token").client(OAuthClient::public("a")), "plain http"),
        (public().scope("a b"), "the scope \"a b\" has a blank"),
        (public().scope(""), "the scope \"\" has a blank"),
        (public().scope("ä"), "a character that is not ASCII"),
        (
            public().audience("a").audience("b"),
            "several audiences and a grant other than a token exchange",
        ),
        (public().resource("api"), "the resource \"api\" is no absolute URI"),
        (public().resource("https://a.example/#x"), "or has a fragment"),
        (public().resource("https://a.example/ä"), "is no absolute URI"),
        (public().authorization_details("{}"), "are no JSON array of objects with a `type`"),
        (
            public().parameter("grant_type", "x"),
            "the parameter \"grant_type\" belongs to the grant",
        ),
        (public().parameter("client_assertion", "x"), "the parameter \"client_assertion\" belongs"),
        (
            public().endpoint_header("Authorization", "x"),
            "the header `Authorization` of the token endpoint is set",
        ),
        (
            public().endpoint_header("Content-Type", "x"),
            "the header `Content-Type` of the token endpoint is set",
        ),
        (public().endpoint_header("a b", "x"), "\"a b\" is no name of a header"),
        (builder().client(OAuthClient::public("")), "the client id is empty"),
        (builder().client(OAuthClient::with_secret("a", "")), "the client secret is empty"),
        (builder().client(OAuthClient::with_assertion("a", "")), "the client assertion is empty"),
    ] {
        let error = system.build().unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Configuration);
        assert!(error.to_string().contains(text), "{text}: {error}");
    }
    for uri in ["https://a.example", "urn:example:a", "api://00000000-0000"] {
        public().resource(uri).build().unwrap();
    }
    let exchange = OAuthGrant::TokenExchange(TokenExchange::of("x"));
    builder().grant(exchange).audience("a").audience("b").build().unwrap();
}

#[test]
fn systems_that_differ_in_any_part_have_different_identities() {
    let public = || builder().client(OAuthClient::public("a"));
    let exchange = |it: TokenExchange| builder().grant(OAuthGrant::TokenExchange(it));
    let systems = [
        public(),
        OAuth::builder("https://idp.example/other").client(OAuthClient::public("a")),
        builder().client(OAuthClient::public("b")),
        builder().client(OAuthClient::with_secret("a", "x")),
        builder().client(OAuthClient::with_assertion("a", "x")),
        public().scope("read"),
        public().scope("read").scope("write"),
        public().audience("a"),
        public().resource("https://a.example"),
        public().resource("https://a.example").resource("https://b.example"),
        public().authorization_details(r#"[{"type":"a"}]"#),
        public().parameter("organization", "1"),
        public().grant(OAuthGrant::Named("x".into())),
        public().grant(OAuthGrant::JwtBearer(tower_outbound_auth::Credential::file("/a"))),
        public().grant(OAuthGrant::JwtBearer(tower_outbound_auth::Credential::file("/b"))),
        exchange(TokenExchange::of(tower_outbound_auth::Credential::file("/a"))),
        exchange(TokenExchange::of(tower_outbound_auth::Credential::file("/b"))),
        exchange(
            TokenExchange::of(tower_outbound_auth::Credential::file("/a")).requested_type("x"),
        ),
        exchange(TokenExchange::of(tower_outbound_auth::Credential::file("/a")).subject_type("x")),
    ];
    let identities: Vec<_> = systems.into_iter().map(|it| it.build().unwrap().identity()).collect();
    for (number, identity) in identities.iter().enumerate() {
        assert!(!identities[..number].contains(identity), "{number}");
    }
    // The order of the scopes does not matter, and the way in which a secret travels does not either.
    let same = |a: crate::OAuthBuilder, b: crate::OAuthBuilder| {
        assert_eq!(a.build().unwrap().identity(), b.build().unwrap().identity());
    };
    same(public().scope("a").scope("b"), public().scope("b").scope("a"));
    let secret = || OAuthClient::with_secret("a", "x");
    same(builder().client(secret()), builder().client(secret().auth(ClientAuth::Post)));
}

#[test]
fn neither_debug_nor_an_error_shows_a_secret() {
    let system = builder()
        .client(OAuthClient::with_secret("a", "hunter2"))
        .grant(OAuthGrant::TokenExchange(TokenExchange::of("hunter2").actor("hunter2", "x")))
        .endpoint_header("x-key", "hunter2");
    assert!(!format!("{system:?}").contains("hunter2"));
    assert!(!format!("{:?}", system.build().unwrap()).contains("hunter2"));
    let grant = OAuthGrant::JwtBearer("hunter2".into());
    assert!(
        !format!("{grant:?} {:?}", OAuthClient::with_assertion("a", "hunter2")).contains("hunter2")
    );
}
