// SPDX-License-Identifier: Apache-2.0
//! Conceptual message wrappers (RFC 9999): records, tags and collections, in CBOR and in JSON.

use ciborium::Value;
use serde_json::{json, Value as Json};

use crate::cbor::{self, Rules};
use crate::jose;

pub const EAT_CWT: &str = "application/eat+cwt";
pub const EAT_JWT: &str = "application/eat+jwt";
pub const EVIDENCE: u64 = 4;
pub const RESULTS: u64 = 8;
pub const CAB_TYPE: &str = "tag:ietf.org,2024-02-29:rats/kat";

const INDICATOR_MAX: u64 = 31;
const SIZE_MAX: usize = 1 << 20;
const NESTED_MAX: usize = 8;
const COLLECTION_TYPE: &str = "__cmwc_t";
/// Indefinite lengths the format allows; numbers longer than need be nobody writes.
const RULES: Rules = Rules {
    indefinite: true,
    unpreferred: false,
};
/// CoAP content formats that stand here for media types.
const FORMATS: [(u64, &str); 2] = [(263, EAT_CWT), (264, EAT_JWT)];

#[derive(Clone, Debug, PartialEq)]
pub enum Type {
    ContentFormat(u64),
    MediaType(String),
}

#[derive(Clone, Debug, PartialEq)]
pub enum Label {
    Text(String),
    Integer(i128),
}

#[derive(Clone, Debug, PartialEq)]
pub enum Cmw {
    /// A record, or a tag, which is a record with a content format and no indicator.
    Single {
        kind: Type,
        value: Vec<u8>,
        indicator: Option<u64>,
    },
    Collection {
        kind: Option<String>,
        members: Vec<(Label, Cmw)>,
    },
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Serialization {
    Cbor,
    Json,
}

/// RFC 9999 section 3.4, by the first byte.
pub fn sniff(bytes: &[u8]) -> Option<Serialization> {
    match bytes.first()? {
        b'[' | b'{' => Some(Serialization::Json),
        0x82 | 0x83 | 0x9f | 0xda | 0xa0..=0xbb | 0xbf => Some(Serialization::Cbor),
        _ => None,
    }
}

pub fn sniff_form(bytes: &[u8]) -> Option<&'static str> {
    match bytes.first()? {
        b'[' | 0x80..=0x9f => Some("record"),
        b'{' | 0xa0..=0xbf => Some("collection"),
        0xda => Some("tag"),
        _ => None,
    }
}

/// TN(cf) of RFC 9277: both of its low bytes are never zero.
fn tag_of_format(format: u64) -> u64 {
    0x6374_0101 + format / 255 * 256 + format % 255
}

fn format_of_tag(tag: u64) -> Option<u64> {
    let offset = tag
        .checked_sub(0x6374_0101)
        .filter(|_| tag <= 0x6374_ffff)?;
    let format = offset / 256 * 255 + offset % 256;
    (tag_of_format(format) == tag).then_some(format)
}

impl Cmw {
    /// Of either serialization.
    pub fn parse(bytes: &[u8]) -> Result<Self, String> {
        match sniff(bytes) {
            Some(serialization) => Cmw::parse_as(serialization, bytes),
            None => Err("no CMW begins like this".into()),
        }
    }

    pub fn parse_as(serialization: Serialization, bytes: &[u8]) -> Result<Self, String> {
        if sniff(bytes) != Some(serialization) {
            return Err(format!("a CMW in {serialization:?} was expected here"));
        }
        if bytes.len() > SIZE_MAX {
            return Err(format!("a CMW of {} bytes", bytes.len()));
        }
        match serialization {
            Serialization::Cbor => from_cbor(&cbor::parse(bytes, RULES)?, 1),
            Serialization::Json => from_json(&jose::json(bytes)?, 1),
        }
    }

    /// Is it one message of this media type, by name or by number?
    pub fn is(&self, media_type: &str) -> bool {
        match self {
            Cmw::Single {
                kind: Type::MediaType(name),
                ..
            } => same_media_type(name, media_type),
            Cmw::Single {
                kind: Type::ContentFormat(number),
                ..
            } => FORMATS.contains(&(*number, media_type)),
            Cmw::Collection { .. } => false,
        }
    }

    /// True where an indicator is there and says that it is something else.
    pub fn is_none_of(&self, what: u64) -> bool {
        matches!(self, Cmw::Single { indicator: Some(bits), .. } if bits & what == 0)
    }

    /// In JSON there are no numbers for types.
    pub fn to_json(&self) -> Result<Json, String> {
        Ok(match self {
            Cmw::Single {
                kind,
                value,
                indicator,
            } => {
                let name = match kind {
                    Type::MediaType(name) => name.as_str(),
                    Type::ContentFormat(number) => {
                        let known = FORMATS.iter().find(|(n, _)| n == number);
                        known
                            .ok_or(format!("content format {number} has no name here"))?
                            .1
                    }
                };
                let mut record = vec![json!(name), json!(jose::to_base64url(value))];
                record.extend(indicator.map(|bits| json!(bits)));
                Json::Array(record)
            }
            Cmw::Collection { kind, members } => {
                let mut object = serde_json::Map::new();
                for (label, member) in members {
                    let Label::Text(name) = label else {
                        return Err("a number is no label in JSON".into());
                    };
                    object.insert(name.clone(), member.to_json()?);
                }
                if let Some(kind) = kind {
                    object.insert(COLLECTION_TYPE.into(), json!(kind));
                }
                Json::Object(object)
            }
        })
    }
}

