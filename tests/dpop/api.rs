//! Proofs and nonces at the API.

use bytes::Bytes;
use futures::future::join_all;
use http_body_util::Full;
use tower::{Layer, ServiceExt};
use tower_outbound_auth::replay::Off;
use tower_outbound_auth::{ErrorKind, Origin, Recovery};

use super::server::HOST;
use super::{World, builder, dpop, get, world, world_of};

fn nonces(world: &World) -> Vec<Option<String>> {
    world.server.state().api.nonces.clone()
}

fn some(nonce: &str) -> Option<String> {
    Some(nonce.to_owned())
}

#[tokio::test]
async fn a_nonce_in_a_success_is_used_from_the_next_request_on() {
    let world = world();
    for nth in 1..=6 {
        if nth == 4 {
            world.server.state().api.hands_out = some("next");
        }
        assert_eq!(world.get("/").await.status(), 200);
        if nth == 4 {
            world.server.state().api.demand("next");
        }
    }
    assert_eq!(nonces(&world), [None, None, None, None, some("next"), some("next")]);
    assert_eq!((world.exchanges(), world.new_proofs()), (1, 0));
    assert_eq!(world.server.state().wrong, <[&str; 0]>::default());
}

#[tokio::test]
async fn a_nonce_that_the_api_wants_is_sent_with_the_same_token_and_no_renewal() {
    for status in [401, 400] {
        let world = world();
        world.server.state().api.challenge_status = status;
        for (nth, nonce) in ["n1", "n2"].into_iter().enumerate() {
            world.server.state().api.demand(nonce);
            let response = world.get("/").await;
            assert_eq!(response.status(), 200);
            assert_eq!(response.extensions().get(), Some(&Recovery::Replayed));
            assert_eq!((world.exchanges(), world.new_proofs()), (1, nth as u64 + 1));
        }
        assert_eq!(nonces(&world), [None, some("n1"), some("n1"), some("n2")]);
        let counters = world.source.status().counters;
        assert_eq!((counters.refusals, world.source.status().renewal_budget), (0, 5));
        assert_eq!(world.server.state().wrong, <[&str; 0]>::default());
    }
}

#[tokio::test]
async fn a_request_is_sent_once_more_at_most_for_its_proof() {
    for code in ["use_dpop_nonce", "invalid_dpop_proof"] {
        let world = world();
        world.server.state().api.refuses = Some(code);
        world.server.state().api.hands_out = some("n");
        let response = world.get("/").await;
        assert_eq!(response.status(), 401);
        assert_eq!(response.extensions().get(), Some(&Recovery::ProofRefused));
        assert_eq!(nonces(&world), [None, some("n")], "{code}");
        assert_eq!((world.exchanges(), world.new_proofs()), (1, 1));
        assert_eq!(super::text(response).await, "the refusal", "the caller gets its body");
    }
}

#[tokio::test]
async fn nonces_that_are_valid_once_cost_one_challenge_at_the_beginning_only() {
    let world = world();
    world.server.state().api.once = true;
    world.server.state().api.demand("n0");
    for _ in 0..5 {
        assert_eq!(world.get("/").await.status(), 200);
    }
    // The answer to the second sending has brought the nonce of the next request.
    let expected = [None, some("n0"), some("n1"), some("n2"), some("n3"), some("n4")];
    assert_eq!(nonces(&world), expected);
    assert_eq!((world.exchanges(), world.new_proofs()), (1, 1));
}

#[tokio::test]
async fn a_challenge_that_repeats_the_nonce_of_the_request_is_not_answered() {
    let world = world();
    world.server.state().api.hands_out = some("n");
    world.get("/").await;
    world.server.state().api.refuses = Some("use_dpop_nonce");
    let response = world.get("/").await;
    assert_eq!(response.extensions().get(), Some(&Recovery::ProofRefused));
    assert_eq!(nonces(&world), [None, some("n")]);
    assert_eq!((world.exchanges(), world.new_proofs()), (1, 0));
}

#[tokio::test]
async fn a_request_is_sent_three_times_at_most_for_its_proof_and_its_token() {
    // First the nonce, then the token.
    let world = world();
    world.source.token().await.unwrap();
    world.server.state().api.demand("n1");
    world.server.revoke("t1");
    let response = world.get("/").await;
    assert_eq!(response.status(), 200);
    assert_eq!(response.extensions().get(), Some(&Recovery::Replayed));
    assert_eq!(nonces(&world), [None, some("n1"), some("n1")]);
    assert_eq!((world.exchanges(), world.new_proofs()), (2, 1));

    // The renewed token is refused, too.
    world.server.state().api.demand("n2");
    (2..10).for_each(|nth| world.server.revoke(&format!("t{nth}")));
    let response = world.get("/").await;
    assert_eq!(response.status(), 401);
    assert_eq!(response.extensions().get(), Some(&Recovery::Replayed));
    assert_eq!(nonces(&world)[3..], [some("n1"), some("n2"), some("n2")]);
    assert_eq!((world.exchanges(), world.new_proofs()), (3, 2));
    assert_eq!(world.server.state().wrong, <[&str; 0]>::default());
}

