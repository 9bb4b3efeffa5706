//! Of responses and exchanges that overtake each other, the newest token wins.

use super::*;

/// As two nodes with clocks of their own may have it: what the first sees as the next token is issued in
/// the second's past.
#[tokio::test(start_paused = true)]
async fn the_answer_to_the_current_token_follows_it_though_it_claims_to_be_a_little_older() {
    let older = |by: u64| {
        let mut claims = claims(0);
        (claims["iat"], claims["exp"]) = (json!(T0 - by), json!(T0 - by + 3_600));
        signed(&claims)
    };
    for by in [1, 59, 60] {
        adopted(handing_out(&older(by)), &older(by)).await;
    }
    not_adopted(handing_out(&older(61)), NotAdopted::NotNewer).await;
}

#[tokio::test(start_paused = true)]
async fn an_answer_to_an_older_token_follows_only_if_it_claims_to_be_newer() {
    for (iat, exp) in [(T0 + 9, T0 + 3_610), (T0 + 10, T0 + 3_609)] {
        let world = rotating(Adopt::EveryNewer);
        world.next().await;
        let mut older = claims(10);
        (older["iat"], older["exp"]) = (json!(iat), json!(exp));
        let late = world.request(20, handing_out(&signed(&older)));
        let newest = signed(&claims(10));
        let early = async {
            tokio::time::sleep(secs(10)).await;
            world.request(0, handing_out(&newest)).await
        };
        futures::join!(late, early);
        assert_eq!(world.next().await, newest);
        let counters = world.source.status().counters;
        assert_eq!(counters.rotations_not_adopted_for(NotAdopted::NotNewer), 1);
    }
}

#[tokio::test(start_paused = true)]
async fn of_responses_out_of_order_the_newest_token_wins() {
    let world = rotating(Adopt::EveryNewer);
    world.next().await;
    let (older, newer) = (signed(&claims(1)), signed(&claims(2)));
    let late = world.request(5, handing_out(&older));
    let early = world.request(1, handing_out(&newer));
    futures::join!(late, early);
    assert_eq!(world.next().await, newer);
    assert_eq!(world.counts(), (1, 1));

    // Of the same second: the one whose request was sent later.
    let same_second = |nth: u64| {
        let mut claims = claims(20);
        claims["jti"] = nth.into();
        signed(&claims)
    };
    let world = rotating(Adopt::EveryNewer);
    world.next().await;
    let late = world.request(5, handing_out(&same_second(1)));
    let early = async {
        tokio::time::sleep(secs(1)).await;
        world.request(1, handing_out(&same_second(2))).await
    };
    futures::join!(late, early);
    assert_eq!(world.next().await, same_second(2));
}

#[tokio::test(start_paused = true)]
async fn a_token_that_is_overtaken_while_its_signature_is_checked_is_not_adopted_and_counted_once()
{
    let world = rotating(Adopt::EveryNewer);
    world.next().await;
    let (older, newer) = (signed(&claims(1)), signed(&claims(2)));
    let answer = handing_out(&newer);
    let api = service_fn(move |_| std::future::ready(Ok::<_, BoxError>(answer.clone())));
    let overtaking = world.layer.layer(api).oneshot(get("/"));
    *world.meanwhile[CHECKED].lock().unwrap() = Some(Box::new(|| {
        overtaking.now_or_never().unwrap().unwrap();
    }));
    world.request(0, handing_out(&older)).await;
    assert_eq!(world.next().await, newer);
    assert_eq!(world.counts(), (1, 1));
}

/// The same answer to two requests, of which the second comes while something happens to the first one's.
async fn is_verified_once_if_it_comes_again(while_it_is: usize) {
    let world = rotating(Adopt::EveryNewer);
    world.next().await;
    let successor = signed(&claims(1));
    let answer = handing_out(&successor);
    let api = service_fn(move |_| std::future::ready(Ok::<_, BoxError>(answer.clone())));
    let meanwhile = world.layer.layer(api).oneshot(get("/"));
    *world.meanwhile[while_it_is].lock().unwrap() = Some(Box::new(|| {
        meanwhile.now_or_never().unwrap().unwrap();
    }));
    world.request(0, handing_out(&successor)).await;
    assert_eq!(world.next().await, successor);
    assert_eq!(*world.verifications.lock().unwrap(), 1);
    assert_eq!(world.counts(), (1, 0));
}

#[tokio::test(start_paused = true)]
async fn a_successor_that_is_handed_out_again_while_its_signature_is_checked_is_verified_once() {
    is_verified_once_if_it_comes_again(CHECKED).await;
}

#[tokio::test(start_paused = true)]
async fn a_successor_that_was_adopted_while_it_was_read_is_not_verified_again() {
    is_verified_once_if_it_comes_again(PRESENTED).await;
}

#[tokio::test(start_paused = true)]
async fn a_late_response_never_brings_back_a_token_from_before_a_revocation() {
    let world = rotating(Adopt::EveryNewer);
    let revoked = world.next().await;
    // It was sent with the token that is revoked a second later, and brings a successor that claims to be
    // the newest of all.
    let late = world.request(30, handing_out(&signed(&claims(40))));
    let revocation = async {
        tokio::time::sleep(secs(1)).await;
        let token = world.source.token().await.unwrap();
        world.source.reject(&token).await.unwrap().expose().to_owned()
    };
    let ((carried, _), exchanged) = futures::join!(late, revocation);
    assert_eq!(carried, revoked);
    assert_eq!(world.next().await, exchanged);
    let counters = world.source.status().counters;
    assert_eq!(counters.rotations_not_adopted_for(NotAdopted::OtherLineage), 1);
    assert_eq!((world.counts(), *world.exchanges.lock().unwrap()), ((0, 1), 2));
}

#[tokio::test(start_paused = true)]
async fn an_exchanged_token_replaces_those_that_responses_brought_meanwhile() {
    let world = rotating(Adopt::EveryNewer);
    let first = world.source.token().await.unwrap();
    tokio::time::sleep(secs(10)).await;
    let mut renewal = Box::pin(world.source.reject(&first));
    assert!((&mut renewal).now_or_never().is_none(), "under way");
    let (_, adopted) = (world.request(0, handing_out(&signed(&claims(10)))).await, world.counts());
    assert_eq!(adopted, (1, 0));
    let exchanged = renewal.await.unwrap();
    assert_eq!(world.next().await, exchanged.expose());
}
