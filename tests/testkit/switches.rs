//! The switches of all servers, tested on each of them.

use std::time::Duration;

use http::header::{LOCATION, RETRY_AFTER};
use http::{Request, StatusCode};
use tower_outbound_auth::testkit::{
    AtlasProtocol, EmbeddedServer, MalformedAnswer, ManualClock, OAuthProtocol, RotatingProtocol,
};

use tokio::time::timeout;

use super::{Speak, call, claims, exchange, exchange_as, secs, send, status, token, until};

/// Runs a test with each server.
macro_rules! with_each_server {
    ($(async fn $name:ident<P: Speak>() $body:block)*) => {$(
        mod $name {
            use super::*;

            async fn test<P: Speak>() $body

            #[tokio::test]
            async fn atlas() {
                test::<AtlasProtocol>().await;
            }

            #[tokio::test]
            async fn oauth() {
                test::<OAuthProtocol>().await;
            }

            #[tokio::test]
            async fn rotating() {
                test::<RotatingProtocol>().await;
            }
        }
    )*};
}

async fn start<P: Speak>() -> EmbeddedServer<P> {
    EmbeddedServer::start().await.unwrap()
}

with_each_server! {
    async fn the_api_accepts_only_a_valid_token_of_this_server<P: Speak>() {
        let (clock, other) = (ManualClock::new(), start::<P>().await);
        let server = start::<P>().await.with_clock(clock.clone()).with_lifetime(3);
        let (good, foreign) = (token(&server).await, token(&other).await);
        assert_eq!(status(&send(Request::get(server.url("/a")), "").await), 401);
        for (token, expected) in [("abc", 401), (&foreign, 401), (&good, 200)] {
            assert_eq!(status(&call(&server, "/a", token).await), expected);
        }
        clock.advance(secs(3));
        assert_eq!(status(&call(&server, "/a", &good).await), 401);
        let counts = server.counts();
        assert_eq!((counts.requests, counts.accepted, counts.refused), (5, 1, 4));
        assert_eq!((counts.exchanges, counts.exchanges_succeeded), (1, 1));
    }

    async fn another_client_can_take_the_default_one_s_place<P: Speak>() {
        let default = start::<P>().await;
        let server = start::<P>().await.with_client("another", "one");
        assert_eq!((server.client_id(), server.client_secret()), ("another", "one"));
        assert_eq!(claims(&token(&server).await)["sub"], "another");
        let (id, secret) = (default.client_id(), default.client_secret());
        assert_eq!(status(&exchange_as(&server, id, secret).await), 401);
        assert_eq!(status(&call(&server, "/a", &token(&server).await).await), 200);
    }

    async fn what_is_revoked_is_refused_and_what_follows_is_not<P: Speak>() {
        let server = start::<P>().await;
        let first = token(&server).await;
        server.revoke_tokens();
        assert_eq!(status(&call(&server, "/a", &first).await), 401);
        assert_eq!(status(&call(&server, "/a", &token(&server).await).await), 200);
    }

    async fn an_exchange_meets_every_switch_of_the_token_endpoint<P: Speak>() {
        let server = start::<P>().await;
        server.refuse_credentials(true);
        assert_eq!(status(&exchange(&server).await), 401);
        server.refuse_credentials(false);

        server.begin_outage(Some(secs(7)));
        let answer = exchange(&server).await;
        assert_eq!((status(&answer), &answer.headers()[RETRY_AFTER]), (503, &"7".parse().unwrap()));
        server.end_outage();

        for malformed in MalformedAnswer::ALL {
            server.set_malformed(Some(malformed.clone()));
            let answer = exchange(&server).await;
            assert_eq!(status(&answer), 200);
            let issued = P::issued(&answer).unwrap_or_default();
            match malformed {
                MalformedAnswer::Huge => assert_eq!(issued, MalformedAnswer::CANARY),
                MalformedAnswer::TokenWithLineBreak => assert!(issued.contains("\r\n")),
                _ => assert_eq!(issued, "", "{malformed:?}"),
            }
        }
        server.set_malformed(None);

        server.set_sticky(true);
        assert_eq!(token(&server).await, token(&server).await);
        server.set_sticky(false);
        assert_ne!(token(&server).await, token(&server).await);
        assert_eq!(server.exchange_requests().len(), server.counts().exchanges);
    }

    async fn an_exchange_that_is_delayed_is_judged_when_its_delay_is_over<P: Speak>() {
        let clock = ManualClock::new();
        let server = start::<P>().await.with_clock(clock.clone());
        server.delay_exchanges(secs(5));
        let time = async {
            until(|| server.counts().exchanges == 1).await;
            server.refuse_credentials(true);
            clock.advance(secs(5));
        };
        let (answer, ()) = tokio::join!(exchange(&server), time);
        assert_eq!(status(&answer), 401);
    }

    async fn exchanges_are_under_way_together_until_they_are_answered<P: Speak>() {
        let clock = ManualClock::new();
        let server = start::<P>().await.with_clock(clock.clone());
        for most in [1, 2, 2] {
            let arrived = server.counts().exchanges;
            let time = async {
                until(|| server.counts().exchanges == arrived + most).await;
                clock.advance(secs(5));
            };
            server.delay_exchanges(secs(5));
            let exchanges = (0..most).map(|_| exchange(&server));
            tokio::join!(futures::future::join_all(exchanges), time);
            server.delay_exchanges(secs(0));
            exchange(&server).await;
            assert_eq!(server.counts().most_exchanges_under_way, most);
        }
    }

    async fn a_request_that_is_delayed_is_judged_when_it_arrives<P: Speak>() {
        let clock = ManualClock::new();
        let server = start::<P>().await.with_clock(clock.clone());
        let good = token(&server).await;
        server.delay_requests(secs(5));
        let mut request = tokio::spawn({
            let (server, good) = (server.clone(), good.clone());
            async move { call(&server, "/a", &good).await }
        });
        until(|| server.counts().accepted == 1).await;
        server.revoke_tokens();
        clock.advance(secs(4));
        let early = timeout(Duration::from_millis(20), &mut request).await;
        assert!(early.is_err(), "the answer comes too early");
        clock.advance(secs(1));
        assert_eq!(status(&request.await.unwrap()), 200);
        server.delay_requests(secs(0));
        assert_eq!(status(&call(&server, "/a", &good).await), 401);
    }

    async fn every_path_can_be_told_what_to_answer<P: Speak>() {
        let server = start::<P>().await;
        let good = token(&server).await;
        let endpoint = server.endpoint().replace(&server.url(""), "");
        let teapot = StatusCode::IM_A_TEAPOT;

        server.refuse_path("/a");
        assert_eq!(status(&call(&server, "/a", &good).await), 401);
        server.fail_path("/b", Some(teapot));
        server.fail_path(&endpoint, Some(teapot));
        assert_eq!(status(&call(&server, "/b", &good).await), 418);
        assert_eq!(status(&exchange(&server).await), 418);
        server.fail_path("/b", None);
        server.fail_path(&endpoint, None);
        assert_eq!(status(&call(&server, "/b", &good).await), 200);
        assert_eq!(status(&exchange(&server).await), 200);

        server.redirect_path(&endpoint, StatusCode::TEMPORARY_REDIRECT, "/elsewhere");
        server.redirect_path("/c", StatusCode::FOUND, "/elsewhere");
        for (answer, expected) in [(exchange(&server).await, 307), (call(&server, "/c", "").await, 302)] {
            assert_eq!((status(&answer), answer.headers()[LOCATION] == "/elsewhere"), (expected, true));
        }
        assert_eq!(status(&call(&server, "/d", &good).await), 200, "other paths are not affected");
        server.end_redirect(&endpoint);
        assert_eq!(status(&exchange(&server).await), 200);
    }

    async fn what_is_signed_with_the_server_s_key_is_judged_by_its_claims<P: Speak>() {
        let server = start::<P>().await;
        let mut claims = claims(&token(&server).await);
        claims.as_object_mut().unwrap().remove("jti");
        let good = server.sign(&claims.to_string());
        assert_eq!(status(&call(&server, "/a", &good).await), 200);
        claims["iss"] = "somebody else".into();
        let foreign = server.sign(&claims.to_string());
        assert_eq!(status(&call(&server, "/a", &foreign).await), 401);
    }

    async fn debug_of_the_server_shows_no_secret<P: Speak>() {
        let server = start::<P>().await;
        let good = token(&server).await;
        call(&server, "/a", &good).await;
        let (requests, exchanges) = (server.requests(), server.exchange_requests());
        let shown = format!("{server:?} {requests:?} {exchanges:?}");
        assert!(shown.starts_with(&format!("{}Server", name::<P>())), "{shown}");
        assert!(!shown.contains(&good) && !shown.contains(server.client_secret()));
    }
}

/// `Atlas` of `…::AtlasProtocol`.
fn name<P>() -> &'static str {
    let name = std::any::type_name::<P>().rsplit("::").next().unwrap();
    name.trim_end_matches("Protocol")
}
