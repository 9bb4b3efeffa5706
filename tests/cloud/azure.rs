//! Azure's metadata server: requests and answers.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use tower_outbound_auth::ErrorKind;
use tower_outbound_auth::clock::Clock;
use tower_outbound_auth::exchange::ExchangeErrorKind;
use tower_outbound_auth::system::{AzureManagedIdentity, UserAssignedIdentity};
use tower_outbound_auth::testkit::ManualClock;

use crate::imitation::{Imitation, Received, response};
use crate::{Caller, documents, first_request, is_forwarded};

const PATH: &str = "/metadata/identity/oauth2/token";
const VAULT: &str = "https://vault.azure.net";

fn is_refused(request: &Received) -> bool {
    request.header("metadata") != "true" || is_forwarded(request)
}

fn at(server: &Imitation) -> AzureManagedIdentity {
    let endpoint = format!("{}{PATH}", server.root);
    AzureManagedIdentity::new(VAULT).unwrap().with_endpoint(endpoint).unwrap()
}

/// A token as Azure's server writes it: all values are texts.
fn issued(clock: &ManualClock, life: u64) -> String {
    let ends = clock.now().since_epoch().as_secs() + life;
    format!(
        r#"{{"access_token":"token-1","refresh_token":"","expires_in":"{life}","expires_on":"{ends}","not_before":"1","resource":"{VAULT}","token_type":"Bearer"}}"#
    )
}

#[tokio::test]
async fn a_hundred_callers_cause_one_exchange_and_a_life_that_is_a_text_counts() {
    let clock = ManualClock::new();
    let by_server = clock.clone();
    let server = Imitation::start(move |request| match request.path() {
        PATH if is_refused(request) => response(
            400,
            &[],
            r#"{"error":"bad_request_102","error_description":"Required metadata header not specified"}"#,
        ),
        PATH => response(200, &[], &issued(&by_server, 86_000)),
        _ => documents(request),
    })
    .await;
    let caller = Caller::new(at(&server), &server, &clock);
    assert_eq!(caller.statuses(100).await, [200; 100]);
    let [request] = &server.to(PATH)[..] else { panic!("one exchange") };
    let query = "api-version=2018-02-01&resource=https%3A%2F%2Fvault.azure.net";
    assert_eq!((request.head.method.as_str(), request.query(), &*request.body), ("GET", query, ""));
    assert_eq!(caller.source.status().expires_in.unwrap().as_secs(), 86_000);
}

#[tokio::test]
async fn the_request_goes_to_the_link_local_address_with_the_resource_as_it_was_typed() {
    let url = format!("http://169.254.169.254{PATH}?api-version=2018-02-01&resource=");
    for (resource, sent) in [
        (VAULT, "https%3A%2F%2Fvault.azure.net"),
        ("https://management.azure.com/", "https%3A%2F%2Fmanagement.azure.com%2F"),
        ("api://5e29463d", "api%3A%2F%2F5e29463d"),
        ("a&b=c#d e", "a%26b%3Dc%23d%20e"),
    ] {
        let identity = AzureManagedIdentity::new(resource).unwrap();
        let (uri, header) = first_request(identity, "metadata").await;
        assert_eq!((uri.to_string(), &*header), (format!("{url}{sent}"), "true"));
    }
}

#[tokio::test]
async fn a_user_assigned_identity_is_named_by_one_of_three_ids() {
    use UserAssignedIdentity::{ClientId, ObjectId, ResourceId};
    for (id, sent) in [
        (ClientId("a-b".into()), "&client_id=a-b"),
        (ObjectId("c-d".into()), "&object_id=c-d"),
        (ResourceId("/subscriptions/e".into()), "&msi_res_id=%2Fsubscriptions%2Fe"),
    ] {
        let identity = AzureManagedIdentity::new(VAULT).unwrap().with_identity(id).unwrap();
        let (uri, _) = first_request(identity, "metadata").await;
        assert!(uri.to_string().ends_with(&format!("vault.azure.net{sent}")), "{uri}");
    }
}

