//! reqwest with an embedded Atlas server whose tokens live three seconds: ten seconds of uploads, with
//! expiries and a revocation, then a redirect to the same origin and one to another origin.
//!
//! `cargo run --example reqwest --features reqwest,test-util`

use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use http::StatusCode;
use reqwest::{Client, ClientBuilder, Request, Response};
use serde_json::{Value, json};
use tokio::time::{interval, sleep};
use tower::{Service, ServiceExt};
use tower_outbound_auth::testkit::AtlasServer;
use tower_outbound_auth::{Auth, AuthLayer, BoxError, Recovery};

type Api = Auth<Client>;

const UPLOADS: usize = 200;

#[tokio::main]
async fn main() -> Result<ExitCode, BoxError> {
    let server = AtlasServer::start().await?.with_lifetime(3);
    let layer = AuthLayer::atlas(server.endpoint(), server.client_id(), server.client_secret())?;
    let source = layer.source().clone(); // for the table at the end
    let mut api = layer.reqwest(builder()?)?; // a client needs only this

    let revocation = server.clone();
    tokio::spawn(async move {
        sleep(Duration::from_secs(4)).await;
        revocation.revoke_tokens();
        println!("and now all tokens are revoked");
    });
    let (mut ok, mut healed, mut tick) = (0, 0, interval(Duration::from_millis(50)));
    for number in 0..UPLOADS {
        tick.tick().await;
        match upload(&mut api, &server.url("/v1/documents"), number).await {
            Ok(recovered) => (ok, healed) = (ok + 1, healed + usize::from(recovered)),
            Err(error) => eprintln!("upload {number}: {error}"),
        }
        if number % 20 == 19 {
            println!(
                "{ok} of {} uploads accepted, {healed} of them sent twice after a 401",
                number + 1
            );
        }
    }
    let exchanges = source.status().counters.exchanges();
    let (same, other, leaked) = redirects(&mut api, &server).await?;

    let row = |what: &str, value: &dyn std::fmt::Display| println!("  {what:<52} {value}");
    println!("\nuploads");
    row("sent", &UPLOADS);
    row("accepted", &ok);
    row("of these, sent twice after a 401", &healed);
    row("exchanges for all of them", &exchanges);
    println!("redirects, which reqwest itself follows");
    row("to the same origin: followed, with the credential", &same);
    row("to another origin: not followed, and the caller gets", &other);
    row("requests that the other origin got", &leaked);
    println!("\nNext: `axum_proxy` and `hyper` have the same layer in stacks of tower.");

    let stayed_home = same == StatusCode::OK && other == StatusCode::FOUND && leaked == 0;
    // Five exchanges, and three more for a busy machine.
    let all_well = ok == UPLOADS && healed > 0 && exchanges <= 8 && stayed_home;
    Ok(if all_well { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// Any builder will do. This one is for servers on loopback without TLS: it trusts no certificate.
fn builder() -> Result<ClientBuilder, BoxError> {
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let tls = rustls::ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()?
        .with_root_certificates(rustls::RootCertStore::empty())
        .with_no_client_auth();
    Ok(Client::builder().no_proxy().tls_backend_preconfigured(tls))
}

async fn send(api: &mut Api, request: Request) -> Result<Response, BoxError> {
    api.ready().await?.call(request).await
}

/// Returns whether the request was sent twice, with another token.
async fn upload(api: &mut Api, url: &str, number: usize) -> Result<bool, BoxError> {
    let document = json!({ "number": number, "title": "a document" }).to_string();
    let length = document.len();
    // The client makes requests. If the layer sends them, they carry a token.
    let request = api.get_ref().post(url).header("content-type", "application/json");
    let response = send(api, request.body(document).build()?).await?.error_for_status()?;
    let healed = response.extensions().get() == Some(&Recovery::Replayed);
    let taken: Value = serde_json::from_str(&response.text().await?)?;
    if taken["length"] == length { Ok(healed) } else { Err(format!("half a body: {taken}").into()) }
}

/// The answers to a redirect to the same origin and to one to another origin, and how many requests the other origin got.
async fn redirects(
    api: &mut Api,
    server: &AtlasServer,
) -> Result<(StatusCode, StatusCode, usize), BoxError> {
    let elsewhere = AtlasServer::start().await?; // another port is another origin
    server.redirect_path("/v1/moved", StatusCode::PERMANENT_REDIRECT, &server.url("/v1/documents"));
    server.redirect_path("/v1/gone", StatusCode::FOUND, &elsewhere.url("/v1/documents"));

    let request = api.get_ref().get(server.url("/v1/moved")).build()?;
    let moved = send(api, request).await?;
    let request = api.get_ref().get(server.url("/v1/gone")).build()?;
    let gone = send(api, request).await?;
    Ok((moved.status(), gone.status(), elsewhere.requests().len()))
}
