//! Tokens in responses.

use tower::Layer;
use tower_outbound_auth::AuthLayer;
use tower_outbound_auth::testkit::RotatingServer;

use crate::told::Told;
use crate::until::until;
use crate::{get, http};

#[tokio::test]
async fn a_token_of_a_response_tells_whether_it_is_used_and_why_not() {
    let (server, told) = (RotatingServer::start().await.unwrap(), Told::default());
    let layer = AuthLayer::rotating(&server.api_root(), server.client_id(), server.client_secret())
        .unwrap();
    let layer = layer.rebuild_source(|source| source.observer(told.clone()));
    layer.source().token().await.unwrap();
    until(|| told.has("state fresh, 0 failures, due: false")).await;
    told.take();
    let api = layer.layer(http());
    let url = server.url("/v1/documents");
    get(&api, &url).await.unwrap();
    let lines = told.take();
    assert!(lines[0].starts_with("adopted token 2, Some("), "{lines:?}");
    assert_eq!(lines[1..], ["state fresh, 0 failures, due: false"]);

    server.hand_out(Some(vec!["Bearer no-jwt".to_owned()]));
    get(&api, &url).await.unwrap();
    let counters = layer.source().status().counters;
    let why = |why: &&tower_outbound_auth::token::NotAdopted| {
        counters.rotations_not_adopted_for(**why) == 1
    };
    let why = tower_outbound_auth::token::NotAdopted::ALL.iter().find(why).unwrap();
    assert_eq!(told.take(), [format!("not adopted: {why}")]);
}
