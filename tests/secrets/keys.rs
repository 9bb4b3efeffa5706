//! `Debug` and `Display` of keys, certificates and stores.

use tower_outbound_auth::clock::{Clock, SystemClock};
use tower_outbound_auth::endpoint::*;
use tower_outbound_auth::exchange::*;
use tower_outbound_auth::store::{
    Acquire, Entry, Fence, FileStore, Key, Lease, LoginStatus, MemoryStore, Publish, StoreError,
    Stored, TokenStore,
};
use tower_outbound_auth::system::*;
use tower_outbound_auth::testkit::request_context;
use tower_outbound_auth::{Credential, TokenSource};

use crate::canary::shown;
use crate::debug::{PRIVATE, SECRET, TOKEN, has_both, has_debug, jwk};

pub(crate) fn keys() -> String {
    let jwk = jwk();
    let key = SigningKey::parse(&jwk).unwrap().with_key_id("k1");
    let other = key.clone().with_algorithm(Algorithm::Es256).unwrap_err();
    let errors =
        [other, SigningKey::parse(SECRET).unwrap_err(), SigningKey::parse(&jwk[1..]).unwrap_err()];
    [
        shown(&key) + &key.public_jwk() + &key.thumbprint() + &key.fingerprint(),
        has_both(&errors) + &has_both(&[key.algorithm()]),
        shown(&JwtKey::new(jwk).with_key_id("k1")) + &shown(&JwtKey::new(SECRET)),
    ]
    .concat()
}

/// What signs its tokens or assertions itself.
pub(crate) fn signers() -> String {
    let jwk = format!(
        r#"{{"kty":"OKP","crv":"Ed25519","d":"{PRIVATE}","x":"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"}}"#
    );
    let key = || JwtKey::new(&*jwk);
    let tokens = SelfSigned::new(key(), "me", std::time::Duration::from_secs(60)).unwrap();
    let tokens = tokens.with_claim("note", SECRET).unwrap();
    let app = GithubApp::new("12", key(), 34).unwrap();
    let account = GoogleServiceAccount::new(Credential::file("/run/key.json"), ["read"]).unwrap();
    let no_file = GoogleServiceAccount::new(SECRET, ["read"]).unwrap_err();
    let cx = request_context(Reason::First);
    let failed = account.request(&cx).unwrap_err();
    let grant = OAuthGrant::Signed(tokens.clone());
    [
        shown(&tokens) + &shown(&tokens.identity()) + &shown(&tokens.clone().source()),
        shown(&app) + &shown(&app.identity()) + &shown(&account) + &shown(&account.identity()),
        shown(&grant) + &has_both(&[no_file]) + &has_both(&[failed]),
    ]
    .concat()
}

pub(crate) async fn stores() -> String {
    let (store, key, now) = (
        MemoryStore::new(),
        Key::of(&Identity::new("a").with("b", SECRET)),
        SystemClock::new().now(),
    );
    let acquire =
        async |seen| store.acquire(&key, seen, std::time::Duration::MAX, now).await.unwrap();
    let Acquire::Lead(lease) = acquire(None).await else { panic!("a lease") };
    let (token, carry) = (format!(r#"{{"t":"{TOKEN}"}}"#), format!(r#"{{"t":"{SECRET}"}}"#));
    let published: Publish = store.publish(&lease, &token.into(), &carry.into()).await.unwrap();
    let superseded = store.publish(&lease, &TOKEN.into(), &SECRET.into()).await.unwrap();
    let newer = acquire(None).await;
    let stored: Stored = store.load(&key).await.unwrap();
    let entry: Entry = stored.entry.clone().unwrap();
    let next: Lease = Lease::new(key, Fence::next(now, [Some(lease.fence())]), stored.clone());
    drop(lease);
    let leading = acquire(stored.fence()).await;
    has_debug::<LoginStatus>();
    [
        shown(&store) + &shown(&FileStore::new("/var/lib/login.json")) + &has_both(&[key]),
        shown(&published) + &shown(&superseded) + &shown(&newer) + &shown(&leading),
        shown(&stored) + &shown(&entry) + &shown(&next) + &shown(&next.with_state(SECRET)),
        has_both(&[StoreError::unreachable("no connection")]),
    ]
    .concat()
}

/// A client of the token endpoint whose certificate and key are a secret text, and its error.
pub(crate) async fn with_an_unusable_certificate() -> String {
    let certificate = ClientCertificate::new(SECRET);
    let client = HttpClient::plain().unwrap().with_certificate(certificate.clone());
    let system = OAuth::builder("https://127.0.0.1:1/token").client(OAuthClient::tls("billing"));
    let system = system.certificate(certificate.clone());
    let provider = std::sync::Arc::new(rustls::crypto::ring::default_provider());
    let tls = rustls::ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_root_certificates(rustls::RootCertStore::empty())
        .with_no_client_auth();
    let clients: CertificateClients<HttpClient> =
        certificate.clients(tls, |_| Ok(HttpClient::plain()?));
    let builder = shown(&system);
    let source = TokenSource::over_http(system.build().unwrap(), client.clone());
    [
        builder + &shown(&certificate) + &shown(&client) + &shown(&clients),
        has_both(&[source.token().await.unwrap_err()]),
    ]
    .concat()
}
