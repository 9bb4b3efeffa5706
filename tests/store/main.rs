//! Logins that outlive the process: stores, and what becomes of a refresh token that was sent and not answered.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, missing_docs)]

mod answers;
mod claims;
#[cfg(feature = "oauth")]
mod config;
mod doubt;
mod files;
mod laws;
mod logins;
mod newer;
#[cfg(unix)]
mod processes;
mod refusals;
mod told;
mod wire;

#[path = "../support/log.rs"]
mod log;

use std::path::PathBuf;
use std::time::Duration;

use serde_json::Value;
use tower_outbound_auth::endpoint::{HttpClient, HttpExchange};
use tower_outbound_auth::exchange::{Exchange, Reason};
use tower_outbound_auth::store::{FileStore, LoginStatus};
use tower_outbound_auth::system::{
    ClientCredentials, OAuth, OAuthBuilder, OAuthClient, OAuthGrant,
};
use tower_outbound_auth::testkit::{ManualClock, OAuthServer, exchange_context};
use tower_outbound_auth::token::SourceBuilder;
use tower_outbound_auth::{Credential, Error, TokenSource};

const HOUR: Duration = Duration::from_secs(3_600);

fn secs(secs: u64) -> Duration {
    Duration::from_secs(secs)
}

/// A folder that is removed at the end of the test.
struct Folder(PathBuf);

impl Folder {
    fn new() -> Folder {
        let folder = std::env::temp_dir().join(format!("toa-store-{:016x}", fastrand::u64(..)));
        std::fs::create_dir(&folder).unwrap();
        Folder(folder)
    }

    /// The path of the login.
    fn file(&self) -> PathBuf {
        self.0.join("login.json")
    }

    /// The login as it is on disk.
    fn login(&self) -> Value {
        serde_json::from_slice(&std::fs::read(self.file()).unwrap()).unwrap()
    }

    /// Writes a login by hand.
    fn write(&self, text: &str) {
        std::fs::write(self.file(), text).unwrap();
        #[cfg(unix)]
        self.set_mode(0o600);
    }

    #[cfg(unix)]
    fn set_mode(&self, mode: u32) {
        let mode = std::os::unix::fs::PermissionsExt::from_mode(mode);
        std::fs::set_permissions(self.file(), mode).unwrap();
    }

    #[cfg(unix)]
    fn mode(&self) -> u32 {
        let permissions = std::fs::metadata(self.file()).unwrap().permissions();
        std::os::unix::fs::PermissionsExt::mode(&permissions) & 0o777
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

/// A server that rotates refresh tokens, and ends a login if one is used twice.
struct Setup {
    clock: ManualClock,
    server: OAuthServer,
    folder: Folder,
}

impl Setup {
    async fn new() -> Setup {
        let clock = ManualClock::new();
        let server = OAuthServer::start().await.unwrap().with_refresh_tokens();
        let server = server.with_clock(clock.clone());
        Setup { clock, server, folder: Folder::new() }
    }

    /// The refresh token of a new login. It costs one exchange.
    async fn log_in(&self) -> String {
        let (id, secret) = (self.server.client_id(), self.server.client_secret());
        let system = ClientCredentials::new(&*self.server.endpoint(), id, secret).unwrap();
        let system = system.with_refresh_tokens();
        let exchange = HttpExchange::new(system, HttpClient::plain().unwrap());
        let issued = exchange.exchange(&exchange_context(Reason::First)).await.unwrap();
        issued.refresh_token().unwrap().expose().to_owned()
    }

    fn oauth(&self, endpoint: &str) -> OAuthBuilder {
        let (id, secret) = (self.server.client_id(), self.server.client_secret());
        OAuth::builder(endpoint).client(OAuthClient::with_secret(id, secret))
    }

    /// A source with this login, and without a store.
    fn unkept(&self, endpoint: &str, seed: impl Into<Credential>) -> SourceBuilder<OAuth> {
        let grant = OAuthGrant::RefreshToken(seed.into());
        let system = self.oauth(endpoint).grant(grant).build().unwrap();
        let source = TokenSource::builder_over_http(system, HttpClient::plain().unwrap());
        source.clock(self.clock.clone())
    }

    fn builder(&self, seed: impl Into<Credential>) -> SourceBuilder<OAuth> {
        self.unkept(&self.server.endpoint(), seed).store(FileStore::new(self.folder.file()))
    }

    /// A source with this login and the file. Each one plays another process.
    fn source(&self, seed: impl Into<Credential>) -> TokenSource<OAuth> {
        self.builder(seed).build()
    }

    /// Requests with a refresh token, and how many of them were a second use.
    fn refreshes(&self) -> (usize, usize) {
        let counts = self.server.counts();
        (counts.refreshes, counts.refresh_tokens_reused)
    }

    /// Whether the refresh token on disk is in doubt.
    fn is_in_doubt(&self) -> bool {
        self.folder.login().get("in_doubt_since").is_some()
    }
}

async fn renew(setup: &Setup, source: &TokenSource<OAuth>) -> String {
    setup.clock.advance(HOUR);
    source.token().await.unwrap().expose().to_owned()
}

/// The error of the next exchange, after the pause.
async fn failure(source: &TokenSource<OAuth>) -> Error {
    source.retry_now();
    source.token().await.unwrap_err()
}

fn login(source: &TokenSource<OAuth>) -> LoginStatus {
    source.status().login.unwrap()
}
