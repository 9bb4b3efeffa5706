//! The second body takes the source from a first body that still exists.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Barrier, mpsc};
use std::thread;

use crate::replay::body::tests::*;

#[test]
fn the_first_body_ends_with_an_error_and_never_normally() {
    let feed = Feed::default();
    feed.data("one").data("two").end();
    let (mut body, kept) = keeping(feed.source(), CAP);
    assert_eq!(body.poll(), data("one"));
    let mut second = again(kept);
    assert_eq!((body.poll(), body.poll()), (Got::Superseded, Got::Superseded));
    assert_eq!(second.rest(), [data("one"), data("two"), Got::End]);
    assert_eq!(
        body.poll(),
        Got::Superseded,
        "the first body ends with the error, although the source has ended"
    );
    assert!(!body.body.is_end_stream());
}

/// The result of the first body's poll while the source is taken from it.
fn in_the_middle_of_a_poll(yields: impl FnOnce(&Feed), expected: &[Got]) {
    let feed = Feed::default();
    feed.data("one");
    let (mut body, kept) = keeping(feed.source(), CAP);
    assert_eq!(body.poll(), data("one"));

    let (hand_over, handed_over) = mpsc::channel();
    feed.step(Step::Meanwhile(Box::new(move || {
        let mut second = again(kept);
        assert_eq!(second.poll(), data("one"));
        assert_eq!(second.poll(), Got::Pending, "the source is in use");
        hand_over.send(second).unwrap();
    })));
    yields(&feed);
    assert_eq!(body.poll(), Got::Superseded);
    let mut second = handed_over.recv().unwrap();
    assert!(second.woken(), "the source is free");
    assert_eq!(second.rest(), expected);
}

#[test]
fn a_frame_that_was_being_read_is_sent_next() {
    let yields = |feed: &Feed| {
        feed.data("two").data("three").end();
    };
    in_the_middle_of_a_poll(yields, &[data("two"), data("three"), Got::End]);
}

#[test]
fn trailers_that_were_being_read_are_sent_next() {
    let yields = |feed: &Feed| {
        feed.trailers("sum").end();
    };
    in_the_middle_of_a_poll(yields, &[trailers("sum"), Got::End]);
}

#[test]
fn an_end_that_was_being_read_ends_the_second_body() {
    in_the_middle_of_a_poll(|feed| drop(feed.end().clone()), &[Got::End]);
}

#[test]
fn an_error_that_was_being_read_goes_to_the_second_body() {
    let yields = |feed: &Feed| drop(feed.step(Step::Error("broken")).clone());
    in_the_middle_of_a_poll(yields, &[error("broken")]);
}

#[test]
fn the_second_body_waits_for_a_pending_source() {
    in_the_middle_of_a_poll(|_| {}, &[Got::Pending]);
}

/// With real threads: the first body's poll continues while the second body takes the source and
/// reads.
#[test]
fn a_takeover_on_another_thread_loses_and_reorders_nothing() {
    for round in 0..200 {
        let (feed, start) = (Feed::default(), Arc::new(Barrier::new(2)));
        let all: Vec<_> = (0..20_u8).map(|n| data([n; 3])).collect();
        (0..20_u8).for_each(|n| drop(feed.data([n; 3]).clone()));
        feed.end();
        let (mut body, kept) = keeping(feed.source(), CAP);
        let old = thread::spawn({
            let start = start.clone();
            move || {
                start.wait();
                body.rest()
            }
        });
        start.wait();
        (0..round % 20 * 50).for_each(|_| std::hint::spin_loop());
        let mut second = again(kept);
        let mut read = Vec::new();
        loop {
            match second.poll() {
                Got::End => break,
                Got::Pending => thread::yield_now(),
                got => read.push(got),
            }
        }
        assert_eq!(read, all);
        let old = old.join().unwrap();
        let sent = old.len() - 1;
        assert_eq!(old[..sent], all[..sent], "the first body has sent the beginning");
        assert!([Got::Superseded, Got::Pending, Got::End].contains(&old[sent]));
        assert!(old[sent] != Got::End || sent == 20);
    }
}

#[test]
fn a_source_that_panics_fails_its_next_reader() {
    let feed = Feed::default();
    feed.data("one").step(Step::Panic).data("never read");
    let (mut body, kept) = keeping(feed.source(), CAP);
    assert_eq!(body.poll(), data("one"));
    catch_unwind(AssertUnwindSafe(|| body.poll())).unwrap_err();
    assert!(!kept.pause(), "nothing can be sent again");
    assert_eq!(body.poll(), error("the body panicked"));
    assert_eq!(body.poll(), Got::End);
    assert_eq!(feed.read(), 2, "the source is not polled again");
}

#[test]
fn a_source_that_panics_during_the_takeover_fails_the_second_body() {
    let feed = Feed::default();
    let (mut body, kept) = keeping(feed.source(), CAP);
    let (hand_over, handed_over) = mpsc::channel();
    feed.step(Step::Meanwhile(Box::new(move || {
        let mut second = again(kept);
        assert_eq!(second.poll(), Got::Pending);
        hand_over.send(second).unwrap();
    })));
    feed.step(Step::Panic);
    catch_unwind(AssertUnwindSafe(|| body.poll())).unwrap_err();
    let mut second = handed_over.recv().unwrap();
    assert!(second.woken());
    assert_eq!(second.poll(), error("the body panicked"));
}

#[test]
fn data_that_panics_when_it_is_read_fails_the_body() {
    use bytes::Buf;
    use http_body_util::Full;

    struct Bad;
    impl Buf for Bad {
        fn remaining(&self) -> usize {
            1
        }
        fn chunk(&self) -> &[u8] {
            panic!("scripted")
        }
        fn advance(&mut self, _: usize) {}
    }
    let (mut body, kept) = ReplayBody::new(Full::new(Bad), CAP, &BufferQuota::default());
    let mut cx = Context::from_waker(Waker::noop());
    catch_unwind(AssertUnwindSafe(|| Pin::new(&mut body).poll_frame(&mut cx).is_ready()))
        .unwrap_err();
    assert!(!kept.pause());
    assert!(matches!(Pin::new(&mut body).poll_frame(&mut cx), Poll::Ready(Some(Err(_)))));
}
