//! The copy is released as soon as it is of no use.

use crate::replay::body::tests::*;

/// 64 MiB, the documented default.
const ALL: usize = 67_108_864;

#[test]
fn a_body_shows_nothing_of_what_it_sends() {
    let feed = Feed::default();
    feed.data("hunter2");
    let (mut first, kept) = keeping(feed.source(), CAP);
    assert_eq!(first.poll(), data("hunter2"));
    assert_eq!(format!("{:?}", first.body), "ReplayBody { reader: First, .. }");
    assert_eq!(format!("{kept:?}"), "Kept(…)");
    let shown = Superseded.to_string();
    assert_eq!(shown, "the request was refused and is sent again: this body has lost its source");
}

/// Data that counts how many of its copies exist.
fn tracked(feed: &Feed, len: usize) -> Tracked {
    let tracked = Tracked(Arc::new(vec![0; len]));
    feed.step(Step::Data(Bytes::from_owner(tracked.clone())));
    tracked
}

#[derive(Clone)]
struct Tracked(Arc<Vec<u8>>);

impl AsRef<[u8]> for Tracked {
    fn as_ref(&self) -> &[u8] {
        &self.0
    }
}

impl Tracked {
    fn is_kept(&self) -> bool {
        Arc::strong_count(&self.0) > 1
    }
}

#[test]
fn over_the_cap_the_copy_is_released_at_once_and_the_body_continues() {
    let (feed, quota) = (Feed::default(), BufferQuota::default());
    let first = tracked(&feed, 1_000);
    let (mut body, kept) = keeping_in(&quota, feed.source(), 1_500);
    body.poll();
    assert!(quota.taken() >= 1_000);
    let second = tracked(&feed, 501);
    body.poll();
    assert!(!first.is_kept() && !second.is_kept());
    assert_eq!(quota.taken(), 0);
    let third = tracked(&feed, 1);
    feed.end();
    assert_eq!(body.poll(), data([0]), "the body continues");
    assert!(!third.is_kept(), "a third body would not be kept");
    assert_eq!(body.poll(), Got::End);
    assert!(!kept.pause());
}

#[test]
fn an_accepted_head_releases_the_copy_while_the_body_is_still_sent() {
    let (feed, quota) = (Feed::default(), BufferQuota::default());
    let first = tracked(&feed, 1_000);
    let (mut body, kept) = keeping_in(&quota, feed.source(), CAP);
    body.poll();
    drop(kept);
    assert!(!first.is_kept());
    assert_eq!(quota.taken(), 0);
    let second = tracked(&feed, 1_000);
    body.poll();
    assert!(!second.is_kept());
}

/// The first body may stay on a hanging connection for long.
#[test]
fn a_second_body_that_is_dropped_releases_the_copy_and_the_source() {
    let (feed, quota) = (Feed::default(), BufferQuota::default());
    let (first, second) = (tracked(&feed, 1_000), tracked(&feed, 1_000));
    let (mut body, kept) = keeping_in(&quota, feed.source(), CAP);
    body.rest();
    let mut replay = again(kept);
    replay.poll();
    assert!(!first.is_kept() && !second.is_kept());
    assert!((1_000..2_000).contains(&quota.taken()), "the second part: {}", quota.taken());
    drop(replay);
    assert_eq!(quota.taken(), 0);
    assert!(feed.dropped());
    assert_eq!(body.poll(), Got::Superseded);
}

#[test]
fn the_second_body_keeps_nothing() {
    let (feed, quota) = (Feed::default(), BufferQuota::default());
    let first = tracked(&feed, 1_000);
    let (mut body, kept) = keeping_in(&quota, feed.source(), CAP);
    body.poll();
    let mut second = again(kept);
    assert!(quota.taken() >= 1_000);
    second.poll();
    assert!(!first.is_kept());
    assert_eq!(quota.taken(), 0, "what the second body has sent is not kept");
    let rest = tracked(&feed, 1_000);
    second.poll();
    assert!(!rest.is_kept());
    assert_eq!(quota.taken(), 0);
}

#[test]
fn a_body_that_fails_releases_the_copy() {
    let (feed, quota) = (Feed::default(), BufferQuota::default());
    let first = tracked(&feed, 1_000);
    feed.step(Step::Error("broken"));
    let (mut body, _kept) = keeping_in(&quota, feed.source(), CAP);
    body.rest();
    assert!(!first.is_kept());
    assert_eq!(quota.taken(), 0);
}

#[test]
fn a_source_is_dropped_at_its_end() {
    let feed = Feed::default();
    feed.data("one").end();
    let (mut body, _kept) = keeping(feed.source(), CAP);
    body.rest();
    assert!(feed.dropped(), "the source is dropped: it may hold a file or a permit");
}

#[test]
fn all_bodies_of_a_layer_together_keep_64_mib() {
    let (quota, frame) = (BufferQuota::default(), Bytes::from(vec![0; ALL / 8 - 1_024]));
    let keep_one = || {
        let feed = Feed::default();
        feed.step(Step::Data(frame.clone()));
        let (mut body, kept) = keeping_in(&quota, feed.source(), usize::MAX);
        body.poll();
        (body, kept)
    };
    let mut bodies: Vec<_> = (0..8).map(|_| keep_one()).collect();
    assert!(quota.taken() <= ALL);
    assert!(bodies.iter().all(|(_, kept)| kept.pause()));
    let (_, ninth) = keep_one();
    assert!(!ninth.pause(), "there is no quota for a ninth body");
    drop(bodies.pop());
    let (_, again) = keep_one();
    assert!(again.pause(), "there is quota again after one body has ended");
    drop((bodies, again, ninth));
    assert_eq!(quota.taken(), 0, "all quota is returned");
}

/// A frame may be a small slice of a large buffer. A reference to it would keep the whole buffer.
#[test]
fn a_slice_of_a_large_buffer_keeps_its_own_bytes_and_not_the_buffer() {
    for len in [1, 1_000, 20_000] {
        let (feed, quota) = (Feed::default(), BufferQuota::default());
        let buffer = Tracked(Arc::new(vec![7; 1 << 20]));
        feed.step(Step::Data(Bytes::from_owner(buffer.clone()).slice(..len)));
        let (mut body, kept) = keeping_in(&quota, feed.source(), CAP);
        body.poll();
        assert!(!buffer.is_kept(), "{len}");
        assert!(quota.taken() >= len);
        assert_eq!(again(kept).poll(), data(vec![7; len]), "it is sent again");
    }
}

/// A small frame counts with the memory that its copy needs. So many small frames cannot exceed the
/// 64 MiB.
#[test]
fn small_frames_count_with_their_overhead() {
    let (feed, quota) = (Feed::default(), BufferQuota::default());
    (0..1_000).for_each(|_| drop(feed.data("x").clone()));
    let (mut body, _kept) = keeping_in(&quota, feed.source(), CAP);
    body.rest();
    assert!(quota.taken() >= 1_000 * size_of::<Bytes>(), "{}", quota.taken());
}

#[test]
fn endless_empty_frames_reach_the_cap() {
    let feed = Feed::default();
    (0..101).for_each(|_| drop(feed.data("").clone()));
    let (mut body, kept) = keeping(feed.source(), 100);
    body.rest();
    assert!(!kept.pause(), "endless empty frames are not kept");
}
