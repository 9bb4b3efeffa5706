//! Microsoft Entra ID: each way to prove the client, over real sockets, with a server that checks it.

mod files;
mod server;

use std::sync::{Arc, Mutex};
use std::time::{Duration, UNIX_EPOCH};

use serde_json::json;
use tower_outbound_auth::endpoint::HttpClient;
use tower_outbound_auth::exchange::ExchangeErrorKind;
use tower_outbound_auth::system::{Entra, OAuth, OAuthBuilder, OAuthGrant};
use tower_outbound_auth::testkit::ManualClock;
use tower_outbound_auth::{Credential, ErrorKind, TokenSource};

use self::server::{APP, App, Registered, SECRET, TOKEN_PATH, new_rsa, param, rsa};
use crate::assertions::read;
use crate::imitation::Imitation;

const GRAPH: &str = "https://graph.microsoft.com/.default";

/// 2026-01-01.
const NEW_YEAR: u64 = 1_767_225_600;

fn clock() -> ManualClock {
    let clock = ManualClock::new();
    clock.set_wall(UNIX_EPOCH + Duration::from_secs(NEW_YEAR));
    clock
}

/// The tenant at an imitation.
fn contoso(server: &Imitation) -> Entra {
    OAuth::entra("contoso").authority(&server.root)
}

fn source(system: OAuthBuilder, clock: &ManualClock) -> TokenSource {
    let system = system.scope(GRAPH).build().unwrap();
    let client = HttpClient::plain().unwrap();
    TokenSource::builder_over_http(system, client).clock(clock.clone()).build().erased()
}

/// The assertion of the last request.
fn last_assertion(server: &Imitation) -> String {
    param(server.received().last().unwrap(), "client_assertion").unwrap()
}

/// A text that a test changes.
fn place(text: impl Into<String>) -> (Arc<Mutex<String>>, Credential) {
    let text = Arc::new(Mutex::new(text.into()));
    let read = text.clone();
    (text, Credential::from_fn(move || Ok(read.lock().unwrap().as_str().into())))
}

#[tokio::test]
async fn a_secret_is_sent_in_the_body_with_these_bytes() {
    let clock = clock();
    let server = App::new(&clock).start().await;
    let source = source(contoso(&server).secret(APP, SECRET), &clock);
    assert_eq!(source.token().await.unwrap().expose(), "t0");
    let received = server.to(TOKEN_PATH).remove(0);
    assert_eq!(
        received.body,
        format!(
            "grant_type=client_credentials&scope=https%3A%2F%2Fgraph.microsoft.com%2F.default&client_id={APP}\
             &client_secret=the~secret+of+the+app"
        )
    );
    assert_eq!(received.header("authorization"), "");
}

#[tokio::test]
async fn the_life_of_a_token_is_expires_in_and_not_ext_expires_in() {
    let clock = clock();
    let server = App::new(&clock).start().await;
    let source = source(contoso(&server).secret(APP, SECRET), &clock);
    source.token().await.unwrap();
    clock.advance(Duration::from_secs(3_600));
    assert_eq!(source.token().await.unwrap().expose(), "t1");
}

#[tokio::test]
async fn a_certificate_signs_each_request_anew_and_entra_knows_it_by_its_thumbprint() {
    let clock = clock();
    let certificate = Registered::of(rsa(), 2030);
    let (pem, thumbprint) = (certificate.pem.clone(), certificate.thumbprint.clone());
    let server = App { certificates: vec![certificate], ..App::new(&clock) }.start().await;
    let one = contoso(&server).certificate(APP, format!("{pem}{}", rsa()));
    let two = contoso(&server).certificate_and_key(APP, pem, rsa());
    for (number, system) in [one, two].into_iter().enumerate() {
        let source = source(system, &clock);
        source.token().await.unwrap();
        clock.advance(Duration::from_secs(3_600));
        source.token().await.unwrap();
        let (header, claims) = read(&last_assertion(&server));
        assert_eq!(header, json!({"alg": "PS256", "typ": "JWT", "x5t#S256": thumbprint}));
        let now = NEW_YEAR + 3_600 * (number as u64 + 1);
        let endpoint = format!("{}{TOKEN_PATH}", server.root);
        let expected = json!({"iss": APP, "sub": APP, "aud": endpoint, "jti": claims["jti"], "nbf": now,
            "iat": now, "exp": now + 300});
        assert_eq!(claims, expected);
    }
    let got = server.received();
    assert_eq!(got.len(), 4);
    assert!(got.iter().all(|it| param(it, "client_id").as_deref() == Some(APP)));
}

