//! A body that waits is woken: by the source, by the end of a pause, and by the takeover.

use crate::replay::body::tests::*;

#[test]
fn after_the_refusal_nothing_is_read() {
    let feed = Feed::default();
    feed.data("one").data("two").end();
    let (mut body, kept) = keeping(feed.source(), CAP);
    assert_eq!(body.poll(), data("one"));
    assert!(kept.pause());
    assert_eq!((body.poll(), body.poll()), (Got::Pending, Got::Pending));
    assert_eq!(feed.read(), 1);
    assert!(!body.woken());
}

#[test]
fn without_a_second_body_the_first_is_woken_and_continues_to_its_end() {
    let feed = Feed::default();
    feed.data("one").data("two").trailers("sum").end();
    let (mut body, kept) = keeping(feed.source(), CAP);
    assert_eq!(body.poll(), data("one"));
    assert!(kept.pause());
    assert_eq!(body.poll(), Got::Pending);
    drop(kept);
    assert!(body.woken());
    assert_eq!(body.rest(), [data("two"), trailers("sum"), Got::End]);
}

#[test]
fn a_paused_body_is_woken_by_the_takeover() {
    let feed = Feed::default();
    let (mut body, kept) = keeping(feed.source(), CAP);
    assert!(kept.pause());
    assert_eq!(body.poll(), Got::Pending);
    let _second = kept.again();
    assert!(body.woken());
    assert_eq!(body.poll(), Got::Superseded);
}

/// Otherwise its request would stay open for ever, because the source wakes only the body that
/// polled it last.
#[test]
fn a_body_that_waits_for_its_source_is_woken_by_the_takeover() {
    let feed = Feed::default();
    let (mut body, kept) = keeping(feed.source(), CAP);
    assert_eq!(body.poll(), Got::Pending);
    let mut second = again(kept);
    assert_eq!(second.poll(), Got::Pending);
    assert!(body.woken());
    assert_eq!(body.poll(), Got::Superseded);
}

#[test]
fn only_a_body_that_may_lose_its_source_stores_a_waker() {
    let (feed, other) = (Feed::default(), Feed::default());
    let wakers = |body: &Reading| Arc::strong_count(&body.wakes);
    let mut once = Reading::of(ReplayBody::once(feed.source()));
    assert_eq!(once.poll(), Got::Pending);
    let (mut first, kept) = keeping(other.source(), CAP);
    assert_eq!(first.poll(), Got::Pending);
    assert_eq!(wakers(&first), wakers(&once) + 1);
    let mut second = again(kept);
    assert_eq!(second.poll(), Got::Pending);
    assert_eq!(wakers(&second), wakers(&once));
}

#[test]
fn a_wake_up_by_the_source_reaches_the_body_that_reads_it() {
    let feed = Feed::default();
    let (mut body, kept) = keeping(feed.source(), CAP);
    assert_eq!(body.poll(), Got::Pending);
    feed.data("one");
    assert!(body.woken());
    assert_eq!((body.poll(), body.poll()), (data("one"), Got::Pending));
    let mut second = again(kept);
    assert_eq!((second.poll(), second.poll()), (data("one"), Got::Pending));
    assert!(!second.woken());
    feed.data("two");
    assert!(second.woken());
    assert_eq!(second.poll(), data("two"));
}

#[test]
fn a_wake_up_during_a_pause_is_not_lost() {
    let feed = Feed::default();
    let (mut body, kept) = keeping(feed.source(), CAP);
    assert_eq!(body.poll(), Got::Pending);
    assert!(kept.pause());
    feed.data("one");
    assert_eq!(body.poll(), Got::Pending, "the source woke the body, but it is still paused");
    body.woken();
    drop(kept);
    assert!(body.woken());
    assert_eq!(body.poll(), data("one"));
}

#[test]
fn a_frame_read_during_the_refusal_is_sent_if_there_is_no_second_body() {
    let feed = Feed::default();
    let (mut body, kept) = keeping(feed.source(), CAP);
    let kept = Arc::new(kept);
    feed.step(Step::Meanwhile(Box::new({
        let kept = kept.clone();
        move || assert!(kept.pause())
    })));
    feed.data("one").data("two").end();
    assert_eq!(body.poll(), Got::Pending);
    assert!(!body.woken());
    drop(kept);
    assert!(body.woken());
    assert_eq!(body.rest(), [data("one"), data("two"), Got::End]);
}

#[test]
fn a_frame_read_during_the_refusal_is_sent_by_the_second_body() {
    let feed = Feed::default();
    feed.data("zero");
    let (mut body, kept) = keeping(feed.source(), CAP);
    let kept = Arc::new(kept);
    feed.step(Step::Meanwhile(Box::new({
        let kept = kept.clone();
        move || assert!(kept.pause())
    })));
    feed.data("one").data("two").end();
    assert_eq!((body.poll(), body.poll()), (data("zero"), Got::Pending));
    let mut second = again(Arc::into_inner(kept).unwrap());
    assert_eq!(second.rest(), [data("zero"), data("one"), data("two"), Got::End]);
    assert_eq!(body.poll(), Got::Superseded);
}

/// A waker may be the last owner of its task, and the task may own the copy.
#[test]
fn a_replaced_waker_may_drop_the_copy() {
    struct Holds(#[allow(dead_code, reason = "dropped")] Kept<Source>);
    impl Wake for Holds {
        fn wake(self: Arc<Self>) {}
    }
    let feed = Feed::default();
    let (mut body, kept) = keeping(feed.source(), CAP);
    assert!(kept.pause());
    let task = Waker::from(Arc::new(Holds(kept)));
    let polled = Pin::new(&mut body.body).poll_frame(&mut Context::from_waker(&task));
    assert!(polled.is_pending());
    drop(task);
    assert_eq!(body.poll(), Got::Pending, "the body is polled by another task");
    assert!(body.woken(), "the pause is over, because the old waker dropped the copy");
}
