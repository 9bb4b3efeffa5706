//! A refusal waits for a response that may bring the successor, and no longer than a second.

use super::*;

/// An API that lets go of a token as soon as it has handed out the next, and is in no hurry to send it.
fn grace_zero(first: &str) -> impl Fn(Request<Body>) -> Option<Response<Body>> + Clone {
    let good = Arc::new(Mutex::new((first.to_owned(), 0)));
    move |request| {
        let value = request.headers()[AUTHORIZATION].to_str().unwrap().to_owned();
        let mut good = good.lock().unwrap();
        if value.strip_prefix("Bearer ") != Some(&good.0) {
            return None;
        }
        good.1 += 1;
        let mut next = claims(1);
        next["jti"] = good.1.into();
        good.0 = signed(&next);
        Some(handing_out(&good.0))
    }
}

#[tokio::test(start_paused = true)]
async fn a_burst_costs_no_exchange_though_refusals_arrive_before_the_successor() {
    let world = rotating(Adopt::EveryNewer);
    let first = world.source.token().await.unwrap();
    let judge = grace_zero(first.expose());
    let api = service_fn(move |request: Request<Body>| {
        let answer = judge(request);
        async move {
            // What is refused is refused at once; what is accepted takes its time.
            match answer {
                Some(answer) => {
                    tokio::time::sleep(millis(200)).await;
                    Ok::<_, BoxError>(answer)
                }
                None => Ok(Response::builder().status(401).body(Body::default()).unwrap()),
            }
        }
    });
    let service = world.layer.layer(api);
    for burst in 1..=5_u64 {
        let start = now();
        let all = futures::future::join_all((0..50).map(|_| send(&service, get("/")))).await;
        let good = all.into_iter().filter(|response| response.as_ref().unwrap().status() == 200);
        assert_eq!(good.count(), 2, "one with the old token, one with its successor");
        assert!(start.elapsed() < secs(1));
        assert_eq!(world.counts(), (2 * burst, 0));
    }
    assert_eq!(*world.exchanges.lock().unwrap(), 1);
}

#[tokio::test(start_paused = true)]
async fn a_revocation_waits_for_responses_that_may_bring_the_successor_and_no_longer_than_a_second()
{
    // How much longer another request with the revoked token is under way, and what a refusal waits.
    for (other, waited) in [(None, 0), (Some(400), 400), (Some(60_000), 1_000)] {
        let world = rotating(Adopt::EveryNewer);
        let first = world.source.token().await.unwrap().expose().to_owned();
        let api = service_fn(move |request: Request<Body>| {
            let revoked = request.headers()[AUTHORIZATION].to_str().unwrap().ends_with(&first);
            let slow = other.filter(|_| request.uri().path() == "/slow");
            async move {
                tokio::time::sleep(millis(slow.map_or(0, |slow| slow + 2_000))).await;
                let status = if revoked { 401 } else { 200 };
                Ok::<_, BoxError>(Response::builder().status(status).body(Body::default()).unwrap())
            }
        });
        let service = world.layer.layer(api);
        let slow = other.map(|_| tokio::spawn(send(&service, get("/slow"))));
        tokio::time::sleep(secs(2)).await;
        let start = now();
        assert_eq!(send(&service, get("/")).await.unwrap().status(), 200);
        assert_eq!(start.elapsed(), millis(waited + 1), "the wait and the exchange");
        assert_eq!(*world.exchanges.lock().unwrap(), 2);
        if let Some(slow) = slow {
            slow.abort();
        }
    }
}

/// Requests are counted by generation, in sixteen places: what is said of a token from long ago is not said of
/// the current one.
#[tokio::test(start_paused = true)]
async fn a_late_refusal_of_a_token_from_sixteen_generations_ago_costs_no_second_exchange() {
    let world = rotating(Adopt::EveryNewer);
    let refusal = || Response::builder().status(401).body(Body::default()).unwrap();
    world.next().await;
    let late = world.request(100, refusal());
    let others = async {
        for n in 1..=16 {
            tokio::time::sleep(secs(1)).await;
            world.request(0, handing_out(&signed(&claims(n)))).await;
        }
        assert_eq!(world.source.status().generation.unwrap().number(), 17);
        tokio::time::sleep(secs(90)).await; // the late refusal has come
        let brings_the_successor = world.request(2, handing_out(&signed(&claims(106))));
        let refused = async {
            tokio::time::sleep(millis(1_500)).await;
            world.request(0, refusal()).await
        };
        let (_, (token, response)) = tokio::join!(brings_the_successor, refused);
        assert_eq!((&*token, response.status().as_u16()), (&*signed(&claims(106)), 200));
    };
    tokio::join!(late, others);
    assert_eq!(*world.exchanges.lock().unwrap(), 1, "the successor was on its way");
}

