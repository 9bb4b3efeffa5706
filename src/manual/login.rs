//! A system as data: a file that an operator writes, and no code.
//!
//! Use it if your API has a login of its own: JSON or a form with a user and a password, two requests, a cookie, a digest, a
//! success that says no. For OAuth 2.0, use the table `client_credentials`; [`Config`](crate::system::Config) has its members.
//! A system that this file cannot describe takes about sixty lines of code ([`your_own_system`](super::your_own_system)).
//!
//! # A file
//!
//! ```toml
//! api = "https://intranet.example"          # the token is sent only there
//!
//! [login]
//! name = "intranet"                         # in logs and errors
//! client = "user"                           # which credential errors may show
//! token = "/session/key"                    # where the answer has the token
//! expires_in = { at = "/session/minutes", unit = "minutes" }
//! header = "x-session-key"                  # the header of the API that carries it
//! over = [{ status = 419 }]                 # what the API answers if the token is over, besides a 401
//! credentials = { user = "env:INTRANET_USER", password = "file:/run/secrets/intranet" }
//!
//! [[login.steps]]                           # one to four requests; the last one brings the token
//! url = "https://intranet.example/login"
//! json = { username = "{user}", password = "{password}" }
//! ```
//!
//! Any format of serde can be read: TOML, JSON, or another one. The file is checked while it is read, so the error of the
//! format's crate names the line: that of the wrong value, or that of the table `login` if two parts do not fit each other. Print
//! `error.message()` and not the whole error: `toml` quotes the line, which may have a secret by mistake. In TOML, `api` and the
//! other members outside of `login` stand above `[login]`. With the crate `toml`, the feature `preserve_order` keeps the order of
//! a form's fields.
//!
//! ```
//! use tower_outbound_auth::system::Config;
//! use tower_outbound_auth::{AuthLayer, BoxError};
//!
//! fn auth(file: &str) -> Result<AuthLayer, BoxError> {
//!     let config: Config = toml::from_str(file)?;
//!     Ok(AuthLayer::from_config(config)?)
//! }
//! # let file = r#"
//! # api = "http://127.0.0.1:1"
//! # [login]
//! # name = "intranet"
//! # client = "user"
//! # token = "/session/key"
//! # expires_in = { at = "/session/minutes", unit = "minutes" }
//! # header = "x-session-key"
//! # over = [{ status = 419 }]
//! # credentials = { user = "env:INTRANET_USER", password = "file:/run/secrets/intranet" }
//! # [[login.steps]]
//! # url = "http://127.0.0.1:1/login"
//! # json = { username = "{user}", password = "{password}" }
//! # "#;
//! # auth(file)?;
//! # Ok::<_, BoxError>(())
//! ```
//!
//! A login of several requests, with a refresh:
//!
//! ```toml
//! api = "https://bank.example"
//!
//! [login]
//! name = "bank"
//! token = "/token"
//! refresh_token = "cookie:rt"
//! header = "authorization"
//! value = "Token {token}"
//! credentials = { user = "env:BANK_USER", key = "file:/run/secrets/bank" }
//!
//! [[login.steps]]
//! method = "GET"
//! url = "https://bank.example/challenge"
//! take = { challenge = "/challenge", id = "/id" }      # texts, numbers and truth values
//!
//! [[login.steps]]
//! url = "https://bank.example/challenge/{id}"          # each URL in full; a POST needs no body
//! headers = { x-answer = "{answer}" }                  # besides `accept: application/json`
//! compute.answer = { hmac = "sha256", key = "{key}", of = "{challenge}:{user}", as = "base64" }
//!
//! [login.refresh]
//! url = "https://bank.example/refresh"
//! headers = { cookie = "rt={refresh_token}" }
//! ```
//!
//! ```
//! # let page = include_str!("login.rs");
//! # let files: Vec<String> = page.split("//! ```toml\n").skip(1).map(|rest| {
//! #     let file = rest.split("//! ```\n").next().unwrap();
//! #     file.lines().map(|line| format!("{}\n", line.strip_prefix("//! ").unwrap_or(""))).collect()
//! # }).collect();
//! # for file in &files[..2] {
//! #     let config: tower_outbound_auth::system::Config = toml::from_str(file)?;
//! # }
//! # Ok::<_, toml::de::Error>(())
//! ```
//!
//! The tables `login` and `credentials` may also be a part of your own configuration: [`Config`](crate::system::Config) and
//! [`Login`](crate::system::Login) are `Deserialize`. From code, use [`Login::builder`](crate::system::Login::builder).
//!
//! # Members of `login`
//!
//! | member | default | meaning |
//! |---|---|---|
//! | `name` | required | the system's name, in logs and errors: letters, digits, `-`, `_`, `.` |
//! | `credentials` | none | a name for each credential, and its place: `file:/path` or `env:NAME`. They are read again before each login |
//! | `client` | none | the credential that says who logs in. Errors show its value or its place, so it must be no secret |
//! | `steps` | required | the requests of a login, in their order |
//! | `refresh` | none | one request that is sent in place of the steps while there is a refresh token. It counts as a step, so that three others are left |
//! | `token` | required | the place of the token in the answer to the last step. A prefix `Bearer` is removed |
//! | `refresh_token` | none | the place of the refresh token, for `refresh` |
//! | `extra` | none | values of the last answer for your program: a name and a place for each. [`AccessToken::extra`](crate::AccessToken::extra) finds them; an address in one becomes no origin |
//! | `expires_in` | see below | how long a token lives: a number of seconds, a place, or `{ at, unit }` |
//! | `expires_at` | see below | the moment at which it expires: a place, or `{ at, offset }` |
//! | `header` | `authorization` | the header of the API |
//! | `value` | `Bearer {token}` for `authorization`, else `{token}` | its value |
//! | `refused` | `[{ status = [401, 403] }]` | answers that refuse the credentials: rules, as below. A list replaces the default, so repeat it if a 401 refuses too |
//! | `over` | none | responses of the API that say that the token is over, besides those that [every API has](crate::scheme::ResponseHead::is_refusal): rules |
//! | `doubted` | none | responses of the API that may mean it, but mostly mean something else ([`Verdict::Doubted`](crate::scheme::Verdict::Doubted)): rules |
//!
//! # A request
//!
//! | member | default | meaning |
//! |---|---|---|
//! | `url` | required | `https`, or `http` on a literal loopback address. Its path and its query may have placeholders; its host may not |
//! | `method` | `POST` | `GET`, `POST`, `PUT` or `PATCH` |
//! | `query` | none | more parameters of the query |
//! | `headers` | `accept: application/json` | more headers |
//! | `basic` | none | `[user, password]`, for Basic (RFC 7617) |
//! | `json`, `form`, `body` | none | the body: a JSON value, fields of a form, or a text. One of them |
//! | `compute` | none | values that are computed for this request, see below |
//! | `take` | none | values of the answer that a later step needs: a name, and a place |
//! | `success` | none | statuses that mean success besides 2xx, such as 302. A redirect is never followed |
//!
//! # Placeholders
//!
//! `{name}` in a text stands for a value: a credential, what an earlier step took, what this step computes, or one of these:
//!
//! | | |
//! |---|---|
//! | `{now}`, `{now_ms}`, `{now_rfc3339}` | the time: seconds or milliseconds since 1970, or `2026-01-31T12:00:00Z` |
//! | `{nonce}` | 32 hexadecimal digits, random for each request |
//! | `{refresh_token}` | in `refresh` |
//! | `{body}` | in `compute`: the body as it is sent |
//!
//! `{{` and `}}` stand for a brace. Values are encoded for their place: in a URL, a form, or JSON. In a header, in `basic` and in
//! `body` they stand as they are.
//!
//! # Places in an answer
//!
//! | | |
//! |---|---|
//! | `/data/token` | a JSON pointer (RFC 6901). For an answer that is a form, `/` and the name of the field |
//! | `header:x-token` | a header |
//! | `cookie:session` | the value of a cookie in `Set-Cookie` |
//! | `body` | the whole body, as text without white space around it, or as a JSON string |
//!
//! # Life
//!
//! The units of `expires_in` are `milliseconds`, `seconds` (the default), `minutes`, `hours` and `days`. A moment in `expires_at`
//! is a number of seconds or milliseconds since 1970, a date of RFC 3339, or a date of HTTP. For a moment that names no time zone,
//! `offset` says it: `{ at = "/until", offset = "+09:00" }`. If both members are given, the shorter life counts.
//!
//! Without them, if the token is a cookie, its `Max-Age` or `Expires` counts, else the claims of a JWT, else the
//! `default_lifetime` beside `api`. A life that cannot be read counts as unstated, because the token beside it is good.
//! [`probe`](crate::TokenSource::probe) shows what was understood.
//!
//! # Rules
//!
//! ```toml
//! refused = [
//!     { status = [400, 401], at = "/error/code", is = ["wrong_password", 17] },
//!     { at = "/success", is = false },                       # any status but 408, 425, 429 and 5xx
//! ]
//! over = [
//!     { status = 419 },
//!     { status = 403, at = "header:x-reason", contains = "expired" },
//!     { status = 200, at = "/error", is = "session" },       # needs `inspect_body`
//! ]
//! ```
//!
//! A rule without `status` fits every status but 408, 425, 429 and 5xx, which speak of an overload or an outage. `is` compares a
//! text, a number or a truth value; `contains` looks for a word, in upper or lower case. A rule without both needs a value that is
//! not `null`, `false`, zero or empty.
//!
//! A response that fits `over` counts as not applied: its request is sent again, whatever its method. After `doubted`, only
//! requests are sent again that may be repeated (GET, PUT, ..).
//!
//! An answer to a login without a token that no rule names may be a refusal: from the third in a row, the next attempt waits as
//! long as after one.
//!
//! A rule of `over` or `doubted` about the body (`/member` or `body`) needs one more layer, below the one that carries the token.
//! Without it, such a rule never fits, and the log says so once. It reads the first 4 KiB: longer JSON has no members.
//!
//! ```
//! # #[cfg(feature = "client")] {
//! use bytes::Bytes;
//! use http_body_util::Full;
//! use hyper_util::{client::legacy::Client, rt::TokioExecutor};
//! use tower::ServiceBuilder;
//! use tower_outbound_auth::AuthLayer;
//! use tower_outbound_auth::system::Config;
//!
//! # fn demo(config: Config) -> Result<(), tower_outbound_auth::Error> {
//! let inspect = config.inspect_body();
//! let auth = AuthLayer::from_config(config)?;
//! let hyper = Client::builder(TokioExecutor::new()).build_http::<Full<Bytes>>();
//! let client = ServiceBuilder::new().layer(auth).layer(inspect).service(hyper);
//! # let _ = client;
//! # Ok(()) }
//! # }
//! ```
//!
//! # Digests
//!
//! ```toml
//! headers = { x-time = "{now}", x-signature = "{signature}" }
//! compute.signature = { hmac = "sha256", key = "{secret}", of = "{now}{body}", as = "base64" }
//! ```
//!
//! `hmac` has a `key`; `hash` has none. The algorithms are `sha1`, `sha256`, `sha384` and `sha512`; `as` is `hex` (the default),
//! `base64` or `base64url`. MD5 is not among them: no library of this crate has it.
//!
//! # Errors
//!
//! | in the log | what to do |
//! |---|---|
//! | `the token endpoint refuses the credentials: check them (status 401, refused)` | correct the credential. Behind the status stands the value of the rule that fitted |
//! | ``has no token at `/x` ..`` or ``has no code at `/x` ..`` | compare `token` or `take` with an answer; the text says its content type and length |
//! | `.. gives no reason that is known here ..; if this answer refuses the credentials, add a rule to `refused`` | do that, or correct the credential |
//! | `a rule is about the body of a response, and nothing has read it` | put `inspect_body` below the layer |
//! | `there is no token endpoint at this address: check its path` | correct `url` |
//!
//! If there is more than one request, the text names the one: `step 2 (https://..)`. A life or a refresh token that is not where
//! the file says is no error: [`probe`](crate::TokenSource::probe) shows what was found.
//!
//! # What it cannot say
//!
//! A second header with a value of the login (use a [`Presentation`](crate::scheme::Presentation) of your own), a constant second
//! header ([another layer's business](super::stacking#a-second-header-always-the-same)), XML, values inside of HTML, and a
//! decision by the answer which step is next.
