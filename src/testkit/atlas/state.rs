//! What an Atlas server knows, and how it answers.

use std::collections::{HashMap, HashSet};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use http::header::{LOCATION, RETRY_AFTER};
use http::{HeaderMap, HeaderValue, Method, Request, StatusCode};
use serde_json::json;

use super::AtlasCounts;
use crate::clock::{Clock, SystemClock};
use crate::testkit::MalformedAnswer;
use crate::testkit::mint::Mint;
use crate::testkit::received::Record;
use crate::testkit::server::{Answer, Handler, json, plain};

pub(super) const CLIENT_ID: &str = "atlas-test-client";
pub(super) const CLIENT_SECRET: &str = "atlas-test-secret-5f0e";

pub(super) struct State {
    pub(super) clock: Arc<dyn Clock>,
    pub(super) lifetime: u64,
    pub(super) mint: Mint,
    pub(super) refuse_credentials: bool,
    pub(super) delay: Duration,
    pub(super) malformed: Option<MalformedAnswer>,
    /// `Some` while it lasts, with its `Retry-After`.
    pub(super) outage: Option<Option<Duration>>,
    pub(super) refusing: HashSet<String>,
    pub(super) failing: HashMap<String, StatusCode>,
    pub(super) redirects: HashMap<String, (StatusCode, String)>,
    pub(super) counts: AtlasCounts,
    pub(super) requests: Record,
    pub(super) exchange_requests: Record,
}

impl State {
    pub(super) fn new() -> State {
        State {
            clock: Arc::new(SystemClock::new()),
            lifetime: 3_600,
            mint: Mint::new(),
            refuse_credentials: false,
            delay: Duration::ZERO,
            malformed: None,
            outage: None,
            refusing: HashSet::new(),
            failing: HashMap::new(),
            redirects: HashMap::new(),
            counts: AtlasCounts::default(),
            requests: Record::default(),
            exchange_requests: Record::default(),
        }
    }

    fn exchange(&mut self, request: &Request<Bytes>) -> Answer {
        if let Some(redirect) = self.redirect(request) {
            return redirect;
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
            return malformed.to_answer();
        }
        let id = only_value(request.headers(), "client-id");
        let secret = only_value(request.headers(), "client-secret");
        let (Some(id), Some(secret)) = (id, secret) else {
            let error = json!({"error": "Missing Client-Id or Client-Secret"});
            return json(StatusCode::BAD_REQUEST, &error);
        };
        if self.refuse_credentials || id != CLIENT_ID || secret != CLIENT_SECRET {
            return json(StatusCode::UNAUTHORIZED, &json!({"error": "Invalid credentials"}));
        }
        self.counts.exchanges_succeeded += 1;
        let (token, left) = self.mint.issue(CLIENT_ID, self.lifetime, self.clock.now());
        json(StatusCode::OK, &json!({"access_token": token, "expires_in": left}))
    }

    fn api(&mut self, request: &Request<Bytes>) -> Answer {
        self.counts.requests += 1;
        self.requests.add(request);
        if let Some(redirect) = self.redirect(request) {
            return redirect;
        }
        let path = request.uri().path();
        if let Some(status) = self.failing.get(path) {
            return plain(*status, "as it was told to");
        }
        let now = self.clock.now();
        let good = only_value(request.headers(), "token")
            .is_some_and(|token| self.mint.accepts(token, now));
        if !good || self.refusing.contains(path) {
            self.counts.refused += 1;
            return json(StatusCode::UNAUTHORIZED, &json!({"error": "Invalid token"}));
        }
        self.counts.accepted += 1;
        let length = request.body().len();
        let body = json!({"method": request.method().as_str(), "path": path, "length": length});
        json(StatusCode::OK, &body)
    }

    fn redirect(&self, request: &Request<Bytes>) -> Option<Answer> {
        let (status, to) = self.redirects.get(request.uri().path())?;
        let Ok(to) = HeaderValue::from_str(to) else {
            return Some(plain(StatusCode::INTERNAL_SERVER_ERROR, "this test redirects to no URL"));
        };
        let mut answer = plain(*status, "");
        answer.headers_mut().insert(LOCATION, to);
        Some(answer)
    }
}

impl Handler for Mutex<State> {
    async fn handle(&self, request: Request<Bytes>) -> Answer {
        let lock = || self.lock().unwrap_or_else(PoisonError::into_inner);
        if !request.uri().path().ends_with("/authtoken") {
            return lock().api(&request);
        }
        let delay = {
            let mut state = lock();
            state.counts.exchanges += 1;
            state.exchange_requests.add(&request);
            (!state.delay.is_zero()).then(|| state.clock.sleep(state.delay))
        };
        if let Some(delay) = delay {
            delay.await;
        }
        lock().exchange(&request)
    }
}

/// The value of a header that is there once: two are as good as none.
fn only_value<'a>(headers: &'a HeaderMap, name: &str) -> Option<&'a str> {
    let mut values = headers.get_all(name).iter();
    let value = values.next()?.to_str().ok()?;
    values.next().is_none().then_some(value)
}
