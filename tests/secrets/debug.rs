//! `Debug` and `Display` of every public type, with as many secrets in it as possible.

use std::collections::BTreeSet;
use std::convert::Infallible;
use std::fmt::{Debug, Display};
use std::path::Path;
use std::task::{Context, Poll};

use base64::Engine;
use bytes::Bytes;
use futures::future::{Ready, ready};
use http::{Request, Response, StatusCode};
use http_body_util::Full;
use tower::{Layer, Service};
use tower_outbound_auth::adapter::reqwest::{
    AuthMiddleware, HttpFuture, HttpService, ReqwestFuture, ResponseBody,
};
use tower_outbound_auth::adapter::tonic::{TonicAuth, TonicFuture, TonicLayer};
use tower_outbound_auth::clock::{Clock, Now, SystemClock};
use tower_outbound_auth::credential::{CredentialError, Provided, Rejection};
use tower_outbound_auth::endpoint::*;
use tower_outbound_auth::exchange::*;
use tower_outbound_auth::replay::*;
use tower_outbound_auth::scheme::*;
use tower_outbound_auth::system::*;
use tower_outbound_auth::testkit::*;
use tower_outbound_auth::token::*;
use tower_outbound_auth::{
    Auth, AuthLayer, CallerHeader, ClockDifference, Credential, Error, ErrorKind, Exempt, Foreign,
    InspectBody, InspectBodyLayer, InspectFuture, Origin, Peeked, Recovery, RequestHead,
    ResponseFuture, Secret,
};

use crate::canary::{Canaries, shown};
use crate::keys;
use crate::stacks::builder;
use crate::systems;

pub(crate) const SECRET: &str = "canary-of-debug-4f81";
pub(crate) const TOKEN: &str = "canary-token-of-debug";
const QUERY: &str = "canary-query-of-debug";
/// The private half of a key.
pub(crate) const PRIVATE: &str = "nWGxne_9WmC6hEr0kuwsxERJxWl7MmkZcDusAxyuf2A";

type Body = Full<Bytes>;

pub(crate) fn url() -> String {
    format!("https://api.example/token?code={QUERY}")
}

/// Asserts at compile time that a type has `Debug`.
pub(crate) fn has_debug<T: Debug>() {}

pub(crate) fn has_both<T: Debug + Display>(values: &[T]) -> String {
    values.iter().map(|value| format!("{value}") + &shown(value)).collect()
}

/// A service that answers at once.
#[derive(Clone, Debug)]
struct Api;

impl<B> Service<Request<B>> for Api {
    type Response = Response<Body>;
    type Error = Infallible;
    type Future = Ready<Result<Response<Body>, Infallible>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, _: Request<B>) -> Self::Future {
        ready(Ok(Response::new(Body::default())))
    }
}

fn head() -> Request<Body> {
    let request = Request::post(url()).header("x-secret", SECRET).header("authorization", TOKEN);
    request.extension(SECRET).body(Full::from(SECRET)).unwrap()
}

fn issued() -> Issued {
    Issued::new(TOKEN).with_refresh_token(SECRET).with_extra("session", SECRET)
}

fn credentials() -> String {
    shown(&Secret::from(SECRET))
        + &has_both(&[Credential::from(SECRET), Credential::from_fn(|| Ok(SECRET.into()))])
        + &has_both(&[
            Credential::file("/run/secret"),
            Credential::env("SECRET"),
            Credential::minted(|| async { Ok(SECRET.into()) }),
        ])
}

