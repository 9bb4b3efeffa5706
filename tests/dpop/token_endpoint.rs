//! Proofs and nonces at the token endpoint.

use std::collections::HashSet;
use std::convert::Infallible;

use bytes::Bytes;
use http::StatusCode;
use http_body_util::Full;
use tower_outbound_auth::exchange::ExchangeErrorKind;
use tower_outbound_auth::system::{Algorithm, Dpop, JwtKey, OAuthClient, SigningKey};
use tower_outbound_auth::{Credential, ErrorKind, Origin, TokenSource};

use super::server::jwt_id;
use super::{builder, dpop, text, world, world_of};

#[tokio::test]
async fn a_bound_token_is_sent_with_the_scheme_dpop_and_a_proof_of_its_key() {
    for dpop in [dpop(), Dpop::generated(Algorithm::EdDsa).unwrap()] {
        let world = world_of(builder().dpop(dpop));
        for path in ["/v1/reports?page=2", "/v1//a%2Fb", ""] {
            let response = world.get(path).await;
            assert_eq!(
                (response.status(), text(response).await),
                (StatusCode::OK, "ok".to_owned())
            );
        }
        let state = world.server.state();
        assert_eq!(state.wrong, <[&str; 0]>::default());
        assert_eq!((state.api.accepted, state.issued), (3, 1));
    }
}

#[tokio::test]
async fn a_nonce_that_the_endpoint_wants_is_sent_in_one_more_request_of_the_same_exchange() {
    for status in [400, 401] {
        let world = world();
        world.server.state().endpoint.challenge_status = status;
        world.server.state().endpoint.demand("n1");
        assert_eq!(world.get("/").await.status(), 200);
        assert_eq!(world.server.state().endpoint.nonces, [None, Some("n1".to_owned())]);
        assert_eq!(world.exchanges(), 1);
        // The next exchange begins with the nonce, and a changed one is learned from the answer.
        world.server.state().endpoint.demand("n2");
        world.server.revoke("t1");
        assert_eq!(world.get("/").await.status(), 200);
        let nonces = world.server.state().endpoint.nonces.clone();
        assert_eq!(nonces[2..], [Some("n1".to_owned()), Some("n2".to_owned())]);
        assert_eq!((world.exchanges(), world.new_proofs()), (2, 0));
        assert_eq!(world.server.state().wrong, <[&str; 0]>::default());
    }
}

#[tokio::test]
async fn a_nonce_in_a_successful_answer_is_used_for_the_next_exchange() {
    let world = world();
    world.server.state().endpoint.hands_out = Some("next".to_owned());
    world.get("/").await;
    world.server.state().endpoint.demand("next");
    world.server.revoke("t1");
    assert_eq!(world.get("/").await.status(), 200);
    assert_eq!(world.server.state().endpoint.nonces, [None, Some("next".to_owned())]);
}

#[tokio::test]
async fn the_repeated_request_has_a_fresh_assertion_of_the_client() {
    let key = r#"{"kty":"OKP","crv":"Ed25519","d":"nWGxne_9WmC6hEr0kuwsxERJxWl7MmkZcDusAxyuf2A","x":"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"}"#;
    let client = OAuthClient::with_key("billing", JwtKey::new(Credential::from(key)));
    let world = world_of(builder().client(client).dpop(dpop()));
    world.server.state().endpoint.demand("n1");
    assert_eq!(world.get("/").await.status(), 200);
    let forms = world.server.state().forms.clone();
    let assertion = |form: &String| {
        let found = form.split('&').find_map(|it| it.strip_prefix("client_assertion="));
        jwt_id(found.unwrap())
    };
    assert_eq!(forms.iter().map(assertion).collect::<HashSet<_>>().len(), 2);
}

#[tokio::test]
async fn an_endpoint_that_repeats_its_nonce_or_refuses_each_proof_is_asked_twice() {
    for (code, kind_text) in [
        ("use_dpop_nonce", "wants a nonce in the DPoP proof, and gives none that it accepts"),
        ("invalid_dpop_proof", "refuses the DPoP proof: compare the clocks"),
    ] {
        let world = world();
        world.server.state().endpoint.refuses = Some(code);
        world.server.state().endpoint.hands_out = Some("n".to_owned());
        let error = world.source.token().await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Exchange);
        assert_eq!(error.exchange().unwrap().kind(), ExchangeErrorKind::Unavailable);
        assert!(error.to_string().contains(kind_text), "{error}");
        assert_eq!(world.server.state().endpoint.nonces, [None, Some("n".to_owned())], "{code}");
    }
}

