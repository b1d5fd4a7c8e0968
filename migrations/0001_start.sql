-- The portal's own state. Forward only: a mistake is mended by the next migration.

create table projects (
    id         uuid        not null,
    name       text        not null,
    created_at timestamptz not null default now(),
    constraint projects_pkey primary key (id),
    constraint projects_name_key unique (name)
);

insert into projects (id, name) values ('686f7764-6168-4000-8000-000000000001', 'default');

-- One row is one cluster: the wish, what became of it, and when somebody has to look at it next.
create table clusters (
    id           uuid        not null,
    project_id   uuid        not null,
    name         text        not null,
    engine       text        not null default 'local',
    spec         jsonb       not null,
    generation   bigint      not null default 1,
    status       jsonb       not null,
    revision     bigint      not null default 1,
    deleted_at   timestamptz,
    created_at   timestamptz not null default now(),
    updated_at   timestamptz not null default now(),
    wakes        bigint      not null default 1,
    reconcile_at timestamptz not null default now(),
    lease_owner  uuid,
    lease_until  timestamptz,
    attempts     integer     not null default 0,
    constraint clusters_pkey primary key (id),
    constraint clusters_project_name_key unique (project_id, name),
    constraint clusters_project_fkey foreign key (project_id) references projects (id),
    constraint clusters_generation_check check (generation >= 1),
    constraint clusters_revision_check check (revision >= 1),
    constraint clusters_lease_check check ((lease_owner is null) = (lease_until is null))
);

create index clusters_reconcile_at_idx on clusters (reconcile_at);

-- Leases, wakes and dates are the reconciler's own business: only what people see is announced. The payload says where to look, never what happened.
create function clusters_notify() returns trigger language plpgsql as $$
begin
    if tg_op = 'UPDATE' and new.revision = old.revision then
        return null;
    end if;
    perform pg_notify('howdah', case when tg_op = 'DELETE' then old.id else new.id end::text);
    return null;
end
$$;

create trigger clusters_notify after insert or update or delete on clusters for each row execute function clusters_notify();

-- History of a cluster for people; goes with it.
create table events (
    id         bigint      generated always as identity,
    cluster_id uuid        not null,
    at         timestamptz not null default now(),
    kind       text        not null,
    title      text        not null,
    text       text        not null default '',
    actor      text,
    constraint events_pkey primary key (id),
    constraint events_cluster_fkey foreign key (cluster_id) references clusters (id) on delete cascade,
    constraint events_kind_check check (kind in ('good', 'asked', 'warning', 'failed'))
);

create index events_cluster_idx on events (cluster_id, id desc);

-- Who changed what; outlives the cluster, so it refers to nothing.
create table audit (
    id           bigint      generated always as identity,
    at           timestamptz not null default now(),
    actor_id     text        not null,
    actor_name   text        not null,
    actor_role   text        not null,
    project_id   uuid        not null,
    cluster_id   uuid        not null,
    cluster_name text        not null,
    generation   bigint      not null,
    command      jsonb       not null,
    constraint audit_pkey primary key (id)
);

create index audit_cluster_idx on audit (cluster_id, id desc);

-- SCRAM-SHA-256 verifiers of the users of clusters. A clear password is never here.
create table credentials (
    id         uuid        not null default gen_random_uuid(),
    cluster_id uuid        not null,
    user_name  text        not null,
    version    integer     not null,
    scram      text        not null,
    updated_at timestamptz not null default now(),
    constraint credentials_pkey primary key (id),
    constraint credentials_cluster_user_key unique (cluster_id, user_name),
    constraint credentials_cluster_fkey foreign key (cluster_id) references clusters (id) on delete cascade,
    constraint credentials_version_check check (version >= 1),
    constraint credentials_scram_check check (scram like 'SCRAM-SHA-256$%')
);

-- Secrets of people and programs are kept as SHA-256 only: they are 256 random bits, so nothing slower is needed.
create table tokens (
    id         uuid        not null default gen_random_uuid(),
    project_id uuid        not null,
    name       text        not null,
    role       text        not null,
    hash       bytea       not null,
    created_at timestamptz not null default now(),
    used_at    timestamptz,
    constraint tokens_pkey primary key (id),
    constraint tokens_hash_key unique (hash),
    constraint tokens_project_fkey foreign key (project_id) references projects (id),
    constraint tokens_role_check check (role in ('viewer', 'operator', 'admin')),
    constraint tokens_hash_check check (length(hash) = 32)
);

create table links (
    hash       bytea       not null,
    project_id uuid        not null,
    role       text        not null,
    expires_at timestamptz not null,
    constraint links_pkey primary key (hash),
    constraint links_project_fkey foreign key (project_id) references projects (id),
    constraint links_role_check check (role in ('viewer', 'operator', 'admin')),
    constraint links_hash_check check (length(hash) = 32)
);

create table sessions (
    hash       bytea       not null,
    data       jsonb       not null,
    expires_at timestamptz not null,
    constraint sessions_pkey primary key (hash),
    constraint sessions_hash_check check (length(hash) = 32)
);

create index sessions_expires_at_idx on sessions (expires_at);
