//! The machine was suspended. Its wall clock has moved, but not its monotonic clock. The first call
//! after that must not send an expired token.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Instant, SystemTime};

use tower_outbound_auth::clock::{Now, Sleep};

use super::*;

/// With a clock that the test moves like a suspend.
#[tokio::test]
async fn the_first_call_after_a_suspend_does_not_send_a_token_that_has_ended() {
    let setup = Setup::new().await;
    assert_eq!(setup.get().await.unwrap(), StatusCode::OK);
    until(|| setup.proxy.open_connections() == 0).await;
    setup.clock.suspend(secs(3_600));
    the_token_is_renewed(&setup).await;
}

async fn the_token_is_renewed(setup: &Setup) {
    assert_eq!(setup.get().await.unwrap(), StatusCode::OK);
    let counts = setup.server.counts();
    assert_eq!((counts.requests, counts.refused, counts.exchanges), (2, 0, 2));
}

/// The same with libfaketime, if it is installed (Debian: `libfaketime`): this test runs itself again with
/// another wall clock, and an unchanged monotonic clock.
///
/// libfaketime does not affect `SystemClock`, because rustix reads the kernel's clocks without the C library.
/// (With `RUSTFLAGS='--cfg rustix_use_libc'` it does, and then `SystemClock` is tested.) Otherwise the test
/// uses a clock that reads those of the standard library.
#[test]
fn the_first_call_after_a_suspend_by_libfaketime_does_not_send_a_token_that_has_ended() {
    let name = "suspend::the_first_call_after_a_suspend_by_libfaketime_does_not_send_a_token_that_has_ended";
    if let Some(file) = std::env::var_os("FAKETIME_TIMESTAMP_FILE") {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(suspended(Path::new(&file)));
        return;
    }
    let Some(library) = libfaketime() else {
        println!("skipped: no libfaketime here");
        return;
    };
    let file = std::env::temp_dir().join(format!("network-suspend-{}", std::process::id()));
    std::fs::write(&file, "+1d").unwrap();
    let run = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", name, "--nocapture"])
        .env("LD_PRELOAD", library)
        .env("FAKETIME_TIMESTAMP_FILE", &file)
        .env("FAKETIME_NO_CACHE", "1")
        .env("DONT_FAKE_MONOTONIC", "1")
        .output()
        .unwrap();
    let _ = std::fs::remove_file(&file);
    let said = String::from_utf8_lossy(&run.stdout);
    assert!(run.status.success(), "{said} {}", String::from_utf8_lossy(&run.stderr));
    print!("{said}");
}

fn libfaketime() -> Option<PathBuf> {
    if let Some(library) = std::env::var_os("LIBFAKETIME") {
        return Some(library.into());
    }
    let mut places: Vec<_> = std::fs::read_dir("/usr/lib").ok()?.flatten().collect();
    places.sort_by_key(std::fs::DirEntry::path);
    let library = |place: PathBuf| place.join("faketime/libfaketimeMT.so.1");
    places.into_iter().map(|place| library(place.path())).find(|it| it.exists())
}

/// Tomorrow by the wall clock. Then another hour by the wall clock only.
async fn suspended(file: &Path) {
    let wall = || SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap();
    let differs = wall().abs_diff(SystemClock::new().now().since_epoch());
    let setup = if differs < secs(1) {
        println!("the system clock");
        Setup::with(ManualClock::new(), SystemClock::new(), |source| source).await
    } else {
        assert!(differs > secs(23 * 3_600), "libfaketime does nothing: {differs:?}");
        println!("the standard library's clocks");
        Setup::with(ManualClock::new(), StandardClock(Instant::now()), |source| source).await
    };
    assert_eq!(setup.get().await.unwrap(), StatusCode::OK);
    let (monotonic, before) = (Instant::now(), wall());
    std::fs::write(file, "+90000").unwrap(); // a day and an hour
    assert!(wall() - before >= secs(3_600) && monotonic.elapsed() < secs(60), "a suspend");
    the_token_is_renewed(&setup).await;
}

#[derive(Clone, Debug)]
struct StandardClock(Instant);

impl Clock for StandardClock {
    fn now(&self) -> Now {
        Now::new(self.0.elapsed(), SystemTime::now())
    }

    fn sleep(&self, duration: Duration) -> Sleep {
        Box::pin(tokio::time::sleep(duration))
    }
}
