//! The rows that are not the others': the floors, and this crate's layer.

use tower::Layer;
use tower_outbound_auth::replay::Off;

use crate::common::{Api, floor, ours};
use crate::row::Row;

pub(crate) fn floors() -> Vec<Row> {
    vec![
        Row::new("bare", || Api),
        Row::new("c1", || floor::c1(Api)),
        Row::new("c2", || floor::c2(Api)),
        Row::new("c3", || floor::c3(Api)),
    ]
}

pub(crate) fn ours() -> Vec<Row> {
    let off = || ours::layer().with_replay(Off);
    let custom = || ours::custom_header().with_replay(Off);
    vec![
        Row::new("full", move || off().layer(Api)),
        Row::new("full, custom header", move || custom().layer(Api)),
        Row::new("replay armed", || ours::layer().layer(Api)),
        Row::cloned("full, cloned per request", move || off().layer(Api)),
    ]
}
