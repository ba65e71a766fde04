use http::{Method, StatusCode};
use serde_json::{Value, json};

use super::house::{House, Person, between, request, serde_urlencoded};
use crate::access::RoomName;

const DOOR: &str = "/_roomgate/door?room=standup";
const V1: &str = "/_roomgate/v1/rooms/standup";

async fn waiting(owner: &mut Person<'_>) -> Vec<Value> {
    let listed = owner.get_json(&format!("{V1}/waiting-participants")).await.json();
    listed["data"].as_array().unwrap().clone()
}

async fn form_token(owner: &mut Person<'_>) -> String {
    between(&owner.get(DOOR).await.body, "name=\"form\" value=\"", "\"").to_owned()
}

#[tokio::test]
async fn only_an_owner_sees_or_moves_anything_behind_the_door() {
    let house = House::new();
    let mut guest = house.person("192.0.2.8");
    guest.brings(&house.token("standup", |m| m.name = Some("Bo".to_owned())));
    let mut elsewhere = house.person("192.0.2.9");
    elsewhere.brings(&house.token("board", |m| m.owner = true));
    let mut late = house.person("192.0.2.10");
    late.brings(&house.token("standup", |m| {
        m.owner = true;
        m.expires = Some(super::house::NOW.minus(std::time::Duration::from_secs(60)));
    }));
    let mut held = house.person("192.0.2.11");
    held.brings(&house.token("standup", |m| {
        m.owner = true;
        m.guest = true;
    }));
    let id = "0".repeat(32);
    for (who, person, status) in [
        ("a stranger", &mut house.person("192.0.2.7"), StatusCode::UNAUTHORIZED),
        ("a participant", &mut guest, StatusCode::FORBIDDEN),
        ("an owner of another room", &mut elsewhere, StatusCode::FORBIDDEN),
        ("an owner whose token is over", &mut late, StatusCode::FORBIDDEN),
        ("an owner who must wait", &mut held, StatusCode::FORBIDDEN),
    ] {
        let door = person.get(DOOR).await;
        assert_eq!(door.status, status, "{who}");
        assert!(!door.body.contains("name=\"form\""), "{who}");
        for path in ["waiting-participants", "presence", "bans"] {
            let told = person.get_json(&format!("{V1}/{path}")).await;
            assert_eq!(told.status, status, "{who} {path}");
            assert!(told.json()["error"].is_string() && told.json()["info"].is_string(), "{who} {path}: {}", told.body);
        }
        for (method, path, body) in [
            (Method::PATCH, format!("{V1}/waiting-participants/{id}"), json!({"grantRequestedAccess": true, "version": 1})),
            (Method::PATCH, format!("{V1}/waiting-participants"), json!({"*": {"grantRequestedAccess": true}})),
            (Method::POST, format!("{V1}/eject"), json!({"ids": [id]})),
            (Method::DELETE, format!("{V1}/bans/{id}"), json!({})),
        ] {
            assert_eq!(person.json(method, &path, body).await.status, status, "{who} {path}");
        }
        let order = [("room", "standup"), ("form", "x"), ("do", "deny-all")];
        assert_eq!(person.form("/_roomgate/door", &order).await.status, status, "{who}");
    }
}

#[tokio::test]
async fn the_first_answer_counts_and_the_second_owner_learns_who_was_first() {
    let house = House::new();
    let (mut grace, mut alan) = (house.owner("standup", "Grace").await, house.owner("standup", "Alan").await);
    house.person("192.0.2.7").knocks("standup", "Ada").await;
    let knock = waiting(&mut grace).await.remove(0);
    assert_eq!((&knock["name"], &knock["awaitingAccess"]["level"]), (&json!("Ada"), &json!("full")));
    let path = format!("{V1}/waiting-participants/{}", knock["id"].as_str().unwrap());
    let allow = json!({"grantRequestedAccess": true, "version": knock["version"]});
    let deny = json!({"grantRequestedAccess": false, "version": knock["version"]});
    assert_eq!(grace.json(Method::PATCH, &path, allow.clone()).await.status, StatusCode::OK);
    // The same answer twice is no conflict.
    assert_eq!(alan.json(Method::PATCH, &path, allow).await.status, StatusCode::OK);
    let told = alan.json(Method::PATCH, &path, deny).await;
    assert_eq!(told.status, StatusCode::CONFLICT);
    assert_eq!(
        (&told.json()["error"], &told.json()["code"], &told.json()["by"]),
        (&json!("conflict"), &json!("first-allowed"), &json!("Grace"))
    );
    assert!(waiting(&mut alan).await.is_empty());
}

