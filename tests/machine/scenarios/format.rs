//! The format of a scenario, as `tests/scenarios/README.md` documents it.

use std::collections::BTreeMap;

use serde::Deserialize;
use serde_json::{Map, Value};

use crate::token::machine::scenarios::units::{Count, Moment, Range, Shift, Span};

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct File {
    pub(crate) theme: String,
    pub(crate) scenarios: Vec<Outline>,
}

/// A scenario before the values of an example are put into it.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Outline {
    pub(crate) story: String,
    pub(crate) promises: Vec<u8>,
    #[serde(default)]
    pub(crate) given: Value,
    pub(crate) steps: Vec<Value>,
    #[serde(default)]
    pub(crate) expected: Value,
    #[serde(default)]
    pub(crate) examples: Vec<Map<String, Value>>,
}

#[derive(Clone, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct Given {
    pub(crate) scheme: SchemeName,
    pub(crate) token: Option<String>,
    pub(crate) lives_for: Option<Span>,
    pub(crate) refresh_token: Option<String>,
    pub(crate) fixed_token: Option<String>,
    pub(crate) credentials: Credentials,
    pub(crate) default_lifetime: Option<Span>,
    pub(crate) exchange_timeout: Option<Span>,
    pub(crate) wall_clock: Option<u64>,
    pub(crate) uptime: Option<Span>,
    pub(crate) jwts: BTreeMap<String, Jwt>,
    pub(crate) doubted_statuses: Vec<u16>,
}

#[derive(Clone, Copy, Default, Deserialize, PartialEq)]
#[serde(rename_all = "snake_case")]
pub(crate) enum SchemeName {
    #[default]
    ClientCredentials,
    ClientCredentialsWithRefreshTokens,
    Atlas,
    AtlasWithRefreshTokens,
    Rotating,
    RotatingWhenDue,
}

#[derive(Clone, Copy, Default, Deserialize, PartialEq)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Credentials {
    #[default]
    Constant,
    InFiles,
}

#[derive(Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Jwt {
    pub(crate) claims: Map<String, Value>,
    pub(crate) alg: Option<String>,
    pub(crate) signed_with: Option<String>,
    pub(crate) padding: Option<usize>,
}

#[derive(Clone, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct Step {
    #[serde(rename = "note")]
    pub(crate) _note: Option<String>,
    pub(crate) at: Option<Moment>,
    pub(crate) after: Option<Span>,
    pub(crate) request: Option<String>,
    pub(crate) replayable: Option<bool>,
    pub(crate) endpoint_answers: Option<Answer>,
    pub(crate) endpoint_fails: Option<String>,
    pub(crate) exchange: Option<usize>,
    pub(crate) endpoint_from_now_on: Option<Standing>,
    pub(crate) exchange_vanishes: Option<bool>,
    pub(crate) api_answers: Option<ApiAnswer>,
    pub(crate) suspended_for: Option<Span>,
    pub(crate) wall_clock_moves: Option<Shift>,
    pub(crate) credentials_change: Option<bool>,
    pub(crate) operator_says: Option<Say>,
    pub(crate) repeat: Option<Repeat>,
    pub(crate) expect: Option<Expect>,
}

#[derive(Clone, Copy, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Say {
    TryNow,
}

#[derive(Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Repeat {
    pub(crate) every: Span,
    pub(crate) times: u32,
    pub(crate) steps: Vec<Step>,
}

#[derive(Clone, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct Answer {
    pub(crate) status: Option<u16>,
    pub(crate) headers: BTreeMap<String, Texts>,
    pub(crate) body: Option<Value>,
    pub(crate) text: Option<String>,
}

#[derive(Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Standing {
    pub(crate) takes: Span,
    pub(crate) answer: Answer,
}

#[derive(Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct ApiAnswer {
    pub(crate) to: String,
    pub(crate) status: u16,
    #[serde(default)]
    pub(crate) headers: BTreeMap<String, Texts>,
}

#[derive(Clone, Deserialize)]
#[serde(untagged)]
pub(crate) enum Texts {
    One(String),
    Many(Vec<String>),
}

impl Texts {
    pub(crate) fn all(&self) -> &[String] {
        match self {
            Texts::One(text) => std::slice::from_ref(text),
            Texts::Many(texts) => texts,
        }
    }
}

