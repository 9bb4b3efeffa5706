//! The connection to the token endpoint.

use std::time::Instant;

use tokio::task::JoinSet;
use tower_outbound_auth::exchange::ExchangeErrorKind::{Timeout, Unreachable};
use tower_outbound_auth::testkit::{After, Fault};

use super::*;

/// One deadline covers the whole answer. An answer that arrives slowly does not extend
/// it.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_answer_that_does_not_come_to_its_end_is_an_error_for_all_callers_at_the_deadline() {
    let drip = Fault::Drip { bytes: 1, every: millis(200) };
    let faults = [
        (Fault::BlackHole, 0),
        (Fault::Stall(After::Nothing), 1),
        (Fault::Stall(After::Bytes(9)), 1),
        (Fault::Stall(After::Head), 1),
        (Fault::Delay(secs(60)), 1),
        (drip, 1),
    ];
    let cases: JoinSet<()> =
        faults.map(|(fault, reached)| is_given_up(fault, reached)).into_iter().collect();
    cases.join_all().await;
}

async fn is_given_up(fault: Fault, reached: usize) {
    // Long enough for a busy machine. The slow answer takes longer.
    const DEADLINE: Duration = Duration::from_secs(2);
    let setup = Setup::in_real_time(DEADLINE).await;
    setup.proxy.set_fault(fault);
    let began = Instant::now();
    let callers = (0..20).map(|_| setup.no_token());
    assert_eq!(futures::future::join_all(callers).await, [Timeout; 20], "{fault:?}");
    let took = began.elapsed();
    assert!(took >= DEADLINE - millis(20) && took < secs(60), "{fault:?} {took:?}");
    assert_eq!((setup.proxy.connections(), setup.exchanges()), (1, reached), "{fault:?}");

    assert_eq!(setup.no_token().await, Timeout, "the stored error is returned again");
    until(|| setup.proxy.open_connections() == 0).await;
    assert_eq!(setup.proxy.connections(), 1, "{fault:?}");

    setup.proxy.set_fault(Fault::None);
    setup.source.retry_now();
    assert_eq!(setup.get().await.unwrap(), StatusCode::OK, "{fault:?}");
}

/// The connection breaks in the head, between head and body, or in the body. An answer is
/// complete, or it does not count.
#[tokio::test]
async fn an_answer_that_breaks_off_is_one_failed_exchange_and_the_next_one_succeeds() {
    for (fault, reached) in [
        (Fault::Reset, 0),
        (Fault::Cut(After::Nothing), 1),
        (Fault::Cut(After::Bytes(9)), 1),
        (Fault::Cut(After::Head), 1),
        (Fault::Cut(After::Bytes(300)), 1),
    ] {
        let setup = Setup::new().await;
        setup.proxy.script([fault]);
        let callers = (0..20).map(|_| setup.no_token());
        assert_eq!(futures::future::join_all(callers).await, [Unreachable; 20], "{fault:?}");
        assert_eq!((setup.proxy.connections(), setup.exchanges()), (1, reached), "{fault:?}");
        assert_eq!(setup.server.counts().requests, 0, "without a token nothing is sent");
        setup.clock.advance(secs(1));
        assert_eq!(setup.get().await.unwrap(), StatusCode::OK);
        assert_eq!(setup.proxy.connections(), 2, "{fault:?}");
    }
}

#[tokio::test]
async fn while_a_token_is_usable_nobody_notices_that_the_endpoint_cannot_be_reached() {
    let setup = Setup::new().await;
    assert_eq!(setup.get().await.unwrap(), StatusCode::OK);
    setup.proxy.set_fault(Fault::Reset);
    for _ in 0..3_600 / 5 - 1 {
        setup.clock.advance(secs(5));
        assert_eq!(setup.get().await.unwrap(), StatusCode::OK);
        setup.source.settled().await;
    }
    // From 80 to 90 % of an hour on, after pauses of 1, 2, .. 64, 120 s, up to a fifth shorter, and
    // shorter ones towards the expiry. Without pauses, each of 72 calls would make one attempt.
    let attempts = setup.proxy.connections() - 1;
    assert!((8..=20).contains(&attempts), "{attempts}");

    setup.clock.advance(secs(5));
    assert_eq!(setup.no_token().await, Unreachable, "after its expiry there is no token");
    setup.proxy.set_fault(Fault::None);
    setup.clock.advance(secs(120));
    assert_eq!(setup.get().await.unwrap(), StatusCode::OK);
    assert_eq!(setup.exchanges(), 2);
}

/// A connection that stayed open would use an old address.
#[tokio::test]
async fn each_exchange_opens_a_new_connection_and_closes_it() {
    let setup = Setup::new().await;
    for nth in 1..=3 {
        assert_eq!(setup.get().await.unwrap(), StatusCode::OK);
        assert_eq!((setup.proxy.connections(), setup.exchanges()), (nth, nth));
        setup.hours_later(1).await;
    }
}

/// For users with their own client: over HTTP/2, exchanges share a connection.
#[tokio::test]
async fn a_client_with_a_pool_survives_the_end_of_its_connection() {
    let setup = Setup::new().await;
    let client: Http = Client::builder(TokioExecutor::new()).http2_only(true).build_http();
    let (id, secret) = (setup.server.client_id(), setup.server.client_secret());
    let scheme = ClientCredentials::new(setup.proxy.url(TOKEN_PATH), id, secret).unwrap();
    let source = TokenSource::builder_over_http(scheme, client).clock(setup.clock.clone()).build();
    setup.proxy.script([Fault::Cut(After::Bytes(100))]); // the frames of the beginning, and some more
    assert_eq!(kind(&source.token().await.unwrap_err()), Unreachable);
    setup.clock.advance(secs(1));
    source.token().await.unwrap();
    assert_eq!(setup.proxy.connections(), 2);

    for connections in 3..6 {
        setup.proxy.cut_connections();
        setup.hours_later(1).await;
        if let Err(error) = source.token().await {
            assert_eq!(kind(&error), Unreachable, "the dead connection was still in the pool");
            setup.clock.advance(secs(1));
            source.token().await.unwrap();
        }
        assert_eq!(setup.proxy.connections(), connections);
    }
}
