//! A timeline of a run: the lives of tokens, exchanges, requests that waited, refusals and second sendings.
//!
//! - [`collect`] is an observer. It turns what a source and an example tell into facts.
//! - [`model`] turns facts into a [`Timeline`]. It has numbers and enums only, so no token and no secret can be in it.
//! - [`svg`] and [`text`] draw a timeline. They are pure: the same timeline gives the same picture.
#![allow(dead_code, unused_imports)] // each user needs a part

mod build;
pub(crate) mod collect;
pub(crate) mod lanes;
mod legend;
pub(crate) mod model;
mod pen;
pub(crate) mod svg;
pub(crate) mod text;

pub(crate) use self::collect::Collector;
pub(crate) use self::lanes::Labels;
pub(crate) use self::model::Timeline;
