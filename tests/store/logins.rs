//! A login from its first refresh token on.

use tower_outbound_auth::endpoint::HttpClient;
use tower_outbound_auth::store::{FileStore, MemoryStore};
use tower_outbound_auth::{Credential, TokenSource};

use super::{Folder, HOUR, Setup, failure, login, renew, secs};

#[tokio::test]
async fn after_a_restart_the_newest_refresh_token_is_used() {
    let setup = Setup::new().await;
    let seed = setup.log_in().await;
    for process in 1..=5 {
        let source = setup.source(&*seed);
        for _ in 0..3 {
            renew(&setup, &source).await;
        }
        assert_eq!(setup.refreshes(), (3 * process, 0));
    }
    assert_ne!(setup.folder.login()["token"], *seed);
    assert!(!setup.is_in_doubt());
}

#[tokio::test]
async fn a_usable_access_token_is_used_after_a_restart_and_nothing_is_sent() {
    let setup = Setup::new().await;
    let seed = setup.log_in().await;
    let token = renew(&setup, &setup.source(&*seed)).await;
    setup.clock.advance(secs(1_800));
    let source = setup.source(&*seed);
    let kept = source.token().await.unwrap();
    assert_eq!(kept.expose(), token);
    let left = source.status().expires_in.unwrap();
    assert!(left <= secs(1_800) && left > secs(1_790), "{left:?}");
    assert_eq!(setup.refreshes(), (1, 0));
}

#[tokio::test]
async fn two_sources_with_one_memory_store_redeem_once_for_both() {
    let setup = Setup::new().await;
    let (seed, store) = (setup.log_in().await, MemoryStore::new());
    let source = || setup.unkept(&setup.server.endpoint(), &*seed).store(store.clone()).build();
    let sources = [source(), source()];
    for cycle in 1..=20 {
        let first = renew(&setup, &sources[cycle % 2]).await;
        assert_eq!(sources[(cycle + 1) % 2].token().await.unwrap().expose(), first);
        assert_eq!(setup.refreshes(), (cycle, 0));
    }
}

#[tokio::test]
async fn two_sources_with_one_file_redeem_once_for_both() {
    let setup = Setup::new().await;
    let seed = setup.log_in().await;
    let sources = [setup.source(&*seed), setup.source(&*seed)];
    for cycle in 1..=20 {
        let first = renew(&setup, &sources[cycle % 2]).await;
        assert_eq!(sources[(cycle + 1) % 2].token().await.unwrap().expose(), first);
        assert_eq!(setup.refreshes(), (cycle, 0));
    }
}

#[tokio::test]
async fn a_new_seed_is_a_new_login_and_the_old_seed_does_not_come_back() {
    let setup = Setup::new().await;
    let (old, new) = (setup.log_in().await, setup.log_in().await);
    renew(&setup, &setup.source(&*old)).await;
    // The old login's access token is usable, and it is not used for the new login.
    let source = setup.source(&*new);
    source.token().await.unwrap();
    assert_eq!(setup.refreshes(), (2, 0));
    let newest = setup.folder.login()["token"].clone();

    // A process that still has the old seed goes on with the new login.
    let late = setup.source(&*old);
    renew(&setup, &late).await;
    renew(&setup, &source).await;
    let (_, reused) = setup.refreshes();
    assert_eq!(reused, 0);
    assert_ne!(setup.folder.login()["token"], newest);
}

#[tokio::test]
async fn a_seed_that_is_replaced_in_its_file_ends_a_refusal() {
    let setup = Setup::new().await;
    let secrets = Folder::new();
    secrets.write(&setup.log_in().await);
    let source = setup.source(Credential::file(secrets.file()));
    renew(&setup, &source).await;
    setup.server.revoke_refresh_tokens();
    setup.clock.advance(HOUR);
    failure(&source).await;
    secrets.write(&setup.log_in().await);
    source.warm_up(secs(1)).await.unwrap();
    assert_eq!(setup.refreshes(), (3, 0));
}

