//! The cancellation sweep in its long form. The first caller is dropped after some polls, or at some instant of
//! a renewal after a refusal, of a rotation, or of a refresh with a refresh token. Other callers come before or
//! after it.
//!
//! In no schedule may a caller hang or fail, a token be lost, another exchange be made, a refresh token be
//! used twice, or anything be left in memory. Time is virtual, so a schedule can be repeated exactly.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, missing_docs)]

mod world;

use std::time::Duration;

use futures::FutureExt;
use futures::future::join_all;

use self::world::{HOUR, Watcher, World};

/// Why the first caller needs a token.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Case {
    /// Its token is refused.
    Refused,
    /// The same, and the exchange uses a refresh token.
    RefusedWithRefreshToken,
    /// Its token has expired.
    ExpiredWithRefreshToken,
    /// A renewal is due in the background, but the old token is refused before the new one arrives.
    DueWithRefreshToken,
    /// Every response brings a new token, and the old one is refused from then on.
    Rotation,
    /// The same, and the token is refused.
    RotationRefused,
    /// One response of many at once brings a new token, and the refusals of the others arrive
    /// before it.
    RotationInABurst,
}

const CASES: [Case; 7] = [
    Case::Refused,
    Case::RefusedWithRefreshToken,
    Case::ExpiredWithRefreshToken,
    Case::DueWithRefreshToken,
    Case::Rotation,
    Case::RotationRefused,
    Case::RotationInABurst,
];

impl Case {
    fn refreshes(self) -> bool {
        !matches!(self, Case::Refused | Case::Rotation | Case::RotationInABurst)
    }

    fn rotates(self) -> bool {
        self.refuses_all_but_the_last() || self == Case::RotationInABurst
    }

    /// An API that refuses a token as soon as it has made the next one serves one request at a
    /// time.
    fn refuses_all_but_the_last(self) -> bool {
        matches!(self, Case::Rotation | Case::RotationRefused)
    }
}

#[derive(Clone, Copy, Debug)]
struct Schedule {
    refresh: Case,
    /// The number of polls of the first caller. The last one is at the `instant` at which it is
    /// dropped.
    polls: u64,
    /// In milliseconds. An exchange takes 50, a request 10.
    instant: u64,
    others: usize,
    /// Whether the others come with the first caller, or after it was dropped.
    others_before: bool,
    watcher: Watcher,
}

/// One of this many schedules is run.
async fn sweep(step: usize, watcher: Watcher) -> usize {
    let mut schedules = Vec::new();
    for refresh in CASES {
        for polls in [0, 1, 2, 3, 5, 9] {
            for instant in (0..=84).step_by(3) {
                for (others, others_before) in
                    [(0, false), (1, false), (1, true), (3, false), (3, true)]
                {
                    schedules.push(Schedule {
                        refresh,
                        polls,
                        instant,
                        others,
                        others_before,
                        watcher,
                    });
                }
            }
        }
    }
    let mut run = 0;
    for schedule in schedules.into_iter().step_by(step) {
        schedule.run().await;
        run += 1;
    }
    run
}

#[tokio::test(start_paused = true)]
async fn in_no_schedule_a_caller_hangs_or_fails_or_a_token_is_lost() {
    assert!(sweep(11, Watcher::Absent).await >= 550); // 11 divides none of the lists' lengths
}

#[tokio::test(start_paused = true)]
async fn an_observer_that_panics_changes_none_of_this() {
    assert!(sweep(11, Watcher::Panics).await >= 550);
}

#[tokio::test(start_paused = true)]
async fn an_observer_that_uses_its_source_changes_none_of_this() {
    assert!(sweep(11, Watcher::UsesItsSource).await >= 550);
}

#[tokio::test(start_paused = true)]
#[ignore = "six thousand schedules: run by .ci/deep"]
async fn in_none_of_all_schedules_a_caller_hangs_or_fails_or_a_token_is_lost() {
    for watcher in [Watcher::Absent, Watcher::Panics, Watcher::UsesItsSource] {
        assert!(sweep(1, watcher).await >= 6_000);
    }
}

impl Schedule {
    async fn run(self) {
        let at_once = if self.refresh.refuses_all_but_the_last() { 1 } else { 100 };
        let (refreshes, rotates) = (self.refresh.refreshes(), self.refresh.rotates());
        let world = World::new(refreshes, rotates, at_once, self.watcher);
        assert!(world.send().await, "the first exchange fails: {self:?}");
        let exchanges = self.prepare(&world).await;

        let mut others = Vec::new();
        let mut send_others =
            || (0..self.others).for_each(|_| others.push(tokio::spawn(world.send())));
        if self.others_before {
            send_others();
        }
        self.drop_one(&world).await;
        if !self.others_before {
            send_others();
        }
        let ended = tokio::time::timeout(Duration::from_secs(5), join_all(others)).await;
        let ended = ended.unwrap_or_else(|_| panic!("hangs: {self:?}"));
        assert!(ended.into_iter().all(Result::unwrap), "a caller fails: {self:?}");

        assert!(world.send().await, "a later request fails: {self:?}");
        world.source.settled().await;
        assert!(world.send().await, "the last request fails: {self:?}");
        let counts = world.server.counts();
        assert!(counts.successors_lost <= 1, "the token of another caller was lost: {self:?}");
        let exchanges = exchanges + counts.successors_lost;
        assert_eq!(counts.exchanges, exchanges, "an exchange was lost or repeated: {self:?}");
        assert_eq!(counts.most_under_way, 1, "{self:?}");
        assert_eq!(counts.refresh_tokens_reused, 0, "{self:?}");
        if self.refresh.refreshes() {
            assert_eq!(counts.credentials_shown, 1, "a refresh token was lost: {self:?}");
        }
        assert_eq!(world.source.status().waiters, 0, "{self:?}");
        assert_eq!(world.left_behind().await, 0, "{self:?}");
    }

    /// Returns the expected number of exchanges, if no token is lost on its way to the dropped caller.
    async fn prepare(self, world: &World) -> usize {
        match self.refresh {
            Case::Rotation | Case::RotationInABurst => {
                let burst = self.refresh == Case::RotationInABurst;
                world.server.hand_out(if burst { 1 } else { usize::MAX });
                return 1;
            }
            Case::RotationRefused => {
                world.server.hand_out(usize::MAX);
                world.server.revoke();
            }
            Case::Refused | Case::RefusedWithRefreshToken => world.server.revoke(),
            Case::ExpiredWithRefreshToken => tokio::time::sleep(HOUR).await,
            Case::DueWithRefreshToken => tokio::time::sleep(HOUR.mul_f64(0.95)).await,
        }
        2
    }

    async fn drop_one(self, world: &World) {
        let mut first = Box::pin(world.send());
        for poll in 0..self.polls {
            if poll > 0 {
                tokio::time::sleep(self.millis() / (self.polls - 1) as u32).await;
            }
            if (&mut first).now_or_never().is_some() {
                return;
            }
        }
        if self.polls < 2 {
            tokio::time::sleep(self.millis()).await;
        }
    }

    fn millis(self) -> Duration {
        Duration::from_millis(self.instant)
    }
}
