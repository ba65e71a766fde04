//! What is counted: every Prometheus series we export.
//!
//! Labels come from closed sets: never a room, a user, a path or an address.

use std::time::Duration;

use prometheus::{
    Encoder as _, Gauge, GaugeVec, Histogram, HistogramOpts, IntCounter, IntCounterVec, IntGauge, IntGaugeVec, Opts, Registry, TextEncoder,
};

use crate::access::{Decision, Ending, Timestamp, TokenFault};

/// All series of one gateway.
pub struct Metrics {
    registry: Registry,
    requests: IntCounterVec,
    duration: Histogram,
    in_flight: IntGauge,
    decisions: IntCounterVec,
    decision_duration: Histogram,
    verifications: IntCounterVec,
    token_hits: IntCounter,
    token_misses: IntCounter,
    directory_hits: IntCounter,
    directory_misses: IntCounter,
    refreshes: IntCounterVec,
    refreshed: GaugeVec,
    rooms: IntGauge,
    tunnels: IntGauge,
    tunnels_closed: IntCounterVec,
    guard_refusals: IntCounterVec,
    ended: IntCounterVec,
    eject_lag: Histogram,
    knocks: IntCounterVec,
    waiting: IntGauge,
    reload_ok: IntGauge,
    reloaded: Gauge,
    upstream_errors: IntCounterVec,
    webhooks: IntCounterVec,
}

const SECONDS: &[f64] = &[0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0];
const MICROS: &[f64] = &[1e-6, 2e-6, 5e-6, 1e-5, 2e-5, 5e-5, 1e-4, 2e-4, 5e-4, 1e-3, 1e-2, 1e-1, 1.0];

impl Metrics {
    /// New series at zero, in a registry of their own.
    ///
    /// # Errors
    /// Where two series have one name: a mistake in this file.
    pub fn new() -> Result<Self, prometheus::Error> {
        let registry = Registry::new_custom(Some("roomgate".into()), None)?;
        let counter = |name: &str, help: &str| -> Result<IntCounter, prometheus::Error> {
            let c = IntCounter::new(name, help)?;
            registry.register(Box::new(c.clone()))?;
            Ok(c)
        };
        let counters = |name: &str, help: &str, labels: &[&str]| -> Result<IntCounterVec, prometheus::Error> {
            let c = IntCounterVec::new(Opts::new(name, help), labels)?;
            registry.register(Box::new(c.clone()))?;
            Ok(c)
        };
        let gauge = |name: &str, help: &str| -> Result<IntGauge, prometheus::Error> {
            let g = IntGauge::new(name, help)?;
            registry.register(Box::new(g.clone()))?;
            Ok(g)
        };
        let histogram = |name: &str, help: &str, buckets: &[f64]| -> Result<Histogram, prometheus::Error> {
            let h = Histogram::with_opts(HistogramOpts::new(name, help).buckets(buckets.to_vec()))?;
            registry.register(Box::new(h.clone()))?;
            Ok(h)
        };
        let refreshed = GaugeVec::new(
            Opts::new("source_last_success_timestamp_seconds", "When a source last answered well, in Unix seconds."),
            &["source"],
        )?;
        registry.register(Box::new(refreshed.clone()))?;
        let reloaded = Gauge::new("config_last_reload_success_timestamp_seconds", "When the configuration was last read well.")?;
        registry.register(Box::new(reloaded.clone()))?;
        let info = IntGaugeVec::new(Opts::new("build_info", "Always 1: what is running."), &["version", "revision"])?;
        registry.register(Box::new(info.clone()))?;
        info.with_label_values(&[env!("CARGO_PKG_VERSION"), option_env!("ROOMGATE_REVISION").unwrap_or("unknown")]).set(1);
        let this = Self {
            requests: counters("http_requests_total", "Requests answered.", &["method", "code"])?,
            duration: histogram(
                "http_request_duration_seconds",
                "From a request's head to its answer's end; tunnels not counted.",
                SECONDS,
            )?,
            in_flight: gauge("http_requests_in_flight", "Requests being answered now.")?,
            decisions: counters("decisions_total", "Who was let in, held or refused, and why.", &["decision", "reason"])?,
            decision_duration: histogram("decision_duration_seconds", "From a request's head to the decision about it.", MICROS)?,
            verifications: counters("token_verifications_total", "Tokens read, not counting those seen before.", &["algorithm", "result"])?,
            token_hits: counter("token_cache_hits_total", "Tokens seen before.")?,
            token_misses: counter("token_cache_misses_total", "Tokens not seen before.")?,
            directory_hits: counter("directory_cache_hits_total", "Rooms found in the cache.")?,
            directory_misses: counter("directory_cache_misses_total", "Rooms asked of their sources.")?,
            refreshes: counters("source_refreshes_total", "Fetches from sources (rooms, keys).", &["source", "result"])?,
            refreshed,
            rooms: gauge("rooms", "Rooms stated by name.")?,
            tunnels: gauge("tunnels_open", "Live upgraded connections.")?,
            tunnels_closed: counters("tunnels_closed_total", "Upgraded connections that ended, and why.", &["reason"])?,
            guard_refusals: counters("guard_refusals_total", "Messages that a guard kept back.", &["protocol", "reason"])?,
            ended: counters("ejects_total", "Sessions ended while live, and why.", &["reason"])?,
            eject_lag: histogram("eject_lag_seconds", "From the change that ended a session to the end of its last connection.", SECONDS)?,
            knocks: counters("knocks_total", "What became of knocks.", &["result"])?,
            waiting: gauge("knocks_waiting", "Visitors waiting for an answer.")?,
            reload_ok: gauge("config_last_reload_successful", "Whether the last reading of the configuration went well.")?,
            reloaded,
            upstream_errors: counters("upstream_errors_total", "What went wrong with the conferencing server.", &["kind"])?,
            webhooks: counters("webhook_deliveries_total", "What became of messages to webhooks.", &["result"])?,
            registry,
        };
        Ok(this)
    }

