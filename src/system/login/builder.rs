//! Makes a login, from code or from a file, and checks it.

use std::collections::BTreeSet;
use std::sync::atomic::{AtomicU64, Ordering};

use http::HeaderName;
use http::header::AUTHORIZATION;
use serde::de::{Deserialize, Deserializer, Error as _};

use crate::basics::headers::interned_text;
use crate::credential::Credential;
use crate::error::Error;
use crate::system::client::flaw;
use crate::system::login::life::{End, Life};
use crate::system::login::parts::Login;
use crate::system::login::place::Place;
use crate::system::login::rule::AnswerRule;
use crate::system::login::step::{FRAMING, LoginStep};
use crate::system::login::template::{Template, is_name};
use crate::system::named::{Named, Table};

/// The most requests of one login: no known system needs more.
const MAX_STEPS: usize = 4;

/// Names that every request knows.
const KNOWN: [&str; 4] = ["now", "now_ms", "now_rfc3339", "nonce"];

/// Names that have a meaning of their own in one place.
const RESERVED: [&str; 3] = ["body", "refresh_token", "token"];

/// Ends of names that only secrets have, without signs.
const SECRETS: [&str; 7] =
    ["password", "passwd", "passphrase", "secret", "apikey", "accesskey", "privatekey"];

/// Makes a [`Login`].
#[derive(Clone, Debug, serde::Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LoginBuilder {
    name: String,
    client: Option<String>,
    #[serde(default)]
    credentials: Named<Credential>,
    steps: Vec<LoginStep>,
    refresh: Option<LoginStep>,
    token: Option<Place>,
    expires_in: Option<Life>,
    expires_at: Option<End>,
    refresh_token: Option<Place>,
    #[serde(default)]
    extra: Named<Place>,
    header: Option<String>,
    value: Option<Template>,
    refused: Option<Vec<AnswerRule>>,
    #[serde(default)]
    over: Vec<AnswerRule>,
    #[serde(default)]
    doubted: Vec<AnswerRule>,
    #[serde(skip)]
    flaw: Option<String>,
}

impl Login {
    /// Describes a login. `name` is the system's name, in logs and errors.
    ///
    /// ```
    /// use tower_outbound_auth::Credential;
    /// use tower_outbound_auth::system::{AnswerRule, Login, LoginStep};
    ///
    /// let code = LoginStep::post("https://api.example/authorize")
    ///     .json(r#"{"user": "{user}", "password": "{password}"}"#)
    ///     .take("code", "/data/code");
    /// let token = LoginStep::post("https://api.example/token").form("code", "{code}");
    /// let login = Login::builder("two-steps")
    ///     .credential("user", "billing")
    ///     .credential("password", Credential::file("/run/secrets/billing"))
    ///     .client("user")
    ///     .step(code)
    ///     .step(token)
    ///     .token("/access_token")
    ///     .expires_in("/expires_in")
    ///     .refused(AnswerRule::status(400).at("/error").is("wrong_password"))
    ///     .build()?;
    /// # let _ = login;
    /// # Ok::<_, tower_outbound_auth::Error>(())
    /// ```
    #[must_use]
    pub fn builder(name: &str) -> LoginBuilder {
        LoginBuilder::new(name)
    }
}

impl LoginBuilder {
    fn new(name: &str) -> LoginBuilder {
        LoginBuilder {
            name: name.to_owned(),
            client: None,
            credentials: Named::default(),
            steps: Vec::new(),
            refresh: None,
            token: None,
            expires_in: None,
            expires_at: None,
            refresh_token: None,
            extra: Named::default(),
            header: None,
            value: None,
            refused: None,
            over: Vec::new(),
            doubted: Vec::new(),
            flaw: None,
        }
    }

    /// A credential, with which each placeholder `{name}` is replaced. All credentials are read again before each login.
    #[must_use]
    pub fn credential(mut self, name: &str, credential: impl Into<Credential>) -> LoginBuilder {
        self.credentials.0.push((name.to_owned(), credential.into()));
        self
    }

    /// The name of the credential that says who logs in, and is no secret: a user or an id. Errors show it, and two logins
    /// with different clients never share a token. Default: none, and errors name no client.
    #[must_use]
    pub fn client(self, credential: &str) -> LoginBuilder {
        LoginBuilder { client: Some(credential.to_owned()), ..self }
    }

    /// Adds a request. The requests are sent in this order, at most four for one login. The last answer brings the token.
    #[must_use]
    pub fn step(mut self, step: LoginStep) -> LoginBuilder {
        self.steps.push(step);
        self
    }

