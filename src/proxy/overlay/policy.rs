//! May a script of ours run on a page with this Content-Security-Policy, and may it speak to us? In doubt it may not.
//!
//! Read as CSP Level 3 says (sections 2.2, 6.6 and 6.7), with fewer ways to say yes. Nothing here changes a policy.

/// What comes before the path of everything that the script asks for.
const OURS: &str = "/_roomgate/";

/// Where the page is, as the browser sees it.
#[derive(Debug)]
pub struct Site {
    secure: bool,
    host: String,
    port: u16,
}

impl Site {
    /// From the `Host` that the browser sent; `None` where it is none.
    pub fn new(secure: bool, authority: &str) -> Option<Self> {
        let (host, port) = match authority.rsplit_once(':') {
            Some((host, port)) if !port.contains(']') => (host, port.parse().ok()?),
            Some(_) | None => (authority, if secure { 443 } else { 80 }),
        };
        (!host.is_empty()).then(|| Self { secure, host: host.to_ascii_lowercase(), port })
    }

    const fn usual_port(&self) -> u16 {
        if self.secure { 443 } else { 80 }
    }
}

/// All policies of one page.
#[derive(Debug, Default)]
pub struct Policies {
    all: Vec<Policy>,
    unclear: bool,
}

/// What the script element needs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Terms {
    /// Nothing but its address.
    Plain,
    /// This nonce, which the page's own policy names: letters, digits and `+/-_=` only.
    Nonce(String),
}

impl Policies {
    /// One `Content-Security-Policy` header: a list of policies.
    pub fn header(&mut self, value: &[u8]) {
        match std::str::from_utf8(value) {
            Ok(text) if text.bytes().all(|b| matches!(b, b' '..=b'~' | b'\t')) => {
                self.all.extend(text.split(',').map(Policy::parse));
            }
            Ok(_) | Err(_) => self.unclear = true,
        }
    }

    /// The `content` of a `<meta http-equiv=content-security-policy>`: one policy.
    pub fn meta(&mut self, content: &[u8]) {
        // What a comma means here is read in two ways.
        match decoded(content) {
            Some(text) if text.is_ascii() && !text.contains(',') => self.all.push(Policy::parse(&text)),
            Some(_) | None => self.unclear = true,
        }
    }

    /// Something may be a policy, and cannot be read for certain.
    pub const fn unclear(&mut self) {
        self.unclear = true;
    }

    /// Whether all of them let the script at this path of this site run, and let it speak to us; `None` where one does not.
    pub fn terms(&self, site: &Site, script: &str) -> Option<Terms> {
        if self.unclear || !self.all.iter().all(|policy| policy.lets_speak(site)) {
            return None;
        }
        let nonces = self.all.iter().flat_map(Policy::nonces).map(Some);
        let fits = |nonce: &Option<&str>| self.all.iter().all(|policy| policy.lets_run(site, script, *nonce));
        let nonce = std::iter::once(None).chain(nonces).find(fits)?;
        Some(nonce.map_or(Terms::Plain, |nonce| Terms::Nonce(nonce.to_owned())))
    }
}

/// One policy: names in lower case, the first of each counts.
#[derive(Debug)]
struct Policy(Vec<(String, Vec<String>)>);

impl Policy {
    fn parse(text: &str) -> Self {
        let mut directives: Vec<(String, Vec<String>)> = Vec::new();
        for directive in text.split(';') {
            let mut words = directive.split_ascii_whitespace();
            let Some(name) = words.next().map(str::to_ascii_lowercase) else { continue };
            if !directives.iter().any(|(known, _)| *known == name) {
                directives.push((name, words.map(str::to_owned).collect()));
            }
        }
        Self(directives)
    }

    fn first(&self, names: &[&str]) -> Option<&[String]> {
        names.iter().find_map(|name| self.0.iter().find(|(known, _)| known == name)).map(|(_, list)| list.as_slice())
    }

    /// What governs `<script src>`.
    fn scripts(&self) -> Option<&[String]> {
        self.first(&["script-src-elem", "script-src", "default-src"])
    }

