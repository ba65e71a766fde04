//! What visitors and owners do at the door, in one line each.

use serde_json::{Value, json};

use crate::harness::Person;

pub const ROOMS: &str = "[[room]]\nname = \"standup\"\nprivacy = \"private\"\nenable_knocking = true\n\
                         [[room]]\nname = \"board\"\nprivacy = \"private\"\nenable_knocking = true\n";

impl Person {
    /// Sends a form of one of our pages, without any script.
    pub async fn submits(&mut self, target: &str, fields: &[(&str, &str)]) -> crate::harness::Answer {
        let all = percent_encoding::NON_ALPHANUMERIC;
        let text = |t: &str| percent_encoding::utf8_percent_encode(t, all).to_string();
        let body = fields.iter().map(|(n, v)| format!("{}={}", text(n), text(v))).collect::<Vec<_>>().join("&");
        let origin = format!("http://{}", self.address);
        let headers = [
            ("Origin", origin.as_str()),
            ("Content-Type", "application/x-www-form-urlencoded"),
            ("Accept", "text/html"),
            ("Sec-Fetch-Mode", "navigate"),
            ("Sec-Fetch-Site", "same-origin"),
        ];
        self.sends("POST", target, &headers, body.as_bytes()).await
    }

    /// Comes to the room, lands at its door, and knocks as a script does.
    pub async fn knocks(&mut self, room: &str, name: &str) {
        assert_eq!(self.visits(&format!("/{room}")).await.status, 200);
        let told = self.posts("/_roomgate/knock", &json!({"room": room, "name": name})).await;
        assert_eq!((told.status, told.json()["code"].as_str()), (200, Some("waiting")), "{}", told.text());
    }

    /// Knocks at once, without a look at the room.
    pub async fn posts_knock(&mut self, room: &str, name: &str) {
        let told = self.posts_knock_from(room, name, "").await;
        assert_eq!((told.status, told.json()["code"].as_str()), (200, Some("waiting")), "{}", told.text());
    }

    /// The same through a proxy that says from which address.
    pub async fn posts_knock_from(&mut self, room: &str, name: &str, address: &str) -> crate::harness::Answer {
        assert_eq!(self.opens(&format!("/_roomgate/knock?room={room}")).await.status, 200);
        let origin = format!("http://{}", self.address);
        let mut headers = vec![("Origin", origin.as_str()), ("Content-Type", "application/json"), ("Sec-Fetch-Site", "same-origin")];
        headers.extend((!address.is_empty()).then_some(("X-Forwarded-For", address)));
        self.sends("POST", "/_roomgate/knock", &headers, json!({"room": room, "name": name}).to_string().as_bytes()).await
    }

    /// How far it gets: `full`, or the stable code of what is in the way.
    pub async fn stands(&mut self, room: &str) -> String {
        let told = self.fetches(&format!("/_roomgate/access?room={room}")).await.json();
        let full = told["access"]["level"] == "full";
        if full { "full".to_owned() } else { told["code"].as_str().unwrap().to_owned() }
    }

    /// An owner's list.
    pub async fn waiting(&mut self, room: &str) -> Vec<Value> {
        let answer = self.fetches(&format!("/_roomgate/v1/rooms/{room}/waiting-participants")).await;
        assert_eq!(answer.status, 200, "{}", answer.text());
        answer.json()["data"].as_array().unwrap().clone()
    }

    /// An owner's answer to one knock.
    pub async fn answers(&mut self, room: &str, knock: &Value, allow: bool) -> crate::harness::Answer {
        let target = format!("/_roomgate/v1/rooms/{room}/waiting-participants/{}", knock["id"].as_str().unwrap());
        let body = json!({"grantRequestedAccess": allow, "version": knock["version"]});
        let origin = format!("http://{}", self.address);
        let headers = [("Origin", origin.as_str()), ("Content-Type", "application/json")];
        self.sends("PATCH", &target, &headers, body.to_string().as_bytes()).await
    }
}

/// What stands between two texts.
pub fn between<'a>(text: &'a str, before: &str, after: &str) -> &'a str {
    let rest = text.split_once(before).unwrap_or_else(|| panic!("no {before} in {text}")).1;
    rest.split_once(after).unwrap().0
}
