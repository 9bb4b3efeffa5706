//! Each preset, over real sockets. A gateway in front of the API turns its 401 into another answer.

use http::StatusCode;
use hyper::body::Incoming;
use hyper_util::client::legacy::Client;
use hyper_util::rt::TokioExecutor;
use tower::{ServiceBuilder, ServiceExt};
use tower_outbound_auth::scheme::Presentation;
use tower_outbound_auth::testkit::{
    AtlasServer, EmbeddedProtocol, EmbeddedServer, OAuthServer, RotatingServer,
};
use tower_outbound_auth::{InspectBodyLayer, Recovery};

use crate::*;

fn gateway(answer: Response<Incoming>, status: u16) -> Response<Answer> {
    match answer.status() == StatusCode::UNAUTHORIZED {
        true => response(status, EXPIRED),
        false => answer.map(|body| body.map_err(Into::into).boxed_unsync()),
    }
}

/// A revoked token is renewed, and the request gets its answer.
async fn assert_recovers<P, S>(server: EmbeddedServer<P>, auth: AuthLayer<S>, status: u16)
where
    P: EmbeddedProtocol,
    S: Presentation + ?Sized,
{
    let hyper = Client::builder(TokioExecutor::new()).build_http::<Body>();
    let client = ServiceBuilder::new()
        .layer(auth.with_judge(judge()))
        .layer(InspectBodyLayer::new(|response| response.status != 204))
        .map_response(move |answer| gateway(answer, status))
        .service(hyper);
    for revoked in [false, true] {
        if revoked {
            server.revoke_tokens();
        }
        let request = Request::post(server.url("/v1/orders")).body(Body::from("an order"));
        let answer = client.clone().oneshot(request.unwrap()).await.unwrap();
        assert_eq!(answer.status(), StatusCode::OK);
        assert_eq!(answer.extensions().get() == Some(&Recovery::Replayed), revoked);
        assert!(!text(answer).await.contains("invalid_session"));
    }
    assert_eq!(server.counts().exchanges, 2);
}

#[tokio::test]
async fn atlas_renews_a_token_that_a_body_refuses() {
    for status in [200, 403, 500] {
        let server = AtlasServer::start().await.unwrap();
        let (id, secret) = (server.client_id(), server.client_secret());
        let auth = AuthLayer::atlas(server.endpoint(), id, secret).unwrap();
        assert_recovers(server, auth, status).await;
    }
}

#[tokio::test]
async fn client_credentials_renew_a_token_that_a_body_refuses() {
    for status in [200, 403, 500] {
        let server = OAuthServer::start().await.unwrap();
        let (id, secret, origin) = (server.client_id(), server.client_secret(), server.origin());
        let auth = AuthLayer::client_credentials(server.endpoint(), id, secret, origin).unwrap();
        assert_recovers(server, auth, status).await;
    }
}

#[tokio::test]
async fn the_rotating_preset_renews_a_token_that_a_body_refuses() {
    for status in [200, 403, 500] {
        let server = RotatingServer::start().await.unwrap();
        let (key, secret) = (server.client_id(), server.client_secret());
        let auth = AuthLayer::rotating(&server.api_root(), key, secret).unwrap();
        assert_recovers(server, auth, status).await;
    }
}
