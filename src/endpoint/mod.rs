//! Asks a token endpoint over HTTP.
//!
//! A [`Grant`] builds requests and reads answers. It does no I/O. A [`TokenSource`](crate::TokenSource) decides when
//! a request is sent, and how often. So a grant is short and easy to test: give it an answer and look at the result.
//!
//! A scheme of your own:
//!
//! ```
//! use http::{HeaderName, HeaderValue, StatusCode};
//! use tower_outbound_auth::exchange::*;
//! use tower_outbound_auth::endpoint::*;
//! use tower_outbound_auth::scheme::*;
//! use tower_outbound_auth::{Credential, Secret};
//!
//! static SESSION: HeaderName = HeaderName::from_static("x-session");
//!
//! struct Sessions { password: Credential }
//!
//! impl Grant for Sessions {
//!     fn identity(&self) -> Identity {
//!         Identity::new("sessions").with("endpoint", "https://api.example/login")
//!     }
//!     fn credentials(&self) -> &[Credential] {
//!         std::slice::from_ref(&self.password)
//!     }
//!     fn request(&self, cx: &RequestContext) -> Result<ExchangeRequest, ExchangeError> {
//!         let body = cx.credential(&self.password)?.expose().to_owned().into();
//!         Ok(ExchangeRequest::new(http::Request::post("https://api.example/login").body(body)?))
//!     }
//!     fn read(&self, answer: ExchangeAnswer) -> Result<Step, ExchangeError> {
//!         match answer.status() {
//!             StatusCode::OK => Ok(Step::Issued(Issued::new(answer.text()?))),
//!             // The credentials are wrong: the next attempt waits, and a provider of the password is told.
//!             StatusCode::UNAUTHORIZED => Err(answer.refused("wrong_password")),
//!             _ => Err(answer.unavailable()),
//!         }
//!     }
//! }
//!
//! impl Presentation for Sessions {
//!     fn header_name(&self) -> &HeaderName {
//!         &SESSION
//!     }
//!     fn header_value(&self, token: &Secret, _: Option<&str>) -> Result<HeaderValue, InvalidToken> {
//!         plain_value(token)
//!     }
//! }
//! ```

pub(crate) mod answer;
#[cfg(feature = "client")]
pub(crate) mod certificate;
#[cfg(feature = "client")]
pub(crate) mod client;
pub(crate) mod content_type;
pub(crate) mod encoding;
pub(crate) mod failure;
pub(crate) mod grant;
pub(crate) mod http_exchange;
pub(crate) mod members;
pub(crate) mod moment;
pub(crate) mod no_token;
pub(crate) mod over_http;
pub(crate) mod pacing;
#[cfg(feature = "client")]
pub(crate) mod proxy;
pub(crate) mod quotes;
pub(crate) mod redirect;
pub(crate) mod refusal_codes;
pub(crate) mod request;
pub(crate) mod request_context;
pub(crate) mod request_span;
pub(crate) mod scheme;
pub(crate) mod step;
#[cfg(feature = "client")]
pub(crate) mod tls;
pub(crate) mod token_endpoint;
pub(crate) mod unreachable;
#[cfg(any(feature = "client", feature = "oauth"))]
pub(crate) mod validity;

pub use self::answer::ExchangeAnswer;
#[cfg(feature = "client")]
pub use self::certificate::{client_certificate::ClientCertificate, clients::CertificateClients};
#[cfg(feature = "client")]
pub use self::client::HttpClient;
pub use self::grant::Grant;
pub use self::http_exchange::HttpExchange;
pub use self::request::ExchangeRequest;
pub use self::request_context::RequestContext;
pub use self::scheme::Scheme;
pub use self::step::Step;
#[cfg(feature = "client")]
pub use self::tls::{TlsProvider, TlsRoots};
pub use self::token_endpoint::TokenEndpoint;
