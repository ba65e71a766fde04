//! Files that change while it runs.

use std::time::Duration;

use crate::harness::busy::Busy;
use crate::harness::process::{House, Process};
use crate::harness::socket::{eventually, series};

async fn house() -> (House, Process) {
    let busy = Busy::start().await;
    let house = House::new(&format!("{}[rooms]\nfiles = [\"rooms/*.toml\"]\n", busy.section()), "[[room]]\nname = \"lounge\"\n");
    std::fs::create_dir(house.file("rooms")).unwrap();
    std::fs::write(house.file("rooms/a.toml"), room("one")).unwrap();
    let process = house.serve(&[]).await;
    (house, process)
}

fn room(name: &str) -> String {
    format!("[[room]]\nname = \"{name}\"\nprivacy = \"private\"\n")
}

/// Which of these rooms there are.
async fn there_are(house: &House, rooms: &[&str]) {
    for name in ["one", "two", "three", "four", "five"] {
        let expected = if rooms.contains(&name) { "private" } else { "no-room" };
        eventually(&format!("{name} is {expected}"), Duration::from_secs(6), async || {
            (house.stranger().fetches(&format!("/{name}")).await.code() == expected).then_some(())
        })
        .await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_edit_in_place_a_rename_a_new_file_and_a_symbolic_link_are_seen() {
    let (house, _process) = house().await;
    there_are(&house, &["one"]).await;
    std::fs::write(house.file("rooms/a.toml"), room("two")).unwrap();
    there_are(&house, &["two"]).await;
    std::fs::write(house.file("new"), room("three")).unwrap();
    std::fs::rename(house.file("new"), house.file("rooms/a.toml")).unwrap();
    there_are(&house, &["three"]).await;
    // As a ConfigMap is mounted: a link to a folder of the day, swapped by renaming.
    for (day, name) in [("monday", "four"), ("tuesday", "five")] {
        std::fs::create_dir(house.file(day)).unwrap();
        std::fs::write(house.file(day).join("b.toml"), room(name)).unwrap();
        std::os::unix::fs::symlink(house.file(day), house.file("today.new")).unwrap();
        std::fs::rename(house.file("today.new"), house.file("today")).unwrap();
        if day == "monday" {
            std::os::unix::fs::symlink("../today/b.toml", house.file("rooms/b.toml")).unwrap();
        }
        there_are(&house, &["three", name]).await;
    }
    std::fs::remove_file(house.file("rooms/b.toml")).unwrap();
    there_are(&house, &["three"]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_signal_reads_it_at_once() {
    let (house, process) = house().await;
    house.edit("name = \"lounge\"", "name = \"two\"\nprivacy = \"private\"");
    process.signal("HUP").await;
    there_are(&house, &["one", "two"]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_broken_file_changes_nothing_and_is_told_with_its_place() {
    let (house, process) = house().await;
    for broken in ["[[room]]\nname = \"two\"\nprivacy = \"secret\"\n", "[[room]]\nname = \"two\n", "[[room]]\nname = \"two\"\nfoo = 1\n"] {
        std::fs::write(house.file("rooms/b.toml"), broken).unwrap();
        eventually("it shows in the metrics", Duration::from_secs(6), async || {
            (series(&house.metrics().await, "roomgate_config_last_reload_successful") == 0.0).then_some(())
        })
        .await;
        let told = process.says("b.toml:").await;
        let place = told.split("b.toml:").nth(1).unwrap();
        let numbers: Vec<u32> = place.split(|c: char| !c.is_ascii_digit()).take(2).map(|n| n.parse().unwrap_or(0)).collect();
        assert!(numbers.iter().all(|n| *n > 0), "no line and column in {told}");
        there_are(&house, &["one"]).await;
        std::fs::remove_file(house.file("rooms/b.toml")).unwrap();
        eventually("it is mended", Duration::from_secs(6), async || {
            (series(&house.metrics().await, "roomgate_config_last_reload_successful") == 1.0).then_some(())
        })
        .await;
    }
}
