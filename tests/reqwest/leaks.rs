//! What another origin gets when a redirect leads there: never the credential.

use http::StatusCode;
use tower::{Layer, ServiceExt};
use tower_outbound_auth::adapter::reqwest::HttpService;
use tower_outbound_auth::{ErrorKind, Exempt};

use super::adapters::{Adapter, CANARY, layer, ours};
use super::server::{Scheme, Server, answer, builder, contains, redirect};

const HEADERS: [&str; 4] = ["token", "x-api-key", "dpop", "authorization"];
const STATUSES: [u16; 3] = [302, 307, 308];
/// From the layer's origin to another port, and perhaps another scheme.
const WAYS: [(Scheme, Scheme); 4] = [
    (Scheme::Http, Scheme::Http),
    (Scheme::Https, Scheme::Https),
    (Scheme::Http, Scheme::Https),
    (Scheme::Https, Scheme::Http),
];

/// A redirect from an origin of the layer to another one.
struct Case {
    adapter: Adapter,
    header: &'static str,
    status: u16,
    home: Server,
    elsewhere: Server,
}

impl Case {
    async fn new(
        adapter: Adapter,
        header: &'static str,
        status: u16,
        (from, to): (Scheme, Scheme),
    ) -> Case {
        let elsewhere = Server::start(to, |_| async { answer(200, "elsewhere") }).await;
        let away = elsewhere.url("/landed");
        let home = Server::start(from, move |_| {
            let answer = redirect(status, &away);
            async move { answer }
        });
        Case { adapter, header, status, home: home.await, elsewhere }
    }

    async fn check(&self) {
        let (layer, exchange) = layer(self.header, &self.home.origin);
        exchange.set_sticky(Some(CANARY));
        let answer = self.adapter.over(layer).get(&self.home.url("/start")).await;
        assert!(contains(&self.home.read(), CANARY), "the request had a credential");
        let leaked = self.elsewhere.read();
        match self.adapter {
            Adapter::Constructor
            | Adapter::Client
            | Adapter::OverMiddlewares
            | Adapter::Middleware => {
                let answer = answer.unwrap();
                assert_eq!(answer.status().as_u16(), self.status, "the caller gets the answer");
                assert_eq!(answer.headers()["location"], *self.elsewhere.url("/landed"));
                assert_eq!(leaked, b"", "no request was sent there");
            }
            Adapter::Http => {
                assert_eq!(answer.unwrap().text().await.unwrap(), "elsewhere");
                assert!(contains(&leaked, "/landed"));
                assert!(!contains(&leaked, CANARY), "bare");
            }
            _ => {
                let error = answer.unwrap_err();
                let text = error.to_string();
                assert_eq!(ours(&error).kind(), ErrorKind::SentElsewhere);
                for part in [&*self.elsewhere.origin, "rotate", "AuthLayer::reqwest"] {
                    assert!(text.contains(part), "{text}");
                }
                assert!(!text.contains(CANARY));
                // reqwest itself removes only this header.
                assert_eq!(contains(&leaked, CANARY), self.header != "authorization");
            }
        }
        assert_eq!(exchange.exchanges(), 1);
    }
}

async fn all_of(adapter: Adapter) {
    for header in HEADERS {
        for status in STATUSES {
            for way in WAYS {
                println!("{adapter:?}, {header}, {status}, {way:?}"); // printed if the test fails
                Case::new(adapter, header, status, way).await.check().await;
            }
        }
    }
}

#[tokio::test]
async fn a_client_made_by_the_layer_sends_the_credential_to_its_origins_only() {
    all_of(Adapter::Constructor).await;
    all_of(Adapter::Client).await;
}

#[tokio::test]
async fn a_client_with_middlewares_and_the_layer_s_policy_sends_the_credential_to_its_origins_only()
{
    all_of(Adapter::OverMiddlewares).await;
}

#[tokio::test]
async fn the_middleware_over_a_client_with_the_layer_s_policy_sends_the_credential_to_its_origins_only()
 {
    all_of(Adapter::Middleware).await;
}

#[tokio::test]
async fn redirects_above_the_http_service_lead_elsewhere_without_the_credential() {
    all_of(Adapter::Http).await;
}

#[tokio::test]
async fn a_client_of_the_user_that_sent_a_credential_elsewhere_is_reported() {
    all_of(Adapter::HandedOver).await;
}

#[tokio::test]
async fn a_client_with_middlewares_of_the_user_that_sent_a_credential_elsewhere_is_reported() {
    all_of(Adapter::HandedOverMiddlewares).await;
}

#[tokio::test]
async fn the_middleware_over_a_client_that_sent_a_credential_elsewhere_reports_it() {
    all_of(Adapter::MiddlewareOverHandedOver).await;
}

#[tokio::test]
async fn a_refusal_from_elsewhere_renews_nothing() {
    for adapter in Adapter::ALL {
        let elsewhere = Server::start(Scheme::Http, |_| async { answer(401, "") }).await;
        let away = elsewhere.url("/");
        let home = Server::start(Scheme::Http, move |_| {
            let answer = redirect(307, &away);
            async move { answer }
        });
        let home = home.await;
        let (layer, exchange) = layer("token", &home.origin);
        let source = layer.source().clone();
        let caller = adapter.over(layer);
        for _ in 0..2 {
            drop(caller.get(&home.url("/")).await);
        }
        source.settled().await;
        assert_eq!(exchange.exchanges(), 1, "{adapter:?}");
    }
}

#[tokio::test]
async fn the_http_service_reports_a_client_that_sent_a_credential_elsewhere() {
    let elsewhere = Server::start(Scheme::Http, |_| async { answer(401, "") }).await;
    let away = elsewhere.url("/");
    let home = Server::start(Scheme::Http, move |_| {
        let answer = redirect(307, &away);
        async move { answer }
    });
    let home = home.await;
    let (layer, exchange) = layer("token", &home.origin);
    let source = layer.source().clone();
    let request = http::Request::get(&home.origin).body(String::new()).unwrap();
    let client = HttpService::new(builder().build().unwrap());
    let error = layer.layer(client).oneshot(request).await.unwrap_err();
    assert_eq!(ours(&error).kind(), ErrorKind::SentElsewhere);
    assert!(error.to_string().contains("HttpService::build"), "{error}");
    source.settled().await;
    assert_eq!(exchange.exchanges(), 1, "a refusal from elsewhere renews nothing");
}

#[tokio::test]
async fn redirects_of_requests_without_a_credential_are_not_checked() {
    for adapter in [Adapter::HandedOver, Adapter::HandedOverMiddlewares, Adapter::Http] {
        let case = Case::new(adapter, "token", 302, WAYS[0]).await;
        let (layer, exchange) = layer("token", &case.home.origin);
        let by_path = layer.clone().with_exempt_if(|head| head.uri.path() == "/public");
        let exempt = http::Request::get(case.home.url("/start")).extension(Exempt);
        let public = http::Request::get(case.home.url("/public"));
        for (layer, request) in [(layer, exempt), (by_path, public)] {
            let request = request.body("").unwrap().try_into().unwrap();
            let answer = adapter.over(layer).send(request).await.unwrap();
            assert_eq!(answer.status(), StatusCode::OK, "{adapter:?}");
            assert_eq!(answer.text().await.unwrap(), "elsewhere");
        }
        assert_eq!(exchange.exchanges(), 0);
    }
}
