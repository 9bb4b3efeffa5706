//! Promise 10: a failing token endpoint is asked at most once per pause. A changed credential ends the pause.

mod exchanges;
mod files;
mod hanging;
mod minted;
mod pauses;
mod providers;
mod reloading;
mod secrets;
mod shared_providers;
mod support;
