//! From start to stop.

use std::time::{Duration, Instant};

use crate::harness::Person;
use crate::harness::busy::Busy;
use crate::harness::process::House;
use crate::harness::socket::{SOON, eventually};

const ROOMS: &str = "[[room]]\nname = \"lounge\"\n[[room]]\nname = \"standup\"\nprivacy = \"private\"\nenable_knocking = true\n";

/// Every series of the interface that applies, by the name that a scrape shows once it has something to tell.
const SERIES: [&str; 27] = [
    "roomgate_http_requests_total{",
    "roomgate_http_request_duration_seconds_bucket{",
    "roomgate_http_requests_in_flight ",
    "roomgate_decisions_total{decision=\"admit\",reason=\"public\"}",
    "roomgate_decisions_total{decision=\"hold\",reason=\"may-knock\"}",
    "roomgate_decision_duration_seconds_bucket{",
    "roomgate_token_verifications_total{algorithm=\"HS256\",result=\"ok\"}",
    "roomgate_token_cache_hits_total ",
    "roomgate_token_cache_misses_total ",
    "roomgate_directory_cache_hits_total ",
    "roomgate_directory_cache_misses_total ",
    "roomgate_rooms 2",
    "roomgate_tunnels_open 1",
    "roomgate_tunnels_closed_total{reason=",
    "roomgate_eject_lag_seconds_bucket{",
    "roomgate_knocks_total{result=\"asked\"} 1",
    "roomgate_knocks_waiting 1",
    "roomgate_config_last_reload_successful 1",
    "roomgate_config_last_reload_success_timestamp_seconds ",
    "roomgate_upstream_errors_total{kind=",
    "roomgate_build_info{",
    "process_cpu_seconds_total ",
    "process_open_fds ",
    "process_max_fds ",
    "process_resident_memory_bytes ",
    "process_start_time_seconds ",
    "process_threads ",
];

#[tokio::test(flavor = "multi_thread")]
async fn it_serves_logs_counts_and_stops() {
    let busy = Busy::start().await;
    let house = House::new(&busy.section(), ROOMS);
    let mut process = house.serve(&[]).await;
    let operator = Person::new(house.admin);
    for (path, status) in [("/healthz", 200), ("/readyz", 200), ("/metrics", 200), ("/", 404), ("/lounge", 404)] {
        assert_eq!(operator.get(path).await.status, status, "{path}");
    }
    assert_eq!(house.stranger().get("/metrics").await.status, 404, "what is an operator's is not a visitor's");

    let token = house.token(&["--room", "standup", "--name", "Ann"]).await;
    let mut ann = house.stranger();
    assert_eq!(ann.visits(&format!("/standup?t={token}")).await.status, 200);
    ann.get(&format!("/standup?t={token}")).await;
    let mut bob = house.stranger();
    assert_eq!(bob.visits("/standup").await.status, 200, "the knocking page");
    assert_eq!(bob.posts("/_roomgate/knock", &serde_json::json!({"room": "standup", "name": "Bob"})).await.status, 200);
    let mut cleo = house.stranger();
    cleo.opens("/lounge").await;
    drop(cleo.socket("/ws?room=lounge").await.unwrap());
    let mut socket = ann.socket("/ws?room=standup").await.unwrap();
    socket.is_alive().await;
    house.stranger().get("/nowhere/../at/all").await;

    let metrics = house.metrics().await;
    let missing: Vec<_> = SERIES.iter().filter(|name| !metrics.lines().any(|l| l.starts_with(**name))).collect();
    // Errors and ends have series once there are some.
    let missing: Vec<_> = missing.into_iter().filter(|m| !m.contains("upstream_errors") && !m.contains("tunnels_closed")).collect();
    assert!(missing.is_empty(), "{missing:?} in\n{metrics}");
    for private in ["standup", "lounge", "127.0.0.1", "Ann", token.as_str()] {
        assert!(!metrics.contains(private), "{private} in the metrics");
    }

    let since = Instant::now();
    process.signal("TERM").await;
    assert_eq!(socket.ends().await, (1001, "drain".to_owned()));
    assert_eq!(process.ends(Duration::from_secs(5)).await.code(), Some(0));
    assert!(since.elapsed() < Duration::from_secs(4), "the whole grace was waited for: {:?}", since.elapsed());

    let log = process.log();
    for line in &log {
        let json: serde_json::Value = serde_json::from_str(line).unwrap_or_else(|e| panic!("{e}: {line}"));
        assert!(json["timestamp"].is_string() && json["level"].is_string() && json["target"].is_string(), "{line}");
        assert!(!line.contains(&token) && !line.contains(token.rsplit('.').next().unwrap()), "a token in the log: {line}");
        assert!(!ann.cookies.values().any(|cookie| line.contains(cookie)), "a cookie in the log: {line}");
        if json["target"] == "roomgate::access" {
            assert!(json["request"].as_str().is_some_and(|id| !id.is_empty()), "{line}");
        }
    }
    let access: Vec<_> = log.iter().filter(|l| l.contains("roomgate::access")).collect();
    assert!(access.len() >= 8, "{access:#?}");
    let ids: std::collections::HashSet<_> =
        access.iter().map(|l| serde_json::from_str::<serde_json::Value>(l).unwrap()["request"].to_string()).collect();
    assert_eq!(ids.len(), access.len(), "each request has an id of its own");
}

