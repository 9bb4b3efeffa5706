//! Several processes with one file. The test binary runs itself as the other process.

use std::collections::BTreeMap;
use std::io::{BufRead, BufReader, Lines, Write};
use std::process::{Child, ChildStdout, Command, Stdio};
use std::time::Duration;
use std::{env, fmt};

use tower_outbound_auth::TokenSource;
use tower_outbound_auth::clock::{Clock, Now, Sleep};
use tower_outbound_auth::endpoint::HttpClient;
use tower_outbound_auth::exchange::ExchangeErrorKind;
use tower_outbound_auth::store::FileStore;
use tower_outbound_auth::system::{OAuth, OAuthClient, OAuthGrant};
use tower_outbound_auth::testkit::ManualClock;

use super::{HOUR, Setup};

const CHILD: &str = "TOWER_OUTBOUND_AUTH_STORE_CHILD";

/// A clock that the test moves. Pauses are real, because another process ends them.
#[derive(Clone)]
struct Stepped(ManualClock);

impl Clock for Stepped {
    fn now(&self) -> Now {
        self.0.now()
    }

    fn sleep(&self, duration: Duration) -> Sleep {
        Box::pin(tokio::time::sleep(duration))
    }
}

impl fmt::Debug for Stepped {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Stepped")
    }
}

/// Another process with the file of this login.
struct Process {
    child: Child,
    lines: Lines<BufReader<ChildStdout>>,
}

impl Process {
    /// `hours` is where its clock begins.
    fn start(setup: &Setup, seed: &str, hours: u32) -> Process {
        let file = setup.folder.file();
        let (id, secret) = (setup.server.client_id(), setup.server.client_secret());
        let settings = [
            &setup.server.endpoint(),
            id,
            secret,
            seed,
            file.to_str().unwrap(),
            &hours.to_string(),
        ];
        let mut child = Command::new(env::current_exe().unwrap())
            .args(["--exact", "processes::a_child_process_renews_its_token", "--nocapture"])
            .env(CHILD, settings.join("\n"))
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let lines = BufReader::new(child.stdout.take().unwrap()).lines();
        Process { child, lines }
    }

    /// Asks it for this many renewals.
    fn ask(&mut self, renewals: u32) {
        writeln!(self.child.stdin.as_mut().unwrap(), "{renewals}").unwrap();
    }

    /// Its next answer. None if its login is lost.
    fn token(&mut self) -> Option<String> {
        loop {
            let line = self.lines.next().expect("the child has died").unwrap();
            // The first line may follow the harness's own words.
            if let Some((_, token)) = line.split_once("TOKEN ") {
                return Some(token.to_owned());
            }
            if line.contains("LOST") {
                return None;
            }
        }
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// It does nothing in the usual run of the tests.
#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn a_child_process_renews_its_token() {
    let Ok(settings) = env::var(CHILD) else { return };
    let settings: Vec<_> = settings.split('\n').collect();
    let [endpoint, id, secret, seed, file, hours] = settings[..] else { return };
    let clock = ManualClock::new();
    clock.advance(HOUR * hours.parse().unwrap());
    let system = OAuth::builder(endpoint)
        .client(OAuthClient::with_secret(id, secret))
        .grant(OAuthGrant::RefreshToken(seed.into()))
        .build()
        .unwrap();
    let source = TokenSource::builder_over_http(system, HttpClient::plain().unwrap())
        .clock(Stepped(clock.clone()))
        .store(FileStore::new(file))
        .build();
    for line in std::io::stdin().lines() {
        for _ in 0..line.unwrap().parse().unwrap() {
            clock.advance(HOUR);
            match source.token().await {
                Ok(token) => println!("\nTOKEN {}", token.expose()),
                Err(error) if error.exchange().unwrap().kind() == ExchangeErrorKind::Refused => {
                    println!("\nLOST");
                    return;
                }
                Err(error) => panic!("{error}"),
            }
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_processes_with_one_file_renew_a_hundred_times_by_a_hundred_redemptions() {
    let setup = Setup::new().await;
    let seed = setup.log_in().await;
    let mut processes = [Process::start(&setup, &seed, 0), Process::start(&setup, &seed, 0)];
    tokio::task::block_in_place(|| {
        for cycle in 1..=100 {
            setup.clock.advance(HOUR);
            // Both ask at once.
            processes.iter_mut().for_each(|process| process.ask(1));
            let tokens = processes.each_mut().map(|process| process.token().unwrap());
            assert_eq!(tokens[0], tokens[1]);
            assert_eq!(setup.refreshes(), (cycle, 0));
        }
    });
}

/// What a killed process has left on disk: whether the refresh token is in doubt, and whether there is a new temporary file.
type Left = (bool, bool);

/// What became of killed processes: how often the next start went on with the login, and how often the login was lost.
#[derive(Default)]
struct Rows(BTreeMap<Left, (usize, usize)>);

impl Rows {
    fn kills(&self) -> usize {
        self.0.values().map(|(good, lost)| good + lost).sum()
    }

    fn of_doubt(&self) -> (usize, usize) {
        let rows = self.0.iter().filter(|((is_in_doubt, _), _)| *is_in_doubt).map(|(_, row)| row);
        rows.fold((0, 0), |sum, row| (sum.0 + row.0, sum.1 + row.1))
    }
}

impl fmt::Display for Rows {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "| on disk after the kill | kills | login goes on | login is lost |")?;
        writeln!(f, "|---|---|---|---|")?;
        for ((is_in_doubt, has_temporary), (good, lost)) in &self.0 {
            let mark =
                if *is_in_doubt { "a token in doubt" } else { "a token that is not in doubt" };
            let file = if *has_temporary { ", and a temporary file" } else { "" };
            writeln!(f, "| {mark}{file} | {} | {good} | {lost} |", good + lost)?;
        }
        Ok(())
    }
}

/// Kills so many processes at random instants of their renewals.
async fn kill(times: usize) -> Rows {
    let setup = Setup::new().await;
    let mut seed = setup.log_in().await;
    let mut rows = Rows::default();
    let mut left: Option<Left> = None;
    let files = || std::fs::read_dir(&setup.folder.0).unwrap().count();
    for round in 0.. {
        let mut process = Process::start(&setup, &seed, round * 1_000);
        process.ask(1_000);
        let token = tokio::task::block_in_place(|| process.token());
        if let Some(left) = left {
            let (good, lost) = rows.0.entry(left).or_default();
            *(if token.is_some() { good } else { lost }) += 1;
            assert!(
                token.is_some() || left.0,
                "round {round}: a login was lost that was not in doubt"
            );
        }
        if token.is_none() {
            seed = setup.log_in().await;
            left = None;
            continue;
        }
        if rows.kills() == times {
            break;
        }
        let before = files();
        let instant = Duration::from_micros(fastrand::u64(..20_000));
        tokio::time::sleep(instant).await;
        drop(process); // SIGKILL
        let file = setup.folder.login();
        assert!(file["token"].is_string(), "round {round}: {file}");
        left = Some((setup.is_in_doubt(), files() > before));
    }
    // A family was revoked only where its token was in doubt, and spent.
    assert_eq!(setup.refreshes().1, rows.of_doubt().1);
    println!("{rows}{} redemptions", setup.refreshes().0);
    rows
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn fifty_killed_processes_lose_no_login_that_is_not_in_doubt() {
    kill(50).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "takes minutes: .ci/deep runs it"]
async fn a_thousand_killed_processes_lose_no_login_that_is_not_in_doubt() {
    let (good, lost) = kill(1_000).await.of_doubt();
    assert!(good + lost > 0, "some of them were killed between the mark and the new token");
}
