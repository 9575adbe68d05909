// SPDX-License-Identifier: Apache-2.0
//! A verifier over HTTP: Veraison's challenge-response API and discovery, in both nonce dialects.

use std::io;
use std::thread::sleep;
use std::time::{Duration, Instant};

use base64::engine::general_purpose::URL_SAFE;
use base64::Engine;
use serde_json::Value;
use ureq::http::Response;
use ureq::{Agent, Body};

use crate::jose;
use crate::keys::PublicKey;
use crate::refusal::{Outcome, Refusal};

const API: &str = "Veraison challenge-response API";
const SESSION: &str = "application/vnd.veraison.challenge-response-session+json";
const DISCOVERY: &str = "application/vnd.veraison.discovery+json";
const ANSWER_MAX: u64 = 4 << 20;
const LOOK_AGAIN: Duration = Duration::from_millis(200);

pub struct Verifier {
    agent: Agent,
    patience: Duration,
}

pub struct Session<'a> {
    verifier: &'a Verifier,
    url: String,
    pub nonce: Vec<u8>,
    accept: Vec<String>,
}

struct Answer {
    status: u16,
    content_type: String,
    location: Option<String>,
    body: Vec<u8>,
}

fn failed(url: &str, problem: &ureq::Error) -> Refusal {
    let timed_out = match problem {
        ureq::Error::Timeout(_) => true,
        ureq::Error::Io(io) => matches!(
            io.kind(),
            io::ErrorKind::TimedOut | io::ErrorKind::WouldBlock
        ),
        _ => false,
    };
    let reason = if timed_out {
        "verifier-timeout"
    } else {
        "verifier-unreachable"
    };
    Refusal::new(reason, "", format!("{url}: {problem}"))
}

fn garbage(url: &str, detail: impl std::fmt::Display) -> Refusal {
    Refusal::new("verifier-garbage", API, format!("{url}: {detail}"))
}

impl Answer {
    fn read(url: &str, mut response: Response<Body>) -> Outcome<Self> {
        let header = |name: &str| {
            let value = response.headers().get(name)?;
            Some(value.to_str().ok()?.to_string())
        };
        let (content_type, location) = (header("content-type"), header("location"));
        let status = response.status().as_u16();
        let body = response
            .body_mut()
            .with_config()
            .limit(ANSWER_MAX)
            .read_to_vec()
            .map_err(|problem| failed(url, &problem))?;
        Ok(Answer {
            status,
            content_type: content_type.unwrap_or_default(),
            location,
            body,
        })
    }

    fn expect(&self, url: &str, wanted: &[u16], otherwise: &str) -> Outcome<()> {
        if wanted.contains(&self.status) {
            return Ok(());
        }
        let problem = jose::json(&self.body).unwrap_or_default();
        let words = |name: &str| problem[name].as_str().unwrap_or_default().to_string();
        Err(Refusal::new(
            otherwise,
            API,
            format!(
                "{url}: HTTP status {} was expected, came {}: {} {}",
                wanted[0],
                self.status,
                words("title"),
                words("detail")
            ),
        ))
    }

    fn json(&self, url: &str, own: &str) -> Outcome<Value> {
        let kind = self
            .content_type
            .split(';')
            .next()
            .unwrap_or_default()
            .trim();
        if ![own, "application/json", ""].contains(&kind) {
            return Err(garbage(url, format!("Content-Type {own} was expected")));
        }
        let value = jose::json(&self.body).map_err(|problem| garbage(url, problem))?;
        if value.is_object() {
            Ok(value)
        } else {
            Err(garbage(url, "a JSON object was expected"))
        }
    }
}

/// Parameters of media types are advertised with quotes and without.
fn bare(media_type: &str) -> String {
    media_type
        .chars()
        .filter(|c| *c != '"' && *c != ' ')
        .collect::<String>()
        .to_ascii_lowercase()
}

impl Verifier {
    pub fn new(patience: Duration) -> Self {
        let config = Agent::config_builder()
            .http_status_as_error(false)
            .max_redirects(0)
            .proxy(None)
            .timeout_global(Some(patience))
            .user_agent("atls-rustls")
            .build();
        Verifier {
            agent: config.into(),
            patience,
        }
    }

