//! What is to be asked: a file that `Config` has checked, and what the doctor may show of it.

use tower_outbound_auth::system::Config;

use super::args::{Flags, is_reference};
use super::facts::{Asked, Client, Kind};
use super::toml_text::file_of;

const ENTRA: &str = "login.microsoftonline.com";

/// The server of a cloud that knows the machine.
const METADATA: &str = "http://169.254.169.254";

/// What the doctor knows beside the `Config`.
pub(crate) struct Plan {
    pub(crate) asked: Asked,
    /// The path of the file, or the flags that stand for one.
    pub(crate) origin: Source,
    pub(crate) refresh_check: bool,
    /// The file has a proxy.
    pub(crate) has_proxy: bool,
    /// The API that is asked about itself.
    pub(crate) resource: Option<String>,
}

/// Where the plan comes from.
pub(crate) enum Source {
    File(String),
    Flags(Box<Flags>),
}

/// Why there is no plan.
pub(crate) enum Unusable {
    /// The command is not understood.
    Usage(String),
    /// The file is wrong. The text names its line.
    File(String),
}

impl Plan {
    pub(crate) fn new(flags: Flags) -> Result<(Config, Plan), Unusable> {
        let refresh_check = flags.refresh_check;
        let resource = flags.resource.clone();
        let is_oauth = flags.system.as_deref().is_none_or(|it| it == "client_credentials");
        let (text, origin) = match &flags.config {
            Some(path) => {
                let text = std::fs::read_to_string(path).map_err(|error| {
                    Unusable::Usage(format!("The file {path} cannot be read: {error}."))
                })?;
                (text, Source::File(path.clone()))
            }
            None => (file_of(&flags, refresh_check && is_oauth), Source::Flags(Box::new(flags))),
        };
        let config = toml::from_str::<Config>(&text).map_err(|error| match &origin {
            Source::File(path) => Unusable::File(described(path, &text, &error)),
            Source::Flags(_) => Unusable::Usage(sentence(&without_values(error.message()))),
        })?;
        // `Config` has read the text, so this succeeds.
        let table: toml::Table = toml::from_str(&text).unwrap_or_default();
        let (asked, has_proxy) = (asked(&table), table.contains_key("proxy"));
        Ok((config, Plan { asked, origin, refresh_check, has_proxy, resource }))
    }
}

/// The error of a file. The line itself is not shown, because it may contain a secret.
fn described(path: &str, text: &str, error: &toml::de::Error) -> String {
    let message = without_values(error.message());
    match error.span().and_then(|span| text.get(..span.start)) {
        Some(before) => format!("{path}, line {}: {message}", before.matches('\n').count() + 1),
        None => format!("{path}: {message}"),
    }
}

fn sentence(message: &str) -> String {
    format!("The options do not fit together: {message}.")
}

/// Messages of serde quote a text of the wrong type or of none of its variants. It may be a secret in a wrong place.
fn without_values(message: &str) -> String {
    let message = message.replace('\n', " ");
    for (quote, end, instead) in
        [("string \"", "\", expected", "a text"), ("variant `", "`, expected", "variant")]
    {
        if let Some((before, rest)) = message.split_once(quote) {
            let after = rest.rsplit_once(end).map_or("", |(_, after)| after);
            return format!("{before}{instead}, expected{after}");
        }
    }
    message
}

/// What may be shown of a file.
fn asked(file: &toml::Table) -> Asked {
    let kinds = [
        ("client_credentials", Kind::ClientCredentials),
        ("oauth", Kind::OAuth),
        ("entra", Kind::Entra),
        ("atlas", Kind::Atlas),
        ("rotating", Kind::Rotating),
        ("login", Kind::Login),
        ("token_file", Kind::TokenFile),
        ("google_metadata", Kind::Cloud),
        ("azure_managed_identity", Kind::Cloud),
    ];
    let found = kinds.into_iter().find_map(|(name, kind)| {
        Some((name, kind, file.get(name).and_then(toml::Value::as_table)?))
    });
    let Some((name, kind, table)) = found else { return Asked::default() };
    let text = |name: &str| table.get(name).and_then(toml::Value::as_str).map(str::to_owned);
    let steps = table.get("steps").and_then(toml::Value::as_array);
    let first = steps.and_then(|it| it.first()).and_then(|step| step.get("url"));
    let endpoint = match kind {
        Kind::Rotating => {
            text("api_root").map(|it| format!("{}/authenticate", it.trim_end_matches('/')))
        }
        Kind::Login => first.and_then(toml::Value::as_str).map(str::to_owned),
        Kind::Entra => text("tenant").map(|tenant| {
            let authority = text("authority").unwrap_or_else(|| ENTRA.to_owned());
            let scheme = if authority.contains("://") { "" } else { "https://" };
            format!("{scheme}{}/{tenant}/oauth2/v2.0/token", authority.trim_end_matches('/'))
        }),
        Kind::Cloud => {
            let by_app_service = table.get("app_service").and_then(toml::Value::as_bool);
            let metadata = by_app_service != Some(true);
            text("endpoint").or_else(|| metadata.then(|| METADATA.to_owned()))
        }
        Kind::OAuth => text("endpoint").or_else(|| text("issuer")),
        _ => text("endpoint"),
    };
    let life = ["expires_in", "expires_at"].into_iter().find_map(|name| {
        let life = table.get(name)?;
        let place = life.get("at").unwrap_or(life).as_str();
        Some(place.map_or_else(|| "the file".to_owned(), |place| format!("`{place}`")))
    });
    Asked {
        kind,
        system: text("name").filter(|_| kind == Kind::Login).unwrap_or_else(|| name.to_owned()),
        endpoint: endpoint.as_deref().map(without_query),
        is_issuer: kind == Kind::OAuth && table.contains_key("issuer"),
        client: client_of(kind, table),
        scope: text("scope").or_else(|| words(table.get("scope")?)),
        auth: text("auth"),
        token_at: text("token_member").or_else(|| text("token")),
        life: life.filter(|_| kind == Kind::Login),
        uses_refresh_tokens: table.get("refresh_tokens").and_then(toml::Value::as_bool)
            == Some(true)
            || ["refresh_endpoint", "refresh"].iter().any(|it| table.contains_key(*it)),
    }
}

/// A scope as a list.
fn words(list: &toml::Value) -> Option<String> {
    let words: Vec<_> = list.as_array()?.iter().filter_map(toml::Value::as_str).collect();
    Some(words.join(" "))
}

fn client_of(kind: Kind, table: &toml::Table) -> Client {
    match (kind, table.get("client_id")) {
        (kind, Some(toml::Value::String(id))) if has_an_id(kind) => Client::Shown(id.clone()),
        (kind, Some(id)) if has_an_id(kind) => {
            let place = id.get("from").and_then(toml::Value::as_str);
            place.filter(|it| is_reference(it)).map_or(Client::None, |it| Client::In(it.to_owned()))
        }
        (Kind::Rotating, _) => {
            let key = table.get("api_key").and_then(toml::Value::as_str);
            key.map_or(Client::None, |it| Client::In(it.to_owned()))
        }
        _ => Client::None,
    }
}

/// Whether the file has the id of a client, which is no secret (RFC 6749 section 2.2).
fn has_an_id(kind: Kind) -> bool {
    kind.is_oauth() || matches!(kind, Kind::Atlas | Kind::Cloud)
}

/// A query may contain a key.
fn without_query(url: &str) -> String {
    url.split(['?', '#']).next().unwrap_or_default().to_owned()
}
