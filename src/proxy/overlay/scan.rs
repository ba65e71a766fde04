//! Where in a page's head may a script element stand? Only where nothing else can be meant by that place.
//!
//! The tokens of HTML (WHATWG, section 13.2.5), as far as a head begins with them, byte by byte: space, comments, the doctype, `<html>`,
//! `<head>`; then `<meta>`, `<title>`, and links that load nothing. Before whatever comes next is the place: behind the page's own word on its
//! encoding and its policies, before its first script and style. Anything unexpected, and the page stays as it is.

use super::policy::Policies;

/// So far into a page is looked, in bytes.
pub const FAR: usize = 64 * 1024;

/// Attributes longer than this are none that matter, in bytes.
const ATTRIBUTE: usize = 16 * 1024;

/// What is known of the place.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// It may still come.
    More,
    /// Before this byte of the page.
    Here(usize),
    /// Nowhere: this is why.
    Nowhere(&'static str),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    /// Between tokens.
    Gap,
    /// After `<`.
    Open,
    /// After `<!`, `<!-`.
    Bang,
    BangDash,
    /// In a comment, by what it may end with from here.
    Comment(Dashes),
    /// A doctype, or what is read like one: to the next `>`.
    Bogus,
    Name,
    BeforeAttribute,
    Attribute,
    AfterAttribute,
    BeforeValue,
    /// In a value, up to this quotation mark.
    Quoted(u8),
    Unquoted,
    AfterQuoted,
    /// In a title; so much of its end tag is there.
    Title(usize),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Dashes {
    Start,
    StartDash,
    None,
    One,
    Two,
    Bang,
}

const TITLE_END: &[u8] = b"</title";

/// Reads one page from its beginning.
#[derive(Debug)]
pub struct Scanner {
    state: State,
    /// Bytes read.
    at: usize,
    /// The end of the last token that was one of those expected.
    done: usize,
    in_head: bool,
    name: Vec<u8>,
    attributes: Vec<(Vec<u8>, Vec<u8>)>,
    /// What the page says of policies.
    pub policies: Policies,
}

impl Scanner {
    /// At the beginning of a page with these policies in its HTTP head.
    pub fn new(policies: Policies) -> Self {
        Self { state: State::Gap, at: 0, done: 0, in_head: false, name: Vec::new(), attributes: Vec::new(), policies }
    }

    /// The next bytes. After another verdict than [`Verdict::More`] it wants no more.
    pub fn read(&mut self, piece: &[u8]) -> Verdict {
        for byte in piece {
            if self.at >= FAR {
                return Verdict::Nowhere("the head does not begin, or the comment in it does not end");
            }
            // No text of an ASCII-compatible encoding has these: escape sequences switch to another one.
            if matches!(byte, 0 | 0x1b) {
                return Verdict::Nowhere("a byte that is no text");
            }
            let verdict = self.step(*byte);
            if verdict != Verdict::More {
                return verdict;
            }
            self.at = self.at.saturating_add(1);
        }
        Verdict::More
    }

    /// The page is over.
    pub fn end(&self) -> Verdict {
        match self.state {
            State::Gap | State::Open if self.in_head => Verdict::Here(self.done),
            _ => Verdict::Nowhere("the page ends before the head is read"),
        }
    }

    /// Something that ends what a head begins with: the place, if the head has begun.
    const fn other(&self, why: &'static str) -> Verdict {
        if self.in_head { Verdict::Here(self.done) } else { Verdict::Nowhere(why) }
    }

    fn to(&mut self, state: State) -> Verdict {
        self.state = state;
        Verdict::More
    }

    fn token_ends(&mut self) -> Verdict {
        self.done = self.at.saturating_add(1);
        self.to(State::Gap)
    }

    fn step(&mut self, byte: u8) -> Verdict {
        match self.state {
            State::Gap => match byte {
                b'<' => self.to(State::Open),
                b if is_space(b) => Verdict::More,
                b if [0xef, 0xbb, 0xbf].get(self.at) == Some(&b) => Verdict::More,
                _ => self.other("text before the head"),
            },
            State::Open => match byte {
                b'!' => self.to(State::Bang),
                b'?' => self.to(State::Bogus),
                b if b.is_ascii_alphabetic() => {
                    self.name.clear();
                    self.attributes.clear();
                    self.name.push(b.to_ascii_lowercase());
                    self.to(State::Name)
                }
                _ => self.other("an end tag or text before the head"),
            },
            State::Bang | State::BangDash => match (self.state, byte) {
                (_, b'>') => self.token_ends(),
                (State::Bang, b'-') => self.to(State::BangDash),
                (State::BangDash, b'-') => self.to(State::Comment(Dashes::Start)),
                _ => self.to(State::Bogus),
            },
            State::Comment(dashes) => self.comment(dashes, byte),
            State::Bogus if byte == b'>' => self.token_ends(),
            State::Bogus => Verdict::More,
            State::Title(matched) => self.title(matched, byte),
            State::Name
            | State::BeforeAttribute
            | State::Attribute
            | State::AfterAttribute
            | State::BeforeValue
            | State::Quoted(_)
            | State::Unquoted
            | State::AfterQuoted => self.tag(byte),
        }
    }

    fn comment(&mut self, dashes: Dashes, byte: u8) -> Verdict {
        let next = match (dashes, byte) {
            (Dashes::Start | Dashes::StartDash | Dashes::Two | Dashes::Bang, b'>') => return self.token_ends(),
            (Dashes::Start, b'-') => Dashes::StartDash,
            (Dashes::StartDash | Dashes::One | Dashes::Two, b'-') => Dashes::Two,
            (Dashes::None | Dashes::Bang, b'-') => Dashes::One,
            (Dashes::Two, b'!') => Dashes::Bang,
            _ => Dashes::None,
        };
        self.to(State::Comment(next))
    }

    fn title(&mut self, matched: usize, byte: u8) -> Verdict {
        match TITLE_END.get(matched) {
            Some(expected) if byte.to_ascii_lowercase() == *expected => self.to(State::Title(matched.saturating_add(1))),
            None if byte == b'>' => self.token_ends(),
            None if is_space(byte) || byte == b'/' => {
                self.name = b"/title".to_vec();
                self.attributes.clear();
                self.to(State::BeforeAttribute)
            }
            Some(_) | None => self.to(State::Title(usize::from(byte == b'<'))),
        }
    }

    fn tag(&mut self, byte: u8) -> Verdict {
        match (self.state, byte) {
            (State::Quoted(mark), b) if b == mark => self.to(State::AfterQuoted),
            (State::Quoted(_), b) => self.value(b),
            (_, b'>') => self.tag_ends(),
            (State::Name | State::Unquoted | State::AfterQuoted, b) if is_space(b) => self.to(State::BeforeAttribute),
            (State::Name | State::AfterQuoted | State::Attribute | State::AfterAttribute, b'/') => self.to(State::BeforeAttribute),
            (State::Name, b) => {
                self.name.push(b.to_ascii_lowercase());
                Verdict::More
            }
            (State::BeforeAttribute, b) if is_space(b) || b == b'/' => Verdict::More,
            (State::Attribute | State::AfterAttribute, b'=') => self.to(State::BeforeValue),
            (State::Attribute | State::AfterAttribute, b) if is_space(b) => self.to(State::AfterAttribute),
            (State::Attribute, b) => {
                if let Some((name, _)) = self.attributes.last_mut().filter(|(name, _)| name.len() < ATTRIBUTE) {
                    name.push(b.to_ascii_lowercase());
                }
                Verdict::More
            }
            (State::BeforeValue, b) if is_space(b) => Verdict::More,
            (State::BeforeValue, b'"' | b'\'') => self.to(State::Quoted(byte)),
            (State::BeforeValue, b) => {
                self.state = State::Unquoted;
                self.value(b)
            }
            (State::Unquoted, b) => self.value(b),
            (_, b) => {
                self.attributes.push((vec![b.to_ascii_lowercase()], Vec::new()));
                self.to(State::Attribute)
            }
        }
    }

    fn value(&mut self, byte: u8) -> Verdict {
        match self.attributes.last_mut() {
            Some((_, value)) if value.len() < ATTRIBUTE => value.push(byte),
            Some(_) | None => self.policies.unclear(),
        }
        Verdict::More
    }

    fn attribute(&self, name: &[u8]) -> Option<&[u8]> {
        self.attributes.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_slice())
    }

    fn tag_ends(&mut self) -> Verdict {
        match (self.in_head, self.name.as_slice()) {
            (false, b"html") | (true, b"/title") => self.token_ends(),
            (false, b"head") => {
                self.in_head = true;
                self.token_ends()
            }
            (true, b"meta") => {
                self.meta();
                self.token_ends()
            }
            (true, b"title") => self.to(State::Title(0)),
            (true, b"link") if !self.attribute(b"rel").is_some_and(loads) => self.token_ends(),
            _ => self.other("another element before the head"),
        }
    }

    fn meta(&mut self) {
        let Some(kind) = self.attribute(b"http-equiv") else { return };
        if kind.contains(&b'&') {
            self.policies.unclear();
        } else if kind.eq_ignore_ascii_case(b"content-security-policy") {
            let content = self.attribute(b"content").map(<[u8]>::to_vec);
            if let Some(content) = content {
                self.policies.meta(&content);
            }
        }
    }
}

const fn is_space(byte: u8) -> bool {
    matches!(byte, b' ' | b'\t' | b'\n' | b'\r' | 0x0c)
}

/// Whether a link makes the browser fetch what it draws with: who sends such a link early wants it seen early.
fn loads(rel: &[u8]) -> bool {
    const IDLE: [&[u8]; 9] =
        [b"icon", b"shortcut", b"apple-touch-icon", b"mask-icon", b"manifest", b"canonical", b"alternate", b"license", b"author"];
    rel.split(|b| is_space(*b)).filter(|word| !word.is_empty()).any(|word| !IDLE.iter().any(|idle| word.eq_ignore_ascii_case(idle)))
}

#[cfg(test)]
#[path = "scan_tests.rs"]
mod tests;
