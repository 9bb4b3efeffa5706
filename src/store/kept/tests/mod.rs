//! A kept login whose file system fails, or whose process dies, at each step: with a server that takes a second use of a
//! refresh token for theft.
#![cfg(feature = "client")]
#![allow(clippy::unwrap_used)]

#[cfg(feature = "oauth")]
mod bound;
mod crashes;
mod faults;

#[cfg(feature = "oauth")]
use std::path::Path;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;
use std::{fs, io};

use serde_json::Value;

use crate::endpoint::client::HttpClient;
use crate::endpoint::http_exchange::HttpExchange;
use crate::exchange::Exchange;
use crate::exchange::context::Reason;
use crate::store::file::FileStore;
use crate::store::file::steps::{Step, Steps};
use crate::system::oauth::client::OAuthClient;
use crate::system::oauth::client_credentials::ClientCredentials;
use crate::system::oauth::grant::OAuthGrant;
use crate::system::oauth::system::OAuth;
use crate::testkit::{ManualClock, OAuthServer, exchange_context};
use crate::token::source::TokenSource;

const HOUR: Duration = Duration::from_secs(3_600);

/// The steps of the first exchange of a process, with a file that is there: it finds a token that has ended, then reads, locks, reads,
/// and writes before the request and after it.
const STEPS: [Step; 16] = {
    use Step::{Create, Lock, Read, Rename, SyncFile, SyncFolder, Write};
    [
        Read, Read, Lock, Read, Read, Create, Write, SyncFile, Rename, SyncFolder, Read, Create,
        Write, SyncFile, Rename, SyncFolder,
    ]
};
/// The first step that comes after the mark is in place.
const MARKED: usize = 10;
/// The first step after the request.
const SENT: usize = 11;

/// What a step meets.
#[derive(Clone, Copy, Debug)]
enum Meets {
    Fault(io::ErrorKind),
    Death,
}

/// Counts the steps. One of them, counted from 1, meets something.
#[derive(Clone, Debug)]
struct Numbered {
    taken: Arc<AtomicUsize>,
    at: usize,
    meets: Meets,
}

impl Steps for Numbered {
    fn before(&self, step: Step) -> io::Result<()> {
        let number = self.taken.fetch_add(1, Ordering::Relaxed);
        assert!(number >= self.at || STEPS[number] == step, "step {number} is {step:?}");
        match self.meets {
            _ if number + 1 != self.at => Ok(()),
            Meets::Fault(kind) => Err(kind.into()),
            Meets::Death => std::process::abort(),
        }
    }
}

/// How the provider and the client are set up.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Kind {
    /// A second use ends the login, and there is no other credential.
    Strict,
    /// A second use does no harm.
    Lenient,
    /// A second use ends the login, and the client can begin a new one.
    Primary,
    /// The client is public, and the refresh token is bound to a DPoP key. A second use does no harm.
    Bound,
}

struct Setup {
    clock: ManualClock,
    server: OAuthServer,
    folder: PathBuf,
    kind: Kind,
    seed: String,
}

impl Setup {
    /// A login that has been renewed once, so that its file is there. The access token has ended.
    async fn new(kind: Kind) -> Setup {
        let clock = ManualClock::new();
        let server = OAuthServer::start().await.unwrap().with_refresh_tokens();
        let server = server.with_clock(clock.clone());
        server.keep_refresh_tokens(kind == Kind::Lenient);
        let folder = std::env::temp_dir().join(format!("toa-kept-{:016x}", fastrand::u64(..)));
        fs::create_dir(&folder).unwrap();
        let mut setup = Setup { clock, server, folder, kind, seed: String::new() };
        setup.seed = setup.log_in().await;
        setup.source(None).token().await.unwrap();
        setup.clock.advance(HOUR);
        setup
    }

    async fn log_in(&self) -> String {
        let (id, secret) = (self.server.client_id(), self.server.client_secret());
        let system = ClientCredentials::new(&*self.server.endpoint(), id, secret).unwrap();
        let exchange =
            HttpExchange::new(system.with_refresh_tokens(), HttpClient::plain().unwrap());
        let issued = Exchange::exchange(&exchange, &exchange_context(Reason::First)).await;
        issued.unwrap().refresh_token().unwrap().expose().to_owned()
    }

    fn file(&self) -> PathBuf {
        self.folder.join("login.json")
    }

    fn source(&self, steps: Option<Numbered>) -> TokenSource<OAuth> {
        let client = (self.server.client_id(), self.server.client_secret());
        source(
            self.kind,
            &self.server.endpoint(),
            client,
            &self.seed,
            self.file(),
            steps,
            &self.clock,
        )
    }

    fn login(&self) -> Value {
        serde_json::from_slice(&fs::read(self.file()).unwrap()).unwrap()
    }

    fn is_in_doubt(&self) -> bool {
        self.login().get("in_doubt_since").is_some()
    }

    /// Requests with a refresh token, and how many of them were a second use.
    fn refreshes(&self) -> (usize, usize) {
        let counts = self.server.counts();
        (counts.refreshes, counts.refresh_tokens_reused)
    }

    /// Files that have not replaced the login.
    fn temporary_files(&self) -> usize {
        let entries = fs::read_dir(&self.folder).unwrap();
        let names = entries.map(|entry| entry.unwrap().file_name().into_string().unwrap());
        names.filter(|name| name.ends_with(".tmp")).count()
    }
}

impl Drop for Setup {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.folder);
    }
}

fn source(
    kind: Kind,
    endpoint: &str,
    (id, secret): (&str, &str),
    seed: &str,
    file: PathBuf,
    steps: Option<Numbered>,
    clock: &ManualClock,
) -> TokenSource<OAuth> {
    let system = OAuth::builder(endpoint).client(OAuthClient::with_secret(id, secret));
    let system = match kind {
        Kind::Primary => system.refresh_tokens(),
        #[cfg(feature = "oauth")]
        Kind::Bound => bound::system(endpoint, seed),
        #[cfg(not(feature = "oauth"))]
        Kind::Bound => unreachable!("DPoP needs the feature `oauth`"),
        Kind::Strict | Kind::Lenient => system.grant(OAuthGrant::RefreshToken(seed.into())),
    };
    let store = FileStore::new(file);
    let store = match steps {
        Some(steps) => store.with_steps(steps),
        None => store,
    };
    let grace = if [Kind::Lenient, Kind::Bound].contains(&kind) { HOUR } else { Duration::ZERO };
    TokenSource::builder_over_http(system.build().unwrap(), HttpClient::plain().unwrap())
        .clock(clock.clone())
        .store(store)
        .reuse_grace(grace)
        .build()
}
