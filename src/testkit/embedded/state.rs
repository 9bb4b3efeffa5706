//! The state of an embedded server, and how its switches affect a request.

use std::collections::{HashMap, HashSet};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, UNIX_EPOCH};

use bytes::Bytes;
use http::header::{DATE, LOCATION, RETRY_AFTER};
use http::{HeaderValue, Method, Request, StatusCode};
use serde_json::json;

use super::issuer::{Client, Issuer};
use super::protocol::Protocol;
use crate::clock::Sleep;
use crate::testkit::MalformedAnswer;
use crate::testkit::received::Record;
use crate::testkit::server::{Answer, Handler, json, plain};

pub(super) struct State<P> {
    pub(super) protocol: P,
    pub(super) issuer: Issuer,
    pub(super) exchange_delay: Duration,
    pub(super) request_delay: Duration,
    pub(super) malformed: Option<MalformedAnswer>,
    /// `Some` during an outage, with the `Retry-After` of its answers.
    pub(super) outage: Option<Option<Duration>>,
    pub(super) refusing: HashSet<String>,
    pub(super) failing: HashMap<String, StatusCode>,
    pub(super) redirects: HashMap<String, (StatusCode, String)>,
    pub(super) requests: Record,
    pub(super) exchange_requests: Record,
    exchanges_under_way: usize,
}

impl<P: Protocol> State<P> {
    pub(super) fn new() -> State<P> {
        let client = Client::new(P::CLIENT_ID, P::CLIENT_SECRET);
        State {
            protocol: P::default(),
            issuer: Issuer::new(client, P::key(P::CLIENT_SECRET)),
            exchange_delay: Duration::ZERO,
            request_delay: Duration::ZERO,
            malformed: None,
            outage: None,
            refusing: HashSet::new(),
            failing: HashMap::new(),
            redirects: HashMap::new(),
            requests: Record::default(),
            exchange_requests: Record::default(),
            exchanges_under_way: 0,
        }
    }

    /// Handles an exchange. The answer is sent after the delay.
    fn exchange_arrives(&mut self, request: &Request<Bytes>) -> Option<Sleep> {
        self.exchanges_under_way += 1;
        let counts = &mut self.issuer.counts;
        counts.exchanges += 1;
        counts.refreshes += usize::from(P::is_refresh(request));
        counts.most_exchanges_under_way =
            counts.most_exchanges_under_way.max(self.exchanges_under_way);
        self.exchange_requests.add(request);
        self.sleep(self.exchange_delay)
    }

    fn exchange(&mut self, request: &Request<Bytes>) -> Answer {
        if let Some(answer) = self.path_answer(request) {
            return answer;
        }
        if request.method() != Method::POST {
            return plain(StatusCode::METHOD_NOT_ALLOWED, "POST only");
        }
        if let Some(retry_after) = self.outage {
            let mut answer = plain(StatusCode::SERVICE_UNAVAILABLE, "down for maintenance");
            if let Some(retry_after) = retry_after {
                answer.headers_mut().insert(RETRY_AFTER, retry_after.as_secs().into());
            }
            return answer;
        }
        if let Some(malformed) = &self.malformed {
            return malformed.to_answer(self.protocol.member());
        }
        self.protocol.exchange(&mut self.issuer, request)
    }

    /// Handles a request to the API when it arrives. The answer is sent after the delay.
    fn api(&mut self, request: &Request<Bytes>) -> (Answer, Option<Sleep>) {
        self.issuer.counts.requests += 1;
        self.requests.add(request);
        let sent = P::token(request.headers());
        let good = sent.filter(|token| self.protocol.accepts(&self.issuer, token));
        let mut answer = self.api_answer(request, sent.is_some(), good.is_some());
        self.protocol.finish(&mut self.issuer, good, &mut answer);
        (answer, self.sleep(self.request_delay))
    }

    fn api_answer(&mut self, request: &Request<Bytes>, sent: bool, good: bool) -> Answer {
        if let Some(answer) = self.path_answer(request) {
            return answer;
        }
        let path = request.uri().path();
        if !good || self.refusing.contains(path) {
            self.issuer.counts.refused += 1;
            return P::refusal(sent);
        }
        self.issuer.counts.accepted += 1;
        let length = request.body().len();
        let body = json!({"method": request.method().as_str(), "path": path, "length": length});
        json(StatusCode::OK, &body)
    }

    /// The answer of a path that has a switch.
    fn path_answer(&self, request: &Request<Bytes>) -> Option<Answer> {
        let path = request.uri().path();
        if let Some((status, to)) = self.redirects.get(path) {
            let Ok(to) = HeaderValue::from_str(to) else {
                let text = "this test redirects to no URL";
                return Some(plain(StatusCode::INTERNAL_SERVER_ERROR, text));
            };
            let mut answer = plain(*status, "");
            answer.headers_mut().insert(LOCATION, to);
            return Some(answer);
        }
        let status = self.failing.get(path)?;
        Some(plain(*status, "the answer that the test set"))
    }

    fn sleep(&self, delay: Duration) -> Option<Sleep> {
        (!delay.is_zero()).then(|| self.issuer.clock.sleep(delay))
    }
}

impl<P: Protocol> Handler for Mutex<State<P>> {
    async fn handle(&self, request: Request<Bytes>) -> Answer {
        let mut answer = answer(self, &request).await;
        // By the server's own clock. Without this, HTTP would add the machine's time.
        let now = UNIX_EPOCH + lock(self).issuer.clock.now().since_epoch();
        if let Ok(date) = httpdate::fmt_http_date(now).parse() {
            answer.headers_mut().entry(DATE).or_insert(date);
        }
        answer
    }
}

async fn answer<P: Protocol>(state: &Mutex<State<P>>, request: &Request<Bytes>) -> Answer {
    if P::is_exchange(request.uri().path()) {
        let delay = lock(state).exchange_arrives(request);
        let _under_way = UnderWay(state);
        if let Some(delay) = delay {
            delay.await;
        }
        return lock(state).exchange(request);
    }
    let (answer, delay) = lock(state).api(request);
    if let Some(delay) = delay {
        delay.await;
    }
    answer
}

/// An exchange, until it is answered or its client gives up.
struct UnderWay<'a, P: Protocol>(&'a Mutex<State<P>>);

/// Never panics. Drop it only while the lock is free.
impl<P: Protocol> Drop for UnderWay<'_, P> {
    fn drop(&mut self) {
        lock(self.0).exchanges_under_way -= 1;
    }
}

fn lock<P>(state: &Mutex<State<P>>) -> MutexGuard<'_, State<P>> {
    state.lock().unwrap_or_else(PoisonError::into_inner)
}
