//! What must hold for every behaviour of the network. It is checked outside of the crate: around its exchange, and
//! below its layer. The numbers are those of the invariants in `races/README.md`.

use std::future::Future;
use std::pin::Pin;
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use http::header::AUTHORIZATION;
use http::{Request, Response};
use http_body_util::Full;
use hyper::body::Incoming;
use tokio::time::{Instant, timeout};
use tower::Service;
use tower_outbound_auth::BoxError;
use tower_outbound_auth::Credential;
use tower_outbound_auth::exchange::{Exchange, ExchangeContext, ExchangeError, Identity, Issued};

use crate::client::API_TIMEOUT;
use crate::net::Http;
use crate::servers::{LIFE, number};
use crate::{History, lock};

#[derive(Clone)]
pub(crate) struct Oracle {
    history: History,
    seen: Arc<Mutex<Seen>>,
}

#[derive(Default)]
struct Seen {
    exchanges_under_way: usize,
    failures_in_a_row: u32,
    /// No exchange may begin before this time.
    paused_until: Option<Instant>,
    /// The last token that arrived, and the earliest moment at which it may expire.
    newest: Option<(u64, Instant)>,
    /// The newest token that was sent.
    sent: u64,
}

impl Oracle {
    pub(crate) fn new(history: History) -> Oracle {
        Oracle { history, seen: Arc::default() }
    }

    /// A caller gets the error "no token" only if there is none.
    pub(crate) fn there_is_no_token(&self) {
        let newest = lock(&self.seen).newest;
        let is_over = newest.is_none_or(|(_, ends)| ends <= Instant::now());
        let token = newest.map(|(token, _)| token);
        self.history.require(is_over, format_args!("an error in spite of token {token:?}"));
    }

    fn exchange_begins(&self) -> UnderWay {
        let (mut seen, now) = (lock(&self.seen), Instant::now());
        seen.exchanges_under_way += 1;
        let (count, until) = (seen.exchanges_under_way, seen.paused_until);
        drop(seen);
        self.history.require(count == 1, format_args!("{count} exchanges at once"));
        let is_due = until.is_none_or(|until| until <= now);
        self.history.require(is_due, "an exchange in the pause after a failure");
        UnderWay { oracle: self.clone(), began: now, token: None }
    }

    /// No token is sent after a newer one.
    fn sends(&self, token: u64) {
        let mut seen = lock(&self.seen);
        let before = seen.sent;
        seen.sent = token.max(before);
        drop(seen);
        self.history.require(token >= before, format_args!("{token} is sent after {before}"));
    }
}

/// An exchange, until it ends or is given up.
struct UnderWay {
    oracle: Oracle,
    began: Instant,
    token: Option<u64>,
}

impl Drop for UnderWay {
    fn drop(&mut self) {
        let (mut seen, now) = (lock(&self.oracle.seen), Instant::now());
        seen.exchanges_under_way -= 1;
        if let Some(token) = self.token {
            seen.newest = Some((token, self.began + LIFE));
            (seen.failures_in_a_row, seen.paused_until) = (0, None);
            return;
        }
        seen.failures_in_a_row += 1;
        let left = seen.newest.map(|(_, ends)| ends.saturating_duration_since(now));
        let pause = shortest_pause(seen.failures_in_a_row, left.unwrap_or_default());
        seen.paused_until = Some(now + pause);
    }
}

/// The pause after this many failures, with a token that lives this long (without the time that the
/// exchange took).
fn shortest_pause(failures: u32, left: Duration) -> Duration {
    let cap = if left.is_zero() { 30 } else { 120 };
    let slot = Duration::from_secs(2_u64.pow((failures - 1).min(10)).min(cap)).mul_f64(0.8);
    // One more attempt is made before the token expires.
    let before_the_end = (left / 2).max(left.min(Duration::from_secs(1)));
    let pause = if left.is_zero() { slot } else { slot.min(before_the_end) };
    pause.saturating_sub(Duration::from_millis(5)) // the clock's resolution
}

/// An exchange that is observed.
pub(crate) struct Watched<E>(pub(crate) E, pub(crate) Oracle);

impl<E: Exchange> Exchange for Watched<E> {
    async fn exchange(&self, cx: &ExchangeContext) -> Result<Issued, ExchangeError> {
        let mut under_way = self.1.exchange_begins();
        self.1.history.note(format_args!("client: exchange, {:?}", cx.reason()));
        let issued = self.0.exchange(cx).await;
        match &issued {
            Ok(issued) => under_way.token = number(issued.access_token().expose()),
            Err(error) => self.1.history.note(format_args!("client: exchange failed: {error}")),
        }
        issued
    }

    fn identity(&self) -> Identity {
        self.0.identity()
    }

    fn credentials(&self) -> &[Credential] {
        self.0.credentials()
    }
}

/// The client of the API. It is observed, and given up if it takes too long.
#[derive(Clone)]
pub(crate) struct Below(pub(crate) Http, pub(crate) Oracle);

impl Service<Request<Full<Bytes>>> for Below {
    type Response = Response<Incoming>;
    type Error = BoxError;
    type Future = Pin<Box<dyn Future<Output = Result<Response<Incoming>, BoxError>> + Send>>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), BoxError>> {
        self.0.poll_ready(cx).map_err(Into::into)
    }

    fn call(&mut self, request: Request<Full<Bytes>>) -> Self::Future {
        let token = request.headers()[AUTHORIZATION].to_str().unwrap_or_default();
        let token = token.strip_prefix("Bearer ").and_then(number);
        self.1.history.require(token.is_some(), "a request without a token");
        self.1.sends(token.unwrap_or_default());
        let response = self.0.call(request);
        Box::pin(async move { Ok(timeout(API_TIMEOUT, response).await??) })
    }
}
