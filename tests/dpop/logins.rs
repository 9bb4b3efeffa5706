//! A public client: its refresh token is bound to a key for its whole life, so the store keeps the key with it.

use std::path::PathBuf;
use std::time::Duration;

use serde_json::Value;
use tower::{Layer, ServiceExt};
use tower_outbound_auth::store::{Fence, FileStore, Key, Lease, MemoryStore, Stored, TokenStore};
use tower_outbound_auth::system::{Dpop, OAuth, OAuthClient, OAuthGrant, SigningKey};
use tower_outbound_auth::testkit::ManualClock;
use tower_outbound_auth::{AuthLayer, Credential, Error, Origin, TokenSource};

use super::server::{HOST, Server};
use super::{dpop, get};

const KEY: &str = r#"{"kty":"OKP","crv":"Ed25519","d":"nWGxne_9WmC6hEr0kuwsxERJxWl7MmkZcDusAxyuf2A","x":"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"}"#;
const THUMBPRINT: &str = "kPrK_qmxVWaYVA9wwBF6Iuo3vVzz7TxHCTwXBygrS4k";
const HOUR: Duration = Duration::from_secs(3_600);

struct Folder(PathBuf);

impl Folder {
    fn new() -> Folder {
        let folder = std::env::temp_dir().join(format!("toa-dpop-{:016x}", fastrand::u64(..)));
        std::fs::create_dir(&folder).unwrap();
        Folder(folder)
    }

    fn file(&self) -> PathBuf {
        self.0.join("login.json")
    }

    fn store(&self) -> FileStore {
        FileStore::new(self.file())
    }

