//! At the end: how many exchanges there may have been, and a table of what happened.

use std::time::Duration;

use tower_outbound_auth::Scheme;
use tower_outbound_auth::testkit::EmbeddedProtocol;

use crate::injection::{Fault, OF_THE_ENDPOINT};
use crate::{LIFE, MINUTE, World};

impl<S: Scheme, P: EmbeddedProtocol> World<S, P> {
    pub(crate) fn each_exchange_had_a_reason(&self) -> String {
        let (counts, counters) = (self.server.counts(), self.source.status().counters);
        assert_eq!(counts.most_exchanges_under_way, 1);
        let faults = self.faults.lock().unwrap();
        let of = |fault: Fault| faults.get(&fault).copied().unwrap_or_default();

        // A token is renewed at 80 % of its life, when it is revoked, and for a route that refuses it: five times in a
        // row, then once in thirty seconds.
        let renewals = MINUTE.as_secs_f64() / (0.8 * LIFE as f64) + 2.0;
        let tokens = renewals as u64 + u64::from(of(Fault::Revocation).0) + 5 + 2;
        assert!(counters.exchanges_succeeded - counters.same_token <= tokens, "of {tokens}");

        // An exchange fails once in each of the shortest pauses while a fault lasts, once when the fault begins, and once
        // when the token ends. A fault of `Own` fails no exchange.
        let at_fault = OF_THE_ENDPOINT.iter().filter(|it| **it != Fault::Own).map(|it| of(*it));
        let (times, time) =
            at_fault.fold((0, Duration::ZERO), |sum, it| (sum.0 + it.0, sum.1 + it.1));
        let in_vain = u64::from(2 * times) + (time.as_secs_f64() / 0.8) as u64;
        assert!(counters.exchanges_failed + counters.same_token <= in_vain, "of {in_vain}");

        // An exchange is two requests if its refresh token is refused and it then shows the credentials.
        assert!(counts.exchanges as u64 <= 2 * counters.exchanges());
        assert_eq!(counts.refresh_tokens_reused, 0);
        format!("at most {tokens} tokens and {in_vain} failed exchanges had a reason")
    }

    pub(crate) fn table(&self) -> String {
        let mut table = format!("\n{:?}\n{:?}\n", self.server, self.source.status().counters);
        table += &format!("{:<40}{:>8}{:>10}\n", "fault", "times", "seconds");
        for (fault, (times, time)) in &*self.faults.lock().unwrap() {
            let (fault, seconds) = (format!("{fault:?}"), time.as_secs_f64());
            table += &format!("{fault:<40}{times:>8}{seconds:>10.1}\n");
        }
        table += &format!("{:<40}{:>8}\n", "callers saw", "times");
        for (what, count) in &*self.seen.lock().unwrap() {
            table += &format!("{what:<40}{count:>8}\n");
        }
        table
    }
}
