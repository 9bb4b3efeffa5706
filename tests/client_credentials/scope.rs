//! The granted scope, compared with the requested one (RFC 6749 section 3.3).

use tower_outbound_auth::TokenSource;
use tower_outbound_auth::system::ClientCredentials;

use crate::log::log_in_paused_time;
use crate::*;

/// A source that requests `asked` from an endpoint that answers with `member`.
fn source(asked: &str, member: &str) -> TokenSource<ClientCredentials> {
    let body = format!(r#"{{"access_token":"abc","expires_in":60{member}}}"#);
    Server::with(200, body).source(scheme("id", "secret").with_scope(asked))
}

#[tokio::test(start_paused = true)]
async fn rfc6749_10_another_scope_is_reported_and_is_no_error() {
    let long = format!(r#","scope":"{}""#, "x".repeat(1_000));
    let cut = "x".repeat(200);
    for (asked, member, reported) in [
        ("a b", r#","scope":"a""#, Some("a")),
        ("a b", r#","scope":"a b c""#, Some("a b c")),
        ("a b", r#","scope":"A B""#, Some("A B")),
        ("a b", r#","scope":"b  a b""#, None),
        ("a b", r#","scope":"""#, None),
        ("a b", r#","scope":null"#, None),
        ("a b", r#","scope":["a"]"#, Some("a")),
        ("a b", r#","scope":["b","a"]"#, None),
        ("a b", "", None),
        ("", r#","scope":"whatever is usual""#, None),
        ("a", r#","scope":"a\r\nINFO b\u001b[2Jé""#, Some("a__INFO b_[2J_")),
        ("a", &long, Some(&*cut)),
    ] {
        let source = source(asked, member);
        assert_eq!(source.status().granted_scope, None);
        source.token().await.expect(member);
        assert_eq!(source.status().granted_scope.as_deref(), reported, "{asked} {member}");
    }
}

#[tokio::test(start_paused = true)]
async fn rfc6749_10_the_status_reports_the_scope_of_the_last_exchange() {
    let server = Server::issuing();
    let first = Server::with(200, r#"{"access_token":"abc","expires_in":60,"scope":"a"}"#);
    let both = Server::new({
        let (first, then) = (first.answer.clone(), server.answer.clone());
        let asked = AtomicUsize::new(0);
        move |it| if asked.fetch_add(1, Ordering::Relaxed) == 0 { first(it) } else { then(it) }
    });
    let source = both.source(scheme("id", "secret").with_scope("a b"));
    source.token().await.unwrap();
    assert_eq!(source.status().granted_scope.as_deref(), Some("a"));
    tokio::time::sleep(secs(60)).await;
    source.token().await.unwrap();
    assert_eq!(source.status().granted_scope, None);
}

#[test]
fn rfc6749_10_another_scope_makes_one_event_per_exchange_and_none_per_request() {
    let message = "another scope was granted than was asked for";
    for (member, events) in
        [(r#","scope":"a c""#, 2), (r#","scope":"a b""#, 0), (r#","scope":" , ""#, 0)]
    {
        let logs = log_in_paused_time(async {
            let source = source("a b", member);
            for _ in 0..2 {
                for _ in 0..10 {
                    source.token().await.unwrap();
                }
                tokio::time::sleep(secs(60)).await;
            }
        });
        let said: Vec<_> = logs.lines().filter(|line| line.contains(message)).collect();
        assert_eq!(said.len(), events, "{logs}");
        for line in said {
            assert!(line.contains(" INFO ") && line.contains("scope=a c"), "{line}");
            assert!(line.contains(r#"system="client_credentials""#), "{line}");
        }
    }
}
