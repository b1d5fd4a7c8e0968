//! What is there: catalogs read into plain values, one statement for the cluster and one for each database. Changes nothing.

use super::MARK;
use serde::Deserialize;
use sqlx::{PgConnection, types::Json};
use std::collections::{BTreeMap, BTreeSet};

/// What holds for the whole cluster.
#[derive(Clone, Default, Deserialize)]
pub struct Facts {
    /// As in `170011`.
    pub version: u32,
    /// A replica answered: nothing can be changed there.
    pub recovery: bool,
    /// The role that looked: a superuser.
    pub me: String,
    /// All roles but `pg_*`.
    pub roles: BTreeMap<String, Role>,
    /// Who is a member of which role.
    pub members: BTreeSet<Membership>,
    /// All databases.
    pub databases: BTreeMap<String, Database>,
    /// Parameters that wait for a restart.
    pub pending_restart: Vec<String>,
    /// Lines of configuration files that could not be applied: the parameter or the line, and why.
    pub file_errors: BTreeMap<String, String>,
}

/// A role.
#[derive(Clone, Default, Deserialize)]
pub struct Role {
    /// May log in.
    pub login: bool,
    /// Has the rights of the roles that it is a member of, without `set role`.
    pub inherit: bool,
    /// May connect for replication.
    pub replication: bool,
    /// Made by initdb.
    pub bootstrap: bool,
    /// Its comment.
    pub comment: Option<String>,
    /// What PostgreSQL keeps of its password.
    pub verifier: Option<String>,
}

/// One role in another, as granted by a third.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Deserialize)]
pub struct Membership {
    /// The role that one is in.
    pub group: String,
    /// Who is in it.
    pub member: String,
    /// Who granted it. Since 16 each grantor's grant counts by itself.
    pub grantor: String,
    /// The member has the group's rights without `set role`.
    pub inherits: bool,
}

/// A database.
#[derive(Clone, Default, Deserialize)]
pub struct Database {
    /// The role that owns it.
    pub owner: String,
    /// Its comment.
    pub comment: Option<String>,
    /// A template cannot be dropped.
    pub template: bool,
    /// Rights by role; everybody's stand under the empty name.
    pub rights: BTreeMap<String, BTreeSet<String>>,
}

/// What is inside one database.
#[derive(Clone, Default, Deserialize)]
pub struct Inner {
    /// Extensions that are there.
    pub extensions: BTreeSet<String>,
    /// Of the wanted ones that are missing: those that can be had, and the schema that they insist on.
    pub available: BTreeMap<String, Option<String>>,
    /// Schemas that belong neither to PostgreSQL nor to an extension.
    pub schemas: BTreeMap<String, Schema>,
    /// Roles that may create as members of the admin group, itself included.
    pub creators: BTreeSet<String>,
    /// Rights that the two groups will have to what is made later.
    pub defaults: BTreeSet<Later>,
    /// Tables, views and sequences to which one of the groups lacks a right.
    pub objects: Vec<Object>,
    /// Tables, views and sequences, with their schema, of users who may not create here: what they made as admins.
    pub left: Vec<(String, String)>,
}

/// A schema.
#[derive(Clone, Deserialize)]
pub struct Schema {
    /// The role that owns it.
    pub owner: String,
    /// The admin group has all rights to it.
    pub admin: bool,
    /// The readonly group may use it.
    pub readonly: bool,
}

/// A right that a group will have to what a role makes.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Deserialize)]
pub struct Later {
    /// Who makes it.
    pub creator: String,
    /// `r` tables, `S` sequences, `n` schemas.
    pub kind: char,
    /// Who gets the right.
    pub grantee: String,
    /// The right, as in `SELECT`.
    pub right: String,
}

/// A table, view or sequence.
#[derive(Debug, Clone, Deserialize)]
pub struct Object {
    /// Its schema.
    pub schema: String,
    /// Its name.
    pub name: String,
    /// Not a table or view.
    pub sequence: bool,
    /// The admin group has all rights to it.
    pub admin: bool,
    /// The readonly group may read it.
    pub readonly: bool,
}

