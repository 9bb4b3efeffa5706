//! Shared by the examples that tell a story: the traffic, the progress, the tables, and the timeline.
#![allow(dead_code)] // each example needs a part

pub(crate) mod story;
pub(crate) mod table;
pub(crate) mod timeline;
pub(crate) mod traffic;

pub(crate) use self::story::Story;
pub(crate) use self::table::Table;
