//! The rows of the floors and of this crate's layer.

use tower::Layer;
use tower::util::BoxCloneSyncService;
use tower_outbound_auth::AuthLayer;
use tower_outbound_auth::replay::Off;
use tower_outbound_auth::system::HeaderScheme;

use crate::common::{
    Api, Unboxing, floor, ours, request_of_http2, request_with_boxed_body, request_with_host,
    request_with_ten, request_without_authority,
};
use crate::row::Row;

pub(crate) fn floors() -> Vec<Row> {
    vec![
        Row::new("bare", || Api),
        Row::new("c1", || floor::c1(Api)),
        Row::new("c2", || floor::c2(Api)),
        Row::new("c3", || floor::c3(Api)),
        // The cost of other requests without a layer; `report` does not show these.
        Row::sending(request_with_host, "bare, with Host", || Api),
        Row::sending(request_with_ten, "bare, ten headers", || Api),
        Row::sending(request_of_http2, "bare, HTTP/2", || Api),
        Row::sending(request_without_authority, "bare, Origin::relative", || Api),
        Row::sending(request_with_boxed_body, "bare, boxed body", || Unboxing),
        Row::new("bare, boxed service", || BoxCloneSyncService::new(Api)),
    ]
}

pub(crate) fn ours() -> Vec<Row> {
    vec![
        Row::new("full", || off(ours::layer()).layer(Api)),
        Row::new("full, custom header", || off(ours::custom_header()).layer(Api)),
        Row::new("replay armed", || ours::layer().layer(Api)),
        Row::cloned("full, cloned per request", || off(ours::layer()).layer(Api)),
        Row::new("full, second origin", || off(ours::second_origin()).layer(Api)),
        Row::sending(request_with_host, "full, with Host", || off(ours::layer()).layer(Api))
            .over("bare, with Host"),
        Row::sending(request_with_ten, "full, ten headers", || off(ours::layer()).layer(Api))
            .over("bare, ten headers"),
        Row::sending(request_of_http2, "full, HTTP/2", || off(ours::layer()).layer(Api))
            .over("bare, HTTP/2"),
        Row::sending(request_without_authority, "full, Origin::relative", || {
            off(ours::relative()).layer(Api)
        })
        .over("bare, Origin::relative"),
        Row::sending(request_with_boxed_body, "full, boxed body", || {
            off(ours::layer()).layer(Unboxing)
        })
        .over("bare, boxed body"),
        Row::new("full, boxed service", || off(ours::layer()).layer(BoxCloneSyncService::new(Api)))
            .over("bare, boxed service"),
    ]
}

fn off(layer: AuthLayer<HeaderScheme>) -> AuthLayer<HeaderScheme, Off> {
    layer.with_replay(Off)
}