/// There is nothing to wait for any more: within its pause, the refusal would cause no exchange.
#[tokio::test(start_paused = true)]
async fn when_an_exchange_has_failed_nobody_waits_for_a_successor_any_longer() {
    let mut first = Some(Issued::new(signed(&claims(0))));
    let login = Mutex::new(move || {
        let down = || ExchangeError::new(ExchangeErrorKind::Unreachable, "down");
        first.take().ok_or_else(down)
    });
    let login = exchange::from_fn(move || std::future::ready(login.lock().unwrap()()));
    let rotation = Rotation::in_header(AUTHORIZATION);
    let scheme = Jwts(HeaderScheme::bearer(), rotation, Arc::default(), Arc::default());
    let source = TokenSource::builder(scheme, login).clock(TokioClock::new()).build();
    let layer = AuthLayer::new(source.clone()).with_origin(Origin::parse(API).unwrap());
    let service = layer.layer(service_fn(|request: Request<Body>| async move {
        let slow = request.uri().path() == "/slow";
        tokio::time::sleep(secs(if slow { 60 } else { 0 })).await;
        Ok::<_, BoxError>(Response::builder().status(401).body(Body::default()).unwrap())
    }));
    source.token().await.unwrap();
    let due = source.status().next_attempt_in.unwrap();
    tokio::time::sleep(due - millis(2_400)).await;
    let slow = tokio::spawn(send(&service, get("/slow")));
    tokio::time::sleep(secs(2)).await;
    let other = tokio::spawn(async move {
        tokio::time::sleep(millis(401)).await;
        source.token().await // which is due for its successor
    });
    let start = now();
    assert_eq!(send(&service, get("/")).await.unwrap().status(), 401);
    assert_eq!(start.elapsed(), millis(401));
    other.await.unwrap().unwrap();
    slow.abort();
}

#[tokio::test(start_paused = true)]
async fn requests_that_come_after_the_first_refusal_are_not_waited_for() {
    let world = rotating(Adopt::EveryNewer);
    let first = world.source.token().await.unwrap().expose().to_owned();
    let api = service_fn(move |request: Request<Body>| {
        let revoked = request.headers()[AUTHORIZATION].to_str().unwrap().ends_with(&first);
        async move {
            tokio::time::sleep(millis(20)).await;
            let status = if revoked { 401 } else { 200 };
            Ok::<_, BoxError>(Response::builder().status(status).body(Body::default()).unwrap())
        }
    });
    let service = world.layer.layer(api);
    tokio::time::sleep(secs(2)).await;
    // Two hundred a second, so that some are always on their way.
    let calls = (0..200).map(|nth| {
        let service = service.clone();
        async move {
            tokio::time::sleep(millis(5 * nth)).await;
            let start = now();
            assert_eq!(send(&service, get("/")).await.unwrap().status(), 200);
            start.elapsed()
        }
    });
    let slowest = futures::future::join_all(calls).await.into_iter().max().unwrap();
    assert!(slowest <= millis(100), "{slowest:?}");
    assert_eq!(*world.exchanges.lock().unwrap(), 2);
}

#[tokio::test(start_paused = true)]
async fn a_response_that_never_comes_does_not_delay_a_renewal_for_ever() {
    let world = rotating(Adopt::EveryNewer);
    let first = world.source.token().await.unwrap().expose().to_owned();
    let api = service_fn(move |request: Request<Body>| {
        let revoked = request.headers()[AUTHORIZATION].to_str().unwrap().ends_with(&first);
        let hangs = request.uri().path() == "/hang";
        async move {
            if hangs {
                std::future::pending::<()>().await;
            }
            let status = if revoked { 401 } else { 200 };
            Ok::<_, BoxError>(Response::builder().status(status).body(Body::default()).unwrap())
        }
    });
    let service = world.layer.clone().with_replay(Off).layer(api);
    let hanging = tokio::spawn(send(&service, get("/hang")));
    tokio::time::sleep(secs(2)).await;
    let refused = send(&service, post("/", "cannot be sent again")).await.unwrap();
    assert_eq!(refused.status(), 401);
    tokio::time::sleep(millis(1_100)).await;
    assert_eq!(send(&service, get("/")).await.unwrap().status(), 200);
    assert_eq!(*world.exchanges.lock().unwrap(), 2);
    hanging.abort();
}

/// The refused request is itself one of those that a renewal would wait for, until its response has been read.
#[tokio::test(start_paused = true)]
async fn a_request_that_cannot_be_sent_again_does_not_keep_its_own_renewal_waiting() {
    let world = rotating(Adopt::EveryNewer);
    world.source.token().await.unwrap();
    let api = service_fn(async |_: Request<Body>| {
        let refusal = Response::builder().status(StatusCode::UNAUTHORIZED);
        Ok::<_, BoxError>(refusal.body(Body::default()).unwrap())
    });
    let service = world.layer.clone().with_replay(Off).layer(api);
    assert_eq!(send(&service, get("/")).await.unwrap().status(), 401);
    world.source.settled().await;
    assert_eq!(
        *world.exchanges.lock().unwrap(),
        2,
        "it is under way when the refusal is handed on"
    );
}