/// One message, wrapped as an attester was asked to.
pub fn wrap(
    serialization: Serialization,
    as_tag: bool,
    format: u64,
    value: Vec<u8>,
    indicator: u64,
) -> Result<Vec<u8>, String> {
    let record = Cmw::Single {
        kind: Type::ContentFormat(format),
        value,
        indicator: Some(indicator),
    };
    if serialization == Serialization::Json {
        return Ok(record.to_json()?.to_string().into_bytes());
    }
    let Cmw::Single { value, .. } = record else {
        unreachable!("made so above")
    };
    Ok(cbor::write(&if as_tag {
        Value::Tag(tag_of_format(format), Box::new(Value::Bytes(value)))
    } else {
        Value::Array(vec![format.into(), Value::Bytes(value), indicator.into()])
    }))
}

fn check_depth(depth: usize) -> Result<(), String> {
    if depth > NESTED_MAX {
        return Err(format!(
            "collections are nested more than {NESTED_MAX} deep"
        ));
    }
    Ok(())
}

fn check_indicator(bits: Option<u64>) -> Result<Option<u64>, String> {
    match bits {
        Some(1..=INDICATOR_MAX) => Ok(bits),
        _ => Err(format!("an indicator of 1 to {INDICATOR_MAX} was expected")),
    }
}

fn check_media_type(name: &str) -> Result<Type, String> {
    let (kind, subtype) = essence(name).split_once('/').unwrap_or_default();
    let token = |part: &str| {
        !part.is_empty()
            && part
                .bytes()
                .all(|b| b.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&b))
    };
    if token(kind) && token(subtype) {
        Ok(Type::MediaType(name.into()))
    } else {
        Err("the type of a record is no media type (RFC 9193)".into())
    }
}

fn essence(name: &str) -> &str {
    name.split(';').next().unwrap_or_default().trim_end()
}

/// Parameters tell formats apart only where both have them; quoting and blanks mean nothing.
fn same_media_type(a: &str, b: &str) -> bool {
    let plain = |name: &str| {
        let rest = name.split_once(';').map_or("", |(_, rest)| rest);
        let bare: String = rest
            .chars()
            .filter(|c| !c.is_whitespace() && *c != '"')
            .collect();
        (essence(name).to_ascii_lowercase(), bare)
    };
    plain(a) == plain(b)
}

/// An absolute URI, or an object identifier in dotted form.
fn check_collection_type(kind: &str) -> Result<String, String> {
    let oid = kind.split('.').all(|arc| {
        !arc.is_empty()
            && arc.bytes().all(|b| b.is_ascii_digit())
            && (arc == "0" || !arc.starts_with('0'))
    });
    let uri = kind.split_once(':').is_some_and(|(scheme, rest)| {
        scheme.starts_with(|c: char| c.is_ascii_alphabetic())
            && scheme
                .bytes()
                .all(|b| b.is_ascii_alphanumeric() || b"+-.".contains(&b))
            && rest
                .bytes()
                .all(|b| b.is_ascii_graphic() && !b"#\"<>\\^`{|}".contains(&b))
    });
    if oid || uri {
        Ok(kind.into())
    } else {
        Err(format!(
            "{COLLECTION_TYPE}: an absolute URI or object identifier was expected"
        ))
    }
}

fn from_cbor(value: &Value, depth: usize) -> Result<Cmw, String> {
    check_depth(depth)?;
    match value {
        Value::Array(items) => {
            let (kind, value, rest) = match &items[..] {
                [kind, value, rest @ ..] if rest.len() <= 1 => (kind, value, rest),
                _ => return Err(format!("a record of {} members", items.len())),
            };
            let kind = match kind {
                Value::Text(name) => check_media_type(name)?,
                Value::Integer(number) => u16::try_from(*number)
                    .map(|n| Type::ContentFormat(n.into()))
                    .map_err(|_| "a content format of at most 65535 was expected")?,
                _ => return Err("a media type or content format was expected".into()),
            };
            let indicator = match rest {
                [bits] => {
                    check_indicator(bits.as_integer().and_then(|bits| u64::try_from(bits).ok()))?
                }
                _ => None,
            };
            let value = value
                .as_bytes()
                .ok_or("the value of a record is a byte string")?;
            Ok(Cmw::Single {
                kind,
                value: value.clone(),
                indicator,
            })
        }
        Value::Tag(tag, inner) => {
            let format = format_of_tag(*tag).ok_or(format!("tag {tag} is none of CMW (TN)"))?;
            let value = inner
                .as_bytes()
                .ok_or("the value in a tag is a byte string")?;
            Ok(Cmw::Single {
                kind: Type::ContentFormat(format),
                value: value.clone(),
                indicator: None,
            })
        }
        Value::Map(entries) => {
            let mut kind = None;
            let mut members = Vec::new();
            for (label, inner) in entries {
                match label {
                    Value::Text(name) if name == COLLECTION_TYPE => {
                        let text = inner
                            .as_text()
                            .ok_or("the type of a collection is a text")?;
                        kind = Some(check_collection_type(text)?);
                    }
                    Value::Text(name) if !name.is_empty() => {
                        members.push((Label::Text(name.clone()), from_cbor(inner, depth + 1)?));
                    }
                    Value::Integer(number) => {
                        let number = i128::from(*number);
                        members.push((Label::Integer(number), from_cbor(inner, depth + 1)?));
                    }
                    _ => return Err("a label is a number, or a text that is not empty".into()),
                }
            }
            collection(kind, members)
        }
        _ => Err("a CMW is an array, a tag or a map".into()),
    }
}

