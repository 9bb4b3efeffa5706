//! The file of a login.

use std::path::Path;

use tower_outbound_auth::Error;
use tower_outbound_auth::exchange::ExchangeErrorKind;
use tower_outbound_auth::store::FileStore;

use super::{HOUR, Setup, failure, login, renew};

fn assert_configuration(error: &Error, path: &Path, text: &str) {
    assert_eq!(error.exchange().unwrap().kind(), ExchangeErrorKind::Configuration, "{error}");
    let said = error.to_string();
    assert!(said.contains(path.to_str().unwrap()) && said.contains(text), "{said}");
}

#[cfg(unix)]
#[tokio::test]
async fn the_files_can_be_read_by_their_owner_only() {
    use std::os::unix::fs::PermissionsExt;

    let setup = Setup::new().await;
    let seed = setup.log_in().await;
    renew(&setup, &setup.source(&*seed)).await;
    for entry in std::fs::read_dir(&setup.folder.0).unwrap() {
        let entry = entry.unwrap();
        let mode = entry.metadata().unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600, "{entry:?}");
    }
}

#[cfg(unix)]
#[tokio::test]
async fn a_file_that_others_can_read_is_an_error_with_the_command_that_corrects_it() {
    let setup = Setup::new().await;
    let seed = setup.log_in().await;
    renew(&setup, &setup.source(&*seed)).await;
    let (text, path) = (setup.folder.login(), setup.folder.file());
    for mode in [0o644, 0o604, 0o602, 0o666] {
        setup.folder.set_mode(mode);
        let error = failure(&setup.source(&*seed)).await;
        let said = format!("(mode {mode:04o}): run `chmod 600 {}`", path.display());
        assert_configuration(&error, &path, &said);
    }
    assert_eq!(setup.folder.login(), text);
    assert_eq!(setup.refreshes(), (1, 0), "nothing was sent");
    setup.folder.set_mode(0o600);
    renew(&setup, &setup.source(&*seed)).await;
}

#[cfg(unix)]
#[tokio::test]
async fn a_file_that_its_group_can_read_is_used_and_the_next_write_takes_that_right_away() {
    let setup = Setup::new().await;
    let seed = setup.log_in().await;
    renew(&setup, &setup.source(&*seed)).await;
    for mode in [0o640, 0o660] {
        setup.folder.set_mode(mode);
        renew(&setup, &setup.source(&*seed)).await;
        assert_eq!(setup.folder.mode(), 0o600, "{mode:o}");
    }
}

#[tokio::test]
async fn a_file_of_another_login_is_an_error_and_stays_as_it_is() {
    let setup = Setup::new().await;
    let seed = setup.log_in().await;
    renew(&setup, &setup.source(&*seed)).await;
    let text = setup.folder.login();
    let system = setup.oauth(&setup.server.endpoint()).scope("write").refresh_tokens();
    let other = tower_outbound_auth::TokenSource::builder_over_http(
        system.build().unwrap(),
        tower_outbound_auth::endpoint::HttpClient::plain().unwrap(),
    );
    let other = other.clock(setup.clock.clone()).store(FileStore::new(setup.folder.file()));
    let exchanges = setup.server.counts().exchanges;
    let error = failure(&other.build()).await;
    let said = "has the login of another client, endpoint, grant or scope";
    assert_configuration(&error, &setup.folder.file(), said);
    assert_eq!(setup.folder.login(), text);
    assert_eq!(setup.server.counts().exchanges, exchanges, "nothing was sent");
}

#[tokio::test]
async fn a_file_that_is_no_login_is_an_error_and_stays_as_it_is() {
    let setup = Setup::new().await;
    let seed = setup.log_in().await;
    for wrong in ["", "\0\0\0\0", "[]", "{\"token\":", "{\"token\": 7}", "{\"access\": 1}"] {
        setup.folder.write(wrong);
        let error = failure(&setup.source(&*seed)).await;
        assert_eq!(error.exchange().unwrap().kind(), ExchangeErrorKind::Configuration, "{wrong:?}");
        assert_eq!(std::fs::read_to_string(setup.folder.file()).unwrap(), wrong);
    }
    assert_eq!(setup.refreshes(), (0, 0));
}

#[tokio::test]
async fn members_that_the_crate_does_not_know_are_kept() {
    let setup = Setup::new().await;
    let seed = setup.log_in().await;
    let theirs = r#"{"note": {"by": ["ops", 1e400, {"deep": null}]}, "id": 12345678901234567890123456789, "token": "TOKEN"}"#;
    setup.folder.write(&theirs.replace("TOKEN", &setup.log_in().await));
    for _ in 0..3 {
        renew(&setup, &setup.source(&*seed)).await;
    }
    let text = std::fs::read_to_string(setup.folder.file()).unwrap();
    for kept in [r#"{"by": ["ops", 1e400, {"deep": null}]}"#, "12345678901234567890123456789"] {
        assert!(text.contains(kept), "{text}");
    }
    assert_eq!(setup.refreshes(), (3, 0));
}

