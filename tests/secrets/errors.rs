//! Every kind of error, with secrets wherever they can be.

use std::collections::BTreeSet;
use std::net::TcpListener;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use bytes::Bytes;
use futures::FutureExt;
use http::{HeaderMap, HeaderName, HeaderValue, Method, Request, Response, StatusCode};
use http_body_util::Full;
use reqwest::ResponseBuilderExt;
use tower::{Layer, ServiceExt, service_fn};
use tower_outbound_auth::adapter::reqwest::HttpService;
use tower_outbound_auth::endpoint::HttpClient;
use tower_outbound_auth::exchange::{self, ExchangeErrorKind, Issued};
use tower_outbound_auth::scheme::{InvalidToken, PerRequest, Presentation, RequestToSign};
use tower_outbound_auth::system::{Atlas, ClientCredentials, HeaderScheme, Rotating};
use tower_outbound_auth::testkit::{AtlasServer, MalformedAnswer};
use tower_outbound_auth::{
    AuthLayer, BoxError, Credential, Error, ErrorKind, Origin, Secret, TokenSource,
};

use crate::canary::{Canaries, percent_encoded, shown, texts_of};
use crate::failing::status_of;
use crate::log_of_all;
use crate::stacks::builder;

const SECRET: &str = "canary-secret-of-errors";
const QUERY: &str = "canary-query-of-errors";
const USER: &str = "canary-user:canary-password";

fn assert_clean(texts: &str) {
    let canaries = Canaries::of([SECRET, QUERY, "canary-user", "canary-password"]);
    canaries.assert_absent("an error", texts);
    canaries.assert_absent("the log", &log_of_all().text());
}

/// As a caller, a client of tonic and a log would show it.
fn said(error: Error) -> String {
    let texts = texts_of(&error) + &error.exchange().map_or(String::new(), |it| texts_of(it));
    let status = status_of(error);
    texts + &texts_of(&status) + status.message() + &shown(status.metadata())
}

/// All variants in the source code.
fn variants(source: &str, name: &str) -> BTreeSet<String> {
    let (_, list) = source.split_once(&format!("impl_as_str!({name} {{")).unwrap();
    let (list, _) = list.split_once('}').unwrap();
    let variants = list.split(',').filter_map(|line| line.split_once("=>"));
    variants.map(|(variant, _)| variant.trim().to_owned()).collect()
}

fn closed_port() -> String {
    let socket = TcpListener::bind("127.0.0.1:0").unwrap();
    format!("http://{}/token?code={QUERY}", socket.local_addr().unwrap())
}

/// An endpoint with this answer, which gets two exchanges.
async fn failed(answer: Option<(u16, String)>) -> Vec<Error> {
    let server = AtlasServer::start().await.unwrap();
    let hangs = answer.is_none();
    match answer {
        Some((status, body)) => {
            let status = StatusCode::from_u16(status).unwrap();
            server.set_malformed(Some(MalformedAnswer::Custom(status, body.into())));
        }
        None => server.delay_exchanges(Duration::from_secs(60)),
    }
    let url = format!("{}?code={QUERY}", server.endpoint());
    let scheme = Atlas::new(url, "the-client", SECRET).unwrap();
    let source = TokenSource::builder_over_http(scheme, HttpClient::plain().unwrap());
    asked(if hangs { source.exchange_timeout(Duration::from_millis(300)) } else { source }.build())
        .await
}

async fn asked<S: Presentation>(source: TokenSource<S>) -> Vec<Error> {
    let errors = vec![source.token().await.unwrap_err(), source.token().await.unwrap_err()];
    assert_clean(&(shown(&source) + &shown(&source.status())));
    errors
}