#[tokio::test]
async fn a_rotated_certificate_is_used_when_its_key_is_there_too() {
    let clock = clock();
    let (old, new) = (Registered::of(rsa(), 2030), Registered::of(new_rsa(), 2030));
    let prints = [old.thumbprint.clone(), new.thumbprint.clone()];
    let (old_pem, new_pem) = (old.pem.clone(), new.pem.clone());
    let server = App { certificates: vec![old, new], ..App::new(&clock) }.start().await;
    let (certificate, certificate_place) = place(old_pem);
    let (key, key_place) = place(rsa());
    let system = contoso(&server).certificate_and_key(APP, certificate_place, key_place);
    let source = source(system, &clock);
    let thumbprint = || {
        let (header, _) = read(&last_assertion(&server));
        header["x5t#S256"].as_str().unwrap().to_owned()
    };
    source.token().await.unwrap();
    assert_eq!(thumbprint(), prints[0]);
    *certificate.lock().unwrap() = new_pem;
    clock.advance(Duration::from_secs(3_600));
    source.token().await.unwrap();
    assert_eq!(thumbprint(), prints[0], "the key of the new certificate is not there yet");
    new_rsa().clone_into(&mut key.lock().unwrap());
    clock.advance(Duration::from_secs(3_600));
    source.token().await.unwrap();
    assert_eq!(thumbprint(), prints[1]);
    assert_eq!(server.received().len(), 3, "no exchange was refused");
}

#[tokio::test]
async fn a_certificate_that_has_ended_is_not_sent_and_the_error_has_its_date() {
    let clock = clock();
    let certificate = Registered::of(rsa(), 2025);
    let pem = format!("{}{}", certificate.pem, rsa());
    let server = App { certificates: vec![certificate], ..App::new(&clock) }.start().await;
    let source = source(contoso(&server).certificate(APP, pem), &clock);
    let error = source.token().await.unwrap_err();
    assert_eq!(error.exchange().unwrap().kind(), ExchangeErrorKind::Configuration);
    assert!(error.to_string().contains("was valid until 2025-01-01T00:00:00Z"), "{error}");
    assert!(server.received().is_empty(), "nothing was sent");
}

#[tokio::test]
async fn a_federated_token_is_read_again_for_each_exchange() {
    let clock = clock();
    let app = App::new(&clock);
    let accepted = app.federated.clone();
    let server = app.start().await;
    let path = std::env::temp_dir().join(format!("entra-federated-{}", std::process::id()));
    let system = contoso(&server).federated_token(APP, Credential::file(&path));
    let source = source(system, &clock);
    for token in ["pod.token.one", "pod.token.two"] {
        token.clone_into(&mut accepted.lock().unwrap());
        std::fs::write(&path, token).unwrap();
        source.token().await.unwrap();
        assert_eq!(last_assertion(&server), token);
        clock.advance(Duration::from_secs(3_600));
    }
    std::fs::remove_file(&path).unwrap();
    assert_eq!(server.received().len(), 2);
}

#[tokio::test]
async fn a_refusal_shows_the_number_of_entra_in_our_words_and_none_of_its_own() {
    let clock = clock();
    let server = App::new(&clock).start().await;
    let good = Registered::of(rsa(), 2030);
    let pem = format!("{}{}", good.pem, rsa());
    let other_tenant = OAuth::entra("fabrikam").authority(&server.root);
    for (system, words, end) in [
        (
            contoso(&server).secret(APP, "wrong"),
            "AADSTS7000215: the secret is wrong: give the value of the secret, and not its id ",
            "(status 401, invalid_client, 7000215)",
        ),
        (
            contoso(&server).secret("app", SECRET),
            "AADSTS700016: the tenant does not know this app: ",
            "(status 400, unauthorized_client, 700016)",
        ),
        (
            other_tenant.secret(APP, SECRET),
            "AADSTS90002: there is no such tenant: ",
            "(status 400, invalid_request, 90002)",
        ),
        (
            contoso(&server).certificate(APP, pem),
            "AADSTS700027: no certificate that is registered for this app has signed the assertion: register the certificate at \
             Entra; the key of the certificate in value has signed it",
            "(status 401, invalid_client, 700027)",
        ),
    ] {
        let error = source(system, &clock).token().await.unwrap_err().to_string();
        assert!(error.contains(words) && error.contains(end), "{error}");
        assert!(!error.contains("Trace") && !error.contains("for people"), "{error}");
    }
}