#[tokio::test]
async fn if_the_folder_cannot_be_written_nothing_is_sent() {
    let setup = Setup::new().await;
    let seed = setup.log_in().await;
    for path in ["/proc/self/login.json", "/nowhere/at/all/login.json", "/"] {
        let source = setup.unkept(&setup.server.endpoint(), &*seed).store(FileStore::new(path));
        let source = source.build();
        let error = failure(&source).await;
        assert_configuration(&error, Path::new(path), "");
        assert_eq!(setup.refreshes(), (0, 0));
        assert!(login(&source).store_error.is_some());
    }
    // The login is not lost.
    renew(&setup, &setup.source(&*seed)).await;
}

#[tokio::test]
async fn an_empty_path_and_a_folder_that_is_a_file_are_errors_that_say_so() {
    let setup = Setup::new().await;
    let seed = setup.log_in().await;
    setup.folder.write("{}");
    let (file, inside) = (setup.folder.file(), setup.folder.file().join("a/login.json"));
    for (path, text) in [
        (Path::new(""), "the path \"\" names no file: give the path of a file".to_owned()),
        (&*inside, format!(": {} is a file, and no folder", file.display())),
    ] {
        let source = setup.unkept(&setup.server.endpoint(), &*seed).store(FileStore::new(path));
        assert_configuration(&failure(&source.build()).await, path, &text);
    }
    assert_eq!(setup.refreshes(), (0, 0));
}

#[cfg(unix)]
#[tokio::test]
async fn of_a_file_that_others_can_read_it_is_not_said_that_it_has_a_refresh_token() {
    let setup = Setup::new().await;
    let seed = setup.log_in().await;
    setup.folder.write("{}");
    setup.folder.set_mode(0o644);
    let error = failure(&setup.source(&*seed)).await;
    let text = "may have a refresh token, and others may read it (mode 0644): run `chmod 600 ";
    assert_configuration(&error, &setup.folder.file(), text);
}

#[cfg(unix)]
#[tokio::test]
async fn a_symbolic_link_stays_and_the_file_that_it_names_is_replaced() {
    let setup = Setup::new().await;
    let seed = setup.log_in().await;
    let real = super::Folder::new();
    real.write("{}");
    std::os::unix::fs::symlink(real.file(), setup.folder.file()).unwrap();
    renew(&setup, &setup.source(&*seed)).await;
    let kind = std::fs::symlink_metadata(setup.folder.file()).unwrap().file_type();
    assert!(kind.is_symlink());
    assert!(real.login()["token"].is_string());
}

/// Above the largest fence no token could be stored: the refresh token would be spent, and its successor lost.
#[tokio::test]
async fn a_fence_that_cannot_grow_costs_no_login() {
    let setup = Setup::new().await;
    let seed = setup.log_in().await;
    setup.source(&*seed).token().await.unwrap();
    let lock = setup.folder.file().with_extension("json.lock");
    std::fs::write(lock, format!("{}\n", u64::MAX)).unwrap();
    for _ in 0..3 {
        setup.clock.advance(HOUR);
        setup.source(&*seed).token().await.unwrap();
        assert!(!setup.is_in_doubt());
    }
    assert_eq!(setup.refreshes(), (4, 0));

    let mut file = setup.folder.login();
    file["access"]["fence"] = u64::MAX.into();
    setup.folder.write(&file.to_string());
    setup.clock.advance(HOUR);
    let error = setup.source(&*seed).token().await.unwrap_err();
    assert!(error.to_string().contains("is no login that this crate has written"), "{error}");
    assert_eq!(setup.refreshes(), (4, 0), "nothing is sent");
}

#[tokio::test]
async fn a_former_seed_with_a_quotation_mark_is_kept() {
    let setup = Setup::new().await;
    let seed = setup.log_in().await;
    setup.folder.write(r#"{"former_seeds": ["a\"b"]}"#);
    setup.source(&*seed).token().await.unwrap();
    assert_eq!(setup.folder.login()["former_seeds"], serde_json::json!(["a\"b"]));
}

#[cfg(unix)]
#[tokio::test]
async fn a_pipe_is_no_login_and_blocks_no_thread() {
    let setup = Setup::new().await;
    let made = std::process::Command::new("mkfifo").arg(setup.folder.file()).status();
    assert!(made.unwrap().success());
    let error = setup.source("seed").token().await.unwrap_err();
    assert!(error.to_string().contains("is no file with a login"), "{error}");
}
