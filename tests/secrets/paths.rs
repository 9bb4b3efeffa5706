//! A token's whole life with every possible failure, for every preset in every stack.

use std::path::PathBuf;
use std::time::Duration;

use http::StatusCode;
use tower_outbound_auth::endpoint::TokenEndpoint;
use tower_outbound_auth::system::{Atlas, ClientAuth, ClientCredentials, RefreshTokenIn, Rotating};
use tower_outbound_auth::testkit::{
    AtlasServer, EmbeddedProtocol, EmbeddedServer, MalformedAnswer, ManualClock, OAuthServer,
    ReceivedRequest, RotatingServer,
};
use tower_outbound_auth::{AuthLayer, Credential, Error, Scheme};

use crate::canary::{Canaries, shown, texts_of};
use crate::log_of_all;
use crate::stacks::Stack;

const QUERY: &str = "canary-in-the-query";
const SECRET: &str = "canary-client-secret-0a7d";
/// With characters that every encoding writes differently.
const RESERVED: &str = "canary secret/+ü%~";

const HOUR: Duration = Duration::from_secs(3_600);

struct Life<P, S> {
    server: EmbeddedServer<P>,
    clock: ManualClock,
    layer: AuthLayer<S>,
    stack: Stack,
    texts: String,
}

impl<P: EmbeddedProtocol, S: Scheme> Life<P, S> {
    fn new(server: EmbeddedServer<P>, layer: AuthLayer<S>, stack: Stack) -> Life<P, S> {
        let clock = ManualClock::new();
        let server = server.with_clock(clock.clone());
        let layer =
            layer.with_origin(server.origin()).rebuild_source(|source| source.clock(clock.clone()));
        Life { server, clock, layer, stack, texts: String::new() }
    }

    async fn good(&mut self) {
        let said = self.stack.post(&self.layer, &self.server.url("/orders")).await.unwrap();
        self.texts += &said;
        self.show();
    }

    async fn bad(&mut self) {
        let url = self.server.url("/orders");
        let error = self.stack.post(&self.layer, &url).await.unwrap_err();
        self.texts += &texts_of(&*error);
        let ours = Error::find(&*error).expect("an error of this crate");
        self.texts += &texts_of(ours.exchange().unwrap());
        self.show();
    }

    fn show(&mut self) {
        let source = self.layer.source();
        self.texts += &shown(&self.layer);
        self.texts += &shown(&source.status());
        self.texts += &shown(&source.presentation().identity());
        self.texts += &shown(&self.server);
    }

