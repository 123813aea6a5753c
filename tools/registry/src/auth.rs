//! How a registry is shown who we are: Basic, or tokens (the token specification of distribution,
//! and its OAuth 2 form for refresh tokens).
//!
//! Nothing is sent before it is asked for, but once a registry has said how it wants to be asked, the
//! next requests bring it along. Tokens are kept in memory for each set of scopes, never written, and
//! fetched once however many threads want them.
//!
//! Invariants: a password goes to the registry itself or to the realm that it names, never elsewhere;
//! a realm is asked over TLS unless the registry itself is plain; one challenge is answered once.

use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard};
use std::time::{Duration, Instant};

use data_encoding::BASE64;
use oci::error::Shown;
use serde::Deserialize;

use crate::answer;
use crate::challenge::{self, Challenge};
use crate::credentials::{Credentials, Found, Login, Secret};
use crate::error::{Answer, At, Error, PLAIN, Result};
use crate::host::{Authorization, Call, Host, Payload};
use crate::scope::Scopes;
use crate::transport::{Head, Method};
use crate::url::{Scheme, Url, escape, shown};

/// The most bytes of a token's answer.
const TOKEN_BODY: u64 = 64 << 10;

/// Tokens live at least so long, whatever their service says.
const LEAST_LIFE: u64 = 60;

/// Tokens are not used so shortly before their end.
const MARGIN: u64 = 5;

/// What the OAuth 2 form calls us.
const CLIENT: &str = "rules_container";

/// What is known of a registry's wishes.
#[derive(Default)]
pub(crate) struct Auth {
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    wants: Wants,
    tokens: BTreeMap<(String, Scopes), Token>,
    /// Refresh tokens that came in place of those that were given, by where those were found.
    rotated: BTreeMap<String, Secret>,
    /// What must never stand in a message.
    secrets: Vec<Secret>,
}

#[derive(Clone, Default)]
enum Wants {
    #[default]
    Nothing,
    Basic,
    Bearer {
        realm: Url,
        service: Option<String>,
    },
}

struct Token {
    token: Secret,
    until: Instant,
}

impl Auth {
    fn state(&self) -> MutexGuard<'_, State> {
        self.state
            .lock()
            .unwrap_or_else(|poisoned| poisoned.into_inner())
    }

    /// The header for a request, as far as the registry's wishes are known.
    pub(crate) fn header(
        &self,
        host: &Host,
        credentials: &Credentials,
        repository: &str,
        scopes: &Scopes,
    ) -> Result<Option<String>> {
        let mut state = self.state();
        match state.wants.clone() {
            Wants::Nothing => Ok(None),
            Wants::Basic => {
                let found = credentials.find(&host.name, repository)?;
                Ok(state.basic(&found))
            }
            Wants::Bearer { realm, service } => {
                let found = credentials.find(&host.name, repository)?;
                let service = service.as_deref();
                state
                    .bearer(host, repository, &found, &realm, service, scopes, scopes)
                    .map(Some)
            }
        }
    }

    /// Meets the challenge of a 401; nothing where there is nothing to meet it with.
    pub(crate) fn meet(
        &self,
        host: &Host,
        credentials: &Credentials,
        repository: &str,
        at: &At,
        scopes: &Scopes,
        head: &Head,
    ) -> Result<Option<String>> {
        let mut challenges: Vec<Challenge> = Vec::new();
        for header in head.all("www-authenticate") {
            let parsed = challenge::parse(header).map_err(|reason| Error::Challenge {
                at: Box::new(at.clone()),
                reason,
            })?;
            challenges.extend(parsed);
        }
        let found = credentials.find(&host.name, repository)?;
        let mut state = self.state();
        let bearer = challenges.iter().find(|c| c.scheme == "bearer");
        if let Some(bearer) = bearer {
            let realm = bearer.get("realm").ok_or_else(|| Error::Challenge {
                at: Box::new(at.clone()),
                reason: "it names no realm",
            })?;
            let realm = host.realm(at, realm)?;
            let service = bearer.get("service").map(str::to_owned);
            let mut wanted = scopes.clone();
            wanted.widen(bearer.get("scope").unwrap_or_default());
            // What was shown until now was not enough, or has ended.
            state.tokens.remove(&(found.source.clone(), scopes.clone()));
            let header = state.bearer(
                host,
                repository,
                &found,
                &realm,
                service.as_deref(),
                &wanted,
                scopes,
            )?;
            state.wants = Wants::Bearer { realm, service };
            return Ok(Some(header));
        }
        if challenges.iter().any(|c| c.scheme == "basic") {
            state.wants = Wants::Basic;
            return Ok(state.basic(&found));
        }
        Ok(None)
    }

    /// Takes out of a registry's words what it should not have repeated.
    pub(crate) fn scrub(&self, answer: &mut Answer) {
        let Some(message) = &mut answer.message else {
            return;
        };
        let mut text = message.to_string();
        for secret in &self.state().secrets {
            if !secret.reveal().is_empty() {
                text = text.replace(secret.reveal(), "(secret)");
            }
        }
        *message = Shown::new(text);
    }
}