    /// All series in Prometheus' text format, those of the process too.
    ///
    /// # Errors
    /// Where the encoder fails.
    pub fn render(&self) -> Result<Vec<u8>, prometheus::Error> {
        let mut text = Vec::new();
        TextEncoder::new().encode(&self.registry.gather(), &mut text)?;
        let process = Registry::new();
        process.register(Box::new(prometheus::process_collector::ProcessCollector::for_self()))?;
        TextEncoder::new().encode(&process.gather(), &mut text)?;
        Ok(text)
    }

    /// A request began.
    pub fn began(&self) {
        self.in_flight.inc();
    }

    /// A request is over: its method as sent, its status (0 where it got none), how long it took (`None` for tunnels).
    pub fn finished(&self, method: &str, status: u16, took: Option<Duration>) {
        self.in_flight.dec();
        let mut digits = [0; 3];
        self.requests.with_label_values(&[method_label(method), status_label(status, &mut digits)]).inc();
        if let Some(took) = took {
            self.duration.observe(took.as_secs_f64());
        }
    }

    /// A decision was made.
    pub fn decided(&self, decision: &Decision, took: Duration) {
        self.decisions.with_label_values(&[decision.kind(), decision.code()]).inc();
        self.decision_duration.observe(took.as_secs_f64());
    }

    /// A request was turned away without a decision: `unknown-path`, `unavailable`, …
    pub fn turned_away(&self, code: &'static str) {
        self.decisions.with_label_values(&["refuse", code]).inc();
    }

    /// A token was read that was not in the cache.
    pub fn verified(&self, algorithm: &'static str, result: Result<(), TokenFault>) {
        self.verifications.with_label_values(&[algorithm, result.err().map_or("ok", TokenFault::code)]).inc();
    }

    /// A token was looked for in the cache.
    pub fn token_cache(&self, hit: bool) {
        if hit { self.token_hits.inc() } else { self.token_misses.inc() }
    }

