//! A token and its key change together.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use futures::future::join_all;
use tower_outbound_auth::endpoint::Grant;
use tower_outbound_auth::exchange::Identity;
use tower_outbound_auth::system::{Dpop, SigningKey};

use super::{builder, dpop, world_of};

#[tokio::test]
async fn a_new_key_begins_with_the_next_token_and_no_request_mixes_the_two() {
    let dpop = dpop();
    let world = Arc::new(world_of(builder().dpop(dpop.clone())));
    world.get("/").await;
    let ended = Arc::new(AtomicBool::new(false));
    let callers = (0..20).map(|_| {
        let (world, ended) = (world.clone(), ended.clone());
        tokio::spawn(async move {
            while !ended.load(Ordering::SeqCst) {
                assert_eq!(world.get("/").await.status(), 200);
            }
        })
    });
    let callers: Vec<_> = callers.collect();
    for nth in 1..=20 {
        let old = dpop.thumbprint();
        dpop.rotate().unwrap();
        assert_ne!(dpop.thumbprint(), old);
        tokio::task::yield_now().await;
        world.server.revoke(&format!("t{nth}"));
        while world.server.state().issued == nth {
            tokio::task::yield_now().await;
        }
    }
    ended.store(true, Ordering::SeqCst);
    assert!(join_all(callers).await.into_iter().all(|it| it.is_ok()));
    assert_eq!(world.server.state().wrong, <[&str; 0]>::default());
    assert_eq!(world.server.state().issued, 21);
}

#[tokio::test]
async fn the_old_token_is_sent_with_the_old_key_until_it_is_renewed() {
    let dpop = dpop();
    let world = world_of(builder().dpop(dpop.clone()));
    world.get("/").await;
    dpop.rotate().unwrap();
    assert_eq!(world.get("/").await.status(), 200);
    assert_eq!(world.server.state().wrong, <[&str; 0]>::default());
    assert_eq!((world.exchanges(), world.server.state().api.accepted), (1, 2));
}

#[test]
fn two_keys_are_two_identities_and_nothing_shows_the_private_half() {
    let identity = |dpop: Dpop| builder().dpop(dpop).build().unwrap().identity();
    assert_ne!(identity(dpop()), identity(dpop()));
    let private = "nWGxne_9WmC6hEr0kuwsxERJxWl7MmkZcDusAxyuf2A";
    let key = format!(
        r#"{{"kty":"OKP","crv":"Ed25519","d":"{private}","x":"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"}}"#
    );
    let dpop = Dpop::with_key(SigningKey::parse(&key).unwrap()).unwrap();
    let expected: Identity = identity(dpop.clone());
    assert_eq!(identity(dpop.clone()), expected);
    assert_eq!(dpop.thumbprint(), "kPrK_qmxVWaYVA9wwBF6Iuo3vVzz7TxHCTwXBygrS4k");
    let shown = format!("{dpop:?} {:?}", builder().dpop(dpop.clone()));
    assert!(shown.contains(&dpop.thumbprint()) && !shown.contains(private), "{shown}");
}
