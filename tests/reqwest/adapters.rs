//! All ways to put the layer over reqwest, so that each test can use all of them.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;

use http::HeaderName;
use reqwest::{Client, Request, Response};
use reqwest_middleware::{ClientBuilder, ClientWithMiddleware};
use tower::{Layer, Service, ServiceBuilder, ServiceExt};
use tower_http::follow_redirect::FollowRedirectLayer;
use tower_outbound_auth::adapter::reqwest::{AuthMiddleware, HttpService, into_reqwest};
use tower_outbound_auth::system::HeaderScheme;
use tower_outbound_auth::testkit::ScriptedExchange;
use tower_outbound_auth::{AuthLayer, BoxError, Error, Foreign, Origin, TokenSource};

use super::server::builder;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Adapter {
    /// `AuthLayer::reqwest`.
    Constructor,
    /// `AuthLayer::reqwest_client`.
    Client,
    /// The layer over a client with the layer's redirect policy and middlewares of its own.
    OverMiddlewares,
    /// The layer as a middleware, over a client with the layer's redirect policy.
    Middleware,
    /// The layer over a client that was built without it and follows any redirect, but the user vouches for it.
    HandedOver,
    HandedOverMiddlewares,
    MiddlewareOverHandedOver,
    /// tower-http's redirects above the layer, and none below.
    Http,
}

impl Adapter {
    pub(crate) const ALL: [Adapter; 8] = [
        Adapter::Constructor,
        Adapter::Client,
        Adapter::OverMiddlewares,
        Adapter::Middleware,
        Adapter::HandedOver,
        Adapter::HandedOverMiddlewares,
        Adapter::MiddlewareOverHandedOver,
        Adapter::Http,
    ];

    pub(crate) fn is_middleware(self) -> bool {
        matches!(self, Adapter::Client | Adapter::Middleware | Adapter::MiddlewareOverHandedOver)
    }

    pub(crate) fn over(self, layer: AuthLayer<HeaderScheme>) -> Caller {
        self.with(layer, builder)
    }

    pub(crate) fn with(
        self,
        layer: AuthLayer<HeaderScheme>,
        builder: impl Fn() -> reqwest::ClientBuilder,
    ) -> Caller {
        let home = || builder().redirect(layer.reqwest_redirects()).build().unwrap();
        let vouched = || layer.clone().danger_own_reqwest_client();
        let any = || builder().build().unwrap();
        let plain = |client| ClientWithMiddleware::from(client);
        match self {
            Adapter::Constructor => Caller::of(layer.reqwest(builder()).unwrap()),
            Adapter::Client => Caller::of(layer.reqwest_client(builder()).unwrap()),
            Adapter::OverMiddlewares => Caller::of(layer.layer(plain(home()))),
            Adapter::Middleware => Caller::of(middleware(&layer, home())),
            Adapter::HandedOver => Caller::of(vouched().layer(any())),
            Adapter::HandedOverMiddlewares => Caller::of(vouched().layer(plain(any()))),
            Adapter::MiddlewareOverHandedOver => Caller::of(middleware(&vouched(), any())),
            Adapter::Http => {
                let service = ServiceBuilder::new()
                    .layer(FollowRedirectLayer::new())
                    .layer(layer.with_foreign(Foreign::SendUnauthenticated))
                    .service(HttpService::build(builder()).unwrap());
                Caller::of(
                    ServiceBuilder::new()
                        .map_request(|it: Request| http::Request::try_from(it).unwrap())
                        .map_response(into_reqwest)
                        .service(service),
                )
            }
        }
    }
}

fn middleware(layer: &AuthLayer<HeaderScheme>, client: Client) -> ClientWithMiddleware {
    ClientBuilder::new(client).with(AuthMiddleware::new(layer)).build()
}

type Answered = Pin<Box<dyn Future<Output = Result<Response, BoxError>> + Send>>;

/// A stack, whatever its type.
#[derive(Clone)]
pub(crate) struct Caller(Arc<dyn Fn(Request) -> Answered + Send + Sync>);

impl Caller {
    fn of<T>(service: T) -> Caller
    where
        T: Service<Request, Response = Response> + Clone + Send + Sync + 'static,
        T::Error: Into<BoxError>,
        T::Future: Send,
    {
        Caller(Arc::new(move |request| {
            let service = service.clone();
            Box::pin(async move { service.oneshot(request).await.map_err(Into::into) })
        }))
    }

    pub(crate) async fn send(&self, request: Request) -> Result<Response, BoxError> {
        (self.0)(request).await
    }

    pub(crate) async fn get(&self, url: &str) -> Result<Response, BoxError> {
        self.send(Request::new(http::Method::GET, url.parse().unwrap())).await
    }
}

/// The token of an exchange, if one token is enough. Tests look for it in what servers read.
pub(crate) const CANARY: &str = "canary-5d41402a";

/// A layer for `origin`, whose tokens are in `header`, and its exchange.
pub(crate) fn layer(
    header: &'static str,
    origin: &str,
) -> (AuthLayer<HeaderScheme>, ScriptedExchange) {
    let prefix = if header == "authorization" { "Bearer " } else { "" };
    let scheme = HeaderScheme::new(HeaderName::from_static(header), prefix);
    let exchange = ScriptedExchange::new();
    let layer = AuthLayer::new(TokenSource::new(scheme, exchange.clone()))
        .with_origin(Origin::parse(origin).unwrap());
    (layer, exchange)
}

/// This crate's error, wherever it is.
pub(crate) fn ours(error: &BoxError) -> &Error {
    Error::find(&**error).unwrap_or_else(|| panic!("not ours: {error:?}"))
}
