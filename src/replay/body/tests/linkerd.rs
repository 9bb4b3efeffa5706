//! The cases of linkerd's tests of its `ReplayBody`. This table has the cases that other tests here
//! cover:
//!
//! | there | here |
//! |---|---|
//! | `replays_several_chunks`, `replays_trailers` | `replayed::refused_after_any_number_of_frames_..` |
//! | `replays_trailers_only` | `replayed::a_body_of_trailers_only_is_sent_again` |
//! | `switches_with_body_remaining` | `replayed::the_second_body_continues_a_first_body_that_was_dropped_early` |
//! | `eos_only_when_fully_replayed` | `hints::a_body_ends_with_its_source` |
//! | `empty_body_is_always_eos` | `hints::an_empty_body_is_at_its_end_and_is_not_polled` |
//! | `caps_buffer` | `memory::over_the_cap_the_copy_is_released_at_once_and_the_body_continues` |
//! | size hints | `hints` |
//!
//! There, a body can be cloned; here, there is one second body at most. So `multiple_replays` does not
//! compile here, and of `multiple_incomplete_replays` one body can be incomplete.

use crate::replay::body::tests::*;

/// `replays_one_chunk`
#[test]
fn one_frame_is_sent_again() {
    let feed = Feed::default();
    feed.data("hello world").end();
    let (mut body, kept) = keeping(feed.source(), CAP);
    assert_eq!(body.rest(), [data("hello world"), Got::End]);
    assert_eq!(again(kept).rest(), [data("hello world"), Got::End]);
}

/// `switches_with_body_remaining`: the rest comes after the takeover, and from elsewhere.
#[test]
fn data_after_the_takeover_is_sent_by_the_second_body_only() {
    let feed = Feed::default();
    feed.data("hello");
    let (mut body, kept) = keeping(feed.source(), CAP);
    assert_eq!(body.rest(), [data("hello"), Got::Pending]);
    let mut second = again(kept);
    assert_eq!(second.rest(), [data("hello"), Got::Pending]);
    feed.data(" world").trailers("sum").end();
    assert!(second.woken());
    assert_eq!(body.poll(), Got::Superseded);
    assert_eq!(second.rest(), [data(" world"), trailers("sum"), Got::End]);
}

/// `multiple_incomplete_replays`: the second body is dropped while it sends the copy.
#[test]
fn a_second_body_that_is_dropped_early_leaves_nothing_to_the_first() {
    for read in 0..=3 {
        let (feed, quota) = (Feed::default(), BufferQuota::default());
        feed.data("hello").data(" world");
        let (mut body, kept) = keeping_in(&quota, feed.source(), CAP);
        assert_eq!(body.rest(), [data("hello"), data(" world"), Got::Pending]);
        let mut second = again(kept);
        (0..read).for_each(|_| drop(second.poll()));
        drop(second);
        assert_eq!(quota.taken(), 0);
        assert!(feed.dropped(), "read {read} times");
        assert_eq!(body.poll(), Got::Superseded, "half a body never ends normally");
    }
}

/// `drop_clone_early`: the call is dropped before there is a second body.
#[test]
fn a_call_that_is_dropped_early_changes_nothing_for_the_first_body() {
    for paused in [false, true] {
        let feed = Feed::default();
        feed.data("hello").data(" world").trailers("sum").end();
        let (mut body, kept) = keeping(feed.source(), CAP);
        if paused {
            assert!(kept.pause());
        }
        drop(kept);
        assert_eq!(body.rest(), [data("hello"), data(" world"), trailers("sum"), Got::End]);
    }
}

/// The first body is dropped before it was read, because the connection failed.
#[test]
fn the_second_body_is_whole_if_the_first_was_dropped_unread() {
    let feed = Feed::default();
    feed.data("hello").trailers("sum").end();
    let (body, kept) = keeping(feed.source(), CAP);
    drop(body);
    assert!(!feed.dropped());
    assert_eq!(again(kept).rest(), [data("hello"), trailers("sum"), Got::End]);
}

/// `eos_only_when_fully_replayed`, with trailers: they are a part of the body.
#[test]
fn a_body_with_trailers_ends_after_the_trailers() {
    let feed = Feed::default();
    feed.state().says_end = true;
    feed.data("hello").trailers("sum").end();
    let (mut body, kept) = keeping(feed.source(), CAP);
    body.rest();
    let mut second = again(kept);
    for expected in [data("hello"), trailers("sum")] {
        assert!(!second.body.is_end_stream(), "before {expected:?}");
        assert_eq!(second.poll(), expected);
    }
    assert!(second.body.is_end_stream());
}

/// `caps_across_replays`: the second body is longer than the cap, and there will be no third body.
#[test]
fn the_second_body_may_be_longer_than_the_cap() {
    let (feed, quota) = (Feed::default(), BufferQuota::default());
    feed.data("aaaaaaaa");
    let (mut body, kept) = keeping_in(&quota, feed.source(), 8);
    assert_eq!(body.poll(), data("aaaaaaaa"));
    let mut second = again(kept);
    feed.data("bbbbbbbb").data("cccccccc").end();
    let all = [data("aaaaaaaa"), data("bbbbbbbb"), data("cccccccc"), Got::End];
    assert_eq!(second.rest(), all);
    assert_eq!(quota.taken(), 0);
}

/// `body_too_big`: a body that is known to be longer than the cap is reported before it is sent. A body of
/// unknown length is not.
#[test]
fn a_body_is_within_the_cap_unless_its_known_length_is_longer() {
    use crate::replay::replayable::is_within;
    for (lower, upper, within) in [
        (0, Some(0), true),
        (8, Some(8), true),
        (9, Some(9), false),
        (9, None, false),
        (0, None, true),
    ] {
        let mut hint = SizeHint::new();
        hint.set_lower(lower);
        upper.into_iter().for_each(|upper| hint.set_upper(upper));
        let feed = Feed::default();
        feed.hint(hint);
        assert_eq!(is_within(&feed.source(), 8), within, "{lower} to {upper:?}");
    }
}
