//! The server has used up a refresh token and issued the next one, but its answer is lost. Only the
//! server knows which token is valid. A second use of the old one would revoke the family.

use tower_outbound_auth::exchange::ExchangeErrorKind::{Timeout, Unreachable};
use tower_outbound_auth::testkit::{After, Fault};

use super::*;

const LOST: [Fault; 4] = [
    Fault::Cut(After::Nothing),
    Fault::Cut(After::Head),
    Fault::Cut(After::Bytes(300)),
    Fault::Stall(After::Nothing),
];

impl Setup {
    /// Lets the deadline of an exchange pass after the server has received it.
    async fn answer_is_overdue(&self, exchanges: usize) {
        until(|| self.server.counts().exchanges_succeeded == exchanges).await;
        self.clock.advance(secs(10));
    }

    /// How many exchanges used the credentials, used a refresh token, and used one a second time.
    fn shown_spent_and_reused(&self) -> (usize, usize, usize) {
        let counts = self.server.counts();
        (counts.exchanges - counts.refreshes, counts.refreshes, counts.refresh_tokens_reused)
    }
}

#[tokio::test]
async fn a_refresh_token_whose_answer_is_lost_is_not_used_again() {
    for fault in LOST {
        let setup = Setup::new().await;
        assert_eq!(setup.get().await.unwrap(), StatusCode::OK);
        setup.hours_later(1).await;
        setup.proxy.script([fault]);
        let kind = match fault {
            Fault::Stall(_) => tokio::join!(setup.no_token(), setup.answer_is_overdue(2)).0,
            _ => setup.no_token().await,
        };
        assert_eq!(kind, if matches!(fault, Fault::Stall(_)) { Timeout } else { Unreachable });
        assert_eq!(setup.server.counts().exchanges_succeeded, 2, "the server has acted");

        setup.clock.advance(secs(1));
        assert_eq!(setup.get().await.unwrap(), StatusCode::OK, "{fault:?}");
        assert_eq!(setup.shown_spent_and_reused(), (2, 1, 0), "{fault:?}");
        setup.hours_later(1).await;
        assert_eq!(setup.get().await.unwrap(), StatusCode::OK, "{fault:?}");
        assert_eq!(
            setup.shown_spent_and_reused(),
            (2, 2, 0),
            "the refresh tokens of the new family are used"
        );
    }
}

#[tokio::test]
async fn a_lost_answer_is_not_noticed_while_the_token_is_usable() {
    for fault in LOST {
        let setup = Setup::new().await;
        assert_eq!(setup.get().await.unwrap(), StatusCode::OK);
        setup.clock.advance(secs(55 * 60));
        setup.proxy.script([fault]);
        assert_eq!(setup.get().await.unwrap(), StatusCode::OK, "{fault:?}");
        match fault {
            Fault::Stall(_) => setup.answer_is_overdue(2).await,
            _ => setup.source.settled().await,
        }
        setup.source.settled().await;
        assert_eq!(setup.exchanges(), 2, "{fault:?}");
        setup.clock.advance(secs(1));
        assert_eq!(setup.get().await.unwrap(), StatusCode::OK);
        setup.source.settled().await;
        assert_eq!(setup.shown_spent_and_reused(), (2, 1, 0), "{fault:?}");
        assert_eq!(setup.server.counts().refused, 0);
    }
}
