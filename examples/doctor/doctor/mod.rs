//! The parts of the doctor: a plan is made, the endpoint is asked, facts become findings, findings become text.

mod api;
mod args;
mod connection;
pub(crate) mod facts;
pub(crate) mod findings;
mod jwt;
mod observe;
mod plan;
mod reading;
mod render;
mod request;
mod snippets;
mod toml_text;
pub(crate) mod visit;

use self::plan::{Plan, Unusable};

/// The exit code for a command that is not understood.
pub(crate) const BAD_USAGE: u8 = 2;

/// What the command prints, and its exit code.
pub(crate) struct Outcome {
    pub(crate) text: String,
    pub(crate) code: u8,
}

/// A function that reads a variable of the environment.
pub(crate) type Environment<'a> = &'a (dyn Fn(&str) -> Option<String> + Sync);

/// The whole command. `args` are the arguments without the name of the program.
pub(crate) async fn run(args: &[String], environment: Environment<'_>) -> Outcome {
    let plan = match args::parse(args) {
        Ok(None) => return Outcome { text: args::HELP.to_owned(), code: 0 },
        Ok(Some(flags)) => Plan::new(flags),
        Err(message) => Err(Unusable::Usage(message)),
    };
    match plan {
        Ok((config, plan)) => {
            let facts = visit::visit(config, &plan, environment).await;
            let findings = findings::all(&facts);
            let code = u8::from(findings::is_wrong(&findings));
            Outcome { text: render::report(&findings, &facts, &plan), code }
        }
        Err(Unusable::Usage(message)) => Outcome {
            text: format!("{message}\n`--help` shows what the doctor understands.\n"),
            code: BAD_USAGE,
        },
        Err(Unusable::File(finding)) => Outcome { text: render::bad_file(&finding), code: 1 },
    }
}
