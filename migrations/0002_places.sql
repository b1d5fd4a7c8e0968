-- A cluster runs in a place, of which one portal may know many; what ran before there were others runs on the portal's own machine.
alter table clusters rename column engine to place;

drop index clusters_reconcile_at_idx;
create index clusters_place_reconcile_at_idx on clusters (place, reconcile_at);
