//! The layer in a chain of middlewares.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use http::Extensions;
use reqwest::{Client, Request, Response, ResponseBuilderExt};
use reqwest_middleware::{ClientBuilder, ClientWithMiddleware, Middleware, Next};
use tower::{Service, ServiceExt};
use tower_outbound_auth::adapter::reqwest::AuthMiddleware;
use tower_outbound_auth::replay::Off;
use tower_outbound_auth::testkit::AtlasServer;
use tower_outbound_auth::{AuthLayer, Error, ErrorKind, Exempt, Recovery};

use super::adapters::layer;
use super::server::builder;

const URL: &str = "https://api.example/v1";

/// What a chain does here: it ends, or continues.
type Handled<'a> = futures::future::BoxFuture<'a, reqwest_middleware::Result<Response>>;

fn handler<F>(handle: F) -> F
where
    F: for<'a> Fn(Request, &'a mut Extensions, Next<'a>) -> Handled<'a> + Send + Sync + 'static,
{
    handle
}

/// Counts the requests that have the caller's extensions.
#[derive(Clone, Default, Debug, PartialEq)]
struct Sendings(usize);

/// The last one. It refuses `token-1`, and records the tokens.
fn api(tokens: Arc<Mutex<Vec<String>>>) -> impl Middleware {
    handler(move |request, extensions, _| {
        let token = request.headers().get("token").map(|it| it.to_str().unwrap().to_owned());
        let status = if token.as_deref() == Some("token-1") { 401 } else { 200 };
        tokens.lock().unwrap().push(token.unwrap_or_default());
        extensions.get_or_insert_default::<Sendings>().0 += 1;
        let response = http::Response::builder().status(status).url(request.url().clone());
        Box::pin(async move { Ok(response.body("").unwrap().into()) })
    })
}

/// Makes an error from a response with this status, as middlewares do: reqwest's own error,
/// wrapped.
pub(crate) fn failing_on(status: u16, client: Client) -> ClientWithMiddleware {
    let failing = handler(move |request, extensions, next| {
        Box::pin(async move {
            let response = next.run(request, extensions).await?;
            match response.status() == status {
                true => response.error_for_status().map_err(reqwest_middleware::Error::middleware),
                false => Ok(response),
            }
        })
    });
    ClientBuilder::new(client).with(failing).build()
}

fn client() -> Client {
    builder().build().unwrap()
}

#[tokio::test]
async fn a_request_that_the_client_itself_sends_has_the_credential_and_is_sent_again() {
    let server = AtlasServer::start().await.unwrap();
    let (id, secret) = (server.client_id(), server.client_secret());
    let auth = AuthLayer::atlas(server.endpoint(), id, secret).unwrap();
    let api = auth.reqwest_client(builder()).unwrap();
    for revoked in [false, true] {
        if revoked {
            server.revoke_tokens();
        }
        let answer = api.post(server.url("/v1/documents")).body("a document").send().await.unwrap();
        assert_eq!(answer.status(), 200);
        assert_eq!(answer.extensions().get() == Some(&Recovery::Replayed), revoked);
    }
    assert_eq!(server.counts().exchanges, 2);
    let elsewhere = api.get("https://other.example/").send().await.unwrap_err();
    assert_eq!(Error::find(&elsewhere).unwrap().kind(), ErrorKind::ForeignOrigin);
}

#[tokio::test]
async fn the_caller_s_extensions_go_down_the_chain_with_both_requests() {
    let tokens = Arc::default();
    let (layer, _) = layer("token", "https://api.example");
    let layer = layer.danger_own_reqwest_client();
    let chain = ClientBuilder::new(client())
        .with(AuthMiddleware::new(&layer))
        .with(api(Arc::clone(&tokens)))
        .build();
    let mut extensions = Extensions::new();
    extensions.insert(Sendings(40));
    let request = chain.get(URL).build().unwrap();
    let response = chain.execute_with_extensions(request, &mut extensions).await.unwrap();
    assert_eq!(response.extensions().get(), Some(&Recovery::Replayed));
    assert_eq!(extensions.get(), Some(&Sendings(42)));
    assert_eq!(*tokens.lock().unwrap(), ["token-1", "token-2"]);
}

#[tokio::test]
async fn a_request_can_be_exempt_by_the_extensions_of_the_chain() {
    let tokens = Arc::default();
    let (layer, exchange) = layer("token", "https://api.example");
    let layer = layer.danger_own_reqwest_client();
    let chain = ClientBuilder::new(client())
        .with(AuthMiddleware::new(&layer))
        .with(api(Arc::clone(&tokens)))
        .build();
    let response = chain.get("https://other.example").with_extension(Exempt).send().await;
    assert_eq!(response.unwrap().status(), 200);
    assert_eq!(*tokens.lock().unwrap(), [""]);
    assert_eq!(exchange.exchanges(), 0);
}

#[tokio::test]
async fn a_retry_above_always_sends_a_valid_token() {
    let tokens = Arc::default();
    let (layer, exchange) = layer("token", "https://api.example");
    let layer = layer.danger_own_reqwest_client();
    let retry = handler(|request, extensions, next| {
        Box::pin(async move {
            let again = request.try_clone().unwrap();
            next.clone().run(request, extensions).await?;
            next.run(again, extensions).await
        })
    });
    let chain = ClientBuilder::new(client())
        .with(retry)
        .with(AuthMiddleware::new(&layer))
        .with(api(Arc::clone(&tokens)))
        .build();
    assert_eq!(chain.get(URL).send().await.unwrap().status(), 200);
    assert_eq!(*tokens.lock().unwrap(), ["token-1", "token-2", "token-2"]);
    assert_eq!(exchange.exchanges(), 2);
}

#[tokio::test]
async fn stacked_layers_in_a_chain_send_a_request_twice_at_most() {
    let tokens = Arc::default();
    let (layer, _) = layer("token", "https://api.example");
    let layer = layer.danger_own_reqwest_client();
    let refusing = handler(|request, _, _| {
        let response = http::Response::builder().status(401).url(request.url().clone());
        Box::pin(async move { Ok(response.body("").unwrap().into()) })
    });
    let counting = handler({
        let tokens: Arc<Mutex<Vec<()>>> = Arc::clone(&tokens);
        move |request, extensions, next: Next<'_>| {
            tokens.lock().unwrap().push(());
            next.run(request, extensions)
        }
    });
    let chain = ClientBuilder::new(client())
        .with(AuthMiddleware::new(&layer))
        .with(counting)
        .with(refusing)
        .build();
    let mut api = tower::Layer::layer(&layer, chain);
    let request = Client::get(&client(), URL).build().unwrap();
    let response = api.ready().await.unwrap().call(request).await.unwrap();
    assert_eq!(response.status(), 401);
    assert_eq!(tokens.lock().unwrap().len(), 2, "the request was sent twice");
}

#[tokio::test]
async fn without_replay_the_caller_gets_the_refusal() {
    let tokens = Arc::default();
    let (layer, exchange) = layer("token", "https://api.example");
    let layer = layer.danger_own_reqwest_client();
    let chain = ClientBuilder::new(client())
        .with(AuthMiddleware::new(&layer.clone().with_replay(Off)))
        .with(api(Arc::clone(&tokens)))
        .build();
    let response = chain.get(URL).timeout(Duration::from_secs(5)).send().await.unwrap();
    assert_eq!(response.status(), 401);
    assert_eq!(response.extensions().get(), Some(&Recovery::NotReplayable));
    layer.source().settled().await;
    assert_eq!(chain.get(URL).send().await.unwrap().status(), 200);
    assert_eq!(exchange.exchanges(), 2);
}
