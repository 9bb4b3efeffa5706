//! What cannot work together, and what is wrong by itself, is an error of `build` that names it.

use tower_outbound_auth::endpoint::Grant;
use tower_outbound_auth::system::{
    ClientAuth, HeaderScheme, JwtKey, OAuth, OAuthClient, OAuthGrant, TokenExchange,
};
use tower_outbound_auth::testkit::ScriptedExchange;
use tower_outbound_auth::{Credential, ErrorKind, TokenSource};

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
        (
            OAuth::discover("https://a.example/.well-known/x"),
            "give the issuer, without `/.well-known/…`",
        ),
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
fn a_method_that_does_not_fit_the_proof_of_the_client_is_an_error_that_names_both() {
    let secret = || OAuthClient::with_secret("a", "b");
    let assertion = || OAuthClient::with_assertion("a", "b");
    let public = || OAuthClient::public("a");
    for (client, method) in [
        (public().auth(ClientAuth::Post), "auth"),
        (assertion().auth(ClientAuth::Post), "auth"),
        (public().assertion_type("x"), "assertion_type"),
        (secret().assertion_type("x"), "assertion_type"),
    ] {
        says_what_does_not_fit(client, method);
    }
    let key = || JwtKey::new(crate::assertions::P256);
    let by_secret = || OAuthClient::with_secret_jwt("a", "x".repeat(32));
    let by_key = || OAuthClient::with_key("a", key());
    let second = std::time::Duration::from_secs(1);
    for client in [public, secret, assertion] {
        says_what_does_not_fit(client().audience("x"), "audience");
        says_what_does_not_fit(client().typ(None), "typ");
        says_what_does_not_fit(client().backdate(second), "backdate");
        says_what_does_not_fit(client().previous_key(key()), "previous_key");
    }
    says_what_does_not_fit(by_secret().previous_key(key()), "previous_key");
    says_what_does_not_fit(by_key().auth(ClientAuth::Post), "auth");
    says_what_does_not_fit(by_key().assertion_type("x"), "assertion_type");
    let fits = by_key().audience("x").typ(None).backdate(second).previous_key(key());
    builder().client(fits).build().unwrap();
}

fn says_what_does_not_fit(client: OAuthClient, method: &str) {
    let error = builder().client(client).build().unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Configuration);
    let text = error.to_string();
    assert!(text.contains(&format!("`OAuthClient::{method}` and a client ")), "{text}");
    assert!(text.contains("do not fit together: it is for `with_"), "{text}");
}

#[test]
fn a_short_secret_that_signs_is_an_error_of_build_and_is_not_shown() {
    let client = OAuthClient::with_secret_jwt("a", "hunter2");
    let text = builder().client(client).build().unwrap_err().to_string();
    assert!(text.contains("the client secret has fewer than 32 bytes"), "{text}");
    assert!(!text.contains("hunter2"), "{text}");
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
        public().grant(OAuthGrant::JwtBearer(Credential::file("/a"))),
        public().grant(OAuthGrant::JwtBearer(Credential::file("/b"))),
        exchange(TokenExchange::of(Credential::file("/a"))),
        exchange(TokenExchange::of(Credential::file("/b"))),
        exchange(TokenExchange::of(Credential::file("/a")).requested_type("x")),
        exchange(TokenExchange::of(Credential::file("/a")).subject_type("x")),
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
fn a_source_as_a_subject_is_called_by_its_system_and_two_sources_of_one_system_stay_apart() {
    let source = || TokenSource::new(HeaderScheme::bearer(), ScriptedExchange::new());
    for subject in [Credential::from(source()), Credential::from_provider(source())] {
        assert_eq!(subject.to_string(), "the source exchange");
    }
    let identity = |subject: Credential| {
        let grant = OAuthGrant::TokenExchange(TokenExchange::of(subject));
        builder().grant(grant).build().unwrap().identity()
    };
    let (one, other) = (Credential::from(source()), Credential::from(source()));
    assert_eq!(identity(one.clone()), identity(one.clone()));
    assert_ne!(identity(one.clone()), identity(other.clone()));
    let client = |id| builder().client(OAuthClient::public(id)).build().unwrap().identity();
    assert_ne!(client(one), client(other));
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