#[tokio::test]
async fn a_refresh_token_that_does_not_rotate_is_kept_and_is_not_in_doubt() {
    let setup = Setup::new().await;
    setup.server.keep_refresh_tokens(true);
    let seed = setup.log_in().await;
    for _ in 0..3 {
        renew(&setup, &setup.source(&*seed)).await;
        assert_eq!(setup.folder.login()["token"], *seed);
        assert!(!setup.is_in_doubt());
    }
    assert_eq!(setup.refreshes(), (3, 0));
}

#[tokio::test]
async fn a_read_only_secret_serves_as_seed_and_is_never_written() {
    let setup = Setup::new().await;
    let (secrets, seed) = (Folder::new(), setup.log_in().await);
    secrets.write(&seed);
    let source = setup.source(Credential::file(secrets.file()));
    renew(&setup, &source).await;
    renew(&setup, &source).await;
    assert_eq!(std::fs::read_to_string(secrets.file()).unwrap(), seed);
    assert_eq!(std::fs::read_dir(&secrets.0).unwrap().count(), 1);
}

#[tokio::test]
async fn client_credentials_with_a_store_use_the_refresh_token_after_a_restart() {
    let setup = Setup::new().await;
    let source = || {
        let system = setup.oauth(&setup.server.endpoint()).refresh_tokens().build().unwrap();
        TokenSource::builder_over_http(system, HttpClient::plain().unwrap())
            .clock(setup.clock.clone())
            .store(FileStore::new(setup.folder.file()))
            .build()
    };
    for _ in 0..5 {
        renew(&setup, &source()).await;
    }
    let counts = setup.server.counts();
    assert_eq!((counts.exchanges, counts.refreshes, counts.refresh_tokens_reused), (5, 4, 0));
    assert!(source().status().login.is_some());
}

#[tokio::test]
async fn two_persons_with_the_same_client_and_memory_store_have_two_logins() {
    let setup = Setup::new().await;
    let store = MemoryStore::new();
    let source = |seed: Credential| {
        setup.unkept(&setup.server.endpoint(), seed).store(store.clone()).build()
    };
    let (one, other) = (setup.log_in().await, setup.log_in().await);
    let from_fn = |seed: &str| {
        let seed = tower_outbound_auth::Secret::from(seed);
        Credential::from_fn(move || Ok(seed.clone()))
    };
    let sources = [source((&*one).into()), source((&*other).into())];
    let tokens =
        [renew(&setup, &sources[0]).await, sources[1].token().await.unwrap().expose().into()];
    assert_ne!(tokens[0], tokens[1]);
    let (one, other) = (setup.log_in().await, setup.log_in().await);
    let sources = [source(from_fn(&one)), source(from_fn(&other))];
    let tokens =
        [renew(&setup, &sources[0]).await, sources[1].token().await.unwrap().expose().into()];
    assert_ne!(tokens[0], tokens[1]);
    assert_eq!(setup.refreshes(), (4, 0));
}

#[tokio::test]
async fn a_login_in_a_file_is_found_again_although_its_seed_comes_from_a_function() {
    let setup = Setup::new().await;
    let seed = tower_outbound_auth::Secret::from(setup.log_in().await);
    for process in 1..=3 {
        let seed = seed.clone();
        let source = setup.source(Credential::from_fn(move || Ok(seed.clone())));
        renew(&setup, &source).await;
        assert_eq!(setup.refreshes(), (process, 0));
    }
}

#[tokio::test]
async fn a_source_that_is_built_of_another_one_has_its_store() {
    let setup = Setup::new().await;
    let seed = setup.log_in().await;
    let first = setup.unkept(&setup.server.endpoint(), &*seed).build();
    let second = first.to_builder().build();
    renew(&setup, &first).await;
    renew(&setup, &second).await;
    renew(&setup, &first).await;
    assert_eq!(setup.refreshes(), (3, 0));
    assert!(login(&second).has_refresh_token);
}
