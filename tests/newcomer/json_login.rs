//! An in-house system: a login with JSON, a session in a header of its own, a 419 when it is over.

use std::time::Duration;

use bytes::Bytes;
use http::header::CONTENT_TYPE;
use http::{HeaderName, HeaderValue, Request, Response};
use http_body_util::Full;
use serde::Deserialize;
use tower::{Layer, ServiceExt, service_fn};
use tower_outbound_auth::endpoint::{
    ExchangeAnswer, ExchangeRequest, Grant, RequestContext, Step, TokenEndpoint,
};
use tower_outbound_auth::exchange::{ExchangeError, Identity, Issued};
use tower_outbound_auth::scheme::{InvalidToken, Judge, Presentation, Verdict, plain_value};
use tower_outbound_auth::{AuthLayer, BoxError, Credential, Secret, TokenSource};

static X_SESSION: HeaderName = HeaderName::from_static("x-session");

struct Acme {
    login: TokenEndpoint,
    password: Credential,
}

#[derive(Deserialize)]
struct Session {
    session: Secret,
    ttl: u64,
}

impl Grant for Acme {
    fn identity(&self) -> Identity {
        Identity::new("acme").with("endpoint", self.login.to_string())
    }

    fn credentials(&self) -> &[Credential] {
        std::slice::from_ref(&self.password)
    }

    fn request(&self, cx: &RequestContext) -> Result<ExchangeRequest, ExchangeError> {
        let password = cx.credential(&self.password)?;
        let body = serde_json::json!({"user": "billing", "password": password.expose()});
        let request = Request::post(self.login.uri()).header(CONTENT_TYPE, "application/json");
        Ok(ExchangeRequest::new(request.body(body.to_string().into())?))
    }

    fn read(&self, answer: ExchangeAnswer) -> Result<Step, ExchangeError> {
        if answer.status() == 403 {
            return Err(answer.refused("bad_password"));
        }
        let Session { session, ttl } = answer.json()?;
        Ok(Step::Issued(Issued::new(session).with_expires_in(Duration::from_secs(ttl))))
    }
}

impl Presentation for Acme {
    fn header_name(&self) -> &HeaderName {
        &X_SESSION
    }

    fn header_value(&self, token: &Secret, _: Option<&str>) -> Result<HeaderValue, InvalidToken> {
        plain_value(token)
    }

    fn judge(&self) -> Judge {
        Judge::new(|response| match response.is_refusal() || response.status == 419 {
            true => Verdict::Refused,
            false => Verdict::Accepted,
        })
    }
}

#[tokio::test]
async fn a_session_that_is_over_is_renewed_and_the_request_is_sent_again() {
    // A function plays the server: the first session is over at once.
    let server = service_fn(|request: Request<Full<Bytes>>| async move {
        let first = request.headers().get("x-session").is_none_or(|it| it == "session-1");
        static LOGINS: std::sync::atomic::AtomicU32 = std::sync::atomic::AtomicU32::new(0);
        let (status, body) = match request.uri().path() {
            "/login" => {
                let number = LOGINS.fetch_add(1, std::sync::atomic::Ordering::Relaxed) + 1;
                (200, format!(r#"{{"session":"session-{number}","ttl":900}}"#))
            }
            _ if first => (419, String::new()),
            _ => (200, "two chairs".to_owned()),
        };
        let answer = Response::builder().status(status).body(Full::<Bytes>::from(body));
        answer.map_err(BoxError::from)
    });
    let login = TokenEndpoint::parse("https://acme.example/login").unwrap();
    let origin = login.origin().clone();
    let acme = Acme { login, password: "open sesame".into() };
    let auth = AuthLayer::new(TokenSource::over_http(acme, server)).with_origin(origin);

    let request = Request::get("https://acme.example/orders").body(Full::default()).unwrap();
    let answer = auth.layer(server).oneshot(request).await.unwrap();
    assert_eq!(answer.status(), 200);
    assert_eq!(auth.source().status().counters.exchanges(), 2);
}
