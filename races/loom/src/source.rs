//! The checked files, among what else they name.

#[path = "../../../src/source/cell.rs"]
mod cell;
#[path = "../../../src/source/riders.rs"]
mod riders;
mod tests {
    mod cell;
    mod riders;
}

use crate::stand_ins::{action, rotation, schedule, state};
