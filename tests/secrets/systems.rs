//! `Debug` of the systems that are made of several parts.

use http::header::AUTHORIZATION;
use http::{HeaderMap, HeaderValue};
use tower_outbound_auth::Credential;
use tower_outbound_auth::endpoint::Grant;
use tower_outbound_auth::exchange::Reason;
use tower_outbound_auth::scheme::{ProofVerdict, SignedRequest};
use tower_outbound_auth::system::*;
use tower_outbound_auth::testkit::request_context;

use crate::canary::shown;
use crate::debug::{SECRET, jwk, url};

/// A file should have no secret. If it has one, `Debug` does not show it.
pub(crate) fn logins() -> String {
    let step: LoginStep = LoginStep::post(&format!("https://api.example/x?key={SECRET}"))
        .header("x-note", SECRET)
        .query("note", SECRET)
        .json(&format!(r#"{{"note": "{SECRET}", "user": "{{user}}"}}"#));
    let login: LoginBuilder = Login::builder("login")
        .credential("user", SECRET)
        .client("user")
        .step(step.clone().basic("{user}", "{user}"))
        .token("/token")
        .extra("team", "/team")
        .over(AnswerRule::status(419));
    let built: Login = login.clone().build().unwrap();
    let cx = request_context(Reason::First).with_credential(&built.credentials()[0], SECRET);
    let config: Config = serde_json::from_str(&format!(
        r#"{{"api": "https://api.example", "login": {{"name": "a", "token": "/t",
            "steps": [{{"url": "https://api.example/t", "headers": {{"x-note": "{SECRET}"}}}}]}}}}"#
    ))
    .unwrap();
    [
        shown(&step) + &shown(&login) + &shown(&built) + &shown(&config),
        shown(&built.identity()) + &shown(&built.request(&cx).unwrap()),
        shown(&AnswerRule::status(419)),
    ]
    .concat()
}

/// They have no secret. The query of an endpoint is not shown.
pub(crate) fn clouds() -> String {
    let google: GoogleMetadata = GoogleMetadata::new(&[SECRET]).unwrap();
    let id: UserAssignedIdentity = UserAssignedIdentity::ClientId("a".to_owned());
    let azure = AzureManagedIdentity::new("api://a").unwrap().with_identity(id.clone()).unwrap();
    let server = url();
    let google_error = google.clone().with_endpoint(&server).unwrap_err();
    let azure_error = azure.clone().with_endpoint(&server).unwrap_err();
    [
        shown(&google) + &shown(&google.identity()) + &shown(google.endpoint()),
        shown::<AzureManagedIdentity>(&azure) + &shown(&azure.identity()) + &shown(&id),
        shown(&google_error) + &shown(&azure_error),
    ]
    .concat()
}

pub(crate) fn oauth() -> String {
    let exchange: TokenExchange = TokenExchange::of(SECRET).actor(SECRET, "urn:x");
    let client: OAuthClient = OAuthClient::with_assertion("a", SECRET);
    let grant: OAuthGrant = OAuthGrant::TokenExchange(exchange.clone());
    let builder: OAuthBuilder = OAuth::builder(url()).client(client.clone());
    let builder = builder.grant(grant.clone()).endpoint_header("x-key", SECRET);
    let texts = shown(&exchange) + &shown(&client) + &shown(&grant) + &shown(&builder);
    let system: OAuth = builder.build().unwrap();
    let by_secret = OAuthClient::with_secret_jwt("a", SECRET);
    let login = OAuth::builder(url()).grant(OAuthGrant::RefreshToken(SECRET.into()));
    let texts = texts + &shown(&login) + &shown(&login.build().unwrap());
    texts + &shown(&system) + &shown(&system.identity()) + &shown(&by_secret) + &entra() + &dpop()
}

fn dpop() -> String {
    // The private half is a canary of `debug`.
    let dpop: Dpop = Dpop::with_key(SigningKey::parse(&jwk()).unwrap()).unwrap();
    let builder = OAuth::builder(url()).client(OAuthClient::with_secret("a", SECRET));
    let builder = builder.dpop(dpop.clone());
    let texts = shown(&dpop) + &shown(&builder);
    let system = builder.build().unwrap();
    let headers = HeaderMap::from_iter([(AUTHORIZATION, HeaderValue::from_static(SECRET))]);
    let uri = url().parse().unwrap();
    [
        texts + &shown(&system) + &shown(&system.identity()),
        shown::<SignedRequest<'_>>(&SignedRequest::new(&uri, &headers)),
        shown(&ProofVerdict::SendAgain),
    ]
    .concat()
}

fn entra() -> String {
    let tenant: Entra = OAuth::entra("contoso").authority("login.example");
    let scope = "https://api.example/.default";
    let with_secret = tenant.clone().secret("a", SECRET).scope(scope);
    let with_token = tenant.clone().federated_token("a", SECRET).scope(scope);
    let file = Credential::file("/run/certificate");
    let unusable = tenant.clone().certificate_and_key("a", SECRET, SECRET).scope(scope);
    let error = shown(&unusable.build().unwrap_err());
    let certified = tenant.clone().certificate_and_key("a", file, SECRET).scope(scope);
    let system = certified.build().unwrap();
    [
        shown(&tenant) + &shown(&with_secret) + &shown(&with_token) + &error,
        shown(&system) + &shown(&system.identity()),
    ]
    .concat()
}
