//! Is the house still built as its map says? Who may know whom, and what must not stand anywhere.
//!
//! The table below is the one in `src/lib.rs`. It is strict both ways: a module that knows more fails, and so does a line that permits
//! what nobody uses any more.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

/// `(who, whom of ours)`. Who is a module, or a file where it may know more than the rest of its module.
const MAY_KNOW: &[(&str, &[&str])] = &[
    ("access", &[]),
    ("target", &[]),
    ("demo", &[]),
    ("handover", &[]),
    ("words", &[]),
    ("clock", &["access"]),
    ("chance", &["access"]),
    ("metrics", &["access"]),
    ("signalling", &["access"]),
    ("store", &["access"]),
    ("token", &["access"]),
    ("profile", &["access", "signalling", "target"]),
    ("directory", &["access", "profile"]),
    ("config", &["access", "chance", "directory", "profile", "token", "words"]),
    ("live", &["access"]),
    // Reviewing needs all the facts of this moment; the list of who is inside needs none of them.
    ("live/reviewer.rs", &["access", "gate", "store"]),
    ("live/roll.rs", &["access", "gate", "store"]),
    ("gate", &["access", "chance", "clock", "config", "directory", "live", "metrics", "profile", "store", "token"]),
    ("web", &["access", "chance", "config::Pages", "gate", "store", "words"]),
    (
        "proxy",
        &[
            "access",
            "chance",
            "config",
            "gate",
            "live",
            "metrics",
            "profile",
            "signalling",
            "target",
            "upstream",
            "web::overlay",
            "web::refusal",
        ],
    ),
    // Pingora's edges know no room and no token.
    ("proxy/bridge.rs", &[]),
    ("proxy/guarded.rs", &["access", "proxy"]),
    ("proxy/guarded/watched.rs", &[]),
    ("proxy/killable.rs", &["proxy"]),
    ("proxy/listen.rs", &["proxy"]),
    ("proxy/tls.rs", &["access"]),
    ("proxy/tls/validity.rs", &["access"]),
    ("proxy/tunnel.rs", &["proxy"]),
    ("proxy/tunnel/carry.rs", &["proxy"]),
    ("proxy/tunnel/ghost.rs", &[]),
    ("proxy/tunnel/handshake.rs", &[]),
    ("proxy/tunnel/outline.rs", &[]),
    ("upstream", &["proxy::exchange"]),
    ("admin", &["gate"]),
    ("notify", &["access", "chance", "clock", "config", "metrics", "store"]),
    ("reload", &["config", "gate", "notify", "proxy::tls", "server"]),
];

/// They put things together, and may know all.
const MAY_KNOW_ALL: &[&str] = &["server", "cli", "main", "lib"];

/// `(a crate, who may use it)`: what would be costly to change has one home.
const HOMES: &[(&str, &[&str])] = &[
    ("pingora", &["proxy", "server", "upstream"]),
    ("axum", &["admin", "demo", "proxy/bridge.rs", "proxy/mod.rs", "web"]),
    ("askama", &["web"]),
    ("governor", &["web"]),
    ("rusqlite", &["store/sqlite", "store/sqlite.rs"]),
    ("jsonwebtoken", &["token"]),
    ("reqwest", &["notify", "token"]),
    // The sentences that come with the program are read where they lie.
    ("toml", &["config", "words/mod.rs"]),
    ("flate2", &["proxy/overlay"]),
    ("glob", &["config"]),
    ("clap", &["cli"]),
    ("prometheus", &["metrics", "server"]),
    ("getrandom", &["chance"]),
    ("moka", &["directory", "gate", "token"]),
];

/// What pure modules do without.
const PURE: &[(&str, &[&str])] = &[
    ("access", &["SystemTime", "Instant", "async ", ".await", "std::net::Tcp", "std::fs", "std::io", "std::thread", "Mutex"]),
    ("target", &["SystemTime", "Instant", "async ", ".await", "std::net::Tcp", "std::fs"]),
    ("signalling", &["SystemTime", "Instant", "async ", ".await", "tokio", "std::net::Tcp", "std::fs"]),
    ("profile", &["SystemTime", "Instant", "async ", ".await", "tokio", "std::net::Tcp", "std::fs"]),
    ("token", &["SystemTime", "std::fs", "std::net::Tcp"]),
    ("store", &["SystemTime"]),
    ("gate", &["SystemTime", "std::fs", "std::net::Tcp"]),
];

