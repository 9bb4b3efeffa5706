//! A secret in a file, a pipe or a device. It is sent only when it has been written whole.

use std::fs;

use tower_outbound_auth::Credential;
use tower_outbound_auth::testkit::ManualClock;

use super::support::*;
use crate::support::*;

#[cfg(unix)]
#[tokio::test]
async fn a_pipe_is_read_once_and_one_that_nobody_writes_into_is_an_error() {
    use std::process::Command;
    let pipe = TempFile::new("");
    fs::remove_file(&pipe.0).unwrap();
    assert!(Command::new("mkfifo").arg(&pipe.0).status().unwrap().success());
    let (endpoint, clock) = (FakeEndpoint::that_takes_all(), ManualClock::new());
    let source = endpoint.source(pipe.credential()).to_builder().clock(clock.clone()).build();
    let error = while_time_passes(&clock, source.token()).await.unwrap_err();
    assert!(error.to_string().contains("a pipe without a writer"), "{error}");
    // The thread that reads it is still there, and gets what comes.
    let path = pipe.0.clone();
    std::thread::spawn(move || fs::write(path, "s3cret\n").unwrap()).join().unwrap();
    // It has its own pace, which the clock of the test does not know.
    let mut reads = 0..500;
    loop {
        source.retry_now();
        match while_time_passes(&clock, source.token()).await {
            Ok(_) => break,
            Err(error) => assert!(reads.next().is_some(), "{error}"),
        }
        std::thread::sleep(std::time::Duration::from_millis(10));
    }
    clock.advance(HOUR);
    source.token().await.unwrap();
    assert_eq!(endpoint.received(), ["s3cret"; 2], "it is kept");
}

#[cfg(unix)]
#[tokio::test]
async fn a_device_or_a_directory_is_no_credential() {
    for path in ["/dev/zero", "/dev/null", "/"] {
        let source = FakeEndpoint::that_takes_all().source(Credential::file(path));
        let error = source.token().await.unwrap_err();
        let cause = error.exchange().and_then(std::error::Error::source).unwrap().to_string();
        assert_eq!(cause, "not a regular file", "{path}");
    }
}

/// The writer pauses in the middle of the secret.
#[tokio::test]
async fn a_file_that_is_written_in_parts_is_adopted_when_it_is_whole() {
    let (endpoint, file) = (FakeEndpoint::that_takes_all(), TempFile::new("first"));
    let clock = ManualClock::new();
    let source = endpoint.source(file.credential()).to_builder().clock(clock.clone()).build();
    source.token().await.unwrap();
    file.write("sec");
    let path = file.0.clone();
    let writer = std::thread::spawn(move || {
        std::thread::sleep(millis(100));
        fs::write(path, "second").unwrap();
    });
    clock.advance(HOUR);
    source.token().await.unwrap();
    writer.join().unwrap();
    assert_eq!(endpoint.received(), ["first", "first"]);
    clock.advance(HOUR);
    source.token().await.unwrap();
    assert_eq!(endpoint.received(), ["first", "first", "second"]);
}

#[tokio::test]
async fn a_file_that_takes_the_place_of_another_is_adopted() {
    let (endpoint, file, next) =
        (FakeEndpoint::that_takes_all(), TempFile::new("first"), TempFile::new("second"));
    let clock = ManualClock::new();
    let source = endpoint.source(file.credential()).to_builder().clock(clock.clone()).build();
    source.token().await.unwrap();
    fs::rename(&next.0, &file.0).unwrap();
    clock.advance(HOUR);
    source.token().await.unwrap();
    assert_eq!(endpoint.received(), ["first", "second"]);
}

/// Another inode, as after a rename; but it is not whole.
#[tokio::test]
async fn a_file_that_is_removed_and_written_anew_is_adopted_when_it_is_whole() {
    use std::io::Write;
    let (endpoint, file, old) =
        (FakeEndpoint::that_takes_all(), TempFile::new("first"), TempFile::new(""));
    let clock = ManualClock::new();
    let source = endpoint.source(file.credential()).to_builder().clock(clock.clone()).build();
    source.token().await.unwrap();
    fs::rename(&file.0, &old.0).unwrap(); // so that its inode is not used again
    let mut anew = fs::File::create(&file.0).unwrap();
    anew.write_all(b"a-new-").unwrap();
    let writer = std::thread::spawn(move || {
        std::thread::sleep(millis(100));
        anew.write_all(b"secret").unwrap();
    });
    clock.advance(HOUR);
    source.token().await.unwrap();
    writer.join().unwrap();
    clock.advance(HOUR);
    source.token().await.unwrap();
    assert_eq!(endpoint.received(), ["first", "first", "a-new-secret"]);
}

/// A secret that comes in a thousand parts is one, and what has no end is none.
#[cfg(unix)]
#[tokio::test]
async fn a_pipe_is_read_to_its_end_and_never_believed_before() {
    use std::io::Write;
    use std::time::Duration;
    for closes in [true, false] {
        let pipe = TempFile::new("");
        fs::remove_file(&pipe.0).unwrap();
        assert!(std::process::Command::new("mkfifo").arg(&pipe.0).status().unwrap().success());
        let (path, (done, is_done)) = (pipe.0.clone(), std::sync::mpsc::channel::<()>());
        let writer = std::thread::spawn(move || {
            let mut writer = fs::OpenOptions::new().write(true).open(path).unwrap();
            for _ in 0..1_000 {
                writer.write_all(b"x").unwrap();
                std::thread::sleep(Duration::from_micros(200));
            }
            if !closes {
                let _ = is_done.recv(); // it stays open
            }
        });
        let endpoint = FakeEndpoint::that_takes_all();
        let token = endpoint.source(pipe.credential()).token().await;
        drop(done);
        writer.join().unwrap();
        assert_eq!(token.is_ok(), closes);
        let whole = if closes { vec!["x".repeat(1_000)] } else { vec![] };
        assert_eq!(endpoint.received(), whole);
    }
}

#[cfg(unix)]
#[test]
fn a_pipe_that_nobody_writes_into_does_not_keep_a_program_from_ending() {
    let pipe = TempFile::new("");
    fs::remove_file(&pipe.0).unwrap();
    assert!(std::process::Command::new("mkfifo").arg(&pipe.0).status().unwrap().success());
    let credential = pipe.credential();
    let (ended, ends) = std::sync::mpsc::channel();
    std::thread::spawn(move || {
        let runtime = tokio::runtime::Runtime::new().unwrap();
        let source = FakeEndpoint::that_takes_all().source(credential);
        runtime.block_on(async { source.token().await.unwrap_err() });
        drop(runtime); // as at the end of main
        ended.send(()).unwrap();
    });
    ends.recv_timeout(std::time::Duration::from_secs(60)).expect("the runtime ends");
}
