//! When the file is looked at, and when not.

use tower::{Layer, ServiceExt, service_fn};
use tower_outbound_auth::BoxError;

use super::log::log_of;
use super::*;

/// Nothing above `DEBUG` is from this crate.
fn assert_quiet(log: &str) {
    assert!(log.contains("exchange succeeded"), "the log was listened to");
    let loud =
        |line: &&str| [" INFO ", " WARN ", "ERROR "].iter().any(|level| line.contains(level));
    let loud: Vec<_> = log.lines().filter(loud).collect();
    assert!(loud.is_empty(), "{loud:#?}");
}

#[test]
fn a_jwt_that_is_not_rewritten_is_read_once_a_minute_and_nothing_is_logged() {
    let log = log_of(async {
        let setup = Setup::without_file().await;
        setup.rewrite().await;
        // The whole hour of the token, up to its last second.
        for _ in 0..719 {
            setup.good().await;
            setup.clock.advance(secs(5));
        }
        let counters = setup.source.status().counters;
        assert!((58..=64).contains(&setup.looks()), "{}", setup.looks());
        assert_eq!(counters.same_token, setup.looks() - 1);
        assert_eq!((counters.exchanges_failed, counters.refusals), (0, 0));
    });
    assert_quiet(&log);
}

#[test]
fn a_token_without_a_known_end_is_read_once_a_minute_and_stays_in_use() {
    let log = log_of(async {
        let setup = Setup::without_file().await;
        setup.folder.write("opaque\n");
        let api = layer(&setup.folder.token(), &setup.server, &setup.clock);
        let source = api.source().clone();
        let api = api.layer(service_fn(|request: Request<Full<Bytes>>| async move {
            assert_eq!(request.headers()[AUTHORIZATION], "Bearer opaque");
            Ok::<_, BoxError>(Response::new(Full::<Bytes>::default()))
        }));
        for second in 0..2 * 3_600_u64 {
            if second % 5 == 0 {
                let request = Request::get(setup.server.url("/")).body(Full::default()).unwrap();
                api.clone().oneshot(request).await.unwrap();
                source.settled().await;
            }
            setup.clock.advance(secs(1));
        }
        let counters = source.status().counters;
        assert!((118..=121).contains(&counters.exchanges()), "{counters:?}");
        assert_eq!(counters.exchanges_failed, 0);
    });
    assert_quiet(&log);
}

#[tokio::test]
async fn without_requests_the_file_is_not_read() {
    let setup = Setup::without_file().await;
    setup.rewrite().await;
    setup.clock.advance(HOUR / 2);
    assert_eq!(setup.looks(), 0);
    setup.good().await;
    assert_eq!(setup.looks(), 1);
    for _ in 0..60 {
        setup.clock.advance(MINUTE);
        setup.source.settled().await;
    }
    assert_eq!(setup.looks(), 1);
}

#[tokio::test]
async fn a_token_without_a_known_end_is_read_before_the_first_request_after_ten_idle_minutes() {
    let setup = Setup::without_file().await;
    setup.folder.write("first");
    assert_eq!(setup.source.token().await.unwrap().expose(), "first");
    setup.folder.rename_to("second");
    setup.clock.advance(10 * MINUTE);
    assert_eq!(setup.source.token().await.unwrap().expose(), "second");
    assert_eq!(setup.looks(), 2);
}

#[tokio::test]
async fn within_a_minute_the_file_is_read_once_even_if_it_changes() {
    let setup = Setup::new().await;
    setup.rewrite().await;
    setup.clock.advance(secs(59));
    setup.good().await;
    assert_eq!(setup.looks(), 1);
    setup.clock.advance(secs(1));
    setup.good().await;
    setup.good().await;
    assert_eq!(setup.looks(), 2);
}

#[tokio::test]
async fn a_request_is_sent_with_the_token_in_use_while_the_file_is_read() {
    let setup = Setup::new().await;
    let first = setup.seen()[0].clone();
    let second = setup.rewrite().await;
    setup.clock.advance(MINUTE);
    setup.good().await;
    setup.good().await;
    assert_eq!(setup.seen(), [first.clone(), first, second]);
}

#[tokio::test]
async fn a_jwt_of_a_minute_is_read_again_at_80_to_90_percent_of_its_life() {
    let setup = Setup::without_file().await;
    let setup = Setup { server: setup.server.clone().with_lifetime(60), ..setup };
    setup.rewrite().await;
    setup.good().await;
    setup.clock.advance(secs(47));
    setup.good().await;
    assert_eq!(setup.looks(), 1);
    setup.clock.advance(secs(7));
    setup.good().await;
    assert_eq!(setup.looks(), 2);
}

#[tokio::test]
async fn a_token_that_was_issued_long_ago_lives_until_its_exp() {
    let setup = Setup::without_file().await;
    setup.rewrite().await;
    setup.clock.advance(HOUR - MINUTE);
    setup.good().await;
    let left = setup.source.status().expires_in.unwrap();
    assert!(secs(59) <= left && left <= secs(61), "{left:?}");
    let next = setup.source.status().next_attempt_in.unwrap();
    assert!(secs(47) <= next && next <= secs(55), "80 to 90 % of the rest, not {next:?}");
}