#[tokio::test]
async fn nobody_is_let_in_under_a_name_that_no_owner_saw() {
    let house = House::new();
    let mut grace = house.owner("standup", "Grace").await;
    let mut mallory = house.person("192.0.2.7");
    mallory.knocks("standup", "Mallory").await;
    let knock = waiting(&mut grace).await.remove(0);
    mallory.form("/_roomgate/knock", &[("room", "standup"), ("name", "Ada")]).await;
    let path = format!("{V1}/waiting-participants/{}", knock["id"].as_str().unwrap());
    let told = grace.json(Method::PATCH, &path, json!({"grantRequestedAccess": true, "version": knock["version"]})).await;
    assert_eq!((told.status, told.json()["code"].as_str()), (StatusCode::CONFLICT, Some("renamed")));
    assert_eq!(grace.json(Method::PATCH, &path, json!({"grantRequestedAccess": true})).await.status, StatusCode::BAD_REQUEST);
    assert_eq!(waiting(&mut grace).await[0]["name"], "Ada");

    // The page's own form, with what it showed.
    let form = form_token(&mut grace).await;
    let id = knock["id"].as_str().unwrap();
    let old = [("room", "standup"), ("form", form.as_str()), ("do", "allow"), ("id", id), ("version", "1")];
    assert_eq!(grace.form("/_roomgate/door", &old).await.location(), "/_roomgate/door?room=standup&note=renamed");
    let page = grace.get("/_roomgate/door?room=standup&note=renamed").await;
    assert!(page.body.contains("changed their name since you looked"));
    assert!(!grace.get("/_roomgate/door?room=standup&note=%3Cb%3E").await.body.contains("<b>"));
}

#[tokio::test]
async fn allow_everyone_means_those_on_the_page_and_deny_everyone_all() {
    let house = House::new();
    let mut grace = house.owner("standup", "Grace").await;
    let (mut ada, mut bo, mut cy) = (house.person("192.0.2.7"), house.person("192.0.2.8"), house.person("192.0.2.9"));
    ada.knocks("standup", "Ada").await;
    bo.knocks("standup", "Bo").await;
    let page = grace.get(DOOR).await.body;
    let (form, seen) =
        (between(&page, "name=\"form\" value=\"", "\"").to_owned(), between(&page, "name=\"seen\" value=\"", "\"").to_owned());
    cy.knocks("standup", "Cy").await;
    let order =
        |what: &'static str| [("room", "standup".to_owned()), ("form", form.clone()), ("do", what.to_owned()), ("seen", seen.clone())];
    let all = order("allow-all");
    grace.form("/_roomgate/door", &all.each_ref().map(|(n, v)| (*n, v.as_str()))).await;
    let state = |who: &'static str| format!("/_roomgate/access?room=standup&who={who}");
    assert_eq!(ada.get_json(&state("ada")).await.json()["code"], "knock");
    assert_eq!(bo.get_json(&state("bo")).await.json()["access"]["level"], "full");
    assert_eq!(cy.get_json(&state("cy")).await.json()["code"], "waiting");
    let all = order("deny-all");
    grace.form("/_roomgate/door", &all.each_ref().map(|(n, v)| (*n, v.as_str()))).await;
    assert_eq!(cy.get_json(&state("cy")).await.json()["code"], "denied");
    assert_eq!(ada.get_json(&state("ada")).await.json()["access"]["level"], "full");
}

