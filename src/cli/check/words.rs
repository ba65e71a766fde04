//! How is the operator told what the probe found, so that they know what to do?

use std::collections::BTreeSet;
use std::net::{IpAddr, SocketAddr};

use super::ask::Answer;
use super::plan::{Part, Role};

/// An open port.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Finding {
    port: u16,
    role: Role,
    /// The most that one of its addresses said.
    answer: Answer,
    addresses: Vec<IpAddr>,
    from: BTreeSet<IpAddr>,
}

impl Finding {
    /// What answered at which address, and which of ours was seen there; `None` where nothing is open.
    pub(super) fn of(port: u16, role: Role, open: Vec<(IpAddr, Answer, Option<IpAddr>)>) -> Option<Self> {
        let answer = open.iter().map(|(_, answer, _)| *answer).max()?;
        let from = open.iter().filter_map(|(_, _, from)| *from).collect();
        Some(Self { port, role, answer, addresses: open.iter().map(|(address, ..)| *address).collect(), from })
    }

    /// What is open, seen from where, why that matters, what would be right.
    pub(super) fn warning(&self, host: &str) -> String {
        let Self { port, .. } = self;
        format!(
            "port {port} of {} is open, seen from {}: {}. {}. Right: {}; or a firewall that lets only Roomgate in, on the same machine \
             `iptables -I INPUT ! -i lo -p tcp --dport {port} -j DROP` and the same with `ip6tables` (what Docker publishes passes these by)",
            at(host, &self.addresses),
            joined(&self.from),
            self.listener(),
            self.reason(),
            self.remedy()
        )
    }

    fn listener(&self) -> String {
        match (self.answer, self.role) {
            (Answer::Silent, _) => "something listens, and says nothing".to_owned(),
            (Answer::Unknown, _) => "something listens, and speaks neither XMPP nor HTTP".to_owned(),
            (Answer::Tls, _) => "something listens that speaks TLS".to_owned(),
            (Answer::Http(200), Role::Jicofo | Role::Bridge) => "`/about/health` is answered, as jicofo and the bridge do".to_owned(),
            (Answer::Http(status), _) => format!("an HTTP server answers ({status})"),
            (Answer::Stream, _) => "an XMPP server answers".to_owned(),
            (Answer::Prosody, Role::Pages) => "a page server answers, and behind it Prosody".to_owned(),
            (Answer::Prosody, _) => "Prosody's HTTP answers".to_owned(),
        }
    }

    fn reason(&self) -> &'static str {
        match (self.role, self.answer) {
            (Role::Other, Answer::Stream | Answer::Prosody) | (Role::Clients | Role::Http | Role::Https, _) => {
                "Whoever reaches it joins any room past the gateway"
            }
            (Role::Servers, _) => "Other XMPP servers' people join any room through it, past the gateway",
            (Role::Components, _) => "Whoever has or guesses a component's secret is in every room, past the gateway",
            (Role::Jicofo, _) => "Whoever reaches it starts conferences and reads of all rooms, past the gateway",
            (Role::Bridge, _) => "Whoever reaches it speaks with the bridge past the gateway, in every room whose address they learn",
            (Role::Pages, _) => "Whoever reaches it goes round the gateway, and its signalling leads into any room",
            (Role::Other, _) => "`private_ports` says that browsers must not reach it",
        }
    }

    fn remedy(&self) -> String {
        let docker = format!("with Docker no `ports:` for it, or `\"127.0.0.1:{0}:{0}\"`", self.port);
        let prosody = |options: &str| format!("Prosody listens on 127.0.0.1 or a private network only ({options}); {docker}");
        match (self.role, self.answer) {
            (Role::Clients, _) | (Role::Other, Answer::Stream) => {
                prosody("`c2s_interfaces = { \"127.0.0.1\" }`, or `interfaces` for all that it serves")
            }
            (Role::Servers, _) => prosody("`s2s_interfaces = { \"127.0.0.1\" }`, or `s2s` in `modules_disabled`"),
            (Role::Components, _) => prosody("`component_interfaces = { \"127.0.0.1\" }`"),
            (Role::Http, _) | (Role::Other, Answer::Prosody) => prosody("`http_interfaces = { \"127.0.0.1\" }`"),
            (Role::Https, _) => prosody("`https_interfaces = { \"127.0.0.1\" }`, or `https_ports = {}`"),
            (Role::Jicofo, _) => {
                format!("jicofo listens on 127.0.0.1 or a private network only (`jicofo.rest.host = \"127.0.0.1\"`); {docker}")
            }
            (Role::Bridge, _) => {
                format!(
                    "the bridge listens on 127.0.0.1 or a private network only (`videobridge.http-servers.public.host = \"127.0.0.1\"`); \
                     {docker}"
                )
            }
            (Role::Pages, _) => {
                format!("it listens on 127.0.0.1 or a private network only (nginx: `listen 127.0.0.1:{}`); {docker}", self.port)
            }
            (Role::Other, _) => format!("it listens on 127.0.0.1 or a private network only; {docker}"),
        }
    }
}

