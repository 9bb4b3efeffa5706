//! What the doctor (`examples/doctor`) says of these servers. `docs/doctor.md` has the reports.

use std::fmt::Write;

use crate::servers::{GrpcServer, Servers};
use crate::{doctor, masked};

const PAGE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/docs/doctor.md");

const HEAD: &str = "# The doctor's reports on real servers

`cargo run --example doctor -- --help` shows how to get such a report. These are on the servers of `interop`, with `PORT` for
each port and `N ms` for each time. A test compares them with this page. `DOCTOR_WRITE=1 interop/run reports` writes the page
anew. The gRPC server is not here: it is no token endpoint, and speaks only HTTP/2.
";

/// A visit: its title, the arguments beside the secret and the API, the exit code, and lines that matter.
struct Visit<'a> {
    title: &'a str,
    endpoint: String,
    client: (&'a str, &'a str),
    more: &'a [&'a str],
    code: u8,
    lines: &'a [&'a str],
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "needs node and python: run interop/run"]
async fn the_doctor_says_of_each_server_what_the_page_says() {
    let folder = std::env::temp_dir().join(format!("doctor-interop-{}", std::process::id()));
    std::fs::create_dir_all(&folder).unwrap();
    let servers = Servers::start_with(&[("TTL", "3600")]).await;
    let mock = Servers::start_with_faults().await;
    let grpc = GrpcServer::start().await;
    let visits = [
        Visit {
            title: "oidc-provider: a client with Basic",
            endpoint: servers.token_endpoint(),
            client: ("basic", "basic-secret"),
            more: &["--scope", "api:read"],
            code: 0,
            lines: &[
                "status 200, application/json",
                "lives for 1 h, as `expires_in` says",
                "scope api:read, as asked",
            ],
        },
        Visit {
            title: "oidc-provider: a wrong secret",
            endpoint: servers.token_endpoint(),
            client: ("basic", "wrong-secret"),
            more: &[],
            code: 1,
            lines: &["status 401, application/json", "by --auth post or `auth = \"post\"`"],
        },
        Visit {
            title: "oidc-provider: `--auth post`",
            endpoint: servers.token_endpoint(),
            client: ("post", "post-secret"),
            more: &["--auth", "post"],
            code: 0,
            lines: &["client authentication taken: id and secret in the body (post)"],
        },
        Visit {
            title: "oidc-provider: refresh tokens, with `--refresh-check`",
            endpoint: servers.token_endpoint(),
            client: ("refreshing", "refreshing-secret"),
            more: &["--refresh-check"],
            code: 0,
            lines: &["the refresh token works; a new token came, and a new refresh token"],
        },
        Visit {
            title: "oauth2-mock-server",
            endpoint: mock.token_endpoint(),
            client: ("doctor", "any-secret"),
            more: &[],
            code: 0,
            lines: &["status 200, application/json", "a JWT, alg RS256, with iss"],
        },
        Visit {
            title: "express: an API, and no token endpoint",
            endpoint: format!("{}/documents", servers.api()),
            client: ("basic", "basic-secret"),
            more: &[],
            code: 1,
            lines: &["a refusal without `error` (RFC 6749 section 5.2 requires it)"],
        },
    ];
    let mut page = HEAD.to_owned();
    for visit in &visits {
        let report = report(visit, folder.to_str().unwrap()).await;
        write!(page, "\n## {}\n\n```text\n{report}```\n", visit.title).unwrap();
    }
    // It is not on the page: its first frame may come before or after our request, and the cause is another one.
    let http2 = Visit {
        title: "grpcio: a server that speaks only HTTP/2",
        endpoint: format!("{}/token", grpc.url),
        client: ("basic", "basic-secret"),
        more: &[],
        code: 1,
        lines: &["could not be reached"],
    };
    report(&http2, folder.to_str().unwrap()).await;
    std::fs::remove_dir_all(&folder).unwrap();
    if std::env::var_os("DOCTOR_WRITE").is_some() {
        std::fs::write(PAGE, &page).unwrap();
    }
    let expected = std::fs::read_to_string(PAGE).unwrap_or_default();
    assert!(page == expected, "docs/doctor.md differs from:\n{page}");
}

async fn report(visit: &Visit<'_>, folder: &str) -> String {
    let (id, secret) = visit.client;
    let place = format!("{folder}/{id}");
    std::fs::write(&place, secret).unwrap();
    let place = format!("file:{place}");
    let args = ["--endpoint", &visit.endpoint, "--client-id", id, "--secret", &place];
    let args = [&args[..], &["--api", "https://api.example"], visit.more].concat();
    let args: Vec<String> = args.into_iter().map(str::to_owned).collect();
    let outcome = doctor::run(&args, &|_| None).await;
    let joined = outcome.text.split_whitespace().collect::<Vec<_>>().join(" ");
    assert_eq!(outcome.code, visit.code, "{}: {}", visit.title, outcome.text);
    assert!(!joined.contains(secret), "{}: the secret is in the report", visit.title);
    for line in visit.lines {
        assert!(joined.contains(line), "{}: {line}: {}", visit.title, outcome.text);
    }
    masked::masked(&outcome.text, folder)
}
