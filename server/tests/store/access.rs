//! Links, sessions and tokens; and that nothing secret is kept.

use super::world::*;

#[tokio::test]
async fn a_link_signs_in_once() {
    let store = store().await;
    let secret = link::create(&store, Role::Viewer).await.unwrap();
    let redeem = || {
        let (store, secret) = (store.clone(), secret.expose_secret().to_owned());
        tokio::spawn(async move { link::redeem(&store, &secret).await.unwrap() })
    };
    let all = futures::future::join_all([redeem(), redeem(), redeem()]).await;
    let actors: Vec<Actor> = all.into_iter().filter_map(Result::unwrap).collect();
    assert_eq!(actors.len(), 1);
    assert_eq!(actors[0].role, Role::Viewer);

    let late = link::create(&store, Role::Admin).await.unwrap();
    sqlx::raw_sql("update links set expires_at = now()").execute(store.pool()).await.unwrap();
    assert_eq!(link::redeem(&store, late.expose_secret()).await.unwrap(), None);
}

#[tokio::test]
async fn a_session_lasts_until_it_is_ended_or_idle() {
    use tower_sessions::{Expiry, Session};
    let store = store().await;
    let auth = Auth::new(store.clone());
    let sessions = Arc::new(session::Sessions::new(store.clone()));
    let idle = Some(Expiry::OnInactivity(time::Duration::days(7)));
    let fresh = Session::new(None, sessions.clone(), idle);
    assert_eq!(auth.session(&fresh).await.unwrap(), None);
    session::sign_in(&fresh, &admin()).await.unwrap();
    fresh.save().await.unwrap();
    let back = Session::new(fresh.id(), sessions.clone(), idle);
    assert_eq!(auth.session(&back).await.unwrap(), Some(admin()));
    sqlx::raw_sql("update sessions set expires_at = now()").execute(store.pool()).await.unwrap();
    // Who read it a moment ago believes it for some seconds; another process asks.
    let elsewhere = Arc::new(session::Sessions::new(store.clone()));
    assert_eq!(auth.session(&Session::new(fresh.id(), elsewhere, idle)).await.unwrap(), None);
    sqlx::raw_sql("update sessions set expires_at = now() + interval '1 day'").execute(store.pool()).await.unwrap();
    session::sign_out(&back).await.unwrap();
    assert_eq!(auth.session(&Session::new(fresh.id(), sessions, idle)).await.unwrap(), None);
    store.sweep().await.unwrap();
}

#[tokio::test]
async fn a_token_acts_with_its_role() {
    let store = store().await;
    let auth = Auth::new(store.clone());
    let token = token::create(&store, "ci", Role::Operator, ProjectId::DEFAULT).await.unwrap();
    assert_eq!(token.expose_secret().len(), "howdah_".len() + 43);
    let actor = auth.bearer(token.expose_secret()).await.unwrap().unwrap();
    assert_eq!((actor.name.as_str(), actor.role, actor.project), ("ci", Role::Operator, ProjectId::DEFAULT));
    assert_eq!(auth.bearer("howdah_").await.unwrap(), None);
    assert_eq!(auth.bearer(&format!("howdah_{}", "A".repeat(43))).await.unwrap(), None);
    let used: bool = sqlx::query_scalar("select used_at is not null from tokens").fetch_one(store.pool()).await.unwrap();
    assert!(used);
    assert!(token::create(&store, " ", Role::Admin, ProjectId::DEFAULT).await.is_err());

    let other = token::create(&store, "other", Role::Viewer, ProjectId::DEFAULT).await.unwrap();
    let known = access::tokens(&store, ProjectId::DEFAULT).await.unwrap();
    assert_eq!(
        known.iter().map(|t| (t.name.as_str(), t.role, t.used_at.is_some())).collect::<Vec<_>>(),
        [("ci", Role::Operator, true), ("other", Role::Viewer, false)]
    );
    assert_eq!(access::revoke(&store, "nobody", ProjectId::DEFAULT).await.unwrap(), 0);
    assert_eq!(access::revoke(&store, "ci", ProjectId::DEFAULT).await.unwrap(), 1);
    // Who was believed a moment ago is so for some seconds; a process that did not see it is asked here.
    let auth = Auth::new(store.clone());
    assert_eq!(auth.bearer(token.expose_secret()).await.unwrap(), None);
    assert!(auth.bearer(other.expose_secret()).await.unwrap().is_some());
}

#[tokio::test]
async fn no_secret_is_in_any_row() {
    let store = store().await;
    let portal = service(&store);
    let id = created(&portal, "orders").await;
    let sent = Passwords::from([(role("app"), SecretString::from("correct horse"))]);
    let mut clear = vec!["correct horse".to_owned()];
    portal.submit(&admin(), change(id, None, add_user("app")), sent).await.unwrap();
    let done = portal.submit(&admin(), change(id, None, add_user("other")), Passwords::new()).await.unwrap();
    clear.extend(done.generated.values().map(|password| password.expose_secret().to_owned()));
    clear.push(token::create(&store, "ci", Role::Admin, ProjectId::DEFAULT).await.unwrap().expose_secret().to_owned());
    clear.push(link::create(&store, Role::Admin).await.unwrap().expose_secret().to_owned());
    let sessions = Arc::new(session::Sessions::new(store.clone()));
    let session = tower_sessions::Session::new(None, sessions, None);
    session::sign_in(&session, &admin()).await.unwrap();
    session.save().await.unwrap();
    clear.push(session.id().unwrap().to_string());

    let dump = dump(&store).await;
    assert!(dump.contains("SCRAM-SHA-256$") && dump.contains("\"actor\""), "the dump holds the rows");
    for secret in clear {
        let hex: String = secret.bytes().map(|byte| format!("{byte:02x}")).collect();
        assert!(!dump.contains(&secret) && !dump.contains(&hex));
    }
}

/// Every row of every table as text.
async fn dump(store: &Store) -> String {
    let tables: Vec<String> =
        sqlx::query_scalar("select table_name::text from information_schema.tables where table_schema = 'public'").fetch_all(store.pool()).await.unwrap();
    let mut text = String::new();
    for table in tables {
        let rows: Vec<String> = sqlx::query_scalar(sqlx::AssertSqlSafe(format!("select t::text from {table} t"))).fetch_all(store.pool()).await.unwrap();
        text += &rows.join("\n");
    }
    text
}
