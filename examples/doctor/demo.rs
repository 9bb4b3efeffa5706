//! The doctor's visit to the test kit's OAuth server, on loopback.

use std::process::ExitCode;

use tower_outbound_auth::BoxError;
use tower_outbound_auth::testkit::OAuthServer;

use crate::{doctor, shown};

pub(crate) async fn run() -> Result<ExitCode, BoxError> {
    let server = OAuthServer::start().await?;
    let path = std::env::temp_dir().join(format!("doctor-demo-{}", std::process::id()));
    std::fs::write(&path, server.client_secret())?;
    let secret = format!("file:{}", path.display());
    let (endpoint, api) = (server.endpoint(), server.origin().to_string());
    let args = [
        ["--endpoint", &endpoint],
        ["--client-id", server.client_id()],
        ["--secret", &secret],
        ["--api", &api],
        ["--scope", "reports:read"],
    ];
    let args: Vec<String> = args.concat().into_iter().map(str::to_owned).collect();
    let outcome = doctor::run(&args, &|_| None).await;
    std::fs::remove_file(&path)?;
    Ok(shown(&outcome))
}
