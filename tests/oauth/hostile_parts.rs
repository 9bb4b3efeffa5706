//! Configurations that look alike, and parts that try to be other parts.

use tower_outbound_auth::endpoint::Grant;
use tower_outbound_auth::system::{
    JwtKey, OAuth, OAuthClient, OAuthGrant, SelfSigned, TokenExchange,
};
use tower_outbound_auth::{Credential, ErrorKind};

use crate::{OAuthBuilder, builder, exchanged};

fn public() -> OAuthBuilder {
    builder().client(OAuthClient::public("a"))
}

fn exchange(change: impl FnOnce(TokenExchange) -> TokenExchange) -> OAuthBuilder {
    let subject = TokenExchange::of(Credential::file("/subject"));
    builder().grant(OAuthGrant::TokenExchange(change(subject)))
}

#[test]
fn systems_whose_parts_only_look_alike_have_different_identities() {
    let same = |one: OAuthBuilder, other: OAuthBuilder| {
        one.build().unwrap().identity() == other.build().unwrap().identity()
    };
    let actor = |name: &'static str| exchange(|it| it.actor(Credential::file("/actor"), name));
    let signed = |name: &'static str, value: &str| {
        let key = JwtKey::new(Credential::file("/key"));
        let tokens = SelfSigned::new(key, "a", std::time::Duration::from_secs(60)).unwrap();
        builder().grant(OAuthGrant::Signed(tokens.with_claim(name, value).unwrap()))
    };
    let discovered =
        |issuer: &str| OAuth::discover(issuer).client(OAuthClient::public("a")).build().unwrap();
    for (what, is_same) in [
        ("nothing", !same(public().parameter("a", "b"), public().parameter("a", "b"))),
        ("a sign in a name", same(public().parameter("a=b", "c"), public().parameter("a", "b=c"))),
        (
            "two parameters",
            same(
                public().parameter("a", "b").parameter("c", "d"),
                public().parameter("a", "b=c=d"),
            ),
        ),
        ("resource, audience", same(public().resource("urn:a"), public().audience("urn:a"))),
        ("parameter, part", !same(public().parameter("audience", "a"), public().audience("a"))),
        ("a sign in a claim", same(signed("a=b", "c"), signed("a", "b=c"))),
        ("the type of an actor", same(actor("x"), actor("y"))),
        ("an actor", same(exchange(|it| it), actor("x"))),
        (
            "types",
            same(exchange(|it| it.subject_type("x None")), exchange(|it| it.subject_type("x"))),
        ),
        ("the token's member", same(public().token_member("id_token"), public())),
        (
            "the text of a subject",
            same(
                builder().grant(OAuthGrant::TokenExchange(TokenExchange::of("hunter1"))),
                builder().grant(OAuthGrant::TokenExchange(TokenExchange::of("hunter2"))),
            ),
        ),
        (
            "the text of an assertion",
            same(
                builder().grant(OAuthGrant::JwtBearer("hunter1".into())),
                builder().grant(OAuthGrant::JwtBearer("hunter2".into())),
            ),
        ),
        (
            "the place of a client id",
            same(
                builder().client(OAuthClient::public(Credential::file("/a"))),
                builder().client(OAuthClient::public("file /a")),
            ),
        ),
        (
            "an issuer and an endpoint",
            discovered("https://idp.example/token").identity()
                == public().build().unwrap().identity(),
        ),
        (
            "the slash of an issuer",
            discovered("https://idp.example").identity()
                == discovered("https://idp.example/").identity(),
        ),
    ] {
        assert!(!is_same, "{what}");
    }
}

#[test]
fn a_parameter_that_another_method_sets_is_refused() {
    for name in ["requested_token_type", "subject_token_type", "actor_token_type", "code"] {
        let error = public().parameter(name, "x").build().unwrap_err();
        assert!(error.to_string().contains(&format!("the parameter \"{name}\"")), "{error}");
    }
}

#[test]
fn a_part_that_is_given_by_its_name_is_checked_like_the_part() {
    for (name, value) in [
        ("authorization_details", "{}"),
        ("resource", "api"),
        ("resource", "https://a.example/#x"),
        ("scope", "a\"b"),
        ("scope", "a\\b"),
        ("scope", "ä"),
        ("resource", "1a:b"),
        ("resource", ":b"),
        ("resource", "a_b:c"),
        ("resource", "urn:"),
    ] {
        let error = public().parameter(name, value).build().unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Configuration, "{name} {value}");
    }
    let details = public().parameter("authorization_details", r#"[ {"type":"a"} ]"#);
    details.build().unwrap();
    for (name, value) in [
        ("scope", "read write"),
        ("scope", ""),
        ("resource", ""),
        ("resource", "a+b-c.1:d"),
        ("authorization_details", ""),
    ] {
        let built = public().parameter(name, value).build();
        assert!(built.is_ok(), "{name} {value}: {built:?}");
    }
}

#[tokio::test]
async fn nothing_is_sent_empty_and_no_parameter_twice() {
    let system = public()
        .audience("")
        .parameter("organization", "")
        .scope("a")
        .scope("a")
        .resource("urn:a")
        .resource("urn:b")
        .parameter("prompt", "x")
        .parameter("prompt", "y");
    let body = exchanged(system).await.body;
    let expected = "grant_type=client_credentials&scope=a&resource=urn%3Aa&resource=urn%3Ab&prompt=y&client_id=a";
    assert_eq!(body, expected);
    let system = exchange(|it| it).audience("").audience("b").audience("").audience("b");
    let system = system.grant(OAuthGrant::TokenExchange(TokenExchange::of("subject")));
    let body = exchanged(system).await.body;
    assert_eq!(body.matches("audience=").count(), 1, "{body}");
}
