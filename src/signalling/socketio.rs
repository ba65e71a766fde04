//! **What does a Socket.IO message say?** Protocol 4 (Socket.IO 2), as socket.io-parser 3.4.5 reads it; of it, what plain clients send.
//!
//! Allowed are an event in the default namespace with one payload (`2["name",payload]`) and leaving it (`1`).
//! Refused are namespaces, acknowledgements, attachments, errors, and a second `0`: the server would make a second
//! socket of the same name for it (socket.io 2.5.1, `client.js`, `doConnect`), with all its listeners.
//!
//! Payloads are read into [`Json`] by stricter rules than JavaScript's, and always written anew from it.

#[cfg(test)]
mod tests;

use std::collections::BTreeMap;
use std::fmt;

use serde::de::{self, DeserializeSeed, MapAccess, SeqAccess, Visitor};
use serde::{Serialize, Serializer};

/// How deep arrays and objects may be nested in a payload.
pub const DEPTH_MAX: usize = 8;

/// The most members of one object, and of one array.
pub const MEMBERS_MAX: usize = 256;

/// The longest name of an event, and of an object's member, in bytes.
pub const NAME_MAX: usize = 64;

/// The largest whole number that JavaScript and we write alike: 2^53 - 1.
const INTEGER_MAX: u64 = (1 << 53) - 1;

/// What a client says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Message {
    /// It leaves.
    Disconnect,
    /// An event with one payload.
    Event(Event),
}

/// An event with one payload.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Event {
    /// What it is called.
    pub name: String,
    /// What it carries.
    pub payload: Json,
}

/// A JSON value that has exactly one reading, and one way in which we write it (members in the order of their names).
///
/// Whole numbers only: two readers need not agree about others, and no signal has any.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Json {
    /// `null`
    Null,
    /// `true`, `false`
    Bool(bool),
    /// A whole number that JavaScript holds exactly.
    Integer(i64),
    /// Text without lone surrogates.
    Text(String),
    /// `[…]`
    Array(Vec<Json>),
    /// `{…}`, each name once.
    Object(BTreeMap<String, Json>),
}

/// Why a message is not passed on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    /// Not the protocol's form, or JSON with two readings.
    Malformed,
    /// In the protocol's form, but nothing that a client of ours sends.
    NotAllowed,
}

impl Message {
    /// Reads what stands in an Engine.IO message packet, behind its `4`.
    ///
    /// # Errors
    /// Where it is nothing that a plain client sends, or could be read in two ways.
    pub fn parse(text: &str) -> Result<Self, Fault> {
        if text == "1" {
            return Ok(Self::Disconnect);
        }
        match text.split_at_checked(1) {
            Some(("2", payload)) if payload.starts_with('[') => Event::parse(payload).map(Self::Event),
            // Behind the 2 may stand a namespace (`/x,`), an acknowledgement's number, or nothing at all.
            Some(("0" | "1" | "2" | "3" | "4" | "5" | "6", _)) => Err(Fault::NotAllowed),
            _ => Err(Fault::Malformed),
        }
    }
}

impl Event {
    fn parse(text: &str) -> Result<Self, Fault> {
        let Json::Array(members) = Json::parse(text)? else { return Err(Fault::Malformed) };
        let mut members = members.into_iter();
        match (members.next(), members.next(), members.next()) {
            (Some(Json::Text(name)), Some(payload), None) if name.len() <= NAME_MAX => Ok(Self { name, payload }),
            _ => Err(Fault::NotAllowed),
        }
    }

    /// The message packet that says this event: `42["name",payload]`.
    pub fn packet(&self) -> String {
        packet(&self.name, &self.payload)
    }
}

/// The message packet that says an event: `42["name",payload]`.
pub fn packet(name: &str, payload: &impl Serialize) -> String {
    // Neither part can fail to be written: names are text, and maps have text for names.
    serde_json::to_string(&(name, payload)).map(|json| format!("42{json}")).unwrap_or_default()
}

impl Json {
    /// Reads a whole JSON text.
    ///
    /// # Errors
    /// Where it is none (RFC 8259), says a name twice, or goes beyond what any signal needs.
    pub fn parse(text: &str) -> Result<Self, Fault> {
        let mut reader = serde_json::Deserializer::from_str(text);
        let value = Within(DEPTH_MAX).deserialize(&mut reader).map_err(|_| Fault::Malformed)?;
        reader.end().map_err(|_| Fault::Malformed)?;
        Ok(value)
    }
}

impl Serialize for Json {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::Null => to.serialize_unit(),
            Self::Bool(value) => to.serialize_bool(*value),
            Self::Integer(value) => to.serialize_i64(*value),
            Self::Text(value) => to.serialize_str(value),
            Self::Array(value) => value.serialize(to),
            Self::Object(value) => value.serialize(to),
        }
    }
}

/// A value that may nest so much deeper.
#[derive(Clone, Copy)]
struct Within(usize);

impl<'de> DeserializeSeed<'de> for Within {
    type Value = Json;

    fn deserialize<D: serde::Deserializer<'de>>(self, from: D) -> Result<Json, D::Error> {
        from.deserialize_any(self)
    }
}

impl Within {
    fn deeper<E: de::Error>(self) -> Result<Self, E> {
        self.0.checked_sub(1).map(Self).ok_or_else(|| E::custom("nested too deep"))
    }
}

impl<'de> Visitor<'de> for Within {
    type Value = Json;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("plain JSON")
    }

    fn visit_unit<E: de::Error>(self) -> Result<Json, E> {
        Ok(Json::Null)
    }

    fn visit_bool<E: de::Error>(self, value: bool) -> Result<Json, E> {
        Ok(Json::Bool(value))
    }

    fn visit_u64<E: de::Error>(self, value: u64) -> Result<Json, E> {
        i64::try_from(value).map_err(|_| E::custom("too large a number")).and_then(|value| self.visit_i64(value))
    }

    fn visit_i64<E: de::Error>(self, value: i64) -> Result<Json, E> {
        if value.unsigned_abs() > INTEGER_MAX {
            return Err(E::custom("too large a number"));
        }
        Ok(Json::Integer(value))
    }

    fn visit_str<E: de::Error>(self, value: &str) -> Result<Json, E> {
        Ok(Json::Text(value.to_owned()))
    }

    fn visit_string<E: de::Error>(self, value: String) -> Result<Json, E> {
        Ok(Json::Text(value))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut from: A) -> Result<Json, A::Error> {
        let inner = self.deeper()?;
        let mut members = Vec::new();
        while let Some(member) = from.next_element_seed(inner)? {
            if members.len() >= MEMBERS_MAX {
                return Err(de::Error::custom("too many members"));
            }
            members.push(member);
        }
        Ok(Json::Array(members))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut from: A) -> Result<Json, A::Error> {
        let inner = self.deeper()?;
        let mut members = BTreeMap::new();
        while let Some(name) = from.next_key::<String>()? {
            // Names that mean something to JavaScript itself, and socket.io-parser's sign for an attachment.
            if matches!(name.as_str(), "__proto__" | "constructor" | "prototype" | "toJSON" | "_placeholder") {
                return Err(de::Error::custom("a name that no signal has"));
            }
            if name.len() > NAME_MAX || members.len() >= MEMBERS_MAX {
                return Err(de::Error::custom("too many members"));
            }
            let value = from.next_value_seed(inner)?;
            if members.insert(name, value).is_some() {
                return Err(de::Error::custom("a name twice"));
            }
        }
        Ok(Json::Object(members))
    }
}