fn schemes() -> String {
    let atlas = Atlas::new(url(), SECRET, SECRET).unwrap();
    let refresh = TokenEndpoint::parse(&url()).unwrap();
    let atlas = atlas.with_refresh(refresh, RefreshTokenIn::default());
    let oauth = ClientCredentials::new(url(), SECRET, SECRET).unwrap();
    let oauth = oauth.with_scope("read").with_auth(ClientAuth::Basic(BasicEncoding::Raw));
    let rotating = Rotating::new("https://api.example/v1", SECRET, SECRET).unwrap();
    let bearer = HeaderScheme::bearer();
    let context = request_context(Reason::First);
    let request = oauth.request(&context).unwrap();
    let answer = Response::builder().header("authorization", TOKEN).header("x-secret", SECRET);
    let answer = answer.body(Bytes::from(SECRET)).unwrap();
    [
        shown(&ResponseHead::of(&answer)),
        has_both(&[atlas.endpoint().clone()]),
        shown(&atlas.identity()) + &shown::<Identity>(&oauth.identity()),
        shown(&rotating.identity()),
        shown(&rotating.rotation()) + &shown(&Rotation::in_header(http::header::AUTHORIZATION)),
        shown(&atlas) + &shown(&oauth) + &shown(&rotating) + &shown(&bearer),
        shown::<ExchangeRequest>(&request)
            + &shown::<RequestContext>(&context)
            + &shown(&ExchangeRequest::new(head().map(|_| Bytes::from(SECRET)))),
        shown(&Step::Again("again")) + &shown(&Step::Issued(issued())),
        shown(&ExchangeAnswer::new(answer)),
        shown(&Adopt::EveryNewer)
            + &shown(&Verdict::Refused)
            + &shown(&Judge::new(|_| Verdict::Refused))
            + &shown(&InvalidToken::Other)
            + &InvalidToken::Other.to_string(),
    ]
    .concat()
}

/// The key of RFC 8037 appendix A.1.
pub(crate) fn jwk() -> String {
    let x = "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo";
    format!(r#"{{"kty":"OKP","crv":"Ed25519","d":"{PRIVATE}","x":"{x}"}}"#)
}

/// Private keys, and errors about texts that are none.
fn exchanges() -> String {
    let atlas = || Atlas::new(url(), SECRET, SECRET).unwrap();
    let from_fn: FromFn<_> = from_fn(|| async { Ok(issued()) });
    let error = ExchangeError::new(ExchangeErrorKind::Refused, "no").with_code("invalid_client");
    [
        shown(&issued()) + &shown(&from_fn),
        shown(&HttpExchange::new(atlas(), HttpClient::plain().unwrap())),
        shown(&HttpClient::plain().unwrap())
            + &shown(&TlsRoots::native())
            + &shown(&TlsProvider::ring()),
        shown::<ExchangeContext>(&exchange_context(Reason::Refused)),
        has_both(&[error]) + &has_both(&[ExchangeErrorKind::Refused]) + &has_both(&[Reason::First]),
    ]
    .concat()
}

async fn layers() -> String {
    let scripted = ScriptedExchange::new();
    scripted.set_sticky(Some(TOKEN));
    let fixed: SourceBuilder<_> =
        TokenSource::fixed(HeaderScheme::bearer(), TOKEN).unwrap().to_builder();
    let source = TokenSource::new(HeaderScheme::bearer(), scripted.clone());
    let layer = AuthLayer::new(source.clone())
        .with_origin(Origin::parse("https://api.example").unwrap())
        .with_exempt_if(|_| false);
    let mut texts = shown(&layer) + &shown(&source) + &shown(&fixed);
    let mut service: Auth<Api> = layer.layer(Api);
    for _ in 0..2 {
        let call: ResponseFuture<_, _, _, _> = service.call(head()); // the first future waits for a token, the second does not
        texts += &shown(&call);
        texts += &shown(&call.await.unwrap());
    }
    let token = source.token().await.unwrap();
    assert_eq!(token.expose(), TOKEN);
    let status: Status = source.status();
    let probe: Probe = source.probe().await.unwrap();
    texts += &has_both(&[probe]);
    texts += &(shown::<AccessToken>(&token) + &shown(token.header_value()));
    let with_extra = TokenSource::new(HeaderScheme::bearer(), from_fn(|| async { Ok(issued()) }));
    let token_with_extra = with_extra.token().await.unwrap();
    assert_eq!(token_with_extra.extra("session"), Some(SECRET));
    assert!(format!("{token_with_extra:?}").contains("session"));
    texts += &shown(&token_with_extra);
    texts += &(shown::<Generation>(&token.generation()) + &shown(&status));
    texts += &(shown::<Counters>(&status.counters) + &shown::<State>(&status.state));
    texts += &has_both(&[NotAdopted::BadSignature]);
    texts += &has_both(&[StoreOperation::Acquire]);
    texts += &has_both(&[StoreOutcome::Busy]);
    texts += &(shown(&service) + &shown(&scripted) + &shown(&AuthMiddleware::new(&layer)));

    let error: Error = source.reject(&AccessToken::clone(&token)).await.unwrap_err();
    texts += &(has_both(&[error]) + &has_both(&[ErrorKind::Insecure]));
    let tonic: TonicLayer = layer.clone().for_tonic();
    let mut service: TonicAuth<Api> = tonic.layer(Api);
    texts += &(shown(&tonic) + &shown(&service));
    let call: TonicFuture<_, _, _, _> = service.call(head());
    texts += &shown(&call);
    drop(call);
    let client = builder().build().unwrap();
    let mut reqwest: Auth<reqwest::Client> = layer.layer(client.clone());
    let request: reqwest::Request = head().map(|_| SECRET).try_into().unwrap();
    let call: ReqwestFuture<_, _> = reqwest.call(request);
    texts += &shown(&call);
    drop(call);
    let mut http = HttpService::new(client);
    texts += &shown(&http);
    let call: HttpFuture<_> =
        Service::<Request<String>>::call(&mut http, head().map(|_| SECRET.to_owned()));
    texts + &shown(&call)
}

/// A response whose body has a secret, and is read by the layer.
async fn inspected() -> String {
    #[derive(Clone, Debug)]
    struct Secretive;

    impl Service<()> for Secretive {
        type Response = Response<Body>;
        type Error = Infallible;
        type Future = Ready<Result<Response<Body>, Infallible>>;

        fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
            Poll::Ready(Ok(()))
        }

        fn call(&mut self, (): ()) -> Self::Future {
            ready(Ok(Response::new(Body::from(SECRET))))
        }
    }

    let layer = InspectBodyLayer::new(|_| true);
    let mut service: InspectBody<Secretive> = layer.layer(Secretive);
    let call: InspectFuture<_, _> = service.call(());
    let texts = shown(&layer) + &shown(&service) + &shown(&call);
    let response: Response<Peeked<Body>> = call.await.unwrap();
    assert_eq!(ResponseHead::of(&response).body_excerpt(), Some(SECRET.as_bytes()));
    texts + &shown(&response) + &shown(&ResponseHead::of(&response)) + &shown(response.body())
}

