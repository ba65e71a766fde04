//! What does one address of the configuration match?

use std::borrow::Cow;
use std::cmp::Ordering;
use std::fmt;

use crate::target::{CanonicalPath, alike};

/// One address of the configuration, taken apart.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Template {
    parts: Vec<Part>,
    /// Whether it ends in `/`.
    slash: bool,
    /// The query parameter that names the room.
    parameter: Option<String>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Part {
    /// As it reads after decoding.
    Literal(String),
    Room,
}

/// What is wrong with an address of the configuration.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TemplateError {
    /// The key: `room`, `open`, `sockets`, `shared`.
    pub key: &'static str,
    /// As the operator wrote it.
    pub template: String,
    /// What would be right.
    pub problem: String,
}

impl fmt::Display for TemplateError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.template.is_empty() {
            return write!(f, "{}: {}", self.key, self.problem);
        }
        write!(f, "{} `{}`: {}", self.key, self.template, self.problem)
    }
}

impl std::error::Error for TemplateError {}

const ROOM: &str = "{room}";

impl Template {
    pub(in crate::profile) fn parse(key: &'static str, text: &str) -> Result<Self, TemplateError> {
        let wrong = |problem: &str| TemplateError { key, template: text.to_owned(), problem: problem.to_owned() };
        let (path, query) = text.split_once('?').map_or((text, None), |(path, query)| (path, Some(query)));
        // The braces are ours; everything else must be a path as a browser sends it.
        let sample = path.replace(ROOM, "room");
        let (sample, _) =
            CanonicalPath::parse(sample.as_bytes()).map_err(|bad| wrong(&format!("{bad}; it must be a path like `/call/{{room}}`")))?;
        let segments = path.split('/').filter(|segment| !segment.is_empty());
        let mut parts = Vec::new();
        for (written, read) in segments.zip(sample.segments()) {
            parts.push(match written {
                ROOM => Part::Room,
                literal if literal.contains(['{', '}']) => {
                    return Err(wrong("only `{room}` may stand in braces, and only as a whole segment"));
                }
                _ => Part::Literal(read.into_owned()),
            });
        }
        if matches!(parts.first(), Some(Part::Literal(first)) if alike(first, super::RESERVED)) {
            return Err(wrong("addresses below `/_roomgate/` are the gateway's own"));
        }
        let parameter = match query {
            None => None,
            Some(query) => {
                let name = query.strip_suffix(ROOM).and_then(|name| name.strip_suffix('='));
                let plain = |name: &&str| !name.is_empty() && name.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_'));
                Some(
                    name.filter(plain)
                        .ok_or_else(|| wrong("the query must name the room and nothing else, like `?room={room}`"))?
                        .to_owned(),
                )
            }
        };
        let in_path = parts.iter().filter(|part| **part == Part::Room).count();
        match (key, in_path, parameter.is_some()) {
            ("open" | "shared", 0, false) | ("room", 1, false) | ("sockets", 1, false) | ("sockets", 0, true) => {}
            ("open" | "shared", _, _) => return Err(wrong("it must name no room")),
            ("room", _, _) => return Err(wrong("it must name the room once, in its path, like `/{room}`")),
            (_, _, _) => return Err(wrong("it must name the room once, like `/ws?room={room}` or `/ws/{room}`")),
        }
        Ok(Self { slash: sample.ends_in_slash(), parts, parameter })
    }

    /// The query parameter that names the room, where the path does not.
    pub(super) fn parameter(&self) -> Option<&str> {
        self.parameter.as_deref()
    }

    /// Longer, then more literal.
    pub(super) fn rank(&self) -> (usize, usize) {
        (self.parts.len(), self.literals())
    }

    /// Whether this path, slash included, is the one that is meant.
    pub(super) fn is(&self, path: &CanonicalPath<'_>) -> bool {
        self.leads_to(path) && self.length_of(path) == Ordering::Equal && self.slash == path.ends_in_slash()
    }

    /// Whether it is this path, or, for an address that ends in `/` and is more than `/`, one below.
    pub(in crate::profile) fn guards(&self, path: &CanonicalPath<'_>) -> bool {
        self.is(path) || (self.slash && !self.parts.is_empty() && self.leads_to(path) && self.length_of(path) == Ordering::Greater)
    }

    /// Whether the path is this one or below, in the letters of the configuration.
    pub(super) fn leads_to(&self, path: &CanonicalPath<'_>) -> bool {
        self.length_of(path).is_ge() && self.compare(path, |segment, literal| segment == literal)
    }

    /// Whether another server could take the path for this one or one below: its literal parts agree somehow.
    pub(super) fn resembles(&self, path: &CanonicalPath<'_>) -> bool {
        self.literals() > 0 && self.length_of(path).is_ge() && self.compare(path, alike)
    }

    /// Whether the path has fewer, as many or more segments.
    pub(super) fn length_of(&self, path: &CanonicalPath<'_>) -> Ordering {
        path.depth().cmp(&self.parts.len())
    }

    /// What stands in the room's place.
    pub(super) fn room<'a>(&self, path: &CanonicalPath<'a>) -> Option<Cow<'a, str>> {
        let place = self.parts.iter().position(|part| *part == Part::Room)?;
        path.segments().nth(place)
    }

    /// Whether all that `other` matches is matched by this one, too: for addresses without a room.
    pub(super) fn covers(&self, other: &Self) -> bool {
        let prefix = other.parts.get(..self.parts.len()).is_some_and(|parts| parts == self.parts);
        let below = self.slash && !self.parts.is_empty();
        prefix && (other.parts.len() == self.parts.len() || below)
    }

    pub(super) fn same_path(&self, other: &Self) -> bool {
        self.parts == other.parts && self.slash == other.slash
    }

    /// The path of a room.
    pub(super) fn filled(&self, room: &str) -> String {
        let encode = |text: &str| percent_encoding::utf8_percent_encode(text, percent_encoding::NON_ALPHANUMERIC).to_string();
        let mut path = String::new();
        for part in &self.parts {
            path.push('/');
            match part {
                Part::Literal(text) if text.bytes().all(|b| b.is_ascii_alphanumeric() || b"-._~!$&'()*+,;=:@".contains(&b)) => {
                    path.push_str(text)
                }
                Part::Literal(text) => path.push_str(&encode(text)),
                Part::Room => path.push_str(room),
            }
        }
        if self.slash || path.is_empty() {
            path.push('/');
        }
        path
    }

    fn literals(&self) -> usize {
        self.parts.iter().filter(|part| matches!(part, Part::Literal(_))).count()
    }

    fn compare(&self, path: &CanonicalPath<'_>, same: fn(&str, &str) -> bool) -> bool {
        self.parts.iter().zip(path.segments()).all(|(part, segment)| match part {
            Part::Literal(literal) => same(&segment, literal),
            Part::Room => true,
        })
    }
}

/// As the operator wrote it.
impl fmt::Display for Template {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.filled(ROOM))?;
        match &self.parameter {
            Some(parameter) => write!(f, "?{parameter}={ROOM}"),
            None => Ok(()),
        }
    }
}
