//! Is what the documents say true of this program?

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use roomgate::access::{Ending, Hold, Refusal, Timestamp, TokenFault};
use roomgate::chance::SystemChance;
use roomgate::config::Config;
use roomgate::signalling::GuardRefusal;
use roomgate::web::refusal::No;
use tempfile::TempDir;

const PROGRAM: &str = env!("CARGO_BIN_EXE_roomgate");

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

fn document(name: &str) -> String {
    std::fs::read_to_string(root().join(name)).unwrap_or_else(|e| panic!("{name}: {e}"))
}

/// All of them, by name.
fn documents() -> Vec<(String, String)> {
    let mut names: Vec<String> = std::fs::read_dir(root().join("docs"))
        .unwrap()
        .map(|entry| format!("docs/{}", entry.unwrap().file_name().to_str().unwrap()))
        .filter(|name| name.ends_with(".md"))
        .chain(["README.md".to_owned(), "CHANGELOG.md".to_owned()])
        .collect();
    names.sort();
    names.into_iter().map(|name| (name.clone(), document(&name))).collect()
}

/// The rows of all tables, each a list of its cells.
fn rows(text: &str) -> impl Iterator<Item = Vec<&str>> {
    text.lines().filter_map(|l| Some(l.trim().strip_prefix('|')?.strip_suffix('|')?.split('|').map(str::trim).collect()))
}

/// What stands in the first backticks.
fn quoted(cell: &str) -> Option<&str> {
    cell.split('`').nth(1)
}

#[test]
fn every_code_stands_in_its_table_with_its_status() {
    let text = document("docs/codes.md");
    let at = Timestamp::from_secs(1);
    let refusals = [
        Refusal::Reserved("".into()),
        Refusal::NoRoom,
        Refusal::Banned,
        Refusal::Ejected,
        Refusal::NotOpen(at),
        Refusal::Closed(at),
        Refusal::Denied,
        Refusal::Private,
        Refusal::Full,
    ];
    let others = [
        No::Held(Hold::MayKnock),
        No::Held(Hold::Waiting),
        No::OwnersOnly,
        No::UnknownPath,
        No::Unavailable,
        No::BadRequest,
        No::ForeignOrigin,
        No::NoCookies,
        No::TooMany(std::time::Duration::ZERO),
    ];
    let mut codes = BTreeSet::new();
    for no in refusals.into_iter().map(No::Refused).chain(others) {
        let row =
            rows(&text).find(|r| quoted(r[0]) == Some(no.code())).unwrap_or_else(|| panic!("docs/codes.md has no row for `{}`", no.code()));
        for came in [false, true] {
            let status = no.status(came).as_u16().to_string();
            assert!(row[1].contains(&status), "docs/codes.md: `{}` is answered with {status}, and the table says {}", no.code(), row[1]);
        }
        assert!(row[2].contains(no.level().as_str()), "docs/codes.md: `{}` has the level {}", no.code(), no.level().as_str());
        codes.insert(no.code());
    }
    codes.extend(TokenFault::ALL.map(TokenFault::code));
    for code in &codes {
        assert!(rows(&text).any(|r| quoted(r[0]) == Some(code)), "docs/codes.md has no row for `{code}`");
    }
    for ending in Ending::ALL {
        let (close, code) = (ending.close_code().to_string(), ending.code());
        let told = rows(&text).any(|r| r[0] == close && r[1].contains(&format!("`{code}`")));
        assert!(told, "docs/codes.md has no row for {close} with `{code}`");
    }
    // And none that is not there.
    let table = text.split("## Close codes").next().unwrap();
    let unknown: Vec<_> = rows(table).filter_map(|r| quoted(r[0])).filter(|c| !codes.contains(c)).collect();
    assert!(unknown.is_empty(), "docs/codes.md tells of {unknown:?}");
}

