//! Which room is a request about, on a server of which only addresses are known?
//!
//! The operator states templates; a request belongs to a room when a template says so, and to nobody when another server might take it for
//! something else: a literal part in other letters (`/WS`), a socket's path with a slash more, a name with a character that somebody deletes.

mod template;
#[cfg(test)]
mod tests;

use std::cmp::{Ordering, Reverse};

use super::{Asked, Kind, Target, Unclear};
use crate::access::{NameError, RoomName};
use crate::target::{CanonicalPath, Query, alike};

pub use template::{Template, TemplateError};

/// `[upstream.generic]`, as the operator wrote it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct GenericRules {
    /// `room`: where the room stands in the path, `/{room}`.
    pub room: Vec<String>,
    /// `subtree`: whether what lies below a room's path belongs to it.
    pub subtree: bool,
    /// `open`: exact, or everything below where it ends in `/` and is more than `/`.
    pub open: Vec<String>,
    /// `sockets`: where upgrades are allowed, and how they name the room: `/ws?room={room}`, `/ws/{room}`.
    pub sockets: Vec<String>,
    /// `shared`: exact or below, like `open`.
    pub shared: Vec<String>,
}

/// A server of which only addresses are known.
#[derive(Clone, Debug)]
pub struct Generic {
    /// The longest and most literal first.
    rooms: Vec<Template>,
    /// The one that the operator named first: links are made from it.
    page: Template,
    subtree: bool,
    open: Vec<Template>,
    sockets: Vec<Template>,
    shared: Vec<Template>,
}

/// The first part of every address of our own.
const RESERVED: &str = "_roomgate";

impl Generic {
    /// Takes the rules in.
    ///
    /// # Errors
    /// Where an address cannot be what its key says, or takes another's place.
    pub fn new(rules: GenericRules) -> Result<Self, TemplateError> {
        let all = |key, texts: &[String]| texts.iter().map(|text| Template::parse(key, text)).collect::<Result<Vec<_>, _>>();
        let (mut rooms, mut sockets) = (all("room", &rules.room)?, all("sockets", &rules.sockets)?);
        let (open, shared) = (all("open", &rules.open)?, all("shared", &rules.shared)?);
        let Some(page) = rooms.first().cloned() else {
            return Err(TemplateError {
                key: "room",
                template: String::new(),
                problem: "at least one address must name a room, like `/{room}`".to_owned(),
            });
        };
        let before_rooms: Vec<_> = open.iter().map(|t| (t, "open")).chain(shared.iter().map(|t| (t, "shared"))).collect();
        let before_sockets: Vec<_> = open.iter().map(|t| (t, "open")).collect();
        alone("room", &rooms, &before_rooms)?;
        alone("sockets", &sockets, &before_sockets)?;
        rooms.sort_by_key(|template| Reverse(template.rank()));
        sockets.sort_by_key(|template| Reverse(template.rank()));
        Ok(Self { rooms, page, subtree: rules.subtree, open, sockets, shared })
    }

    /// Whether `sockets` were stated.
    pub fn has_sockets(&self) -> bool {
        !self.sockets.is_empty()
    }

    pub(super) fn locate(&self, asked: &Asked<'_>) -> Result<Target, Unclear> {
        let path = asked.path;
        let open = self.open.iter().any(|template| template.guards(path));
        let socket = self.sockets.iter().find(|template| template.is(path));
        let shared = self.shared.iter().any(|template| template.guards(path));
        if open && !asked.upgrade {
            return Ok(if socket.is_none() && self.like_socket(path) { Target::Unknown } else { Target::Open });
        }
        if let Some(template) = socket {
            let room = match template.parameter() {
                Some(parameter) => {
                    asked.query.only(parameter).map_err(|bad| Unclear(bad.reason()))?.ok_or(Unclear("the query names no room"))?.into()
                }
                None => template.room(path).unwrap_or_default(),
            };
            return Ok(Target::Room { room: self.asked_name(&room)?, kind: Kind::Signalling });
        }
        if open || self.like_socket(path) {
            return Ok(Target::Unknown);
        }
        if shared {
            return Ok(if asked.upgrade { Target::Unknown } else { Target::Shared });
        }
        self.room(asked)
    }