#[tokio::test]
async fn a_form_of_the_console_counts_only_from_our_own_page_in_this_browser() {
    let house = House::new();
    let mut grace = house.owner("standup", "Grace").await;
    let others = form_token(&mut house.owner("standup", "Alan").await).await;
    house.person("192.0.2.7").knocks("standup", "Ada").await;
    let form = form_token(&mut grace).await;
    for wrong in ["", "x", &others, &form[1..]] {
        let told = grace.form("/_roomgate/door", &[("room", "standup"), ("form", wrong), ("do", "deny-all")]).await;
        assert_eq!(told.location(), "/_roomgate/door?room=standup&note=stale", "{wrong}");
    }
    let body = || serde_urlencoded(&[("room", "standup"), ("form", &form), ("do", "deny-all")]);
    for origin in [Some("https://evil.example"), Some("null"), Some("http://meet.example.evil.example"), None] {
        let mut request = request(Method::POST, "/_roomgate/door", "text/html", origin, body().into());
        request.headers_mut().insert("content-type", "application/x-www-form-urlencoded".parse().unwrap());
        assert!(grace.send(request).await.status.is_client_error(), "{origin:?}");
    }
    assert_eq!(grace.get("/_roomgate/door?room=standup&do=deny-all").await.status, StatusCode::OK);
    assert_eq!(waiting(&mut grace).await.len(), 1, "no order came through");
    // A page of ours in a browser that sends no `Origin` with a form of the same site.
    let mut request = request(Method::POST, "/_roomgate/door", "text/html", None, body().into());
    request.headers_mut().insert("content-type", "application/x-www-form-urlencoded".parse().unwrap());
    request.headers_mut().insert("sec-fetch-site", "same-origin".parse().unwrap());
    assert_eq!(grace.send(request).await.status, StatusCode::SEE_OTHER);
    assert!(waiting(&mut grace).await.is_empty());
}

#[tokio::test]
async fn whoever_is_inside_is_seen_removed_banned_and_let_back_in() {
    let house = House::new();
    let mut grace = house.owner("standup", "Grace").await;
    let (hers, _seat) = house.enters(&mut grace, "standup").await;
    let mut bo = house.person("192.0.2.8");
    bo.brings(&house.token("standup", |m| {
        m.name = Some("Bo".to_owned());
        m.user = Some("42".to_owned());
    }));
    let (his, _his_seat) = house.enters(&mut bo, "standup").await;
    house.advance(90);

    let presence = grace.get_json(&format!("{V1}/presence")).await.json();
    assert_eq!(presence["total_count"], 2);
    let people = presence["data"].as_array().unwrap();
    let him = people.iter().find(|p| p["id"] == his.to_string()).unwrap();
    assert_eq!(
        (&him["userName"], &him["userId"], &him["duration"], &him["owner"]),
        (&json!("Bo"), &json!("42"), &json!(90), &json!(false))
    );
    let page = grace.get(DOOR).await.body;
    assert!(page.contains(">Bo<") && page.contains(">Grace<"), "{page}");
    // Nobody removes themself by a slip: there is no button for it.
    assert!(!page.contains(&format!("value=\"{hers}\"")) && page.contains(&format!("value=\"{his}\"")));

    let ejected = grace.json(Method::POST, &format!("{V1}/eject"), json!({"ids": [his.to_string(), "0".repeat(32), "x"]})).await;
    assert_eq!(ejected.json(), json!({"ejectedIds": [his.to_string()]}));
    assert_eq!(bo.get_json("/_roomgate/access?room=standup").await.json()["code"], "ejected");

    let form = form_token(&mut grace).await;
    let order =
        |what: &'static str, id: String| [("room", "standup".to_owned()), ("form", form.clone()), ("do", what.to_owned()), ("id", id)];
    let banned = order("ban", his.to_string());
    let banned = banned.each_ref().map(|(n, v)| (*n, v.as_str()));
    let told = grace.form("/_roomgate/door", &[&banned[..], &[("lasting", "on")]].concat()).await;
    assert_eq!(told.location(), "/_roomgate/door?room=standup&note=banned");
    assert_eq!(bo.get_json("/_roomgate/access?room=standup").await.json()["code"], "banned");
    house.gate.store().end_meeting(&RoomName::canonical("standup").unwrap(), house.gate.clock().now()).await.unwrap();
    assert_eq!(bo.get_json("/_roomgate/access?room=standup").await.json()["code"], "banned", "a ban lasts where an owner said so");

    let bans = grace.get_json(&format!("{V1}/bans")).await.json();
    assert_eq!((&bans["data"][0]["name"], &bans["data"][0]["by"]), (&json!("Bo"), &json!("Grace")));
    let id = bans["data"][0]["id"].as_str().unwrap();
    let other = grace.json(Method::DELETE, &format!("/_roomgate/v1/rooms/lounge/bans/{id}"), json!({})).await;
    assert_eq!(other.status, StatusCode::UNAUTHORIZED, "an owner of one room is nobody in another");
    assert_eq!(grace.json(Method::DELETE, &format!("{V1}/bans/{id}"), json!({})).await.status, StatusCode::OK);
    assert_eq!(grace.json(Method::DELETE, &format!("{V1}/bans/{id}"), json!({})).await.status, StatusCode::NOT_FOUND);
    assert_eq!(bo.get_json("/_roomgate/access?room=standup").await.json()["access"]["level"], "full");
}

