//! One request of a login.

use std::hash::{Hash, Hasher};

use http::header::{
    AUTHORIZATION, CONNECTION, CONTENT_LENGTH, CONTENT_TYPE, HOST, TRANSFER_ENCODING,
};
use http::{HeaderName, Method};
use serde::de::{Deserialize, Deserializer, IgnoredAny, SeqAccess, Visitor};

use crate::system::login::digest::Digest;
use crate::system::login::json::Json;
use crate::system::login::place::Place;
use crate::system::login::template::{Template, is_name};
use crate::system::login::url::Url;
use crate::system::named::{Named, quotes_no};

/// Headers that only a client can set.
pub(crate) const FRAMING: [HeaderName; 4] = [HOST, CONTENT_LENGTH, TRANSFER_ENCODING, CONNECTION];

/// The methods of a login.
const METHODS: [Method; 4] = [Method::GET, Method::POST, Method::PUT, Method::PATCH];

/// One request of a [`Login`](super::Login).
///
/// Texts have placeholders: `{user}` for the credential of this name, `{code}` for a value that an earlier step took from
/// its answer. Every request also knows `{now}` (seconds since 1970), `{now_ms}`, `{now_rfc3339}` and `{nonce}` (32 random
/// hexadecimal digits). `{{` and `}}` stand for a brace.
///
/// ```
/// use tower_outbound_auth::system::LoginStep;
///
/// let step = LoginStep::post("https://api.example/login")
///     .json(r#"{"user": "{user}", "password": "{password}"}"#);
/// # let _ = step;
/// ```
#[derive(Clone, Debug, serde::Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LoginStep {
    #[serde(default = "post", deserialize_with = "method")]
    pub(crate) method: Method,
    pub(crate) url: Url,
    #[serde(default)]
    pub(crate) query: Named<Template>,
    #[serde(default)]
    pub(crate) headers: Named<Template>,
    #[serde(default, deserialize_with = "pair")]
    pub(crate) basic: Option<[Template; 2]>,
    #[serde(default)]
    pub(crate) json: Option<Json<Template>>,
    #[serde(default)]
    pub(crate) form: Option<Named<Template>>,
    #[serde(default)]
    pub(crate) body: Option<Template>,
    #[serde(default)]
    pub(crate) compute: Named<Digest>,
    #[serde(default)]
    pub(crate) take: Named<Place>,
    /// Statuses that mean success, besides 2xx.
    #[serde(default)]
    pub(crate) success: Vec<u16>,
    #[serde(skip)]
    flaw: Option<String>,
}

impl LoginStep {
    /// A `POST` to this URL: `https`, or `http` on a literal loopback address. Its path and its query may have
    /// placeholders, whose values are percent-encoded.
    #[must_use]
    pub fn post(url: &str) -> LoginStep {
        LoginStep::new(Method::POST, url)
    }

    /// A `GET` of this URL.
    #[must_use]
    pub fn get(url: &str) -> LoginStep {
        LoginStep::new(Method::GET, url)
    }

    /// A request with this method: `GET`, `POST`, `PUT` or `PATCH`.
    #[must_use]
    pub fn new(method: Method, url: &str) -> LoginStep {
        let (url, flaw) = match Url::parse(url) {
            Ok(url) => (url, None),
            Err(flaw) => (Url::nowhere(), Some(flaw)),
        };
        LoginStep {
            method,
            url,
            query: Named::default(),
            headers: Named::default(),
            basic: None,
            json: None,
            form: None,
            body: None,
            compute: Named::default(),
            take: Named::default(),
            success: Vec::new(),
            flaw,
        }
    }

    /// Adds a parameter to the query.
    #[must_use]
    pub fn query(mut self, name: &str, value: &str) -> LoginStep {
        let value = self.template(value);
        self.query.0.push((name.to_owned(), value));
        self
    }

    /// Adds a header.
    #[must_use]
    pub fn header(mut self, name: &str, value: &str) -> LoginStep {
        let value = self.template(value);
        self.headers.0.push((name.to_owned(), value));
        self
    }

    /// Authenticates by Basic (RFC 7617), without an encoding of the two texts.
    #[must_use]
    pub fn basic(mut self, user: &str, password: &str) -> LoginStep {
        self.basic = Some([self.template(user), self.template(password)]);
        self
    }

    /// Sends this JSON text. Its strings may have placeholders.
    #[must_use]
    pub fn json(mut self, json: &str) -> LoginStep {
        match serde_json::from_str(json) {
            Ok(json) => self.json = Some(json),
            Err(error) => self.flaw = Some(format!("the JSON of a step cannot be read: {error}")),
        }
        self
    }

    /// Adds a field to the form that is sent.
    #[must_use]
    pub fn form(mut self, name: &str, value: &str) -> LoginStep {
        let value = self.template(value);
        self.form.get_or_insert_default().0.push((name.to_owned(), value));
        self
    }

    /// Sends this text. Set its `content-type` by [`header`](LoginStep::header).
    #[must_use]
    pub fn body(mut self, text: &str) -> LoginStep {
        self.body = Some(self.template(text));
        self
    }

    /// Computes a value for this request, with which a placeholder `{name}` is replaced. `digest` is JSON, as in a file:
    /// `{"hash": "sha256", "of": "{now}{key}"}`, or `{"hmac": "sha256", "key": "{key}", "of": "{body}", "as": "base64"}`.
    /// The algorithms are `sha1`, `sha256`, `sha384` and `sha512`; `as` is `hex` (the default), `base64` or `base64url`.
    /// `{body}` is the body of the request as it is sent.
    #[must_use]
    pub fn compute(mut self, name: &str, digest: &str) -> LoginStep {
        match serde_json::from_str(digest) {
            Ok(digest) => self.compute.0.push((name.to_owned(), digest)),
            Err(error) => self.flaw = Some(format!("the digest `{name}` cannot be read: {error}")),
        }
        self
    }

