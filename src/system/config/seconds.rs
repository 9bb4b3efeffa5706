//! A span of time in a file.

use std::time::Duration;

use serde::Deserialize;
use serde::de::{Deserializer, Error as _};

use crate::basics::bounds;

/// A span of seconds, with or without a fraction.
pub(crate) struct Seconds(pub(crate) Duration);

impl<'de> Deserialize<'de> for Seconds {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Seconds, D::Error> {
        let seconds = f64::deserialize(deserializer)?;
        match seconds > 0.0 {
            true => Ok(Seconds(bounds::span(seconds))),
            false => Err(D::Error::custom("this is a number of seconds, and more than zero")),
        }
    }
}
