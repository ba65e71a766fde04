//! A page came compressed although it was asked for as it is: how does it become text again, in bounded memory?

use std::io::{self, Write};

use flate2::write::{DeflateDecoder, GzDecoder, ZlibDecoder};

/// What one piece of an answer may become, in bytes: a page that grows more than that is no page.
const PIECE_MAX: usize = 8 * 1024 * 1024;

/// How a body is compressed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Coding {
    /// `gzip`, `x-gzip`.
    Gzip,
    /// `deflate`: zlib's format by its specification, and bare by the custom of some.
    Deflate,
}

/// Decompresses one body, piece by piece.
pub struct Unpack(Inner);

enum Inner {
    Gzip(GzDecoder<Sink>),
    /// Which of the two formats is not known yet: the first byte, if it is there.
    Unsure(Vec<u8>),
    Zlib(ZlibDecoder<Sink>),
    Bare(DeflateDecoder<Sink>),
}

/// What could not be decompressed: nor could a browser have.
#[derive(Debug)]
pub struct Broken;

impl Unpack {
    /// At the beginning of a body.
    pub fn new(coding: Coding) -> Self {
        Self(match coding {
            Coding::Gzip => Inner::Gzip(GzDecoder::new(Sink::default())),
            Coding::Deflate => Inner::Unsure(Vec::new()),
        })
    }

    /// What this piece says.
    ///
    /// # Errors
    /// Where it is not what its head says, or says too much at once.
    pub fn piece(&mut self, piece: &[u8]) -> Result<Vec<u8>, Broken> {
        if let Inner::Unsure(begun) = &mut self.0 {
            begun.extend_from_slice(piece);
            let (Some(first), Some(second)) = (begun.first(), begun.get(1)) else {
                return Ok(Vec::new());
            };
            let zlib = first & 0x0f == 8 && u16::from_be_bytes([*first, *second]) % 31 == 0;
            let begun = std::mem::take(begun);
            self.0 = if zlib { Inner::Zlib(ZlibDecoder::new(Sink::default())) } else { Inner::Bare(DeflateDecoder::new(Sink::default())) };
            return self.piece(&begun);
        }
        let (written, sink) = match &mut self.0 {
            Inner::Gzip(decoder) => (through(decoder, piece), decoder.get_mut()),
            Inner::Zlib(decoder) => (through(decoder, piece), decoder.get_mut()),
            Inner::Bare(decoder) => (through(decoder, piece), decoder.get_mut()),
            Inner::Unsure(_) => return Ok(Vec::new()),
        };
        let said = std::mem::take(&mut sink.0);
        written.map(|()| said).map_err(|_| Broken)
    }

    /// The body is over: what was still to be said. One that was cut short is as long as it is.
    pub fn end(&mut self) -> Vec<u8> {
        let (_, sink) = match &mut self.0 {
            Inner::Gzip(decoder) => (decoder.try_finish(), decoder.get_mut()),
            Inner::Zlib(decoder) => (decoder.try_finish(), decoder.get_mut()),
            Inner::Bare(decoder) => (decoder.try_finish(), decoder.get_mut()),
            Inner::Unsure(_) => return Vec::new(),
        };
        std::mem::take(&mut sink.0)
    }
}

/// What follows the end of the compressed data is nobody's: browsers leave it, too.
fn through(decoder: &mut impl Write, mut piece: &[u8]) -> io::Result<()> {
    while !piece.is_empty() {
        match decoder.write(piece)? {
            0 => break,
            n => piece = piece.get(n..).unwrap_or_default(),
        }
    }
    decoder.flush()
}

#[derive(Default)]
struct Sink(Vec<u8>);

impl Write for Sink {
    fn write(&mut self, said: &[u8]) -> io::Result<usize> {
        if self.0.len().saturating_add(said.len()) > PIECE_MAX {
            return Err(io::Error::other("too much at once"));
        }
        self.0.extend_from_slice(said);
        Ok(said.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, clippy::arithmetic_side_effects)]

    use flate2::Compression;
    use flate2::write::{DeflateEncoder, GzEncoder, ZlibEncoder};
    use proptest::prelude::*;

    use super::*;

    fn packed(kind: u8, text: &[u8]) -> (Coding, Vec<u8>) {
        let level = Compression::default();
        match kind {
            0 => {
                let mut e = GzEncoder::new(Vec::new(), level);
                e.write_all(text).unwrap();
                (Coding::Gzip, e.finish().unwrap())
            }
            1 => {
                let mut e = ZlibEncoder::new(Vec::new(), level);
                e.write_all(text).unwrap();
                (Coding::Deflate, e.finish().unwrap())
            }
            _ => {
                let mut e = DeflateEncoder::new(Vec::new(), level);
                e.write_all(text).unwrap();
                (Coding::Deflate, e.finish().unwrap())
            }
        }
    }

    proptest! {
        #[test]
        fn whatever_was_packed_comes_out_in_whatever_pieces(text in proptest::collection::vec(any::<u8>(), 0..4000), kind in 0..3_u8, size in 1..700_usize) {
            let (coding, bytes) = packed(kind, &text);
            let mut unpack = Unpack::new(coding);
            let mut out = Vec::new();
            for piece in bytes.chunks(size) {
                out.extend(unpack.piece(piece).unwrap());
            }
            out.extend(unpack.end());
            prop_assert_eq!(out, text);
        }
    }

    #[test]
    fn each_piece_says_at_once_what_it_can() {
        let mut encoder = GzEncoder::new(Vec::new(), Compression::default());
        encoder.write_all(b"<head>").unwrap();
        encoder.flush().unwrap();
        let first = std::mem::take(encoder.get_mut());
        let mut unpack = Unpack::new(Coding::Gzip);
        assert_eq!(unpack.piece(&first).unwrap(), b"<head>");
    }

    #[test]
    fn a_bomb_and_what_is_not_compressed_are_broken() {
        let (_, bomb) = packed(0, &vec![0; 64 * 1024 * 1024]);
        assert!(bomb.len() < 128 * 1024);
        assert!(Unpack::new(Coding::Gzip).piece(&bomb).is_err());
        assert!(Unpack::new(Coding::Gzip).piece(b"<!doctype html><html>").is_err());
    }
}
