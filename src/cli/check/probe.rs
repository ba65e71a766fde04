//! Is a back door of the Jitsi server open, as far as this machine can see?
//!
//! Everything is tried at once, in a thread each, and waited for with a limit: a name server that hangs or a firewall that swallows
//! costs seconds and no more. Threads that still wait then end with the process.

use std::collections::{BTreeMap, BTreeSet};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, ToSocketAddrs as _, UdpSocket};
use std::sync::mpsc;
use std::thread;
use std::time::{Duration, Instant};

use super::ask::{Outcome, Question, ask};
use super::plan::{Part, is_private, is_the_front_door, parts, ports, public_host, public_port};
use super::words::{self, Finding, Tried};
use crate::config::Config;
use crate::profile::Profile;

/// Names are looked up for so long.
const LOOKUP: Duration = Duration::from_secs(2);

/// Ports are tried for so long.
const TRYING: Duration = Duration::from_secs(4);

/// A name with more addresses than this is a joke, or a whole content network.
const ADDRESSES: usize = 8;

/// What the operator is told.
#[derive(Debug, Default)]
pub(super) struct Told {
    /// What to act on.
    pub(super) warnings: Vec<String>,
    /// What was tried.
    pub(super) notes: Vec<String>,
}

/// Tries the back doors of a Jitsi server; with any other profile there is nothing to try. Takes six seconds at most.
pub(super) fn probe(config: &Config) -> Told {
    let (Profile::Jitsi(profile), Some(beside)) = (&*config.upstream.profile, &config.upstream.jitsi) else {
        return Told::default();
    };
    let authority = &config.server.public_url.authority;
    let host = public_host(authority);
    let parts = parts(&config.upstream, beside);
    let names = parts.iter().map(|p| p.host.clone()).chain([host.to_owned()]).collect();
    let known = look_up(names);

    let mut told = Told::default();
    for part in &parts {
        match known.get(&part.host) {
            None => told.warnings.push(words::unknown_part(part)),
            Some(all) => told.warnings.extend(all.iter().find(|a| !is_private(**a)).map(|a| words::public_part(part, *a))),
        }
    }
    let Some(addresses) = known.get(host) else {
        told.warnings.push(words::unknown_host(host, authority));
        return told;
    };
    let all = ports(&parts, &beside.private_ports);
    // The front door is tried too, to know whether somebody serves there.
    let front = public_port(&config.server);
    let mut jobs: Vec<(SocketAddr, Vec<Question>)> =
        addresses.iter().map(|a| (SocketAddr::new(*a, front), vec![Question::Hello])).collect();
    for at in addresses.iter().flat_map(|a| all.iter().map(|(port, role)| (SocketAddr::new(*a, *port), *role))) {
        let (at, role) = at;
        if !is_the_front_door(&config.server, at) && !is_meant(&parts, &known, at) {
            jobs.push((at, role.questions(&profile.hosts().domain, authority)));
        }
    }
    let outcomes = try_all(&jobs);

    let tried: BTreeSet<u16> = jobs.iter().map(|(at, _)| at.port()).filter(|port| *port != front).collect();
    let mut findings = Vec::new();
    for (port, role) in all.iter().filter(|(port, _)| tried.contains(port)) {
        let open = outcomes.iter().filter(|(at, _)| at.port() == *port).filter_map(|(at, outcome)| match outcome {
            Outcome::Closed | Outcome::NoWay => None,
            Outcome::Open { answer, from } => Some((at.ip(), *answer, *from)),
        });
        findings.extend(Finding::of(*port, *role, open.collect()));
    }
    told.warnings.extend(findings.iter().map(|finding| finding.warning(host)));
    let answered = |at: &SocketAddr| matches!(outcomes.get(at), Some(Outcome::Open { .. }));
    told.notes = Tried {
        host,
        reached: addresses.iter().copied().filter(|a| no_way(&outcomes, *a).is_none()).collect(),
        unreached: addresses.iter().filter_map(|a| no_way(&outcomes, *a)).collect(),
        from: addresses.iter().filter_map(|a| source(*a)).collect(),
        ours: addresses.iter().any(|a| is_ours(*a)),
        unfinished: jobs.iter().filter(|(at, _)| !outcomes.contains_key(at)).map(|(at, _)| *at).collect(),
        open: findings.len(),
        served: addresses.iter().any(|a| answered(&SocketAddr::new(*a, front))),
        ports: tried.into_iter().collect(),
    }
    .notes();
    told
}

