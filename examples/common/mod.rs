//! Shared by the examples: fifty callers that know nothing of tokens, a revocation after half of
//! the time, and a table at the end.

use std::process::ExitCode;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};
use std::time::Duration;

use http::{Request, Response, StatusCode};
use http_body_util::BodyExt;
use tokio::task::JoinSet;
use tokio::time::sleep;
use tower::{Service, ServiceExt};
use tower_outbound_auth::exchange::Reason;
use tower_outbound_auth::testkit::{EmbeddedProtocol, EmbeddedServer, ServerCounts};
use tower_outbound_auth::token::Status;
use tower_outbound_auth::{BoxError, Recovery, Scheme, TokenSource};

const CALLERS: u64 = 50;
const REQUESTS_EACH: u64 = 10;

/// The results of the callers.
#[derive(Default)]
struct Seen {
    sent: AtomicUsize,
    ok: AtomicUsize,
    healed: AtomicUsize,
    refused_twice: AtomicUsize,
    errors: AtomicUsize,
}

/// Ten seconds of traffic. Succeeds if every caller got its answer, with no more than this many
/// exchanges. Each stack gets the same number of callers. `body` makes a request's body.
pub(crate) async fn ten_seconds_of_traffic<T, B, RB, S: Scheme, P: EmbeddedProtocol>(
    stacks: &[T],
    body: fn(String) -> B,
    source: &TokenSource<S>,
    server: &EmbeddedServer<P>,
    most_exchanges: usize,
) -> ExitCode
where
    T: Service<Request<B>, Response = Response<RB>, Error = BoxError> + Clone + Send + 'static,
    T::Future: Send,
    B: Send + 'static,
    RB: http_body::Body<Data: Send, Error: Into<BoxError>> + Send + 'static,
{
    let seen = Arc::new(Seen::default());
    let mut callers = JoinSet::new();
    for (caller, api) in (0..CALLERS).zip(stacks.iter().cycle()) {
        callers.spawn(call(caller, api.clone(), body, server.url("/v1/documents"), seen.clone()));
    }
    for second in 1..=10 {
        sleep(Duration::from_secs(1)).await;
        if second == 4 {
            server.revoke_tokens();
        }
        progress(second, &seen, &server.counts());
    }
    callers.join_all().await;

    let (status, counts) = (source.status(), server.counts());
    print_table(&seen, &status, &counts);
    let all_well = seen.ok.load(Relaxed) == (CALLERS * REQUESTS_EACH) as usize;
    let refused = seen.healed.load(Relaxed) + 2 * seen.refused_twice.load(Relaxed);
    let accounted_for = refused == counts.refused && refused > 0;
    if all_well && accounted_for && counts.exchanges <= most_exchanges {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    }
}

/// A caller. All callers begin at once. Then each sends about one request a second.
async fn call<T, B, RB>(
    caller: u64,
    mut api: T,
    body: fn(String) -> B,
    url: String,
    seen: Arc<Seen>,
) where
    T: Service<Request<B>, Response = Response<RB>, Error = BoxError>,
    RB: http_body::Body<Error: Into<BoxError>>,
{
    for number in 0..REQUESTS_EACH {
        let text = format!("document {number} of caller {caller}");
        seen.sent.fetch_add(1, Relaxed);
        let mut answer = upload(&mut api, &url, body(text.clone())).await;
        // If all tokens are revoked just after a renewal, a request may be refused with the old token
        // and with the new one. The layer does not send it a third time.
        if let Ok((StatusCode::UNAUTHORIZED, Some(Recovery::Replayed))) = answer {
            seen.refused_twice.fetch_add(1, Relaxed);
            answer = upload(&mut api, &url, body(text)).await;
        }
        match answer {
            Ok((status, recovery)) if status.is_success() => {
                seen.ok.fetch_add(1, Relaxed);
                seen.healed.fetch_add(usize::from(recovery.is_some()), Relaxed);
            }
            Ok((status, _)) => {
                seen.errors.fetch_add(1, Relaxed);
                eprintln!("caller {caller}: answered {status}");
            }
            Err(error) => {
                seen.errors.fetch_add(1, Relaxed);
                eprintln!("caller {caller}: {error}");
            }
        }
        let pause = if number == 0 { 20 * caller } else { 950 + 2 * caller };
        sleep(Duration::from_millis(pause)).await;
    }
}

/// Returns the answer's status, and what the layer did after a refusal.
async fn upload<T, B, RB>(
    api: &mut T,
    url: &str,
    body: B,
) -> Result<(StatusCode, Option<Recovery>), BoxError>
where
    T: Service<Request<B>, Response = Response<RB>, Error = BoxError>,
    RB: http_body::Body<Error: Into<BoxError>>,
{
    let request = Request::post(url).body(body)?;
    let (head, body) = api.ready().await?.call(request).await?.into_parts();
    body.collect().await.map_err(Into::into)?; // so that the connection can be used again
    Ok((head.status, head.extensions.get().copied()))
}

fn progress(second: u32, seen: &Seen, counts: &ServerCounts) {
    let (sent, ok) = (seen.sent.load(Relaxed), seen.ok.load(Relaxed));
    let revoked = if second == 4 { ", and now all tokens are revoked" } else { "" };
    println!("{second:>2} s: {sent} sent, {ok} answered, {} exchanges{revoked}", counts.exchanges);
}

fn print_table(seen: &Seen, status: &Status, counts: &ServerCounts) {
    let row = |what: &str, count: usize| println!("  {what:<40}{count:>6}");
    println!("\nthe callers");
    row("requests sent", seen.sent.load(Relaxed));
    row("answered 200", seen.ok.load(Relaxed));
    row("  of these, sent twice after a 401", seen.healed.load(Relaxed));
    row("refused with two tokens, asked again", seen.refused_twice.load(Relaxed));
    row("errors", seen.errors.load(Relaxed));
    println!("the layer");
    row("exchanges", status.counters.exchanges() as usize);
    for (what, reason) in [
        ("  for the first token", Reason::First),
        ("  ahead of expiry, no caller waiting", Reason::RefreshAhead),
        ("  in the last moments of a token", Reason::Expiring),
        ("  after a token's end", Reason::Expired),
        ("  because the API refused it", Reason::Refused),
    ] {
        row(what, status.counters.exchanges_for(reason) as usize);
    }
    row("tokens adopted from responses", status.counters.rotations_adopted as usize);
    println!("the server");
    row("exchanges", counts.exchanges);
    row("requests answered 200", counts.accepted);
    row("requests answered 401", counts.refused);
}