    /// The request that is sent in place of the steps while there is a refresh token, its `{refresh_token}`. If the
    /// endpoint refuses it, the same exchange logs in again. Default: none, and refresh tokens are not used.
    #[must_use]
    pub fn refresh(self, step: LoginStep) -> LoginBuilder {
        LoginBuilder { refresh: Some(step), ..self }
    }

    /// Where the token is: a JSON pointer (`/data/token`, RFC 6901), `header:name`, `cookie:name`, or `body`. A prefix
    /// `Bearer` is removed from it.
    #[must_use]
    pub fn token(self, place: &str) -> LoginBuilder {
        let (token, flaw) = split(place.parse());
        LoginBuilder { token, ..self }.with_flaw(flaw)
    }

    /// How long a token lives: a number of seconds, or a place of one (`"/expires_in"`), or, with another unit, JSON as in
    /// a file: `{"at": "/ttl", "unit": "minutes"}`. The units are `milliseconds`, `seconds`, `minutes`, `hours` and
    /// `days`. Default: the life of a cookie, else the claims of a JWT, else the source's default lifetime. A life
    /// that cannot be read counts as unstated.
    #[must_use]
    pub fn expires_in(self, life: &str) -> LoginBuilder {
        let (expires_in, flaw) = split(read(life));
        LoginBuilder { expires_in, ..self }.with_flaw(flaw)
    }

    /// Where the moment of its expiry is: seconds or milliseconds since 1970, RFC 3339, or the date of HTTP. For a moment
    /// that names no time zone, give JSON as in a file: `{"at": "/expires", "offset": "+09:00"}`.
    #[must_use]
    pub fn expires_at(self, end: &str) -> LoginBuilder {
        let (expires_at, flaw) = split(read(end));
        LoginBuilder { expires_at, ..self }.with_flaw(flaw)
    }

    /// Where the refresh token is.
    #[must_use]
    pub fn refresh_token(self, place: &str) -> LoginBuilder {
        let (refresh_token, flaw) = split(place.parse());
        LoginBuilder { refresh_token, ..self }.with_flaw(flaw)
    }

    /// Keeps a value of the last answer for the caller: [`AccessToken::extra`](crate::AccessToken::extra) finds it by `name`.
    /// It may be absent. An address in it becomes no origin of the layer. See
    /// [`Issued::with_extra`](crate::exchange::Issued::with_extra) for the limits. Default: none.
    #[must_use]
    pub fn extra(mut self, name: &str, place: &str) -> LoginBuilder {
        let (place, flaw) = split(place.parse());
        self.extra.0.extend(place.map(|place| (name.to_owned(), place)));
        self.with_flaw(flaw)
    }

    /// The header of the API that carries the token, and its value with the placeholder `{token}`. Default: `authorization`
    /// with `Bearer {token}`.
    #[must_use]
    pub fn header(self, name: &str, value: &str) -> LoginBuilder {
        let (value, flaw) = split(Template::parse(value));
        LoginBuilder { header: Some(name.to_owned()), value, ..self }.with_flaw(flaw)
    }

    /// An answer that refuses the credentials. The next attempt then waits as long as after any refusal. Default: a 401 or
    /// a 403. The first call replaces the default.
    #[must_use]
    pub fn refused(mut self, rule: AnswerRule) -> LoginBuilder {
        self.refused.get_or_insert_default().push(rule);
        self
    }

    /// A response of the API that says that the token is over. A 401, and what else
    /// [`is_refusal`](crate::scheme::ResponseHead::is_refusal) knows, always says so. For a rule about a body, put
    /// [`Login::inspect_body`] below the layer.
    #[must_use]
    pub fn over(mut self, rule: AnswerRule) -> LoginBuilder {
        self.over.push(rule);
        self
    }

    /// A response of the API that may mean that the token is over, but mostly does not; see
    /// [`Verdict::Doubted`](crate::scheme::Verdict::Doubted).
    #[must_use]
    pub fn doubted(mut self, rule: AnswerRule) -> LoginBuilder {
        self.doubted.push(rule);
        self
    }

    fn with_flaw(self, flaw: Option<String>) -> LoginBuilder {
        LoginBuilder { flaw: self.flaw.or(flaw), ..self }
    }

    /// The login.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Configuration`](crate::ErrorKind::Configuration) with the step and the name that are wrong. It does not
    /// contain the texts of the steps.
    pub fn build(self) -> Result<Login, Error> {
        let name = self.name.clone();
        self.checked().map_err(|flaw| Error::configuration(format!("the login `{name}`: {flaw}")))
    }

