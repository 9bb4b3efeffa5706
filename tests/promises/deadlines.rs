//! The caller's deadline, gRPC's `grpc-timeout`: what is spent here is taken off, and nobody waits longer.

use std::pin::Pin;
use std::task::{Context, Poll};

use http::header::WWW_AUTHENTICATE;
use http::{Request, Response};
use tokio::time::{Sleep, sleep, timeout};
use tower::limit::GlobalConcurrencyLimitLayer;
use tower::{Layer, Service};
use tower_outbound_auth::{ErrorKind, Recovery};

use crate::grpc::*;
use crate::support::*;

fn with_timeout(timeout: &str) -> Request<Body> {
    let mut request = post("/pkg.Service/Method", "message");
    request.headers_mut().insert("grpc-timeout", timeout.parse().unwrap());
    request
}

#[tokio::test(start_paused = true)]
async fn a_call_that_waited_for_its_token_is_sent_with_what_is_left() {
    let (world, seen) = (world_with_delay(secs(2)), Calls::default());
    let service = world.layer.layer(server(&seen, secs(0), |_| ok()));
    send(&service, with_timeout("10S")).await.unwrap();
    send(&service, with_timeout("10S")).await.unwrap();
    assert_eq!(seen.timeouts(), ["8000000u", "10S"], "the second one had not to wait");
}

#[tokio::test(start_paused = true)]
async fn a_call_that_spent_nothing_here_is_sent_as_it_came() {
    let (world, seen) = (world(), Calls::default());
    let service = world.layer.layer(server(&seen, secs(0), refuse_first));
    send(&service, with_timeout("10S")).await.unwrap();
    assert_eq!(seen.timeouts(), ["10S"; 2]);
}

#[tokio::test(start_paused = true)]
async fn a_call_that_waited_for_readiness_is_sent_with_what_is_left() {
    let (world, seen) = (world_with_delay(secs(1)), Calls::default());
    let limited = GlobalConcurrencyLimitLayer::new(1).layer(server(&seen, secs(4), |_| ok()));
    let call = tokio::spawn(send(&world.layer.layer(limited.clone()), with_timeout("1M")));
    tokio::task::yield_now().await;
    send(&limited, get("/direct")).await.unwrap();
    call.await.unwrap().unwrap();
    assert_eq!(seen.timeouts(), ["none", "56000000u"]);
}

#[tokio::test(start_paused = true)]
async fn a_second_sending_has_what_the_first_one_and_the_renewal_have_left() {
    let (world, seen) = (world_with_delay(secs(2)), Calls::default());
    world.source.token().await.unwrap();
    let service = world.layer.layer(server(&seen, secs(1), refuse_first));
    let response = send(&service, with_timeout("10S")).await.unwrap();
    assert_eq!(recovery(&response), Some(Recovery::Replayed));
    assert_eq!(seen.timeouts(), ["10S", "7000000u"]);
}

#[tokio::test(start_paused = true)]
async fn what_was_spent_before_the_first_sending_is_not_given_back_to_the_second() {
    let (world, seen) = (world_with_delay(secs(2)), Calls::default());
    let service = world.layer.layer(server(&seen, secs(1), refuse_first));
    send(&service, with_timeout("10S")).await.unwrap();
    assert_eq!(seen.timeouts(), ["8000000u", "5000000u"]);
}

#[tokio::test(start_paused = true)]
async fn what_is_no_timeout_is_left_alone() {
    for timeout in ["soon", "5", "123456789S", ""] {
        let (world, seen) = (world_with_delay(secs(2)), Calls::default());
        let service = world.layer.layer(server(&seen, secs(1), refuse_first));
        send(&service, with_timeout(timeout)).await.unwrap();
        assert_eq!(seen.timeouts(), [timeout; 2]);
    }
}

#[tokio::test(start_paused = true)]
async fn nobody_waits_for_a_token_beyond_the_caller_s_deadline() {
    let (world, seen) = (world_with_delay(secs(5)), Calls::default());
    let service = world.layer.layer(server(&seen, secs(0), |_| ok()));
    let start = now();
    let error = send(&service, with_timeout("3S")).await.unwrap_err();
    assert_eq!(start.elapsed(), secs(3));
    assert_eq!(ours(&error).kind(), ErrorKind::Timeout);
    assert!(ours(&error).to_string().contains("grpc-timeout"), "{error}");
    assert_eq!(seen.all(), [], "it was not sent");
    // The exchange was cut short by nobody: who has more time gets its token.
    send(&service, with_timeout("3S")).await.unwrap();
    assert_eq!((start.elapsed(), world.exchange.exchanges()), (secs(5), 1));
}

#[tokio::test(start_paused = true)]
async fn no_time_at_all_is_enough_for_no_wait() {
    let (world, seen) = (world_with_delay(secs(5)), Calls::default());
    let service = world.layer.layer(server(&seen, secs(0), |_| ok()));
    let error = send(&service, with_timeout("0n")).await.unwrap_err();
    assert_eq!(ours(&error).kind(), ErrorKind::Timeout);
}

