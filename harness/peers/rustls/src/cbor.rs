// SPDX-License-Identifier: Apache-2.0
//! CBOR as the formats here want it. The crate reads values; what it lets pass is refused first:
//! what comes behind the item, keys that come twice, too much nesting, and where a format says so
//! indefinite lengths and numbers that are longer than need be (RFC 8949 section 4.1).

use ciborium::Value;

const DEPTH_MAX: usize = 32;

#[derive(Clone, Copy)]
pub struct Rules {
    pub indefinite: bool,
    pub unpreferred: bool,
}

pub const STRICT: Rules = Rules {
    indefinite: false,
    unpreferred: false,
};
pub const LENIENT: Rules = Rules {
    indefinite: true,
    unpreferred: true,
};

struct Scan<'a> {
    bytes: &'a [u8],
    at: usize,
    rules: Rules,
}

/// Parses exactly one item. The error is a sentence.
pub fn parse(bytes: &[u8], rules: Rules) -> Result<Value, String> {
    let mut scan = Scan {
        bytes,
        at: 0,
        rules,
    };
    scan.item(0)?;
    if scan.at != bytes.len() {
        return Err(format!("{} bytes behind the item", bytes.len() - scan.at));
    }
    let value: Value =
        ciborium::from_reader(bytes).map_err(|problem| format!("not CBOR: {problem}"))?;
    unique(&value)?;
    Ok(value)
}

pub fn write(value: &Value) -> Vec<u8> {
    let mut out = Vec::new();
    ciborium::into_writer(value, &mut out).expect("a vector takes what is written");
    out
}

/// The value of an integer key.
pub fn get(map: &[(Value, Value)], key: i64) -> Option<&Value> {
    map.iter()
        .find(|(k, _)| k.as_integer() == Some(key.into()))
        .map(|(_, v)| v)
}

fn unique(value: &Value) -> Result<(), String> {
    match value {
        Value::Array(items) => items.iter().try_for_each(unique),
        Value::Tag(_, inner) => unique(inner),
        Value::Map(entries) => {
            for (i, (key, inner)) in entries.iter().enumerate() {
                if entries[..i].iter().any(|(before, _)| before == key) {
                    return Err("a map with a key that comes twice".into());
                }
                unique(key)?;
                unique(inner)?;
            }
            Ok(())
        }
        _ => Ok(()),
    }
}

impl Scan<'_> {
    fn byte(&mut self) -> Result<u8, String> {
        let byte = self.bytes.get(self.at).ok_or("the item is not whole")?;
        self.at += 1;
        Ok(*byte)
    }

    fn argument(&mut self, info: u8) -> Result<u64, String> {
        let width = match info {
            0..=23 => return Ok(u64::from(info)),
            24..=27 => 1usize << (info - 24),
            _ => return Err("a reserved length".into()),
        };
        let mut value = 0u64;
        for _ in 0..width {
            value = value << 8 | u64::from(self.byte()?);
        }
        let least = if width == 1 { 24 } else { 1u64 << (4 * width) };
        if !self.rules.unpreferred && value < least {
            return Err("a number that is longer than need be".into());
        }
        Ok(value)
    }

    fn skip(&mut self, size: u64) -> Result<(), String> {
        let left = (self.bytes.len() - self.at) as u64;
        if size > left {
            return Err("the item is not whole".into());
        }
        self.at += size as usize;
        Ok(())
    }

    /// True where the byte ends an indefinite item.
    fn at_break(&mut self) -> bool {
        let ends = self.bytes.get(self.at) == Some(&0xff);
        self.at += usize::from(ends);
        ends
    }

    fn indefinite(&mut self, major: u8, depth: usize) -> Result<(), String> {
        if !self.rules.indefinite {
            return Err("an indefinite length".into());
        }
        while !self.at_break() {
            if major == 2 || major == 3 {
                let head = self.byte()?;
                if head >> 5 != major || head & 31 == 31 {
                    return Err("a chunk of another type".into());
                }
                let size = self.argument(head & 31)?;
                self.skip(size)?;
            } else {
                self.item(depth + 1)?;
                if major == 5 {
                    self.item(depth + 1)?;
                }
            }
        }
        Ok(())
    }

    fn item(&mut self, depth: usize) -> Result<(), String> {
        if depth > DEPTH_MAX {
            return Err(format!("items are nested more than {DEPTH_MAX} deep"));
        }
        let head = self.byte()?;
        let (major, info) = (head >> 5, head & 31);
        if info == 31 && (2..=5).contains(&major) {
            return self.indefinite(major, depth);
        }
        if major == 7 {
            return match info {
                0..=23 => Ok(()),
                24 if self.bytes.get(self.at).is_some_and(|b| *b >= 32) => self.skip(1),
                25..=27 => self.skip(1 << (info - 24)),
                _ => Err("a simple value that is none".into()),
            };
        }
        let argument = self.argument(info)?;
        match major {
            2 | 3 => self.skip(argument),
            4 | 5 => {
                let count = if major == 4 {
                    argument
                } else {
                    argument.saturating_mul(2)
                };
                for _ in 0..count {
                    self.item(depth + 1)?; // each takes a byte at least: this ends
                }
                Ok(())
            }
            6 => self.item(depth + 1),
            _ => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_refused() {
        let rows: [(&[u8], Rules); 11] = [
            (&[], LENIENT),
            (&[0x82, 1], LENIENT),
            (&[1, 2], LENIENT),
            (&[0xa2, 1, 2, 1, 3], LENIENT),
            (&[0x5f, 0x61, 0x61, 0xff], LENIENT),
            (&[0x9f, 1], LENIENT),
            (&[0x1c], LENIENT),
            (&[0xff], LENIENT),
            (&[0x9f, 0xff], STRICT),
            (&[0x18, 23], STRICT),
            (&[0x9b, 255, 255, 255, 255, 255, 255, 255, 255], LENIENT),
        ];
        for (bytes, rules) in rows {
            assert!(parse(bytes, rules).is_err(), "{bytes:02x?}");
        }
        assert!(parse(&[0x81; 100], LENIENT).is_err());
    }

    #[test]
    fn what_is_read() {
        for bytes in [
            &[0x18u8, 24][..],
            &[0x19, 1, 0],
            &[0xa1, 1, 0x41, 0],
            &[0xf5],
        ] {
            assert_eq!(write(&parse(bytes, STRICT).unwrap()), bytes);
        }
        assert!(parse(&[0x9f, 0xff], LENIENT).is_ok());
        assert!(parse(&[0x18, 23], LENIENT).is_ok());
    }
}
