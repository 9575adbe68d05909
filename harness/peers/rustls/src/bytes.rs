// SPDX-License-Identifier: Apache-2.0
//! One cursor for all binary formats: it cannot overrun, and nothing may be left over.

use crate::refusal::{Outcome, Refusal};

pub struct Cursor<'a> {
    rest: &'a [u8],
    reason: &'static str,
    clause: &'static str,
}

impl<'a> Cursor<'a> {
    /// What is wrong with the input is told as `reason`, by `clause`.
    pub fn new(bytes: &'a [u8], reason: &'static str, clause: &'static str) -> Self {
        Cursor {
            rest: bytes,
            reason,
            clause,
        }
    }

    pub fn fail<T>(&self, detail: impl Into<String>) -> Outcome<T> {
        Err(Refusal::new(self.reason, self.clause, detail))
    }

    pub fn rest(&self) -> &'a [u8] {
        self.rest
    }

    pub fn take(&mut self, what: &str, size: usize) -> Outcome<&'a [u8]> {
        match self.rest.split_at_checked(size) {
            Some((taken, rest)) => {
                self.rest = rest;
                Ok(taken)
            }
            None => self.fail(format!(
                "{what}: expected {size} bytes, {} are left",
                self.rest.len()
            )),
        }
    }

    /// A big-endian number of `width` bytes, at most 4.
    pub fn number(&mut self, what: &str, width: usize) -> Outcome<usize> {
        let bytes = self.take(what, width)?;
        Ok(bytes.iter().fold(0, |n, b| n << 8 | usize::from(*b)))
    }

    /// A vector of the presentation language: its length in `width` bytes is within bounds.
    pub fn vector(
        &mut self,
        what: &str,
        width: usize,
        least: usize,
        most: usize,
    ) -> Outcome<&'a [u8]> {
        let size = self.number(what, width)?;
        if size < least || size > most {
            return self.fail(format!(
                "{what}: expected {least} to {most} bytes, came {size}"
            ));
        }
        self.take(what, size)
    }

    pub fn end(&self, what: &str) -> Outcome<()> {
        if self.rest.is_empty() {
            return Ok(());
        }
        self.fail(format!(
            "{what}: {} bytes came behind its end",
            self.rest.len()
        ))
    }
}

/// The length in `width` bytes, then the bytes. The caller keeps lengths within the width.
pub fn put_vector(out: &mut Vec<u8>, width: usize, bytes: &[u8]) {
    let length = (bytes.len() as u32).to_be_bytes();
    debug_assert!(width == 4 || bytes.len() < 1 << (8 * width));
    out.extend_from_slice(&length[4 - width..]);
    out.extend_from_slice(bytes);
}