/// Whether the comment says that the portal made the thing or took it over.
pub fn is_marked(comment: Option<&str>) -> bool {
    comment.and_then(|text| text.strip_prefix(MARK)).is_some_and(|rest| rest.is_empty() || rest.starts_with([',', ';']))
}

/// The database whose group role this comment marks.
pub fn group_of(comment: Option<&str>) -> Option<&str> {
    let rest = comment?.strip_prefix(MARK)?.strip_prefix(", group of ")?;
    rest.split(';').next()
}

/// The mark as a comment, with what a person had written there before.
pub fn marked(group_of: Option<&str>, before: Option<&str>) -> String {
    let group = group_of.map(|database| format!(", group of {database}")).unwrap_or_default();
    let before = before.filter(|text| !text.is_empty()).map(|text| format!("; {text}")).unwrap_or_default();
    format!("{MARK}{group}{before}")
}

/// Looks at the whole cluster.
pub async fn cluster(connection: &mut PgConnection) -> Result<Facts, sqlx::Error> {
    let Json(facts) = sqlx::query_scalar::<_, Json<Facts>>(CLUSTER).fetch_one(connection).await?;
    Ok(facts)
}

/// Looks into the database that the connection is in. `groups` are those of its admins and its readers.
pub async fn inner(connection: &mut PgConnection, groups: [&str; 2], extensions: &[&str], users: &[&str]) -> Result<Inner, sqlx::Error> {
    let [admin, readonly] = groups;
    let query = sqlx::query_scalar::<_, Json<Inner>>(INNER).bind(admin).bind(readonly).bind(extensions).bind(users);
    let Json(inner) = query.fetch_one(connection).await?;
    Ok(inner)
}

/// Databases in which something belongs to the role or names it.
pub async fn traces(connection: &mut PgConnection, role: &str) -> Result<Vec<String>, sqlx::Error> {
    sqlx::query_scalar(
        "select datname::text from pg_database d where datallowconn and exists (select from pg_shdepend s
         where s.dbid = d.oid and s.refclassid = 'pg_authid'::regclass and s.refobjid = (select oid from pg_authid where rolname = $1))
         order by 1",
    )
    .bind(role)
    .fetch_all(connection)
    .await
}

const CLUSTER: &str = "
select jsonb_build_object(
  'version', current_setting('server_version_num')::int,
  'recovery', pg_is_in_recovery(),
  'me', current_user,
  'roles', (select jsonb_object_agg(rolname, jsonb_build_object('login', rolcanlogin, 'inherit', rolinherit, 'replication', rolreplication,
      'bootstrap', oid = 10, 'comment', shobj_description(oid, 'pg_authid'), 'verifier', rolpassword))
    from pg_authid where rolname !~ '^pg_'),
  'members', (select coalesce(jsonb_agg(jsonb_build_object('group', g.rolname, 'member', m.rolname, 'grantor', coalesce(b.rolname, ''),
      'inherits', coalesce((to_jsonb(a)->>'inherit_option')::boolean, true))), '[]')
    from pg_auth_members a join pg_authid g on g.oid = a.roleid join pg_authid m on m.oid = a.member left join pg_authid b on b.oid = a.grantor),
  'databases', (select jsonb_object_agg(datname, jsonb_build_object('owner', pg_get_userbyid(datdba), 'comment', shobj_description(oid, 'pg_database'),
      'template', datistemplate, 'rights', (select coalesce(jsonb_object_agg(who, what), '{}') from (
        select coalesce(r.rolname, '') as who, jsonb_agg(x.privilege_type) as what
        from aclexplode(coalesce(datacl, acldefault('d', datdba))) x left join pg_authid r on r.oid = x.grantee group by 1) rights)))
    from pg_database),
  'pending_restart', (select coalesce(jsonb_agg(name order by name), '[]') from pg_settings where pending_restart),
  'file_errors', (select coalesce(jsonb_object_agg(coalesce(f.name, 'line ' || f.sourceline), f.error), '{}') from pg_file_settings f
    left join pg_settings s on s.name = lower(f.name) where f.error is not null and s.pending_restart is not true))";

// Of what is dropped meanwhile, the rights are null: it lacks nothing.
const INNER: &str = "
with recursive creators(oid) as (
  select oid from pg_roles where rolname = $1
  union select m.member from pg_auth_members m join creators c on m.roleid = c.oid),