/// What an API demands, in texts that repeat a secret.
async fn demands() -> String {
    let claims =
        base64::engine::general_purpose::STANDARD.encode(format!("{{\"a\":\"{SECRET}\"}}"));
    let mut texts = String::new();
    for challenge in [
        format!("Bearer error=insufficient_scope, scope={SECRET}"),
        format!("Bearer error=insufficient_user_authentication, acr_values={SECRET}"),
        format!("Bearer error=insufficient_claims, claims={claims}"),
    ] {
        let api = tower::service_fn(move |_: Request<Body>| {
            let response = Response::builder().status(401).header("www-authenticate", &challenge);
            ready(Ok::<_, Infallible>(response.body(Body::default()).unwrap()))
        });
        let source = TokenSource::fixed(HeaderScheme::bearer(), TOKEN).unwrap();
        let layer =
            AuthLayer::new(source).with_origin(Origin::parse("https://api.example").unwrap());
        let response = layer.layer(api).call(head()).await.unwrap();
        texts += &shown(response.extensions().get::<Insufficient>().unwrap());
    }
    texts
}

/// Why a credential has no value.
async fn unset() -> CredentialError {
    Credential::env("NOT_SET_ANYWHERE").read().await.unwrap_err()
}

async fn others() -> String {
    let origin = Origin::parse("https://api.example").unwrap();
    let settings = [
        shown(&CallerHeader::Keep) + &shown(&Exempt) + &shown(&Foreign::SendUnauthenticated),
        shown(&Provided::new(SECRET, 1))
            + &shown(&Rejection::new(1, Some("invalid_client")))
            + &has_both(&[unset().await]),
        shown(&RequestToSign::new(
            RequestHead::of(&head()),
            &Secret::from(SECRET),
            SystemClock::new().now(),
        )),
        shown(&RequestHead::of(&head()))
            + &shown(&Recovery::Replayed)
            + &has_both::<ClockDifference>(&[])
            + &has_both(&[origin]),
        shown(&Same::new())
            + &shown(&Wrap::new())
            + &shown(&Off)
            + &shown(&Rewrap::new(|body: ReplayBody<Body>| body)),
        shown(&ReplayMethods::All) + &has_both(&[Superseded]),
        shown(&SystemClock::new()) + &shown::<Now>(&SystemClock::new().now()),
    ];
    has_debug::<ReplayBody<Body>>();
    has_debug::<Kept<Body>>();
    has_debug::<<reqwest::Body as Replayable>::Kept>(); // `KeptBody`
    has_debug::<ResponseBody>();
    settings.concat()
}