#[tokio::test]
async fn an_answer_without_a_token_says_what_to_do() {
    use ExchangeErrorKind::{Malformed, Refused, Unavailable};
    let not_found = r#"{"error":"invalid_request","error_description":"Identity not found"}"#;
    let no_resource =
        r#"{"error":"invalid_resource","error_description":"AADSTS50001: was not found"}"#;
    for (status, body, kind, says) in [
        (400, not_found, Refused, "assign to the machine or the app a managed identity"),
        (400, not_found, Refused, "(status 400, invalid_request)"),
        (400, no_resource, Refused, "knows no resource \"https://vault.azure.net\""),
        (401, r#"{"error":"unknown_source"}"#, Refused, "unknown_source"),
        (403, r#"{"error":"access_denied"}"#, Refused, "check the resource"),
        (403, "<html>", Unavailable, "gives no reason that is known here"),
        (403, "<html>", Unavailable, "may come from another server: is this a machine of Azure?"),
        (400, "Bad Request", Unavailable, "is this a machine of Azure?"),
        (400, r#"{"message":"no"}"#, Unavailable, "is this a machine of Azure?"),
        (405, "", Unavailable, "is this a machine of Azure?"),
        (404, "", Unavailable, "or this is no machine of Azure"),
        (410, "", Unavailable, "should be back within 70 s"),
        (429, not_found, Unavailable, "gets too many requests"),
        (500, r#"{"error":"unknown"}"#, Unavailable, "failed on its own side"),
        (302, "", Unavailable, "is a redirect"),
        (200, "<html>", Malformed, "is no JSON object"),
        (200, "<html>", Malformed, "is this a machine of Azure?"),
        (200, r#"{"token_type":"Bearer"}"#, Malformed, "has no token"),
    ] {
        let body = body.to_owned();
        let server = Imitation::start(move |_| response(status, &[], &body)).await;
        let (was, text) = Caller::new(at(&server), &server, &ManualClock::new()).error().await;
        assert_eq!(was, kind, "{text}");
        let begin = format!("no token: azure_managed_identity ({}{PATH}): ", server.root);
        assert!(text.starts_with(&begin) && text.contains(says), "{says}: {text}");
        assert_eq!(server.received().len(), 1);
    }
}

#[tokio::test]
async fn an_identity_that_the_machine_does_not_have_is_named() {
    let server = Imitation::start(|_| response(400, &[], r#"{"error":"invalid_request"}"#)).await;
    let id = UserAssignedIdentity::ClientId("5e29463d".into());
    let identity = at(&server).with_identity(id).unwrap();
    let (_, text) = Caller::new(identity, &server, &ManualClock::new()).error().await;
    assert!(text.contains("the identity \"5e29463d\", or correct its id"), "{text}");
    assert!(text.contains("client \"5e29463d\""), "{text}");
}

/// The server answers with these statuses, and then with a token. Requests are sent all the time. Returns how long it took, and
/// the number of exchanges.
async fn until_it_works(statuses: &'static [u16]) -> (Duration, usize) {
    let clock = ManualClock::new();
    let (by_server, asked) = (clock.clone(), Arc::new(AtomicUsize::new(0)));
    let counted = asked.clone();
    let server = Imitation::start(move |request| {
        if request.path() != PATH {
            return documents(request);
        }
        match statuses.get(counted.fetch_add(1, Ordering::SeqCst)) {
            Some(status) => response(*status, &[], ""),
            None => response(200, &[], &issued(&by_server, 3_600)),
        }
    })
    .await;
    let caller = Caller::new(at(&server), &server, &clock);
    let mut took = Duration::ZERO;
    while caller.send().await.is_err() {
        clock.advance(Duration::from_millis(500));
        took += Duration::from_millis(500);
        assert!(took < Duration::from_secs(600));
    }
    (took, asked.load(Ordering::SeqCst))
}

#[tokio::test]
async fn what_passes_is_tried_again_with_growing_pauses() {
    for statuses in [&[404, 404, 404, 404][..], &[429, 429, 429, 429], &[500, 503, 504, 500]] {
        let (took, exchanges) = until_it_works(statuses).await;
        assert_eq!(exchanges, 5);
        let took = took.as_secs();
        assert!((12..=17).contains(&took), "1 s, 2 s, 4 s and 8 s: {statuses:?} took {took} s");
    }
}

#[tokio::test]
async fn a_server_that_is_updated_is_asked_every_ten_seconds() {
    let (took, exchanges) = until_it_works(&[410, 410, 410]).await;
    assert_eq!(exchanges, 4);
    assert!((30..=32).contains(&took.as_secs()), "{took:?}");
}

#[tokio::test]
async fn a_machine_without_metadata_server_is_asked_whether_it_is_one_of_azure() {
    let client = tower::service_fn(|_: http::Request<http_body_util::Full<bytes::Bytes>>| async {
        let error = std::io::Error::from(std::io::ErrorKind::NetworkUnreachable);
        Err::<http::Response<http_body_util::Full<bytes::Bytes>>, _>(error)
    });
    let identity = AzureManagedIdentity::new(VAULT).unwrap();
    let source = tower_outbound_auth::TokenSource::over_http(identity, client);
    let text = source.token().await.unwrap_err().to_string();
    assert!(text.contains("is this a machine of Azure?"), "{text}");
}

#[test]
fn a_scope_in_place_of_a_resource_is_an_error_that_names_the_resource() {
    for (scope, instead) in [
        ("https://vault.azure.net/.default", "\"https://vault.azure.net\""),
        ("api://5e29463d/.default", "\"api://5e29463d\""),
    ] {
        let error = AzureManagedIdentity::new(scope).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Configuration);
        assert!(error.to_string().contains(instead), "{error}");
    }
    for (made, says) in [
        (AzureManagedIdentity::new(" "), "the resource is empty"),
        (
            AzureManagedIdentity::new(VAULT)
                .unwrap()
                .with_identity(UserAssignedIdentity::ObjectId(String::new())),
            "the id of the user-assigned identity is empty",
        ),
        (
            AzureManagedIdentity::new(VAULT).unwrap().with_endpoint("http://10.0.0.1/token"),
            "plain http",
        ),
        (
            AzureManagedIdentity::new(VAULT).unwrap().with_endpoint("http://127.0.0.1/t?a=b"),
            "has a query",
        ),
    ] {
        let error = made.unwrap_err().to_string();
        assert!(error.contains(says), "{says}: {error}");
    }
}