/// What was tried.
#[derive(Clone, Debug)]
pub(super) struct Tried<'a> {
    /// The host of `public_url`.
    pub(super) host: &'a str,
    /// Its addresses.
    pub(super) reached: Vec<IpAddr>,
    /// Those to which this machine has no way.
    pub(super) unreached: Vec<IpAddr>,
    /// From which of ours.
    pub(super) from: BTreeSet<IpAddr>,
    /// Whether the address is this machine's.
    pub(super) ours: bool,
    /// Where time ran out.
    pub(super) unfinished: Vec<SocketAddr>,
    /// How many ports are open.
    pub(super) open: usize,
    /// Whether anybody answers at `public_url`.
    pub(super) served: bool,
    pub(super) ports: Vec<u16>,
}

impl Tried<'_> {
    pub(super) fn notes(&self) -> Vec<String> {
        let mut notes = Vec::new();
        let host = self.host;
        if !self.unreached.is_empty() {
            notes.push(format!("probe: this machine has no way to {}, so that nothing was tried there", joined(&self.unreached)));
        }
        if !self.unfinished.is_empty() {
            notes.push(format!("probe: no answer in time from {}", joined(&self.unfinished)));
        }
        if self.reached.is_empty() || self.ports.is_empty() {
            notes.push("probe: nothing was tried".to_owned());
        } else {
            let found = match self.open {
                0 => "nothing is open".to_owned(),
                open => format!("{open} open"),
            };
            let served = if self.served { "public_url answers" } else { "nobody answers at public_url now" };
            notes.push(format!(
                "probe: tried {} from {}, ports {}: {found}; {served}",
                at(host, &self.reached),
                joined(&self.from),
                joined(&self.ports)
            ));
        }
        if self.reached.iter().chain(&self.unreached).all(IpAddr::is_loopback) {
            notes.push(format!("probe: {host} is the loopback: only this machine is meant, and this says nothing about a public address"));
        } else if !self.ports.is_empty() {
            let where_we_are = if self.ours {
                "this machine has that address itself, so that no firewall was passed"
            } else {
                "this machine is not where browsers are"
            };
            let ports: Vec<String> = self.ports.iter().map(ToString::to_string).collect();
            notes.push(format!(
                "probe: {where_we_are}: try from outside, where each must fail: for port in {}; do nc -vz -w 2 {host} $port; done",
                ports.join(" ")
            ));
        }
        notes
    }
}

/// The host of `public_url` has no address.
pub(super) fn unknown_host(host: &str, authority: &str) -> String {
    let told = if host == authority { String::new() } else { format!(" (of {authority})") };
    format!("server.public_url: no address of {host}{told} was found from this machine: nothing was probed there")
}

/// A part's host has no address.
pub(super) fn unknown_part(part: &Part) -> String {
    format!("{}: no address of {} was found from this machine: it must be one that only Roomgate reaches", part.key, part.host)
}

/// A part has an address that is no private one.
pub(super) fn public_part(part: &Part, address: IpAddr) -> String {
    let Part { key, host, port, .. } = part;
    let shown = at(host, &[address]);
    format!(
        "{key}: {shown} is not a private address: whoever reaches port {port} there goes round the gateway. Let a firewall admit only \
         Roomgate, or use a private network"
    )
}