#[tokio::test]
async fn no_kind_of_failed_exchange_shows_a_secret() {
    log_of_all();
    let mut errors = vec![];
    errors.extend(failed(None).await);
    for (status, body) in [
        (502, format!("<p>{SECRET} {QUERY}")),
        (401, format!(r#"{{"error":"Invalid credentials","client_secret":"{SECRET}"}}"#)),
        (401, format!(r#"{{"error":"{SECRET}"}}"#)),
        (200, format!(r#"{{"access_token":{{"{SECRET}":"{SECRET}"}}}}"#)),
        (200, format!(r#"{{"access_token":"{SECRET}","expires_in":0.5}}"#)),
    ] {
        errors.extend(failed(Some((status, body))).await);
    }
    // A token endpoint that does not exist, for each client.
    let nobody = || Atlas::new(closed_port(), "the-client", SECRET).unwrap();
    errors.extend(asked(TokenSource::over_http(nobody(), HttpClient::plain().unwrap())).await);
    let client = HttpService::new(builder().build().unwrap());
    errors.extend(asked(TokenSource::over_http(nobody(), client)).await);
    let middlewares = reqwest_middleware::ClientBuilder::new(builder().build().unwrap()).build();
    errors.extend(asked(TokenSource::over_http(nobody(), HttpService::new(middlewares))).await);
    // A credential with an unacceptable value, and a function of which only the error may be shown.
    let odd = Credential::from_fn(|| Ok(format!("{SECRET}\u{7}").into()));
    let odd = Atlas::new("http://127.0.0.1:1/", "the-client", odd).unwrap();
    errors.extend(asked(TokenSource::over_http(odd, HttpClient::plain().unwrap())).await);
    // A token file with an unacceptable text, with a text that no header can have, and with a JWT that has expired.
    for text in [format!("{SECRET}\u{7}"), format!("{SECRET} {SECRET}"), expired_jwt()] {
        let file = std::env::temp_dir().join(format!("canary-of-errors-{}", std::process::id()));
        std::fs::write(&file, text).unwrap();
        let layer = AuthLayer::token_file(&file, "https://api.example").unwrap();
        errors.extend(asked(layer.source().clone()).await);
        std::fs::remove_file(&file).unwrap();
    }
    // A panic, and an exchange through its own source.
    let source = |exchange| TokenSource::new(HeaderScheme::bearer(), exchange);
    let panicking = exchange::from_fn(|| async { panic!("on purpose") });
    errors.extend(asked(source(panicking)).await);
    let own: Arc<OnceLock<TokenSource<HeaderScheme>>> = Arc::default();
    let reentrant = exchange::from_fn({
        let own = own.clone();
        move || {
            let own = own.get().unwrap().clone();
            async move {
                let error = own.token().await.unwrap_err();
                let kind = ExchangeErrorKind::Reentrant;
                Err::<Issued, _>(exchange::ExchangeError::new(kind, "its own").with_source(error))
            }
        }
    });
    let reentrant = TokenSource::new(HeaderScheme::bearer(), reentrant);
    own.set(reentrant.clone()).unwrap();
    errors.extend(asked(reentrant).await);

    let seen = errors.iter().map(|error| format!("{:?}", error.exchange().unwrap().kind()));
    let seen: BTreeSet<_> = seen.collect();
    let all = variants(include_str!("../../src/exchange/error.rs"), "ExchangeErrorKind");
    assert_eq!(seen, all, "each kind occurs");
    assert_clean(&errors.into_iter().map(said).collect::<String>());
}

/// A JWT that expired in 2001, with secrets in its claims and its signature.
fn expired_jwt() -> String {
    let part = |text: &str| URL_SAFE_NO_PAD.encode(text);
    let claims = format!(r#"{{"sub":"{SECRET}","exp":1000000000}}"#);
    format!("{}.{}.{SECRET}", part(r#"{"alg":"HS256"}"#), part(&claims))
}

/// The forms in which a server got the secret or may write it: for a URL, a form, JSON or HTML.
fn forms_of(secret: &str) -> Vec<String> {
    let percent = percent_encoded(secret);
    let form = percent.replace("%20", "+");
    let all = secret.bytes().map(|byte| format!("%{byte:02x}")).collect();
    let json = serde_json::to_string(secret).unwrap().trim_matches('"').to_owned();
    let html = secret.replace('&', "&amp;").replace('"', "&quot;");
    vec![secret.to_owned(), percent.to_lowercase(), percent, form, all, json, html]
}

/// The error of each scheme for a server that refuses with this `error`.
async fn refused_with(error: &str, secret: &str) -> Vec<Error> {
    let body = serde_json::json!({ "error": error }).to_string();
    let endpoint = service_fn(move |_: Request<Full<Bytes>>| {
        let answer = Response::builder().status(400).body(Full::<Bytes>::from(body.clone()));
        async move { answer }
    });
    let url = "http://127.0.0.1:1/token";
    let oauth = ClientCredentials::new(url, "id", secret).unwrap();
    let rotating = Rotating::new("http://127.0.0.1:1", "key", secret).unwrap();
    let mut errors = asked(TokenSource::over_http(oauth, endpoint.clone())).await;
    errors.extend(asked(TokenSource::over_http(rotating, endpoint.clone())).await);
    // A header has no blanks.
    if let Ok(atlas) = Atlas::new(url, "id", secret) {
        errors.extend(asked(TokenSource::over_http(atlas, endpoint)).await);
    }
    errors
}

/// Short groups of letters with a blank or a dash between: nothing that looks like a credential.
#[tokio::test]
async fn a_code_that_quotes_the_secret_in_any_form_is_withheld() {
    log_of_all();
    for secret in ["canary-of/codes-a+b", "canary-of codes-too", r#"canary-"of\\codes&so"#] {
        for form in forms_of(secret) {
            for error in refused_with(&format!("bad: {form}."), secret).await {
                assert_eq!(error.exchange().unwrap().code(), Some("withheld"), "{form}");
                Canaries::of([secret, &*form]).assert_absent("an error", &said(error));
            }
        }
    }
    for code in ["invalid_clients", "Invalid credentials", "AADSTS7000215: no, not so."] {
        for error in refused_with(code, SECRET).await {
            let shown = code.replace(' ', "_");
            assert_eq!(
                error.exchange().unwrap().code(),
                Some(&*shown),
                "a code without a quote is shown"
            );
        }
    }
}

fn ours(error: BoxError) -> Error {
    *error.downcast().unwrap()
}

fn misconfigured() -> Vec<Error> {
    let mut errors = vec![];
    for url in [
        format!("https://{USER}@api.example/token"),
        format!("http://api.example/token?code={QUERY}"),
        format!("https://api.example/token?code={QUERY}#x"),
        format!("{QUERY}/token"),
        format!("ftp://api.example/{QUERY}"),
        format!("https://api.example:{QUERY}/"),
    ] {
        errors.push(Atlas::new(&*url, "id", SECRET).unwrap_err());
        errors.push(ClientCredentials::new(&*url, "id", SECRET).unwrap_err());
        errors.push(Rotating::new(&url, "id", SECRET).unwrap_err());
        errors.extend(Origin::parse(&url).err());
    }
    let bad = format!("{SECRET}\n");
    let url = "https://api.example/token";
    errors.push(Atlas::new(url, "id", &*bad).unwrap_err());
    errors.push(ClientCredentials::new(url, "id", &*bad).unwrap_err());
    errors.push(Rotating::new(url, &*bad, "secret").unwrap_err());
    errors.push(TokenSource::fixed(HeaderScheme::bearer(), &*bad).unwrap_err());
    errors
}

/// Gets the token and fails.
struct NoProof;

impl PerRequest for NoProof {
    fn headers(&self, request: RequestToSign<'_>) -> Result<HeaderMap, BoxError> {
        assert_eq!(request.token.expose(), SECRET);
        Err("the key service is away".into())
    }
}

struct Proving(HeaderScheme);

impl Presentation for Proving {
    fn header_name(&self) -> &HeaderName {
        self.0.header_name()
    }

    fn header_value(
        &self,
        token: &Secret,
        token_type: Option<&str>,
    ) -> Result<HeaderValue, InvalidToken> {
        self.0.header_value(token, token_type)
    }

    fn per_request(&self, _: &Secret) -> Option<Arc<dyn PerRequest>> {
        Some(Arc::new(NoProof))
    }
}

/// The error if the client has followed a redirect to a URL with secrets in it.
async fn sent_elsewhere(layer: AuthLayer) -> Error {
    let client = service_fn(|_: reqwest::Request| async {
        let elsewhere = format!("https://{USER}@evil.example/{QUERY}?code={QUERY}");
        let response = Response::builder().url(elsewhere.parse().unwrap()).body("").unwrap();
        Ok::<_, BoxError>(reqwest::Response::from(response))
    });
    let api = layer.danger_own_reqwest_client().layer(client);
    let url = format!("https://api.example/?code={QUERY}").parse().unwrap();
    ours(api.oneshot(reqwest::Request::new(Method::GET, url)).await.unwrap_err())
}

#[tokio::test]
async fn no_kind_of_error_shows_a_secret() {
    log_of_all();
    let mut errors = misconfigured();
    let api = service_fn(|_: Request<Full<Bytes>>| async {
        Ok::<_, BoxError>(Response::new(Full::new(Bytes::new())))
    });
    let layer = |source: TokenSource| {
        AuthLayer::new(source).with_origin(Origin::parse("https://api.example").unwrap())
    };
    let fixed = TokenSource::fixed(HeaderScheme::bearer(), SECRET).unwrap();
    // Requests that must not be sent, with secrets of the caller.
    for url in [
        format!("https://evil.example/?code={QUERY}"),
        format!("https://{USER}@evil.example/{QUERY}"),
        format!("https://{USER}@api.example/"),
        format!("http://api.example/?code={QUERY}"),
    ] {
        let request = Request::get(url).header("x-secret", SECRET).body(Full::default()).unwrap();
        let error = layer(fixed.clone().erased()).layer(api).oneshot(request).await.unwrap_err();
        errors.push(ours(error));
    }
    errors.push(sent_elsewhere(layer(fixed.clone().erased())).await);
    let proving = TokenSource::fixed(Proving(HeaderScheme::bearer()), SECRET).unwrap();
    let request = Request::get(format!("https://api.example/?code={QUERY}"));
    let request = request.header("x-secret", SECRET).body(Full::default()).unwrap();
    errors.push(ours(layer(proving.erased()).layer(api).oneshot(request).await.unwrap_err()));
    let token = fixed.token().await.unwrap();
    errors.push(fixed.reject(&token).await.unwrap_err());
    // A timeout, and a missing runtime.
    let never = exchange::from_fn(futures::future::pending);
    let never = TokenSource::new(HeaderScheme::bearer(), never);
    let request = Request::get(format!("https://api.example/?code={QUERY}"));
    let request = request.header("grpc-timeout", "1m").body(Full::default()).unwrap();
    errors.push(ours(layer(never.clone().erased()).layer(api).oneshot(request).await.unwrap_err()));
    let outside = move || never.token().now_or_never().unwrap().unwrap_err();
    errors.push(std::thread::spawn(outside).join().unwrap());
    // A failed exchange, and one that waits for itself.
    errors.extend(failed(Some((502, SECRET.to_owned()))).await);
    let own: Arc<OnceLock<TokenSource<HeaderScheme>>> = Arc::default();
    let found = Arc::new(std::sync::Mutex::new(vec![]));
    let reentrant = exchange::from_fn({
        let (own, found) = (own.clone(), found.clone());
        move || {
            let (own, found) = (own.get().unwrap().clone(), found.clone());
            async move {
                let error = own.token().await.unwrap_err();
                found.lock().unwrap().push(error);
                Ok(Issued::new(SECRET))
            }
        }
    });
    let reentrant = TokenSource::new(HeaderScheme::bearer(), reentrant);
    own.set(reentrant.clone()).unwrap();
    reentrant.token().await.unwrap();
    errors.append(&mut found.lock().unwrap());

    let seen: BTreeSet<_> = errors.iter().map(|error| format!("{:?}", error.kind())).collect();
    let all = variants(include_str!("../../src/error/kind.rs"), "ErrorKind");
    assert_eq!(seen, all, "each kind occurs");
    assert!(errors.iter().any(|error| error.kind() == ErrorKind::Insecure));
    assert_clean(&errors.into_iter().map(said).collect::<String>());
}
