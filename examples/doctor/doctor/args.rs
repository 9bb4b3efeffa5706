//! The arguments of the command.

use tower_outbound_auth::endpoint::TokenEndpoint;

pub(crate) const HELP: &str = r#"The doctor asks a token endpoint once, and says what came and what is wrong.

  cargo run --example doctor -- --config FILE
  cargo run --example doctor -- --endpoint URL --client-id ID --secret PLACE --api ORIGIN

  --config FILE      a TOML file, as `Config` reads it; no other option but
                     --refresh-check and --resource
  --endpoint URL     the token endpoint; with `--system rotating` the root of the API
  --client-id ID     the id of the client, or its place
  --secret PLACE     where the secret is: file:/path or env:NAME. Never the secret itself
  --api ORIGIN       where the token may be sent, such as https://api.example
                     (default for atlas and rotating: the origin of the endpoint)
  --scope SCOPE      what to ask for: words with blanks between them
  --system SYSTEM    client_credentials (default), atlas, or rotating
  --auth METHOD      basic (default), basic-percent, basic-raw, basic-form, or post
  --ca-file FILE     the only certificate authorities that the endpoint may have, as PEM
  --refresh-check    asks a second time: does a refresh token work, and do the tokens change?
  --resource URL     asks this API too, without a credential: what it says about itself (RFC 9728).
                     The authorization servers that it names are not asked
  --demo             a visit to a server of the test kit (needs --features test-util)
  --help             this text

The exit code is 0 if all is well, 1 if something is wrong, 2 if the command is not understood.
"#;

const SYSTEMS: [&str; 3] = ["client_credentials", "atlas", "rotating"];
const METHODS: [&str; 5] = ["basic", "basic-percent", "basic-raw", "basic-form", "post"];

/// The options as they are given.
#[derive(Clone, Default)]
pub(crate) struct Flags {
    pub(crate) config: Option<String>,
    pub(crate) endpoint: Option<String>,
    pub(crate) client_id: Option<String>,
    pub(crate) secret: Option<String>,
    pub(crate) api: Option<String>,
    pub(crate) scope: Option<String>,
    pub(crate) system: Option<String>,
    pub(crate) auth: Option<String>,
    pub(crate) ca_file: Option<String>,
    pub(crate) refresh_check: bool,
    pub(crate) resource: Option<String>,
}

/// Reads the arguments. None if the user asks for help.
///
/// # Errors
///
/// A sentence for the user. It never repeats a value, which may be a secret in the wrong place.
pub(crate) fn parse(args: &[String]) -> Result<Option<Flags>, String> {
    let mut flags = Flags::default();
    let mut args = args.iter().map(String::as_str);
    while let Some(arg) = args.next() {
        let place = match arg {
            "--help" | "-h" => return Ok(None),
            "--refresh-check" => {
                flags.refresh_check = true;
                continue;
            }
            "--demo" => {
                return Err("`--demo` stands alone, and needs `--features test-util`.".to_owned());
            }
            "--config" => &mut flags.config,
            "--endpoint" => &mut flags.endpoint,
            "--client-id" => &mut flags.client_id,
            "--secret" => &mut flags.secret,
            "--api" => &mut flags.api,
            "--scope" => &mut flags.scope,
            "--system" => &mut flags.system,
            "--auth" => &mut flags.auth,
            "--ca-file" => &mut flags.ca_file,
            "--resource" => &mut flags.resource,
            _ => return Err("There is an option that the doctor does not know.".to_owned()),
        };
        match args.next() {
            Some(_) if place.is_some() => return Err(format!("`{arg}` is given twice.")),
            Some(value) if !value.starts_with("--") => *place = Some(value.to_owned()),
            _ => return Err(format!("`{arg}` needs a value.")),
        }
    }
    check(&flags)?;
    Ok(Some(flags))
}

fn check(flags: &Flags) -> Result<(), String> {
    let Flags { endpoint, client_id, secret, api, scope, system, auth, ca_file, .. } = flags;
    if flags.resource.as_deref().is_some_and(|it| !is_api(it)) {
        return Err(
            "`--resource` is the URL of an API: https, or http to a literal loopback address, \
                    without a query."
                .to_owned(),
        );
    }
    let others = [endpoint, client_id, secret, api, scope, system, auth, ca_file];
    if flags.config.is_some() {
        return match others.into_iter().any(Option::is_some) {
            true => Err(
                "Beside `--config` stands no other option but `--refresh-check` and `--resource`."
                    .to_owned(),
            ),
            false => Ok(()),
        };
    }
    one_of("--system", system.as_deref(), &SYSTEMS)?;
    one_of("--auth", auth.as_deref(), &METHODS)?;
    let required = [("--endpoint", endpoint), ("--client-id", client_id), ("--secret", secret)];
    if let Some((name, _)) = required.into_iter().find(|(_, value)| value.is_none()) {
        return Err(format!("`{name}` is missing (or `--config FILE`)."));
    }
    if !secret.as_deref().is_some_and(is_reference) {
        return Err("`--secret` is the place of the secret: file:/path or env:NAME.".to_owned());
    }
    if endpoint.as_deref().is_some_and(|it| it.contains('?')) {
        return Err(
            "`--endpoint` has a query, which may contain a key: write it into a file, and use \
                    `--config`."
                .to_owned(),
        );
    }
    match system.as_deref().unwrap_or(SYSTEMS[0]) {
        "client_credentials" if api.is_none() => {
            Err("`--api` is missing: the token is sent only to that origin.".to_owned())
        }
        "client_credentials" => Ok(()),
        "rotating" if !client_id.as_deref().is_some_and(is_reference) => Err(
            "With `--system rotating` the client id is the API key, which is a secret: give its \
                 place, file:/path or env:NAME."
                .to_owned(),
        ),
        _ if scope.is_some() || auth.is_some() => {
            Err("`--scope` and `--auth` belong to client_credentials.".to_owned())
        }
        _ => Ok(()),
    }
}

/// Whether the doctor may ask this URL. A query may contain a key.
fn is_api(url: &str) -> bool {
    !url.contains(['?', '#']) && TokenEndpoint::parse(url).is_ok()
}

fn one_of(name: &str, value: Option<&str>, known: &[&str]) -> Result<(), String> {
    match value {
        Some(value) if !known.contains(&value) => {
            Err(format!("`{name}` is one of {}.", known.join(", ")))
        }
        _ => Ok(()),
    }
}

/// Whether a text is the place of a credential, and not the credential.
pub(crate) fn is_reference(text: &str) -> bool {
    text.starts_with("file:/") || text.strip_prefix("env:").is_some_and(|name| !name.is_empty())
}
