-- The projects that are rolled, as text.
select project_id::text as project_id from {rollups}.project order by project_id