/// On the loopback, the place where the gateway itself is told to find a part is no back door.
fn is_meant(parts: &[Part], known: &BTreeMap<String, Vec<IpAddr>>, at: SocketAddr) -> bool {
    let there = |part: &Part| part.port == at.port() && known.get(&part.host).is_some_and(|all| all.contains(&at.ip()));
    at.ip().is_loopback() && parts.iter().any(there)
}

/// The address, where there is no way to it at all.
fn no_way(outcomes: &BTreeMap<SocketAddr, Outcome>, address: IpAddr) -> Option<IpAddr> {
    let mut there = outcomes.iter().filter(|(at, _)| at.ip() == address).map(|(_, outcome)| outcome);
    there.any(|outcome| *outcome == Outcome::NoWay).then_some(address)
}

/// Names that nobody knows, or nobody tells of in time, are missing.
fn look_up(names: BTreeSet<String>) -> BTreeMap<String, Vec<IpAddr>> {
    let jobs: Vec<String> = names.into_iter().collect();
    let found = at_once(&jobs, LOOKUP, |name: &String| {
        let mut all: Vec<IpAddr> = (name.as_str(), 0).to_socket_addrs().map(|all| all.map(|a| a.ip()).collect()).unwrap_or_default();
        all.sort();
        all.dedup();
        all.truncate(ADDRESSES);
        all
    });
    found.into_iter().filter(|(_, all)| !all.is_empty()).collect()
}

fn try_all(jobs: &[(SocketAddr, Vec<Question>)]) -> BTreeMap<SocketAddr, Outcome> {
    let found = at_once(jobs, TRYING, |(at, questions): &(SocketAddr, Vec<Question>)| ask(*at, questions));
    found.into_iter().map(|((at, _), outcome)| (at, outcome)).collect()
}

/// Does all of them, each in its own thread; what is not done in time is missing.
fn at_once<J, R>(jobs: &[J], patience: Duration, work: fn(&J) -> R) -> Vec<(J, R)>
where
    J: Clone + Send + 'static,
    R: Send + 'static,
{
    let deadline = Instant::now().checked_add(patience);
    let (done, results) = mpsc::channel();
    for job in jobs {
        let (job, done) = (job.clone(), done.clone());
        // Where no thread can be had, this one is not done.
        let _ = thread::Builder::new().name("probe".into()).spawn(move || {
            let result = work(&job);
            let _ = done.send((job, result));
        });
    }
    drop(done);
    let left = || deadline.and_then(|d| d.checked_duration_since(Instant::now())).unwrap_or_default();
    std::iter::from_fn(|| results.recv_timeout(left()).ok()).collect()
}

/// From which address of ours one goes there. Nothing is sent for it.
fn source(to: IpAddr) -> Option<IpAddr> {
    let any: IpAddr = if to.is_ipv4() { Ipv4Addr::UNSPECIFIED.into() } else { Ipv6Addr::UNSPECIFIED.into() };
    let socket = UdpSocket::bind((any, 0)).ok()?;
    socket.connect((to, 9)).ok()?;
    socket.local_addr().ok().map(|a| a.ip())
}

/// Whether this machine has that address: only then can one listen there.
fn is_ours(address: IpAddr) -> bool {
    UdpSocket::bind((address, 0)).is_ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_not_done_in_time_is_missing_and_keeps_nobody() {
        let since = Instant::now();
        let done = at_once(&[0_u64, 60, 1], Duration::from_millis(1500), |seconds| thread::sleep(Duration::from_secs(*seconds)));
        let mut done: Vec<u64> = done.into_iter().map(|(job, ())| job).collect();
        done.sort_unstable();
        assert_eq!(done, [0, 1]);
        assert!(since.elapsed() < Duration::from_secs(30));
    }

    #[test]
    fn this_machine_knows_itself() {
        assert!(is_ours(Ipv4Addr::LOCALHOST.into()) && !is_ours("192.0.2.1".parse().unwrap()));
        assert_eq!(source(Ipv4Addr::LOCALHOST.into()), Some(Ipv4Addr::LOCALHOST.into()));
        let known = look_up(["127.0.0.1".to_owned(), "nobody.invalid".to_owned()].into());
        assert_eq!(known.into_iter().collect::<Vec<_>>(), [("127.0.0.1".to_owned(), vec![IpAddr::from(Ipv4Addr::LOCALHOST)])]);
    }
}
