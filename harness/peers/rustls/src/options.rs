// SPDX-License-Identifier: Apache-2.0
//! Flags of the peer contract. What is not supported ends the program with 77 before any packet;
//! what makes no sense, with 2.

use std::time::Duration;

use lexopt::prelude::*;

use crate::cmw::Serialization;
use crate::ear::Tier;
use crate::keys::Curve;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Side {
    Client,
    Server,
}

impl Side {
    pub fn name(self) -> &'static str {
        match self {
            Side::Client => "client",
            Side::Server => "server",
        }
    }

    pub fn other(self) -> Self {
        match self {
            Side::Client => Side::Server,
            Side::Server => Side::Client,
        }
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Profile {
    X509Cmw,
    Expat04,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Model {
    BackgroundCheck,
    Passport,
}

impl Model {
    pub fn name(self) -> &'static str {
        match self {
            Model::BackgroundCheck => "background-check",
            Model::Passport => "passport",
        }
    }
}

/// H6: the bytes of the public key in the binding of expat-04.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum KeyReading {
    Spki,
    RawPoint,
    CoseKey,
}

#[derive(Clone, Debug)]
pub struct Options {
    pub side: Side,
    pub profile: Profile,
    pub address: String,
    pub events: Option<String>,
    pub keylog: Option<String>,
    pub artifacts: Option<String>,
    pub attester: Vec<Model>,
    pub relying_party: Vec<Model>,
    pub required: bool,
    pub device: Option<String>,
    pub serialization: Serialization,
    pub bare_token: bool,
    pub as_tag: bool,
    pub curve: Curve,
    pub verifier: Option<String>,
    pub trusted: Vec<(String, String)>,
    pub accept_tier: Tier,
    pub nonce_size: usize,
    pub result_max_age: i64,
    pub clock_offset: i64,
    pub cert: Option<String>,
    pub key: Option<String>,
    pub ca: Option<String>,
    pub message: String,
    pub verifier_timeout: Duration,
    pub timeout: Duration,
    pub hrr: bool,
    pub reattest: usize,
    pub connections: usize,
    pub key_reading: KeyReading,
    pub exporter_label: String,
    pub cmw_attestation: u16,
    /// Bytes of length ahead of the CMW in cmw_attestation (H15).
    pub payload_prefix: usize,
}

pub enum Stop {
    Usage(String),
    Unsupported(String),
    Help,
    Version,
}

impl From<lexopt::Error> for Stop {
    fn from(problem: lexopt::Error) -> Self {
        Stop::Usage(problem.to_string())
    }
}

fn unsupported<T>(what: &str, value: impl std::fmt::Display) -> Result<T, Stop> {
    Err(Stop::Unsupported(format!("{what} {value}")))
}

fn models(flag: &str, list: &str) -> Result<Vec<Model>, Stop> {
    if list == "none" {
        return Ok(Vec::new());
    }
    let mut found: Vec<Model> = Vec::new();
    for name in list.split(',') {
        let model = match name {
            "background-check" => Model::BackgroundCheck,
            "passport" => Model::Passport,
            _ => return unsupported(flag, list),
        };
        if found.contains(&model) {
            return unsupported(flag, list);
        }
        found.push(model);
    }
    Ok(found)
}

fn one_of<T: Copy>(flag: &str, value: &str, words: &[(&str, T)]) -> Result<T, Stop> {
    match words.iter().find(|(word, _)| *word == value) {
        Some((_, meaning)) => Ok(*meaning),
        None => unsupported(flag, value),
    }
}

fn number(flag: &str, value: &str, least: i64, most: i64) -> Result<i64, Stop> {
    value
        .parse()
        .ok()
        .filter(|n| (least..=most).contains(n))
        .ok_or_else(|| Stop::Usage(format!("{flag}: {least} to {most}, not {value}")))
}

impl Options {
    fn new(side: Side) -> Self {
        Options {
            side,
            profile: Profile::X509Cmw,
            address: String::new(),
            events: None,
            keylog: None,
            artifacts: None,
            attester: Vec::new(),
            relying_party: Vec::new(),
            required: true,
            device: None,
            serialization: Serialization::Cbor,
            bare_token: false,
            as_tag: false,
            curve: Curve::P256,
            verifier: None,
            trusted: Vec::new(),
            accept_tier: Tier::Affirming,
            nonce_size: 32,
            result_max_age: 3600,
            clock_offset: 0,
            cert: None,
            key: None,
            ca: None,
            message: format!("hello from {}", side.name()),
            verifier_timeout: Duration::from_millis(5000),
            timeout: Duration::from_secs(20),
            hrr: false,
            reattest: 0,
            connections: usize::from(side == Side::Client),
            key_reading: KeyReading::Spki,
            exporter_label: "EXPORTER-cmw-attestation".into(),
            cmw_attestation: 0xff00,
            payload_prefix: 2,
        }
    }

