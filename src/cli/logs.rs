//! Where do log lines go, and how do they look?

use clap::ValueEnum;
use tracing::Dispatch;
use tracing_subscriber::EnvFilter;
use tracing_subscriber::fmt::MakeWriter;
use tracing_subscriber::util::SubscriberInitExt;

/// How log lines look.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Style {
    /// For a person at a terminal.
    Human,
    /// One JSON object a line, for machines.
    Json,
}

/// Those who would write whole heads into the log (pingora 0.9.1 does at level trace: tokens and cookies included), and how much they
/// may say whatever was asked for.
const CAPPED: [(&str, &str); 6] =
    [("pingora", "warn"), ("h2", "info"), ("hyper", "info"), ("reqwest", "info"), ("rustls", "info"), ("tokio_rustls", "info")];

/// Logs to stderr from now on. `filter` is in `tracing`'s words: `info`, `roomgate=debug`, …
pub fn start(style: Style, filter: &str) {
    let color = std::io::IsTerminal::is_terminal(&std::io::stderr());
    // Only a test that runs two commands in one process gets here twice.
    let _ = subscriber(style, filter, color, std::io::stderr).try_init();
}

/// What takes log lines in this style. No `filter` makes it write what a client sent as credentials.
pub fn subscriber(style: Style, filter: &str, color: bool, writer: impl for<'w> MakeWriter<'w> + Send + Sync + 'static) -> Dispatch {
    let filter = EnvFilter::try_new(directives(filter)).unwrap_or_else(|_| EnvFilter::new(directives("info")));
    let lines = tracing_subscriber::fmt().with_env_filter(filter).with_writer(writer);
    match style {
        Style::Human => lines.with_ansi(color).finish().into(),
        Style::Json => lines.json().flatten_event(true).with_current_span(false).finish().into(),
    }
}

fn directives(filter: &str) -> String {
    let capped = |directive: &str| CAPPED.iter().any(|(who, _)| directive.starts_with(who));
    // `[span]=trace` would open everything inside the span.
    let asked = filter.split(',').map(str::trim).filter(|d| !d.is_empty() && !d.contains('[') && !capped(d)).map(str::to_owned);
    let caps = CAPPED.iter().map(|(who, level)| format!("{who}={level}"));
    // pingora tells at error level what clients do wrong: the access log has that already.
    asked.chain(caps).chain(["pingora_core::apps=error".to_owned()]).collect::<Vec<_>>().join(",")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nobody_can_ask_for_whole_heads() {
        let caps = directives("");
        for filter in ["pingora=trace", "pingora_proxy=trace", " pingora_proxy::proxy_h1=trace", "h2=trace", "[x]=trace", "[{a=1}]", ",,"] {
            assert_eq!(directives(filter), caps, "{filter}");
        }
        assert_eq!(directives("trace"), format!("trace,{caps}"));
        assert_eq!(directives("roomgate::gate=debug,info"), format!("roomgate::gate=debug,info,{caps}"));
    }
}
