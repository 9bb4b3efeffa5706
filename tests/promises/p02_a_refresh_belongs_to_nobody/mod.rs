//! Promise 2: a refresh belongs to nobody. It is a task of its own: it starts on demand, goes on when its callers give up,
//! and has its own deadline. A panic in it is a failed exchange.

mod panics;
mod runtimes;
mod task;
