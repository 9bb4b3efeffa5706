//! Sources whose tokens come from a token endpoint.

use std::sync::Arc;

use bytes::Bytes;
use http::{Request, Response};
use http_body::Body;
use http_body_util::Full;
use tower_service::Service;

use crate::endpoint::http_exchange::HttpExchange;
use crate::endpoint::scheme::Scheme;
use crate::error::BoxError;
use crate::token::builder::SourceBuilder;
use crate::token::source::TokenSource;

impl<S: Scheme> TokenSource<S> {
    /// A source that asks the scheme's token endpoint through `client` (see [`HttpExchange`]). For reqwest,
    /// `client` is `HttpService::build(builder)?` (feature `reqwest`).
    pub fn over_http<C, RB>(scheme: S, client: C) -> TokenSource<S>
    where
        C: Service<Request<Full<Bytes>>, Response = Response<RB>> + Clone + Send + 'static,
        C::Future: Send,
        C::Error: Into<BoxError>,
        RB: Body + Send + 'static,
        RB::Data: Send,
        RB::Error: Into<BoxError>,
    {
        TokenSource::builder_over_http(scheme, client).build()
    }

    /// As [`over_http`](TokenSource::over_http), with options.
    ///
    /// ```
    /// # #[cfg(feature = "client")] {
    /// use std::time::Duration;
    /// use tower_outbound_auth::TokenSource;
    /// use tower_outbound_auth::endpoint::HttpClient;
    /// use tower_outbound_auth::system::ClientCredentials;
    ///
    /// # fn demo() -> Result<(), tower_outbound_auth::Error> {
    /// let system = ClientCredentials::new("http://127.0.0.1:8080/token", "id", "secret")?;
    /// let source = TokenSource::builder_over_http(system, HttpClient::plain()?)
    ///     .exchange_timeout(Duration::from_secs(3))
    ///     .build();
    /// # let _ = source;
    /// # Ok(()) }
    /// # demo().unwrap();
    /// # }
    /// ```
    pub fn builder_over_http<C, RB>(scheme: S, client: C) -> SourceBuilder<S>
    where
        C: Service<Request<Full<Bytes>>, Response = Response<RB>> + Clone + Send + 'static,
        C::Future: Send,
        C::Error: Into<BoxError>,
        RB: Body + Send + 'static,
        RB::Data: Send,
        RB::Error: Into<BoxError>,
    {
        let scheme = Arc::new(scheme);
        let exchange = HttpExchange::new(scheme.clone(), client);
        SourceBuilder::new(scheme, exchange)
    }
}