/// Files of more than 450 lines, and why.
const LONG: &[(&str, &str)] = &[
    ("access/tests.rs", "the decision table's test, its properties and their cases belong together"),
    ("profile/generic/tests/hostile.rs", "one table of hostile addresses"),
    ("proxy/tunnel/tests.rs", "a laboratory of sockets, and one test for each way to end"),
    ("signalling/peercalls/tests.rs", "one table of what clients say"),
    ("token/tests/hostile.rs", "one table of hostile tokens"),
    ("token/tests/sets.rs", "a server of key sets, and what it may do wrong"),
];

struct Source {
    /// Relative to `src/`.
    path: String,
    text: String,
}

impl Source {
    /// Without comments, and without what only tests see.
    fn code(&self) -> String {
        let end = self.text.match_indices("\n#[cfg(test)]").find(|(at, _)| {
            let after = self.text[*at..].lines().skip(2).find(|l| !l.starts_with("#[")).unwrap_or_default();
            after.contains("mod ") && after.ends_with('{')
        });
        let text = end.map_or(self.text.as_str(), |(at, _)| &self.text[..at]);
        text.lines().map(|line| line.split("//").next().unwrap_or_default()).collect::<Vec<_>>().join("\n")
    }

    fn module(&self) -> &str {
        let first = self.path.split('/').next().unwrap_or_default();
        first.strip_suffix(".rs").unwrap_or(first)
    }

    fn is_in(&self, place: &str) -> bool {
        self.path == place || self.module() == place || self.path.starts_with(&format!("{place}/"))
    }
}

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

fn files(folder: &Path, found: &mut Vec<PathBuf>) {
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() { files(&path, found) } else { found.push(path) }
    }
}

fn sources(with_tests: bool) -> Vec<Source> {
    let (folder, mut found) = (root().join("src"), Vec::new());
    files(&folder, &mut found);
    found.sort();
    let all: Vec<Source> = found
        .into_iter()
        .filter(|path| path.extension().is_some_and(|e| e == "rs"))
        .map(|path| Source {
            path: path.strip_prefix(&folder).unwrap().to_str().unwrap().to_owned(),
            text: std::fs::read_to_string(&path).unwrap(),
        })
        .collect();
    let tests: Vec<String> = all.iter().flat_map(test_modules).collect();
    let is_test = |s: &Source| tests.iter().any(|t| s.path == format!("{t}.rs") || s.path.starts_with(&format!("{t}/")));
    all.into_iter().filter(|s| with_tests || !is_test(s)).collect()
}

/// The modules that this file declares for tests alone, as paths without `.rs`.
fn test_modules(source: &Source) -> Vec<String> {
    let stem = source.path.strip_suffix(".rs").unwrap();
    let folder = stem.strip_suffix("/mod").unwrap_or(if stem == "lib" { "" } else { stem });
    let lines: Vec<&str> = source.text.lines().collect();
    let mut found = Vec::new();
    for (at, _) in lines.iter().enumerate().filter(|(_, l)| l.trim() == "#[cfg(test)]") {
        let attributes = lines[at + 1..].iter().take_while(|l| l.trim_start().starts_with("#["));
        let path = attributes.clone().find_map(|l| l.trim().strip_prefix("#[path = \"")?.strip_suffix(".rs\"]"));
        let item = lines[at + 1 + attributes.count()].trim();
        if let Some(name) = item.strip_suffix(';').and_then(|i| i.split("mod ").nth(1)) {
            let beside = source.path.rsplit_once('/').map_or("", |(folder, _)| folder);
            found.push(match path {
                Some(path) => format!("{beside}/{path}"),
                None => format!("{folder}/{name}"),
            });
        }
    }
    found
}

