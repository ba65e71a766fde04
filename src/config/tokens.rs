//! `[tokens]`: whose tokens open rooms?

use std::collections::HashMap;
use std::path::Path;
use std::time::Duration;

use crate::access::Revocation;
use crate::profile::Profile;
use crate::token::{Algorithm, Jwks, KeyFlaw, KeySpec, Kind, Material, Secret, is_pattern};

use super::document::{Said, Section, one_of};
use super::file::Desk;
use super::origin::Origin;
use super::secrets::{flaw, secret_flaw, set_flaw, shown};
use super::{Tokens, revocations};

impl Desk<'_> {
    pub(super) fn tokens(&self, section: &Section<'_>, profile: &Profile) -> Tokens {
        let parameter = section.read("parameter", |text| {
            let plain = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'_' | b'-');
            let good = !text.is_empty() && text.len() <= 64 && text.bytes().all(plain);
            if good { Ok(text.to_owned()) } else { Err(format!("`{text}` is no name for it: write letters, digits, `-` and `_`")) }
        });
        let leeway = section.duration("leeway", Duration::ZERO..=Duration::from_secs(600));
        let require_room = section.flag("require_room");
        let keys = self.keys(section);
        let jwks = key_sets(section);
        if keys.is_empty() && jwks.is_empty() {
            section.warn(section.at(), "no [[tokens.key]] and no [[tokens.jwks]]: no token is valid, so nobody can own a room by one");
        } else if !require_room.is_some_and(|r| r.value) {
            let at = require_room.map_or(section.at(), |r| r.at);
            section.warn(at, "`require_room` is false: a token that names no room opens every room");
        }
        let revocations_file = self.path(section, "revocations_file");
        let revocations = revocations_file.as_ref().map(|file| self.revocations(section, file, profile)).unwrap_or_default();
        let tokens = Tokens {
            parameter: parameter.map_or_else(|| "t".to_owned(), |p| p.value),
            header: section.flag("header").is_some_and(|h| h.value),
            leeway: leeway.map_or(Duration::from_secs(5), |l| l.value),
            revocations_file: revocations_file.map(|f| f.value),
            revocations,
            require_room: require_room.is_some_and(|r| r.value),
            domain_id: section.filled("domain_id").map(|d| d.value.to_owned()),
            keys,
            jwks,
        };
        section.close();
        tokens
    }

    fn keys(&self, section: &Section<'_>) -> Vec<KeySpec> {
        let mut ids: HashMap<String, usize> = HashMap::new();
        let mut keys = Vec::new();
        for key in section.sections("key", "[[tokens.key]]") {
            let id = key.filled("id");
            if let Some(id) = &id
                && let Some(first) = ids.insert(id.value.to_owned(), id.at)
            {
                key.problem(id.at, format!("`id`: another key is called `{}` already, at {}", id.value, key.place(first)));
            }
            let algorithm = algorithm(&key);
            let material = self.material(&key, algorithm.as_ref().map(|a| a.value));
            key.close();
            if let (Some(algorithm), Some(material)) = (algorithm, material) {
                let spec = KeySpec { id: id.map(|i| i.value.to_owned()), algorithm: algorithm.value, material: material.value };
                if let Material::Secret(secret) = &spec.material
                    && is_pattern(secret.expose())
                {
                    key.warn(
                        material.at,
                        "this secret looks like a pattern that somebody typed; `openssl rand -hex 32` makes a better one",
                    );
                }
                match flaw(&spec) {
                    None => keys.push(spec),
                    Some(flaw) => key.problem(material.at, flaw.to_string()),
                }
            }
        }
        keys
    }

    fn material(&self, key: &Section<'_>, algorithm: Option<Algorithm>) -> Option<Said<Material>> {
        let stated: Vec<(&str, usize)> =
            ["secret", "secret_file", "public_key_file"].into_iter().filter_map(|k| key.key_at(k).map(|at| (k, at))).collect();
        let symmetric = algorithm.map(|a| a.kind() == Kind::Secret);
        let wanted = match symmetric {
            Some(true) => "`secret_file` or `secret`",
            Some(false) => "`public_key_file`",
            None => "`secret_file`, `secret` or `public_key_file`",
        };
        match *stated.as_slice() {
            [] => {
                key.problem(key.at(), format!("the key itself is missing: state {wanted}"));
                None
            }
            [("public_key_file", at)] if symmetric == Some(true) => {
                key.problem(at, format!("`public_key_file` has no use with {}: state {wanted}", algorithm.map_or("", Algorithm::name)));
                None
            }
            [(other @ ("secret" | "secret_file"), at)] if symmetric == Some(false) => {
                key.problem(at, format!("`{other}` has no use with {}: state {wanted}", algorithm.map_or("", Algorithm::name)));
                None
            }
            [("secret", _)] => {
                let said = key.filled("secret")?;
                if self.everybody_reads_config {
                    key.warn(said.at, "`secret`: everybody on this machine can read this file: use `secret_file`, or `chmod o=` this one");
                }
                Some(Said { value: Material::Secret(Secret::new(said.value.as_bytes().to_vec())), at: said.at })
            }
            [("secret_file", _)] => {
                let said = self.secrets(key, "secret_file")?;
                let mut secrets = said.value.into_iter();
                match (secrets.next(), secrets.next()) {
                    (Some(secret), None) => Some(Said { value: Material::Secret(secret), at: said.at }),
                    (first, _) => {
                        let one = "one secret on one line; for rotation, state a second [[tokens.key]]".to_owned();
                        let flaw = first.and_then(|s| secret_flaw(&s)).filter(|f| *f == KeyFlaw::KeyAsSecret);
                        key.problem(said.at, format!("`secret_file`: {}", flaw.map_or(one, |f| f.to_string())));
                        None
                    }
                }
            }
            [("public_key_file", _)] => {
                let path = self.path(key, "public_key_file")?;
                let (pem, _) = self.read(key, "public_key_file", &path, "")?;
                Some(Said { value: Material::PublicPem(pem), at: path.at })
            }
            [_, (second, at), ..] => {
                let names: Vec<&str> = stated.iter().map(|(name, _)| *name).collect();
                key.problem(at, format!("`{second}`: state one of {}, not several", one_of(&names)));
                None
            }
            [_] => None,
        }
    }

    fn revocations(&self, section: &Section<'_>, file: &Said<std::path::PathBuf>, profile: &Profile) -> Vec<Revocation> {
        let shown = shown(&file.value);
        let read = self.watched.borrow_mut().read(&file.value);
        let bytes = match read {
            Ok((bytes, _)) => bytes,
            Err(e) if e.kind() == std::io::ErrorKind::NotFound => {
                // What was taken back stays so: an unmounted folder must not give it out again.
                if self.before.is_some_and(|before| before.watched.was_there(&file.value)) {
                    section.problem(file.at, format!("`revocations_file`: {shown} is gone: an empty one takes nothing back"));
                } else {
                    section.warn(file.at, format!("`revocations_file`: there is no {shown} yet: nothing is taken back until there is"));
                }
                return Vec::new();
            }
            Err(e) => {
                section.problem(file.at, format!("`revocations_file`: cannot read {shown}: {e}"));
                return Vec::new();
            }
        };
        let names = |text: &str| profile.room_name(text);
        revocations::parse(Path::new(&file.value), &bytes, &names).unwrap_or_else(|problems| {
            self.notes.borrow_mut().problems.extend(problems);
            Vec::new()
        })
    }
}

