//! The platform writes a new token: by a rename, by a symbolic link, in parts, or late.

use std::collections::BTreeSet;
use std::fs;

use futures::future::join_all;

use super::*;

type Write = fn(&Folder, &str);

#[tokio::test]
async fn a_new_token_is_adopted_within_a_minute_however_it_was_written() {
    let ways: &[Write] = &[
        Folder::write,
        Folder::rename_to,
        #[cfg(unix)]
        Folder::swap_link_to,
        |folder, token| folder.write(&format!("{token}\n")),
    ];
    for write in ways {
        let setup = Setup::without_file().await;
        let mut tokens = Vec::new();
        for _ in 0..3 {
            let token = setup.issue().await;
            write(&setup.folder, &token);
            tokens.push(token);
            setup.good().await; // starts the look
            setup.good().await;
            assert_eq!(setup.seen().last(), tokens.last());
            setup.clock.advance(MINUTE);
        }
        assert_eq!(setup.looks(), 3);
        assert_eq!(setup.source.status().counters.exchanges_failed, 0);
    }
}

#[tokio::test]
async fn a_token_that_is_written_in_parts_is_never_sent_half() {
    let setup = Setup::new().await;
    let first = setup.seen()[0].clone();
    let second = setup.issue().await;
    setup.folder.write(&second[..second.len() / 2]);
    let (path, whole) = (setup.folder.token(), second.clone());
    let writer = std::thread::spawn(move || {
        std::thread::sleep(Duration::from_millis(100));
        fs::write(path, whole).unwrap();
    });
    setup.clock.advance(MINUTE);
    setup.good().await;
    writer.join().unwrap();
    setup.good().await;
    setup.clock.advance(MINUTE);
    setup.good().await;
    setup.good().await;
    assert_eq!(setup.seen(), [first.clone(), first.clone(), first.clone(), first, second]);
    assert_eq!(setup.source.status().counters.exchanges_failed, 0);
}

#[tokio::test]
async fn while_the_file_is_empty_or_gone_the_token_stays_in_use() {
    let setup = Setup::new().await;
    setup.folder.write("");
    for minute in 0..50 {
        if minute == 25 {
            setup.folder.remove();
        }
        setup.clock.advance(MINUTE);
        setup.good().await;
    }
    assert_eq!(setup.source.status().counters.exchanges_failed, 0);
    let second = setup.rewrite().await;
    setup.clock.advance(MINUTE);
    setup.good().await;
    setup.good().await;
    assert_eq!(setup.seen().last(), Some(&second));
}

/// The old token is refused from the moment of the rotation on.
#[tokio::test]
async fn a_thousand_callers_at_a_rotation_cause_one_look_and_none_of_them_fails() {
    let setup = Setup::new().await;
    let layer = AuthLayer::new(setup.source.clone()).with_origin(setup.server.origin());
    let http = Client::builder(TokioExecutor::new()).http2_only(true).build_http::<Full<Bytes>>();
    let api = layer.layer(http);
    setup.server.revoke_tokens();
    let second = setup.rewrite().await;
    let calls = (0..1_000).map(|_| {
        let request = Request::post(setup.server.url("/pods")).body(Full::from("a body")).unwrap();
        api.clone().oneshot(request)
    });
    let statuses = join_all(calls).await.into_iter().map(|it| it.unwrap().status().as_u16());
    assert_eq!(statuses.collect::<BTreeSet<_>>(), BTreeSet::from([200]));
    assert_eq!(setup.looks(), 2);
    assert_eq!(setup.seen().last(), Some(&second));
}

#[tokio::test]
async fn a_token_that_is_rewritten_only_at_its_end_costs_no_failure() {
    let setup = Setup::new().await;
    setup.clock.advance(HOUR - secs(1));
    setup.rewrite().await;
    for _ in 0..4 {
        setup.clock.advance(secs(1));
        setup.good().await;
    }
    assert_eq!(setup.source.status().counters.exchanges_failed, 0);
}
