//! The doctor: asks a token endpoint once, and says in plain words what came, and what is wrong.
//!
//! ```text
//! cargo run --example doctor -- --config billing.toml
//! cargo run --example doctor -- --endpoint https://idp.example/token --client-id billing \
//!     --secret file:/run/secrets/billing --api https://api.example
//! cargo run --example doctor -- --help
//! cargo run --example doctor --features test-util -- --demo
//! ```
//!
//! It shows no secret, no token and no text of a server, except an error code that the crate shows too. With `--resource`, it also
//! shows what the API says about itself. That is read before a credential is sent. The exit code is
//! 0 if all is well, 1 if something is wrong, and 2 if the command is not understood.

#[cfg(feature = "test-util")]
mod demo;
mod doctor;

use std::process::ExitCode;

#[tokio::main]
async fn main() -> ExitCode {
    let args: Vec<String> = std::env::args().skip(1).collect();
    #[cfg(feature = "test-util")]
    if args == ["--demo"] {
        return match demo::run().await {
            Ok(code) => code,
            Err(error) => {
                eprintln!("the demo failed: {error}");
                ExitCode::FAILURE
            }
        };
    }
    shown(&doctor::run(&args, &|name| std::env::var(name).ok()).await)
}

fn shown(outcome: &doctor::Outcome) -> ExitCode {
    match outcome.code {
        doctor::BAD_USAGE => eprint!("{}", outcome.text),
        _ => print!("{}", outcome.text),
    }
    ExitCode::from(outcome.code)
}
