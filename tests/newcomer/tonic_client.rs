//! A generated tonic client, over a real channel to a server that wants a token.

use tonic::service::interceptor::InterceptedService;
use tonic::transport::{Channel, Endpoint, Server};
use tonic::{Code, Status};
use tonic_health::pb::{HealthCheckRequest, health_client::HealthClient};
use tower::ServiceBuilder;
use tower_outbound_auth::adapter::tonic::TonicAuth;
use tower_outbound_auth::testkit::OAuthServer;
use tower_outbound_auth::{AuthLayer, Error, Origin};

fn client(channel: Channel, auth: AuthLayer) -> HealthClient<TonicAuth<Channel>> {
    let auth = auth.with_origin(Origin::relative()).for_tonic();
    HealthClient::new(ServiceBuilder::new().layer(auth).service(channel))
}

/// A gRPC server that wants some bearer token. Returns its URL.
async fn server() -> String {
    let (_, health) = tonic_health::server::health_reporter();
    let guarded = InterceptedService::new(health, |request: tonic::Request<()>| {
        let token = request.metadata().get("authorization").and_then(|it| it.to_str().ok());
        match token.is_some_and(|it| it.starts_with("Bearer ")) {
            true => Ok(request),
            false => Err(Status::unauthenticated("a token is missing")),
        }
    });
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let incoming = tonic::transport::server::TcpIncoming::from(listener);
    tokio::spawn(Server::builder().add_service(guarded).serve_with_incoming(incoming));
    url
}

fn auth(idp: &OAuthServer) -> Result<AuthLayer, Error> {
    let (id, secret) = (idp.client_id(), idp.client_secret());
    Ok(AuthLayer::client_credentials(idp.endpoint(), id, secret, idp.origin())?.erased())
}

#[tokio::test]
async fn the_call_has_a_token_and_an_outage_has_a_code() {
    let idp = OAuthServer::start().await.unwrap();
    let channel = Endpoint::from_shared(server().await).unwrap().connect().await.unwrap();
    let mut health = client(channel.clone(), auth(&idp).unwrap());
    health.check(HealthCheckRequest::default()).await.unwrap();
    assert_eq!(idp.counts().exchanges, 1);

    let bare = HealthClient::new(channel.clone()).check(HealthCheckRequest::default()).await;
    assert_eq!(bare.unwrap_err().code(), Code::Unauthenticated);

    idp.begin_outage(None);
    let failed = client(channel, auth(&idp).unwrap()).check(HealthCheckRequest::default()).await;
    assert_eq!(failed.unwrap_err().code(), Code::Unavailable);
}