#[tokio::test]
async fn an_assertion_of_a_clock_that_is_late_is_refused_with_a_number_of_its_own() {
    let (ours, theirs) = (clock(), clock());
    theirs.advance(Duration::from_secs(301));
    let certificate = Registered::of(rsa(), 2030);
    let pem = format!("{}{}", certificate.pem, rsa());
    let server = App { certificates: vec![certificate], ..App::new(&theirs) }.start().await;
    let source = source(contoso(&server).certificate(APP, pem), &ours);
    let error = source.token().await.unwrap_err().to_string();
    assert!(
        error.contains("AADSTS700024: the assertion has expired or is not valid yet"),
        "{error}"
    );
    assert!(error.contains("(status 401, invalid_client, 700024)"), "{error}");
}

#[test]
fn a_tenant_that_is_no_name_and_an_authority_without_tls_are_errors() {
    let built = |entra: Entra| entra.secret(APP, SECRET).scope(GRAPH).build();
    for tenant in ["", ".", "..", "a/b", "contoso?x", "con toso", "contoso#", "%2e"] {
        let error = built(OAuth::entra(tenant)).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Configuration);
        assert!(error.to_string().contains("the tenant of Entra is its id"), "{tenant}: {error}");
    }
    let error = built(OAuth::entra("contoso").authority("http://login.example")).unwrap_err();
    assert!(error.to_string().contains("plain http"), "{error}");
    for host in [
        "login.example/contoso",
        "https://login.example/contoso/",
        "login.example?x",
        "login.example#x",
    ] {
        let error = built(OAuth::entra("contoso").authority(host)).unwrap_err();
        let says = "the authority is a host, such as `https://login.microsoftonline.us`, and the tenant is given to `entra`";
        assert!(error.to_string().contains(says), "{host}: {error}");
    }
    for host in ["login.microsoftonline.us", "https://login.microsoftonline.us/"] {
        let system = built(OAuth::entra("contoso.example").authority(host)).unwrap();
        let endpoint = "https://login.microsoftonline.us/contoso.example/oauth2/v2.0/token";
        assert_eq!(system.endpoint().to_string(), endpoint);
    }
}

#[test]
fn a_scope_that_entra_refuses_is_an_error_that_says_what_to_ask_for() {
    let client = || OAuth::entra("contoso").secret(APP, SECRET);
    for (system, text) in [
        (client(), "Entra needs a scope, such as `https://graph.microsoft.com/.default`"),
        (
            client().scope("https://graph.microsoft.com/User.Read.All"),
            "refuses the scope \"https://graph.microsoft.com/User.Read.All\" (AADSTS1002012)",
        ),
        (client().scope("User.Read"), "(AADSTS1002012)"),
        (client().scope(GRAPH).scope("https://vault.azure.net/.default"), "for one resource"),
        (
            client().resource("https://vault.azure.net"),
            "ask for the scope `https://vault.azure.net/.default` in its place",
        ),
        (client().scope(GRAPH).parameter("resource", "https://a.example"), "(AADSTS9010010)"),
    ] {
        let error = system.build().unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Configuration);
        assert!(error.to_string().contains(text), "{text}: {error}");
    }
    client().scope("api://00000000-0000-0000-0000-000000000002/.default").build().unwrap();
    let for_a_user = OAuthGrant::JwtBearer("a.user.token".into());
    let system = client().grant(for_a_user).scope("https://graph.microsoft.com/User.Read");
    system.parameter("requested_token_use", "on_behalf_of").build().unwrap();
}

#[test]
fn a_certificate_that_is_a_value_is_checked_when_the_system_is_built() {
    let certificate = Registered::of(rsa(), 2030).pem;
    let built = |system: OAuthBuilder| system.scope(GRAPH).build().unwrap_err().to_string();
    let contoso = || OAuth::entra("contoso");
    let error = built(contoso().certificate(APP, rsa()));
    assert!(error.contains("the text has no certificate"), "{error}");
    let error = built(contoso().certificate_and_key(APP, certificate, new_rsa()));
    assert!(error.contains("do not belong together"), "{error}");
    let file = contoso().certificate(APP, Credential::file("/not/there"));
    file.scope(GRAPH).build().unwrap();
}

#[test]
fn the_variables_of_a_pod_are_named_if_they_are_not_set() {
    let error = OAuth::entra_from_env().scope(GRAPH).build().unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Configuration);
    assert!(error.to_string().contains("`AZURE_FEDERATED_TOKEN_FILE`"), "{error}");
}
