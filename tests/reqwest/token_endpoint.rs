//! A token endpoint whose client is reqwest.

use http::Request;
use http_body_util::BodyExt;
use hyper::body::Incoming;
use tower_outbound_auth::TokenSource;
use tower_outbound_auth::adapter::reqwest::HttpService;
use tower_outbound_auth::exchange::ExchangeErrorKind;
use tower_outbound_auth::system::{ClientAuth, ClientCredentials};

use super::log::Log;
use super::proxies::ForwardProxy;
use super::server::{Answer, Scheme, Server, answer, builder, contains, redirect};

const SECRET: &str = "canary-b1946ac9";

async fn issue(request: Request<Incoming>) -> Answer {
    let length = request.headers()["content-length"].clone();
    let body = request.into_body().collect().await.unwrap().to_bytes();
    assert_eq!(length, body.len().to_string());
    assert!(contains(&body, SECRET));
    answer(200, r#"{"access_token":"a-token","expires_in":60}"#)
}

fn scheme(server: &Server) -> ClientCredentials {
    let scheme = ClientCredentials::new(server.url("/token"), "id", SECRET).unwrap();
    scheme.with_auth(ClientAuth::Post)
}

#[tokio::test]
async fn a_token_can_be_obtained_through_any_reqwest_client() {
    let server = Server::start(Scheme::Https, issue).await;
    let built = HttpService::build(builder()).unwrap();
    let handed_over = HttpService::new(builder().build().unwrap());
    let middlewares = reqwest_middleware::ClientBuilder::new(builder().build().unwrap()).build();
    let middlewares = HttpService::new(middlewares);
    for source in [
        TokenSource::over_http(scheme(&server), built),
        TokenSource::over_http(scheme(&server), handed_over),
        TokenSource::over_http(scheme(&server), middlewares),
    ] {
        assert_eq!(source.token().await.unwrap().expose(), "a-token");
    }
}

#[tokio::test]
async fn a_redirect_of_the_token_endpoint_is_not_followed_or_else_reported() {
    for status in [302, 307, 308] {
        let elsewhere = Server::start(Scheme::Https, issue).await;
        let away = elsewhere.url("/landed");
        let home = Server::start(Scheme::Https, move |_| {
            let answer = redirect(status, &away);
            async move { answer }
        });
        let home = home.await;
        let source = TokenSource::over_http(scheme(&home), HttpService::build(builder()).unwrap());
        let error = source.token().await.unwrap_err();
        let kind = error.exchange().unwrap().kind();
        assert_eq!(kind, ExchangeErrorKind::Unavailable, "{error}");
        assert_eq!(elsewhere.read(), b"");

        if status == 302 {
            continue; // a POST becomes a GET, which is no request for a token
        }
        let client = HttpService::new(builder().build().unwrap());
        let source = TokenSource::over_http(scheme(&home), client);
        let error = source.token().await.unwrap_err();
        assert_eq!(error.exchange().unwrap().kind(), ExchangeErrorKind::Configuration);
        for part in [&*elsewhere.origin, "rotate", "HttpService::build"] {
            assert!(error.to_string().contains(part), "{error}");
        }
        assert!(source.status().generation.is_none(), "a token from another server is not used");
    }
}

#[tokio::test]
async fn no_url_that_a_middleware_has_wrapped_in_its_error_is_shown() {
    let log = Log::default();
    let guard = log.on_this_thread();
    let server = Server::start(Scheme::Https, |_| async { answer(503, "") }).await;
    let client = super::middlewares::failing_on(503, builder().build().unwrap());
    let scheme = ClientCredentials::new(server.url("/token?key=a-canary"), "id", SECRET).unwrap();
    let source = TokenSource::over_http(scheme, HttpService::new(client));
    let error = source.token().await.unwrap_err();
    drop(guard);
    let texts = format!("{error} {error:?} {}", log.text());
    assert!(texts.contains("503") && !texts.contains("a-canary"), "{texts}");
}

#[tokio::test]
async fn an_exchange_with_a_loopback_endpoint_through_a_proxy_is_reported() {
    let server = Server::start(Scheme::Http, issue).await;
    let proxy = ForwardProxy::to(&server).await;
    let client = HttpService::build(proxy.builder()).unwrap();
    let source = TokenSource::over_http(scheme(&server), client);
    let error = source.token().await.unwrap_err();
    assert_eq!(error.exchange().unwrap().kind(), ExchangeErrorKind::Configuration);
    for part in ["proxy", "rotate", "no_proxy"] {
        assert!(error.to_string().contains(part), "{error}");
    }
}
