//! A system of your own, step by step, from a `curl` command that works.
//!
//! Say these two commands work:
//!
//! ```text
//! $ curl https://acme.example/login -H 'content-type: application/json' -d '{"user":"billing","password":"…"}'
//! {"session":"8f3a…","ttl":900}
//! $ curl https://acme.example/orders -H 'x-session: 8f3a…'
//! ```
//!
//! The API answers 419 when the session is over. A wrong password gets a 403 with `{"reason":"bad_password"}`.
//!
//! A system has two halves. A [`Grant`](crate::endpoint::Grant) is the first command: it makes the request to the token endpoint
//! and reads the answer. A [`Presentation`](crate::scheme::Presentation) is the second command: it says how a request carries the
//! token, and how the API says that the token is over. Neither of them sends anything, so both are easy to test.
//!
//! The code below needs these crates:
//!
//! ```toml
//! [dependencies]
//! tower-outbound-auth = "0.2"
//! http = "1"
//! serde = { version = "1", features = ["derive"] }
//! serde_json = "1"
//! ```
//!
//! ```
//! # #[cfg(feature = "client")] {
//! use http::{HeaderName, HeaderValue, Request, StatusCode, header::CONTENT_TYPE};
//! use serde::Deserialize;
//! use std::time::Duration;
//! use tower_outbound_auth::endpoint::{
//!     ExchangeAnswer, ExchangeRequest, Grant, RequestContext, Step, TokenEndpoint,
//! };
//! use tower_outbound_auth::exchange::{ExchangeError, Identity, Issued};
//! use tower_outbound_auth::scheme::{InvalidToken, Judge, Presentation, Verdict, plain_value};
//! use tower_outbound_auth::{AuthLayer, Credential, Error, Secret};
//!
//! static X_SESSION: HeaderName = HeaderName::from_static("x-session");
//!
//! struct Acme {
//!     login: TokenEndpoint,
//!     user: String,
//!     password: Credential,
//! }
//!
//! #[derive(Deserialize)]
//! struct Session {
//!     session: String,
//!     ttl: u64,
//! }
//!
//! #[derive(Deserialize)]
//! struct Refusal {
//!     reason: String,
//! }
//!
//! impl Grant for Acme {
//!     // What the token is for. Errors and logs show `endpoint` (without its query) and `client`.
//!     fn identity(&self) -> Identity {
//!         Identity::new("acme").with("endpoint", self.login.to_string()).with("client", self.user.clone())
//!     }
//!
//!     // The credentials. They are read again before each exchange.
//!     fn credentials(&self) -> &[Credential] {
//!         std::slice::from_ref(&self.password)
//!     }
//!
//!     // The first command.
//!     fn request(&self, cx: &RequestContext) -> Result<ExchangeRequest, ExchangeError> {
//!         let password = cx.credential(&self.password)?;
//!         let body = serde_json::json!({"user": self.user, "password": password.expose()});
//!         let request = Request::post(self.login.uri()).header(CONTENT_TYPE, "application/json");
//!         Ok(ExchangeRequest::new(request.body(body.to_string().into())?))
//!     }
//!
//!     // Its answer.
//!     fn read(&self, answer: ExchangeAnswer) -> Result<Step, ExchangeError> {
//!         match answer.status() {
//!             StatusCode::OK => {}
//!             // The system's own word. A firewall's 403 is an outage.
//!             StatusCode::FORBIDDEN if answer.json::<Refusal>().is_ok_and(|it| it.reason == "bad_password") => {
//!                 return Err(answer.refused("bad_password"));
//!             }
//!             _ => return Err(answer.unavailable()),
//!         }
//!         let Session { session, ttl } = answer.json()?;
//!         Ok(Step::Issued(Issued::new(session).with_expires_in(Duration::from_secs(ttl))))
//!     }
//! }
//!
//! impl Presentation for Acme {
//!     // The second command.
//!     fn header_name(&self) -> &HeaderName {
//!         &X_SESSION
//!     }
//!
//!     fn header_value(&self, token: &Secret, _: Option<&str>) -> Result<HeaderValue, InvalidToken> {
//!         plain_value(token)
//!     }
//!
//!     // How the API says that the session is over. Default: a 401.
//!     fn judge(&self) -> Judge {
//!         Judge::new(|response| match response.is_refusal() || response.status == 419 {
//!             true => Verdict::Refused,
//!             false => Verdict::Accepted,
//!         })
//!     }
//! }
//!
//! fn acme(url: &str, user: &str, password: Credential) -> Result<AuthLayer<Acme>, Error> {
//!     let login = TokenEndpoint::parse(url)?;
//!     let acme = Acme { login: login.clone(), user: user.to_owned(), password };
//!     Ok(AuthLayer::for_endpoint(acme, &login)?.with_origin(login.origin().clone()))
//! }
//!
//! let auth = acme("http://127.0.0.1:1/login", "billing", "secret".into())?;
//! # let _ = auth;
//!
//! // A test needs no server: give `read` an answer.
//! # let login = TokenEndpoint::parse("http://127.0.0.1:1/login")?;
//! let acme = Acme { login, user: "billing".to_owned(), password: "secret".into() };
//! let answer = http::Response::new(r#"{"session":"8f3a","ttl":900}"#.into());
//! let Step::Issued(issued) = acme.read(ExchangeAnswer::new(answer)).unwrap() else { panic!() };
//! assert_eq!(issued.expires_in(), Some(Duration::from_secs(900)));
//! # }
//! # Ok::<_, tower_outbound_auth::Error>(())
//! ```
//!
//! # What to decide
//!
//! | question | answer it in |
//! |---|---|
//! | Does the answer state a lifetime? | [`Issued::with_expires_in`](crate::exchange::Issued::with_expires_in), or [`with_expires_at`](crate::exchange::Issued::with_expires_at); the claims of a JWT are read without it |
//! | Does the answer have something that your program must know, such as the address of its instance? | [`Issued::with_extra`](crate::exchange::Issued::with_extra) keeps it beside the token |
//! | Which answers mean that the credentials are wrong? | [`ExchangeAnswer::refused`](crate::endpoint::ExchangeAnswer::refused): a long pause |
//! | Which answers mean that the endpoint is down? | [`ExchangeAnswer::unavailable`](crate::endpoint::ExchangeAnswer::unavailable), and every error of [`json`](crate::endpoint::ExchangeAnswer::json): a short pause; from the third 4xx in a row on, a long one |
//! | Are two requests needed for one token? | return [`Step::Again`](crate::endpoint::Step::Again): the next [`request`](crate::endpoint::Grant::request) gets the answer |
//! | Is there a refresh token? | [`Issued::with_refresh_token`](crate::exchange::Issued::with_refresh_token); the next request has it in its [`RequestContext`](crate::endpoint::RequestContext) |
//! | Does the API say in another way that a token is over? | [`Judge`](crate::scheme::Judge); if only the body says it, [below](#a-refusal-in-the-body); if it mostly means something else, [`Verdict::Doubted`](crate::scheme::Verdict::Doubted) |
//! | Must each request be signed? | [`PerRequest`](crate::scheme::PerRequest) |
//!
//! # A refusal in the body
//!
//! Some APIs say only in the body that a session is over: a 200 with `{"error":"invalid_session"}`, a 500, a 403 with a code in
//! JSON. A judge sees the head of a response. Put an [`InspectBodyLayer`](crate::InspectBodyLayer) below the layer: it reads the
//! beginning of the bodies that you choose, and the judge finds it. This works with every preset, by
//! [`with_judge`](crate::AuthLayer::with_judge), and with a judge of your own system.
//!
//! ```
//! use bytes::Bytes;
//! use http::{Request, Response};
//! use http_body_util::{BodyExt, Full};
//! use tower::{ServiceBuilder, ServiceExt, service_fn};
//! use tower_outbound_auth::exchange::{self, Issued};
//! use tower_outbound_auth::scheme::{Judge, Verdict};
//! use tower_outbound_auth::system::HeaderScheme;
//! use tower_outbound_auth::{AuthLayer, BoxError, InspectBodyLayer, Origin, Recovery, TokenSource};
//!
//! # tokio::runtime::Runtime::new()?.block_on(async {
//! // Two functions play the login and the API. Sessions are numbers. The first one is over.
//! let numbers = std::sync::atomic::AtomicU32::new(1);
//! let next = move || numbers.fetch_add(1, std::sync::atomic::Ordering::Relaxed).to_string();
//! let login = exchange::from_fn(move || std::future::ready(Ok(Issued::new(next()))));
//! let api = service_fn(|request: Request<Full<Bytes>>| async move {
//!     let (status, body) = match request.headers()["authorization"] == "Bearer 1" {
//!         true => (500, r#"{"fault":{"code":"SESSION_TIMEOUT"}}"#),
//!         false => (200, "an order"),
//!     };
//!     Ok::<_, BoxError>(Response::builder().status(status).body(Full::new(Bytes::from(body)))?)
//! });
//!
//! let judge = Judge::new(|response| match response.body_member("/fault/code") {
//!     Some(code) if code == "SESSION_TIMEOUT" => Verdict::Refused,
//!     Some(code) if code == "NO_SUCH_ORDER" => Verdict::Doubted, // also said if the session is over
//!     _ if response.is_refusal() => Verdict::Refused,
//!     _ => Verdict::Accepted,
//! });
//! let auth = AuthLayer::new(TokenSource::new(HeaderScheme::bearer(), login))
//!     .with_origin(Origin::parse("https://acme.example")?)
//!     .with_judge(judge);
//! let client = ServiceBuilder::new()
//!     .layer(auth)
//!     .layer(InspectBodyLayer::new(|response| response.status == 500 || response.status == 404))
//!     .service(api); // a hyper client, say
//!
//! let request = Request::get("https://acme.example/orders/1").body(Full::default())?;
//! let response = client.oneshot(request).await?;
//! assert_eq!(response.extensions().get(), Some(&Recovery::Replayed));
//! assert_eq!(response.into_body().collect().await?.to_bytes(), "an order");
//! # Ok::<_, BoxError>(()) })?;
//! # Ok::<_, BoxError>(())
//! ```
//!
//! - Choose by the head which responses may say it. If it may be a 200, every 200 is read: its beginning is copied, and a body
//!   that pauses delays its response by up to 50 ms.
//! - [`body_member`](crate::scheme::ResponseHead::body_member) needs the whole JSON in the first 4 KiB. For other texts, there is
//!   [`body_excerpt`](crate::scheme::ResponseHead::body_excerpt), which may end anywhere.
//! - [`Verdict::Refused`](crate::scheme::Verdict::Refused) sends every method again. Use it only if such a response means that
//!   the request was not applied. Otherwise, use [`Verdict::Doubted`](crate::scheme::Verdict::Doubted).
//! - The caller's body has the type [`Peeked`](crate::Peeked), with every byte.
//!
//! `cargo run --example custom_scheme` runs such a system against a small server.
