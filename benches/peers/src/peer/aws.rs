//! `aws-smithy-runtime`: the lazy identity cache and the signer for bearer tokens, called as by its
//! orchestrator. The other parts of the orchestrator (interceptors, the choice of a scheme, endpoints) are
//! not measured.

use std::time::SystemTime;

use aws_smithy_async::rt::sleep::TokioSleep;
use aws_smithy_async::time::SystemTimeSource;
use aws_smithy_runtime::client::auth::http::BearerAuthScheme;
use aws_smithy_runtime::client::identity::IdentityCache;
use aws_smithy_runtime::client::orchestrator::endpoints::StaticUriEndpointResolver;
use aws_smithy_runtime::client::retries::strategy::NeverRetryStrategy;
use aws_smithy_runtime_api::client::auth::http::HTTP_BEARER_AUTH_SCHEME_ID;
use aws_smithy_runtime_api::client::auth::static_resolver::StaticAuthSchemeOptionResolver;
use aws_smithy_runtime_api::client::auth::{AuthScheme, AuthSchemeEndpointConfig};
use aws_smithy_runtime_api::client::identity::http::Token;
use aws_smithy_runtime_api::client::identity::{Identity, ResolveCachedIdentity};
use aws_smithy_runtime_api::client::orchestrator::HttpRequest;
use aws_smithy_runtime_api::client::runtime_components::{
    RuntimeComponents, RuntimeComponentsBuilder,
};
use aws_smithy_types::body::SdkBody;
use aws_smithy_types::config_bag::ConfigBag;
use tokio::runtime::EnterGuard;

use super::{LIFE, runtime, until_ready};
use crate::common::{self, token};
use crate::row::Row;

const BARE: &str = "bare: a request of aws-smithy";

pub(super) fn rows() -> Vec<Row> {
    vec![
        Row::of(BARE, || (), |()| (), request, |(), request| consume(request)),
        Row::of("aws-smithy-runtime", components, Client::new, request, Client::send).over(BARE),
    ]
}

/// The same request, in the type of this crate.
fn request() -> HttpRequest {
    common::request().map(|_| SdkBody::from(&b"body"[..])).try_into().unwrap()
}

#[inline(never)]
fn consume(request: HttpRequest) {
    drop(std::hint::black_box(request));
}

struct Client {
    components: RuntimeComponents,
    config: ConfigBag,
    /// The cache makes a timer for each request, although it rarely needs one.
    _runtime: EnterGuard<'static>,
}

impl Client {
    fn new(components: &RuntimeComponents) -> Client {
        let components = components.clone();
        Client { components, config: ConfigBag::base(), _runtime: runtime().enter() }
    }

    fn send(&mut self, mut request: HttpRequest) {
        let Client { components, config, .. } = self;
        let scheme = components.auth_scheme(HTTP_BEARER_AUTH_SCHEME_ID).unwrap();
        let resolver = scheme.identity_resolver(components).unwrap();
        let cache = components.identity_cache();
        let identity =
            until_ready(cache.resolve_cached_identity(resolver, components, config)).unwrap();
        let endpoint = AuthSchemeEndpointConfig::empty();
        scheme
            .signer()
            .sign_http_request(&mut request, &identity, endpoint, components, config)
            .unwrap();
        consume(request);
    }
}

fn components() -> RuntimeComponents {
    let ends = SystemTime::now() + LIFE;
    let identity = Identity::new(Token::new(token(), Some(ends)), Some(ends));
    let options = StaticAuthSchemeOptionResolver::new(vec![HTTP_BEARER_AUTH_SCHEME_ID]);
    RuntimeComponentsBuilder::new("peers")
        .with_auth_scheme_option_resolver(Some(options))
        .with_endpoint_resolver(Some(StaticUriEndpointResolver::uri("https://api.example")))
        .with_auth_scheme(BearerAuthScheme::new())
        .with_identity_cache(Some(IdentityCache::lazy().build()))
        .with_identity_resolver(HTTP_BEARER_AUTH_SCHEME_ID, identity)
        .with_retry_strategy(Some(NeverRetryStrategy::new()))
        .with_time_source(Some(SystemTimeSource::new()))
        .with_sleep_impl(Some(TokioSleep::new()))
        .build()
        .unwrap()
}