/// A store that has a login, and all that it gives.
async fn kit() -> String {
    let server = OAuthServer::start().await.unwrap().with_client(SECRET, SECRET);
    let custom = MalformedAnswer::Custom(StatusCode::OK, Bytes::from(SECRET));
    server.set_malformed(Some(custom.clone()));
    let source = ClientCredentials::new(server.endpoint(), SECRET, SECRET).unwrap();
    let source = TokenSource::over_http(source, HttpClient::plain().unwrap());
    source.token().await.unwrap_err();
    let received: ReceivedRequest = server.exchange_requests().remove(0);
    [
        shown::<EmbeddedServer<OAuthProtocol>>(&server) + &shown::<ServerCounts>(&server.counts()),
        shown(&received) + &shown(&custom) + &shown(&TokenPlace::Member("token".to_owned())),
        shown(&AtlasProtocol::default()) + &shown(&OAuthProtocol::default()),
        shown(&RotatingProtocol::default()),
        shown(&ManualClock::new()) + &shown(&TokioClock::new()),
        shown(&FaultProxy::start(server.address()).await.unwrap()),
        keys::with_an_unusable_certificate().await,
        shown(&Fault::Cut(After::Nothing)),
    ]
    .concat()
}

#[tokio::test]
async fn no_public_type_shows_a_secret() {
    let canaries = Canaries::of([SECRET, TOKEN, QUERY, PRIVATE]);
    canaries.assert_absent("credentials", &credentials());
    canaries.assert_absent("schemes", &schemes());
    canaries.assert_absent("logins", &systems::logins());
    canaries.assert_absent("keys", &keys::keys());
    canaries.assert_absent("oauth", &systems::oauth());
    canaries.assert_absent("clouds", &systems::clouds());
    canaries.assert_absent("signers", &keys::signers());
    canaries.assert_absent("exchanges", &exchanges());
    canaries.assert_absent("layers", &layers().await);
    canaries.assert_absent("inspected bodies", &inspected().await);
    canaries.assert_absent("demands", &demands().await);
    canaries.assert_absent("other types", &others().await);
    canaries.assert_absent("the test kit", &kit().await);
    canaries.assert_absent("stores", &keys::stores().await);
    assert!(shown(head().headers()).contains(SECRET), "the check recognises a shown secret");
}

/// These types cannot be named from outside.
const HIDDEN: [&str; 5] = ["BoundKey", "CopiedText", "Issuer", "Nothing", "BufferQuota"];

/// The names of all `pub struct`s and `pub enum`s.
fn public_types(folder: &Path, names: &mut BTreeSet<String>) {
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            public_types(&path, names);
        } else {
            let source = std::fs::read_to_string(&path).unwrap();
            for line in source.lines().map(str::trim_start) {
                let name =
                    ["pub struct ", "pub enum "].iter().find_map(|kind| line.strip_prefix(kind));
                let end = |c: char| !c.is_alphanumeric();
                names.extend(name.and_then(|name| name.split(end).next()).map(str::to_owned));
            }
        }
    }
}

#[test]
fn every_public_type_is_tested_here() {
    let mut names = BTreeSet::new();
    public_types(&Path::new(env!("CARGO_MANIFEST_DIR")).join("src"), &mut names);
    assert!(names.len() > 60, "{names:?}");
    let here: BTreeSet<_> = concat!(
        include_str!("debug.rs"),
        include_str!("keys.rs"),
        include_str!("observer.rs"),
        include_str!("systems.rs")
    )
    .split(|c: char| !c.is_alphanumeric())
    .collect();
    let missing = names.iter().filter(|name| !here.contains(&***name));
    let missing: Vec<_> = missing.filter(|name| !HIDDEN.contains(&&***name)).collect();
    assert!(missing.is_empty(), "add these public types to this file: {missing:?}");
}
