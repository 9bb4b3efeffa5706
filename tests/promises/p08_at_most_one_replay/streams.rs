//! A refused stream: what was sent is sent again, and the rest of the stream after it. Where that is not possible, the
//! refusal goes to the caller as it came, and the first request gets the rest of the stream.

use std::sync::atomic::Ordering;

use bytes::Bytes;
use http::Request;
use http_body_util::Full;
use http_body_util::combinators::BoxBody;
use tower::{Layer, ServiceExt};
use tower_outbound_auth::replay::{Off, ReplayMethods, Superseded};
use tower_outbound_auth::{BoxError, Recovery};

use super::refusing_api::*;
use crate::log::log_in_paused_time;
use crate::support::*;

#[tokio::test(start_paused = true)]
async fn a_refused_stream_is_sent_again_whole_and_read_once() {
    for after in 0..=3 {
        let (api, mut rests) = refuses(after);
        let stream = one_two();
        let read = stream.read.clone();
        let answer = wrapping(&world()).layer(api).oneshot(upload(stream)).await.unwrap();
        assert_eq!(answer.extensions().get(), Some(&Recovery::Replayed));
        assert_eq!(text(answer).await, "onetwo", "refused after {after} frames");
        assert!(read.load(Ordering::SeqCst) <= 3, "two frames and an end");
        let old = futures::StreamExt::next(&mut rests).await.unwrap();
        assert!(old.unwrap_err().is::<Superseded>(), "the old body has no end");
    }
}

#[tokio::test(start_paused = true)]
async fn several_streams_that_are_refused_at_once_are_all_sent_again() {
    let (api, _rests) = refuses(1);
    let service = wrapping(&world()).layer(api);
    let calls = (0..50).map(|_| tokio::spawn(service.clone().oneshot(upload(one_two()))));
    for answer in futures::future::join_all(calls).await {
        assert_eq!(text(answer.unwrap().unwrap()).await, "onetwo");
    }
}

#[tokio::test(start_paused = true)]
async fn the_rest_of_a_slow_stream_goes_to_the_second_request_and_the_first_body_ends() {
    let (api, mut rests) = refuses(1);
    let (writer, body) = stream();
    writer.write("one");
    let call = tokio::spawn(wrapping(&world()).layer(api).oneshot(upload(body)));
    tokio::time::sleep(secs(1)).await;
    let old = futures::StreamExt::next(&mut rests).await.unwrap();
    assert!(old.unwrap_err().is::<Superseded>(), "though the stream has yielded nothing since");
    writer.write("two");
    drop(writer);
    assert_eq!(text(call.await.unwrap().unwrap()).await, "onetwo");
}

/// Only bytes that were sent count toward the cap.
#[tokio::test(start_paused = true)]
async fn a_body_of_any_length_that_is_refused_at_its_head_is_sent_again() {
    for (frames, length, replayed) in
        [(0, CAP + 1, true), (0, 100 * CAP, true), (1, CAP, true), (1, CAP + 1, false)]
    {
        let (api, _rests) = refuses(frames);
        let body = Full::new(Bytes::from(vec![b'x'; length]));
        let answer = wrapping(&world()).layer(api).oneshot(upload(body)).await.unwrap();
        assert_eq!(answer.status() == 200, replayed, "{frames} frames of {length} bytes");
    }
}

#[tokio::test(start_paused = true)]
async fn a_stream_is_not_read_during_the_renewal_and_goes_on_when_the_call_is_dropped() {
    let world = world_with_delay(secs(5));
    let (api, mut rests) = refuses(1);
    let service = wrapping(&world).layer(api);
    world.source.token().await.unwrap();
    let body = one_two();
    let read = body.read.clone();
    let call = tokio::spawn(service.oneshot(upload(body)));
    tokio::time::sleep(secs(2)).await;
    assert_eq!(read.load(Ordering::SeqCst), 1);
    call.abort();
    assert_eq!(futures::StreamExt::next(&mut rests).await.unwrap().unwrap(), "two");
}

#[tokio::test(start_paused = true)]
async fn over_the_cap_the_refusal_is_handed_on_and_the_stream_goes_on_to_its_end() {
    let world = world();
    let (api, mut rests) = refuses(1);
    let service = wrapping(&world).layer(api.clone());
    let (writer, body) = stream();
    writer.write(vec![b'x'; CAP + 1]).write("rest");
    drop(writer);
    let answer = service.clone().oneshot(upload(body)).await.unwrap();
    assert_eq!(
        (answer.status().as_u16(), &answer.headers()["x-reason"]),
        (401, &"old".parse().unwrap())
    );
    assert_eq!(answer.extensions().get(), Some(&Recovery::NotReplayable));
    assert_eq!(text(answer).await, "no");
    assert_eq!(futures::StreamExt::next(&mut rests).await.unwrap().unwrap(), "rest");
    world.source.settled().await;
    assert_eq!(
        service.oneshot(upload(one_two())).await.unwrap().status(),
        200,
        "renewed for the next"
    );
    assert_eq!(api.requests.load(Ordering::SeqCst), 2);
}

