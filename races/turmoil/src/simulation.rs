//! One simulation: its hosts, its network, its randomness.

use std::future::Future;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::sync::{Arc, Mutex};
use std::time::{Duration, SystemTime};

use fastrand::Rng;
use turmoil::Sim;

use crate::client::Client;
use crate::servers::Servers;
use crate::{History, lock, millis, now, secs};

const CLIENT: &str = "client";

/// The link from the client to one of the servers.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Link {
    TokenEndpoint,
    Api,
}

impl Link {
    fn host(self) -> &'static str {
        match self {
            Link::TokenEndpoint => "auth.example",
            Link::Api => "api.example",
        }
    }
}

/// What happens to a link, and for how long.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Fault {
    /// No packet arrives.
    Partition(Duration),
    /// The server receives packets, but its answers are lost.
    LoseAnswers(Duration),
    /// All packets arrive, but later.
    Hold(Duration),
    /// The server crashes with all its connections, and starts again.
    Crash(Duration),
}

impl Fault {
    fn lasts(self) -> Duration {
        match self {
            Fault::Partition(lasts)
            | Fault::LoseAnswers(lasts)
            | Fault::Hold(lasts)
            | Fault::Crash(lasts) => lasts,
        }
    }

    fn begin(self, sim: &mut Sim<'_>, host: &str) {
        match self {
            Fault::Partition(_) => sim.partition(host, CLIENT),
            Fault::LoseAnswers(_) => sim.partition_oneway(host, CLIENT),
            Fault::Hold(_) => sim.hold(host, CLIENT),
            Fault::Crash(_) => sim.crash(host),
        }
    }

    fn end(self, sim: &mut Sim<'_>, host: &str) {
        match self {
            Fault::Partition(_) => sim.repair(host, CLIENT),
            Fault::LoseAnswers(_) => sim.repair_oneway(host, CLIENT),
            Fault::Hold(_) => sim.release(host, CLIENT),
            Fault::Crash(_) => sim.bounce(host),
        }
    }
}

/// Starts and ends faults, in the order of hosts.
#[derive(Clone)]
pub(crate) struct Network {
    pub(crate) history: History,
    faults: Arc<Mutex<Vec<(Link, Fault, Option<Duration>)>>>,
}

impl Network {
    /// From now on, unless the link already has a fault. (One tick late, because a message that is sent
    /// now was sent before.)
    pub(crate) fn strike(&self, link: Link, fault: Fault) {
        let mut faults = lock(&self.faults);
        if !faults.iter().any(|(at, ..)| *at == link) {
            faults.push((link, fault, None));
        }
    }

    pub(crate) fn is_well(&self) -> bool {
        lock(&self.faults).is_empty()
    }

    /// Between two ticks.
    fn tick(&self, sim: &mut Sim<'_>) {
        let elapsed = sim.elapsed();
        lock(&self.faults).retain_mut(|(link, fault, ends)| match ends {
            None => {
                self.history.note_at(elapsed, format_args!("{link:?}: {fault:?}"));
                fault.begin(sim, link.host());
                *ends = Some(elapsed + fault.lasts());
                true
            }
            Some(ends) if *ends <= elapsed => {
                self.history.note_at(elapsed, format_args!("{link:?}: mended"));
                fault.end(sim, link.host());
                false
            }
            Some(_) => true,
        });
    }
}

/// Runs a scenario, and returns its history.
pub(crate) fn simulate<F>(
    seed: u64,
    scenario: impl FnOnce(Client, Rng) -> F + 'static,
) -> Vec<String>
where
    F: Future<Output = ()> + 'static,
{
    fastrand::seed(seed); // the crate's own random numbers
    let mut rng = Rng::with_seed(seed);
    let http2 = rng.bool();
    let history = History::default();
    let network = Network { history: history.clone(), faults: Arc::default() };
    let servers = Servers::new(network.clone());
    let mut sim = turmoil::Builder::new()
        .rng_seed(rng.u64(..))
        .epoch(SystemTime::UNIX_EPOCH + secs(1_735_689_600))
        .simulation_duration(secs(1_000))
        .tick_duration(millis(5))
        .min_message_latency(millis(1))
        .max_message_latency(millis(rng.u64(2..60)))
        .tcp_capacity(10_000) // a panic outside of the simulation
        .enable_random_order()
        .build();
    sim.host(Link::TokenEndpoint.host(), {
        let servers = servers.clone();
        move || servers.clone().token_endpoint()
    });
    sim.host(Link::Api.host(), {
        let servers = servers.clone();
        move || servers.clone().api(http2)
    });
    sim.client(CLIENT, {
        let network = network.clone();
        async move {
            scenario(Client::new(network, servers, http2, rng.fork()), rng).await;
            Ok(())
        }
    });
    let ended = catch_unwind(AssertUnwindSafe(|| {
        while !sim.step().expect("a host failed") {
            network.tick(&mut sim);
        }
    }));
    let (events, broken) = (history.events(), history.broken());
    if ended.is_err() || !broken.is_empty() || std::env::var_os("SEED").is_some() {
        println!("{}", events.join("\n"));
        println!(
            "HTTP/{}; {} events; SEED={seed} does it again",
            1 + u8::from(http2),
            events.len()
        );
    }
    if let Err(panic) = ended {
        resume_unwind(panic);
    }
    assert!(broken.is_empty(), "SEED={seed}: {broken:#?}");
    events
}

/// Runs a scenario for many seeds, or for the one in the environment.
pub(crate) fn for_all_seeds<F>(scenario: impl Fn(Client, Rng) -> F + Copy + 'static)
where
    F: Future<Output = ()> + 'static,
{
    let var = |name| std::env::var(name).ok().and_then(|it| it.parse::<u64>().ok());
    match var("SEED") {
        Some(seed) => drop(simulate(seed, scenario)),
        None => (0..var("SEEDS").unwrap_or(100)).for_each(|seed| drop(simulate(seed, scenario))),
    }
}

/// Waits until no link has a fault.
pub(crate) async fn mended(network: &Network) {
    while !network.is_well() {
        tokio::time::sleep(millis(10)).await;
    }
    network.history.note(format_args!("all is mended at {:?}", now()));
}