/// Everything after `crate::`, braces taken apart: `access`, `web::refusal`, `proxy::tls`.
fn knows(code: &str) -> BTreeSet<String> {
    let mut known = BTreeSet::new();
    for (at, word) in code.match_indices("crate::") {
        if code[..at].ends_with(|c: char| c.is_alphanumeric() || c == '_' || c == '$') {
            continue;
        }
        let rest = &code[at + word.len()..];
        let path = |text: &str| -> String {
            text.chars().take_while(|c| c.is_alphanumeric() || matches!(c, '_' | ':')).collect::<String>().trim_end_matches(':').to_owned()
        };
        match rest.strip_prefix('{') {
            Some(list) => known.extend(list.split('}').next().unwrap().split(',').map(|one| path(one.trim())).filter(|p| !p.is_empty())),
            None => drop(known.insert(path(rest))),
        }
    }
    known
}

/// Whether something of this library is named.
fn names(code: &str, library: &str) -> bool {
    let whole = |at: usize| !code[..at].ends_with(|c: char| c.is_alphanumeric() || matches!(c, '_' | ':' | '.'));
    code.match_indices(&format!("{library}::")).any(|(at, _)| whole(at))
}

fn row<'t, T>(table: &'t [(&str, T)], source: &Source) -> Option<&'t (&'t str, T)> {
    table.iter().find(|(who, _)| *who == source.path).or_else(|| table.iter().find(|(who, _)| *who == source.module()))
}

