//! The real binary against a portal on a free port: what it prints and how it ends.

use super::support::*;
use app::fake::FakePortal;
use axum::{Extension, Router};
use domain::{ProjectId, Role};
use std::{
    process::{Output, Stdio},
    sync::Arc,
};
use tokio::{io::AsyncWriteExt, net::TcpListener, process::Command};

/// A portal on a free port, and its address.
async fn portal(world: World, role: Option<Role>) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let router: Router = world.router.layer(Extension(role.map(actor)));
    tokio::spawn(async move { axum::serve(listener, router).await });
    url
}

async fn run_with(url: &str, args: &[&str], input: &str) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_howdah"));
    command.args(args).env_clear().env("HOWDAH_URL", url).env("HOWDAH_TOKEN", "t").env("PATH", std::env::var_os("PATH").unwrap());
    let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).kill_on_drop(true).spawn().unwrap();
    let mut stdin = child.stdin.take().unwrap();
    // It may end without reading.
    let _ = stdin.write_all(input.as_bytes()).await;
    drop(stdin);
    child.wait_with_output().await.unwrap()
}

async fn run(url: &str, args: &[&str]) -> Output {
    run_with(url, args, "").await
}

fn code(output: &Output) -> i32 {
    output.status.code().unwrap()
}

fn out(output: &Output) -> String {
    String::from_utf8(output.stdout.clone()).unwrap()
}

fn err(output: &Output) -> String {
    String::from_utf8(output.stderr.clone()).unwrap()
}

#[tokio::test]
async fn exit_codes_tell_what_happened() {
    let url = portal(world(), Some(Role::Admin)).await;
    let nobody = portal(world(), None).await;
    let viewer = portal(world(), Some(Role::Viewer)).await;
    let closed = { format!("http://{}", TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap()) };
    let down = portal(unreachable_store(), Some(Role::Admin)).await;
    for (url, args, expect) in [
        (&url, &["get"][..], 0),
        (&url, &["--help"], 0),
        (&url, &["--version"], 0),
        (&url, &["help", "apply"], 0),
        (&nobody, &["get"], 1),
        (&viewer, &["delete", "orders", "--yes"], 1),
        (&url, &["delete", "orders"], 1),
        (&url, &[], 2),
        (&url, &["fly"], 2),
        (&url, &["get", "--output", "xml"], 2),
        (&url, &["apply"], 2),
        (&url, &["apply", "-f", "/does/not/exist"], 2),
        (&url, &["apply", "-f", "-", "--wait", "--timeout", "soon"], 2),
        (&url, &["token", "create"], 2),
        (&url, &["token", "create", "--name", "n", "--role", "king"], 2),
        (&url, &["get", "--url", "not an address"], 2),
        (&url, &["get", "--token", ""], 2),
        (&url, &["get", "--token", "two\nlines"], 2),
        (&url, &["get", "nothing"], 3),
        (&url, &["status", NOWHERE], 3),
        (&url, &["psql", "nothing"], 3),
        (&closed, &["get"], 4),
        (&down, &["get"], 4),
    ] {
        let output = run(url, args).await;
        assert_eq!(code(&output), expect, "{args:?}: {}{}", out(&output), err(&output));
        assert_eq!(expect == 0, err(&output).is_empty(), "{args:?}: {}", err(&output));
    }
}

#[tokio::test]
async fn clusters_are_listed_as_a_table_as_json_and_as_documents() {
    let url = portal(world(), Some(Role::Viewer)).await;
    let table = out(&run(&url, &["get"]).await);
    let lines: Vec<_> = table.lines().map(|line| line.split_whitespace().collect::<Vec<_>>().join(" ")).collect();
    assert_eq!(
        lines,
        [
            "NAME PLACE STATUS VERSION READY CPU MEMORY STORAGE TITLE",
            "orders local ACTIVE v17 3/3 1 256 MiB 10 GiB orders",
            "other local NEW v17 0/3 1 256 MiB 10 GiB other"
        ]
    );
    let all: serde_json::Value = serde_json::from_str(&out(&run(&url, &["get", "-o", "json"]).await)).unwrap();
    assert_eq!(all[0]["uuid"], ORDERS);
    let document = out(&run(&url, &["get", "orders", "-o", "yaml"]).await);
    assert_eq!(document, world().get(&orders("/manifest")).await.text);
    assert_eq!(out(&run(&url, &["get", "-o", "yaml"]).await).matches("kind: Postgres").count(), 2);
    assert_eq!(out(&run(&url, &["get", ORDERS, "-o", "yaml"]).await), document);
}

#[tokio::test]
async fn a_status_shows_instances_addresses_and_reasons() {
    let url = portal(world(), Some(Role::Viewer)).await;
    let text = out(&run(&url, &["status", "orders"]).await);
    for expect in ["ACTIVE, wish 1 of 1 reached", "orders-rw", "127.0.0.1:5500", "orders-3", "primary", "unknown", "Everything asked for is there"] {
        assert!(text.contains(expect), "{expect} is not in\n{text}");
    }
    assert!(out(&run(&url, &["status", "orders", "-o", "yaml"]).await).contains("resource_name: \"orders\""));
    assert!(out(&run(&url, &["users", "orders"]).await).contains("reader"));
    let databases = out(&run(&url, &["databases", "orders"]).await);
    assert_eq!(databases.lines().nth(1).unwrap().split_whitespace().collect::<Vec<_>>(), ["shop", "ACTIVE", "app", "hstore", "app", "reader", "-"]);
}

