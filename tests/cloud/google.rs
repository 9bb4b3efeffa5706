//! Google's metadata server: requests and answers.

use tower_outbound_auth::ErrorKind;
use tower_outbound_auth::endpoint::Grant;
use tower_outbound_auth::exchange::ExchangeErrorKind;
use tower_outbound_auth::system::GoogleMetadata;
use tower_outbound_auth::testkit::ManualClock;

use crate::imitation::{Imitation, Received, response};
use crate::{Caller, documents, first_request, is_forwarded};

pub(crate) const FLAVOR: (&str, &str) = ("Metadata-Flavor", "Google");
const PATH: &str = "/computeMetadata/v1/instance/service-accounts/default/token";

/// Why the metadata server would not answer this request.
pub(crate) fn is_refused(request: &Received) -> bool {
    request.header("metadata-flavor") != "Google" || is_forwarded(request)
}

fn at(server: &Imitation) -> GoogleMetadata {
    GoogleMetadata::new(&[]).unwrap().with_endpoint(&server.root).unwrap()
}

#[tokio::test]
async fn a_hundred_callers_cause_one_exchange_with_the_wanted_header() {
    let server = Imitation::start(|request| match request.path() {
        PATH if is_refused(request) => response(403, &[FLAVOR], "Missing Metadata-Flavor:Google"),
        PATH => response(
            200,
            &[FLAVOR, ("content-type", "application/json")],
            r#"{"access_token":"token-1","expires_in":3599,"token_type":"Bearer"}"#,
        ),
        _ => documents(request),
    })
    .await;
    let caller = Caller::new(at(&server), &server, &ManualClock::new());
    assert_eq!(caller.statuses(100).await, [200; 100]);
    let [request] = &server.to(PATH)[..] else { panic!("one exchange") };
    assert_eq!((request.head.method.as_str(), request.query(), &*request.body), ("GET", "", ""));
    assert_eq!(caller.source.status().expires_in.unwrap().as_secs(), 3_599);
}

#[tokio::test]
async fn the_request_goes_to_the_link_local_address_with_scopes_and_account() {
    let root = "http://169.254.169.254/computeMetadata/v1/instance/service-accounts";
    let plain = GoogleMetadata::new(&[]).unwrap();
    assert_eq!(
        first_request(plain, "metadata-flavor").await,
        (format!("{root}/default/token").parse().unwrap(), "Google".to_owned())
    );
    let scopes = ["https://www.googleapis.com/auth/pubsub", "openid"];
    let account = "svc@project.iam.gserviceaccount.com";
    let other = GoogleMetadata::new(&scopes).unwrap().with_account(account).unwrap();
    let scopes = "https%3A%2F%2Fwww.googleapis.com%2Fauth%2Fpubsub%2Copenid";
    assert_eq!(
        first_request(other, "metadata-flavor").await.0.to_string(),
        format!("{root}/{account}/token?scopes={scopes}")
    );
}

/// A status, headers, a body; the kind of the failure, and a part of its text.
type Case<'a> = (u16, &'a [(&'a str, &'a str)], &'a str, ExchangeErrorKind, &'a str);

const HTML: (&str, &str) = ("content-type", "text/html");
const TOKEN: &str = r#"{"access_token":"token-1","expires_in":3599,"token_type":"Bearer"}"#;