    fn post(&self, url: &str, kind: Option<&str>, body: &[u8]) -> Outcome<Answer> {
        let mut request = self.agent.post(url).header("Accept", SESSION);
        if let Some(kind) = kind {
            request = request.header("Content-Type", kind);
        }
        let response = request.send(body).map_err(|p| failed(url, &p))?;
        Answer::read(url, response)
    }

    fn get(&self, url: &str, accept: &str) -> Outcome<Answer> {
        let request = self.agent.get(url).header("Accept", accept);
        Answer::read(url, request.call().map_err(|p| failed(url, &p))?)
    }

    /// The key of the results, by discovery.
    pub fn key(&self, base: &str) -> Outcome<PublicKey> {
        let url = format!(
            "{}/.well-known/veraison/verification",
            base.trim_end_matches('/')
        );
        let answer = self.get(&url, DISCOVERY)?;
        answer.expect(&url, &[200], "verifier-error")?;
        let document = answer.json(&url, DISCOVERY)?;
        PublicKey::from_jwk(&document["ear-verification-key"]).map_err(|p| garbage(&url, p))
    }

    /// A session over a nonce of the verifier's making, of `size` bytes.
    pub fn open(&self, base: &str, size: usize) -> Outcome<Session<'_>> {
        let session = self.session(base, &format!("nonceSize={size}"))?;
        if session.nonce.len() != size {
            return Err(garbage(&session.url, "a nonce of another size came"));
        }
        Ok(session)
    }

    /// A session over this nonce. Padded: that is what every release of the API reads.
    pub fn open_with(&self, base: &str, nonce: &[u8]) -> Outcome<Session<'_>> {
        let session = self.session(base, &format!("nonce={}", URL_SAFE.encode(nonce)))?;
        if session.nonce != nonce {
            return Err(garbage(
                &session.url,
                "another nonce than the given one came",
            ));
        }
        Ok(session)
    }

    fn session(&self, base: &str, query: &str) -> Outcome<Session<'_>> {
        let url = format!(
            "{}/challenge-response/v1/newSession?{query}",
            base.trim_end_matches('/')
        );
        let answer = self.post(&url, None, &[])?;
        answer.expect(&url, &[201], "verifier-error")?;
        let document = answer.json(&url, SESSION)?;
        let location = answer
            .location
            .as_deref()
            .ok_or_else(|| garbage(&url, "status 201 without Location"))?;
        let (_, nonce, accept) = parse_session(&url, &document)?;
        Ok(Session {
            verifier: self,
            url: resolve(&url, location)?,
            nonce,
            accept,
        })
    }
}

/// RFC 3986 section 5.2, as far as a verifier needs it: absolute, by path, or relative.
fn resolve(base: &str, location: &str) -> Outcome<String> {
    let bad = || garbage(base, format!("Location {location:?} leads to no http URL"));
    if location.contains("://") {
        let keeps = location.starts_with("http://") || location.starts_with("https://");
        return keeps.then(|| location.to_string()).ok_or_else(bad);
    }
    let plain = base.split('?').next().unwrap_or(base);
    let authority = plain.find("://").map_or(0, |at| at + 3);
    let root = plain[authority..]
        .find('/')
        .map_or(plain.len(), |at| authority + at);
    if location.is_empty() || location.starts_with("//") || location.contains(char::is_whitespace) {
        return Err(bad());
    }
    Ok(if location.starts_with('/') {
        format!("{}{location}", &plain[..root])
    } else {
        let folder = plain.rfind('/').map_or(plain.len(), |at| at + 1).max(root);
        format!("{}{location}", &plain[..folder])
    })
}