#[tokio::test]
async fn a_challenge_without_a_nonce_is_not_answered() {
    let world = world();
    world.server.state().endpoint.refuses = Some("use_dpop_nonce");
    world.source.token().await.unwrap_err();
    assert_eq!(world.server.state().endpoint.nonces, [None]);
}

#[tokio::test]
async fn a_refresh_token_is_sent_again_with_the_nonce() {
    let world = world_of(builder().refresh_tokens().dpop(dpop()));
    world.server.state().refresh = true;
    world.get("/").await;
    world.server.state().endpoint.demand("n1");
    world.server.revoke("t1");
    assert_eq!(world.get("/").await.status(), 200);
    let forms = world.server.state().forms.clone();
    let is_refresh = |form: &String| form.contains("grant_type=refresh_token");
    assert_eq!(forms.iter().map(is_refresh).collect::<Vec<_>>(), [false, true, true]);
    assert!(forms[2].contains("refresh_token=r1"), "{}", forms[2]);
}

#[tokio::test]
async fn a_token_that_is_not_bound_is_an_error_unless_such_tokens_are_accepted() {
    let strict = world();
    strict.server.state().token_type = Some("Bearer");
    let error = strict.source.token().await.unwrap_err();
    assert_eq!(error.exchange().unwrap().kind(), ExchangeErrorKind::Malformed);
    assert!(error.to_string().contains("not bound to the DPoP key"), "{error}");

    let lenient = world_of(builder().dpop(dpop().optional()));
    lenient.server.state().token_type = Some("Bearer");
    assert_eq!(lenient.get("/").await.status(), 200);
    assert_eq!(lenient.server.state().bearers, [false], "a Bearer token has no proof");
}

#[tokio::test]
async fn a_refused_proof_never_leads_to_a_request_without_one() {
    let world = world_of(builder().dpop(dpop().optional()));
    for code in ["use_dpop_nonce", "invalid_dpop_proof", "invalid_client"] {
        world.server.state().endpoint.refuses = Some(code);
        world.source.retry_now();
        world.source.token().await.unwrap_err();
    }
    assert_eq!(world.server.state().wrong, <[&str; 0]>::default(), "each request has one proof");
    assert!(world.server.state().forms.len() >= 4);
}

#[tokio::test]
async fn a_bound_token_without_a_key_is_an_error() {
    let endpoint = tower::service_fn(|_: http::Request<Full<Bytes>>| async {
        let token = r#"{"access_token":"t1","token_type":"DPoP"}"#;
        Ok::<_, Infallible>(http::Response::new(Full::<Bytes>::from(token)))
    });
    let source = TokenSource::over_http(builder().build().unwrap(), endpoint);
    let error = source.token().await.unwrap_err();
    assert_eq!(error.exchange().unwrap().kind(), ExchangeErrorKind::Malformed);
}

#[test]
fn parts_that_do_not_fit_together_are_an_error_when_the_system_is_built() {
    let rsa = include_str!("../data/oauth_keys.json");
    let rsa: serde_json::Value = serde_json::from_str(rsa).unwrap();
    let rsa = SigningKey::parse(&rsa["rfc7515_a2"]["jwk"].to_string()).unwrap();
    let error = Dpop::with_key(rsa).unwrap_err();
    assert!(error.to_string().contains("an RSA key is too slow for DPoP"), "{error}");

    let error = builder().strict_token_type().dpop(dpop()).build().unwrap_err();
    assert!(error.to_string().contains("`strict_token_type` and `dpop`"), "{error}");

    for base in ["", "/prefix", "https://a?b"] {
        let error = dpop().htu_base(Origin::relative(), base).unwrap_err();
        assert!(error.to_string().contains("https://public.example/prefix"), "{error}");
    }
}
