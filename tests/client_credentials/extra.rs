//! Members of the answer for the caller.

use std::convert::Infallible;

use crate::*;

/// What the caller finds under these names, if the answer has these members beside its token.
async fn found(members: &str, names: &[&'static str]) -> Vec<Option<String>> {
    let body = format!(r#"{{"access_token":"abc","expires_in":60{members}}}"#);
    let scheme = names.iter().fold(scheme("id", "secret"), |it, name| it.with_extra(*name));
    let token = Server::with(200, body).source(scheme).token().await.unwrap();
    names.iter().map(|name| token.extra(name).map(str::to_owned)).collect()
}

#[tokio::test(start_paused = true)]
async fn a_text_a_number_or_a_truth_value_is_kept_and_anything_else_is_absent() {
    for (members, value) in [
        (r#","x":"https://eu7.example""#, Some("https://eu7.example")),
        (r#","x":17"#, Some("17")),
        (r#","x":false"#, Some("false")),
        (r#","x":"""#, None),
        (r#","x":null"#, None),
        (r#","x":{"y":1}"#, None),
        (r#","x":[1]"#, None),
        (r#","x":"a","x":"b""#, None), // which one is meant cannot be known
        ("", None),
    ] {
        assert_eq!(found(members, &["x"]).await, [value.map(str::to_owned)], "{members}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_member_is_named_or_pointed_to_and_only_declared_members_are_kept() {
    let members = r#","team":{"id":"T1"},"a/b":"c","other":"o""#;
    let names = ["/team/id", "/a~1b", "a/b", "/team", "/nothing/here"];
    let all = found(members, &names).await;
    assert_eq!(all, [Some("T1".into()), Some("c".into()), Some("c".into()), None, None]);
    let body = r#"{"access_token":"abc","other":"o"}"#;
    let token = Server::with(200, body).source(scheme("id", "secret")).token().await.unwrap();
    assert_eq!(token.extra("other"), None);
}

#[tokio::test(start_paused = true)]
async fn a_member_that_is_too_long_is_left_out_and_the_token_is_used() {
    let members = format!(r#","long":"{}","short":"s""#, "x".repeat(5_000));
    assert_eq!(found(&members, &["long", "short"]).await, [None, Some("s".into())]);
}

#[tokio::test(start_paused = true)]
async fn members_change_with_the_token_of_the_next_exchange() {
    let issued = AtomicUsize::new(0);
    let server = Server::new(move |_| {
        let n = issued.fetch_add(1, Ordering::Relaxed) + 1;
        let body = format!(r#"{{"access_token":"t-{n}","expires_in":60,"instance":"i-{n}"}}"#);
        answer(200, body)
    });
    let source = server.source(scheme("id", "secret").with_extra("instance"));
    let first = source.token().await.unwrap();
    tokio::time::sleep(secs(60)).await;
    let second = source.token().await.unwrap();
    assert_eq!((first.extra("instance"), second.extra("instance")), (Some("i-1"), Some("i-2")));
}

#[tokio::test(start_paused = true)]
async fn an_address_in_the_answer_becomes_no_origin_of_the_layer() {
    let body = r#"{"access_token":"abc","instance_url":"https://eu7.example"}"#;
    let source = Server::with(200, body).source(scheme("id", "secret").with_extra("instance_url"));
    let token = source.token().await.unwrap();
    let url = token.extra("instance_url").unwrap();
    let api = service_fn(|_: Request<Body>| async { Ok::<_, Infallible>(answer(200, "")) });
    let request = Request::get(format!("{url}/orders")).body(Body::default()).unwrap();
    let error = bound(&source).layer(api).oneshot(request).await.unwrap_err();
    let error = error.downcast_ref::<Error>().unwrap();
    assert_eq!(error.kind(), tower_outbound_auth::ErrorKind::ForeignOrigin);
}