    fn login(&self) -> Value {
        serde_json::from_slice(&std::fs::read(self.file()).unwrap()).unwrap()
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

struct Setup {
    server: Server,
    clock: ManualClock,
}

fn users_key() -> Dpop {
    Dpop::with_key(SigningKey::parse(KEY).unwrap()).unwrap()
}

impl Setup {
    fn new() -> Setup {
        let (server, clock) = (Server::default(), ManualClock::new());
        server.set_clock(&clock);
        Setup { server, clock }
    }

    /// Each source plays another process.
    fn source_of(
        &self,
        client: OAuthClient,
        seed: &str,
        dpop: Dpop,
        store: impl TokenStore,
    ) -> TokenSource<OAuth> {
        let system = OAuth::builder(format!("{HOST}/token"))
            .client(client)
            .grant(OAuthGrant::RefreshToken(seed.into()))
            .dpop(dpop)
            .build()
            .unwrap();
        TokenSource::builder_over_http(system, self.server.clone())
            .clock(self.clock.clone())
            .store(store)
            .build()
    }

    fn source(&self, seed: &str, dpop: Dpop, store: impl TokenStore) -> TokenSource<OAuth> {
        self.source_of(OAuthClient::public("app"), seed, dpop, store)
    }

    /// A request to the API, which checks that the proof is by the key of the token.
    async fn get(&self, source: &TokenSource<OAuth>) -> u16 {
        let layer = AuthLayer::new(source.clone()).with_origin(Origin::parse(HOST).unwrap());
        let response = layer.layer(self.server.clone()).oneshot(get("/")).await.unwrap();
        response.status().as_u16()
    }

    /// The token has ended, so a request makes an exchange.
    async fn renew(&self, source: &TokenSource<OAuth>) {
        self.clock.advance(HOUR);
        assert_eq!(self.get(source).await, 200);
    }

    /// How often a refresh token was redeemed.
    fn assert_redeemed(&self, times: usize) {
        let state = self.server.state();
        assert_eq!(state.wrong, <[&str; 0]>::default());
        assert_eq!((state.redeemed, state.with_another_key, state.reused), (times, 0, 0));
    }
}

async fn failure(source: &TokenSource<OAuth>) -> Error {
    source.retry_now();
    source.token().await.unwrap_err()
}

#[tokio::test]
async fn without_a_store_a_login_keeps_its_key_although_the_key_is_rotated() {
    let setup = Setup::new();
    let (seed, dpop) = (setup.server.log_in(None), dpop());
    let system = OAuth::builder(format!("{HOST}/token"))
        .client(OAuthClient::public("app"))
        .grant(OAuthGrant::RefreshToken(seed.as_str().into()))
        .dpop(dpop.clone())
        .build()
        .unwrap();
    let source = TokenSource::builder_over_http(system, setup.server.clone())
        .clock(setup.clock.clone())
        .build();
    for times in 1..=4 {
        setup.renew(&source).await;
        setup.assert_redeemed(times);
        dpop.rotate().unwrap();
    }
}

#[tokio::test]
async fn after_a_restart_the_login_goes_on_with_the_key_that_its_store_keeps() {
    let (setup, folder) = (Setup::new(), Folder::new());
    let seed = setup.server.log_in(None);
    let mut keys = Vec::new();
    for times in 1..=4 {
        setup.renew(&setup.source(&seed, dpop(), folder.store())).await;
        setup.assert_redeemed(times);
        let login = folder.login();
        let pem = login["dpop_key"].as_str().unwrap();
        let key = SigningKey::parse(pem).unwrap();
        assert_eq!(login["dpop_thumbprint"], key.thumbprint());
        let token = login["token"].as_str().unwrap();
        assert_eq!(setup.server.state().logins[token].thumbprint, Some(key.thumbprint()));
        keys.push(key.thumbprint());
    }
    keys.dedup();
    assert_eq!(keys.len(), 1);
}

#[tokio::test]
async fn the_access_token_of_another_process_is_used_with_the_key_of_the_login() {
    let (setup, folder, memory) = (Setup::new(), Folder::new(), MemoryStore::new());
    async fn check(setup: &Setup, seed: &str, store: impl TokenStore + Clone, before: usize) {
        let sources = [(); 3].map(|()| setup.source(seed, dpop(), store.clone()));
        for times in 1..=3 {
            setup.clock.advance(HOUR);
            for source in &sources {
                assert_eq!(setup.get(source).await, 200);
            }
            setup.assert_redeemed(before + times);
        }
    }
    let seed = setup.server.log_in(None);
    check(&setup, &seed, folder.store(), 0).await;
    let seed = setup.server.log_in(None);
    check(&setup, &seed, memory, 3).await;
}

#[tokio::test]
async fn a_refresh_token_of_another_key_is_refused_and_works_with_the_key_that_the_user_then_gives()
{
    let (setup, folder) = (Setup::new(), Folder::new());
    let seed = setup.server.log_in(Some(THUMBPRINT.to_owned()));
    let source = setup.source(&seed, dpop(), folder.store());
    for _ in 0..3 {
        let error = failure(&source).await.to_string();
        assert!(
            error.contains(
                "If the refresh token was issued to a DPoP key, give that key (`Dpop::with_key`"
            ),
            "{error}"
        );
        // It is sent once, also after a restart with one more key that nobody has given.
        assert_eq!(setup.server.state().forms.len(), 1);
        failure(&setup.source(&seed, dpop(), folder.store())).await;
        assert_eq!(setup.server.state().forms.len(), 1);
    }
    let source = setup.source(&seed, users_key(), folder.store());
    setup.renew(&source).await;
    setup.renew(&source).await;
    let state = setup.server.state();
    assert_eq!((state.redeemed, state.with_another_key, state.reused), (2, 1, 0));
}

#[tokio::test]
async fn a_refused_proof_with_the_first_refresh_token_may_mean_another_key_and_costs_no_login() {
    let (setup, folder) = (Setup::new(), Folder::new());
    let seed = setup.server.log_in(None);
    let source = setup.source(&seed, dpop(), folder.store());
    let refused = async || {
        setup.server.state().endpoint.refuses = Some("invalid_dpop_proof");
        setup.clock.advance(HOUR);
        let error = failure(&source).await.to_string();
        setup.server.state().endpoint.refuses = None;
        setup.renew(&source).await;
        error
    };
    let may_be_another = "If the refresh token was issued to a DPoP key";
    let first = refused().await;
    assert!(first.contains("compare the clocks") && first.contains(may_be_another), "{first}");
    let later = refused().await;
    assert!(later.contains("compare the clocks") && !later.contains(may_be_another), "{later}");
    setup.assert_redeemed(2);
}

#[tokio::test]
async fn a_key_of_the_user_s_is_not_copied_and_another_one_sends_nothing() {
    let (setup, folder) = (Setup::new(), Folder::new());
    let seed = setup.server.log_in(Some(THUMBPRINT.to_owned()));
    setup.renew(&setup.source(&seed, users_key(), folder.store())).await;
    let login = folder.login();
    assert_eq!((&login["dpop_thumbprint"], login.get("dpop_key")), (&THUMBPRINT.into(), None));

    setup.clock.advance(HOUR);
    let other = dpop();
    let error = failure(&setup.source(&seed, other.clone(), folder.store())).await.to_string();
    assert!(error.contains(THUMBPRINT) && error.contains(&other.thumbprint().unwrap()), "{error}");
    assert!(error.contains("the login is bound to a DPoP key with the thumbprint"), "{error}");
    assert!(error.contains("give the key of the login, or log in again"), "{error}");
    assert!(folder.login().get("in_doubt_since").is_none());
    setup.assert_redeemed(1);

    setup.renew(&setup.source(&seed, users_key(), folder.store())).await;
    setup.assert_redeemed(2);
}

#[tokio::test]
async fn a_new_login_may_have_a_new_key() {
    let (setup, folder) = (Setup::new(), Folder::new());
    let old = setup.server.log_in(Some(THUMBPRINT.to_owned()));
    setup.renew(&setup.source(&old, users_key(), folder.store())).await;
    let key = dpop();
    let new = setup.server.log_in(key.thumbprint());
    setup.renew(&setup.source(&new, key.clone(), folder.store())).await;
    assert_eq!(folder.login()["dpop_thumbprint"], key.thumbprint().unwrap());
    setup.assert_redeemed(2);
}

#[tokio::test]
async fn the_refresh_token_of_a_client_with_a_secret_is_not_bound_and_no_key_is_kept() {
    let (setup, folder) = (Setup::new(), Folder::new());
    let seed = setup.server.log_in(None);
    let client = || OAuthClient::with_secret("billing", "s3cret");
    let unbind = || {
        let mut state = setup.server.state();
        state.logins.values_mut().for_each(|login| login.thumbprint = None);
    };
    setup.renew(&setup.source_of(client(), &seed, dpop(), folder.store())).await;
    assert_eq!(folder.login().get("dpop_key"), None);
    assert_eq!(folder.login().get("dpop_thumbprint"), None);
    // Another process has no key for the access token in the store, so it obtains one of its own.
    for times in 2..=3 {
        unbind();
        let source = setup.source_of(client(), &seed, dpop(), folder.store());
        assert_eq!(setup.get(&source).await, 200);
        setup.assert_redeemed(times);
    }
    // With one key for all, the access token is shared.
    unbind();
    setup.renew(&setup.source_of(client(), &seed, users_key(), folder.store())).await;
    let source = setup.source_of(client(), &seed, users_key(), folder.store());
    assert_eq!(setup.get(&source).await, 200);
    setup.assert_redeemed(4);
}

#[tokio::test]
async fn a_login_that_an_assertion_begins_keeps_the_key_of_its_first_exchange() {
    let (setup, folder) = (Setup::new(), Folder::new());
    setup.server.log_in(None); // the server gives refresh tokens
    std::fs::write(folder.0.join("assertion"), "an assertion").unwrap();
    let assertion = Credential::file(folder.0.join("assertion"));
    let source = |dpop: Dpop| {
        let system = OAuth::builder(format!("{HOST}/token"))
            .client(OAuthClient::public("app"))
            .grant(OAuthGrant::JwtBearer(assertion.clone()))
            .refresh_tokens()
            .dpop(dpop)
            .build()
            .unwrap();
        TokenSource::builder_over_http(system, setup.server.clone())
            .clock(setup.clock.clone())
            .store(folder.store())
            .build()
    };
    setup.renew(&source(dpop())).await;
    let key = folder.login()["dpop_key"].clone();
    assert!(key.is_string());
    for times in 1..=3 {
        setup.renew(&source(dpop())).await;
        assert_eq!(folder.login()["dpop_key"], key);
        setup.assert_redeemed(times);
    }
}

#[tokio::test]
async fn a_token_that_is_not_bound_is_not_taken_from_a_store_unless_such_tokens_are_optional() {
    let (setup, folder) = (Setup::new(), Folder::new());
    let seed = setup.server.log_in(None);
    setup.server.state().token_type = Some("Bearer");
    let optional = || dpop().optional();
    assert_eq!(setup.get(&setup.source(&seed, optional(), folder.store())).await, 200);
    assert_eq!(setup.get(&setup.source(&seed, optional(), folder.store())).await, 200);
    setup.assert_redeemed(1);
    setup.server.state().token_type = None;
    assert_eq!(setup.get(&setup.source(&seed, dpop(), folder.store())).await, 200);
    setup.assert_redeemed(2);
    assert_eq!(setup.server.state().bearers, [false, false]);
}

#[test]
fn no_log_error_status_or_debug_shows_the_key_of_a_login() {
    let (mut private, mut shown) = (Vec::new(), String::new());
    let log = super::log::log_of(async {
        let (setup, folder) = (Setup::new(), Folder::new());
        let seed = setup.server.log_in(None);
        for _ in 0..2 {
            let source = setup.source(&seed, dpop(), folder.store());
            setup.renew(&source).await;
            shown += &format!("{source:?} {:?} {}", source.status(), source.status());
        }
        let pem = folder.login()["dpop_key"].as_str().unwrap().to_owned();
        private.extend(pem.lines().nth(1).map(str::to_owned));
        // The endpoint refuses everything, and quotes the key.
        setup.server.state().logins.clear();
        setup.server.state().endpoint.refuses =
            Some(Box::leak(private[0].clone().into_boxed_str()));
        setup.clock.advance(HOUR);
        let error = failure(&setup.source(&seed, dpop(), folder.store())).await;
        shown += &format!("{error} {error:?}");
        let carry = std::fs::read_to_string(folder.file()).unwrap();
        let lease = Lease::new(
            Key::new([7; 16]),
            Fence::new(1).unwrap(),
            Stored::new(None, Some(carry.into())),
        );
        shown += &format!("{lease:?} {:?}", lease.stored());
    });
    let private = &private[0][..40];
    assert!(!log.contains(private) && !shown.contains(private), "{log} {shown}");
    assert!(log.contains("exchange begins") && shown.contains("no token"), "{shown}");
}