#[test]
fn every_series_stands_in_the_table_and_the_table_tells_of_no_other() {
    let source = document("src/metrics.rs");
    let made = ["counter(", "counters(", "gauge(", "histogram(", "Opts::new(", "Gauge::new("];
    let name = |rest: &str| -> Option<String> {
        let name = rest.trim_start().strip_prefix('"')?.split('"').next()?;
        (name.bytes().all(|b| b.is_ascii_lowercase() || b == b'_')).then(|| format!("roomgate_{name}"))
    };
    let ours: BTreeSet<String> =
        made.iter().flat_map(|word| source.match_indices(word).filter_map(|(at, w)| name(&source[at + w.len()..]))).collect();
    assert!(ours.len() > 20, "{ours:?}");
    let text = document("docs/operations.md");
    let told: BTreeSet<String> =
        rows(&text).filter_map(|r| Some(quoted(r[0])?.split('{').next()?.to_owned())).filter(|n| n.starts_with("roomgate_")).collect();
    assert_eq!(told, ours, "the table of docs/operations.md, and src/metrics.rs");
    for refusal in [
        GuardRefusal::Malformed,
        GuardRefusal::TooLarge,
        GuardRefusal::NotAllowed,
        GuardRefusal::NoPermit,
        GuardRefusal::OtherRoom,
        GuardRefusal::OtherPeer,
        GuardRefusal::TakenName,
        GuardRefusal::NotJoined,
        GuardRefusal::UnknownSession,
        GuardRefusal::TooMany,
    ] {
        assert!(text.contains(&format!("`{}`", refusal.code())), "docs/operations.md does not tell of the guard's `{}`", refusal.code());
    }
}

/// A configuration that works, and a section with a key that nobody knows: the answer names all that are known.
fn known_keys(section: &str) -> BTreeSet<String> {
    let folder = TempDir::new().unwrap();
    let upstream = match section {
        "[upstream]" => "",
        _ if section.starts_with("[upstream.jitsi") => "[upstream]\nurl = \"http://127.0.0.1:3000\"\nprofile = \"jitsi\"\n",
        _ => "[upstream]\nurl = \"http://127.0.0.1:3000\"\n",
    };
    let path = folder.path().join("roomgate.toml");
    std::fs::write(&path, format!("{upstream}{section}\nzzzzzzzz = 1\n")).unwrap();
    let problems = Config::load(&path, &SystemChance).unwrap_err();
    let answer = problems.iter().map(ToString::to_string).find(|p| p.contains("unknown key `zzzzzzzz`"));
    let answer = answer.unwrap_or_else(|| panic!("{section}: {problems:?}"));
    let list = answer.split(": write ").nth(1).unwrap_or_else(|| panic!("{answer}"));
    list.split([',', ' ']).filter(|w| !w.is_empty() && *w != "or").map(str::to_owned).collect()
}

#[test]
fn every_key_of_the_configuration_is_documented_and_none_that_is_not() {
    let text = document("docs/configuration.md");
    let mut sections = 0;
    for part in text.split("\n## ").skip(1) {
        let title = part.lines().next().unwrap();
        let Some(section) = quoted(title).filter(|t| t.starts_with('[')) else { continue };
        let told: BTreeSet<String> = rows(part).filter_map(|r| quoted(r[0])).map(str::to_owned).collect();
        let stated = match section {
            "[[room]]" => "[[room]]\nname = \"a\"",
            other => other,
        };
        // Sections of their own are told of under their own titles.
        let known: BTreeSet<String> = known_keys(stated)
            .into_iter()
            .filter(|key| !text.contains(&format!("\n## `{}.{key}]", section.trim_end_matches(']'))))
            .filter(|key| !text.contains(&format!("\n## `[{}.{key}]", section.trim_end_matches(']'))))
            .collect();
        assert_eq!(told, known, "docs/configuration.md, {section}");
        sections += 1;
    }
    assert!(sections >= 13, "only {sections} sections were found");
}