/// How often the log says that a body was not kept.
fn reported(log: &str) -> usize {
    log.matches("a refused request could not be sent again, because more of its body was sent")
        .count()
}

#[test]
fn that_too_little_of_a_body_was_kept_is_reported_once_per_source_with_the_way_out() {
    let too_long = || {
        let (writer, body) = stream();
        writer.write(vec![b'x'; CAP + 1]).write("rest");
        upload(body)
    };
    let log = log_in_paused_time(async {
        let world = world();
        let (api, _rests) = refuses(1);
        let service = wrapping(&world).layer(api);
        let both = futures::future::join(
            service.clone().oneshot(too_long()),
            service.clone().oneshot(too_long()),
        );
        let (one, other) = both.await;
        for answer in [one.unwrap(), other.unwrap()] {
            assert_eq!(answer.extensions().get(), Some(&Recovery::NotReplayable));
        }
    });
    assert_eq!(reported(&log), 1, "{log}");
    assert!(log.contains("`with_cap` and `with_buffer_quota`"), "{log}");

    // Nobody asked for a second sending, or it was made.
    let log = log_in_paused_time(async {
        let (api, _rests) = refuses(1);
        let service = wrapping(&world()).with_replay(Off).layer(api);
        let answer = service.oneshot(too_long()).await.unwrap();
        assert_eq!(answer.extensions().get(), Some(&Recovery::NotReplayable));
        let (api, _rests) = refuses(1);
        let answer = wrapping(&world()).layer(api).oneshot(upload(one_two())).await.unwrap();
        assert_eq!(answer.extensions().get(), Some(&Recovery::Replayed));
    });
    assert_eq!(reported(&log), 0, "{log}");
}

#[tokio::test(start_paused = true)]
async fn when_the_renewal_fails_the_refusal_is_handed_on_and_the_stream_goes_on_to_its_end() {
    let world = world();
    let (api, mut rests) = refuses(1);
    let service = wrapping(&world).layer(api);
    world.source.token().await.unwrap();
    world.exchange.fail_next(1, unavailable());
    let answer = service.oneshot(upload(one_two())).await.unwrap();
    assert_eq!(answer.status(), 401);
    assert_eq!(answer.extensions().get(), Some(&Recovery::RenewalFailed));
    assert_eq!(text(answer).await, "no");
    assert_eq!(futures::StreamExt::next(&mut rests).await.unwrap().unwrap(), "two");
}

#[tokio::test(start_paused = true)]
async fn a_stream_over_the_buffer_quota_is_sent_once() {
    for (quota, requests, recovery) in
        [(1_024, 2, Recovery::Replayed), (100, 1, Recovery::NotReplayable)]
    {
        let (api, _rests) = refuses(1);
        let (writer, body) = stream();
        writer.write(vec![b'x'; 500]);
        drop(writer);
        let layer = wrapping(&world()).with_buffer_quota(quota);
        let answer = layer.layer(api.clone()).oneshot(upload(body)).await.unwrap();
        assert_eq!(answer.status(), if requests == 2 { 200 } else { 401 }, "{quota}");
        assert_eq!(answer.extensions().get(), Some(&recovery), "{quota}");
        assert_eq!(api.requests.load(Ordering::SeqCst), requests, "{quota}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_stream_that_fails_fails_its_request_and_is_not_sent_again() {
    let (api, _rests) = refuses(2);
    let (writer, body) = stream();
    writer.write("one").fail();
    let error = wrapping(&world()).layer(api.clone()).oneshot(upload(body)).await.unwrap_err();
    assert_eq!(error.to_string(), "broken", "as it came");
    assert_eq!(api.requests.load(Ordering::SeqCst), 1);
}

#[tokio::test(start_paused = true)]
async fn with_idempotent_methods_a_posted_stream_is_not_sent_again_and_a_put_is() {
    for (method, replayed) in [("POST", false), ("PUT", true)] {
        let (api, _rests) = refuses(1);
        let layer = wrapping(&world()).with_replay_methods(ReplayMethods::Idempotent);
        let request = Request::builder().method(method).uri(API).body(one_two()).unwrap();
        let answer = layer.layer(api.clone()).oneshot(request).await.unwrap();
        assert_eq!(answer.status() == 200, replayed, "{method}");
        assert_eq!(api.requests.load(Ordering::SeqCst), 1 + usize::from(replayed));
    }
}

/// Either the outer or the inner layer makes the replay.
#[tokio::test(start_paused = true)]
async fn stacked_layers_share_one_replay_of_a_stream() {
    for inner_replays in [true, false] {
        let (outer, inner) = (world(), world());
        let (api, _rests) = refuses(1);
        let boxed: BoxBody<Bytes, BoxError> = BoxBody::new(one_two());
        let request = upload(boxed);
        let answer = match inner_replays {
            true => outer.layer.layer(inner.layer.layer(api.clone())).oneshot(request).await,
            false => {
                let never = inner.layer.clone().with_replay(Off);
                outer.layer.layer(never.layer(api.clone())).oneshot(request).await
            }
        };
        assert_eq!(text(answer.unwrap()).await, "onetwo");
        assert_eq!(api.requests.load(Ordering::SeqCst), 2, "two layers, one replay");
    }
}
