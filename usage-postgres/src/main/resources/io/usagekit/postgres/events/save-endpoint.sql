-- Adds an endpoint, or replaces what is known of it.
--
-- Parameters: :id, :project_id, :owner_id, :name.
insert into {endpoints} (id, project_id, owner_id, name)
values (:id, :project_id, :owner_id, :name)
on conflict (id) do update
set project_id = excluded.project_id, owner_id = excluded.owner_id, name = excluded.name