#[tokio::test]
async fn a_document_is_tried_applied_and_waited_for() {
    let world = world();
    let url = portal(world.clone(), Some(Role::Admin)).await;
    let copy = world.get(&orders("/manifest")).await.text.replace("name: orders", "name: copy");
    let trial = run_with(&url, &["apply", "-f", "-", "--dry-run"], &copy).await;
    // A document has no passwords: that new ones are made up is said before.
    let told = "  Makes up a password that is shown to nobody for app, reader: give a new one to whoever is to sign in.\n";
    assert_eq!((code(&trial), out(&trial)), (0, format!("copy would be created\n{told}")), "{}", err(&trial));
    let made = run_with(&url, &["apply", "-f", "-"], &copy).await;
    assert_eq!((code(&made), out(&made)), (0, format!("copy created (generation 1)\n{told}")));
    let waited = run_with(&url, &["apply", "-f", "-", "--wait", "--timeout", "1s"], &copy).await;
    assert_eq!(code(&waited), 1);
    assert!(err(&waited).contains("copy is not as wished for after 1 s: nobody has looked at it yet"), "{}", err(&waited));
    let wrong = run_with(&url, &["apply", "-f", "-"], &copy.replace("replicas: 3", "replicas: many")).await;
    assert_eq!(code(&wrong), 1);
    assert!(err(&wrong).contains("spec.replicas"), "{}", err(&wrong));
    let again = run_with(&url, &["apply", "-f", "-", "--wait"], &world.get(&orders("/manifest")).await.text).await;
    assert!(code(&again) == 0 && out(&again).contains("orders is as wished for"), "{}{}", out(&again), err(&again));
}

#[tokio::test]
async fn waiting_says_what_stands_in_the_way() {
    let mut cluster = cluster(ORDERS, "orders", ProjectId::DEFAULT);
    cluster.status.conditions = vec![condition("Ready", Some(false), "On its way."), condition("Stalled", Some(true), "The disk is full.")];
    let world = World::of(FakePortal::with(vec![cluster]));
    let url = portal(world.clone(), Some(Role::Admin)).await;
    let document = world.get(&orders("/manifest")).await.text;
    let output = run_with(&url, &["apply", "-f", "-", "--wait", "--timeout", "1"], &document).await;
    assert!(code(&output) == 1 && err(&output).contains("after 1 s: The disk is full."), "{}", err(&output));
}

#[tokio::test]
async fn a_cluster_is_deleted_only_when_its_name_is_typed() {
    let world = world();
    let url = portal(world.clone(), Some(Role::Admin)).await;
    assert_eq!(code(&run_with(&url, &["delete", "orders"], "other\n").await), 1);
    assert_eq!(world.get(&orders("")).await.status, 200);
    let gone = run_with(&url, &["delete", "orders"], "orders\n").await;
    assert_eq!((code(&gone), out(&gone).as_str()), (0, "orders is being deleted\n"));
    assert_eq!(world.get(&orders("")).await.status, 404);
    assert_eq!(code(&run(&url, &["delete", "other", "--yes"]).await), 0);
}

#[tokio::test]
async fn psql_gets_the_address_the_owner_and_the_certificate_authority() {
    use std::os::unix::fs::PermissionsExt;
    let folder = tempfile::tempdir().unwrap();
    let psql = folder.path().join("psql");
    std::fs::write(
        &psql,
        "#!/bin/sh\necho \"$PGHOST $PGPORT $PGDATABASE $PGUSER $PGSSLMODE $*\"\ntest -z \"$PGSSLROOTCERT\" || cat \"$PGSSLROOTCERT\"\nexit 7\n",
    )
    .unwrap();
    std::fs::set_permissions(&psql, std::fs::Permissions::from_mode(0o755)).unwrap();
    let run = async |world: World, args: &[&str]| {
        let url = portal(world, Some(Role::Viewer)).await;
        let path = format!("{}:/usr/bin:/bin", folder.path().display());
        Command::new(env!("CARGO_BIN_EXE_howdah")).args(args).env("HOWDAH_URL", url).env("HOWDAH_TOKEN", "t").env("PATH", path).output().await.unwrap()
    };
    let output = run(world(), &["psql", "orders", "--", "-c", "select 1"]).await;
    assert_eq!((code(&output), out(&output).as_str()), (7, "127.0.0.1 5500 shop app require -c select 1\n"), "{}", err(&output));
    let output = run(with_authority(world()), &["psql", "orders", "shop", "--user", "reader"]).await;
    assert_eq!((code(&output), out(&output).as_str()), (7, "127.0.0.1 5500 shop reader verify-full \nPEM\n"), "{}", err(&output));
    let output = run(world(), &["psql", "other"]).await;
    assert!(code(&output) == 1 && err(&output).contains("no read-write address yet"), "{}", err(&output));
}

/// The same portal in front of which somebody answers for the certificate authority of its clusters.
fn with_authority(world: World) -> World {
    let answer = || async { axum::Json(serde_json::json!({ "ca": "PEM\n", "commands": [] })) };
    let authority = Router::new().route("/v1/postgres/instances/{uuid}/access", axum::routing::get(answer));
    World { router: authority.fallback_service(Arc::new(world.router).as_ref().clone()) }
}
