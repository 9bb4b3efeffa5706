//! The layer's promises with each adapter.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use bytes::Bytes;
use futures::future::join_all;
use http::{Method, Request, Response};
use http_body_util::Full;
use reqwest::ResponseBuilderExt;
use tower::{Layer, Service, ServiceBuilder, ServiceExt, service_fn};
use tower_outbound_auth::exchange::{ExchangeError, ExchangeErrorKind};
use tower_outbound_auth::{BoxError, Error, ErrorKind, Recovery};

use super::adapters::{Adapter, layer, ours};
use super::log::Log;
use super::server::{Scheme, Server, answer, builder};

const CALLERS: usize = 50;

#[tokio::test]
async fn fifty_callers_with_one_revoked_token_cost_one_exchange() {
    for adapter in Adapter::ALL {
        let revoked = Arc::new(AtomicUsize::new(0));
        let server = Server::start(Scheme::Http, {
            let revoked = revoked.clone();
            move |request| {
                let token = request.headers()["dpop"].to_str().unwrap().to_owned();
                let good = token != "token-1" || revoked.load(Ordering::SeqCst) == 0;
                async move { if good { answer(200, "") } else { answer(401, "") } }
            }
        });
        let server = server.await;
        let (layer, exchange) = layer("dpop", &server.origin);
        let caller = adapter.over(layer);
        caller.get(&server.origin).await.unwrap();
        revoked.store(1, Ordering::SeqCst);

        let answers = join_all((0..CALLERS).map(|_| caller.get(&server.origin))).await;
        let answers: Vec<_> = answers.into_iter().map(Result::unwrap).collect();
        assert!(answers.iter().all(|it| it.status() == 200), "{adapter:?}");
        assert!(answers.iter().any(|it| it.extensions().get() == Some(&Recovery::Replayed)));
        assert_eq!((exchange.exchanges(), exchange.most_under_way()), (2, 1), "{adapter:?}");
    }
}

#[tokio::test]
async fn a_request_that_waits_for_a_token_does_not_occupy_a_client_with_a_limit_of_one() {
    let accepted = Arc::new(AtomicUsize::new(0));
    let server = Server::start(Scheme::Http, {
        let accepted = accepted.clone();
        move |request| {
            let good = request.headers()["dpop"] != "token-1";
            accepted.fetch_add(1, Ordering::SeqCst);
            async move { if good { answer(200, "") } else { answer(401, "") } }
        }
    });
    let server = server.await;
    let (layer, exchange) = layer("dpop", &server.origin);
    layer.source().token().await.unwrap(); // so that all requests begin with the refused token
    let client = builder().redirect(layer.reqwest_redirects()).build().unwrap();
    let api = layer.layer(ServiceBuilder::new().concurrency_limit(1).service(client));
    let answers = join_all((0..CALLERS).map(|_| {
        let request = reqwest::Request::new(Method::GET, server.origin.parse().unwrap());
        api.clone().oneshot(request)
    }));
    let answers = tokio::time::timeout(Duration::from_secs(10), answers).await.expect("no hang");
    assert!(answers.into_iter().all(|it| it.unwrap().status() == 200));
    assert_eq!(exchange.exchanges(), 2);
    assert!(accepted.load(Ordering::SeqCst) <= 60, "{accepted:?}");
}

#[tokio::test]
async fn if_the_second_sending_fails_the_caller_gets_the_refusal() {
    for adapter in Adapter::ALL {
        let server = Server::start(Scheme::Http, |request| {
            let is_first = request.headers()["dpop"] == "token-1";
            async move {
                match is_first {
                    true => answer(401, "a text"),
                    // The connection's task ends, and so does the connection.
                    false => std::panic::resume_unwind(Box::new(())),
                }
            }
        });
        let server = server.await;
        let (layer, exchange) = layer("dpop", &server.origin);
        let answer = adapter.over(layer).get(&server.origin).await.unwrap();
        assert_eq!(answer.status(), 401, "{adapter:?}");
        assert_eq!(answer.extensions().get(), Some(&Recovery::ResendFailed), "{adapter:?}");
        assert!(!answer.headers().contains_key("content-length"), "{adapter:?}");
        assert_eq!(answer.text().await.unwrap(), "", "{adapter:?}");
        assert_eq!(exchange.exchanges(), 2, "{adapter:?}");
    }
}

/// An error of reqwest without a source contains its URL, whose query may contain a secret.
#[tokio::test]
async fn the_log_quotes_a_second_sending_s_error_without_its_url() {
    let log = Log::default();
    let guard = log.on_this_thread();
    let (layer, _) = layer("dpop", "https://api.example");
    let client = service_fn(|request: reqwest::Request| async move {
        let status = if request.headers()["dpop"] == "token-1" { 401 } else { 503 };
        let response = Response::builder().status(status).url(request.url().clone());
        let response = reqwest::Response::from(response.body("").unwrap());
        if status == 401 { Ok(response) } else { response.error_for_status() }
    });
    let url = "https://api.example/?key=a-canary".parse().unwrap();
    let request = reqwest::Request::new(Method::GET, url);
    let answer = layer.danger_own_reqwest_client().layer(client).oneshot(request).await.unwrap();
    drop(guard);
    assert_eq!(answer.extensions().get(), Some(&Recovery::ResendFailed));
    let text = log.text();
    assert!(text.contains("503 Service Unavailable"), "{text}");
    assert!(!text.contains("a-canary"), "{text}");
}