#[tokio::test(start_paused = true)]
async fn nobody_waits_for_readiness_beyond_the_caller_s_deadline() {
    let (world, seen) = (world_with_delay(secs(1)), Calls::default());
    let limited = GlobalConcurrencyLimitLayer::new(1).layer(server(&seen, secs(100), |_| ok()));
    let service = world.layer.layer(limited.clone());
    let start = now();
    let call = tokio::spawn(async move { (send(&service, with_timeout("3S")).await, now()) });
    tokio::task::yield_now().await;
    let direct = tokio::spawn(send(&limited, get("/direct")));
    let (outcome, ended) = call.await.unwrap();
    assert_eq!(ours(&outcome.unwrap_err()).kind(), ErrorKind::Timeout);
    assert_eq!(ended - start, secs(3));
    direct.await.unwrap().unwrap();
    assert_eq!(seen.timeouts(), ["none"]);
}

/// Each clone takes three seconds to be ready.
struct Slow<T>(T, Option<Pin<Box<Sleep>>>);

impl<T: Clone> Clone for Slow<T> {
    fn clone(&self) -> Slow<T> {
        Slow(self.0.clone(), None)
    }
}

impl<T: Service<Request<Body>>> Service<Request<Body>> for Slow<T> {
    type Response = T::Response;
    type Error = T::Error;
    type Future = T::Future;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), T::Error>> {
        let Slow(_, ready) = self;
        ready.get_or_insert_with(|| Box::pin(sleep(secs(3)))).as_mut().poll(cx).map(Ok)
    }

    fn call(&mut self, request: Request<Body>) -> T::Future {
        self.0.call(request)
    }
}

#[tokio::test(start_paused = true)]
async fn a_call_that_may_be_sent_in_the_moment_in_which_its_time_ends_is_not_sent() {
    let (world, seen) = (world(), Calls::default());
    let service = world.layer.layer(Slow(server(&seen, secs(0), |_| ok()), None));
    let error = send(&service, with_timeout("3S")).await.unwrap_err();
    assert_eq!(ours(&error).kind(), ErrorKind::Timeout);
    assert_eq!(seen.all(), []);
}

#[tokio::test(start_paused = true)]
async fn a_refused_call_that_runs_out_of_time_gets_the_refusal_and_the_renewal_goes_on() {
    let (world, seen) = (world_with_delay(secs(5)), Calls::default());
    world.source.token().await.unwrap();
    let answer = |token: &str| {
        let body = Body::from("why not");
        let mut refusal = Response::builder().status(401).header("x-server", "proxy");
        refusal = refusal.header(WWW_AUTHENTICATE, "Bearer");
        if token == "token-1" { refusal.body(body).unwrap() } else { ok() }
    };
    let service = world.layer.layer(server(&seen, secs(1), answer));
    let start = now();
    let response = send(&service, with_timeout("3S")).await.unwrap();
    assert_eq!(start.elapsed(), secs(3), "1 s for the refusal and 2 s of the renewal");
    assert_eq!((response.status().as_u16(), recovery(&response)), (401, Some(Recovery::OutOfTime)));
    assert_eq!(response.headers()["x-server"], "proxy");
    assert_eq!(text(response).await, "why not");
    sleep(secs(4)).await;
    send(&service, with_timeout("3S")).await.unwrap();
    assert_eq!(world.exchange.exchanges(), 2);
    assert_eq!(seen.timeouts(), ["3S", "3S"], "nothing was sent after the end");
}

#[tokio::test(start_paused = true)]
async fn a_refused_call_whose_successor_came_waits_for_readiness_no_longer_than_it_has_time() {
    let (world, seen) = (world_with_delay(secs(1)), Calls::default());
    world.source.token().await.unwrap();
    let limited = GlobalConcurrencyLimitLayer::new(1).layer(server(&seen, secs(1), |token| {
        if token == "token-1" { status("16") } else { ok() }
    }));
    let service = world.layer.layer(limited.clone());
    let start = now();
    let call = tokio::spawn(async move { (send(&service, with_timeout("3S")).await, now()) });
    // Refused after 1 s. While it waits for the successor, others take the permit, again and again.
    sleep(millis(500)).await;
    let others: Vec<_> = (0..10).map(|_| tokio::spawn(send(&limited, get("/direct")))).collect();
    let (outcome, ended) = timeout(secs(60), call).await.expect("it has no end").unwrap();
    let response = outcome.unwrap();
    assert_eq!(recovery(&response), Some(Recovery::OutOfTime));
    assert_eq!(response.headers()["grpc-status"], "16");
    assert_eq!(ended - start, secs(3));
    for other in others {
        other.await.unwrap().unwrap();
    }
}

#[tokio::test(start_paused = true)]
async fn a_call_without_a_deadline_waits_as_long_as_it_takes() {
    let (world, seen) = (world_with_delay(secs(5)), Calls::default());
    let service = world.layer.layer(server(&seen, secs(1), refuse_first));
    let start = now();
    send(&service, post("/", "message")).await.unwrap();
    assert_eq!((start.elapsed(), seen.timeouts()), (secs(12), vec!["none".to_owned(); 2]));
}
