-- The clusters of a place on this machine lie in one data folder: another one that is given the same database must not work on them.
create table data_roots (
    place text primary key,
    root uuid not null,
    folder text not null
);