fn algorithm(key: &Section<'_>) -> Option<Said<Algorithm>> {
    let read = key.read("algorithm", |text| {
        Algorithm::named(text).ok_or_else(|| {
            let all: Vec<&str> = Algorithm::ALL.iter().map(|a| a.name()).collect();
            format!("unknown algorithm `{text}`: write {}", one_of(&all))
        })
    });
    if read.is_none() && key.key_at("algorithm").is_none() {
        key.missing("algorithm", "algorithm = \"HS256\", or what your tokens are signed with");
    }
    read
}

fn key_sets(section: &Section<'_>) -> Vec<Jwks> {
    let mut sets: Vec<Jwks> = Vec::new();
    for set in section.sections("jwks", "[[tokens.jwks]]") {
        let url = set.read("url", |text| Origin::of_url(text).map(|origin| (origin, text)));
        match url {
            Some(Said { value: (origin, text), at }) => {
                if !origin.secure && !origin.host.is_loopback() {
                    set.warn(at, "`url`: over http:// anybody on the way can put keys of their own in: use https://");
                }
                let jwks = Jwks { url: text.to_owned() };
                if sets.contains(&jwks) {
                    set.problem(at, format!("`url`: `{text}` is there twice"));
                } else if let Some(flaw) = set_flaw(&jwks) {
                    set.problem(at, format!("`url`: {flaw}"));
                } else {
                    sets.push(jwks);
                }
            }
            None if set.key_at("url").is_none() => set.missing("url", "url = \"https://id.example.org/jwks.json\""),
            None => {}
        }
        set.close();
    }
    sets
}
