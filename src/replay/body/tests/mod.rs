//! A source that a test controls, and bodies that the test polls.

mod hints;
mod linkerd;
mod memory;
mod random;
mod replayed;
mod takeover;
mod waking;

use std::collections::VecDeque;
use std::pin::Pin;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard};
use std::task::{Context, Poll, Wake, Waker};

use bytes::Bytes;
use http::HeaderMap;
use http_body::{Body, Frame, SizeHint};

use crate::replay::body::prefix::BufferQuota;
use crate::replay::body::{Kept, ReplayBody, Superseded};

type Replayed = (Reading, Kept<Source>);

const CAP: usize = 64 * 1024;

/// A body over a source, and its copy.
fn keeping(source: Source, cap: usize) -> Replayed {
    keeping_in(&BufferQuota::default(), source, cap)
}

fn keeping_in(quota: &BufferQuota, source: Source, cap: usize) -> Replayed {
    let (body, kept) = ReplayBody::new(source, cap, quota);
    (Reading::of(body), kept)
}

/// After a refusal: the second body.
fn again(kept: Kept<Source>) -> Reading {
    assert!(kept.pause(), "the body can be sent again");
    Reading::of(kept.again())
}

/// The result of a poll of a body.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Got {
    Data(Vec<u8>),
    Trailers(String),
    End,
    Superseded,
    Error(String),
    Pending,
}

fn data(data: impl AsRef<[u8]>) -> Got {
    Got::Data(data.as_ref().to_vec())
}

fn trailers(value: &str) -> Got {
    Got::Trailers(value.to_owned())
}

fn error(text: &str) -> Got {
    Got::Error(text.to_owned())
}

/// A body, and how often its waker was called.
struct Reading {
    body: ReplayBody<Source>,
    wakes: Arc<Wakes>,
}

#[derive(Default)]
struct Wakes(AtomicUsize);

impl Wake for Wakes {
    fn wake(self: Arc<Self>) {
        self.0.fetch_add(1, Ordering::SeqCst);
    }
}

impl Reading {
    fn of(body: ReplayBody<Source>) -> Reading {
        Reading { body, wakes: Arc::default() }
    }

    fn poll(&mut self) -> Got {
        let waker = Waker::from(self.wakes.clone());
        match Pin::new(&mut self.body).poll_frame(&mut Context::from_waker(&waker)) {
            Poll::Pending => Got::Pending,
            Poll::Ready(None) => Got::End,
            Poll::Ready(Some(Err(error))) if error.is::<Superseded>() => Got::Superseded,
            Poll::Ready(Some(Err(error))) => Got::Error(error.to_string()),
            Poll::Ready(Some(Ok(frame))) => match frame.into_data() {
                Ok(data) => Got::Data(data.to_vec()),
                Err(frame) => {
                    let trailers = frame.into_trailers().unwrap();
                    Got::Trailers(trailers["t"].to_str().unwrap().to_owned())
                }
            },
        }
    }

    /// Whether the body was woken since the last call of this.
    fn woken(&self) -> bool {
        self.wakes.0.swap(0, Ordering::SeqCst) > 0
    }

    /// All frames before the first result that is no frame.
    fn rest(&mut self) -> Vec<Got> {
        let mut all = Vec::new();
        loop {
            all.push(self.poll());
            if !matches!(all.last(), Some(Got::Data(_) | Got::Trailers(_))) {
                return all;
            }
        }
    }
}

/// What a source does when it is polled.
enum Step {
    Data(Bytes),
    Trailers(&'static str),
    Error(&'static str),
    Panic,
    /// Something happens while it is polled, and then the next step.
    Meanwhile(Box<dyn FnOnce() + Send>),
}

/// The test's handle to the source. A poll without a step is pending.
#[derive(Clone, Default)]
struct Feed(Arc<Mutex<State>>);

#[derive(Default)]
struct State {
    steps: VecDeque<Step>,
    ended: bool,
    hint: SizeHint,
    says_end: bool,
    waker: Option<Waker>,
    /// The number of steps that were taken.
    read: usize,
    dropped: bool,
}

impl Feed {
    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap()
    }

    fn step(&self, step: Step) -> &Feed {
        self.state().steps.push_back(step);
        self.wake();
        self
    }

    fn data(&self, data: impl AsRef<[u8]>) -> &Feed {
        self.step(Step::Data(Bytes::copy_from_slice(data.as_ref())))
    }

    fn trailers(&self, value: &'static str) -> &Feed {
        self.step(Step::Trailers(value))
    }

    fn end(&self) -> &Feed {
        self.state().ended = true;
        self.wake();
        self
    }

    /// Wakes only the task that polled last.
    fn wake(&self) {
        let waker = self.state().waker.take();
        if let Some(waker) = waker {
            waker.wake();
        }
    }

    fn hint(&self, hint: SizeHint) -> &Feed {
        self.state().hint = hint;
        self
    }

    fn read(&self) -> usize {
        self.state().read
    }

    fn dropped(&self) -> bool {
        self.state().dropped
    }

    fn source(&self) -> Source {
        Source(self.clone())
    }
}

/// The source. Its [`Feed`] may be dropped first.
struct Source(Feed);

impl Drop for Source {
    fn drop(&mut self) {
        self.0.state().dropped = true;
    }
}

impl Body for Source {
    type Data = Bytes;
    type Error = std::io::Error;

    fn poll_frame(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, std::io::Error>>> {
        loop {
            let mut state = self.0.state();
            let Some(step) = state.steps.pop_front() else {
                if state.ended {
                    return Poll::Ready(None);
                }
                state.waker = Some(cx.waker().clone());
                return Poll::Pending;
            };
            state.read += 1;
            return Poll::Ready(Some(match step {
                Step::Data(data) => {
                    let len = data.len() as u64;
                    let left = |hint: u64| hint.saturating_sub(len);
                    let (lower, upper) = (left(state.hint.lower()), state.hint.upper().map(left));
                    state.hint = SizeHint::new();
                    state.hint.set_lower(lower);
                    if let Some(upper) = upper {
                        state.hint.set_upper(upper);
                    }
                    Ok(Frame::data(data))
                }
                Step::Trailers(value) => {
                    let mut trailers = HeaderMap::new();
                    trailers.insert("t", value.parse().unwrap());
                    Ok(Frame::trailers(trailers))
                }
                Step::Error(text) => Err(std::io::Error::other(text)),
                Step::Panic => {
                    drop(state);
                    panic!("scripted");
                }
                Step::Meanwhile(happens) => {
                    drop(state);
                    happens();
                    continue;
                }
            }));
        }
    }

    fn is_end_stream(&self) -> bool {
        let state = self.0.state();
        state.says_end && state.ended && state.steps.is_empty()
    }

    fn size_hint(&self) -> SizeHint {
        self.0.state().hint
    }
}
