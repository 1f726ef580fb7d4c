-- Before which hours are rolled; null if none are.
select covered_before from {rollups}.state