    fn nonces(&self) -> impl Iterator<Item = &str> {
        self.scripts().into_iter().flatten().filter_map(|source| nonce(source))
    }

    fn lets_run(&self, site: &Site, script: &str, with: Option<&str>) -> bool {
        let word = |list: &[String], word: &str| list.iter().any(|w| w.eq_ignore_ascii_case(word));
        if self.first(&["sandbox"]).is_some_and(|list| !(word(list, "allow-scripts") && word(list, "allow-same-origin"))) {
            return false;
        }
        if self.first(&["require-sri-for"]).is_some_and(|list| word(list, "script")) {
            return false;
        }
        // Our addresses would be asked for over another scheme than the page's.
        if !site.secure && self.first(&["upgrade-insecure-requests"]).is_some() {
            return false;
        }
        let Some(list) = self.scripts() else { return true };
        if with.is_some_and(|with| list.iter().any(|source| nonce(source) == Some(with))) {
            return true;
        }
        !word(list, "'strict-dynamic'") && list.iter().any(|source| matches(source, site, script))
    }

    fn lets_speak(&self, site: &Site) -> bool {
        self.first(&["connect-src", "default-src"]).is_none_or(|list| list.iter().any(|source| matches(source, site, OURS)))
    }
}

/// The value of a nonce source, where it can be written into an attribute as it is.
fn nonce(source: &str) -> Option<&str> {
    let (kind, value) = source.strip_prefix('\'')?.strip_suffix('\'')?.split_at_checked("nonce-".len())?;
    let fit = value.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'+' | b'/' | b'-' | b'_' | b'='));
    (kind.eq_ignore_ascii_case("nonce-") && fit && !value.is_empty()).then_some(value)
}

/// Whether a source matches what is at this path of the site; with a folder, all that is below it.
fn matches(source: &str, site: &Site, path: &str) -> bool {
    if source == "*" || source.eq_ignore_ascii_case("'self'") {
        return true;
    }
    if source.starts_with('\'') || source.contains(['[', '%', '?', '#', '\\', '@']) {
        return false;
    }
    let of_scheme = |scheme: &str| scheme.eq_ignore_ascii_case("http") || (scheme.eq_ignore_ascii_case("https") && site.secure);
    let rest = match source.split_once("://") {
        Some((scheme, rest)) if of_scheme(scheme) => rest,
        Some(_) => return false,
        None => match source.strip_suffix(':') {
            Some(scheme) => return of_scheme(scheme),
            None => source,
        },
    };
    let (authority, within) = rest.find('/').map_or((rest, ""), |at| rest.split_at(at));
    let (host, port) = authority.split_once(':').map_or((authority, None), |(host, port)| (host, Some(port)));
    let port = match port {
        None => site.port == site.usual_port(),
        Some("*") => true,
        Some(port) => port.parse() == Ok(site.port),
    };
    port && of_host(host, &site.host) && (within.is_empty() || within == path || (within.ends_with('/') && path.starts_with(within)))
}

fn of_host(pattern: &str, host: &str) -> bool {
    if pattern == "*" {
        return true;
    }
    // An address is no domain: no pattern is meant for it, but for the one that the specification names.
    let address = host.starts_with('[') || host.rsplit('.').next().is_some_and(|last| last.bytes().all(|b| b.is_ascii_digit()));
    if address {
        return host == "127.0.0.1" && pattern == host;
    }
    let pattern = pattern.to_ascii_lowercase();
    match pattern.strip_prefix('*') {
        Some(domain) => domain.starts_with('.') && host.len() > domain.len() && host.ends_with(domain),
        None => pattern == host,
    }
}

/// An attribute's value with the character references that templates write for quotation marks; `None` where it has others.
fn decoded(value: &[u8]) -> Option<String> {
    let mut text = std::str::from_utf8(value).ok()?.to_owned();
    for (reference, character) in [("&#39;", "'"), ("&#x27;", "'"), ("&apos;", "'"), ("&quot;", "\"")] {
        text = text.replace(reference, character);
    }
    (!text.contains('&')).then_some(text)
}

#[cfg(test)]
#[path = "policy_tests.rs"]
mod tests;
