//! A response that demands more than a valid token says to the caller what it demands, and causes no exchange.

use http::header::WWW_AUTHENTICATE;
use http::{HeaderValue, Response};
use http_body_util::Full;
use tower::{Layer, service_fn};
use tower_outbound_auth::Recovery;
use tower_outbound_auth::scheme::{Insufficient, Judge, Verdict};

use crate::support::*;

/// From Microsoft's page on claims challenges.
const CLAIMS: &str = "Bearer realm=\"\", authorization_uri=\"https://login.microsoftonline.com/common/oauth2/authorize\", \
     error=\"insufficient_claims\", \
     claims=\"eyJhY2Nlc3NfdG9rZW4iOnsiYWNycyI6eyJlc3NlbnRpYWwiOnRydWUsInZhbHVlIjoiY3AxIn19fQ==\"";
/// From RFC 9470 section 3.
const STEP_UP: &str = "Bearer error=\"insufficient_user_authentication\", \
     error_description=\"A different authentication level is required\", acr_values=\"myACR\", max_age=\"5\"";
const SCOPE: &str = "Bearer error=\"insufficient_scope\", scope=\"reports:read reports:write\"";

/// An API that always answers like this.
fn api(
    status: u16,
    challenge: &str,
) -> impl tower::Service<
    http::Request<Body>,
    Response = Response<Body>,
    Error = std::convert::Infallible,
    Future: Send,
> + Clone
+ use<> {
    let challenge = HeaderValue::from_str(challenge).unwrap();
    service_fn(move |_| {
        let response = Response::builder().status(status).header(WWW_AUTHENTICATE, &challenge);
        let response = response.body(Full::from("why")).unwrap();
        async { Ok(response) }
    })
}

/// The demand in the response to one request, and the number of exchanges after ten.
async fn demanded(status: u16, challenge: &str) -> (Option<Insufficient>, usize) {
    let world = world();
    let service = world.layer.layer(api(status, challenge));
    let mut demands = Vec::new();
    for _ in 0..10 {
        let response = send(&service, get("/")).await.unwrap();
        assert_eq!(response.status(), status);
        assert_eq!(response.headers()[WWW_AUTHENTICATE], challenge, "untouched");
        assert_eq!(response.extensions().get::<Recovery>(), None, "{challenge}");
        demands.push(response.extensions().get::<Insufficient>().cloned());
    }
    world.source.settled().await;
    assert!(demands.iter().all(|it| *it == demands[0]));
    (demands.remove(0), world.exchange.exchanges())
}

#[tokio::test(start_paused = true)]
async fn an_api_that_always_demands_another_login_gets_one_request_per_call_and_no_new_token() {
    let (demand, exchanges) = demanded(401, STEP_UP).await;
    let Some(Insufficient::Authentication { acr_values, max_age, .. }) = demand else {
        panic!("{demand:?}")
    };
    assert_eq!((&*acr_values, max_age, exchanges), (&["myACR".to_owned()][..], Some(secs(5)), 1));
}

#[tokio::test(start_paused = true)]
async fn an_api_that_always_demands_a_scope_gets_no_new_token() {
    for status in [403, 401] {
        let (demand, exchanges) = demanded(status, SCOPE).await;
        let Some(Insufficient::Scope { scopes, .. }) = demand else { panic!("{demand:?}") };
        assert_eq!((&*scopes.join(" "), exchanges), ("reports:read reports:write", 1));
    }
}

#[tokio::test(start_paused = true)]
async fn an_api_that_always_demands_claims_gets_no_new_token() {
    let (demand, exchanges) = demanded(401, CLAIMS).await;
    let Some(Insufficient::Claims { json, .. }) = demand else { panic!("{demand:?}") };
    let expected = r#"{"access_token":{"acrs":{"essential":true,"value":"cp1"}}}"#;
    assert_eq!((&*json, exchanges), (expected, 1));
}

#[tokio::test(start_paused = true)]
async fn unreadable_claims_are_handed_on_without_a_demand_and_without_a_new_token() {
    for claims in ["claims=\"%%%\"", "claims=\"WyJ4Il0=\"", "x=y"] {
        let challenge = format!("Bearer error=\"insufficient_claims\", {claims}");
        assert_eq!(demanded(401, &challenge).await, (None, 1), "{claims}");
    }
}

#[tokio::test(start_paused = true)]
async fn other_responses_have_no_demand() {
    for (status, challenge) in [(404, SCOPE), (500, STEP_UP), (200, CLAIMS), (403, "Bearer")] {
        assert_eq!(demanded(status, challenge).await, (None, 1), "{status} {challenge}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_refusal_has_the_demand_beside_its_recovery() {
    let world = world();
    let judge = Judge::new(|response| match response.status.as_u16() {
        403 => Verdict::Refused,
        _ => Verdict::Accepted,
    });
    for (layer, status, challenge) in [
        (world.layer.clone().with_judge(judge), 403, SCOPE.to_owned()),
        (world.layer.clone(), 401, format!("Bearer error=\"invalid_token\", {SCOPE}")),
    ] {
        let response = send(&layer.layer(api(status, &challenge)), get("/")).await.unwrap();
        assert_eq!(response.extensions().get(), Some(&Recovery::Replayed), "{challenge}");
        assert!(response.extensions().get::<Insufficient>().is_some(), "{challenge}");
    }
}
