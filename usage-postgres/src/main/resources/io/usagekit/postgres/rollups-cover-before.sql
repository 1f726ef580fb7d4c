-- Buckets before :upper are rolled.
update {rollups}.state set covered_before = :upper
