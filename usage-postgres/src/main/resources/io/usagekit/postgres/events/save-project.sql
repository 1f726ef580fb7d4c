-- Adds a project, or replaces what is known of it.
--
-- Parameters: :id, :organisation_id, :name.
insert into {projects} (id, organisation_id, name)
values (:id, :organisation_id, :name)
on conflict (id) do update set organisation_id = excluded.organisation_id, name = excluded.name
