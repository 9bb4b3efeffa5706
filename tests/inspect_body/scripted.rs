//! A body that does what a script says.

use std::collections::VecDeque;
use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll};

use http::HeaderMap;
use http_body::{Frame, SizeHint};
use proptest::prelude::*;
use tokio::time::Sleep;

use crate::*;

#[derive(Clone, Debug)]
pub(crate) enum Step {
    /// Its two parts are not next to each other in memory.
    Data(Vec<u8>, Vec<u8>),
    Trailers,
    Error,
    /// Not ready now, but woken at once.
    Yield,
    Pause(u64),
}

/// What a body says of itself before its end.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Says {
    /// How much there is left, and when it has ended.
    All,
    Upper,
    Nothing,
}

#[derive(Debug)]
pub(crate) struct Scripted {
    steps: VecDeque<Step>,
    says: Says,
    pause: Option<Pin<Box<Sleep>>>,
}

pub(crate) type Data = bytes::buf::Chain<Bytes, Bytes>;

impl Scripted {
    pub(crate) fn new(steps: &[Step], says: Says) -> Scripted {
        Scripted { steps: steps.iter().cloned().collect(), says, pause: None }
    }
}

impl http_body::Body for Scripted {
    type Data = Data;
    type Error = String;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Data>, String>>> {
        if let Some(pause) = &mut self.pause {
            std::task::ready!(pause.as_mut().poll(cx));
            self.pause = None;
        }
        Poll::Ready(match self.steps.pop_front() {
            None => None,
            Some(Step::Data(one, two)) => {
                Some(Ok(Frame::data(bytes::Buf::chain(Bytes::from(one), Bytes::from(two)))))
            }
            Some(Step::Trailers) => {
                let mut trailers = HeaderMap::new();
                trailers.insert("x-sum", "1".parse().unwrap());
                Some(Ok(Frame::trailers(trailers)))
            }
            Some(Step::Error) => Some(Err("broken".to_owned())),
            Some(Step::Yield) => {
                cx.waker().wake_by_ref();
                return Poll::Pending;
            }
            Some(Step::Pause(pause)) => {
                self.pause = Some(Box::pin(tokio::time::sleep(millis(pause))));
                return self.poll_frame(cx);
            }
        })
    }

    fn is_end_stream(&self) -> bool {
        matches!(self.says, Says::All) && self.steps.is_empty()
    }

    fn size_hint(&self) -> SizeHint {
        let left = data(self.steps.iter()).len() as u64;
        let mut hint = SizeHint::new();
        match self.says {
            Says::All => hint.set_exact(left),
            Says::Upper => hint.set_upper(left + 7),
            Says::Nothing => {}
        }
        hint
    }
}

/// The data before the first error.
pub(crate) fn data<'a>(steps: impl Iterator<Item = &'a Step>) -> Vec<u8> {
    let steps = steps.take_while(|step| !matches!(step, Step::Error));
    steps
        .flat_map(|step| match step {
            Step::Data(one, two) => [&one[..], &two[..]].concat(),
            _ => Vec::new(),
        })
        .collect()
}

pub(crate) fn says() -> impl Strategy<Value = Says> {
    prop_oneof![Just(Says::All), Just(Says::Upper), Just(Says::Nothing)]
}

/// Any body.
pub(crate) fn scripts() -> impl Strategy<Value = Vec<Step>> {
    let length = || prop_oneof![3 => Just(0), 5 => 1..50_usize, 2 => 50..3_000_usize];
    let bytes = move || (length(), any::<u8>()).prop_map(|(length, byte)| vec![byte; length]);
    let step = prop_oneof![
        8 => (bytes(), bytes()).prop_map(|(one, two)| Step::Data(one, two)),
        2 => Just(Step::Yield),
        2 => prop_oneof![1..30_u64, 30..200_u64].prop_map(Step::Pause),
    ];
    let last = prop_oneof![
        3 => Just(vec![]),
        2 => Just(vec![Step::Trailers]),
        1 => Just(vec![Step::Error]),
        1 => Just(vec![Step::Yield, Step::Trailers, Step::Error]),
    ];
    (prop::collection::vec(step, 0..12), last).prop_map(|(steps, last)| [steps, last].concat())
}

/// One text in frames of any length, with pauses that are shorter than the wait in all.
pub(crate) fn split(text: &'static str) -> impl Strategy<Value = Vec<Step>> {
    let part = (0..text.len(), 0..4_u64, any::<bool>());
    prop::collection::vec(part, 0..12).prop_map(move |mut parts| {
        parts.sort_unstable();
        let mut steps = Vec::new();
        let (mut from, mut pauses) = (0, Vec::new());
        parts.push((text.len(), 0, false));
        for (to, pause, yields) in parts {
            let half = from + (to - from) / 2;
            let [one, two] = [from..half, half..to].map(|part| text.as_bytes()[part].to_vec());
            steps.push(Step::Data(one, two));
            steps.extend(yields.then_some(Step::Yield));
            steps.extend((pause > 0).then_some(Step::Pause(pause)));
            pauses.push(pause);
            from = to;
        }
        assert!(pauses.iter().sum::<u64>() < 45);
        steps
    })
}
