-- Marks an hour, which is read live from then on and rolled anew by the worker. Parameters: :project_id, :bucket.
insert into {rollups}.mark (project_id, bucket)
select p.project_id, :bucket
from {rollups}.project p
where p.project_id = :project_id