    fn checked(self) -> Result<Login, String> {
        self.check()?;
        let (header, around) = self.presentation()?;
        let token = self.token.ok_or("`token`, the place of the token, is missing")?;
        let name = interned_text(&self.name).unwrap_or("login");
        let (names, credentials): (Vec<_>, Vec<_>) = self.credentials.0.into_iter().unzip();
        let client = self.client.and_then(|client| names.iter().position(|name| *name == client));
        Ok(Login {
            name,
            client,
            names,
            credentials,
            number: next_number(),
            steps: self.steps,
            refresh: self.refresh,
            token,
            expires_in: self.expires_in,
            expires_at: self.expires_at,
            refresh_token: self.refresh_token,
            extra: self.extra,
            header,
            around,
            refused: self.refused.unwrap_or_else(|| vec![AnswerRule::status(401).or_status(403)]),
            over: self.over,
            doubted: self.doubted,
        })
    }

    /// The header, and the texts before and after the token.
    fn presentation(&self) -> Result<(HeaderName, (String, String)), String> {
        let name = match &self.header {
            Some(name) => name.parse().map_err(|_| format!("`{name}` is no name of a header"))?,
            None => AUTHORIZATION,
        };
        if FRAMING.contains(&name) {
            return Err(format!("the header `{name}` cannot carry a token: the client sets it"));
        }
        let default = if name == AUTHORIZATION { "Bearer {token}" } else { "{token}" };
        let value = match &self.value {
            Some(value) => value.clone(),
            None => Template::parse(default)?,
        };
        let around = value.around("token").filter(|(before, after)| {
            [before, after]
                .into_iter()
                .all(|it| it.chars().all(|c| c == ' ' || c.is_ascii_graphic()))
        });
        let around = around.ok_or(
            "`value`, the value of the header, must have `{token}` once, no other placeholder, and only ASCII",
        )?;
        Ok((name, around))
    }

    fn check(&self) -> Result<(), String> {
        if let Some(flaw) = &self.flaw {
            return Err(flaw.clone());
        }
        if self.name.is_empty()
            || !self.name.chars().all(|c| c.is_ascii_alphanumeric() || "-_.".contains(c))
        {
            return Err("its name has letters, digits, `-`, `_` and `.`".to_owned());
        }
        let most = MAX_STEPS - usize::from(self.refresh.is_some());
        if self.steps.is_empty() || self.steps.len() > most {
            return Err(format!(
                "it has one to {most} steps: one login has at most {MAX_STEPS} requests, a refresh among them"
            ));
        }
        if self.refresh.is_some() != self.refresh_token.is_some() {
            return Err(
                "`refresh`, a request, and `refresh_token`, a place in an answer, need each other"
                    .to_owned(),
            );
        }
        for (what, rules) in [
            ("refused", &self.refused),
            ("over", &Some(self.over.clone())),
            ("doubted", &Some(self.doubted.clone())),
        ] {
            if let Some(flaw) = rules.iter().flatten().find_map(AnswerRule::flaw) {
                return Err(format!("a rule of `{what}`: {flaw}"));
            }
        }
        self.check_names()
    }

    /// Each placeholder has a value where it stands, and each credential is used.
    fn check_names(&self) -> Result<(), String> {
        let mut known: BTreeSet<&str> = KNOWN.into_iter().collect();
        let mut used = BTreeSet::new();
        for (name, credential) in &self.credentials.0 {
            let checked = credential.check(&format!("credential `{name}`"), flaw);
            checked.map_err(|error| error.to_string())?;
            if !is_name(name) || RESERVED.contains(&&**name) || !known.insert(name) {
                return Err(format!(
                    "a credential cannot have the name `{name}`: use letters, digits and `_`, and no name twice"
                ));
            }
        }
        if let Some(client) =
            self.client.as_deref().filter(|client| self.credentials.get(client).is_none())
        {
            return Err(format!("`client` names `{client}`, which is none of the credentials"));
        }
        used.extend(self.client.as_deref());
        if let Some(refresh) = &self.refresh {
            let mut known = known.clone();
            known.insert("refresh_token");
            check_step(refresh, &known, &mut used).map_err(|flaw| format!("`refresh`: {flaw}"))?;
            if !refresh.take.0.is_empty() {
                return Err("`refresh`: a refresh takes nothing for a later step".to_owned());
            }
        }
        for (number, step) in self.steps.iter().enumerate() {
            let wrong = |flaw| format!("step {}: {flaw}", number + 1);
            check_step(step, &known, &mut used).map_err(wrong)?;
            for (name, _) in &step.take.0 {
                if RESERVED.contains(&&**name) || !known.insert(name) {
                    return Err(wrong(format!("`take` gives the name `{name}` a second meaning")));
                }
            }
        }
        match self.credentials.0.iter().find(|(name, _)| !used.contains(&**name)) {
            Some((name, _)) => Err(format!(
                "the credential `{name}` is used nowhere: write `{{{name}}}` where it belongs"
            )),
            None => Ok(()),
        }
    }
}

