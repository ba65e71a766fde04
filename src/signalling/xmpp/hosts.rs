//! Where are the parts of one Jitsi server, as XMPP addresses?
//!
//! Everything follows from the domain and can be stated. All are exact, lower-case ASCII host names: no port, no dot at the end, no
//! pattern. What is not named here is not reached.

/// The visitor nodes' virtual hosts are `v1.meet.jitsi`, whatever the domain: the page has that written into it
/// (jitsi-meet 0cafcc94, `base/conference/functions.ts`, `getVisitorOptions`).
const VISITORS_DOMAIN: &str = "meet.jitsi";

/// The services that take messages from people in a room (lib-jitsi-meet 01daa07c, `modules/xmpp`).
const COMPONENTS: [&str; 9] =
    ["avmoderation", "speakerstats", "metadata", "polls", "endconference", "filesharing", "breakout", "visitors", "conferenceduration"];

/// Where the parts of one Jitsi server are, as XMPP addresses. All lower-case ASCII host names, exact.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Hosts {
    /// The main virtual host (`config.hosts.domain`): `meet.jitsi`.
    pub domain: String,
    /// The guests' virtual host (`config.hosts.anonymousdomain`), where there is one.
    pub guest: Option<String>,
    /// The visitor nodes, as `vnode=` names them: `v1`.
    pub visitors: Vec<String>,
    /// Where the rooms are (`config.hosts.muc`): `conference.meet.jitsi`.
    pub muc: String,
    /// Where people wait for Jitsi's own lobby; `None` where that is not allowed.
    pub lobby: Option<String>,
    /// Where breakout rooms are; `None` where they are not allowed.
    pub breakout: Option<String>,
    /// Jicofo's component: `focus.meet.jitsi`.
    pub focus: String,
    /// Services that take messages without a room in the address.
    pub components: Vec<String>,
    /// Whether rooms may have a tenant: `/acme/standup`, `standup@conference.acme.meet.jitsi`.
    pub tenants: bool,
}

impl Hosts {
    /// Everything that follows from the domain: no guests, no visitors, no tenants; rooms at `conference.`.
    pub fn of(domain: &str) -> Self {
        let below = |name: &str| format!("{name}.{domain}");
        Self {
            domain: domain.to_owned(),
            guest: None,
            visitors: Vec::new(),
            muc: below("conference"),
            lobby: Some(below("lobby")),
            breakout: Some(below("breakout")),
            focus: below("focus"),
            components: COMPONENTS.map(below).into(),
            tenants: false,
        }
    }

    /// Whether a client may open a stream to this host: the domain, the guests', a visitor node's.
    pub fn is_virtual_host(&self, host: &str) -> bool {
        host == self.domain || self.guest.as_deref() == Some(host) || self.visitor(host).is_some()
    }

    /// The visitor node whose virtual host this is: `v1` of `v1.meet.jitsi`.
    pub fn visitor(&self, host: &str) -> Option<&str> {
        let vnode = host.strip_suffix(VISITORS_DOMAIN)?.strip_suffix('.')?;
        self.visitors.iter().map(String::as_str).find(|known| *known == vnode)
    }

    /// The virtual host of a visitor node: `v1.meet.jitsi`.
    pub fn visitor_host(vnode: &str) -> String {
        format!("{vnode}.{VISITORS_DOMAIN}")
    }

    /// The one MUC host under which a room is addressed on a stream that was opened to `vhost`.
    ///
    /// A tenant (canonical: [`super::name::tenant`]) stands behind the first label, `conference.acme.meet.jitsi` (docker-jitsi-meet
    /// 084b8f1e, `system-config.js`). For a visitor, the page puts the node's virtual host in the domain's place:
    /// `conference.v1.meet.jitsi`, `conference.acme.v1.meet.jitsi`.
    pub fn muc_of(&self, tenant: Option<&str>, vhost: &str) -> String {
        let muc = match (tenant, self.muc.split_once('.')) {
            (Some(tenant), Some((prefix, rest))) => format!("{prefix}.{tenant}.{rest}"),
            (Some(tenant), None) => format!("{}.{tenant}", self.muc),
            (None, _) => self.muc.clone(),
        };
        match (self.visitor(vhost), muc.strip_suffix(&self.domain)) {
            (Some(_), Some(before)) => format!("{before}{vhost}"),
            (Some(_), None) | (None, _) => muc,
        }
    }

    /// Whether this is a host where rooms are, of whatever tenant and on whatever node.
    pub fn is_muc(&self, host: &str) -> bool {
        let vhosts = || std::iter::once(self.domain.clone()).chain(self.visitors.iter().map(|v| Self::visitor_host(v)));
        vhosts().any(|vhost| host == self.muc_of(None, &vhost))
            || (self.tenants
                && host
                    .split('.')
                    .nth(1)
                    .filter(|label| super::name::tenant(label).is_ok_and(|t| t == *label))
                    .is_some_and(|label| vhosts().any(|vhost| host == self.muc_of(Some(label), &vhost))))
    }

    /// Whether this is a service that takes messages without a room in the address.
    pub fn is_component(&self, host: &str) -> bool {
        self.components.iter().any(|known| known == host)
    }

    /// All of them, each with the word for it: for telling that two parts cannot be at the same place.
    pub fn all(&self) -> Vec<(&'static str, &str)> {
        let mut all = vec![("domain", self.domain.as_str()), ("muc", &self.muc), ("focus", &self.focus)];
        all.extend(self.guest.as_deref().map(|host| ("guest", host)));
        all.extend(self.lobby.as_deref().map(|host| ("lobby", host)));
        all.extend(self.breakout.as_deref().map(|host| ("breakout", host)));
        all.extend(self.components.iter().map(|host| ("components", host.as_str())));
        all
    }
}

