//! What each kind of server costs through each stack: the table in `manual::dpop`.

use bytes::Bytes;
use futures::stream;
use http::{Method, Request};
use http_body_util::Full;
use hyper_util::client::legacy::Client;
use hyper_util::rt::TokioExecutor;
use tower::{Layer, ServiceExt};
use tower_outbound_auth::system::OAuth;
use tower_outbound_auth::{AuthLayer, BoxError, Origin};

use super::dpop;
use super::socket::{Socket, builder};

const MANUAL: &str = include_str!("../../src/manual/dpop.rs");

/// What a server does with nonces.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Kind {
    NoNonces,
    Challenge401,
    Challenge400,
    NextInASuccess,
    ValidOnce,
    OneHost,
    NothingAccepted,
}

#[derive(Clone, Copy, Debug)]
enum Stack {
    Hyper,
    Axum,
    Tonic,
    Reqwest,
    ReqwestMiddleware,
}

const STACKS: [Stack; 5] =
    [Stack::Hyper, Stack::Axum, Stack::Tonic, Stack::Reqwest, Stack::ReqwestMiddleware];

/// Each kind, its words in the table, and the nonces that the token endpoint and the API must have seen after three calls.
const KINDS: [(Kind, &str, &[&str], &[&str], [u16; 3]); 7] = [
    (Kind::NoNonces, "no nonces", &["-"], &["-", "-", "-"], [200; 3]),
    (
        Kind::Challenge401,
        "`use_dpop_nonce` in a 401, at both",
        &["-", "as"],
        &["-", "rs", "rs", "rs"],
        [200; 3],
    ),
    (
        Kind::Challenge400,
        "`use_dpop_nonce` in a 400, at both",
        &["-", "as"],
        &["-", "rs", "rs", "rs"],
        [200; 3],
    ),
    (
        Kind::NextInASuccess,
        "the next nonce in a success of the API",
        &["-"],
        &["-", "next", "next"],
        [200; 3],
    ),
    (
        Kind::ValidOnce,
        "each nonce of the API is valid once",
        &["-"],
        &["-", "n0", "n1", "n2"],
        [200; 3],
    ),
    (
        Kind::OneHost,
        "both on one host, with nonces of their own",
        &["-", "as"],
        &["-", "rs", "rs", "rs"],
        [200; 3],
    ),
    (
        Kind::NothingAccepted,
        "the API wants a nonce and accepts none",
        &["-"],
        &["-", "rs", "rs", "rs"],
        [401; 3],
    ),
];

async fn server(kind: Kind) -> Socket {
    let socket = match kind {
        Kind::OneHost => Socket::start().await,
        _ => Socket::with_an_issuer().await,
    };
    let mut state = socket.server.state();
    match kind {
        Kind::NoNonces => {}
        Kind::Challenge401 | Kind::Challenge400 | Kind::OneHost => {
            let status = if kind == Kind::Challenge400 { 400 } else { 401 };
            (state.endpoint.challenge_status, state.api.challenge_status) = (status, status);
            state.endpoint.demand("as");
            state.api.demand("rs");
        }
        Kind::NextInASuccess => state.api.hands_out = Some("next".to_owned()),
        Kind::ValidOnce => {
            state.api.demand("n0");
            state.api.once = true;
        }
        Kind::NothingAccepted => {
            state.api.refuses = Some("use_dpop_nonce");
            state.api.hands_out = Some("rs".to_owned());
        }
    }
    drop(state);
    socket
}

