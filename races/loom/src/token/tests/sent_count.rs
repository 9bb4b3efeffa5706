use loom::sync::Arc;
use loom::sync::atomic::{AtomicUsize, Ordering::Relaxed};
use loom::thread;

use crate::token::machine::events::Generation;
use crate::token::sent_count::SentCount;

/// Waits like `Core::await_successor`.
fn await_last(sent_count: &SentCount, refused: Generation) {
    loop {
        let changed = sent_count.changed();
        if !sent_count.refused(refused) {
            return;
        }
        changed.wait();
    }
}

#[test]
fn a_thread_that_sees_the_last_response_sees_its_token() {
    loom::model(|| {
        let (sent_count, published) =
            (Arc::new(SentCount::default()), Arc::new(AtomicUsize::new(1)));
        let first = Generation::of(1);
        let entry = sent_count.enter(first);
        let response = thread::spawn({
            let (sent_count, published) = (sent_count.clone(), published.clone());
            move || {
                published.store(2, Relaxed);
                sent_count.exit(entry);
            }
        });
        if !sent_count.refused(first) {
            assert_eq!(published.load(Relaxed), 2, "its successor would be exchanged for");
        }
        response.join().unwrap();
    });
}

#[test]
fn no_thread_waits_for_requests_that_have_ended() {
    loom::model(|| {
        let sent_count = Arc::new(SentCount::default());
        let first = Generation::of(1);
        let entries = [sent_count.enter(first), sent_count.enter(first)];
        let responses = entries.map(|entry| {
            let sent_count = sent_count.clone();
            thread::spawn(move || sent_count.exit(entry))
        });
        await_last(&sent_count, first);
        responses.into_iter().for_each(|response| response.join().unwrap());
    });
}

#[test]
fn requests_that_were_sent_after_the_refusal_are_not_waited_for() {
    loom::model(|| {
        let sent_count = Arc::new(SentCount::default());
        let first = Generation::of(1);
        let early = sent_count.enter(first);
        let others = thread::spawn({
            let sent_count = sent_count.clone();
            move || {
                sent_count.exit(early);
                // If the request was sent before the refusal, it counts and must leave. Otherwise
                // it need not leave.
                let late = sent_count.enter(first);
                sent_count.exit(late);
            }
        });
        await_last(&sent_count, first);
        others.join().unwrap();
        sent_count.enter(first);
        assert!(!sent_count.refused(first), "one that never leaves");
    });
}