#[test]
fn stating_the_defaults_changes_nothing() {
    let text = document("docs/configuration.md");
    let stated = fenced(&text).into_iter().find(|b| b.marks.contains(&"defaults")).expect("a block marked `defaults`");
    let folder = TempDir::new().unwrap();
    let load = |text: &str| {
        let path = folder.path().join("roomgate.toml");
        std::fs::write(&path, text).unwrap();
        let (config, _) = Config::load(&path, &SystemChance).unwrap_or_else(|p| panic!("{p:?}"));
        let (server, tokens, rooms) = (&config.server, &config.tokens, &config.rooms);
        format!(
            "{server:#?}{:#?}{tokens:#?}{:#?}{:#?}{:#?}{:#?}{:?}{:?}{}{:#?}",
            config.upstream,
            config.session.lifetime,
            config.meeting,
            config.identity,
            config.store,
            rooms.unknown,
            rooms.hide,
            rooms.table.len(),
            config.pages
        )
    };
    assert_eq!(load(&stated.text), load("[upstream]\nurl = \"http://127.0.0.1:3000\"\n"));
}

/// A block of code and what the comments right above it say of it.
#[derive(Debug)]
struct Block<'t> {
    language: &'t str,
    marks: Vec<&'t str>,
    text: String,
    line: usize,
}

fn fenced(text: &str) -> Vec<Block<'_>> {
    let (mut blocks, mut marks, mut open): (Vec<Block<'_>>, Vec<&str>, Option<Block<'_>>) = (Vec::new(), Vec::new(), None);
    for (number, line) in text.lines().enumerate() {
        match (&mut open, line.strip_prefix("```")) {
            (Some(_), Some(_)) => blocks.extend(open.take()),
            (Some(block), None) => block.text.extend([line, "\n"]),
            (None, Some(language)) => {
                open = Some(Block { language, marks: std::mem::take(&mut marks), text: String::new(), line: number + 1 });
            }
            (None, None) => match line.trim().strip_prefix("<!-- ").and_then(|l| l.strip_suffix(" -->")) {
                Some(mark) => marks.push(mark),
                None if line.trim().is_empty() => {}
                None => marks.clear(),
            },
        }
    }
    blocks
}

/// What is another each time: ids, hashes, signatures and times.
fn masked(text: &str) -> String {
    let mut words = Vec::new();
    for line in text.trim_end().lines() {
        let line: Vec<String> = line
            .split(' ')
            .map(|word| {
                let time = word.len() == 20 && word.ends_with('Z') && word.as_bytes()[10] == b'T';
                if time {
                    "TIME".to_owned()
                } else if let Some((before, _)) = word.split_once("?t=") {
                    format!("{before}?t=TOKEN")
                } else if word.starts_with("jti:") {
                    "jti:ID".to_owned()
                } else {
                    word.to_owned()
                }
            })
            .collect();
        words.push(line.join(" "));
    }
    words.join("\n")
}

fn sh(folder: &Path, script: &str) -> Output {
    let path = format!("{}:{}", Path::new(PROGRAM).parent().unwrap().display(), std::env::var("PATH").unwrap());
    Command::new("bash").args(["-euo", "pipefail", "-c", script]).env("PATH", path).current_dir(folder).output().unwrap()
}

/// Files marked `file: NAME` are written, `sh` blocks marked `tested` are run, and `output` blocks are what the last of them said.
fn play(name: &str) {
    let (text, folder) = (document(name), TempDir::new().unwrap());
    let (mut said, mut runs) = (String::new(), 0);
    for block in fenced(&text) {
        if let Some(file) = block.marks.iter().find_map(|m| m.strip_prefix("file: ")) {
            std::fs::write(folder.path().join(file), &block.text).unwrap();
        }
        if block.marks.contains(&"tested") {
            assert_eq!(block.language, "sh", "{name}:{}", block.line);
            let out = sh(folder.path(), &block.text);
            let (stdout, stderr) = (String::from_utf8_lossy(&out.stdout), String::from_utf8_lossy(&out.stderr));
            assert!(out.status.success(), "{name}:{}: {}\n{stdout}{stderr}", block.line, block.text);
            said = stdout.into_owned();
            runs += 1;
        }
        if block.marks.contains(&"output") {
            assert_eq!(masked(&said), masked(&block.text), "{name}:{}: what it prints, and what the document says", block.line);
        }
    }
    assert!(runs > 0, "{name} has no tested block");
}

