//! A token in a successful response becomes the current one.

use super::*;

#[tokio::test(start_paused = true)]
async fn a_newer_token_is_adopted_with_bearer_before_it_or_without() {
    let token = signed(&claims(10));
    for value in [format!("Bearer {token}"), format!("bearer  {token}"), token.clone()] {
        adopted(handing_out(&value), &token).await;
    }
    let mut twice = handing_out(&token);
    twice.headers_mut().append(AUTHORIZATION, token.parse().unwrap());
    adopted(twice, &token).await;
    let mut order = claims(10);
    order["aud"] = json!(["two", "one"]);
    let token = signed(&order);
    adopted(handing_out(&token), &token).await;
}

#[tokio::test(start_paused = true)]
async fn a_token_of_a_response_keeps_the_extra_members_of_its_exchange() {
    let world = rotating(Adopt::EveryNewer);
    world.next().await;
    tokio::time::sleep(secs(10)).await;
    let successor = signed(&claims(10));
    world.request(0, handing_out(&successor)).await;
    let token = world.source.token().await.unwrap();
    assert_eq!((token.expose(), token.extra("login")), (&*successor, Some("1")));
    tokio::time::sleep(secs(10)).await;
    let next = world.source.reject(&token).await.unwrap();
    assert_eq!(next.extra("login"), Some("2"), "that of the next exchange");
}

#[tokio::test(start_paused = true)]
async fn an_hour_of_traffic_needs_one_exchange() {
    for adopt in [Adopt::EveryNewer, Adopt::WhenDue] {
        let world = rotating(adopt);
        for minute in 0..600 {
            world.request(0, handing_out(&signed(&claims(60 * minute)))).await;
            tokio::time::sleep(secs(60)).await;
        }
        assert_eq!(*world.exchanges.lock().unwrap(), 1, "{adopt:?}");
        let (adopted, _) = world.counts();
        assert_eq!(adopted > 500, adopt == Adopt::EveryNewer);
        assert!(adopted >= 10);
        let verifications = *world.verifications.lock().unwrap() as u64;
        assert_eq!(verifications, adopted, "one for each newer token");
    }
}

#[tokio::test(start_paused = true)]
async fn an_exchange_follows_if_no_response_brings_the_successor_in_time() {
    let world = rotating(Adopt::EveryNewer);
    world.next().await;
    tokio::time::sleep(secs(3_300)).await;
    world.request(0, Response::builder().status(500).body(Body::default()).unwrap()).await;
    world.source.settled().await;
    assert_eq!(*world.exchanges.lock().unwrap(), 2);
}

/// An API that hands out one successor until that is used.
#[tokio::test(start_paused = true)]
async fn a_successor_that_was_issued_earlier_lives_for_the_rest_of_its_life() {
    let world = rotating(Adopt::EveryNewer);
    world.next().await;
    tokio::time::sleep(secs(3_000)).await;
    world.request(0, handing_out(&signed(&claims(300)))).await;
    let left = world.source.status().expires_in.unwrap();
    assert!((899..=901).contains(&left.as_secs()), "{left:?}");
}

#[tokio::test(start_paused = true)]
async fn the_current_token_in_a_response_changes_nothing() {
    let world = rotating(Adopt::EveryNewer);
    let first = world.next().await;
    world.request(0, handing_out(&first)).await;
    assert_eq!((world.next().await, world.counts()), (first, (0, 0)));
}

#[tokio::test(start_paused = true)]
async fn only_a_success_hands_out_tokens_and_the_header_is_always_taken_out() {
    for status in [199, 300, 302, 304, 400, 403, 404, 429, 500, 503] {
        let Ok(status) = StatusCode::from_u16(status) else { continue };
        let world = rotating(Adopt::EveryNewer);
        let first = world.next().await;
        let mut answer = handing_out(&signed(&claims(10)));
        *answer.status_mut() = status;
        let (_, response) = world.request(0, answer).await;
        assert_eq!(response.status(), status);
        assert_eq!((world.next().await, world.counts()), (first, (0, 0)), "{status}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_refused_grpc_call_hands_out_nothing_though_http_calls_it_a_success() {
    let world = rotating(Adopt::EveryNewer);
    world.next().await;
    tokio::time::sleep(secs(10)).await;
    let handed_out = signed(&claims(20));
    let mut refusal = handing_out(&handed_out);
    refusal.headers_mut().insert("grpc-status", "16".parse().unwrap());
    let (carried, _) = world.request(0, refusal).await;
    assert_ne!(carried, handed_out, "the second sending has an exchanged token");
    assert_eq!((world.counts(), *world.exchanges.lock().unwrap()), ((0, 0), 2));
}

#[tokio::test(start_paused = true)]
async fn a_failed_grpc_call_hands_out_nothing_though_http_calls_it_a_success() {
    for (status, adopts) in [("0", 1), ("5", 0), ("14", 0)] {
        let world = rotating(Adopt::EveryNewer);
        world.next().await;
        tokio::time::sleep(secs(10)).await;
        let mut failed = handing_out(&signed(&claims(10)));
        failed.headers_mut().insert("grpc-status", status.parse().unwrap());
        world.request(0, failed).await;
        assert_eq!(world.counts().0, adopts, "grpc-status {status}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_token_is_adopted_though_our_clock_is_slow_or_fast() {
    for skew in [-7_200_i64, -300, 300, 7_200] {
        let theirs = |after: u64| {
            let mut claims = claims(after);
            for name in ["iat", "exp"] {
                claims[name] = json!(claims[name].as_i64().unwrap() - skew);
            }
            signed(&claims)
        };
        let login = tower_outbound_auth::exchange::from_fn({
            let first = theirs(0);
            move || {
                let first = first.clone();
                async { Ok(Issued::new(first)) }
            }
        });
        let rotation = Rotation::in_header(AUTHORIZATION);
        let scheme = Jwts(HeaderScheme::bearer(), rotation, Arc::default(), Arc::default());
        let source = TokenSource::builder(scheme, login).clock(TokioClock::new()).build();
        let layer = AuthLayer::new(source).with_origin(Origin::parse(API).unwrap());
        let mut world = rotating(Adopt::EveryNewer);
        (world.source, world.layer) = (layer.source().clone(), layer);
        world.next().await;
        tokio::time::sleep(secs(600)).await;
        let second = theirs(600);
        world.request(0, handing_out(&second)).await;
        assert_eq!(world.next().await, second, "{skew}");
    }
}