    fn room(&self, asked: &Asked<'_>) -> Result<Target, Unclear> {
        let path = asked.path;
        let Some(first) = path.segments().next() else { return Ok(Target::Unknown) };
        if alike(&first, RESERVED) || self.open.iter().chain(&self.shared).any(|template| template.resembles(path)) {
            return Ok(Target::Unknown);
        }
        // Those that are longer or more literal were tried before; one that only resembles the path might be meant all the same.
        let Some(template) = self.rooms.iter().find(|template| template.leads_to(path) || template.resembles(path)) else {
            return Ok(Target::Unknown);
        };
        let below = template.length_of(path) == Ordering::Greater;
        if !template.leads_to(path) || (below && !self.subtree) {
            return Ok(Target::Unknown);
        }
        let name = template.room(path).unwrap_or_default();
        if self
            .rooms
            .iter()
            .any(|other| other.rank() == template.rank() && other.leads_to(path) && other.room(path).as_ref() != Some(&name))
        {
            return Err(Unclear("two addresses of the configuration name different rooms here"));
        }
        let room = self.asked_name(&name)?;
        let kind = match (asked.upgrade, below) {
            (true, _) => {
                self.agrees(asked.query, &room)?;
                Kind::Signalling
            }
            (false, true) => Kind::Asset,
            (false, false) => Kind::Page,
        };
        Ok(Target::Room { room, kind })
    }

    /// A socket below a room's own path is the room's; one that names another room in its query is two rooms' at once.
    fn agrees(&self, query: Query<'_>, room: &RoomName) -> Result<(), Unclear> {
        for parameter in self.sockets.iter().filter_map(Template::parameter) {
            match query.only(parameter) {
                Ok(None) => {}
                Ok(Some(named)) if named == room.as_str() => {}
                Ok(Some(_)) | Err(_) => return Err(Unclear("the path and the query name different rooms")),
            }
        }
        Ok(())
    }

    fn like_socket(&self, path: &CanonicalPath<'_>) -> bool {
        self.sockets.iter().any(|template| template.resembles(path))
    }

    fn asked_name(&self, text: &str) -> Result<RoomName, Unclear> {
        self.room_name(text).map_err(|error| match error {
            NameError::Empty => Unclear("the room has no name"),
            NameError::TooLong => Unclear("the room's name is longer than 128 characters"),
            NameError::Character(_) | NameError::NotCanonical => {
                Unclear("the room's name holds another character than letters, digits, `-` and `_`")
            }
        })
    }

    /// Letters, digits, `-` and `_`: every other character is deleted, folded or decoded by some server, and then names another room.
    pub(super) fn room_name(&self, text: &str) -> Result<RoomName, NameError> {
        match text.chars().find(|c| !(c.is_ascii_alphanumeric() || matches!(c, '-' | '_'))) {
            Some(c) => Err(NameError::Character(c)),
            None => RoomName::canonical(text),
        }
    }

    pub(super) fn page(&self, room: &RoomName) -> String {
        self.page.filled(room.as_str())
    }
}

/// Each template has a path of its own, and none lies where it would never be asked.
fn alone(key: &'static str, templates: &[Template], covers: &[(&Template, &str)]) -> Result<(), TemplateError> {
    for template in templates {
        let wrong = |problem| Err(TemplateError { key, template: template.to_string(), problem });
        if let Some((cover, name)) = covers.iter().find(|(cover, _)| cover.covers(template)) {
            return wrong(format!("it lies below `{cover}` of `{name}`, so that no room would ever be judged there"));
        }
        if templates.iter().filter(|other| other.same_path(template)).count() > 1 {
            return wrong("another address has the same path".to_owned());
        }
    }
    Ok(())
}
