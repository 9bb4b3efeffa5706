//! Promise 8: a refused request is sent again at most once for its token. After that the server's answer goes to the caller. A
//! request with headers of its own, such as a DPoP proof, is sent once more at most for these headers. So it is sent three
//! times at most.

mod body_types;
mod own_headers;
mod refusals;
mod refusing_api;
mod replays;
mod second_sendings;
mod streams;
