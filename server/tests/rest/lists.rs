//! Laws of lists: what is filtered, projected, put in order and paged is still the same list.

use super::support::*;
use proptest::prelude::*;
use serde_json::{Value, json};
use server::http::rest::{
    field::INSTANCE,
    list::{Page, Pairs, page},
};

fn row(number: u32, cpu: u8, name: &str, external: bool, second: u32) -> Value {
    let addresses: Vec<_> = (0..cpu % 3).map(|n| format!("10.0.0.{n}")).collect();
    json!({
        "uuid": domain::Uuid::from_u128(u128::from(number).wrapping_mul(0x9e37_79b9_7f4a_7c15_f39c_c060_5ced_c835)),
        "name": name, "cpu": cpu, "external": external, "status": "NEW", "preset": null, "ipsv4": addresses,
        "created_at": domain::Timestamp::new(i64::from(second), i32::from(cpu) * 1000).unwrap(),
    })
}

prop_compose! {
    fn rows()(all in prop::collection::btree_map(1u32..10_000, (0u8..4, "[ab]{1,2}", any::<bool>(), 0u32..3), 0..30)) -> Vec<Value> {
        all.into_iter().map(|(number, (cpu, name, external, second))| row(number, cpu, &name, external, second)).collect()
    }
}

fn pairs(query: &[(&str, &str)]) -> Pairs {
    query.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
}

fn ask(rows: &[Value], query: &[(&str, &str)]) -> Page {
    page(INSTANCE, rows.to_vec(), &pairs(query), |_| None).unwrap()
}

/// All pages one after another.
fn walk(rows: &[Value], query: &[(&str, &str)], limit: usize) -> Vec<Value> {
    let limit_text = limit.to_string();
    let (mut all, mut marker) = (Vec::new(), None::<String>);
    loop {
        let mut query = query.to_vec();
        query.push(("page_limit", &limit_text));
        if let Some(marker) = &marker {
            query.push(("page_marker", marker));
        }
        let page = ask(rows, &query);
        assert!(page.rows.len() <= limit && page.limit == Some(limit));
        // The marker is there exactly when something follows, and is the last one's uuid.
        assert!(page.marker.is_none() || !page.rows.is_empty());
        if let Some(next) = &page.marker {
            assert_eq!(page.rows.last().unwrap()["uuid"], json!(next));
        }
        all.extend(page.rows);
        marker = page.marker;
        if marker.is_none() {
            return all;
        }
    }
}

proptest! {
    #[test]
    fn pages_put_together_are_the_list(rows in rows(), limit in 1usize..8, key in prop::sample::select(vec!["uuid", "name", "cpu", "external", "created_at"]), down: bool) {
        let query = [("sort_key", key), ("sort_dir", if down { "desc" } else { "asc" })];
        prop_assert_eq!(walk(&rows, &query, limit), ask(&rows, &query).rows);
    }

    #[test]
    fn a_filter_keeps_exactly_what_is_equal(rows in rows(), cpus in prop::collection::btree_set(0u8..5, 1..4)) {
        let texts: Vec<_> = cpus.iter().map(ToString::to_string).collect();
        let query: Vec<_> = texts.iter().map(|text| ("cpu", text.as_str())).collect();
        let found = ask(&rows, &query).rows;
        for row in &rows {
            prop_assert_eq!(found.contains(row), cpus.contains(&u8::try_from(row["cpu"].as_u64().unwrap()).unwrap()));
        }
    }

    #[test]
    fn filters_of_two_fields_are_both_kept(rows in rows(), cpu in 0u8..4, external: bool) {
        let (cpu, external) = (cpu.to_string(), external.to_string());
        let both = ask(&rows, &[("cpu", &cpu), ("external", &external)]).rows;
        let one_after_the_other = ask(&ask(&rows, &[("cpu", &cpu)]).rows, &[("external", &external)]).rows;
        prop_assert_eq!(both, one_after_the_other);
    }

    #[test]
    fn the_order_is_that_of_the_field_and_then_of_ids(rows in rows(), down: bool) {
        let sorted = ask(&rows, &[("sort_key", "created_at"), ("sort_dir", if down { "desc" } else { "asc" })]).rows;
        prop_assert_eq!(sorted.len(), rows.len());
        let time = |row: &Value| row["created_at"].as_str().unwrap().parse::<domain::Timestamp>().unwrap();
        for pair in sorted.windows(2) {
            let (a, b) = (time(&pair[0]), time(&pair[1]));
            let before = if down { a > b } else { a < b };
            prop_assert!(before || (a == b && pair[0]["uuid"].as_str() < pair[1]["uuid"].as_str()));
        }
    }

    #[test]
    fn a_projection_changes_nothing_but_what_is_shown(rows in rows(), limit in 1usize..8) {
        let limit = limit.to_string();
        let whole = ask(&rows, &[("page_limit", &limit), ("sort_key", "cpu")]);
        let thin = ask(&rows, &[("page_limit", &limit), ("sort_key", "cpu"), ("fields", "name,cpu")]);
        prop_assert_eq!(&whole.marker, &thin.marker);
        let names: Vec<_> = whole.rows.iter().map(|row| json!({ "name": row["name"], "cpu": row["cpu"] })).collect();
        prop_assert_eq!(names, thin.rows);
    }

    #[test]
    fn any_query_is_answered_or_refused(rows in rows(), query in prop::collection::vec(("(cpu|name|uuid|fields|sort_key|sort_dir|page_limit|page_marker|owner|ipsv4|\\PC*)", "\\PC{0,40}"), 0..5)) {
        let _ = page(INSTANCE, rows, &query, |_| None);
    }
}