    /// Every path of a token.
    async fn lived(mut self) -> (Canaries, String) {
        self.good().await;
        self.good().await;
        self.server.revoke_tokens();
        self.good().await;
        // A route that refuses every token, and one that redirects to another origin.
        self.server.refuse_path("/refused");
        self.server.redirect_path("/away", StatusCode::TEMPORARY_REDIRECT, "https://evil.example/");
        for path in ["/refused", "/away"] {
            let said = self.stack.post(&self.layer, &self.server.url(path)).await.unwrap();
            self.texts += &said;
        }
        // An outage, with a token and without.
        self.clock.advance(HOUR * 85 / 100);
        self.server.begin_outage(None);
        self.server.revoke_tokens();
        self.layer.source().settled().await;
        self.clock.advance(HOUR);
        self.bad().await;
        self.server.end_outage();
        self.clock.advance(HOUR);
        self.good().await;
        // Answers that quote the request.
        let secret = self.server.client_secret();
        let quoted =
            format!(r#"{{"error":"invalid_client {secret}","error_description":"{secret}"}}"#);
        let quoting = [401, 400, 403, 302, 404, 502, 200].map(|status| {
            MalformedAnswer::Custom(StatusCode::from_u16(status).unwrap(), quoted.clone().into())
        });
        for answer in MalformedAnswer::ALL.iter().chain(&quoting) {
            self.server.set_malformed(Some(answer.clone()));
            self.clock.advance(HOUR);
            self.bad().await;
            self.bad().await; // the stored error
        }
        self.server.set_malformed(None);
        self.server.refuse_credentials(true);
        self.clock.advance(HOUR);
        self.bad().await;
        self.server.refuse_credentials(false);
        self.clock.advance(HOUR);
        self.good().await;
        self.layer.source().settled().await;
        (self.canaries(), self.texts)
    }

    fn canaries(&self) -> Canaries {
        let mut canaries = Canaries::of([MalformedAnswer::CANARY, QUERY]);
        canaries.add(self.server.client_secret());
        let requests = self.server.requests();
        let tokens =
            requests.iter().flat_map(|request| values(request, self.layer.source().presentation()));
        tokens.for_each(|token| canaries.add(&token));
        self.server
            .exchange_requests()
            .iter()
            .flat_map(spent)
            .for_each(|token| canaries.add(&token));
        canaries
    }

    /// Returns how many successors were adopted.
    async fn shows_nothing(self) -> u64 {
        log_of_all();
        let source = self.layer.source().clone();
        let stack = self.stack;
        let (canaries, texts) = self.lived().await;
        assert!(canaries.count() > 40, "{stack:?}: there are secrets");
        canaries.assert_absent("what was shown", &texts);
        canaries.assert_absent("the log", &log_of_all().text());
        source.status().counters.rotations_adopted
    }
}

/// The tokens that a request to the API carried.
fn values<S: Scheme>(request: &ReceivedRequest, scheme: &S) -> Vec<String> {
    let values = request.headers.get_all(scheme.header_name());
    values.iter().map(|it| it.to_str().unwrap().replace("Bearer ", "")).collect()
}

/// The refresh tokens that requests to the token endpoint used. The server's are `refresh-` and some digits.
fn spent(request: &ReceivedRequest) -> Vec<String> {
    let header = request.headers.get("refresh-token").map(|it| it.to_str().unwrap().to_owned());
    let body = String::from_utf8_lossy(&request.body).into_owned();
    let texts = header.into_iter().chain([body]);
    let token = |text: String| {
        let from = text.find("refresh-")?;
        let end = |c: char| !(c.is_ascii_alphanumeric() || c == '-');
        text[from..].split(end).next().map(str::to_owned)
    };
    texts.filter_map(token).collect()
}

/// A file, deleted at the end of the test.
struct SecretFile(PathBuf);

impl SecretFile {
    fn of(name: &str, secret: &str) -> SecretFile {
        let name = format!("tower-outbound-auth-{}-{name}", std::process::id());
        let path = std::env::temp_dir().join(name);
        std::fs::write(&path, format!("{secret}\n")).unwrap();
        SecretFile(path)
    }
}

impl Drop for SecretFile {
    fn drop(&mut self) {
        let _ = std::fs::remove_file(&self.0);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn atlas_with_a_secret_in_a_file_and_refresh_tokens_shows_nothing() {
    for stack in Stack::ALL {
        let file = SecretFile::of(&format!("{stack:?}"), SECRET);
        let server = AtlasServer::start().await.unwrap().with_refresh_tokens();
        let server = server.with_client("the-client", SECRET);
        let url = |url: String| TokenEndpoint::parse(&format!("{url}?code={QUERY}")).unwrap();
        let endpoint = url(server.endpoint());
        let scheme = Atlas::new(endpoint.clone(), "the-client", Credential::file(&file.0)).unwrap();
        let refresh = url(server.refresh_endpoint());
        let scheme = scheme.with_refresh(refresh, RefreshTokenIn::default());
        let layer = AuthLayer::for_endpoint(scheme, &endpoint).unwrap();
        Life::new(server.clone(), layer, stack).shows_nothing().await;
        let spent = server.exchange_requests().iter().flat_map(spent).count();
        assert!(spent > 2, "refresh tokens were used");
        let asked = &server.exchange_requests()[0];
        assert!(asked.path.contains(QUERY) && asked.headers["client-secret"] == SECRET);
    }
}

async fn client_credentials(auth: ClientAuth) {
    for stack in Stack::ALL {
        let server = OAuthServer::start().await.unwrap().with_refresh_tokens();
        let server = server.with_client("the client", RESERVED);
        let endpoint =
            TokenEndpoint::parse(&format!("{}?code={QUERY}", server.endpoint())).unwrap();
        let scheme = ClientCredentials::new(endpoint.clone(), "the client", RESERVED).unwrap();
        let scheme = scheme.with_refresh_tokens().with_auth(auth);
        let layer = AuthLayer::for_endpoint(scheme, &endpoint).unwrap();
        Life::new(server.clone(), layer, stack).shows_nothing().await;
        assert!(server.exchange_requests().iter().flat_map(spent).count() > 2);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn client_credentials_by_basic_show_nothing() {
    client_credentials(ClientAuth::default()).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn client_credentials_in_the_body_show_nothing() {
    client_credentials(ClientAuth::Post).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn tokens_in_responses_and_the_key_that_verifies_them_are_not_shown() {
    for stack in Stack::ALL {
        let server =
            RotatingServer::start().await.unwrap().with_client("canary-api-key-77", SECRET);
        let scheme = Rotating::new(&server.api_root(), "canary-api-key-77", SECRET).unwrap();
        let endpoint = scheme.endpoint().clone();
        let layer = AuthLayer::for_endpoint(scheme, &endpoint).unwrap();
        let adopted = Life::new(server, layer, stack).shows_nothing().await;
        assert!(adopted > 2, "successors were adopted");
    }
    let log = log_of_all().text();
    for place in ["tower_outbound_auth", "hyper_util", "h2::", "by log: reqwest"] {
        assert!(log.contains(place), "{place} was listened to");
    }
}
