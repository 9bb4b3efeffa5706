//! The cancel sweep (promises 1 to 3): the first caller is dropped after some polls, at some instant of
//! an exchange that takes virtual time, with some others waiting. None may hang, no token may be lost,
//! no further exchange may be made.

use futures::FutureExt;
use futures::future::join_all;
use tower::Layer;

use crate::support::*;

/// What the dropped caller was doing.
#[derive(Clone, Copy, Debug)]
enum Doing {
    AskingTheSource,
    Sending,
    ReplayingARefusal,
}

#[tokio::test(start_paused = true)]
async fn no_schedule_of_cancellations_hangs_loses_or_repeats_an_exchange() {
    let mut schedules = 0;
    for doing in [Doing::AskingTheSource, Doing::Sending, Doing::ReplayingARefusal] {
        for polls in 0..5 {
            for instant in [0, 1, 24, 25, 49, 50, 51] {
                for others in [0, 1, 3] {
                    run(doing, polls, instant, others).await;
                    schedules += 1;
                }
            }
        }
    }
    assert!(schedules >= 240, "{schedules}");
}

async fn run(doing: Doing, polls: usize, instant: u64, others: usize) {
    let schedule =
        format!("{doing:?}, dropped after {polls} polls at {instant} ms, {others} others");
    let world = world_with_delay(millis(50));
    let service = world.layer.layer(world.api.clone());
    let before = match doing {
        Doing::ReplayingARefusal => {
            send(&service, get("/")).await.unwrap();
            world.api.revoke("token-1");
            1
        }
        Doing::AskingTheSource | Doing::Sending => 0,
    };
    let call = || {
        let (source, service) = (world.source.clone(), service.clone());
        async move {
            match doing {
                Doing::AskingTheSource => source.token().await.is_ok(),
                _ => send(&service, get("/")).await.is_ok_and(|answer| answer.status() == 200),
            }
        }
    };
    {
        let mut first = Box::pin(call());
        for poll in 0..polls {
            // The polls are spread over the time up to the instant.
            if poll > 0 {
                tokio::time::sleep(millis(instant / (polls as u64))).await;
            }
            if (&mut first).now_or_never().is_some() {
                break;
            }
        }
    }
    // The first caller is gone.
    let waits = (0..others).map(|_| tokio::spawn(call())).collect::<Vec<_>>();
    let ended = tokio::time::timeout(secs(5), join_all(waits)).await;
    for succeeded in ended.unwrap_or_else(|_| panic!("hung: {schedule}")) {
        assert!(succeeded.unwrap(), "failed: {schedule}");
    }
    world.source.settled().await;
    let expected = before + usize::from(polls > 0 || others > 0);
    assert_eq!(world.exchange.exchanges(), expected, "extra or missing exchange: {schedule}");
    if expected > 0 {
        let token = world.source.token().await.unwrap();
        assert_eq!(token.expose(), format!("token-{expected}"), "lost: {schedule}");
        assert_eq!(world.exchange.exchanges(), expected, "lost: {schedule}");
    }
}