/// Sends `body`, and returns the status that the caller gets.
async fn call(stack: Stack, layer: &AuthLayer<OAuth>, socket: &Socket) -> u16 {
    let url = socket.url("/pkg.Service/Call");
    match stack {
        Stack::Hyper => {
            let client = Client::builder(TokioExecutor::new()).build_http::<Full<Bytes>>();
            let request = Request::post(url).body(Full::from("body")).unwrap();
            layer.layer(client).oneshot(request).await.unwrap().status().as_u16()
        }
        Stack::Axum => {
            let client = Client::builder(TokioExecutor::new()).build_http::<axum::body::Body>();
            let parts = ["bo", "dy"].map(Ok::<_, BoxError>);
            let body = axum::body::Body::from_stream(stream::iter(parts));
            let request = Request::post(url).body(body).unwrap();
            layer.layer(client).oneshot(request).await.unwrap().status().as_u16()
        }
        Stack::Tonic => {
            let endpoint = tonic::transport::Endpoint::from_shared(socket.origin.clone()).unwrap();
            let service = layer.clone().for_tonic().layer(endpoint.connect().await.unwrap());
            let body = tonic::body::Body::new(Full::from("body"));
            let request = Request::post("/pkg.Service/Call").body(body).unwrap();
            service.oneshot(request).await.unwrap().status().as_u16()
        }
        Stack::Reqwest => {
            let client = layer.reqwest(builder()).unwrap();
            let mut request = reqwest::Request::new(Method::POST, url.parse().unwrap());
            *request.body_mut() = Some("body".into());
            client.oneshot(request).await.unwrap().status().as_u16()
        }
        Stack::ReqwestMiddleware => {
            let client = layer.reqwest_client(builder()).unwrap();
            client.post(url).body("body").send().await.unwrap().status().as_u16()
        }
    }
}

/// Three calls of one layer. Returns what the table shows: requests at the token endpoint, requests at the API, and what the
/// callers got.
async fn cell(row: (Kind, &str, &[&str], &[&str], [u16; 3]), stack: Stack) -> String {
    let (kind, _, at_the_endpoint, at_the_api, expected) = row;
    let socket = server(kind).await;
    let dpop = dpop().htu_base(Origin::relative(), &socket.origin).unwrap();
    let layer = socket.layer(dpop).with_origin(Origin::relative());
    let mut statuses = [0; 3];
    for status in &mut statuses {
        *status = call(stack, &layer, &socket).await;
        if kind == Kind::NextInASuccess {
            socket.server.state().api.demand("next"); // from the second call on
        }
    }
    let state = socket.server.state();
    let seen = |nonces: &[Option<String>]| -> Vec<String> {
        nonces.iter().map(|it| it.clone().unwrap_or_else(|| "-".to_owned())).collect()
    };
    assert_eq!(statuses, expected, "{kind:?} {stack:?}");
    assert_eq!(seen(&state.endpoint.nonces), at_the_endpoint, "{kind:?} {stack:?}");
    assert_eq!(seen(&state.api.nonces), at_the_api, "{kind:?} {stack:?}");
    assert_eq!(state.wrong, <[&str; 0]>::default(), "{kind:?} {stack:?}");
    assert!(state.bodies.iter().all(|it| it == "body"), "{kind:?} {stack:?}");
    assert_eq!((state.forms.len(), state.bodies.len()), (at_the_endpoint.len(), at_the_api.len()));
    let counters = layer.source().status().counters;
    let challenges = if kind == Kind::NothingAccepted { 1 } else { at_the_api.len() as u64 - 3 };
    assert_eq!((counters.exchanges(), counters.new_proofs), (1, challenges), "{kind:?} {stack:?}");
    assert_eq!(counters.refusals, 0, "{kind:?} {stack:?}");
    let [first, second, third] = statuses;
    format!("{} + {}: {first} {second} {third}", state.forms.len(), state.bodies.len())
}

/// `cargo test --all-features --test dpop table -- --nocapture` prints the table.
#[tokio::test]
async fn each_kind_of_server_costs_through_each_stack_what_the_manual_says() {
    let mut lines = vec![
        "| server | hyper | axum | tonic | reqwest | reqwest-middleware |".to_owned(),
        "|---|---|---|---|---|---|".to_owned(),
    ];
    for row in KINDS {
        let mut line = format!("| {} |", row.1);
        for stack in STACKS {
            line = format!("{line} {} |", cell(row, stack).await);
        }
        lines.push(line);
    }
    let table: String = lines.iter().map(|line| format!("//! {line}\n")).collect();
    println!("{table}");
    assert!(MANUAL.contains(&table), "write this table into src/manual/dpop.rs");
}
