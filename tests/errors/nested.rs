//! Sources that need tokens of other sources: the text says which of them failed.

use bytes::Bytes;
use http::{Request, Response};
use http_body_util::Full;
use tower::{Layer, Service, service_fn};
use tower_outbound_auth::endpoint::HttpExchange;
use tower_outbound_auth::system::{ClientCredentials, HeaderScheme};
use tower_outbound_auth::testkit::TokioClock;
use tower_outbound_auth::{AuthLayer, BoxError, Credential, Origin, Secret, TokenSource};

type Body = Full<Bytes>;

fn client(
    answer: impl Fn() -> Result<Response<Body>, BoxError> + Clone + Send + Sync + 'static,
) -> impl Service<Request<Body>, Response = Response<Body>, Error = BoxError, Future: Send>
+ Clone
+ Send
+ Sync
+ 'static {
    service_fn(move |_: Request<Body>| std::future::ready(answer()))
}

/// A source whose endpoint refuses connections.
fn unreachable() -> TokenSource<ClientCredentials> {
    let system = ClientCredentials::new("https://a.example/token", "a", "secret").unwrap();
    let refused = || Err(std::io::Error::other("Connection refused").into());
    TokenSource::builder_over_http(system, client(refused)).clock(TokioClock::new()).build()
}

async fn said(secret: impl Into<Credential>) -> String {
    let system = ClientCredentials::new("https://b.example/token", "b", secret).unwrap();
    let never = client(|| panic!("it is not asked"));
    let source = TokenSource::builder_over_http(system, never).clock(TokioClock::new()).build();
    crate::without_the_pause(&source.token().await.unwrap_err())
}

const OF_A: &str = "client_credentials (https://a.example/token, client \"a\"): https://a.example could not be reached: \
                    Connection refused: nothing listens there: check the port, and whether the server runs";
const OF_B: &str = "no token: client_credentials (https://b.example/token, client \"b\"): ";

#[tokio::test(start_paused = true)]
async fn a_credential_that_is_another_source_s_token_names_both_sources_and_one_pause() {
    let text = said(unreachable()).await;
    let (of_b, of_a) = text.split_once("cannot be read: ").expect(&text);
    assert!(of_b.starts_with(&format!("{OF_B}the credential of ")), "{text}");
    assert_eq!(of_a, format!("no token: {OF_A}"));
}

#[tokio::test(start_paused = true)]
async fn an_exchange_error_of_another_source_names_both_sources() {
    let a = unreachable();
    let minted = Credential::minted(move || {
        let a = a.clone();
        async move {
            match a.token().await {
                Ok(token) => Ok(Secret::from(token.expose())),
                Err(error) => Err(error.exchange().unwrap().clone().into()),
            }
        }
    });
    assert_eq!(said(minted).await, format!("{OF_B}{OF_A}"));
}

#[tokio::test(start_paused = true)]
async fn a_token_client_behind_another_source_s_layer_names_that_source() {
    let layer =
        AuthLayer::new(unreachable()).with_origin(Origin::parse("https://b.example").unwrap());
    let endpoint = layer.layer(client(|| panic!("it is not asked")));
    let system = ClientCredentials::new("https://b.example/token", "b", "secret").unwrap();
    let system = system.with_auth(tower_outbound_auth::system::ClientAuth::Post);
    let exchange = HttpExchange::new(system, endpoint);
    let source =
        TokenSource::builder(HeaderScheme::bearer(), exchange).clock(TokioClock::new()).build();
    let text = crate::without_the_pause(&source.token().await.unwrap_err());
    let needs = "the token endpoint's client needs a token of another source: no token: ";
    assert_eq!(text, format!("{OF_B}{needs}{OF_A}"));
}