/// Whether a text is such a host name: labels of lower-case ASCII letters, digits, `-` and `_`, each of at most 63, 253 in all.
pub fn is_host(text: &str) -> bool {
    let letter = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || matches!(b, b'-' | b'_');
    text.len() <= 253 && text.split('.').all(|label| !label.is_empty() && label.len() <= 63 && label.bytes().all(letter))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, clippy::arithmetic_side_effects)]

    use super::*;

    fn all() -> Hosts {
        Hosts {
            guest: Some("guest.meet.example.org".to_owned()),
            visitors: vec!["v1".to_owned(), "v2".to_owned()],
            tenants: true,
            ..Hosts::of("meet.example.org")
        }
    }

    #[test]
    fn everything_follows_from_the_domain() {
        let hosts = Hosts::of("meet.jitsi");
        assert_eq!((hosts.muc.as_str(), hosts.focus.as_str()), ("conference.meet.jitsi", "focus.meet.jitsi"));
        assert_eq!((hosts.lobby.as_deref(), hosts.breakout.as_deref()), (Some("lobby.meet.jitsi"), Some("breakout.meet.jitsi")));
        assert_eq!((hosts.guest, hosts.visitors, hosts.tenants), (None, Vec::<String>::new(), false));
        assert!(hosts.components.contains(&"avmoderation.meet.jitsi".to_owned()));
        assert_eq!(hosts.components.len(), 9);
    }

    #[test]
    fn a_stream_may_open_the_domain_the_guests_and_the_visitors() {
        let hosts = all();
        for host in ["meet.example.org", "guest.meet.example.org", "v1.meet.jitsi", "v2.meet.jitsi"] {
            assert!(hosts.is_virtual_host(host), "{host}");
        }
        for host in [
            "",
            "auth.meet.example.org",
            "recorder.meet.example.org",
            "focus.meet.example.org",
            "conference.meet.example.org",
            "MEET.example.org",
            "meet.example.org.",
            "meet.example.org:5222",
            "v3.meet.jitsi",
            "meet.jitsi",
            ".meet.jitsi",
            "v1",
            "xv1.meet.jitsi",
            "v1.meet.example.org",
            "guest.meet.jitsi",
        ] {
            assert!(!hosts.is_virtual_host(host), "{host}");
        }
        assert!(!Hosts::of("meet.jitsi").is_virtual_host("v1.meet.jitsi"));
    }

    #[test]
    fn a_room_is_addressed_at_one_host() {
        let hosts = all();
        let main = "meet.example.org";
        assert_eq!(hosts.muc_of(None, main), "conference.meet.example.org");
        assert_eq!(hosts.muc_of(None, "guest.meet.example.org"), "conference.meet.example.org");
        assert_eq!(hosts.muc_of(Some("acme"), main), "conference.acme.meet.example.org");
        assert_eq!(hosts.muc_of(None, "v1.meet.jitsi"), "conference.v1.meet.jitsi");
        assert_eq!(hosts.muc_of(Some("acme"), "v1.meet.jitsi"), "conference.acme.v1.meet.jitsi");
        let docker = Hosts { muc: "muc.meet.jitsi".to_owned(), visitors: vec!["v1".to_owned()], ..Hosts::of("meet.jitsi") };
        assert_eq!(docker.muc_of(None, "meet.jitsi"), "muc.meet.jitsi");
        assert_eq!(docker.muc_of(None, "v1.meet.jitsi"), "muc.v1.meet.jitsi");
        assert_eq!(docker.muc_of(Some("acme"), "meet.jitsi"), "muc.acme.meet.jitsi");
        let elsewhere = Hosts { muc: "rooms.example.net".to_owned(), ..all() };
        assert_eq!(elsewhere.muc_of(None, "v1.meet.jitsi"), "rooms.example.net");
    }

    #[test]
    fn hosts_are_matched_exactly() {
        let hosts = all();
        for host in [
            "conference.meet.example.org",
            "conference.v1.meet.jitsi",
            "conference.acme.meet.example.org",
            "conference.acme_corp.meet.example.org",
            "conference.acme.v2.meet.jitsi",
        ] {
            assert!(hosts.is_muc(host), "{host}");
        }
        for host in [
            "",
            "conference",
            "conferenceXacme.meet.example.org",
            "conference.meet.example.org.",
            "Conference.meet.example.org",
            "conference.Acme.meet.example.org",
            "conference.a.b.meet.example.org",
            "conference..meet.example.org",
            "conference.[a].meet.example.org",
            "internal-muc.meet.example.org",
            "lobby.meet.example.org",
            "conference.v3.meet.jitsi",
            "conference.meet.jitsi",
        ] {
            assert!(!hosts.is_muc(host), "{host}");
        }
        let without = Hosts { tenants: false, ..all() };
        assert!(!without.is_muc("conference.acme.meet.example.org") && without.is_muc("conference.v1.meet.jitsi"));
        assert!(hosts.is_component("polls.meet.example.org"));
        for host in ["polls", "polls.meet.example.org.", "focus.meet.example.org", "jvb.meet.example.org"] {
            assert!(!hosts.is_component(host), "{host}");
        }
    }

    #[test]
    fn a_host_is_written_in_one_way() {
        for host in ["meet.jitsi", "localhost", "meet.example.org", "xn--mnchen-3ya.example", "a_b.c-d.7"] {
            assert!(is_host(host), "{host}");
        }
        let long = ["a"; 127].join(".") + ".b";
        for host in ["", ".", "a.", ".a", "a..b", "A.b", "m\u{fc}nchen.example", "a:80", "a b", "a/b", "a@b", "[::1]", "a%41", &long] {
            assert!(!is_host(host), "{host}");
        }
    }
}