    pub fn parse(side: Side, parser: &mut lexopt::Parser) -> Result<Self, Stop> {
        let mut o = Options::new(side);
        let mut profile = None;
        while let Some(arg) = parser.next()? {
            let Long(name) = arg else {
                return Err(arg.unexpected().into());
            };
            let flag = name.to_string();
            match (flag.as_str(), side) {
                ("help", _) => return Err(Stop::Help),
                ("version", _) => return Err(Stop::Version),
                ("hrr", _) => {
                    o.hrr = true;
                    continue;
                }
                _ => {}
            }
            if !FLAGS.contains(&flag.as_str()) {
                return Err(Stop::Usage(format!("no flag --{flag}")));
            }
            let value = parser.value()?.string()?;
            o.set(&flag, value, &mut profile)?;
        }
        let Some(profile) = profile else {
            return Err(Stop::Usage("--profile is needed".into()));
        };
        o.profile = profile;
        o.check()?;
        Ok(o)
    }

    fn set(
        &mut self,
        flag: &str,
        value: String,
        profile: &mut Option<Profile>,
    ) -> Result<(), Stop> {
        let v = value.as_str();
        match flag {
            "profile" => {
                let words = [
                    ("x509-cmw", Profile::X509Cmw),
                    ("expat-04", Profile::Expat04),
                ];
                *profile = Some(one_of(flag, v, &words)?);
            }
            "events" => self.events = Some(value),
            "keylog" => self.keylog = Some(value),
            "artifacts" => self.artifacts = Some(value),
            "attester" => self.attester = models(flag, v)?,
            "relying-party" => self.relying_party = models(flag, v)?,
            "policy" => {
                self.required = one_of(flag, v, &[("required", true), ("optional", false)])?;
            }
            "device" => self.device = Some(value),
            // Both are for what is not declared here (faults, negotiation): nothing to do.
            "second-device" | "verifier-id" => {}
            "evidence-type" if v == "cf:273" => {}
            "serialization" => {
                let words = [("cbor", Serialization::Cbor), ("json", Serialization::Json)];
                self.serialization = one_of(flag, v, &words)?;
            }
            "evidence-format" => {
                self.bare_token = one_of(flag, v, &[("cab", false), ("psa", true)])?;
            }
            "cmw-form" => self.as_tag = one_of(flag, v, &[("record", false), ("tag", true)])?,
            "curve" => {
                self.curve = one_of(flag, v, &[("p256", Curve::P256), ("p384", Curve::P384)])?;
            }
            "verifier" => self.verifier = Some(value),
            "trust-verifier" => match v.split_once('=') {
                Some((id, source)) if !id.is_empty() && !source.is_empty() => {
                    self.trusted.push((id.into(), source.into()));
                }
                _ => return Err(Stop::Usage("--trust-verifier: ID=SOURCE".into())),
            },
            "accept-tier" => {
                let words = [("affirming", Tier::Affirming), ("warning", Tier::Warning)];
                self.accept_tier = one_of(flag, v, &words)?;
            }
            "nonce-size" => self.nonce_size = number(flag, v, 8, 64)? as usize,
            "result-max-age" => self.result_max_age = number(flag, v, 0, u32::MAX.into())?,
            "clock-offset" => {
                self.clock_offset = number(flag, v, -i64::from(u32::MAX), u32::MAX.into())?;
            }
            "cert" => self.cert = Some(value),
            "key" => self.key = Some(value),
            "ca" => self.ca = Some(value),
            "message" => self.message = value,
            "verifier-timeout" => {
                let ms = number(flag, v, 1, 3_600_000)?;
                self.verifier_timeout = Duration::from_millis(ms as u64);
            }
            "timeout" => self.timeout = Duration::from_secs(number(flag, v, 1, 86_400)? as u64),
            "reattest" => self.reattest = number(flag, v, 0, 100)? as usize,
            "connect" | "listen" => self.address = value,
            "connections" => self.connections = number(flag, v, 1, 1000)? as usize,
            "max-connections" => {
                self.connections = number(flag, v, 0, u32::MAX.into())? as usize;
            }
            "variant" => self.variant(v)?,
            // credential-kind, code-points, faults: of other profiles, or not done here.
            _ => return unsupported(&format!("--{flag}"), v),
        }
        Ok(())
    }

