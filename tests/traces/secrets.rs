//! No attribute, name, event or link of a trace shows a secret.

use bytes::Bytes;
use http::{Request, Response, StatusCode};
use http_body_util::Full;
use tower::service_fn;
use tower_outbound_auth::endpoint::{ExchangeAnswer, ExchangeRequest, Grant, RequestContext, Step};
use tower_outbound_auth::exchange::{ExchangeError, Identity, Issued};
use tower_outbound_auth::scheme::{InvalidToken, Presentation, plain_value};
use tower_outbound_auth::system::ClientCredentials;
use tower_outbound_auth::{BoxError, Credential, Secret, TokenSource};
use tracing::level_filters::LevelFilter;
use tracing::{Instrument, info_span};

use crate::canary::Canaries;
use crate::viewer::{Traces, traces_from};
use crate::{Requests, builder};

const SECRET: &str = "canary secret/of-traces-5f1e";
/// Most of its characters are written in another way in a URL.
const ODD: &str = "c/a+n a/r+y o/d+d";
const IN_QUERY: &str = "canary-of-a-query-71c0";
const TOKEN: &str = "canary-of-a-token-e02b";

/// An endpoint that quotes what it got.
fn quotes(status: StatusCode) -> String {
    match status.is_success() {
        true => format!(r#"{{"access_token":"{TOKEN}","token_type":"Bearer","scope":"{SECRET}"}}"#),
        false => format!(r#"{{"error":"{SECRET}","error_description":"{SECRET}"}}"#),
    }
}

fn source<S: tower_outbound_auth::Scheme>(scheme: S, status: u16) -> TokenSource<S> {
    let client = service_fn(move |_: Request<Full<Bytes>>| async move {
        let status = StatusCode::from_u16(status).unwrap();
        let answer = Response::builder().status(status).header("x-quote", SECRET);
        Ok::<_, BoxError>(answer.body(Full::new(Bytes::from(quotes(status)))).unwrap())
    });
    TokenSource::over_http(scheme, client)
}

/// A scheme that writes its credential into the path, and more into the query.
struct InPath(Credential);

impl Grant for InPath {
    fn identity(&self) -> Identity {
        Identity::new("in_path")
    }

    fn credentials(&self) -> &[Credential] {
        std::slice::from_ref(&self.0)
    }

    fn request(&self, cx: &RequestContext) -> Result<ExchangeRequest, ExchangeError> {
        let secret = cx.credential(&self.0)?;
        let secret = crate::canary::percent_encoded(secret.expose());
        let url = format!("https://user:{IN_QUERY}@idp.example/keys/{secret}/new?key={IN_QUERY}");
        Ok(ExchangeRequest::new(Request::post(url).body(Bytes::new())?))
    }

    fn read(&self, answer: ExchangeAnswer) -> Result<Step, ExchangeError> {
        match answer.status().is_success() {
            true => Ok(Step::Issued(Issued::new(TOKEN))),
            false => Err(answer.refused("wrong_key")),
        }
    }
}

impl Presentation for InPath {
    fn header_name(&self) -> &http::HeaderName {
        &http::header::AUTHORIZATION
    }

    fn header_value(
        &self,
        token: &Secret,
        _: Option<&str>,
    ) -> Result<http::HeaderValue, InvalidToken> {
        plain_value(token)
    }
}

#[track_caller]
fn assert_harmless(traces: &Traces) {
    let canaries = Canaries::of([SECRET, ODD, IN_QUERY, TOKEN]);
    canaries.assert_absent("a trace", &traces.text());
}

#[test]
fn no_span_shows_a_credential_a_token_or_a_query() {
    for status in [200, 400, 401, 503] {
        let traces = traces_from(LevelFilter::TRACE, async {
            let endpoint = format!("https://idp.example/token?key={IN_QUERY}");
            let scheme = ClientCredentials::new(endpoint, "billing", SECRET).unwrap();
            let source = source(scheme.with_scope("read"), status);
            let token = source.token().instrument(info_span!("handle")).await;
            assert_eq!(token.is_ok(), status == 200);
        });
        assert_harmless(&traces);
        let text = traces.text();
        assert!(text.contains("https://idp.example/token") && text.contains("token_wait"));
    }
}

#[cfg(feature = "login")]
#[test]
fn the_path_of_a_login_has_the_names_of_its_placeholders() {
    use tower_outbound_auth::system::{Login, LoginStep};

    let traces = traces_from(LevelFilter::TRACE, async {
        let step = LoginStep::post(&format!("https://idp.example/{{key}}/new?key={IN_QUERY}"));
        let login = Login::builder("keys").credential("key", SECRET).step(step);
        let login = login.token("/access_token").build().unwrap();
        source(login, 200).token().await.unwrap();
    });
    assert_harmless(&traces);
    let trace = traces.trace("token_refresh");
    assert!(trace.contains("url.path=/{key}/new"), "{trace}");
}

#[test]
fn a_segment_of_a_path_that_has_a_credential_is_redacted() {
    for (secret, status) in [(SECRET, 200), (SECRET, 400), (ODD, 200)] {
        let traces = traces_from(LevelFilter::TRACE, async {
            let source = source(InPath(secret.into()), status);
            assert_eq!(source.token().await.is_ok(), status == 200);
        });
        assert_harmless(&traces);
        let trace = traces.trace("token_refresh");
        assert!(trace.contains("url.full=https://idp.example/keys/REDACTED/new "), "{trace}");
        assert!(trace.contains("url.path=/keys/REDACTED/new"), "{trace}");
    }
}

#[test]
fn a_segment_of_a_path_that_is_as_long_as_a_token_is_redacted() {
    let traces = traces_from(LevelFilter::TRACE, async {
        let requests =
            Requests(&[("POST", "https://idp.example/hooks/T0000/aToken0fTwentyFourSigns0/new")]);
        builder(requests, 200, "").build().token().await.unwrap();
    });
    assert!(traces.trace("token_refresh").contains("url.path=/hooks/T0000/REDACTED/new\n"));
}
