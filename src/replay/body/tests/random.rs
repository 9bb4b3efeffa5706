//! Random frames, polls and times of decision. As in a runtime, a body is polled only if it was woken.
//! So a body that nobody wakes hangs, and the test sees this.

use std::mem;

use proptest::prelude::*;

use crate::replay::body::tests::*;

#[derive(Clone, Copy, Debug)]
enum Op {
    Feed,
    /// Something else happens while the next frame is read.
    FeedMeanwhile(Decision),
    First,
    DropFirst,
    Decide(Decision),
}

/// An action of the test while the first body is sent.
#[derive(Clone, Copy, Debug)]
enum Decision {
    Refuse,
    Replay,
    /// The head was accepted, the refusal was returned, or the call was dropped.
    Drop,
    Second,
    DropSecond,
}

fn decisions() -> impl Strategy<Value = Decision> {
    prop_oneof![
        2 => Just(Decision::Refuse),
        2 => Just(Decision::Replay),
        1 => Just(Decision::Drop),
        8 => Just(Decision::Second),
        1 => Just(Decision::DropSecond),
    ]
}

fn ops() -> impl Strategy<Value = Vec<Op>> {
    let op = prop_oneof![
        6 => Just(Op::Feed),
        3 => decisions().prop_map(Op::FeedMeanwhile),
        8 => Just(Op::First),
        1 => Just(Op::DropFirst),
        8 => decisions().prop_map(Op::Decide),
    ];
    prop::collection::vec(op, 0..60)
}

/// Everything that a whole body yields, with its last result.
fn bodies() -> impl Strategy<Value = Vec<Got>> {
    let length = prop_oneof![Just(0), 1..100_usize, 100..5_000_usize];
    let frames = prop::collection::vec((length, any::<u8>()), 0..12);
    let last = prop_oneof![
        3 => Just(vec![Got::End]),
        2 => Just(vec![trailers("sum"), Got::End]),
        1 => Just(vec![error("broken")]),
    ];
    (frames, last).prop_map(|(frames, last)| {
        let frames = frames.into_iter().map(|(length, byte)| Got::Data(vec![byte; length]));
        frames.chain(last).collect()
    })
}

fn feed(feed: &Feed, item: &Got) {
    match item {
        Got::Data(data) => feed.data(data),
        Got::Trailers(_) => feed.trailers("sum"),
        Got::Error(_) => feed.step(Step::Error("broken")),
        _ => feed.end(),
    };
}

/// A task that sends a body.
struct Sender {
    body: Reading,
    runnable: bool,
    /// What the server received, and how the body ended.
    sent: Vec<Got>,
    done: bool,
}

impl Sender {
    fn of(body: Reading) -> Sender {
        Sender { body, runnable: true, sent: Vec::new(), done: false }
    }

    /// Whether there was anything to do.
    fn run(&mut self) -> bool {
        self.runnable |= self.body.woken();
        if self.done || !mem::take(&mut self.runnable) {
            return false;
        }
        match self.body.poll() {
            Got::Pending => {}
            got => {
                self.runnable = true;
                self.done = !matches!(got, Got::Data(_) | Got::Trailers(_));
                self.sent.push(got);
            }
        }
        true
    }
}

#[derive(Default)]
struct Call {
    kept: Option<Kept<Source>>,
    refused: bool,
    second: Option<Sender>,
    second_dropped: bool,
}

impl Call {
    fn decide(&mut self, decision: Decision) {
        match decision {
            Decision::Refuse if !self.refused => {
                let Some(kept) = &self.kept else { return };
                self.refused = true;
                if !kept.pause() {
                    self.kept = None;
                }
            }
            Decision::Replay if self.refused => {
                if let Some(kept) = self.kept.take() {
                    self.second = Some(Sender::of(Reading::of(kept.again())));
                }
            }
            Decision::Drop => self.kept = None,
            Decision::Second => drop(self.second.as_mut().map(Sender::run)),
            Decision::DropSecond => self.second_dropped |= self.second.take().is_some(),
            Decision::Refuse | Decision::Replay => {}
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 1_000, ..ProptestConfig::default() })]

    #[test]
    fn a_server_always_gets_the_whole_body_or_an_error(
        all in bodies(),
        ops in ops(),
        cap in prop_oneof![Just(0), 0..200_usize, 0..30_000_usize],
        last in decisions(),
    ) {
        let (quota, source) = (BufferQuota::default(), Feed::default());
        let (body, kept) = keeping_in(&quota, source.source(), cap);
        let mut first = Some(Sender::of(body));
        let mut sent = Vec::new(); // by a first body that was dropped
        let call = Arc::new(Mutex::new(Call { kept: Some(kept), ..Call::default() }));
        let mut unfed = all.iter();

        for op in ops {
            match op {
                Op::Feed => unfed.next().into_iter().for_each(|item| feed(&source, item)),
                Op::FeedMeanwhile(decision) => {
                    let call = call.clone();
                    source.step(Step::Meanwhile(Box::new(move || {
                        // The source is in use: the second body reads it.
                        if let Ok(mut call) = call.try_lock() {
                            call.decide(decision);
                        }
                    })));
                    unfed.next().into_iter().for_each(|item| feed(&source, item));
                }
                Op::First => drop(first.as_mut().map(Sender::run)),
                Op::DropFirst => {
                    sent.extend(first.take().into_iter().flat_map(|first| first.sent));
                }
                Op::Decide(decision) => call.lock().unwrap().decide(decision),
            }
        }

        // Feeds and decides everything. Every woken body runs.
        unfed.for_each(|item| feed(&source, item));
        {
            let mut call = call.lock().unwrap();
            call.decide(last);
            call.decide(Decision::Replay);
            call.kept = None;
        }
        while first.as_mut().is_some_and(Sender::run)
            | call.lock().unwrap().second.as_mut().is_some_and(Sender::run) {}

        let mut call = call.lock().unwrap();
        let superseded = call.second.is_some() || call.second_dropped;
        let first_sent = first.as_ref().map_or(&sent, |first| &first.sent);
        match first_sent.split_last() {
            Some((Got::Superseded, sent)) => {
                prop_assert!(superseded);
                prop_assert!(all.starts_with(sent));
            }
            _ => prop_assert!(all.starts_with(first_sent)),
        }
        prop_assert!(first.as_ref().is_none_or(|first| first.done), "the first body hangs");
        if let Some(second) = &call.second {
            prop_assert_eq!(&second.sent, &all, "the second body is whole");
        }
        drop((first, call.second.take()));
        prop_assert_eq!(quota.taken(), 0);
        prop_assert!(source.dropped());
    }
}
