//! Refreshes in random schedules, which decide when callers ask, give up, are refused or are answered. If a
//! schedule leaves a caller waiting, shuttle reports a deadlock.
#![allow(clippy::unwrap_used)] // tests

mod callers;
mod observers;
mod sent_count;

use std::convert::Infallible;
use std::future::{Future, pending, poll_fn};
use std::pin::pin;
use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};
use std::sync::{Arc, Mutex, PoisonError};
use std::task::Poll;
use std::time::{Duration, SystemTime};

use http::header::AUTHORIZATION;
use http::{HeaderName, HeaderValue};
use shuttle::future::{block_on, yield_now};
use shuttle::rand::{Rng, thread_rng};
use shuttle::scheduler::{PctScheduler, RandomScheduler};
use shuttle::{Config, Runner};
use tower_outbound_auth::clock::{Clock, Now, Sleep};
use tower_outbound_auth::exchange::{
    Exchange, ExchangeContext, ExchangeError, ExchangeErrorKind, Issued,
};
use tower_outbound_auth::scheme::{InvalidToken, Presentation, Rotation};
use tower_outbound_auth::token::SourceBuilder;
use tower_outbound_auth::{Secret, TokenSource};

/// The number of schedules for each story and each way of choosing them.
const SCHEDULES: usize = 5_000;

/// Runs a story in this many schedules, or in the one that should be repeated.
fn in_every_order(story: impl AsyncFn() + Send + Sync + 'static) {
    // The crate's statics belong to the tool too, and to one run at a time.
    static ALONE: Mutex<()> = Mutex::new(());
    let _alone = ALONE.lock().unwrap_or_else(PoisonError::into_inner);
    let _how_to_replay = HowToReplay;
    let story = move || block_on(story());
    if let Ok(schedule) = std::env::var("SCHEDULE") {
        return shuttle::replay(story, schedule.trim());
    }
    let story = Arc::new(story);
    let again = story.clone();
    Runner::new(RandomScheduler::new(SCHEDULES), Config::new()).run(move || story());
    // Few changes of thread, each at an unlikely moment, which random schedules rarely have.
    Runner::new(PctScheduler::new(3, SCHEDULES), Config::new()).run(move || again());
}

/// Prints how to repeat a story that failed. The tool has printed the schedule.
struct HowToReplay;

impl Drop for HowToReplay {
    fn drop(&mut self) {
        if std::thread::panicking() {
            let thread = std::thread::current();
            let name = thread.name().unwrap_or_default();
            eprintln!("to see it again, in races/shuttle, with the schedule above:");
            eprintln!("SCHEDULE=.. cargo test --release --test refreshes {name}");
        }
    }
}

/// A clock that does not move, because the tool's time is not virtual. No deadline comes, so a task that only
/// a deadline would end counts as hung.
#[derive(Debug)]
struct Still;

impl Clock for Still {
    fn now(&self) -> Now {
        let day = Duration::from_secs(86_400);
        Now::new(day, SystemTime::UNIX_EPOCH + 20_000 * day)
    }

    fn sleep(&self, _: Duration) -> Sleep {
        Box::pin(pending())
    }
}

/// Yields the tokens 1, 2 and so on, and counts.
#[derive(Clone, Default)]
struct Login {
    begun: Arc<AtomicUsize>,
    under_way: Arc<AtomicUsize>,
    fails: bool,
}

impl Login {
    fn exchanges(&self) -> usize {
        self.begun.load(SeqCst)
    }
}

impl Exchange for Login {
    async fn exchange(&self, _: &ExchangeContext) -> Result<Issued, ExchangeError> {
        let nth = self.begun.fetch_add(1, SeqCst) + 1;
        assert_eq!(self.under_way.fetch_add(1, SeqCst), 0, "two exchanges at once");
        yield_now().await;
        self.under_way.fetch_sub(1, SeqCst);
        if self.fails {
            return Err(ExchangeError::new(ExchangeErrorKind::Unavailable, "down"));
        }
        Ok(Issued::new(nth.to_string()))
    }
}

/// Tokens without a prefix, in requests and in responses.
struct Plain(Rotation);

impl Presentation for Plain {
    fn header_name(&self) -> &HeaderName {
        &AUTHORIZATION
    }

    fn header_value(&self, token: &Secret, _: Option<&str>) -> Result<HeaderValue, InvalidToken> {
        token.expose().parse().map_err(|_| InvalidToken::Other)
    }

    fn rotation(&self) -> Option<&Rotation> {
        Some(&self.0)
    }

    fn is_authentic(&self, _: &Secret) -> bool {
        true
    }
}

fn builder_of(login: &Login) -> SourceBuilder<Plain> {
    let scheme = Plain(Rotation::in_header(AUTHORIZATION));
    TokenSource::builder(scheme, login.clone()).clock(Still)
}

fn source_of(login: &Login) -> TokenSource<Plain> {
    builder_of(login).build()
}

/// Gives up at some moment, if the future has not ended before.
async fn impatient<T>(future: impl Future<Output = T>) -> Option<T> {
    let mut patience = thread_rng().gen_range(0..6);
    let mut future = pin!(future);
    poll_fn(|cx| match future.as_mut().poll(cx) {
        Poll::Ready(output) => Poll::Ready(Some(output)),
        Poll::Pending if patience == 0 => Poll::Ready(None),
        Poll::Pending => {
            patience -= 1;
            cx.waker().wake_by_ref();
            Poll::Pending
        }
    })
    .await
}