#[tokio::test]
async fn a_link_that_many_share_stays_good_for_the_others_when_one_is_removed() {
    let house = House::new();
    let mut grace = house.owner("lounge", "Grace").await;
    let shared = house.token("lounge", |_| {});
    let (mut ada, mut bo) = (house.person("192.0.2.8"), house.person("192.0.2.9"));
    ada.brings(&shared);
    bo.brings(&shared);
    let ((hers, _a), (_, _b)) = (house.enters(&mut ada, "lounge").await, house.enters(&mut bo, "lounge").await);
    grace.json(Method::POST, "/_roomgate/v1/rooms/lounge/eject", json!({"ids": [hers.to_string()]})).await;
    assert_eq!(ada.get_json("/_roomgate/access?room=lounge").await.json()["code"], "ejected");
    assert_eq!(bo.get_json("/_roomgate/access?room=lounge").await.json()["access"]["level"], "full");
}

#[tokio::test]
async fn nobody_learns_what_tells_one_browser_from_another() {
    let house = House::new();
    let mut grace = house.owner("standup", "Grace").await;
    let mut ada = house.person("192.0.2.7");
    ada.knocks("standup", "Ada").await;
    let (_, _seat) = house.enters(&mut grace, "standup").await;
    let visitors = [ada.caller().await.visitor.unwrap(), grace.caller().await.visitor.unwrap()];
    for path in [DOOR.to_owned(), format!("{V1}/presence"), format!("{V1}/waiting-participants"), format!("{V1}/bans")] {
        let shown = grace.get(&path).await.body;
        for visitor in visitors {
            assert!(!shown.contains(&visitor.to_string()), "{path}");
        }
        assert!(!shown.contains("192.0.2."), "{path}");
    }
}

#[tokio::test]
async fn what_an_owner_says_of_whoever_knocks_holds_until_it_is_changed() {
    let house = House::new();
    let mut grace = house.owner("standup", "Grace").await;
    let (mut ada, mut bo, mut cy) = (house.person("192.0.2.7"), house.person("192.0.2.8"), house.person("192.0.2.9"));
    ada.knocks("standup", "Ada").await;
    let all = format!("{V1}/waiting-participants");
    let told = grace.json(Method::PATCH, &all, json!({"*": {"grantRequestedAccess": true, "remember": true}})).await.json();
    assert_eq!(told["ids"].as_array().unwrap().len(), 1, "who waits is let in");
    let level =
        async |person: &mut super::house::Person| person.get_json("/_roomgate/access?room=standup").await.json()["access"]["level"].clone();
    assert_eq!(level(&mut ada).await, "full");
    assert_eq!(level(&mut bo).await, "full", "and so is whoever comes, without asking");
    let kept = grace.get_json(&format!("{V1}/remembered")).await.json();
    assert_eq!((&kept["answer"], &kept["by"]), (&json!("allow"), &json!("Grace")));

    let told = grace.json(Method::PUT, &format!("{V1}/remembered"), json!({"answer": "deny"})).await.json();
    assert_eq!(told["answer"], "deny");
    assert_eq!(cy.get_json("/_roomgate/access?room=standup").await.json()["code"], "denied");
    assert_eq!(level(&mut ada).await, "full", "who was let in stays so");
    grace.json(Method::DELETE, &format!("{V1}/remembered"), json!({})).await;
    assert_eq!(cy.get_json("/_roomgate/access?room=standup").await.json()["code"], "may-knock");
    let strange = cy.json(Method::PUT, &format!("{V1}/remembered"), json!({"answer": "allow"})).await;
    assert_eq!(strange.status, StatusCode::UNAUTHORIZED, "only owners say so");
    assert_eq!(grace.json(Method::PUT, &format!("{V1}/remembered"), json!({"answer": "maybe"})).await.status, StatusCode::BAD_REQUEST);
}

