//! The cases that linkerd's tests of its `ReplayBody` name. Those that another test shows already:
//!
//! | there | here |
//! |---|---|
//! | `replays_several_chunks`, `replays_trailers` | `replayed::refused_after_any_number_of_frames_..` |
//! | `replays_trailers_only` | `replayed::trailers_alone_are_a_body` |
//! | `switches_with_body_remaining` | `replayed::the_body_that_was_dropped_after_a_part_is_gone_on_with` |
//! | `eos_only_when_fully_replayed` | `hints::a_body_ends_where_the_source_says_that_it_ends` |
//! | `empty_body_is_always_eos` | `hints::an_empty_body_is_at_its_end_and_is_not_polled` |
//! | `caps_buffer` | `memory::over_the_cap_it_is_released_at_once_and_the_body_goes_on` |
//! | size hints | `hints` |
//!
//! What is a clone there is here the one second body, which takes the right to it along: `multiple_replays`
//! is what the compiler forbids, and of `multiple_incomplete_replays` one can be incomplete.

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

/// `switches_with_body_remaining`: what remains comes only after the switch, and from elsewhere.
#[test]
fn what_is_written_after_the_takeover_is_sent_by_the_second_body_alone() {
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

/// `multiple_incomplete_replays`: the second body is given up in the middle of what was kept, …
#[test]
fn a_second_body_that_is_given_up_in_the_middle_leaves_nothing_to_the_first() {
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
        assert_eq!(body.poll(), Got::Superseded, "half a body never ends well");
    }
}

/// `drop_clone_early`: … or the call is, before there is a second body.
#[test]
fn a_right_that_is_given_up_early_changes_nothing_for_the_first_body() {
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

/// A first body that is dropped before it was read: a connection that never came to be.
#[test]
fn a_first_body_that_is_dropped_unread_leaves_all_to_the_second() {
    let feed = Feed::default();
    feed.data("hello").trailers("sum").end();
    let (body, kept) = keeping(feed.source(), CAP);
    drop(body);
    assert!(!feed.dropped());
    assert_eq!(again(kept).rest(), [data("hello"), trailers("sum"), Got::End]);
}

/// `eos_only_when_fully_replayed`, with trailers: they are a part of the body.
#[test]
fn a_body_with_trailers_is_at_its_end_after_them() {
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

/// `caps_across_replays`: the second body goes beyond the cap, and no third one is promised.
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

/// `body_too_big`: what is known to be longer than the cap is told beforehand; where nothing is known, nothing.
#[test]
fn a_body_is_within_the_cap_unless_it_says_otherwise() {
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