    fn variant(&mut self, text: &str) -> Result<(), Stop> {
        let (name, reading) = text.split_once('=').unwrap_or((text, ""));
        match name {
            "public-key" => {
                self.key_reading = match reading {
                    "spki" => KeyReading::Spki,
                    "raw-point" => KeyReading::RawPoint,
                    "cose-key" => KeyReading::CoseKey,
                    _ => return unsupported("variant", text),
                };
            }
            "exporter-label" => match reading {
                "EXPORTER-cmw-attestation" | "Attestation" | "Attestation Binding" => {
                    self.exporter_label = reading.into();
                }
                _ => return unsupported("variant", text),
            },
            "cmw-code-point" => {
                self.cmw_attestation = match reading {
                    "0xFF00" => 0xff00,
                    "0xFFFF" => 0xffff,
                    _ => return unsupported("variant", text),
                };
            }
            "payload-prefix" => {
                self.payload_prefix = match reading {
                    "drafted" | "u16" => 2,
                    "none" => 0,
                    "u24" => 3,
                    _ => return unsupported("variant", text),
                };
            }
            _ => return unsupported("variant", text),
        }
        Ok(())
    }

    fn check(&self) -> Result<(), Stop> {
        let usage = |detail: &str| Err(Stop::Usage(detail.into()));
        let later = self.profile == Profile::Expat04;
        let variants = KeyReading::Spki != self.key_reading
            || self.exporter_label != "EXPORTER-cmw-attestation"
            || self.cmw_attestation != 0xff00
            || self.payload_prefix != 2;
        if !later && variants {
            return unsupported("variant of expat-04 with profile", "x509-cmw");
        }
        if !later && self.reattest > 0 {
            return unsupported("--reattest with profile", "x509-cmw");
        }
        if self.serialization == Serialization::Json && self.as_tag {
            return unsupported("--cmw-form tag in", "JSON");
        }
        if self.address.rsplit_once(':').is_none() {
            return usage("--connect or --listen: HOST:PORT is needed");
        }
        if self.cert.is_some() != self.key.is_some() {
            return usage("--cert and --key come together");
        }
        if !self.attester.is_empty() && (self.device.is_none() || self.device_key().is_none()) {
            return usage("an attester needs --device, --cert and --key device:HANDLE");
        }
        if self.device_key().is_some() && self.device.is_none() {
            return usage("--key device:HANDLE needs --device");
        }
        let fetches = later && self.attester.first() == Some(&Model::Passport);
        let asks = self.relying_party.contains(&Model::BackgroundCheck);
        if (fetches || asks) && self.verifier.is_none() {
            return usage("a passport attester and a background check need --verifier");
        }
        if self.relying_party.contains(&Model::Passport) && self.trusted.is_empty() {
            return usage("a passport relying party needs --trust-verifier");
        }
        if self.side == Side::Server && self.cert.is_none() {
            return usage("a server needs --cert and --key");
        }
        if self.message.contains('\n') || self.message.len() > 4000 {
            return usage("--message: one line of at most 4000 bytes");
        }
        Ok(())
    }

    /// The handle of `--key device:HANDLE`.
    pub fn device_key(&self) -> Option<u32> {
        self.key
            .as_deref()?
            .strip_prefix("device:")?
            .parse()
            .ok()
            .filter(|handle| *handle > 0)
    }
}

const FLAGS: [&str; 36] = [
    "profile",
    "events",
    "keylog",
    "artifacts",
    "attester",
    "relying-party",
    "policy",
    "device",
    "second-device",
    "evidence-type",
    "serialization",
    "evidence-format",
    "cmw-form",
    "credential-kind",
    "reattest",
    "variant",
    "curve",
    "verifier",
    "verifier-id",
    "trust-verifier",
    "accept-tier",
    "nonce-size",
    "result-max-age",
    "clock-offset",
    "cert",
    "key",
    "ca",
    "message",
    "code-points",
    "verifier-timeout",
    "timeout",
    "fault",
    "connect",
    "connections",
    "listen",
    "max-connections",
];
