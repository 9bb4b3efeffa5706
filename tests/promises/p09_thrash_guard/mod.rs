//! Promise 9: refusals and doubted responses cause a bounded number of exchanges. Honest revocations are always healed.

mod budget;
mod doubts;
