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
//! | Which answers mean that the credentials are wrong? | [`ExchangeAnswer::refused`](crate::endpoint::ExchangeAnswer::refused): a long pause |
//! | Which answers mean that the endpoint is down? | [`ExchangeAnswer::unavailable`](crate::endpoint::ExchangeAnswer::unavailable), and every error of [`json`](crate::endpoint::ExchangeAnswer::json): a short pause; from the third 4xx in a row on, a long one |
//! | Are two requests needed for one token? | return [`Step::Again`](crate::endpoint::Step::Again): the next [`request`](crate::endpoint::Grant::request) gets the answer |
//! | Is there a refresh token? | [`Issued::with_refresh_token`](crate::exchange::Issued::with_refresh_token); the next request has it in its [`RequestContext`](crate::endpoint::RequestContext) |
//! | Does the API say in another way that a token is over? | [`Judge`](crate::scheme::Judge); if it mostly means something else, [`Verdict::Doubted`](crate::scheme::Verdict::Doubted) |
//! | Must each request be signed? | [`PerRequest`](crate::scheme::PerRequest) |
//!
//! `cargo run --example custom_scheme` runs such a system against a small server.