#[tokio::test]
async fn a_request_to_a_foreign_origin_is_refused() {
    for adapter in Adapter::ALL.into_iter().filter(|it| *it != Adapter::Http) {
        let elsewhere = Server::start(Scheme::Http, |_| async { answer(200, "") }).await;
        let (layer, exchange) = layer("token", "https://api.example");
        let error = adapter.over(layer).get(&elsewhere.origin).await.unwrap_err();
        assert_eq!(ours(&error).kind(), ErrorKind::ForeignOrigin);
        assert!(!error.to_string().contains("redirect"), "{error}");
        assert_eq!((exchange.exchanges(), elsewhere.read()), (0, Vec::new()), "{adapter:?}");
    }
}

#[tokio::test]
async fn without_a_token_nothing_is_sent_and_the_error_is_found() {
    for adapter in Adapter::ALL {
        let server = Server::start(Scheme::Http, |_| async { answer(200, "") }).await;
        let (layer, exchange) = layer("token", &server.origin);
        exchange.fail_next(1, ExchangeError::new(ExchangeErrorKind::Unreachable, "cable cut"));
        let error = adapter.over(layer).get(&server.origin).await.unwrap_err();
        assert_eq!(ours(&error).kind(), ErrorKind::Exchange, "{adapter:?}");
        assert!(error.to_string().contains("cable cut"), "{error}");
        if adapter.is_middleware() {
            let error = error.downcast_ref::<reqwest_middleware::Error>().unwrap();
            let reqwest_middleware::Error::Middleware(error) = error else { panic!("{error:?}") };
            assert_eq!(error.downcast_ref::<Error>().unwrap().kind(), ErrorKind::Exchange);
        } else {
            assert!(error.is::<Error>(), "{adapter:?}: {error:?}");
        }
        assert_eq!(server.read(), b"", "{adapter:?}");
    }
}

#[tokio::test]
async fn reqwest_s_own_errors_pass_unwrapped() {
    for adapter in Adapter::ALL {
        let closed = std::net::TcpListener::bind(("127.0.0.1", 0)).unwrap();
        let origin = format!("http://{}", closed.local_addr().unwrap());
        drop(closed);
        let (layer, _) = layer("token", &origin);
        let error = adapter.over(layer).get(&origin).await.unwrap_err();
        let over_middlewares =
            matches!(adapter, Adapter::OverMiddlewares | Adapter::HandedOverMiddlewares);
        if adapter.is_middleware() || over_middlewares {
            assert!(error.downcast::<reqwest_middleware::Error>().unwrap().is_connect());
        } else {
            assert!(error.downcast::<reqwest::Error>().unwrap().is_connect(), "{adapter:?}");
        }
    }
}

#[tokio::test]
async fn a_request_s_own_timeout_gives_reqwest_s_error_if_the_api_is_slow() {
    for adapter in Adapter::ALL {
        let server = Server::start(Scheme::Http, |_| std::future::pending()).await;
        let (layer, _) = layer("token", &server.origin);
        layer.source().token().await.unwrap(); // otherwise the timeout might end during the wait for a token
        let mut request = reqwest::Request::new(Method::GET, server.origin.parse().unwrap());
        *request.timeout_mut() = Some(Duration::from_millis(200));
        let error = adapter.over(layer).send(request).await.unwrap_err();
        let mut error: &(dyn std::error::Error + 'static) = &*error;
        while !error.is::<reqwest::Error>() {
            error = match error.downcast_ref::<reqwest_middleware::Error>() {
                Some(reqwest_middleware::Error::Reqwest(error)) => error,
                _ => error.source().unwrap_or_else(|| panic!("{adapter:?}")),
            };
        }
        assert!(error.downcast_ref::<reqwest::Error>().unwrap().is_timeout(), "{adapter:?}");
    }
}

#[tokio::test]
async fn services_of_http_s_types_still_work() -> Result<(), BoxError> {
    let (layer, _) = layer("token", "https://api.example");
    let mut api = layer.layer(service_fn(|_: Request<Full<Bytes>>| async {
        Ok::<_, BoxError>(Response::new(Full::<Bytes>::default()))
    }));
    // The compiler cannot know which kind of request is meant before there is a request.
    let request = Request::get("https://api.example").body(Full::default())?;
    assert_eq!(api.ready().await?.call(request).await?.status(), 200);
    Ok(())
}