#[tokio::test]
async fn a_nonce_that_changes_after_the_token_was_renewed_is_sent_too() {
    let world = world();
    world.source.token().await.unwrap();
    world.server.revoke("t1");
    let service = world.layer.layer(tower::service_fn({
        let server = world.server.clone();
        move |request| {
            let answer = server.clone().oneshot(request);
            let server = server.clone();
            async move {
                let answer: http::Response<_> = answer.await?;
                if answer.status() == 401 {
                    server.state().api.demand("n1");
                }
                Ok::<_, std::convert::Infallible>(answer)
            }
        }
    }));
    assert_eq!(service.oneshot(get("/")).await.unwrap().status(), 200);
    assert_eq!(nonces(&world), [None, None, some("n1")]);
    assert_eq!((world.exchanges(), world.new_proofs()), (2, 1));
}

#[tokio::test]
async fn a_thousand_requests_at_a_change_of_the_nonce_are_sent_twice_at_most_and_renew_nothing() {
    let world = world();
    world.server.state().api.demand("n1");
    world.get("/").await;
    world.server.state().api.demand("n2");
    let before = nonces(&world).len();
    let all = join_all((0..1_000).map(|_| world.get("/"))).await;
    assert!(all.iter().all(|response| response.status() == 200));
    let (sent, resent) = (nonces(&world).len() - before, world.new_proofs() - 1);
    assert_eq!(sent as u64, 1_000 + resent);
    assert!((1..=1_000).contains(&resent), "{resent}");
    assert_eq!((world.exchanges(), world.source.status().counters.refusals), (1, 0));
    assert_eq!(world.server.state().wrong, <[&str; 0]>::default());
}

#[tokio::test]
async fn the_token_endpoint_and_the_api_have_nonces_of_their_own_on_one_host() {
    let world = world();
    world.server.state().endpoint.demand("of-the-endpoint");
    world.server.state().api.demand("of-the-api");
    assert_eq!(world.get("/").await.status(), 200);
    assert_eq!(nonces(&world), [None, some("of-the-api")]);
    let endpoint = world.server.state().endpoint.nonces.clone();
    assert_eq!(endpoint, [None, some("of-the-endpoint")]);
}

#[tokio::test]
async fn a_hostile_nonce_is_neither_sent_nor_a_reason_to_send_again() {
    let world = world();
    for hostile in ["", "a b", "a\tb", "a\"b", "a\\b", &"x".repeat(257)] {
        world.server.state().api.hands_out = some(hostile);
        assert_eq!(world.get("/").await.status(), 200);
        world.server.state().api.refuses = Some("use_dpop_nonce");
        assert_eq!(world.get("/").await.status(), 401);
        world.server.state().api.refuses = None;
    }
    assert!(nonces(&world).iter().all(Option::is_none));
    assert_eq!((nonces(&world).len(), world.new_proofs(), world.exchanges()), (12, 0, 1));
}

#[tokio::test]
async fn without_a_kept_request_the_caller_gets_the_challenge_and_the_next_request_has_the_nonce() {
    let world = world();
    world.server.state().api.demand("n1");
    let service = world.layer.clone().with_replay(Off).layer(world.server.clone());
    let response = service.clone().oneshot(get("/")).await.unwrap();
    assert_eq!(response.status(), 401);
    assert_eq!(response.extensions().get(), Some(&Recovery::ProofRefused));
    assert_eq!(service.oneshot(get("/")).await.unwrap().status(), 200);
    assert_eq!((world.exchanges(), world.new_proofs()), (1, 0));
}

#[tokio::test]
async fn a_relative_uri_needs_a_base_and_is_not_sent_without_one() {
    let relative =
        || http::Request::get("/pkg.Service/Call").body(Full::<Bytes>::default()).unwrap();
    let without = world();
    let service =
        without.layer.clone().with_origin(Origin::relative()).layer(without.server.clone());
    let error = service.oneshot(relative()).await.unwrap_err();
    let error = error.downcast::<tower_outbound_auth::Error>().unwrap();
    assert_eq!(error.kind(), ErrorKind::Proof);
    assert!(error.to_string().contains("`Dpop::htu_base(Origin::relative(), ..)`"), "{error}");
    assert_eq!(nonces(&without).len(), 0);

    let with = world_of(builder().dpop(dpop().htu_base(Origin::relative(), HOST).unwrap()));
    let service = with.layer.clone().with_origin(Origin::relative()).layer(with.server.clone());
    assert_eq!(service.oneshot(relative()).await.unwrap().status(), 200);
    assert_eq!(with.server.state().wrong, <[&str; 0]>::default());
}

#[tokio::test]
async fn a_server_behind_a_proxy_finds_the_address_that_it_sees_in_the_proof() {
    let public = || Origin::parse("https://public.example").unwrap();
    let inside = format!("{HOST}/app");
    let world = world_of(builder().dpop(dpop().htu_base(public(), &inside).unwrap()));
    let proxy = tower::ServiceBuilder::new()
        .layer(world.layer.clone().with_origin(public()))
        .map_request(move |mut request: http::Request<Full<Bytes>>| {
            let uri = request.uri().to_string();
            *request.uri_mut() = uri.replace("https://public.example", &inside).parse().unwrap();
            request
        })
        .service(world.server.clone());
    let request =
        http::Request::get("https://public.example/v1/x?y").body(Full::<Bytes>::default());
    assert_eq!(proxy.oneshot(request.unwrap()).await.unwrap().status(), 200);
    assert_eq!(world.server.state().uris[1], "https://one.example/app/v1/x?y");
    assert_eq!(world.server.state().wrong, <[&str; 0]>::default());
}