fn parse_session(url: &str, document: &Value) -> Outcome<(String, Vec<u8>, Vec<String>)> {
    let status = document["status"].as_str().unwrap_or_default();
    if !["waiting", "processing", "complete", "failed"].contains(&status) {
        return Err(garbage(url, "status is none of a session"));
    }
    let nonce = document["nonce"]
        .as_str()
        .and_then(|text| jose::base64_any(text).ok())
        .filter(|nonce| (8..=64).contains(&nonce.len()))
        .ok_or_else(|| garbage(url, "a nonce of 8 to 64 bytes was expected"))?;
    let accept = match &document["accept"] {
        Value::Null => Vec::new(),
        Value::Array(types) => types
            .iter()
            .map(|t| t.as_str().map(bare))
            .collect::<Option<_>>()
            .ok_or_else(|| garbage(url, "accept holds texts only"))?,
        _ => return Err(garbage(url, "accept is an array")),
    };
    Ok((status.into(), nonce, accept))
}

impl Session<'_> {
    /// Does the verifier take such evidence? One that does not say will say so when it comes.
    pub fn accepts(&self, media_type: &str) -> bool {
        self.accept.is_empty() || self.accept.contains(&bare(media_type))
    }

    /// Submits evidence and waits for the result, a JWT.
    pub fn appraise(&self, media_type: &str, evidence: &[u8]) -> Outcome<Vec<u8>> {
        let give_up = Instant::now() + self.verifier.patience;
        let mut answer = self.verifier.post(&self.url, Some(media_type), evidence)?;
        loop {
            if [404, 410].contains(&answer.status) {
                answer.expect(&self.url, &[200], "session-expired")?;
            }
            answer.expect(&self.url, &[200, 202], "verifier-error")?;
            let document = answer.json(&self.url, SESSION)?;
            match parse_session(&self.url, &document)?.0.as_str() {
                "complete" => {
                    let result = document["result"].as_str().filter(|text| !text.is_empty());
                    return result
                        .map(|text| text.as_bytes().to_vec())
                        .ok_or_else(|| garbage(&self.url, "a complete session has a result"));
                }
                "failed" => {
                    let detail = format!("{}: the session failed", self.url);
                    return Err(Refusal::new("verifier-error", API, detail));
                }
                _ if Instant::now() > give_up => {
                    let detail = format!("{}: no result in time", self.url);
                    return Err(Refusal::new("verifier-timeout", API, detail));
                }
                _ => sleep(LOOK_AGAIN),
            }
            answer = self.verifier.get(&self.url, SESSION)?;
        }
    }
}

impl Drop for Session<'_> {
    /// A verifier need not keep what nobody will ask for again; whether it heard does not matter.
    fn drop(&mut self) {
        let request = self.verifier.agent.delete(&self.url);
        let _ = request
            .config()
            .timeout_global(Some(Duration::from_millis(200)))
            .build()
            .call();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn locations() {
        let base = "http://127.0.0.1:8/challenge-response/v1/newSession?nonceSize=32";
        for (location, expected) in [
            (
                "session/7",
                "http://127.0.0.1:8/challenge-response/v1/session/7",
            ),
            ("/s/7", "http://127.0.0.1:8/s/7"),
            ("https://x/s/7", "https://x/s/7"),
        ] {
            assert_eq!(resolve(base, location).unwrap(), expected);
        }
        for location in ["", "//x/7", "file:///x", "a b"] {
            assert!(resolve(base, location).is_err(), "{location}");
        }
    }

    #[test]
    fn sessions_in_both_dialects() {
        for nonce in ["AAECAwQFBgc=", "AAECAwQFBgc", "__79_Pv6-fg", "//79/Pv6+fg="] {
            let document = serde_json::json!({"status": "waiting", "nonce": nonce,
                "accept": ["application/eat-cwt; profile=\"http://arm.com/psa/2.0.0\""]});
            let (_, bytes, accept) = parse_session("u", &document).unwrap();
            assert_eq!(bytes.len(), 8);
            assert_eq!(
                accept[0],
                bare("application/eat-cwt; profile=http://arm.com/psa/2.0.0")
            );
        }
        for document in [
            serde_json::json!({"status": "done", "nonce": "AAECAwQFBgc"}),
            serde_json::json!({"status": "waiting", "nonce": "AAEC"}),
            serde_json::json!({"status": "waiting", "nonce": "AAECAwQFBgc", "accept": [1]}),
        ] {
            assert!(parse_session("u", &document).is_err());
        }
    }
}
