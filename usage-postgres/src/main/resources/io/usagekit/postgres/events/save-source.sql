-- Adds a source, or replaces what is known of it.
--
-- Parameters: :id, :project_id, :name, :type.
insert into {sources} (id, project_id, name, type)
values (:id, :project_id, :name, :type)
on conflict (id) do update set project_id = excluded.project_id, name = excluded.name, type = excluded.type
