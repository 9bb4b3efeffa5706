//! The faults of the runbook, as stories.

use std::fs::{self, File};
use std::path::Path;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, UNIX_EPOCH};

use tower_outbound_auth::Credential;
use tower_outbound_auth::store::StoreError;

use crate::exporter::{Recording, SCRAPE_INTERVAL};
use crate::failing_store::Wrong;
use crate::world::{Parts, World, record};

pub(crate) struct Fault {
    /// As in the runbook.
    pub(crate) name: &'static str,
    /// It is over long before the end of the recording, so that no alert fires any more.
    pub(crate) is_over: bool,
    /// How long the recording is, in seconds.
    length: u64,
    parts: fn() -> Parts,
    /// What happens at this second, before the callers of that second.
    story: fn(&mut World, u64),
}

impl Fault {
    pub(crate) fn record(&self) -> Recording {
        record((self.parts)(), self.length, self.story)
    }

    pub(crate) fn file(&self) -> String {
        format!("{}.yml", self.name)
    }
}

/// When each fault begins, in seconds. Tokens live five minutes, and the first one is issued at 0 s. It would be renewed from
/// 240 s to 270 s.
pub(crate) const BEGIN: u64 = 230;
const MINUTE: u64 = 60;

pub(crate) const FAULTS: &[Fault] = &[
    Fault {
        name: "quiet_day",
        is_over: true,
        length: 24 * 60 * MINUTE,
        parts: day,
        story: quiet_day,
    },
    Fault { name: "outage", is_over: true, length: 15 * MINUTE, parts, story: outage },
    Fault { name: "short_outage", is_over: true, length: 15 * MINUTE, parts, story: short_outage },
    Fault {
        name: "refused_credentials",
        is_over: false,
        length: 15 * MINUTE,
        parts: || Parts { place: in_a_variable, ..parts() },
        story: refused_credentials,
    },
    Fault {
        name: "hung_endpoint",
        is_over: true,
        length: 20 * MINUTE,
        parts,
        story: hung_endpoint,
    },
    Fault {
        name: "thrashing_route",
        is_over: false,
        length: 20 * MINUTE,
        parts,
        story: thrashing_route,
    },
    Fault {
        name: "rotated_secret",
        is_over: false,
        length: 15 * MINUTE,
        parts: || Parts { lifetime: 3_600, place: in_a_file, ..parts() },
        story: rotated_secret,
    },
    Fault {
        name: "revoked_token",
        is_over: true,
        length: 20 * MINUTE,
        parts: || Parts { lifetime: 3_600, ..parts() },
        story: revoked_token,
    },
    Fault {
        name: "lost_store",
        is_over: true,
        length: 30 * MINUTE,
        parts: || Parts { has_store: true, ..parts() },
        story: lost_store,
    },
    Fault {
        name: "dead_login",
        is_over: false,
        length: 15 * MINUTE,
        parts: || Parts { place: in_a_file, is_login: true, has_store: true, ..parts() },
        story: dead_login,
    },
];

fn parts() -> Parts {
    let place = |text: &str| Credential::from(text);
    Parts { lifetime: 300, request_interval: 1, place, is_login: false, has_store: false }
}

fn day() -> Parts {
    Parts { lifetime: 3_600, request_interval: SCRAPE_INTERVAL, ..parts() }
}

fn in_a_variable(secret: &str) -> Credential {
    assert_eq!(std::env::var("CARGO_PKG_NAME").as_deref(), Ok(secret));
    Credential::env("CARGO_PKG_NAME")
}

fn in_a_file(secret: &str) -> Credential {
    static NEXT: AtomicUsize = AtomicUsize::new(0);
    let name = format!("secret-of-reports-{}", NEXT.fetch_add(1, Ordering::Relaxed));
    let path = Path::new(env!("CARGO_TARGET_TMPDIR")).join(name);
    fs::write(&path, secret).unwrap();
    // A file that was changed long ago is read at once.
    let file = File::options().write(true).open(&path).unwrap();
    file.set_modified(UNIX_EPOCH + Duration::from_secs(1_000_000_000)).unwrap();
    Credential::file(path)
}

/// Tokens are renewed, one is revoked at noon, and nobody calls from 18 h to 23 h.
fn quiet_day(world: &mut World, second: u64) {
    let hour = |hour: u64| hour * 60 * MINUTE;
    match second {
        it if it == hour(12) => world.server.revoke_tokens(),
        it if it == hour(18) => world.paths.clear(),
        it if it == hour(23) => world.paths.push("/documents"),
        _ => {}
    }
}

fn outage(world: &mut World, second: u64) {
    match second {
        BEGIN => world.server.begin_outage(None),
        it if it == BEGIN + 3 * MINUTE => world.server.end_outage(),
        _ => {}
    }
}

fn short_outage(world: &mut World, second: u64) {
    match second {
        BEGIN => world.server.begin_outage(None),
        it if it == BEGIN + 115 => world.server.end_outage(),
        _ => {}
    }
}

fn refused_credentials(world: &mut World, second: u64) {
    if second == BEGIN {
        world.server.refuse_credentials(true);
    }
}

fn hung_endpoint(world: &mut World, second: u64) {
    match second {
        BEGIN => world.hang(true),
        it if it == BEGIN + 5 * MINUTE => world.hang(false),
        _ => {}
    }
}

fn thrashing_route(world: &mut World, second: u64) {
    if second == BEGIN {
        world.server.refuse_path("/refused");
        world.paths.push("/refused");
    }
}

/// The provider has a new secret, and has revoked the tokens of the old one. The file still has the old secret. Tokens live an
/// hour, so the alerts cannot rely on the end of the token.
fn rotated_secret(world: &mut World, second: u64) {
    if second == BEGIN {
        world.server = world.server.clone().with_client("reports", "the-new-secret");
    }
}

/// Tokens of an hour. The current one is revoked while the token endpoint is down.
fn revoked_token(world: &mut World, second: u64) {
    match second {
        BEGIN => {
            world.server.begin_outage(None);
            world.server.revoke_tokens();
        }
        it if it == BEGIN + 5 * MINUTE => world.server.end_outage(),
        _ => {}
    }
}

/// The provider ends the login, at the person's wish, say. The current access token stays good.
fn dead_login(world: &mut World, second: u64) {
    if second == BEGIN {
        world.server.revoke_refresh_tokens();
    }
}

fn lost_store(world: &mut World, second: u64) {
    match second {
        BEGIN => {
            world.store.set(Wrong::Fails(StoreError::unreachable("no connection to the store")));
        }
        it if it == BEGIN + 5 * MINUTE => world.store.set(Wrong::Nothing),
        _ => {}
    }
}