#[tokio::test]
async fn an_answer_without_a_token_says_what_to_do() {
    use ExchangeErrorKind::{Malformed, Refused, Unavailable};
    let cases: [Case<'_>; 13] = [
        (404, &[FLAVOR, HTML], "<html>", Refused, "knows no service account \"default\" here"),
        (403, &[FLAVOR], "denied", Refused, "on GKE: workload identity"),
        (403, &[FLAVOR], r#"{"error":"access_denied"}"#, Refused, "access_denied"),
        (400, &[FLAVOR], r#"{"error":"invalid_scope"}"#, Refused, "check the scopes"),
        (429, &[FLAVOR], "", Unavailable, "gets too many requests"),
        (500, &[FLAVOR], "", Unavailable, "failed on its own side"),
        (503, &[], "", Unavailable, "failed on its own side"),
        (200, &[FLAVOR], "{}", Malformed, "has no token"),
        (
            200,
            &[FLAVOR],
            r#"{"access_token":"a","token_type":"DPoP"}"#,
            Malformed,
            "bound to a key (its type is DPoP)",
        ),
        // Another server answers.
        (200, &[HTML], "<html>Log in", Malformed, "has no header `Metadata-Flavor: Google`"),
        (200, &[("Metadata-Flavor", "Other")], TOKEN, Malformed, "comes from another server"),
        (404, &[], "", Unavailable, "is this a machine of Google's cloud?"),
        (302, &[("location", "/elsewhere")], "", Unavailable, "/elsewhere, which is not followed"),
    ];
    for (status, headers, body, kind, says) in cases {
        let headers: Vec<_> =
            headers.iter().map(|(name, value)| (name.to_string(), value.to_string())).collect();
        let body = body.to_owned();
        let server = Imitation::start(move |_| {
            let headers: Vec<_> = headers.iter().map(|(name, it)| (&**name, &**it)).collect();
            response(status, &headers, &body)
        })
        .await;
        let (was, text) = Caller::new(at(&server), &server, &ManualClock::new()).error().await;
        assert_eq!(was, kind, "{text}");
        let begin = format!("no token: google_metadata ({}{PATH}): ", server.root);
        assert!(text.starts_with(&begin) && text.contains(says), "{says}: {text}");
        assert_eq!(server.received().len(), 1, "a redirect is not followed: {status}");
    }
}

#[test]
fn tokens_of_the_same_account_and_scopes_can_replace_each_other() {
    let identity = |scopes: &[&str]| GoogleMetadata::new(scopes).unwrap().identity();
    assert_eq!(identity(&["a", "b"]), identity(&["b", "a"]));
    assert_ne!(identity(&["a", "b"]), identity(&["a"]));
    let other = GoogleMetadata::new(&["a"]).unwrap().with_account("b@c.example").unwrap();
    assert_ne!(identity(&["a"]), other.identity());
}

#[tokio::test]
async fn a_server_that_cannot_be_reached_is_a_question_about_the_machine() {
    let client = tower::service_fn(|_: http::Request<http_body_util::Full<bytes::Bytes>>| async {
        let error = std::io::Error::from(std::io::ErrorKind::HostUnreachable);
        Err::<http::Response<http_body_util::Full<bytes::Bytes>>, _>(error)
    });
    let said = async |metadata| {
        let source = tower_outbound_auth::TokenSource::over_http(metadata, client);
        source.token().await.unwrap_err().to_string()
    };
    let text = said(GoogleMetadata::new(&[]).unwrap()).await;
    let question = "is this a machine of Google's cloud?";
    assert!(text.contains("http://169.254.169.254 could not be reached"), "{text}");
    assert!(text.contains(question), "{text}");
    let emulator = GoogleMetadata::new(&[]).unwrap().with_endpoint("http://127.0.0.1:9");
    let text = said(emulator.unwrap()).await;
    assert!(text.contains("could not be reached") && !text.contains(question), "{text}");
}

#[test]
fn what_cannot_be_asked_is_an_error_where_it_is_made() {
    for scope in ["", "a b", "a,b", "a\"b", "ä"] {
        let error = GoogleMetadata::new(&["openid", scope]).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Configuration);
        assert!(error.to_string().contains("give the scopes one by one"), "{error}");
    }
    let metadata = || GoogleMetadata::new(&[]).unwrap();
    for account in ["", ".", "..", "a/b", "a?b", "a#b", "a b", "a%2fb"] {
        let error = metadata().with_account(account).unwrap_err().to_string();
        assert!(error.contains("is no address"), "{account}: {error}");
    }
    for (server, says) in [
        ("http://metadata.google.internal", "plain http"),
        ("http://127.0.0.1:8080?a=b", "has a query"),
        ("127.0.0.1:8080", "no scheme"),
    ] {
        let error = metadata().with_endpoint(server).unwrap_err().to_string();
        assert!(error.contains(says), "{server}: {error}");
    }
    let below = metadata().with_endpoint("http://127.0.0.1:8080/emulator/").unwrap();
    let below = below.with_account("other").unwrap();
    let path = "/emulator/computeMetadata/v1/instance/service-accounts/other/token";
    assert_eq!(below.endpoint().uri().path(), path);
}