/// Adds the names of the step's placeholders to `used`.
fn check_step<'a>(
    step: &'a LoginStep,
    known: &BTreeSet<&str>,
    used: &mut BTreeSet<&'a str>,
) -> Result<(), String> {
    if let Some(flaw) = step.flaw() {
        return Err(flaw);
    }
    let mut with_computed = known.clone();
    for (name, _) in &step.compute.0 {
        if RESERVED.contains(&&**name) || !with_computed.insert(name) {
            return Err(format!("`compute` gives the name `{name}` a second meaning"));
        }
    }
    let computed = step.compute.0.iter().flat_map(|(_, it)| it.templates());
    for name in computed.flat_map(Template::names) {
        let has_body = name == "body" && step.has_body();
        if !has_body && !known.contains(name) {
            return Err(unknown(name, known));
        }
        used.insert(name);
    }
    for (name, text) in step.texts() {
        for placeholder in text.names() {
            if !with_computed.contains(placeholder) {
                return Err(unknown(placeholder, &with_computed));
            }
            used.insert(placeholder);
        }
        if is_secret(name) && is_literal(text) {
            return Err(written_secret(name));
        }
    }
    let written = step.url.literals().chain(step.numbers());
    if let Some(name) = written.into_iter().find(|name| is_secret(name)) {
        return Err(written_secret(name));
    }
    if step.compute.0.iter().filter_map(|(_, it)| it.key()).any(is_literal) {
        return Err(written_secret("key"));
    }
    let signed = step
        .compute
        .0
        .iter()
        .filter(|(_, it)| it.templates().flat_map(Template::names).any(|it| it == "body"));
    for (name, _) in signed {
        if step.body_texts().flat_map(Template::names).any(|it| it == name) {
            return Err(format!(
                "`{name}` is computed of the body, so it cannot stand in the body"
            ));
        }
    }
    Ok(())
}

fn is_secret(name: &str) -> bool {
    let letters: String = name.chars().filter(char::is_ascii_alphanumeric).collect();
    SECRETS.iter().any(|end| letters.to_ascii_lowercase().ends_with(end))
}

fn is_literal(text: &Template) -> bool {
    text.names().next().is_none() && !text.is_empty()
}

fn written_secret(name: &str) -> String {
    format!(
        "`{name}` seems to be a secret, and its value is written here: add a credential, such as `file:/run/secrets/x` or \
         `env:NAME`, and write its name in single braces"
    )
}

fn unknown(name: &str, known: &BTreeSet<&str>) -> String {
    let known: Vec<_> = known.iter().map(|name| format!("`{name}`")).collect();
    format!("`{{{name}}}` has no value here; there are {}", known.join(", "))
}

/// Two logins of one definition may have different values as credentials, so each has a number.
fn next_number() -> u64 {
    static NEXT: AtomicU64 = AtomicU64::new(1);
    NEXT.fetch_add(1, Ordering::Relaxed)
}

fn split<T>(read: Result<T, String>) -> (Option<T>, Option<String>) {
    match read {
        Ok(value) => (Some(value), None),
        Err(flaw) => (None, Some(flaw)),
    }
}

/// Reads JSON, or a text that is no JSON as a text.
fn read<T: for<'de> Deserialize<'de>>(text: &str) -> Result<T, String> {
    let json = match text.starts_with('{') || text.parse::<f64>().is_ok() {
        true => serde_json::from_str(text),
        false => serde_json::from_value(text.into()),
    };
    json.map_err(|error| error.to_string())
}

/// Checks the login while it is read, so that the error of a file names the place.
impl<'de> Deserialize<'de> for Login {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Login, D::Error> {
        let Table(login) = Table::<LoginBuilder>::deserialize(deserializer)?;
        login.build().map_err(D::Error::custom)
    }
}