    /// A room was looked for in the cache.
    pub fn directory_cache(&self, hit: bool) {
        if hit { self.directory_hits.inc() } else { self.directory_misses.inc() }
    }

    /// A source was asked; `source` is a configured name.
    pub fn refreshed(&self, source: &str, ok: bool, now: Timestamp) {
        self.refreshes.with_label_values(&[source, if ok { "ok" } else { "failed" }]).inc();
        if ok {
            self.refreshed.with_label_values(&[source]).set(seconds(now));
        }
    }

    /// So many rooms are stated by name.
    pub fn rooms(&self, count: usize) {
        self.rooms.set(i64::try_from(count).unwrap_or(i64::MAX));
    }

    /// A tunnel opened.
    pub fn tunnel_opened(&self) {
        self.tunnels.inc();
    }

    /// A tunnel closed, for a reason from a closed set.
    pub fn tunnel_closed(&self, reason: &'static str) {
        self.tunnels.dec();
        self.tunnels_closed.with_label_values(&[reason]).inc();
    }

    /// How many requests are being answered now.
    pub fn in_flight(&self) -> i64 {
        self.in_flight.get()
    }

    /// How many tunnels are open.
    pub fn tunnels_open(&self) -> i64 {
        self.tunnels.get()
    }

    /// A guard kept a message back.
    pub fn guard_refused(&self, protocol: &'static str, reason: &'static str) {
        self.guard_refusals.with_label_values(&[protocol, reason]).inc();
    }

    /// A live session was ended.
    pub fn ended(&self, ending: Ending) {
        self.ended.with_label_values(&[ending.code()]).inc();
    }

    /// So long after its end, the last connection of a session was gone.
    pub fn eject_lag(&self, lag: Duration) {
        self.eject_lag.observe(lag.as_secs_f64());
    }

    /// A knock: `asked`, `allowed`, `denied`, `left`, `limited`.
    pub fn knocked(&self, result: &'static str) {
        self.knocks.with_label_values(&[result]).inc();
    }

    /// So many visitors wait now.
    pub fn waiting(&self, count: usize) {
        self.waiting.set(i64::try_from(count).unwrap_or(i64::MAX));
    }

    /// The configuration was read.
    pub fn reloaded(&self, ok: bool, now: Timestamp) {
        self.reload_ok.set(i64::from(ok));
        if ok {
            self.reloaded.set(seconds(now));
        }
    }

    /// What became of a message to a webhook: `delivered`, `retried`, `refused-target`, `given-up`.
    pub fn webhook(&self, result: &'static str) {
        self.webhooks.with_label_values(&[result]).inc();
    }

    /// Something went wrong with the upstream: `connect`, `timeout`, `tls`, `protocol`, `closed`.
    pub fn upstream_error(&self, kind: &'static str) {
        self.upstream_errors.with_label_values(&[kind]).inc();
    }
}

#[expect(clippy::cast_precision_loss, reason = "Prometheus numbers are doubles")]
fn seconds(at: Timestamp) -> f64 {
    at.as_millis() as f64 / 1000.0
}

/// Folds what a client may write into a closed set.
fn method_label(method: &str) -> &'static str {
    match method {
        "GET" => "GET",
        "HEAD" => "HEAD",
        "POST" => "POST",
        "PUT" => "PUT",
        "PATCH" => "PATCH",
        "DELETE" => "DELETE",
        "OPTIONS" => "OPTIONS",
        _ => "other",
    }
}

fn status_label(status: u16, digits: &mut [u8; 3]) -> &str {
    let [hundreds, tens, ones] = digits;
    for (slot, divisor) in [(hundreds, 100), (tens, 10), (ones, 1)] {
        *slot = b'0'.saturating_add(u8::try_from(status.checked_div(divisor).unwrap_or(0) % 10).unwrap_or(0));
    }
    std::str::from_utf8(digits).unwrap_or("000")
}