/// `meet.example.org (203.0.113.7)`, or the address alone.
fn at(host: &str, addresses: &[IpAddr]) -> String {
    let all = joined(addresses);
    if all == host { all } else { format!("{host} ({all})") }
}

fn joined<T: ToString>(all: impl IntoIterator<Item = T>) -> String {
    all.into_iter().map(|one| one.to_string()).collect::<Vec<_>>().join(", ")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ip(text: &str) -> IpAddr {
        text.parse().unwrap()
    }

    #[test]
    fn a_finding_says_what_is_open_from_where_why_and_what_to_do() {
        let open =
            vec![(ip("203.0.113.7"), Answer::Silent, Some(ip("192.0.2.4"))), (ip("2001:db8::7"), Answer::Stream, Some(ip("2001:db8::4")))];
        let warning = Finding::of(5222, Role::Clients, open).unwrap().warning("meet.example.org");
        for word in [
            "port 5222 of meet.example.org (203.0.113.7, 2001:db8::7) is open, seen from 192.0.2.4, 2001:db8::4: an XMPP server answers",
            "joins any room past the gateway",
            "`c2s_interfaces = { \"127.0.0.1\" }`",
            "`\"127.0.0.1:5222:5222\"`",
            "--dport 5222 -j DROP",
        ] {
            assert!(warning.contains(word), "no {word} in {warning}");
        }
        assert_eq!(Finding::of(5222, Role::Clients, Vec::new()), None);
    }

    #[test]
    fn each_part_has_its_own_remedy() {
        for (role, answer, word) in [
            (Role::Servers, Answer::Stream, "s2s_interfaces"),
            (Role::Components, Answer::Stream, "component_interfaces"),
            (Role::Http, Answer::Prosody, "`http_interfaces"),
            (Role::Https, Answer::Tls, "https_interfaces"),
            (Role::Jicofo, Answer::Http(200), "jicofo.rest.host"),
            (Role::Bridge, Answer::Http(404), "http-servers.public.host"),
            (Role::Pages, Answer::Prosody, "and behind it Prosody"),
            (Role::Other, Answer::Stream, "c2s_interfaces"),
            (Role::Other, Answer::Silent, "something listens"),
        ] {
            let warning = Finding::of(7000, role, vec![(ip("203.0.113.7"), answer, None)]).unwrap().warning("203.0.113.7");
            assert!(warning.contains(word) && warning.starts_with("port 7000 of 203.0.113.7 is open"), "no {word} in {warning}");
        }
    }

    #[test]
    fn what_was_tried_is_told_with_the_command_that_tries_it_from_outside() {
        let tried = Tried {
            host: "meet.example.org",
            reached: vec![ip("203.0.113.7")],
            unreached: vec![ip("2001:db8::7")],
            from: [ip("192.0.2.4")].into(),
            ours: false,
            unfinished: Vec::new(),
            open: 0,
            served: true,
            ports: vec![5222, 5280],
        };
        let notes = tried.notes();
        assert!(notes[0].contains("no way to 2001:db8::7"), "{notes:?}");
        assert_eq!(
            notes[1],
            "probe: tried meet.example.org (203.0.113.7) from 192.0.2.4, ports 5222, 5280: nothing is open; public_url answers"
        );
        assert!(notes[2].contains("is not where browsers are"), "{notes:?}");
        assert!(notes[2].ends_with("for port in 5222 5280; do nc -vz -w 2 meet.example.org $port; done"), "{notes:?}");
        let own = Tried { ours: true, ..tried.clone() }.notes();
        assert!(own[2].contains("no firewall"), "{own:?}");
        let loopback = Tried { host: "localhost", reached: vec![ip("127.0.0.1")], unreached: Vec::new(), ..tried }.notes();
        assert!(loopback.last().unwrap().contains("only this machine is meant") && !loopback.concat().contains("nc -vz"), "{loopback:?}");
    }
}
