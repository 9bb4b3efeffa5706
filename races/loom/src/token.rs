//! The checked files, and stand-ins for the other types that they name.

#[path = "../../../src/token/published.rs"]
pub(crate) mod published;
#[path = "../../../src/token/sent_count.rs"]
pub(crate) mod sent_count;
mod tests {
    mod published;
    mod sent_count;
}

pub(crate) use crate::stand_ins::{machine, options};