impl State {
    fn remember(&mut self, secret: &str) {
        // Words of one or two letters would tear ordinary text apart.
        if secret.len() > 3 && !self.secrets.iter().any(|known| known.reveal() == secret) {
            self.secrets.push(Secret::new(secret));
        }
    }

    fn basic(&mut self, found: &Found) -> Option<String> {
        let Login::Password { username, password } = &found.login else {
            return None;
        };
        let pair = BASE64.encode(format!("{username}:{}", password.reveal()).as_bytes());
        self.remember(password.reveal());
        self.remember(&pair);
        Some(format!("Basic {pair}"))
    }

    /// A token for `wanted`, kept under `scopes`, which are those that will be asked for again.
    #[allow(
        clippy::too_many_arguments,
        reason = "the words of one request for a token"
    )]
    fn bearer(
        &mut self,
        host: &Host,
        repository: &str,
        found: &Found,
        realm: &Url,
        service: Option<&str>,
        wanted: &Scopes,
        scopes: &Scopes,
    ) -> Result<String> {
        if let Login::Bearer(token) = &found.login {
            self.remember(token.reveal());
            return Ok(format!("Bearer {}", token.reveal()));
        }
        let key = (found.source.clone(), scopes.clone());
        if let Some(token) = self.tokens.get(&key)
            && Instant::now() < token.until
        {
            return Ok(format!("Bearer {}", token.token.reveal()));
        }
        let answer = self.fetch(host, repository, found, realm, service, wanted)?;
        let at = token_at(host, repository);
        let no_token = |reason: String| Error::Token {
            at: Box::new(at.clone()),
            realm: Shown::new(realm.to_string()),
            reason,
        };
        let answer: Answered = serde_json::from_slice(&answer)
            .map_err(|_| no_token("it is not the JSON that it must be".into()))?;
        // Some services fill in one of the two, and send the other one empty.
        let mut tokens = [answer.token, answer.access_token].into_iter().flatten();
        let token = tokens.find(|token| !token.is_empty()).unwrap_or_default();
        if token.is_empty() {
            return Err(no_token("it has neither `token` nor `access_token`".into()));
        }
        if !token.bytes().all(|b| b.is_ascii_graphic()) {
            return Err(no_token(
                "the token has characters that no header can hold".into(),
            ));
        }
        if let Some(refresh) = answer.refresh_token.filter(|refresh| !refresh.is_empty())
            && matches!(found.login, Login::Identity(_))
        {
            self.remember(&refresh);
            self.rotated
                .insert(found.source.clone(), Secret::new(refresh));
        }
        self.remember(&token);
        let life = seconds(answer.expires_in.as_ref())
            .unwrap_or(LEAST_LIFE)
            .clamp(LEAST_LIFE, 86_400)
            - MARGIN;
        let header = format!("Bearer {token}");
        self.tokens.insert(
            key,
            Token {
                token: Secret::new(token),
                until: Instant::now() + Duration::from_secs(life),
            },
        );
        Ok(header)
    }

    fn fetch(
        &mut self,
        host: &Host,
        repository: &str,
        found: &Found,
        realm: &Url,
        service: Option<&str>,
        scopes: &Scopes,
    ) -> Result<Vec<u8>> {
        let at = token_at(host, repository);
        let denied = |error: Error| match error {
            Error::Denied { at, answer, .. } => Error::Denied {
                at,
                answer,
                credentials: found.source.clone(),
            },
            error => error,
        };
        let mut url = realm.clone();
        if let Some(service) = service {
            url = url.with_query("service", service);
        }
        for scope in scopes.list() {
            url = url.with_query("scope", &scope);
        }
        let mut authorization = None;
        match &found.login {
            Login::Password { username, .. } => {
                url = url.with_query("account", username);
                authorization = self.basic(found);
            }
            Login::Identity(given) => {
                let refresh = self.rotated.get(&found.source).unwrap_or(given).clone();
                self.remember(refresh.reveal());
                let mut form = format!(
                    "grant_type=refresh_token&client_id={CLIENT}&refresh_token={}",
                    escape(refresh.reveal())
                );
                if let Some(service) = service {
                    form.push_str(&format!("&service={}", escape(service)));
                }
                form.push_str(&format!("&scope={}", escape(&scopes.list().join(" "))));
                let call = Call {
                    headers: vec![(
                        "content-type",
                        "application/x-www-form-urlencoded".to_owned(),
                    )],
                    payload: Payload::Bytes(form.as_bytes()),
                    authorization: Authorization::Fixed(None),
                    ..Call::new(
                        At {
                            method: "POST",
                            ..at.clone()
                        },
                        Method::Post,
                        realm.clone(),
                    )
                };
                match self.token_call(host, &call) {
                    // The service knows only the older form.
                    Err(Error::Absent { .. }) => {}
                    Err(Error::Status { answer, .. }) if answer.status == 405 => {}
                    outcome => return outcome.map_err(denied),
                }
                authorization = self.basic(&Found {
                    login: Login::Password {
                        username: "<token>".into(),
                        password: refresh,
                    },
                    source: found.source.clone(),
                });
            }
            Login::Anonymous | Login::Bearer(_) => {}
        }
        let call = Call {
            authorization: Authorization::Fixed(authorization),
            ..Call::new(at, Method::Get, url)
        };
        self.token_call(host, &call).map_err(denied)
    }

    fn token_call(&self, host: &Host, call: &Call<'_>) -> Result<Vec<u8>> {
        let secrets = &self.secrets;
        let scrub = |answer: &mut Answer| {
            if let Some(message) = &mut answer.message {
                let mut text = message.to_string();
                for secret in secrets {
                    text = text.replace(secret.reveal(), "(secret)");
                }
                *message = Shown::new(text);
            }
        };
        host.run(call, &scrub, |response| {
            answer::whole(&call.at, response, TOKEN_BODY, &host.patience)
        })
    }
}

#[derive(Deserialize)]
struct Answered {
    token: Option<String>,
    access_token: Option<String>,
    expires_in: Option<serde_json::Value>,
    refresh_token: Option<String>,
}

/// A life as services write it: a number, or the text of one. What is neither is as good as nothing.
fn seconds(life: Option<&serde_json::Value>) -> Option<u64> {
    let life = life?;
    life.as_u64()
        .or_else(|| life.as_str().and_then(|text| text.trim().parse().ok()))
}

fn token_at(host: &Host, repository: &str) -> At {
    At {
        registry: host.name.clone(),
        repository: repository.to_owned(),
        method: "GET",
        what: "a token".into(),
    }
}

impl Host {
    /// The realm of a challenge, if a password may go there.
    fn realm(&self, at: &At, text: &str) -> Result<Url> {
        let refused = |reason| Error::Realm {
            at: Box::new(at.clone()),
            realm: shown(text),
            reason,
        };
        let realm = Url::at(&self.origin, "/").join(text).map_err(refused)?;
        let origin = realm.origin();
        if origin.scheme == Scheme::Http && !self.transport.may_be_plain(origin) {
            return Err(refused(PLAIN));
        }
        Ok(realm)
    }
}
