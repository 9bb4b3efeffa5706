//! A minted credential is made anew for each request on the wire.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use http::header::AUTHORIZATION;
use http::{Request, Response};
use http_body_util::{BodyExt, Full};
use tower::{Service, service_fn};
use tower_outbound_auth::clock::Clock;
use tower_outbound_auth::exchange::{ExchangeError, ExchangeErrorKind};
use tower_outbound_auth::system::{ClientAuth, ClientCredentials};
use tower_outbound_auth::testkit::TokioClock;
use tower_outbound_auth::{BoxError, Credential, Secret, TokenSource};

type Body = Full<Bytes>;

/// `assertion!1`, `assertion!2` and so on, and how many there were. (The `!` is encoded in two ways.)
fn numbered() -> (Credential, Arc<AtomicUsize>) {
    let minted = Arc::new(AtomicUsize::new(0));
    let count = minted.clone();
    let mint = move || {
        let number = count.fetch_add(1, Ordering::SeqCst) + 1;
        async move { Ok(Secret::from(format!("assertion!{number}"))) }
    };
    (Credential::minted(mint), minted)
}

/// A token endpoint that keeps what it was shown, and gives the answers of a function of their number.
fn endpoint<A>(
    answer: A,
) -> (
    Arc<Mutex<Vec<String>>>,
    impl Service<Request<Body>, Response = Response<Body>, Error = BoxError, Future: Send>
    + Clone
    + Send
    + Sync
    + 'static,
)
where
    A: Fn(usize) -> (u16, String) + Clone + Send + Sync + 'static,
{
    let shown = Arc::new(Mutex::new(Vec::new()));
    let kept = shown.clone();
    let client = service_fn(move |request: Request<Body>| {
        let (kept, answer) = (kept.clone(), answer.clone());
        async move {
            let (head, body) = request.into_parts();
            let body = body.collect().await?.to_bytes();
            let text = match head.headers.get(AUTHORIZATION) {
                Some(basic) => {
                    let pair = STANDARD.decode(&basic.as_bytes()["Basic ".len()..])?;
                    String::from_utf8(pair)?
                }
                None => String::from_utf8(body.to_vec())?,
            };
            let number = {
                let mut kept = kept.lock().unwrap();
                kept.push(text);
                kept.len()
            };
            tokio::time::sleep(Duration::from_millis(10)).await;
            let (status, body) = answer(number);
            Ok::<_, BoxError>(Response::builder().status(status).body(Full::from(body))?)
        }
    });
    (shown, client)
}

fn scheme(secret: Credential) -> ClientCredentials {
    ClientCredentials::new("https://auth.example/token", "id", secret).unwrap()
}

