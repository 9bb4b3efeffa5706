//! The counts of requests that are under way, in every order that the memory model allows: the file itself is
//! checked, with loom's atomics under the names of the standard ones. See `races/README.md`.
#![cfg(test)]
#![allow(dead_code)] // the file's callers are elsewhere

extern crate shim as std;
extern crate shim as tokio;

mod source {
    mod action {
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub struct Generation(u64);

        impl Generation {
            pub(super) fn of(number: u64) -> Generation {
                Generation(number)
            }

            pub(super) fn number(self) -> u64 {
                self.0
            }
        }
    }

    #[path = "../../../../src/source/riders.rs"]
    mod riders;

    mod tests;
}
