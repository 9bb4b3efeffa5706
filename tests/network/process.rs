//! the process, or a runtime, ends while an exchange is under way.

use std::process::Command;
use std::time::Instant;

use tower_outbound_auth::testkit::{After, Fault};

use super::*;

/// This test runs itself again, in a process that ends in the middle.
#[test]
fn a_process_that_ends_during_an_exchange_ends() {
    let name = "process::a_process_that_ends_during_an_exchange_ends";
    if std::env::var_os("TEST_ENDS_EARLY").is_none() {
        let began = Instant::now();
        let run = Command::new(std::env::current_exe().unwrap())
            .args(["--exact", name, "--nocapture"])
            .env("TEST_ENDS_EARLY", "1")
            .output()
            .unwrap();
        let said = String::from_utf8_lossy(&run.stderr);
        assert!(run.status.success(), "{said}");
        assert!(!said.contains("panicked"), "{said}");
        assert!(
            began.elapsed() < secs(60),
            "the exchange, which may take two minutes, delayed the end of the process"
        );
        return;
    }
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().unwrap();
    let setup = runtime.block_on(async {
        let setup = Setup::in_real_time(secs(120)).await;
        setup.proxy.set_fault(Fault::Stall(After::Nothing));
        for _ in 0..10 {
            let source = setup.source.clone();
            tokio::spawn(async move { source.token().await });
        }
        until(|| setup.exchanges() == 1).await;
        setup
    });
    drop(runtime);
    // The rest is dropped without a runtime.
    drop(setup);
}

/// Over sockets: the exchange of an ended runtime is lost, and begins again on another.
#[test]
fn an_exchange_whose_runtime_has_ended_is_made_on_the_next_one() {
    let runtime = || tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let (servers, first, second) = (runtime(), runtime(), runtime());
    let setup = servers.block_on(Setup::in_real_time(secs(120)));
    setup.proxy.script([Fault::Stall(After::Nothing)]);
    let asked = std::thread::scope(|scope| {
        let (stop, stopped) = tokio::sync::oneshot::channel::<()>();
        scope.spawn(|| servers.block_on(stopped));
        first.block_on(async {
            let source = setup.source.clone();
            tokio::spawn(async move { source.token().await });
            until(|| setup.exchanges() == 1).await;
        });
        drop(first);
        let began = Instant::now();
        second.block_on(setup.source.token()).unwrap();
        let took = began.elapsed();
        stop.send(()).unwrap();
        took
    });
    assert!(asked < secs(60), "{asked:?}");
    assert_eq!(setup.proxy.connections(), 2);
}
