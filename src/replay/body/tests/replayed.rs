//! The second body sends what was sent before, and the rest of the source, which is read once.

use crate::replay::body::tests::*;

/// A source of two frames and trailers.
fn whole() -> (Feed, Vec<Got>) {
    let feed = Feed::default();
    feed.data("one").data("two").trailers("sum").end();
    (feed, vec![data("one"), data("two"), trailers("sum"), Got::End])
}

#[test]
fn an_accepted_body_is_sent_unchanged() {
    let (feed, all) = whole();
    let (mut body, kept) = keeping(feed.source(), CAP);
    assert_eq!(body.poll(), all[0]);
    drop(kept);
    assert_eq!(body.rest(), all[1..]);
    assert_eq!(body.poll(), Got::End, "it stays at its end");
}

/// The refusal comes after 0, 1 or 2 frames, after the trailers, and after the end.
#[test]
fn after_a_refusal_at_any_frame_the_second_body_is_whole_and_the_source_is_read_once() {
    for sent in 0..=4 {
        let (feed, all) = whole();
        let (mut body, kept) = keeping(feed.source(), CAP);
        for expected in &all[..sent] {
            assert_eq!(body.poll(), *expected);
        }
        assert_eq!(again(kept).rest(), all, "refused after {sent} frames");
        assert_eq!(feed.read(), 3, "each frame was read once");
    }
}

#[test]
fn a_body_above_the_cap_is_sent_again_if_nothing_was_read_before_the_refusal() {
    let (feed, all) = whole();
    let (_body, kept) = keeping(feed.source(), 0);
    assert_eq!(again(kept).rest(), all);
}

#[test]
fn a_copy_may_be_as_long_as_the_cap_but_no_longer() {
    for (cap, replayed) in [(6, true), (5, false)] {
        let feed = Feed::default();
        feed.data("one").data("two");
        let (mut body, kept) = keeping(feed.source(), cap);
        assert_eq!(body.rest(), [data("one"), data("two"), Got::Pending]);
        assert_eq!(kept.pause(), replayed, "six bytes, a cap of {cap}");
    }
}

#[test]
fn trailers_count_with_their_text() {
    for (cap, replayed) in [(7, true), (6, false)] {
        let (feed, _) = whole(); // "one", "two", "t", "sum"
        let (mut body, kept) = keeping(feed.source(), cap + 3);
        body.rest();
        assert_eq!(kept.pause(), replayed);
    }
}

#[test]
fn bytes_after_the_refusal_do_not_count_for_the_cap() {
    let (feed, all) = whole();
    let (mut body, kept) = keeping(feed.source(), 3);
    assert_eq!(body.poll(), all[0]);
    assert_eq!(again(kept).rest(), all);
}

#[test]
fn a_body_of_trailers_only_is_sent_again() {
    for sent in 0..=1 {
        let feed = Feed::default();
        feed.trailers("only").end();
        let (mut body, kept) = keeping(feed.source(), CAP);
        (0..sent).for_each(|_| assert_eq!(body.poll(), trailers("only")));
        assert_eq!(again(kept).rest(), [trailers("only"), Got::End]);
    }
}

#[test]
fn an_empty_body_is_sent_again() {
    let feed = Feed::default();
    feed.end();
    let (mut body, kept) = keeping(feed.source(), CAP);
    assert_eq!(body.poll(), Got::End);
    assert_eq!(again(kept).rest(), [Got::End]);
}

#[test]
fn empty_frames_are_sent_again_in_place() {
    let feed = Feed::default();
    feed.data("").data("x").data("").end();
    let (mut body, kept) = keeping(feed.source(), CAP);
    assert_eq!((body.poll(), body.poll(), body.poll()), (data(""), data("x"), data("")));
    assert_eq!(again(kept).rest(), [data(""), data("x"), data(""), Got::End]);
}

#[test]
fn data_in_several_chunks_is_sent_whole() {
    use bytes::Buf;
    use http_body_util::{BodyExt, Full};

    let chain = Bytes::from_static(b"one").chain(Bytes::from_static(b"two"));
    let (mut body, kept) = ReplayBody::new(Full::new(chain), CAP, &BufferQuota::default());
    let mut cx = Context::from_waker(Waker::noop());
    let Poll::Ready(Some(Ok(first))) = Pin::new(&mut body).poll_frame(&mut cx) else {
        panic!("a frame")
    };
    assert_eq!(first.into_data().unwrap(), "onetwo");
    assert!(kept.pause());
    let all = futures::executor::block_on(kept.again().collect()).unwrap();
    assert_eq!(all.to_bytes(), "onetwo");
}

#[test]
fn the_second_body_continues_a_first_body_that_was_dropped_early() {
    let (feed, all) = whole();
    let (mut body, kept) = keeping(feed.source(), CAP);
    assert_eq!(body.poll(), all[0]);
    drop(body);
    assert_eq!(again(kept).rest(), all);
}

#[test]
fn dropping_the_first_body_does_not_affect_the_second() {
    let (feed, all) = whole();
    let (mut body, kept) = keeping(feed.source(), CAP);
    assert_eq!(body.poll(), all[0]);
    let mut second = again(kept);
    assert_eq!((second.poll(), second.poll()), (all[0].clone(), all[1].clone()));
    drop(body);
    assert_eq!(second.rest(), all[2..]);
}

#[test]
fn an_error_of_the_source_is_passed_on_and_nothing_is_sent_again() {
    let feed = Feed::default();
    feed.data("one").step(Step::Error("broken")).data("never read");
    let (mut body, kept) = keeping(feed.source(), CAP);
    assert_eq!(body.rest(), [data("one"), error("broken")]);
    assert!(!kept.pause(), "half a body is not sent again");
    assert_eq!(body.poll(), Got::End, "a body ends after an error");
    assert_eq!(feed.read(), 2);
}

#[test]
fn an_error_of_the_source_after_the_takeover_goes_to_the_second_body() {
    let feed = Feed::default();
    feed.data("one").step(Step::Error("broken"));
    let (mut body, kept) = keeping(feed.source(), CAP);
    assert_eq!(body.poll(), data("one"));
    assert_eq!(again(kept).rest(), [data("one"), error("broken")]);
    assert_eq!(body.poll(), Got::Superseded);
}

#[test]
fn a_body_that_is_sent_once_is_unchanged() {
    let (feed, all) = whole();
    let mut body = Reading::of(ReplayBody::once(feed.source()));
    assert_eq!(body.rest(), all);
}
