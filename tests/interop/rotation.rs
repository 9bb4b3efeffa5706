//! Refresh tokens that can be used once: a second use revokes the whole family (RFC 9700 section 4.14.2).

use std::time::Duration;

use tokio::task::JoinHandle;
use tokio::time::sleep;
use tower_outbound_auth::system::ClientCredentials;

use crate::callers::{Api, CALLERS};
use crate::servers::Servers;
use crate::{HALF_A_MINUTE, MOST_TOKEN_CALLS, with_options};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "needs node: run interop/run"]
async fn no_refresh_token_is_used_twice_when_callers_give_up() {
    // The answer is held back until the refresh token is used, so that callers give up at the worst
    // moment.
    let servers = Servers::start_with(&[("DELAY", "100")]).await;
    let client = ("refreshing", "refreshing-secret");
    let layer = with_options(&servers, client, ClientCredentials::with_refresh_tokens);
    let given_up = callers_come_and_go(&Api::new(&layer, &servers), HALF_A_MINUTE).await;
    let (tokens, api) = (servers.token_stats().await, servers.api_stats().await);
    println!("{given_up} gave up, {tokens:?}, {api:?}");
    assert!(api.accepted > CALLERS as u32 * 30, "callers were busy: {api:?}");
    assert!(tokens.errors.is_empty(), "the family is not revoked: {tokens:?}");
    assert!(tokens.token_calls <= MOST_TOKEN_CALLS, "{tokens:?}");
    assert_eq!(tokens.grants["client_credentials"], 1, "the credentials were sent once");
    assert!(tokens.grants["refresh_token"] >= 8, "{tokens:?}");
}

/// All the time, some callers give up at any point, and others replace them. Returns how many gave up.
async fn callers_come_and_go(api: &Api, time: Duration) -> usize {
    let over = sleep(time);
    tokio::pin!(over);
    let start = || tokio::spawn(api.clone().upload_for(time));
    let mut callers: Vec<_> = (0..CALLERS).map(|_| start()).collect();
    let mut given_up = 0;
    loop {
        let pause = sleep(Duration::from_millis(fastrand::u64(20..60)));
        tokio::select! {
            () = &mut over => break,
            () = pause => {}
        }
        for _ in 0..CALLERS / 10 {
            let caller = &mut callers[fastrand::usize(..CALLERS)];
            give_up(std::mem::replace(caller, start())).await;
            given_up += 1;
        }
    }
    for caller in callers {
        give_up(caller).await;
    }
    given_up
}

/// A caller may be dropped, but must not fail.
async fn give_up(caller: JoinHandle<u32>) {
    caller.abort();
    match caller.await {
        Err(error) if error.is_cancelled() => {}
        outcome => drop(outcome.unwrap()),
    }
}