#[tokio::test]
async fn lists_are_bare_arrays_in_the_order_of_uuids() {
    let world = world();
    let all = world.get("/v1/postgres/instances").await;
    let uuids: Vec<_> = all.json().as_array().unwrap().iter().map(|row| row["uuid"].clone()).collect();
    assert_eq!(uuids, [ORDERS, OTHER]);
    assert_eq!((all.header("x-pagination-limit"), all.header("x-pagination-marker")), (None, None));
    let first = world.get("/v1/postgres/instances?page_limit=1").await;
    assert_eq!((first.header("x-pagination-limit"), first.header("x-pagination-marker")), (Some("1"), Some(ORDERS)));
    let last = world.get(&format!("/v1/postgres/instances?page_limit=1&page_marker={ORDERS}")).await;
    assert_eq!((last.json()[0]["uuid"].as_str(), last.header("x-pagination-limit"), last.header("x-pagination-marker")), (Some(OTHER), Some("1"), None));
}

#[tokio::test]
async fn every_field_that_is_a_value_filters() {
    let world = world();
    let count = async |path: String| {
        let answer = world.get(&path).await;
        assert_eq!(answer.status, 200, "{path}: {}", answer.text);
        answer.json().as_array().unwrap().len()
    };
    let version = world.get(&orders("")).await.json()["version"].as_str().unwrap().to_owned();
    for (query, expect) in [
        ("name=orders", 1),
        ("name=orders&name=other", 2),
        ("name=orders&cpu=9", 0),
        ("status=ACTIVE", 1),
        ("status=ERROR", 0),
        ("ipsv4=127.0.0.1", 1),
        ("external=false", 2),
        ("version=v17", 2),
        ("version=v18", 0),
        (&format!("version={version}"), 2),
        ("version=nothing", 0),
        ("created_at=2023-11-14T22:13:20Z", 2),
        ("created_at=2023-11-14T23:13:20%2B01:00", 2),
        (&format!("uuid={}", ORDERS.to_uppercase()), 1),
        (&format!("project_id={}", domain::ProjectId::DEFAULT), 2),
        ("description=", 2),
        ("preset=micro", 2),
        ("generation=1", 2),
        ("labels={}", 2),
        ("quorum=%7B%22min%22:0,%22max%22:0%7D", 2),
        ("parameters=%7B%22a%22:%22b%22%7D", 0),
        ("endpoints=%7B%22kind%22:%22rw%22,%22name%22:%22orders-rw%22,%22host%22:%22127.0.0.1%22,%22port%22:5500%7D", 1),
    ] {
        assert_eq!(count(format!("/v1/postgres/instances?{query}")).await, expect, "{query}");
    }
    for owner in ["app", APP, &orders(&format!("/users/{APP}"))] {
        assert_eq!(count(orders(&format!("/databases?owner={owner}"))).await, 1, "{owner}");
    }
    assert_eq!(count(orders("/databases?extensions=hstore")).await, 1);
    assert_eq!(count(orders("/users?name=app&name=reader&name=x")).await, 2);
    let versions = world.get("/v1/types/postgres/versions?name=v17&fields=name").await.json();
    assert_eq!(versions, json!({ "versions": [{ "name": "v17" }] }));
}

#[tokio::test]
async fn a_bad_query_is_refused() {
    let world = world();
    for query in [
        "colour=red",
        "cpu=x",
        "cpu=1.0",
        "cpu=true",
        "cpu=",
        "uuid=x",
        "created_at=yesterday",
        "external=1",
        "status=FINE",
        "labels=a",
        "nodes=1",
        "quorum=null",
        "labels=%7B",
        "fields=",
        "fields=colour",
        "fields=name,",
        "sort_key=colour",
        "sort_key=nodes",
        "sort_dir=up",
        "sort_dir=asc&sort_dir=desc",
        "page_limit=0",
        "page_limit=-1",
        "page_limit=x",
        "page_limit=%2B1",
        "page_limit=99999999999",
        "page_marker=x",
        "page_marker=",
        "sort_key=name&page_marker=00000000-0000-4000-8000-0000000000ff",
        "%ff=1",
        "=1",
    ] {
        let answer = world.get(&format!("/v1/postgres/instances?{query}")).await;
        assert_eq!((answer.status.as_u16(), &answer.json()["code"]), (400, &json!(400)), "{query}: {}", answer.text);
    }
    for query in ["password=12345678", "fields=password", "sort_key=password"] {
        assert_eq!(world.get(&orders(&format!("/users?{query}"))).await.status, 400, "{query}");
    }
    for query in ["page_limit=0", "page_limit=501", "name=x"] {
        assert_eq!(world.get(&orders(&format!("/events?{query}"))).await.status, 400, "{query}");
    }
}
