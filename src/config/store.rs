//! `[store]`: where are facts kept that outlive a request?

use super::Store;
use super::document::Section;
use super::file::Desk;

#[derive(Clone, Copy)]
enum Kind {
    Memory,
    Sqlite,
}

impl Desk<'_> {
    pub(super) fn store(&self, section: &Section<'_>) -> Store {
        let kind = section.read("kind", |text| match text {
            "memory" => Ok(Kind::Memory),
            "sqlite" => Ok(Kind::Sqlite),
            "redis" => Err("the store `redis` is not supported by this version: use sqlite or memory".to_owned()),
            other => Err(format!("unknown store `{other}`: use sqlite or memory")),
        });
        let path = self.path(section, "path");
        let store = match kind.map(|k| k.value) {
            Some(Kind::Memory) => {
                if let Some(at) = section.key_at("path") {
                    section.problem(at, "`path` has no use with kind = \"memory\": nothing is written");
                }
                Store::Memory
            }
            Some(Kind::Sqlite) | None => {
                let at = path.as_ref().map_or(section.at(), |p| p.at);
                let path = path.map_or_else(|| self.folder.join("roomgate.db"), |p| p.value);
                let folder = path.parent().filter(|p| !p.as_os_str().is_empty()).unwrap_or(std::path::Path::new("."));
                if !folder.is_dir() {
                    section.problem(at, format!("`path`: there is no folder {}", folder.display()));
                } else if path.is_dir() {
                    section.problem(at, format!("`path`: {} is a folder: name a file", path.display()));
                }
                Store::Sqlite(path)
            }
        };
        section.close();
        store
    }
}
