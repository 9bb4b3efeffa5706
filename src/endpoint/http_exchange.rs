//! An exchange over HTTP: a grant builds the requests, and a client sends them.

use std::fmt;
use std::future::poll_fn;
use std::sync::{Mutex, PoisonError};

use bytes::Bytes;
use http::header::{CONTENT_ENCODING, CONTENT_LENGTH};
use http::{HeaderMap, HeaderValue, Method, Request, Response, StatusCode};
use http_body::Body;
use http_body_util::{BodyExt, Full, LengthLimitError, Limited};
use tower_service::Service;
use tracing::Instrument;

use crate::credential::Credential;
use crate::credential::shown::Shown;
use crate::endpoint::answer::ExchangeAnswer;
use crate::endpoint::grant::Grant;
use crate::endpoint::quotes::withheld;
use crate::endpoint::request::ExchangeRequest;
use crate::endpoint::request_context::RequestContext;
use crate::endpoint::request_span::RequestSpan;
use crate::endpoint::step::Step;
use crate::endpoint::unreachable::{unreachable, was_not_sent};
use crate::error::BoxError;
use crate::exchange::Exchange;
use crate::exchange::context::ExchangeContext;
use crate::exchange::error::{ExchangeError, ExchangeErrorKind};
use crate::exchange::identity::Identity;
use crate::exchange::issued::Issued;
use crate::origin::Origin;

/// The longest answer. A longer answer is an error page or an attack.
const MAX_ANSWER: usize = 256 * 1024;

/// The most requests in one exchange: three for an issuer's metadata, one with a refresh token, two with the credentials in two
/// encodings, and two that repeat a request with a new DPoP proof.
const MAX_STEPS: usize = 8;

/// The methods whose requests have content (RFC 9110 section 8.6).
const HAVE_CONTENT: [Method; 3] = [Method::POST, Method::PUT, Method::PATCH];

/// An [`Exchange`] that sends the requests of a [`Grant`] to a token endpoint, through a `client`.
///
/// The client is any `tower::Service` that takes `http::Request<Full<Bytes>>`: the built-in `HttpClient` (feature
/// `client`), `HttpService::build(builder)?` for reqwest (feature `reqwest`), or a client of your own, for mutual TLS
/// or with layers of your choice.
///
/// - An answer may have at most 256 KiB. The exchange timeout of the source covers its head and its
///   body.
/// - The client must not follow redirects, because the request carries the credentials. The built-in client follows
///   none; for reqwest, use `HttpService::build` (feature `reqwest`). The exchange treats a redirect as a failure.
/// - A compressed answer is an error, because the request did not ask for compression. (`Content-Encoding:
///   utf-8` or `none` is no compression.)
/// - The texts of the client's errors are logged. They must not contain a secret, not even in a URL. (The texts of
///   reqwest's errors contain the URL; feature `reqwest` removes it.)
/// - The client must not send its requests through the layer that gets its tokens from this exchange. If it does, the
///   exchange fails with [`ExchangeErrorKind::Reentrant`].
///
/// ```
/// use bytes::Bytes;
/// use http_body_util::Full;
/// use tower_outbound_auth::endpoint::HttpExchange;
/// use tower_outbound_auth::system::Atlas;
/// use tower_outbound_auth::TokenSource;
///
/// // Any client will do. This one always gives the same answer.
/// let client = tower::service_fn(|_: http::Request<Full<Bytes>>| async {
///     let body = r#"{"access_token":"an-opaque-token","expires_in":3600}"#;
///     Ok::<_, std::io::Error>(http::Response::new(Full::new(Bytes::from(body))))
/// });
/// # tokio::runtime::Runtime::new()?.block_on(async {
/// let scheme = Atlas::new("https://atlas.example/v1/authtoken", "id", "secret")?;
/// let source = TokenSource::over_http(scheme, client);
/// assert_eq!(source.token().await?.expose(), "an-opaque-token");
/// # Ok::<_, tower_outbound_auth::BoxError>(()) })?;
/// # Ok::<_, tower_outbound_auth::BoxError>(())
/// ```
pub struct HttpExchange<G, C> {
    grant: G,
    /// In a mutex because a service is `Send` but rarely `Sync`. It is locked only to clone the
    /// client.
    client: Mutex<C>,
}