    /// Takes a value from the answer, with which later steps replace the placeholder `{name}`. `place` is a JSON pointer
    /// (`/data/code`), `header:name`, `cookie:name`, or `body`.
    #[must_use]
    pub fn take(mut self, name: &str, place: &str) -> LoginStep {
        match place.parse() {
            Ok(place) => self.take.0.push((name.to_owned(), place)),
            Err(flaw) => self.flaw = Some(flaw),
        }
        self
    }

    /// An answer with this status is a success too. Default: 2xx. For logins that answer with a redirect, which is not
    /// followed.
    #[must_use]
    pub fn success(mut self, status: u16) -> LoginStep {
        self.success.push(status);
        self
    }

    fn template(&mut self, text: &str) -> Template {
        Template::parse(text).unwrap_or_else(|flaw| {
            self.flaw = Some(flaw);
            Template::text("")
        })
    }

    /// All texts, each with the name of what it belongs to, without those of computed values.
    pub(crate) fn texts(&self) -> Vec<(&str, &Template)> {
        let mut texts: Vec<_> = self.url.templates().map(|it| ("url", it)).collect();
        let fields = [&self.query, &self.headers].into_iter().chain(&self.form);
        texts.extend(fields.flat_map(|fields| &fields.0).map(|(name, it)| (&**name, it)));
        texts.extend(
            self.basic.iter().flatten().zip(["user", "password"]).map(|(it, name)| (name, it)),
        );
        texts.extend(self.body.iter().map(|it| ("body", it)));
        if let Some(json) = &self.json {
            json.texts("", &mut texts);
        }
        texts
    }

    /// Adds all that decides which token the answer brings.
    pub(crate) fn hash_into(&self, state: &mut impl Hasher) {
        (&self.method, &self.url, &self.query, &self.headers, &self.basic).hash(state);
        (&self.json, &self.form, &self.body, &self.compute, &self.take).hash(state);
    }

    /// The names of the members of the JSON body that are numbers.
    pub(crate) fn numbers(&self) -> Vec<&str> {
        let mut names = Vec::new();
        if let Some(json) = &self.json {
            json.numbers("", &mut names);
        }
        names
    }

    /// The texts of the body.
    pub(crate) fn body_texts(&self) -> impl Iterator<Item = &Template> {
        let mut json = Vec::new();
        if let Some(body) = &self.json {
            body.texts("", &mut json);
        }
        let form = self.form.iter().flat_map(|form| &form.0).map(|(_, it)| it);
        json.into_iter().map(|(_, it)| it).chain(form).chain(&self.body)
    }

    pub(crate) fn has_body(&self) -> bool {
        self.json.is_some() || self.form.is_some() || self.body.is_some()
    }

    /// What is wrong with the step by itself.
    pub(crate) fn flaw(&self) -> Option<String> {
        let bodies = [self.json.is_some(), self.form.is_some(), self.body.is_some()];
        let bodies = bodies.into_iter().filter(|it| *it).count();
        let ours = |name: &str| {
            let name: HeaderName = name.parse().ok()?;
            let with_form = name == CONTENT_TYPE && self.body.is_none();
            let with_basic = name == AUTHORIZATION && self.basic.is_some();
            (with_form || with_basic || FRAMING.contains(&name)).then_some(())
        };
        if let Some(flaw) = &self.flaw {
            return Some(flaw.clone());
        }
        if !METHODS.contains(&self.method) {
            return Some(NO_METHOD.to_owned());
        }
        if bodies > 1 {
            return Some("it has more than one of `json`, `form` and `body`".to_owned());
        }
        if bodies > 0 && self.method == Method::GET {
            return Some("a GET has no body".to_owned());
        }
        for (name, _) in &self.headers.0 {
            if name.parse::<HeaderName>().is_err() {
                return Some(format!("`{name}` is no name of a header"));
            }
            if ours(name).is_some() {
                return Some(format!(
                    "the header `{name}` is set by the client, or by `json`, `form` or `basic`"
                ));
            }
        }
        let names = self
            .compute
            .0
            .iter()
            .map(|(name, _)| name)
            .chain(self.take.0.iter().map(|(name, _)| name));
        for name in names {
            if !is_name(name) {
                return Some(format!(
                    "`{name}` is no name of a value: use letters, digits and `_`"
                ));
            }
        }
        None
    }
}

/// Reads `[user, password]`.
fn pair<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<[Template; 2]>, D::Error> {
    struct Read;

    impl<'de> Visitor<'de> for Read {
        type Value = [Template; 2];

        quotes_no!(text or number, "a list of two texts, `[user, password]`");

        fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<[Template; 2], A::Error> {
            let (user, password) = (list.next_element()?, list.next_element()?);
            match (user, password, list.next_element::<IgnoredAny>()?) {
                (Some(user), Some(password), None) => Ok([user, password]),
                _ => Err(serde::de::Error::custom(
                    "expected a list of two texts, `[user, password]`",
                )),
            }
        }
    }

    deserializer.deserialize_any(Read).map(Some)
}

fn post() -> Method {
    Method::POST
}

const NO_METHOD: &str = "a method is GET, POST, PUT or PATCH";

fn method<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Method, D::Error> {
    let text = String::deserialize(deserializer)?;
    let method = METHODS.into_iter().find(|method| method.as_str() == text);
    let unknown = || serde::de::Error::custom(NO_METHOD);
    method.ok_or_else(unknown)
}
