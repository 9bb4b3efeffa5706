//! Makes a login, from code or from a file, and checks it.

use std::sync::atomic::{AtomicU64, Ordering};

use http::HeaderName;
use http::header::AUTHORIZATION;
use serde::de::{Deserialize, Deserializer, Error as _};

use crate::basics::headers::interned_text;
use crate::credential::Credential;
use crate::error::Error;
use crate::system::login::life::{End, Life};
use crate::system::login::parts::Login;
use crate::system::login::place::Place;
use crate::system::login::rule::AnswerRule;
use crate::system::login::step::{FRAMING, LoginStep};
use crate::system::login::template::Template;
use crate::system::named::{Named, Table};

/// Makes a [`Login`].
#[derive(Clone, Debug, serde::Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LoginBuilder {
    pub(crate) name: String,
    pub(crate) client: Option<String>,
    #[serde(default)]
    pub(crate) credentials: Named<Credential>,
    pub(crate) steps: Vec<LoginStep>,
    pub(crate) refresh: Option<LoginStep>,
    token: Option<Place>,
    expires_in: Option<Life>,
    expires_at: Option<End>,
    pub(crate) refresh_token: Option<Place>,
    #[serde(default)]
    extra: Named<Place>,
    header: Option<String>,
    value: Option<Template>,
    pub(crate) refused: Option<Vec<AnswerRule>>,
    #[serde(default)]
    pub(crate) over: Vec<AnswerRule>,
    #[serde(default)]
    pub(crate) doubted: Vec<AnswerRule>,
    #[serde(skip)]
    pub(crate) flaw: Option<String>,
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