schemas as (
  select oid, nspname, nspowner from pg_namespace n where nspname !~ '^pg_' and nspname <> 'information_schema'
  and not exists (select from pg_depend d where d.classid = 'pg_namespace'::regclass and d.objid = n.oid and d.deptype = 'e')),
objects as (
  select n.nspname, c.relname, c.relkind = 'S' as sequence,
    case when c.relkind = 'S' then has_sequence_privilege($1, c.oid, 'usage') and has_sequence_privilege($1, c.oid, 'select')
        and has_sequence_privilege($1, c.oid, 'update')
      else has_table_privilege($1, c.oid, 'select') and has_table_privilege($1, c.oid, 'insert') and has_table_privilege($1, c.oid, 'update')
        and has_table_privilege($1, c.oid, 'delete') and has_table_privilege($1, c.oid, 'truncate')
        and has_table_privilege($1, c.oid, 'references') and has_table_privilege($1, c.oid, 'trigger') end as admin,
    case when c.relkind = 'S' then has_sequence_privilege($2, c.oid, 'select') else has_table_privilege($2, c.oid, 'select') end as readonly
  from pg_class c join schemas n on n.oid = c.relnamespace where c.relkind in ('r', 'p', 'v', 'm', 'f', 'S')
  and not exists (select from pg_depend d where d.classid = 'pg_class'::regclass and d.objid = c.oid and d.deptype = 'e'))
select jsonb_build_object(
  'extensions', (select coalesce(jsonb_agg(extname), '[]') from pg_extension),
  'available', case when array(select extname::text from pg_extension) @> $3 then '{}'
    else (select coalesce(jsonb_object_agg(e.name, v.schema), '{}') from pg_available_extensions e
      left join pg_available_extension_versions v on v.name = e.name and v.version = e.default_version where e.name = any($3)) end,
  'schemas', (select coalesce(jsonb_object_agg(nspname, jsonb_build_object('owner', pg_get_userbyid(nspowner),
      'admin', coalesce(has_schema_privilege($1, oid, 'usage') and has_schema_privilege($1, oid, 'create'), true),
      'readonly', coalesce(has_schema_privilege($2, oid, 'usage'), true))), '{}') from schemas),
  'creators', (select coalesce(jsonb_agg(pg_get_userbyid(oid)), '[]') from creators),
  'defaults', (select coalesce(jsonb_agg(jsonb_build_object('creator', pg_get_userbyid(defaclrole), 'kind', defaclobjtype, 'grantee', r.rolname,
      'right', x.privilege_type)), '[]')
    from pg_default_acl, aclexplode(defaclacl) x join pg_roles r on r.oid = x.grantee where defaclnamespace = 0 and r.rolname in ($1, $2)),
  'objects', (select coalesce(jsonb_agg(jsonb_build_object('schema', nspname, 'name', relname, 'sequence', sequence,
      'admin', coalesce(admin, true), 'readonly', coalesce(readonly, true))
      order by nspname, relname), '[]')
    from objects where not admin or not readonly),
  'left', (select coalesce(jsonb_agg(jsonb_build_array(n.nspname, c.relname) order by n.nspname, c.relname), '[]')
    from pg_class c join schemas n on n.oid = c.relnamespace join pg_roles r on r.oid = c.relowner
    where c.relkind in ('r', 'p', 'v', 'm', 'f', 'S') and r.rolname = any($4) and r.oid not in (select oid from creators)
    -- A sequence of a column goes where its table goes.
    and not exists (select from pg_depend d where d.classid = 'pg_class'::regclass and d.objid = c.oid and d.deptype in ('a', 'e', 'i')
      and (d.deptype = 'e' or c.relkind = 'S'))))";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_mark_is_read_as_it_was_written() {
        for before in [None, Some("the shop's people; do not touch")] {
            assert!(is_marked(Some(&marked(None, before))));
            assert_eq!(group_of(Some(&marked(None, before))), None);
            assert_eq!(group_of(Some(&marked(Some("Shop"), before))), Some("Shop"));
        }
        assert!(!is_marked(None));
        assert!(!is_marked(Some("howdah: managed by hand")));
    }
}
