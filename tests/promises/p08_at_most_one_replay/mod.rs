//! Promise 8: a refused request is sent again at most once. After that the server's answer goes to the caller.

mod body_types;
mod refusals;
mod refusing_api;
mod replays;
mod second_sendings;
mod streams;
