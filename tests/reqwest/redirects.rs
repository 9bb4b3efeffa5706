//! Redirects within the origins of the layer are followed.

use http::Request;
use hyper::body::Incoming;
use tower::{Service, ServiceExt};
use tower_outbound_auth::Origin;

use super::adapters::{Adapter, CANARY, layer};
use super::server::{Answer, Scheme, Server, answer, builder, contains, redirect};

/// `/1` redirects to `/2` and so on, up to `/0`, with absolute and relative URLs in turn. Each path needs
/// the credential.
async fn stairs(request: Request<Incoming>) -> Answer {
    if request.headers().get("token").is_none_or(|token| token != CANARY) {
        return answer(401, "");
    }
    match request.uri().path()[1..].parse::<u32>().unwrap() {
        0 => answer(200, "arrived"),
        step if step % 2 == 0 => redirect(302, &format!("/{}", step - 1)),
        step => {
            let host = request.headers()["host"].to_str().unwrap();
            redirect(308, &format!("https://{host}/{}", step - 1))
        }
    }
}

#[tokio::test]
async fn redirects_within_an_origin_are_followed_with_the_credential_and_the_final_url_is_kept() {
    for adapter in Adapter::ALL {
        let home = Server::start(Scheme::Https, stairs).await;
        let (layer, exchange) = layer("token", &home.origin);
        exchange.set_sticky(Some(CANARY));
        let answer = adapter.over(layer).get(&home.url("/10")).await.unwrap();
        assert_eq!(answer.status(), 200, "{adapter:?}");
        if adapter != Adapter::Http {
            assert_eq!(answer.url().as_str(), home.url("/0"), "{adapter:?}");
        }
        assert_eq!(answer.remote_addr().unwrap().to_string(), home.origin["https://".len()..]);
        assert_eq!(answer.text().await.unwrap(), "arrived");
        assert_eq!(exchange.exchanges(), 1);
    }
}

#[tokio::test]
async fn at_most_ten_redirects_are_followed() {
    let home = Server::start(Scheme::Https, stairs).await;
    let (layer, exchange) = layer("token", &home.origin);
    exchange.set_sticky(Some(CANARY));
    let caller = Adapter::Constructor.over(layer);
    assert_eq!(caller.get(&home.url("/10")).await.unwrap().status(), 200);
    let error = caller.get(&home.url("/11")).await.unwrap_err();
    assert!(error.downcast::<reqwest::Error>().unwrap().is_redirect());
}

#[tokio::test]
async fn a_redirect_between_two_origins_of_the_layer_is_returned_to_the_caller() {
    for header in ["token", "authorization"] {
        let other = Server::start(Scheme::Https, |_| async { answer(200, "") }).await;
        let away = other.url("/");
        let home = Server::start(Scheme::Https, move |_| {
            let answer = redirect(307, &away);
            async move { answer }
        });
        let home = home.await;
        let (layer, exchange) = layer(header, &home.origin);
        let layer = layer.with_origin(Origin::parse(&other.origin).unwrap());
        let answer = Adapter::Constructor.over(layer).get(&home.url("/")).await.unwrap();
        assert_eq!(answer.status(), 307);
        assert_eq!(other.read(), b"");
        assert_eq!(exchange.exchanges(), 1);
    }
}

#[tokio::test]
async fn a_client_that_was_vouched_for_may_go_to_another_origin_of_the_layer() {
    let other = Server::start(Scheme::Http, |_| async { answer(200, "served") }).await;
    let away = other.url("/");
    let home = Server::start(Scheme::Http, move |_| {
        let answer = redirect(307, &away);
        async move { answer }
    });
    let home = home.await;
    for is_ours in [true, false] {
        let (layer, _) = layer("token", &home.origin);
        let ours = layer.clone().with_origin(Origin::parse(&other.origin).unwrap());
        let caller = Adapter::HandedOver.over(if is_ours { ours } else { layer });
        assert_eq!(caller.get(&home.url("/")).await.is_ok(), is_ours);
    }
}

#[tokio::test]
async fn a_client_made_by_the_layer_follows_no_foreign_redirect_for_other_requests_either() {
    let elsewhere = Server::start(Scheme::Http, |request| async move {
        if request.uri() == "/again" { answer(200, "") } else { redirect(302, "/again") }
    });
    let elsewhere = elsewhere.await;
    let (layer, _) = layer("token", "https://api.example");
    let mut api = layer.reqwest(builder()).unwrap();
    let bare = http::Request::get(elsewhere.url("/")).extension(tower_outbound_auth::Exempt);
    let bare: reqwest::Request = bare.body("").unwrap().try_into().unwrap();
    assert_eq!(api.ready().await.unwrap().call(bare).await.unwrap().status(), 302);
    assert!(!contains(&elsewhere.read(), "/again"));
}
