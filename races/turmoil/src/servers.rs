//! The token endpoint and the API. Their state survives a crash, as in a database.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use bytes::Bytes;
use http::header::AUTHORIZATION;
use http::{HeaderMap, Request, Response, StatusCode};
use http_body_util::{BodyExt, Full};
use hyper::body::Incoming;
use tokio::time::sleep;

use crate::net::serve;
use crate::simulation::{Fault, Link, Network};
use crate::{History, lock, now, secs};

/// The life of a token.
pub(crate) const LIFE: Duration = Duration::from_secs(20);
/// A token is this prefix and a number, in the order of issue.
pub(crate) const TOKEN: &str = "canary-token.";
pub(crate) const REFRESH_TOKEN: &str = "canary-refresh.";
pub(crate) const SECRET: &str = "canary-secret";

/// The time between acting and answering, in which a fault may occur.
const A_MOMENT: Duration = Duration::from_millis(20);

/// The number of a token.
pub(crate) fn number(token: &str) -> Option<u64> {
    token.strip_prefix(TOKEN)?.parse().ok()
}

#[derive(Clone)]
pub(crate) struct Servers {
    network: Network,
    history: History,
    state: Arc<Mutex<State>>,
}

#[derive(Default)]
struct State {
    /// When each token expires.
    tokens: BTreeMap<u64, Duration>,
    /// All tokens up to this one are revoked.
    revoked: u64,
    /// Whether each refresh token was used.
    refresh_tokens: BTreeMap<u64, bool>,
    /// Called the next time that the token endpoint has acted, before it answers.
    at_exchange: Option<Fault>,
    /// The same for the API, with this status.
    at_answer: Option<(StatusCode, Fault)>,
    exchanges: usize,
    refreshes: usize,
}

impl Servers {
    pub(crate) fn new(network: Network) -> Servers {
        Servers { history: network.history.clone(), network, state: Arc::default() }
    }

    pub(crate) async fn token_endpoint(self) -> turmoil::Result {
        let history = self.history.clone();
        serve(false, history, move |request| self.clone().exchange(request)).await
    }

    pub(crate) async fn api(self, http2: bool) -> turmoil::Result {
        let history = self.history.clone();
        serve(http2, history, move |request| self.clone().answer(request)).await
    }

    // ===== what a scenario may ask and tell =====

    pub(crate) fn exchanges(&self) -> usize {
        lock(&self.state).exchanges
    }

    pub(crate) fn refreshes(&self) -> usize {
        lock(&self.state).refreshes
    }

    pub(crate) fn revoke_tokens(&self) {
        let mut state = lock(&self.state);
        state.revoked = state.tokens.keys().next_back().copied().unwrap_or(0);
        self.history.note("all tokens are revoked");
    }

    pub(crate) fn at_next_exchange(&self, fault: Fault) {
        lock(&self.state).at_exchange = Some(fault);
    }

    pub(crate) fn at_next_answer(&self, status: StatusCode, fault: Fault) {
        lock(&self.state).at_answer = Some((status, fault));
    }

    pub(crate) fn no_more_faults(&self) {
        let mut state = lock(&self.state);
        (state.at_exchange, state.at_answer) = (None, None);
    }

    /// Whether the last issued token is not valid any more.
    pub(crate) fn refuses_the_newest(&self) -> bool {
        let state = lock(&self.state);
        state.tokens.keys().next_back().is_some_and(|token| *token <= state.revoked)
    }

    // ===== what they answer =====

    async fn exchange(self, request: Request<Incoming>) -> Response<Full<Bytes>> {
        let credential = authorization(request.headers());
        self.history.require(!credential.contains(TOKEN), "the token endpoint got a token");
        let Ok(body) = request.into_body().collect().await else {
            return answer(StatusCode::BAD_REQUEST, "it broke off");
        };
        let form = String::from_utf8_lossy(&body.to_bytes()).into_owned();
        let refresh_token = form.split('&').find_map(|it| it.strip_prefix("refresh_token="));
        let (issued, fault) = {
            let mut state = lock(&self.state);
            state.exchanges += 1;
            let issued = match refresh_token {
                Some(token) => state.refresh(&self.history, token),
                None => Some(state.issue()),
            };
            (issued, state.at_exchange.take())
        };
        self.history.note(format_args!("auth: exchange by {refresh_token:?} -> {issued:?}"));
        if let Some(fault) = fault {
            self.network.strike(Link::TokenEndpoint, fault);
            sleep(A_MOMENT).await;
        }
        let Some((token, refresh_token)) = issued else {
            return answer(StatusCode::BAD_REQUEST, r#"{"error":"invalid_grant"}"#);
        };
        let life = LIFE.as_secs();
        let token = format!(
            r#"{{"access_token":"{TOKEN}{token}","token_type":"Bearer","expires_in":{life},"refresh_token":"{REFRESH_TOKEN}{refresh_token}"}}"#
        );
        answer(StatusCode::OK, token)
    }

    async fn answer(self, request: Request<Incoming>) -> Response<Full<Bytes>> {
        let credential = authorization(request.headers());
        let token = credential.strip_prefix("Bearer ").and_then(number);
        self.history.require(token.is_some(), "the API got something else than a token");
        let Ok(body) = request.into_body().collect().await else {
            return answer(StatusCode::BAD_REQUEST, "it broke off");
        };
        let (status, fault) = {
            let mut state = lock(&self.state);
            let status = match token.is_some_and(|token| state.accepts(token)) {
                true => StatusCode::OK,
                false => StatusCode::UNAUTHORIZED,
            };
            (status, state.at_answer.take_if(|(at, _)| *at == status))
        };
        self.history.note(format_args!("api: {token:?} -> {}", status.as_u16()));
        if let Some((_, fault)) = fault {
            self.network.strike(Link::Api, fault);
            sleep(A_MOMENT).await;
        }
        answer(status, body.to_bytes())
    }
}

impl State {
    /// An access token and the refresh token that comes with it.
    fn issue(&mut self) -> (u64, u64) {
        let token = self.tokens.len() as u64 + 1;
        let refresh_token = self.refresh_tokens.len() as u64 + 1;
        self.tokens.insert(token, now() + LIFE);
        self.refresh_tokens.insert(refresh_token, false);
        (token, refresh_token)
    }

    fn refresh(&mut self, history: &History, token: &str) -> Option<(u64, u64)> {
        self.refreshes += 1;
        let number = token.strip_prefix(REFRESH_TOKEN)?.parse().ok()?;
        let spent = self.refresh_tokens.get_mut(&number)?;
        history.require(!*spent, format_args!("{token} is used again"));
        *spent = true;
        Some(self.issue())
    }

    fn accepts(&self, token: u64) -> bool {
        // A token that was valid when it was sent is accepted for a while.
        let ends = self.tokens.get(&token).copied().unwrap_or_default();
        token > self.revoked && now() <= ends + secs(1)
    }
}

fn authorization(headers: &HeaderMap) -> String {
    headers.get(AUTHORIZATION).and_then(|it| it.to_str().ok()).unwrap_or_default().to_owned()
}

fn answer(status: StatusCode, body: impl Into<Bytes>) -> Response<Full<Bytes>> {
    let mut answer = Response::new(Full::new(body.into()));
    *answer.status_mut() = status;
    answer
}