#[tokio::test]
async fn whoever_is_moved_back_waits_whatever_they_bring_until_somebody_lets_them_in_again() {
    let house = House::new();
    let mut grace = house.owner("standup", "Grace").await;
    let mut bo = house.person("192.0.2.8");
    bo.brings(&house.token("standup", |m| m.name = Some("Bo".to_owned())));
    let (his, _his_seat) = house.enters(&mut bo, "standup").await;
    let moved = grace.json(Method::POST, &format!("{V1}/move-back"), json!({"ids": [his.to_string(), "0".repeat(32)]})).await;
    assert_eq!(moved.json(), json!({"movedIds": [his.to_string()]}));
    let told = bo.get_json("/_roomgate/access?room=standup").await.json();
    assert_eq!((&told["code"], &told["moved_back"]), (&json!("waiting"), &json!(true)), "his good link does not help: {told}");

    // What holds for whoever comes does not hold for him, in this browser or another with the same link.
    grace.json(Method::PUT, &format!("{V1}/remembered"), json!({"answer": "allow"})).await;
    assert_eq!(bo.get_json("/_roomgate/access?room=standup").await.json()["code"], "waiting");
    let mut window = house.person("192.0.2.8");
    window.brings(&house.token("standup", |m| m.name = Some("Bo".to_owned())));
    let waiting = grace.get_json(&format!("{V1}/waiting-participants")).await.json();
    assert_eq!((&waiting["data"][0]["name"], &waiting["data"][0]["movedBack"]), (&json!("Bo"), &json!(true)));
    assert_eq!(grace.get_json(&format!("{V1}/bans")).await.json()["total_count"], 0, "he is not banned");

    let (id, version) = (waiting["data"][0]["id"].as_str().unwrap(), waiting["data"][0]["version"].clone());
    let path = format!("{V1}/waiting-participants/{id}");
    grace.json(Method::PATCH, &path, json!({"grantRequestedAccess": true, "version": version})).await;
    assert_eq!(bo.get_json("/_roomgate/access?room=standup").await.json()["access"]["level"], "full");
}

#[tokio::test]
async fn the_trail_says_who_decided_what_and_through_what() {
    let house = House::new();
    let mut grace = house.owner("standup", "Grace").await;
    house.person("192.0.2.7").knocks("standup", "Ada").await;
    grace.json(Method::PATCH, &format!("{V1}/waiting-participants"), json!({"*": {"grantRequestedAccess": false}})).await;
    let form = form_token(&mut grace).await;
    grace.form("/_roomgate/door", &[("room", "standup"), ("form", &form), ("do", "allow-all"), ("remember", "on")]).await;
    let trail = house.gate.store().trail(0, 100).await.unwrap();
    let told: Vec<_> = trail.iter().map(|e| (e.what.code(), e.by.as_ref().map(|b| (b.name.to_string(), b.through.code())))).collect();
    let by = |through| Some(("Grace".to_owned(), through));
    assert_eq!(told, [("knocked", None), ("denied", by("api")), ("meeting-started", None), ("allow-all", by("door"))]);
    assert_eq!(trail[0].who.as_ref().unwrap().name, "Ada".into());
    assert!(trail.windows(2).all(|pair| pair[0].number < pair[1].number && pair[0].id != pair[1].id));
}
