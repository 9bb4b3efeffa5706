use loom::sync::Arc;
use loom::sync::atomic::{AtomicUsize, Ordering::Relaxed};
use loom::thread;

use crate::token::machine::events::Generation;
use crate::token::sent_count::Riders;

/// As `Core::await_successor` waits.
fn await_last(riders: &Riders, refused: Generation) {
    loop {
        let changed = riders.changed();
        if !riders.refused(refused) {
            return;
        }
        changed.wait();
    }
}

#[test]
fn who_sees_the_last_rider_leave_sees_what_its_response_brought() {
    loom::model(|| {
        let (riders, published) = (Arc::new(Riders::default()), Arc::new(AtomicUsize::new(1)));
        let first = Generation::of(1);
        let ticket = riders.board(first);
        let response = thread::spawn({
            let (riders, published) = (riders.clone(), published.clone());
            move || {
                published.store(2, Relaxed);
                riders.leave(ticket);
            }
        });
        if !riders.refused(first) {
            assert_eq!(published.load(Relaxed), 2, "its successor would be exchanged for");
        }
        response.join().unwrap();
    });
}

#[test]
fn nobody_waits_for_riders_that_have_left() {
    loom::model(|| {
        let riders = Arc::new(Riders::default());
        let first = Generation::of(1);
        let tickets = [riders.board(first), riders.board(first)];
        let responses = tickets.map(|ticket| {
            let riders = riders.clone();
            thread::spawn(move || riders.leave(ticket))
        });
        await_last(&riders, first);
        responses.into_iter().for_each(|response| response.join().unwrap());
    });
}

#[test]
fn riders_that_set_out_after_the_refusal_are_not_waited_for() {
    loom::model(|| {
        let riders = Arc::new(Riders::default());
        let first = Generation::of(1);
        let early = riders.board(first);
        let others = thread::spawn({
            let riders = riders.clone();
            move || {
                riders.leave(early);
                // Before the refusal is seen it counts, and leaves; after, it need not leave at all.
                let late = riders.board(first);
                riders.leave(late);
            }
        });
        await_last(&riders, first);
        others.join().unwrap();
        riders.board(first);
        assert!(!riders.refused(first), "one that never leaves");
    });
}
