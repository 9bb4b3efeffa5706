//! The visit: one exchange through the crate, and a second one if that is wanted.

use std::time::Duration;

use tower::ServiceBuilder;
use tower_outbound_auth::clock::{Clock, SystemClock};
use tower_outbound_auth::exchange::ExchangeErrorKind;
use tower_outbound_auth::system::Config;
use tower_outbound_auth::{AuthLayer, Error, ErrorKind, Recovery, TokenSource};

use super::Environment;
use super::connection::look_at;
use super::facts::{Connection, Facts, Failure, NewToken, Outcome, Refresh, Token, Used};
use super::observe::{Record, Recorded};
use super::plan::Plan;
use super::{api, jwt, reading, request};

const PROXIES: [&str; 4] = ["HTTPS_PROXY", "https_proxy", "ALL_PROXY", "all_proxy"];
const TYPES: [&str; 6] = ["bearer", "bearertoken", "dpop", "mac", "pop", "n_a"];

/// Asks the endpoint of the plan.
pub(crate) async fn visit(config: Config, plan: &Plan, environment: Environment<'_>) -> Facts {
    let connection = match plan.asked.endpoint.as_deref() {
        Some(_) if plan.has_proxy => Connection::ByProxy,
        Some(endpoint) => look_at(endpoint).await,
        None => Connection::Unknown,
    };
    let api = match &plan.resource {
        Some(url) => Some(api::look_at(url, config.client()).await),
        None => None,
    };
    let mut facts = Facts {
        api,
        asked: plan.asked.clone(),
        unused_proxy: unused_proxy(plan.asked.endpoint.as_deref(), plan.has_proxy, environment),
        connection,
        ..Facts::default()
    };
    let record = Record::default();
    let layer = match layer(config, &record) {
        Ok(layer) => layer,
        Err(error) => {
            facts.outcome = Outcome::Failure(failure(&error));
            return facts;
        }
    };
    let source = layer.source();
    let clock = SystemClock::new();
    let began = clock.now();
    let probed = source.probe().await;
    let ended = clock.now();
    let recorded = record.take();
    facts.took = on_the_wire(&recorded).unwrap_or_else(|| ended.since(began));
    // A life begins when the request is sent.
    let age = recorded.first().map_or(Duration::ZERO, |it| ended.since(it.sent_at));
    facts.requests = recorded.iter().map(|it| reading::sent(it, &plan.asked)).collect();
    facts.outcome = match (probed, source.token().await) {
        (Ok(probe), Ok(token)) => Outcome::Token(Token {
            life: probe.expires_in.map(|left| whole_seconds(left + age)),
            is_stated: probe.lifetime_is_stated,
            token_type: probe.token_type.map(|given| {
                let known = TYPES.into_iter().find(|it| it.eq_ignore_ascii_case(&given));
                known.unwrap_or("not known to the doctor")
            }),
            header: source.presentation().header_name().to_string(),
            jwt: jwt::look_into(token.expose()),
        }),
        (Err(error), _) | (_, Err(error)) => Outcome::Failure(failure(&error)),
    };
    if plan.refresh_check && matches!(facts.outcome, Outcome::Token(_)) {
        facts.refresh = Some(check_refresh(source, &record, &recorded).await);
    }
    facts
}

fn layer(config: Config, record: &Record) -> Result<AuthLayer, Error> {
    let client = ServiceBuilder::new().layer(record.clone()).service(config.client()?);
    Ok(config.layer_over(client))
}

/// The variable that names a proxy, if the endpoint is elsewhere and is reached without a proxy.
pub(crate) fn unused_proxy(
    endpoint: Option<&str>,
    has_proxy: bool,
    environment: Environment<'_>,
) -> Option<&'static str> {
    let rest = endpoint?.strip_prefix("https://").filter(|_| !has_proxy)?;
    let is_here = rest.starts_with("[::1]") || {
        let host = rest.split(['/', ':']).next().unwrap_or_default();
        host == "localhost" || host.starts_with("127.")
    };
    let is_set = |name: &&str| environment(name).is_some_and(|value| !value.is_empty());
    PROXIES.into_iter().find(is_set).filter(|_| !is_here)
}

/// From the first request to the last answer. Reading the credentials is not a part of it.
fn on_the_wire(recorded: &[Recorded]) -> Option<Duration> {
    let (first, last) = (recorded.first()?, recorded.last()?);
    let (_, at) = last.answer.as_ref()?;
    Some(at.since(first.sent_at))
}

/// A life is a number of seconds. The rest is the error of the measurement.
fn whole_seconds(life: Duration) -> Duration {
    Duration::from_secs(life.as_secs_f64().round() as u64)
}

fn failure(error: &Error) -> Failure {
    match error.exchange() {
        Some(exchange) => Failure {
            text: exchange.to_string(),
            kind: exchange.kind().as_str(),
            code: exchange.code().map(str::to_owned),
        },
        None => Failure {
            text: error.to_string(),
            kind: match error.kind() {
                ErrorKind::Configuration => ExchangeErrorKind::Configuration.as_str(),
                other => other.as_str(),
            },
            code: None,
        },
    }
}

/// Reports the token as refused, so that the source renews it.
async fn check_refresh(source: &TokenSource, record: &Record, first: &[Recorded]) -> Refresh {
    let renewed = match source.token().await {
        Ok(token) => source.reject(&token).await,
        Err(error) => Err(error),
    };
    let second = record.take();
    let first_uri = first.first().map(|it| it.request.uri());
    let shows = |it: &Recorded| {
        request::is_refresh(&it.request) || first_uri.is_some_and(|uri| uri != it.request.uri())
    };
    let used = match (second.first().is_some_and(shows), second.len()) {
        (_, 0) => Used::Nothing,
        (true, 1) => Used::RefreshToken,
        (true, _) => Used::RefusedRefreshToken,
        (false, _) => Used::Credentials,
    };
    let token_of = |all: &[Recorded]| {
        all.last().and_then(|it| it.answer.as_ref()).and_then(|(it, _)| reading::refresh_token(it))
    };
    let (before, after) = (token_of(first), token_of(&second));
    let new_refresh_token = after.is_some() && after != before;
    let result = match renewed {
        Ok(_) => Ok(NewToken { is_new: true, new_refresh_token }),
        Err(error) if error.recovery() == Some(Recovery::SameToken) => {
            Ok(NewToken { is_new: false, new_refresh_token })
        }
        Err(error) => Err(error.exchange().map_or_else(|| error.to_string(), ToString::to_string)),
    };
    Refresh { used, result }
}
