//! Checks the files whose data threads read and write without a lock, in every order that the memory model
//! allows. The files themselves are included, with loom's atomics under the names of the standard ones. See
//! `races/README.md`.
#![cfg(test)]
#![allow(dead_code)] // the callers of the files are not included

extern crate shim as arc_swap;
extern crate shim as std;
extern crate shim as tokio;

#[path = "../../../src/clock.rs"]
mod clock;
mod stand_ins;
mod token;

use self::stand_ins::{exchange, scheme, secret};