fn token(number: usize) -> (u16, String) {
    (200, format!(r#"{{"access_token":"token-{number}","expires_in":60}}"#))
}

fn refusal(code: &str) -> (u16, String) {
    (401, format!(r#"{{"error":"{code}"}}"#))
}

#[tokio::test(start_paused = true)]
async fn each_request_of_an_exchange_sends_a_newly_minted_value() {
    let (secret, minted) = numbered();
    let (shown, client) = endpoint(|number| match number {
        1 => refusal("invalid_client"), // it does not understand this encoding
        _ => token(number),
    });
    let source =
        TokenSource::builder_over_http(scheme(secret), client).clock(TokioClock::new()).build();
    assert_eq!(source.token().await.unwrap().expose(), "token-2");
    assert_eq!(*shown.lock().unwrap(), ["id:assertion%211", "id:assertion!2"]);
    assert_eq!(minted.load(Ordering::SeqCst), 2, "none was made in vain");
}

#[tokio::test(start_paused = true)]
async fn sources_that_share_a_minted_credential_never_send_the_same_value() {
    let (secret, _) = numbered();
    let (shown, client) = endpoint(token);
    let sources = (0..20).map(|_| {
        let scheme = scheme(secret.clone()).with_auth(ClientAuth::Post);
        TokenSource::builder_over_http(scheme, client.clone()).clock(TokioClock::new()).build()
    });
    let sources: Vec<_> = sources.collect();
    let all = sources.iter().map(|source| async { source.token().await.map(drop) });
    futures::future::try_join_all(all).await.unwrap();
    let mut shown = shown.lock().unwrap().clone();
    assert_eq!(shown.len(), 20);
    shown.sort();
    shown.dedup();
    assert_eq!(shown.len(), 20, "{shown:?}");
}

#[tokio::test(start_paused = true)]
async fn a_newly_minted_value_does_not_end_the_pause() {
    let (secret, minted) = numbered();
    let (shown, client) = endpoint(|_| refusal("unauthorized_client"));
    let scheme = scheme(secret).with_auth(ClientAuth::Post);
    let source = TokenSource::builder_over_http(scheme, client).clock(TokioClock::new()).build();
    // The first pause after a refusal is 5 s at least.
    for _ in 0..45 {
        let error = source.token().await.unwrap_err();
        assert_eq!(error.exchange().unwrap().kind(), ExchangeErrorKind::Refused);
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    assert_eq!((shown.lock().unwrap().len(), minted.load(Ordering::SeqCst)), (1, 1));
}

#[tokio::test(start_paused = true)]
async fn a_mint_that_fails_is_an_outage_unless_its_error_has_another_kind() {
    let cases: [(fn() -> Result<Secret, BoxError>, _, _); 5] = [
        (|| Err("no key service".into()), ExchangeErrorKind::Unavailable, "no key service"),
        (
            || Err(ExchangeError::new(ExchangeErrorKind::Refused, "the key was deleted").into()),
            ExchangeErrorKind::Refused,
            "the key was deleted",
        ),
        (|| Ok("".into()), ExchangeErrorKind::Configuration, "is empty"),
        (|| Ok("\n".into()), ExchangeErrorKind::Configuration, "is empty"),
        (|| Ok("a\tb".into()), ExchangeErrorKind::Configuration, "has a control character"),
    ];
    for (mint, kind, said) in cases {
        let (shown, client) = endpoint(token);
        let secret = Credential::minted(move || async move { mint() });
        let source =
            TokenSource::builder_over_http(scheme(secret), client).clock(TokioClock::new()).build();
        let error = source.token().await.unwrap_err();
        let error = error.exchange().unwrap();
        assert_eq!(error.kind(), kind);
        assert!(error.to_string().contains(said), "{error}");
        assert!(shown.lock().unwrap().is_empty(), "nothing is sent without it");
    }
}

#[tokio::test(start_paused = true)]
async fn the_deadline_of_the_exchange_includes_minting() {
    let (shown, client) = endpoint(token);
    let secret = Credential::minted(|| async {
        tokio::time::sleep(Duration::from_secs(60)).await;
        Ok(Secret::from("late"))
    });
    let source =
        TokenSource::builder_over_http(scheme(secret), client).clock(TokioClock::new()).build();
    let clock = TokioClock::new();
    let before = clock.now();
    let error = source.token().await.unwrap_err();
    assert_eq!(error.exchange().unwrap().kind(), ExchangeErrorKind::Timeout);
    assert_eq!(clock.now().since(before).as_secs(), 10);
    assert!(shown.lock().unwrap().is_empty());
}

#[tokio::test(start_paused = true)]
async fn a_code_that_quotes_a_minted_value_is_withheld() {
    let secret = || Credential::minted(|| async { Ok(Secret::from("hunter2")) });
    let (_, client) = endpoint(|_| refusal("bad_hunter2"));
    let source =
        TokenSource::builder_over_http(scheme(secret()), client).clock(TokioClock::new()).build();
    let error = source.token().await.unwrap_err();
    let texts = format!("{error} {error:?} {:?}", source.status());
    assert!(!texts.contains("hunter2"), "{texts}");
}

#[tokio::test(start_paused = true)]
async fn a_credential_that_a_request_uses_twice_is_minted_once() {
    let (credential, minted) = numbered();
    let (shown, client) = endpoint(token);
    let scheme =
        ClientCredentials::new("https://auth.example/token", credential.clone(), credential);
    let source =
        TokenSource::builder_over_http(scheme.unwrap(), client).clock(TokioClock::new()).build();
    source.token().await.unwrap();
    assert_eq!(*shown.lock().unwrap(), ["assertion%211:assertion%211"]);
    assert_eq!(minted.load(Ordering::SeqCst), 1);
}

#[tokio::test(start_paused = true)]
async fn the_failure_of_a_source_that_a_mint_waits_for_keeps_its_kind() {
    let (_, refusing) = endpoint(|_| refusal("invalid_client"));
    let keys = TokenSource::builder_over_http(scheme("wrong".into()), refusing)
        .clock(TokioClock::new())
        .build();
    let secret = Credential::minted(move || {
        let keys = keys.clone();
        async move { Ok(Secret::from(keys.token().await?.expose())) }
    });
    let (_, client) = endpoint(token);
    let source =
        TokenSource::builder_over_http(scheme(secret), client).clock(TokioClock::new()).build();
    let error = source.token().await.unwrap_err();
    assert_eq!(error.exchange().unwrap().kind(), ExchangeErrorKind::Refused, "{error}");
}

#[tokio::test(start_paused = true)]
async fn an_exchange_error_keeps_its_kind_whatever_its_source_is() {
    let (_, refusing) = endpoint(|_| (503, String::new()));
    let keys = TokenSource::builder_over_http(scheme("wrong".into()), refusing)
        .clock(TokioClock::new())
        .build();
    let secret = Credential::minted(move || {
        let keys = keys.clone();
        async move {
            let below = keys.token().await.unwrap_err();
            let verdict = ExchangeError::new(ExchangeErrorKind::Refused, "a verdict of my own");
            Err(verdict.with_source(below).into())
        }
    });
    let (_, client) = endpoint(token);
    let source =
        TokenSource::builder_over_http(scheme(secret), client).clock(TokioClock::new()).build();
    let error = source.token().await.unwrap_err();
    let error = error.exchange().unwrap();
    assert_eq!(
        (error.kind(), &*error.to_string()),
        (
            ExchangeErrorKind::Refused,
            "client_credentials (https://auth.example/token, client \"id\"): a verdict of my own"
        )
    );
}
