//! What happens when the configuration changes while people are in their meetings?
//!
//! It is read whole and checked whole before anything of it counts; then rooms, keys, secrets and lists are swapped, and those
//! inside are asked about again. A file that is broken changes nothing. Listeners, upstream, profile and store need a restart.

use std::sync::Arc;

use tokio::sync::Notify;
use tokio_util::sync::CancellationToken;

use crate::config::watch::TICK;
use crate::config::{Live, News, Reloaded};
use crate::gate::Gate;
use crate::notify::Notifier;
use crate::proxy::tls::Certificates;
use crate::server;

/// Follows the files until stopped; `now` asks for a reading at once (SIGHUP).
pub async fn run(
    gate: Arc<Gate>,
    notifier: Arc<Notifier>,
    mut live: Live,
    certificates: Option<Arc<Certificates>>,
    now: Arc<Notify>,
    stop: CancellationToken,
) {
    let mut tick = tokio::time::interval(TICK);
    tick.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    loop {
        let asked = tokio::select! {
            () = stop.cancelled() => return,
            () = now.notified() => true,
            _ = tick.tick() => false,
        };
        // Reading files blocks; a large room file takes a while to read.
        let looked = tokio::task::spawn_blocking(move || {
            let news = if asked { Some(live.reload()) } else { live.tick() };
            (live, news)
        });
        let Ok((back, news)) = looked.await else {
            tracing::error!("following the configuration failed: it is not read again until a restart");
            gate.metrics().reloaded(false, gate.clock().now());
            return;
        };
        live = back;
        if news.is_some_and(|news| take_in(&gate, news)) {
            let hooks = gate.config().webhooks.clone();
            notifier.set(&hooks).await;
        }
        if let Some(certificates) = &certificates {
            renew(certificates, asked).await;
        }
    }
}

/// All of it counts, or none. Whether it did.
fn take_in(gate: &Gate, news: News) -> bool {
    let now = gate.clock().now();
    let Reloaded { config, warnings } = match news {
        Ok(reloaded) => reloaded,
        Err(problems) => {
            for problem in &problems {
                tracing::error!("{problem}");
            }
            tracing::error!(problems = problems.len(), "the configuration is broken: what was read before stays in force");
            gate.metrics().reloaded(false, now);
            return false;
        }
    };
    for warning in &warnings {
        tracing::warn!("{warning}");
    }
    let Some(cookies) = server::cookies(&config) else {
        tracing::error!("there is no session secret: what was read before stays in force");
        gate.metrics().reloaded(false, now);
        return false;
    };
    let tokens = &config.tokens;
    if let Err(error) = gate.verifier().replace_keys(&tokens.keys, &tokens.jwks, tokens.domain_id.clone()) {
        tracing::error!(%error, "a key is broken: what was read before stays in force");
        gate.metrics().reloaded(false, now);
        return false;
    }
    let (table, unknown, revocations) = (config.rooms.table.clone(), config.rooms.unknown, tokens.revocations.clone());
    gate.reconfigure(config, cookies);
    gate.directory().replace(table, unknown);
    gate.store().facts().set_file_revocations(revocations);
    gate.metrics().rooms(gate.directory().len());
    gate.metrics().reloaded(true, now);
    tracing::info!(rooms = gate.directory().len(), "the configuration was read again");
    true
}

/// Looks for a new certificate.
async fn renew(certificates: &Arc<Certificates>, asked: bool) {
    let certificates = certificates.clone();
    match tokio::task::spawn_blocking(move || certificates.reload()).await {
        Ok(Ok(true)) => tracing::info!("a new certificate is in use"),
        Ok(Ok(false)) => {}
        Ok(Err(error)) if asked => tracing::error!(%error, "the certificate is broken: the one before stays in use"),
        Ok(Err(error)) => tracing::debug!(%error, "the certificate is broken: the one before stays in use"),
        Err(_) => {}
    }
}
