-- Nothing counts as rolled any more.
update {rollups}.state set covered_before = null
