//! The process dies at each step: the table of crashes, row by row. A child process is aborted before a step. Then another one
//! starts.

use std::env;
use std::path::Path;
use std::process::{Command, Stdio};

use super::*;
use crate::exchange::error::ExchangeErrorKind;

const CHILD: &str = "TOWER_OUTBOUND_AUTH_CRASHING_CHILD";

fn dies_at(setup: &Setup, at: usize) {
    let client = (setup.server.client_id(), setup.server.client_secret());
    let endpoint = setup.server.endpoint();
    child_dies_at(at, setup.kind, &endpoint, client, &setup.seed, &setup.file());
}

/// What a child needs to know, one text for each.
pub(super) fn child_dies_at(
    at: usize,
    kind: Kind,
    endpoint: &str,
    (id, secret): (&str, &str),
    seed: &str,
    file: &Path,
) {
    let kind = match kind {
        Kind::Strict => "strict",
        Kind::Lenient => "lenient",
        Kind::Primary => "primary",
        Kind::Bound => "bound",
    };
    let settings =
        [&at.to_string(), kind, endpoint, id, secret, seed, file.to_str().unwrap()].join("\n");
    let mut child = Command::new(env::current_exe().unwrap());
    child.args(["--exact", "store::kept::tests::crashes::a_child_process_dies", "--nocapture"]);
    child.env(CHILD, settings).stdout(Stdio::null()).stderr(Stdio::null());
    let ended = child.status().unwrap();
    assert!(!ended.success(), "step {at}: the child must have died");
}

/// It does nothing in the usual run of the tests.
#[tokio::test]
async fn a_child_process_dies() {
    let Ok(settings) = env::var(CHILD) else { return };
    let settings: Vec<_> = settings.split('\n').collect();
    let [at, kind, endpoint, id, secret, seed, file] = settings[..] else { return };
    let kind = match kind {
        "strict" => Kind::Strict,
        "lenient" => Kind::Lenient,
        "bound" => Kind::Bound,
        _ => Kind::Primary,
    };
    let clock = ManualClock::new();
    clock.advance(HOUR); // as the clock of its parent
    // Without a file, there is no token that has ended: the first step is left out.
    let taken = Arc::new(AtomicUsize::new(usize::from(!Path::new(file).exists())));
    let steps = Numbered { taken, at: at.parse().unwrap(), meets: Meets::Death };
    let source = source(kind, endpoint, (id, secret), seed, file.into(), Some(steps), &clock);
    source.token().await.unwrap();
}

/// A child dies at this step. Returns the setup after that.
async fn crashed(kind: Kind, at: usize) -> Setup {
    let setup = Setup::new(kind).await;
    let (old, before) = (setup.login()["token"].clone(), setup.refreshes().0);
    tokio::task::block_in_place(|| dies_at(&setup, at));
    let was_sent = setup.refreshes().0 - before;
    let is_new = at == STEPS.len();
    assert_eq!(was_sent, usize::from(at >= SENT), "{kind:?} {at}");
    assert_eq!(setup.is_in_doubt(), at >= MARKED && !is_new, "{kind:?} {at}");
    if kind != Kind::Lenient {
        assert_eq!(setup.login()["token"] == old, !is_new, "{kind:?} {at}");
    }
    // A file that was created and not renamed.
    let is_left = matches!(STEPS[at - 1], Step::Write | Step::SyncFile | Step::Rename);
    assert_eq!(setup.temporary_files(), usize::from(is_left), "{kind:?} {at}");
    setup
}

/// The next process renews the token.
async fn next_start(setup: &Setup) -> Result<(), ExchangeErrorKind> {
    setup.clock.advance(HOUR);
    let token = setup.source(None).token().await;
    token.map(drop).map_err(|error| error.exchange().unwrap().kind())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn without_another_credential_a_login_is_lost_only_between_the_request_and_the_rename() {
    for at in 1..=STEPS.len() {
        let setup = crashed(Kind::Strict, at).await;
        let is_lost = (SENT..STEPS.len()).contains(&at);
        let expected = if is_lost { Err(ExchangeErrorKind::Refused) } else { Ok(()) };
        assert_eq!(next_start(&setup).await, expected, "{at}");
        // The family dies only where the token was in doubt.
        assert_eq!(setup.refreshes().1, usize::from(is_lost), "{at}");
        let refreshes = setup.refreshes().0;
        assert_eq!(next_start(&setup).await, expected, "{at}");
        assert_eq!(
            setup.refreshes().0 - refreshes,
            usize::from(!is_lost),
            "{at}: a lost login sends nothing"
        );
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn with_a_provider_that_accepts_a_second_use_no_login_is_lost() {
    for at in 1..=STEPS.len() {
        let setup = crashed(Kind::Lenient, at).await;
        // Within the grace of an hour.
        let again = setup.source(None).token().await;
        again.unwrap();
        assert!(!setup.is_in_doubt(), "{at}");
        assert_eq!(next_start(&setup).await, Ok(()), "{at}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn with_a_primary_credential_no_login_is_lost_and_no_family_is_revoked() {
    for at in 1..=STEPS.len() {
        let setup = crashed(Kind::Primary, at).await;
        let refreshes = setup.refreshes().0;
        assert_eq!(next_start(&setup).await, Ok(()), "{at}");
        let is_in_doubt = (MARKED..STEPS.len()).contains(&at);
        assert_eq!(setup.refreshes().0 - refreshes, usize::from(!is_in_doubt), "{at}");
        assert_eq!(next_start(&setup).await, Ok(()), "{at}");
        assert_eq!(setup.refreshes().1, 0, "{at}");
    }
}
