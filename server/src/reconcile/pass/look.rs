//! A look at a cluster, inside PostgreSQL included; every part of it within its time. What did not come about is unknown.

use super::shut;
use crate::{
    engine::{EngineError, Sql},
    postgres::inside,
    reconcile::Context,
    store::credentials,
};
use anyhow::anyhow;
use domain::{
    Cluster, Timestamp,
    observed::{Inside, Observed, Seen},
    spec::Power,
};
use std::{future::Future, time::Duration};
use tokio::time::timeout;
use tracing::warn;

/// What is there, inside PostgreSQL included. `inside`: what was just seen there.
pub(super) async fn look(context: &Context, cluster: &Cluster, inside: Option<Inside>) -> Observed {
    let mut seen = within(context.settings.look, "looking", context.engine.observe(cluster)).await.unwrap_or_else(|error| Observed {
        instances: Seen::Unknown(error.to_string()),
        endpoints: Vec::new(),
        inside: Seen::Unknown("The cluster itself could not be seen.".into()),
        notes: Vec::new(),
    });
    if cluster.deleted_at.is_none() && cluster.spec.power == Power::On {
        match (inside, context.engine.sql()) {
            (Some(inside), _) => seen.inside = Seen::Known(inside),
            (None, Sql::Nothing) => {}
            (None, sql) => {
                let made = seen.inside.clone();
                let there = look_inside(context, cluster, sql, &made).await;
                return match (sql, made, there) {
                    (Sql::Rights, Seen::Known(made), Seen::Unknown(why)) => {
                        let unmeasured = context.engine.unmeasured();
                        shut::believed(cluster, seen, made, &why, &unmeasured, context.settings.shut, Timestamp::now())
                    }
                    (_, _, there) => Observed { inside: there, ..seen },
                };
            }
        }
    }
    seen
}

/// `made`: what the engine says of it.
async fn look_inside(context: &Context, cluster: &Cluster, sql: Sql, made: &Seen<Inside>) -> Seen<Inside> {
    let limit = context.settings.look;
    let options = match within(limit, "finding the primary", context.engine.primary(cluster)).await {
        Ok(Some(options)) => options,
        Ok(None) => return Seen::Unknown("No instance accepts writes yet.".into()),
        Err(error) => return Seen::Unknown(error.to_string()),
    };
    let verifiers = match credentials::verifiers(&context.store, cluster.id).await {
        Ok(verifiers) => verifiers,
        Err(error) => {
            warn!(cluster.id = %cluster.id, %error, "no verifiers of passwords");
            return Seen::Unknown("The portal cannot reach its own database just now.".into());
        }
    };
    let done = async {
        match (sql, made) {
            (Sql::Rights, Seen::Known(made)) => inside::converge_rights(&options, cluster, &verifiers, made).await,
            (Sql::Rights, Seen::Unknown(why)) => Seen::Unknown(why.clone()),
            (Sql::Everything | Sql::Nothing, _) => inside::converge(&options, cluster, &verifiers).await,
        }
    };
    timeout(limit, done).await.unwrap_or_else(|_| Seen::Unknown(format!("PostgreSQL did not finish users and databases within {} s.", limit.as_secs())))
}

pub(super) async fn within<T>(limit: Duration, what: &str, call: impl Future<Output = Result<T, EngineError>>) -> Result<T, EngineError> {
    timeout(limit, call).await.unwrap_or_else(|_| Err(anyhow!("{what} took longer than {} s and was cut off", limit.as_secs()).into()))
}