impl<G, C> HttpExchange<G, C> {
    /// An exchange that sends the requests of `grant` through `client`.
    pub fn new(grant: G, client: C) -> HttpExchange<G, C> {
        HttpExchange { grant, client: Mutex::new(client) }
    }
}

impl<G, C, RB> HttpExchange<G, C>
where
    C: Service<Request<Full<Bytes>>, Response = Response<RB>> + Clone,
    C::Error: Into<BoxError>,
    RB: Body,
    RB::Error: Into<BoxError>,
{
    async fn send(
        &self,
        request: ExchangeRequest,
        cx: &ExchangeContext,
        in_doubt: &mut bool,
    ) -> Result<ExchangeAnswer, ExchangeError> {
        let was_in_doubt = *in_doubt;
        let has_refresh_token = cx.refresh_token().is_some() && !request.is_without_refresh_token();
        let mut request = request.into_http().map(Full::new);
        let (uri, notes) = (request.uri().clone(), request.extensions().clone());
        let origin = Origin::of_uri(&uri);
        let unreachable = |error: BoxError| unreachable(origin.as_ref(), error);
        request.extensions_mut().insert(cx.chain().clone());
        request.extensions_mut().insert(cx.now()); // the built-in client has no clock
        if request.body().size_hint().exact() == Some(0) && HAVE_CONTENT.contains(request.method())
        {
            // Clients do not add the header to an empty body, and some gateways then answer 411 (RFC 9110
            // section 8.6).
            request.headers_mut().insert(CONTENT_LENGTH, HeaderValue::from_static("0"));
        }
        let mut client = self.client.lock().unwrap_or_else(PoisonError::into_inner).clone();
        poll_fn(|cx| client.poll_ready(cx)).await.map_err(|error| unreachable(error.into()))?;
        cx.mark_sent();
        *in_doubt |= has_refresh_token;
        let response = client.call(request).await.map_err(|error| {
            let error: BoxError = error.into();
            if was_not_sent(&*error) {
                *in_doubt = was_in_doubt;
            }
            unreachable(error)
        })?;
        let (head, body) = response.into_parts();
        if spends_nothing(head.status) {
            *in_doubt = was_in_doubt;
        }
        let body = match compression(&head.headers) {
            Some(name) => Err(format!(
                "the token endpoint compressed its answer ({name}), which the request did not ask for"
            )),
            None => read(body).await.map_err(unreachable)?.map_err(str::to_owned),
        };
        let body = match body {
            Ok(body) => body,
            // An error page that is too long is still an error, with its status and Retry-After.
            Err(_) if !head.status.is_success() => Bytes::new(),
            Err(message) => {
                return Err(ExchangeError::new(ExchangeErrorKind::Malformed, message)
                    .with_status(head.status));
            }
        };
        let answer = ExchangeAnswer::new(Response::from_parts(head, body));
        Ok(answer.of_request_to(uri).with_notes(notes).received_at(cx.now()))
    }

    /// Makes the requests. `in_doubt` becomes true when the refresh token may have been spent.
    async fn steps(
        &self,
        cx: &ExchangeContext,
        in_doubt: &mut bool,
    ) -> Result<Issued, ExchangeError>
    where
        G: Grant,
    {
        let credentials = self.grant.credentials();
        let mut asked: Vec<(&'static str, ExchangeAnswer)> = Vec::new();
        for _ in 0..MAX_STEPS {
            let shown = cx.shown().for_request(credentials, cx.clock()).await?;
            let first = RequestContext::first(cx, shown.clone());
            let request_cx =
                asked.iter().cloned().fold(first, |cx, (step, by)| cx.asked_for(step, by));
            let request = self.grant.request(&request_cx)?;
            // A request without a name gets the name of the step.
            let name = match request.name() {
                "" => request_cx.step().unwrap_or_default(),
                name => name,
            };
            let span = RequestSpan::begin(&request, cx, || with_refresh_token(shown.clone(), cx));
            let answer = self.send(request, cx, in_doubt).instrument(span.span()).await;
            span.end(&answer);
            let answer = match answer {
                Ok(answer) => {
                    let before = asked.last().map(|(_, answer)| answer);
                    answer.with_request_name(name).with_shown(&shown).after(before)
                }
                Err(error) => match self.grant.failed(name, error)? {
                    Step::Issued(issued) => return Ok(issued),
                    Step::Again(step) => {
                        let nothing = ExchangeAnswer::new(Response::new(Bytes::new()));
                        asked.push((step, nothing.with_request_name(name)));
                        continue;
                    }
                },
            };
            let (issuers_clock, age) = (answer.issuers_clock(), answer.age());
            let read = self.grant.read(answer.clone());
            match read.map_err(|error| withheld(error, &with_refresh_token(shown, cx)))? {
                Step::Issued(issued) => return Ok(issued.answered(issuers_clock, age)),
                Step::Again(step) => asked.push((step, answer)),
            }
        }
        Err(ExchangeError::new(
            ExchangeErrorKind::Malformed,
            "the scheme asked for a ninth request in one exchange, which has eight at most: does its Grant::read tell \
             the answers apart (ExchangeAnswer::request_name)?",
        ))
    }
}

/// The secrets that no text may quote.
fn with_refresh_token(shown: Shown, cx: &ExchangeContext) -> Shown {
    match cx.refresh_token() {
        Some(token) => shown.with(&Credential::from(token.clone()), token.clone()),
        None => shown,
    }
}

impl<G, C, RB> Exchange for HttpExchange<G, C>
where
    G: Grant,
    C: Service<Request<Full<Bytes>>, Response = Response<RB>> + Clone + Send + 'static,
    C::Future: Send,
    C::Error: Into<BoxError>,
    RB: Body + Send,
    RB::Data: Send,
    RB::Error: Into<BoxError>,
{
    fn identity(&self) -> Identity {
        self.grant.identity()
    }

    fn credentials(&self) -> &[Credential] {
        self.grant.credentials()
    }

    fn seed(&self) -> Option<&Credential> {
        self.grant.seed()
    }

    async fn exchange(&self, cx: &ExchangeContext) -> Result<Issued, ExchangeError> {
        let mut in_doubt = false;
        let issued = self.steps(cx, &mut in_doubt).await;
        let is_kept = cx.is_kept();
        issued.map_err(|error| {
            let error = if in_doubt { error } else { error.with_unspent_refresh_token() };
            if is_kept { error } else { error.without_refresh_token() }
        })
    }
}

/// Whether an answer with this status proves that the endpoint has issued nothing: a redirect, or an error of the client (RFC 9110 section
/// 15.5). A proxy sends 408 and 499 although the endpoint may have got the request.
fn spends_nothing(status: StatusCode) -> bool {
    let is_of_a_proxy = status == StatusCode::REQUEST_TIMEOUT || status.as_u16() == 499;
    status.is_redirection() || status.is_client_error() && !is_of_a_proxy
}

/// The compression of a body, if it is a registered HTTP content coding. Servers also write `none`, `utf-8` or
/// nothing, and mean no compression.
fn compression(headers: &HeaderMap) -> Option<&'static str> {
    const REGISTERED: [&str; 12] = [
        "aes128gcm",
        "br",
        "compress",
        "dcb",
        "dcz",
        "deflate",
        "exi",
        "gzip",
        "pack200-gzip",
        "x-compress",
        "x-gzip",
        "zstd",
    ];
    let values = headers.get_all(CONTENT_ENCODING).iter().filter_map(|value| value.to_str().ok());
    let mut codings = values.flat_map(|value| value.split(',')).map(str::trim);
    codings.find_map(|coding| REGISTERED.into_iter().find(|it| it.eq_ignore_ascii_case(coding)))
}

/// The whole body, or the reason why it is not read.
async fn read<RB>(body: RB) -> Result<Result<Bytes, &'static str>, BoxError>
where
    RB: Body,
    RB::Error: Into<BoxError>,
{
    let too_long = "the token endpoint's answer is longer than 256 KiB";
    if body.size_hint().lower() > MAX_ANSWER as u64 {
        return Ok(Err(too_long));
    }
    match Limited::new(body, MAX_ANSWER).collect().await {
        Ok(body) => Ok(Ok(body.to_bytes())),
        Err(error) if error.is::<LengthLimitError>() => Ok(Err(too_long)),
        Err(error) => Err(error),
    }
}

impl<G, C> fmt::Debug for HttpExchange<G, C> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("HttpExchange").finish_non_exhaustive()
    }
}