#[test]
fn modules_know_whom_the_map_says_and_nobody_else() {
    let mut wrong = Vec::new();
    let mut used: BTreeMap<&str, BTreeSet<&str>> = BTreeMap::new();
    for source in sources(false).iter().filter(|s| !MAY_KNOW_ALL.contains(&s.module())) {
        let Some((who, may)) = row(MAY_KNOW, source) else {
            wrong.push(format!("src/{}: a new module: say in tests/it/tidy.rs and src/lib.rs whom it may know", source.path));
            continue;
        };
        for known in knows(&source.code()) {
            let own = known.split("::").next() == Some(source.module());
            match may.iter().find(|may| known == **may || known.starts_with(&format!("{may}::"))) {
                Some(may) => drop(used.entry(who).or_default().insert(may)),
                None if own && *who == source.module() => {}
                None => wrong.push(format!("src/{}: `{who}` does not know `{known}`: it may know {may:?}", source.path)),
            }
        }
    }
    for (who, may) in MAY_KNOW {
        let used = used.get(who).cloned().unwrap_or_default();
        let spare: Vec<_> = may.iter().filter(|m| !used.contains(*m)).collect();
        if !spare.is_empty() {
            wrong.push(format!("`{who}` may know {spare:?} and does not: take it out of tests/it/tidy.rs and src/lib.rs"));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn the_map_says_the_same() {
    let map = std::fs::read_to_string(root().join("src/lib.rs")).unwrap();
    let quoted = |cell: &str| -> BTreeSet<String> { cell.split('`').skip(1).step_by(2).map(str::to_owned).collect() };
    let rows: Vec<(BTreeSet<String>, BTreeSet<String>)> = map
        .lines()
        .filter(|l| l.starts_with("//! | ["))
        .map(|l| l.split('|').collect::<Vec<_>>())
        .map(|cells| (quoted(cells[1]), quoted(cells[3])))
        .collect();
    let mut wrong = Vec::new();
    for module in map.lines().filter_map(|l| l.strip_prefix("pub mod ")?.strip_suffix(';')) {
        let Some((_, told)) = rows.iter().find(|(modules, _)| modules.contains(module)) else {
            wrong.push(format!("src/lib.rs has no row for `{module}`"));
            continue;
        };
        if MAY_KNOW_ALL.contains(&module) {
            continue;
        }
        let parts = MAY_KNOW.iter().filter(|(who, _)| who.split('/').next() == Some(module));
        let may: BTreeSet<String> = parts.flat_map(|(_, may)| *may).filter(|m| **m != module).map(|m| (*m).to_owned()).collect();
        if *told != may {
            wrong.push(format!("src/lib.rs says that `{module}` may know {told:?}, and tests/it/tidy.rs {may:?}"));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn every_library_has_its_home() {
    let mut wrong = Vec::new();
    for source in sources(false) {
        let code = source.code();
        for (library, homes) in HOMES {
            if names(&code, library) && !homes.iter().any(|home| source.is_in(home)) {
                wrong.push(format!("src/{}: `{library}` is for {homes:?}", source.path));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn what_is_pure_stays_so() {
    let manifest = std::fs::read_to_string(root().join("Cargo.toml")).unwrap();
    let dependencies = manifest.split("[dependencies]").nth(1).unwrap().split("\n[").next().unwrap();
    let libraries: Vec<String> = dependencies.lines().filter_map(|l| Some(l.split_once(" = ")?.0.replace('-', "_"))).collect();
    assert!(libraries.contains(&"pingora".to_owned()));
    let mut wrong = Vec::new();
    for source in sources(false) {
        let code = source.code();
        for (number, line) in code.lines().enumerate() {
            for word in row(PURE, &source).map_or(&[][..], |(_, words)| words).iter().filter(|w| line.contains(**w)) {
                wrong.push(format!("src/{}:{}: `{word}` has no place in `{}`", source.path, number + 1, source.module()));
            }
            // `access` has a module of that name.
            let own = |library: &str| library == "time" && source.path == "access/mod.rs";
            let foreign = libraries.iter().find(|library| names(line, library) && !own(library));
            if let Some(library) = foreign.filter(|_| source.module() == "access") {
                wrong.push(format!("src/{}:{}: access knows nothing but std, and not `{library}`", source.path, number + 1));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn every_file_says_what_it_is_for_and_none_is_too_long_without_a_reason() {
    let mut wrong = Vec::new();
    for source in sources(true) {
        let lines = source.text.lines().count();
        let tests = source.path.contains("tests") || source.path.ends_with("cases.rs");
        if !source.text.starts_with("//! ") && !tests {
            wrong.push(format!("src/{}: begins without `//!` and the question it answers", source.path));
        }
        let listed = LONG.iter().any(|(path, _)| *path == source.path);
        if lines > 450 && !listed {
            wrong.push(format!("src/{}: {lines} lines: there is a second question in it, or a reason for tests/it/tidy.rs", source.path));
        }
        if lines <= 450 && listed {
            wrong.push(format!("src/{}: {lines} lines: no longer long, take it out of tests/it/tidy.rs", source.path));
        }
        for word in ["todo!(", "unimplemented!(", "dbg!("] {
            if source.text.contains(word) {
                wrong.push(format!("src/{}: `{word}`", source.path));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn nothing_here_speaks_of_one_machine() {
    // Put together here, so that this file does not hold them.
    let words: Vec<String> =
        [["/wo", "rk/"], ["/ro", "ot/"], ["/tmp/", "wt"], ["../", "shared"], ["mirr", "or.local"]].map(|w| w.concat()).into();
    let (mut found, mut wrong) = (Vec::new(), Vec::new());
    for folder in ["src", "tests", "config", "docs", "deploy", "benches", "fuzz", ".ci"] {
        let folder = root().join(folder);
        if folder.is_dir() {
            files(&folder, &mut found);
        }
    }
    found.extend(["README.md", "CHANGELOG.md", "Cargo.toml", "Makefile"].map(|f| root().join(f)));
    let built = |path: &Path| {
        path.components().any(|c| ["node_modules", "target", "corpus", "artifacts"].contains(&c.as_os_str().to_str().unwrap_or_default()))
    };
    for path in found.iter().filter(|path| !built(path)) {
        // Pictures are no text.
        let Ok(text) = std::fs::read_to_string(path) else { continue };
        for (number, line) in text.lines().enumerate() {
            for word in words.iter().filter(|w| line.contains(w.as_str())) {
                wrong.push(format!("{}:{}: `{word}`", path.strip_prefix(root()).unwrap().display(), number + 1));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}