#[tokio::test(flavor = "multi_thread")]
async fn while_it_drains_requests_finish_and_nobody_is_sent_to_it() {
    let busy = Busy::start().await;
    let house = House::new(&busy.section(), ROOMS);
    let mut process = house.serve(&[]).await;
    let mut ann = house.stranger();
    ann.opens("/lounge").await;
    let mut second = ann.asks("GET", "/lounge/second", &[("Connection", "close")]).await;
    eventually("the request is there", SOON, async || (busy.living() == 1).then_some(())).await;
    process.signal("TERM").await;
    eventually("it is not ready any more", SOON, async || (Person::new(house.admin).get("/readyz").await.status == 503).then_some(()))
        .await;
    assert_eq!(Person::new(house.admin).get("/healthz").await.status, 200, "it is alive");
    eventually("nobody is listening", SOON, async || tokio::net::TcpStream::connect(house.address).await.err()).await;
    second.end().await;
    assert!(second.text().ends_with("a second later"), "{}", second.text());
    assert_eq!(process.ends(Duration::from_secs(5)).await.code(), Some(0));
}

#[tokio::test(flavor = "multi_thread")]
async fn what_does_not_end_by_itself_is_given_the_time_stated() {
    let busy = Busy::start().await;
    let house = House::new(&busy.section(), ROOMS);
    let mut process = house.serve(&["--drain", "1"]).await;
    let mut ann = house.stranger();
    ann.opens("/lounge").await;
    let mut poll = ann.asks("GET", "/lounge/poll", &[]).await;
    eventually("the request is there", SOON, async || (busy.living() == 1).then_some(())).await;
    let since = Instant::now();
    process.signal("INT").await;
    assert_eq!(process.ends(Duration::from_secs(5)).await.code(), Some(0));
    assert!(since.elapsed() >= Duration::from_secs(1));
    poll.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_idle_one_stops_at_once() {
    let house = House::new(&Busy::start().await.section(), ROOMS);
    let mut process = house.serve(&[]).await;
    // A connection that is kept alive and says nothing is idle too.
    let mut wire = house.stranger().asks("GET", "/lounge", &[]).await;
    wire.until("here").await;
    let since = Instant::now();
    process.signal("TERM").await;
    assert_eq!(process.ends(Duration::from_secs(5)).await.code(), Some(0));
    assert!(since.elapsed() < Duration::from_secs(2), "{:?}", since.elapsed());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_taken_port_and_a_broken_configuration_are_told_at_once() {
    let house = House::new(&Busy::start().await.section(), ROOMS);
    let taken = std::net::TcpListener::bind(house.address).unwrap();
    let mut process = house.start(&[]);
    assert_eq!(process.ends(Duration::from_secs(10)).await.code(), Some(1));
    let told = process.says("cannot listen on").await;
    assert!(told.contains(&house.address.to_string()), "{told}");
    drop(taken);
    house.edit("name = \"lounge\"", "nmae = \"lounge\"");
    let mut process = house.start(&[]);
    assert_eq!(process.ends(Duration::from_secs(10)).await.code(), Some(2));
    let told = process.says("nmae").await;
    assert!(told.contains("roomgate.toml:"), "{told}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_hundred_thousand_rooms_start_soon() {
    let busy = Busy::start().await;
    let house = House::new(&format!("{}[rooms]\nfiles = [\"many.toml\"]\n", busy.section()), "");
    let rooms: String = (0..100_000).map(|n| format!("[[room]]\nname = \"room-{n}\"\nprivacy = \"private\"\n")).collect();
    std::fs::write(house.file("many.toml"), rooms).unwrap();
    let since = Instant::now();
    let _process = house.serve(&[]).await;
    let took = since.elapsed();
    // Not optimised, and on a machine that does other things: seconds, not minutes.
    assert!(took < Duration::from_secs(25), "{took:?}");
    assert!(house.metrics().await.contains("roomgate_rooms 100000\n"));
    for name in ["room-0", "room-77777", "room-99999"] {
        assert_eq!(house.stranger().fetches(&format!("/{name}")).await.code(), "private");
    }
    assert_eq!(house.stranger().fetches("/room-100000").await.code(), "no-room");
}