fn collection(kind: Option<String>, members: Vec<(Label, Cmw)>) -> Result<Cmw, String> {
    if members.is_empty() {
        return Err("a collection without a member".into());
    }
    Ok(Cmw::Collection { kind, members })
}

fn from_json(value: &Json, depth: usize) -> Result<Cmw, String> {
    check_depth(depth)?;
    match value {
        Json::Array(items) => {
            let (kind, value, rest) = match &items[..] {
                [Json::String(kind), Json::String(value), rest @ ..] if rest.len() <= 1 => {
                    (kind, value, rest)
                }
                _ => return Err("a record is a media type, base64url and an indicator".into()),
            };
            if value.is_empty() {
                return Err("the value of a record is empty".into());
            }
            Ok(Cmw::Single {
                kind: check_media_type(kind)?,
                value: jose::base64url(value)?,
                indicator: match rest {
                    [bits] => check_indicator(bits.as_u64())?,
                    _ => None,
                },
            })
        }
        Json::Object(entries) => {
            let mut kind = None;
            let mut members = Vec::new();
            for (label, inner) in entries {
                if label == COLLECTION_TYPE {
                    let text = inner.as_str().ok_or("the type of a collection is a text")?;
                    kind = Some(check_collection_type(text)?);
                } else if label.is_empty() {
                    return Err("a label is empty".into());
                } else {
                    members.push((Label::Text(label.clone()), from_json(inner, depth + 1)?));
                }
            }
            collection(kind, members)
        }
        _ => Err("a CMW is an array or an object".into()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tests::unhex;

    #[test]
    fn tags_known_answers() {
        for (format, tag) in [
            (64999, 1_668_612_070),
            (263, 1_668_547_081),
            (273, 1_668_547_091),
            (30001, 1_668_576_935),
        ] {
            assert_eq!(tag_of_format(format), tag);
            assert_eq!(format_of_tag(tag), Some(format));
        }
        assert_eq!(format_of_tag(0x6374_0200), None);
        assert_eq!(format_of_tag(1_668_546_816), None);
    }

    #[test]
    fn what_is_refused() {
        for bad in [
            "81190107",
            "8219010760",
            "82190107410000",
            "8319010741ff00",
            "831901074100182000",
            "a0",
            "a1685f5f636d77635f74646f69643a",
            "a1616182190107",
            "da637402004100",
            "c14100",
            "821901074100ff",
            "8218174100",
            "82611f4100",
        ] {
            assert!(Cmw::parse(&unhex(bad)).is_err(), "{bad}");
        }
        for bad in [
            r#"["application/eat+cwt"]"#,
            r#"[263,"AA"]"#,
            r#"["application/eat+cwt","AA=="]"#,
            r#"["application/eat+cwt","AA",0]"#,
            r#"{"a":["x/y","AA"],"a":["x/y","AA"]}"#,
            r#"{"__cmwc_t":"relative","a":["x/y","AA"]}"#,
            r#" ["x/y","AA"]"#,
            r#"["x/y","AA"] "#.trim_end().trim_end_matches(']'),
        ] {
            assert!(Cmw::parse(bad.as_bytes()).is_err(), "{bad}");
        }
    }

    #[test]
    fn what_is_written_is_read() {
        for (serialization, tag) in [
            (Serialization::Cbor, false),
            (Serialization::Cbor, true),
            (Serialization::Json, false),
        ] {
            let bytes = wrap(serialization, tag, 263, vec![1, 2, 3], EVIDENCE).unwrap();
            let cmw = Cmw::parse_as(serialization, &bytes).unwrap();
            assert!(cmw.is(EAT_CWT) && !cmw.is(EAT_JWT));
            assert!(!cmw.is_none_of(EVIDENCE));
            assert_eq!(cmw.is_none_of(RESULTS), !tag);
        }
        assert_eq!(
            wrap(
                Serialization::Cbor,
                true,
                64999,
                unhex("2347da55"),
                EVIDENCE
            )
            .unwrap(),
            unhex("da6374ffe6442347da55") // the example of RFC 9999
        );
    }
}