/// What is expected of one caller.
#[derive(Clone, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct CallerExpect {
    pub(crate) sends: Option<String>,
    pub(crate) sends_again: Option<String>,
    pub(crate) waits: Option<bool>,
    pub(crate) fails: Option<Fails>,
    pub(crate) gets_401: Option<String>,
    pub(crate) gets_doubted: Option<String>,
    pub(crate) gets: Option<u16>,
}

#[derive(Clone, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct Fails {
    pub(crate) kind: Option<String>,
    pub(crate) status: Option<u16>,
    pub(crate) code: Option<String>,
    pub(crate) age: Option<Range>,
    pub(crate) next_try_in: Option<Range>,
}

#[derive(Clone, Default, Deserialize, PartialEq)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct Expect {
    // the caller of this step, as in `CallerExpect`
    pub(crate) sends: Option<String>,
    pub(crate) sends_again: Option<String>,
    pub(crate) waits: Option<bool>,
    pub(crate) fails: Option<Fails>,
    pub(crate) gets_401: Option<String>,
    pub(crate) gets_doubted: Option<String>,
    pub(crate) gets: Option<u16>,
    pub(crate) callers: BTreeMap<String, CallerExpect>,
    // what this step caused
    pub(crate) starts: Option<String>,
    pub(crate) shows: Option<String>,
    pub(crate) asks_again: Option<String>,
    pub(crate) brings: Option<String>,
    pub(crate) exchange_fails: Option<Fails>,
    pub(crate) ignored: Option<bool>,
    pub(crate) adopts: Option<String>,
    pub(crate) does_not_adopt: Option<String>,
    // the source as it is now
    pub(crate) state: Option<String>,
    pub(crate) token: Option<String>,
    pub(crate) expires_in: Option<Range>,
    pub(crate) next_try_in: Option<Range>,
    pub(crate) failures: Option<Count>,
    pub(crate) failing_for: Option<Range>,
    pub(crate) budget: Option<Count>,
    pub(crate) under_way: Option<bool>,
    pub(crate) refresh_token: Option<String>,
    pub(crate) waiting: Option<Count>,
    // counted since the start
    pub(crate) exchanges: Option<Count>,
    pub(crate) exchanges_for: BTreeMap<String, Count>,
    pub(crate) succeeded: Option<Count>,
    pub(crate) failed: Option<Count>,
    pub(crate) vanished: Option<Count>,
    pub(crate) same_token: Option<Count>,
    pub(crate) refresh_tokens_spent: Option<Count>,
    pub(crate) refusals: Option<Count>,
    pub(crate) refusals_over_budget: Option<Count>,
    pub(crate) doubts: Option<Count>,
    pub(crate) successors_adopted: Option<Count>,
    pub(crate) successors_not_adopted: BTreeMap<String, Count>,
    pub(crate) reloads: Option<Count>,
    pub(crate) requests_failed: Option<Count>,
    pub(crate) requests_given_401: Option<Count>,
}

impl PartialEq for CallerExpect {
    fn eq(&self, _: &CallerExpect) -> bool {
        false // only an empty map of callers is compared
    }
}

impl PartialEq for Fails {
    fn eq(&self, _: &Fails) -> bool {
        false
    }
}

impl Expect {
    pub(crate) fn is_empty(&self) -> bool {
        *self == Expect::default()
    }
}

/// Replaces `$name` by its value in an example. If `$name` is the whole text, the value stays as it is; else it is put in as
/// text.
pub(crate) fn filled_in(template: &Value, example: &Map<String, Value>) -> Value {
    match template {
        Value::String(text) => {
            if let Some(value) = text.strip_prefix('$').and_then(|name| example.get(name)) {
                return value.clone();
            }
            let put = |text: String, (name, value): (&String, &Value)| {
                let value = value.as_str().map_or_else(|| value.to_string(), str::to_owned);
                text.replace(&format!("${name}"), &value)
            };
            Value::String(example.iter().fold(text.clone(), put))
        }
        Value::Array(values) => values.iter().map(|value| filled_in(value, example)).collect(),
        Value::Object(members) => {
            let members = members.iter().map(|(name, value)| {
                let name = Value::String(name.clone());
                let name = filled_in(&name, example);
                (name.as_str().unwrap_or_default().to_owned(), filled_in(value, example))
            });
            // A member whose value is `null` is left out.
            Value::Object(members.filter(|(_, value)| !value.is_null()).collect())
        }
        other => other.clone(),
    }
}