#[test]
fn the_readme_works_as_it_stands() {
    play("README.md");
}

#[test]
fn the_page_about_tokens_works_as_it_stands() {
    play("docs/tokens.md");
}

#[test]
fn the_page_about_jitsi_works_as_it_stands() {
    play("docs/jitsi.md");
}

#[test]
fn every_command_and_option_in_the_documents_exists() {
    let help = |command: &str| {
        let out = Command::new(PROGRAM).args([command, "--help"]).output().unwrap();
        out.status.success().then(|| String::from_utf8(out.stdout).unwrap())
    };
    let mut checked = 0;
    for (name, text) in documents() {
        for block in fenced(&text).iter().filter(|b| b.language == "sh") {
            for line in block.text.replace("\\\n", " ").lines() {
                let Some((_, rest)) =
                    line.split_once("roomgate ").filter(|(before, _)| before.is_empty() || before.ends_with([' ', '/', '(']))
                else {
                    continue;
                };
                let words: Vec<&str> = rest.split([' ', ')', '"']).take_while(|w| !matches!(*w, "|" | "#" | ">")).collect();
                let Some(command) = words.first().filter(|w| w.bytes().all(|b| b.is_ascii_lowercase())) else { continue };
                let known = help(command).unwrap_or_else(|| panic!("{name}:{}: there is no `roomgate {command}`", block.line));
                for option in words.iter().filter_map(|w| w.split('=').next().filter(|w| w.starts_with("--") && w.len() > 2)) {
                    assert!(
                        known.contains(&format!("{option} ")) || known.contains(&format!("{option}\n")),
                        "{name}:{}: `roomgate {command}` has no {option}",
                        block.line
                    );
                }
                checked += 1;
            }
        }
    }
    assert!(checked > 10, "only {checked} commands were found");
}

#[test]
fn every_make_target_in_the_documents_exists() {
    let makefile = document("Makefile");
    for (name, text) in documents() {
        for (at, word) in text.match_indices("`make ") {
            let target: String = text[at + word.len()..].chars().take_while(|c| c.is_ascii_lowercase()).collect();
            assert!(makefile.contains(&format!("\n{target}: ##")), "{name}: there is no `make {target}`");
        }
    }
}

#[test]
fn every_link_and_every_file_that_the_documents_name_is_there() {
    let mut wrong = Vec::new();
    for (name, text) in documents() {
        let beside = root().join(&name).parent().unwrap().to_path_buf();
        let links = text.split("](").skip(1).filter_map(|rest| rest.split(')').next()).filter(|l| !l.contains("://"));
        for link in links {
            let (path, anchor) = link.split_once('#').unwrap_or((link, ""));
            let target: PathBuf = if path.is_empty() { root().join(&name) } else { beside.join(path) };
            if !target.exists() {
                wrong.push(format!("{name}: {link} leads nowhere"));
            } else if !anchor.is_empty() {
                let there = std::fs::read_to_string(&target).unwrap();
                if !there.lines().filter(|l| l.starts_with('#')).any(|l| slug(l) == anchor) {
                    wrong.push(format!("{name}: {link}: there is no such heading"));
                }
            }
        }
        let files = text.split('`').skip(1).step_by(2).filter(|code| {
            ["src/", "tests/", "config/", "deploy/", "docs/", "fuzz/"].iter().any(|folder| code.starts_with(folder))
                && !code.contains(['*', ' '])
        });
        wrong.extend(files.filter(|file| !root().join(file).exists()).map(|file| format!("{name}: there is no {file}")));
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// A heading's anchor, as forges make it.
fn slug(heading: &str) -> String {
    let text = heading.trim_start_matches('#').trim().to_lowercase();
    text.chars().filter(|c| c.is_alphanumeric() || matches!(c, ' ' | '-' | '_')).map(|c| if c == ' ' { '-' } else { c }).collect()
}
